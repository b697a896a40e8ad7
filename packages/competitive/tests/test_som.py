"""SOMSynapse: neighbourhoods and updates by explicit loops, and that maps become fine and ordered."""

import itertools
import math

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import Clip, Constant, ExponentialDecay, Gaussian, Given, InverseDecay, LinearDecay, Uniform
from bouton_competitive import Instar, SOMSynapse, topographic_error, u_matrix

from .steps import random, stepped
from .test_winners import BY_HAND

NEIGHBOURHOODS = {
    "gaussian": lambda d, r: math.exp(-(d**2) / (2 * r**2)),
    "ricker": lambda d, r: max(0.0, 1 - d**2 / r**2) * math.exp(-(d**2) / (2 * r**2)),
    "bubble": lambda d, r: float(d <= r),
}


def on_grid(shape, grid="rectangular", periodic=False):
    """Distances (unit, unit) by going through all images of each unit."""
    sizes = shape if isinstance(shape, tuple) else (shape,)
    around = periodic if isinstance(periodic, tuple) else (periodic,) * len(sizes)
    high = math.sqrt(3) / 2

    def place(index):
        return (index[0] * high, index[1] + 0.5 * (index[0] % 2)) if grid == "hexagonal" else index

    units = list(itertools.product(*map(range, sizes)))
    shifts = list(itertools.product(*((-n, 0, n) if a else (0,) for n, a in zip(sizes, around, strict=True))))
    images = [[place(tuple(i + s for i, s in zip(u, shift, strict=True))) for shift in shifts] for u in units]
    return np.array([[min(math.dist(place(a), image) for image in of_unit) for of_unit in images] for a in units])


GRIDS = [
    (6, "rectangular", False),
    ((7,), "rectangular", True),
    ((3, 5), "rectangular", (False, True)),
    ((2, 3, 2), "rectangular", True),
    ((1, 4), "rectangular", False),
    ((3, 5), "hexagonal", (False, True)),
    ((4, 5), "hexagonal", True),
]


@pytest.mark.parametrize(("shape", "grid", "periodic"), GRIDS, ids=str)
def test_neighbourhoods_by_a_loop_over_any_grid(shape, grid, periodic):
    far = on_grid(shape, grid, periodic)
    for name, formula in NEIGHBOURHOODS.items():
        som = SOMSynapse(
            2, shape, radius=1.3, neighbourhood=name, grid=grid, periodic=periodic, kappa=2.0, weights=Gaussian()
        )
        state, out = stepped(som, random(3, 4, 2), learn=False)
        flat = zip(out.winner.reshape(-1), out.h.reshape(12, -1), out.outputs.reshape(12, -1), strict=True)
        for winner, h, outputs in flat:
            expected = [formula(d, 1.3) for d in far[int(winner)]]
            np.testing.assert_allclose(h, expected, rtol=1e-4, atol=1e-6)
            np.testing.assert_allclose(outputs, np.exp(2 * h) / np.exp(2 * h).sum(), rtol=1e-5)
        assert state.t == 0


def test_neighbours_in_a_hexagonal_grid_are_at_a_distance_of_one():
    at = SOMSynapse(2, (5, 6), grid="hexagonal").places
    far = np.linalg.norm(at[:, None] - at, axis=-1)
    inner = [i for i in range(30) if 0 < i // 6 < 4 and 0 < i % 6 < 5]
    assert all(np.isclose(far[i], 1.0).sum() == 6 for i in inner)
    assert np.sort(far[far > 1e-9])[0] > 0.999


def test_by_default_the_radius_falls_from_half_the_longest_side_to_one_and_stops_below():
    som = SOMSynapse(1, (2, 8), weights=Constant(0.0))
    for t, radius in ((0, 4.0), (25_000, 2.0), (50_000, 1.0), (10**7, 0.5)):
        _, out = stepped(som, np.zeros((1, 1)), t=t)
        np.testing.assert_allclose(out.h[0, 3], math.exp(-(3**2) / (2 * radius**2)), rtol=1e-4)


@pytest.mark.parametrize("batch_reduce", ["mean", "sum"])
def test_learning_by_a_loop_over_samples_and_units(batch_reduce):
    som = SOMSynapse(3, (2, 3), ExponentialDecay(0.2, 7.0), LinearDecay(1.2, 0.6, 3))
    xs, w = random(5, 4, 3), random(3, 6, seed=2)
    state, out = stepped(som, xs, w=w, batch_reduce=batch_reduce)
    far = on_grid((2, 3))
    for t, lanes in enumerate(xs):
        eta, r = 0.2 * math.exp(-t / 7), 1.2 - 0.6 * min(t / 3, 1)
        change = np.zeros_like(w)
        for lane, x in enumerate(lanes):
            error = [math.dist(x, u) for u in w.T]
            np.testing.assert_allclose(out.distance[t, lane], min(error), rtol=1e-4)
            for u in range(6):
                h = NEIGHBOURHOODS["gaussian"](far[int(np.argmin(error)), u], r)
                change[:, u] += eta * h * (x - w[:, u])
        w = w + (change / 4 if batch_reduce == "mean" else change)
    np.testing.assert_allclose(state.w, w, atol=1e-5)
    assert state.t == 5


def test_a_single_unit_goes_to_the_mean():
    x, w = random(50, 3), np.full((3, 1), 9.0)
    mean = x.mean(0)
    for steps in (1, 4, 100):
        state, _ = stepped(SOMSynapse(3, 1, 0.25), np.broadcast_to(x, (steps, *x.shape)), w=w)
        np.testing.assert_allclose(state.w[:, 0], mean + (9 - mean) * 0.75**steps, atol=2e-5)
    state, _ = stepped(SOMSynapse(3, 1, InverseDecay()), x, w=w)  # one by one: the running mean
    np.testing.assert_allclose(state.w[:, 0], mean, atol=1e-5)


CASES = [
    ("euclidean", "gaussian", "rectangular"),
    ("euclidean", "ricker", "rectangular"),
    ("manhattan", "bubble", "hexagonal"),
    ("cosine", "gaussian", "rectangular"),
]


@pytest.mark.parametrize(("distance", "neighbourhood", "grid"), CASES)
def test_maps_become_fine_and_ordered(distance, neighbourhood, grid):
    x = np.random.default_rng(3).uniform(0.2, 1.0, size=(4000, 2))
    if distance == "cosine":
        x = np.stack([np.cos(x[:, 0] * 1.5), np.sin(x[:, 0] * 1.5)], 1)
    shape = (12,) if distance == "cosine" else (4, 5)
    som = SOMSynapse(
        2,
        shape,
        ExponentialDecay(0.5, 1000.0),
        ExponentialDecay(max(shape) / 2, 1000.0, 0.5),
        distance=distance,
        neighbourhood=neighbourhood,
        grid=grid,
        weights=Uniform(0.5, 0.6),
    )
    start, _ = stepped(som, x[:1], learn=False)
    state, out = stepped(som, x)
    apart = on_grid(shape, grid)
    limit = 1.01 if grid == "hexagonal" else math.sqrt(len(shape)) + 0.01

    def errors(w):
        far = np.array([[BY_HAND[distance](a, u) for u in np.asarray(w, float).T] for a in x[:300]])
        first, second = np.argsort(far, 1)[:, :2].T
        return far.min(1).mean(), (apart[first, second] > limit).mean()

    (quantisation, topographic), (quantisation_before, topographic_before) = errors(state.w), errors(start.w)
    assert quantisation < 0.7 * quantisation_before
    assert topographic < min(0.2, 0.5 * topographic_before)
    assert np.bincount(out.winner[-1000:], minlength=math.prod(shape)).min() > 0
    np.testing.assert_allclose(topographic_error(som, state.w, x[:300].astype(np.float32)), topographic, atol=0.011)


@pytest.mark.parametrize(("shape", "grid", "periodic"), [GRIDS[2], GRIDS[6]], ids=str)
def test_u_matrix_by_a_loop(shape, grid, periodic):
    som = SOMSynapse(2, shape, grid=grid, periodic=periodic)
    w, far = random(2, math.prod(shape)), on_grid(shape, grid, periodic)
    beside = [[k for k in range(w.shape[1]) if k != u and far[u, k] < 1.01] for u in range(w.shape[1])]
    by_hand = [np.mean([math.dist(w[:, u], w[:, k]) for k in ks]) for u, ks in enumerate(beside)]
    np.testing.assert_allclose(u_matrix(som, w.astype(np.float32)), by_hand, rtol=1e-4)
    assert u_matrix(SOMSynapse(2, 1), np.zeros((2, 1), np.float32)) == 0


def test_constraints_and_wrappers_come_with_the_rule():
    class Half(bouton.Plasticity):
        """Half of what a rule says."""

        rule: bouton.Plasticity

        def change(self, s, *arguments):
            _, change = self.rule.change(None, *arguments)
            return s, bouton.Weights(change.w / 2)

    xs, w = random(5, 3), np.zeros((3, 4))
    plain, _ = stepped(SOMSynapse(3, 4, 0.2, 1.0), xs, w=w)
    half, _ = stepped(SOMSynapse(3, 4, 0.4, 1.0, plasticity=Half(Instar())), xs, w=w)
    np.testing.assert_allclose(half.w, plain.w, atol=1e-6)
    clipped, _ = stepped(SOMSynapse(3, 4, 0.2, 1.0, constraints=Clip(0.0, 0.1)), xs, w=w)
    assert float(clipped.w.min()) >= 0 and float(clipped.w.max()) <= 0.1 < float(plain.w.max())


def test_no_step_builds_an_array_of_samples_by_inputs_by_units():
    circuit = bouton.Circuit({"som": SOMSynapse(50, (6, 10))})
    state, x = circuit.init(key=jax.random.key(0), dt=1.0, batch=40), jnp.zeros((40, 50))
    step = jax.jit(lambda state, x: circuit.step(state, bouton.Tick(step=0, dt=1.0, batch=(40,)), {"som.pre": x}))
    assert step.lower(state, x).compile().memory_analysis().temp_size_in_bytes < 40 * 50 * 60 * 4 / 2


def test_a_rate_may_be_drawn():
    circuit = bouton.Circuit({"som": SOMSynapse(2, 3, LinearDecay(Uniform(0.1, 0.2), 0.0, 10))})
    assert 0.1 <= float(circuit.realise(jax.random.key(0)).nodes["som"].eta.start) <= 0.2


def test_without_learning_weights_and_time_stay():
    w = random(2, 4)
    state, _ = stepped(SOMSynapse(2, 4), random(10, 2), w=w, learn=False, t=3)
    np.testing.assert_array_equal(state.w, w.astype(state.w.dtype))
    assert state.t == 3


def test_weights_and_time_survive_a_reset():
    som = SOMSynapse(2, 4)
    state, _ = stepped(som, random(10, 2))
    after = bouton.Circuit({"som": som}).reset({"som": state}, key=jax.random.key(5), dt=1.0, batch=3)["som"]
    assert after.t == 10
    np.testing.assert_array_equal(after.w, state.w)


def test_units_of_a_grid_have_places():
    coords = SOMSynapse(2, (2, 3)).coords()
    assert [(dim, values.tolist()) for dim, values in coords.values()] == [
        ("post", [0, 0, 0, 1, 1, 1]),
        ("post", [0, 1, 2, 0, 1, 2]),
    ]


def test_a_map_is_plain_data(tmp_path):
    som = SOMSynapse(2, (4, 3), LinearDecay(0.3, 0.1, 50), grid="hexagonal", periodic=True, plasticity=Instar(0.5))
    circuit = bouton.Circuit({"som": som})
    bouton.save(circuit, tmp_path / "map.yaml")
    assert bouton.load(tmp_path / "map.yaml") == circuit
    swept = circuit.with_parameters({"som.eta.start": 0.2})
    assert swept.nodes["som"].eta.start == 0.2


def test_double_precision():
    with jax.enable_x64(True):
        state, out = stepped(SOMSynapse(2, (2, 2), weights=Given(random(2, 4))), random(3, 2))
        assert state.w.dtype == out.h.dtype == out.outputs.dtype == jnp.float64
        assert state.t.dtype == out.winner.dtype == jnp.int64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"eta": 1.5}, r"SOMSynapse\.eta must be > 0 and <= 1 at the start, got 1\.5"),
        ({"eta": "x"}, r"SOMSynapse\.eta must be a number or a schedule such as ExponentialDecay\(.*\), got 'x'"),
        ({"radius": "x"}, r"SOMSynapse\.radius must be a number or a schedule"),
        ({"radius": 0.0}, r"SOMSynapse\.radius must be > 0 at the start, got 0"),
        ({"n_units": (3, 0)}, r"som\.n_units is a size: it must be at least 1, got \(3, 0\)"),
        ({"distance": "euclid"}, r"som\.distance must be one of .* Did you mean 'euclidean'"),
        ({"p": 3.0}, r"SOMSynapse\.p is the order of distance='minkowski', and has no effect on 'euclidean'"),
        (
            {"distance": "minkowski"},
            r"SOMSynapse\.p, the order of distance='minkowski', must be a number >= 1, got None\. Its limit .* "
            r"distance='chebyshev'",
        ),
        (
            {"neighbourhood": "mexican"},
            r"som\.neighbourhood must be one of 'gaussian', 'ricker', 'bubble', got 'mexican'",
        ),
        ({"grid": "hexagonal"}, r"SOMSynapse\.grid='hexagonal' is of two axes: n_units=\(rows, columns\), got 4"),
        (
            {"n_units": (3, 4), "grid": "hexagonal", "periodic": True},
            r"the first and the last row of a hexagonal grid meet only where the number of rows is even, got "
            r"n_units=\(3, 4\)\. Take another row, or periodic=\(False, True\)",
        ),
        ({"periodic": (True, True)}, r"SOMSynapse\.periodic must be True, False or one of these for each of 1 axes"),
        ({"weights": "x"}, r"SOMSynapse\.weights must be a number, an array or an initialiser, got 'x'"),
        ({"plasticity": None}, r"SOMSynapse\.plasticity must be a rule such as Instar\(\), got None"),
        ({"constraints": (1,)}, r"SOMSynapse: Synapse\.constraints must hold constraints such as Clip\(0, 1\), got 1"),
    ],
    ids=str,
)
def test_bad_parameters_are_said_when_built(arguments, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit(nodes={"som": SOMSynapse(**({"n_inputs": 2, "n_units": 4} | arguments))})
