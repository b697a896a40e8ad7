"""SOMSynapse: winners by brute force, neighbourhoods and updates by explicit loops, and that maps become ordered."""

import itertools
import math

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import Constant, Gaussian, Given, Uniform
from bouton_competitive import SOMSynapse
from bouton_competitive.winners import winner

DISTANCES = {
    "euclidean": lambda x, w: math.dist(x, w),
    "manhattan": lambda x, w: np.abs(x - w).sum(),
    "cosine": lambda x, w: 1 - x @ w / math.sqrt((x @ x) * (w @ w)) if x @ x and w @ w else 1.0,
}
each_distance = pytest.mark.parametrize("distance", DISTANCES)


def stepped(som, xs, *, w=None, batch=(), learn=True, batch_reduce="mean", t=0):
    """Final state and outputs of all steps for samples (step, *batch, input)."""
    circuit = bouton.Circuit(nodes={"som": som}, start={} if w is None else {"som.w": w})
    state = circuit.init(key=jax.random.key(1), dt=1.0, batch=batch)
    state["som"] = state["som"].replace(t=state["som"].t + t)

    def body(state, at):
        tick = bouton.Tick(step=at[0], dt=1.0, batch=batch, batch_reduce=batch_reduce)
        state, out = circuit.step(state, tick, {"som.x": at[1]}, learn=learn)
        return state, out["som"]

    xs = jnp.asarray(xs, float)
    state, out = jax.jit(lambda s: jax.lax.scan(body, s, (jnp.arange(len(xs)), xs)))(state)
    return state["som"], out


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize(
    ("distance", "offset"), [("euclidean", 0), ("euclidean", 300), ("manhattan", 0), ("manhattan", 300), ("cosine", 0)]
)
def test_the_winner_is_the_nearest_by_brute_force(distance, offset):
    w, x = random(7, 30) + offset, random(20, 7, seed=1) + offset
    found = winner(distance, jnp.asarray(w, float), jnp.asarray(x, float))
    assert found.tolist() == [int(np.argmin([DISTANCES[distance](a, b) for b in w.T])) for a in x]


@each_distance
def test_of_equally_near_units_the_first_wins_and_zeros_are_defined(distance):
    w = jnp.asarray([[0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 1.0, 2.0]])
    assert winner(distance, w, jnp.asarray([1.0, 1.0])) == 1
    assert winner(distance, w, jnp.zeros(2)) == 0
    assert winner(distance, w, jnp.asarray([0.0, 1.5])) == 3
    assert winner(distance, jnp.zeros((2, 4)), jnp.ones(2)) == 0


@each_distance
def test_no_array_of_batch_by_inputs_by_units_is_built(distance):
    search = jax.jit(winner, static_argnums=0).lower(distance, jnp.zeros((50, 60)), jnp.zeros((40, 50)))
    assert search.compile().memory_analysis().temp_size_in_bytes < 40 * 50 * 60 * 4 / 5


NEIGHBOURHOODS = {
    "gaussian": lambda d, r: math.exp(-(d**2) / (2 * r**2)),
    "ricker": lambda d, r: max(0.0, 1 - d**2 / r**2) * math.exp(-(d**2) / (2 * r**2)),
    "bubble": lambda d, r: float(d <= r),
}


@pytest.mark.parametrize("shape", [6, (7,), (2, 2), (3, 5), (1, 4), (2, 3, 2)], ids=str)
@pytest.mark.parametrize("neighbourhood", NEIGHBOURHOODS)
def test_neighbourhood_by_a_loop_over_any_grid(shape, neighbourhood):
    som = SOMSynapse(2, shape, radius=1.5, neighbourhood=neighbourhood, weights=Gaussian())
    state, out = stepped(som, random(3, 4, 2), batch=(4,), learn=False)
    places = list(itertools.product(*map(range, shape if isinstance(shape, tuple) else (shape,))))
    for bmu, h, outputs in zip(out.bmu.reshape(-1), out.h.reshape(12, -1), out.outputs.reshape(12, -1), strict=True):
        expected = [NEIGHBOURHOODS[neighbourhood](math.dist(places[int(bmu)], p), 1.5) for p in places]
        np.testing.assert_allclose(h, expected, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(outputs, np.exp(expected) / np.exp(expected).sum(), rtol=1e-5)
    assert state.t == 0


def test_radius_starts_at_half_the_longest_side_shrinks_in_closed_form_and_stops():
    som = SOMSynapse(1, (2, 8), tau_radius=100.0, radius_min=0.7, weights=Constant(0.0))
    for t, radius in ((0, 4.0), (50, 4 * math.exp(-0.5)), (100_000, 0.7)):
        _, out = stepped(som, np.zeros((1, 1)), t=t)
        np.testing.assert_allclose(out.h[0, 3], math.exp(-(3**2) / (2 * radius**2)), rtol=1e-5)


@pytest.mark.parametrize("batch_reduce", ["mean", "sum"])
def test_learning_by_a_loop_over_samples_and_units(batch_reduce):
    som = SOMSynapse(3, (2, 3), eta=0.2, tau_eta=7.0, radius=1.2, tau_radius=9.0, radius_min=0.3)
    xs, w = random(5, 4, 3), random(3, 6, seed=2)
    state, _ = stepped(som, xs, w=w, batch=(4,), batch_reduce=batch_reduce)
    places = list(itertools.product(range(2), range(3)))
    for t, lanes in enumerate(xs):
        eta, r = 0.2 * math.exp(-t / 7), max(1.2 * math.exp(-t / 9), 0.3)
        change = np.zeros_like(w)
        for x in lanes:
            won = places[int(np.argmin([math.dist(x, u) for u in w.T]))]
            for u, place in enumerate(places):
                change[:, u] += eta * NEIGHBOURHOODS["gaussian"](math.dist(won, place), r) * (x - w[:, u])
        w = w + (change / 4 if batch_reduce == "mean" else change)
    np.testing.assert_allclose(state.w, w, atol=1e-5)
    assert state.t == 5


def test_a_single_unit_goes_to_the_mean():
    x, w = random(50, 3), np.full((3, 1), 9.0)
    som = SOMSynapse(3, 1, eta=0.25, tau_eta=math.inf)
    for steps in (1, 4, 100):
        state, _ = stepped(som, np.broadcast_to(x, (steps, *x.shape)), w=w, batch=(50,))
        mean = x.mean(0)
        np.testing.assert_allclose(state.w[:, 0], mean + (9 - mean) * 0.75**steps, atol=2e-5)


@each_distance
@pytest.mark.parametrize("neighbourhood", NEIGHBOURHOODS)
def test_maps_become_fine_and_ordered(distance, neighbourhood):
    x = np.random.default_rng(3).uniform(0.2, 1.0, size=(4000, 2))
    if distance == "cosine":
        x = np.stack([np.cos(x[:, 0] * 1.5), np.sin(x[:, 0] * 1.5)], 1)
    shape = (12,) if distance == "cosine" else (4, 5)
    som = SOMSynapse(
        2,
        shape,
        tau_eta=1000.0,
        tau_radius=1000.0,
        distance=distance,
        neighbourhood=neighbourhood,
        weights=Uniform(0.5, 0.6),
    )
    start, _ = stepped(som, x[:1], learn=False)
    state, out = stepped(som, x)
    places = np.stack(np.indices(shape), -1).reshape(-1, len(shape))

    def errors(w):
        far = np.array([[DISTANCES[distance](a, u) for u in np.asarray(w, float).T] for a in x[:300]])
        first, second = np.argsort(far, 1)[:, :2].T
        return far.min(1).mean(), (np.abs(places[first] - places[second]).max(1) > 1).mean()

    (quantisation, topographic), (quantisation_before, topographic_before) = errors(state.w), errors(start.w)
    assert quantisation < 0.7 * quantisation_before
    assert topographic < min(0.2, 0.5 * topographic_before)
    assert np.bincount(out.bmu[-1000:], minlength=len(places)).min() > 0


def test_without_learning_weights_and_time_stay():
    w = random(2, 4)
    state, _ = stepped(SOMSynapse(2, 4), random(10, 2), w=w, learn=False, t=3)
    np.testing.assert_array_equal(state.w, w.astype(state.w.dtype))
    assert state.t == 3


def test_weights_and_time_survive_a_reset():
    som = SOMSynapse(2, 4)
    circuit = bouton.Circuit(nodes={"som": som})
    state, _ = stepped(som, random(10, 2))
    after = circuit.reset({"som": state}, key=jax.random.key(5), dt=1.0, batch=3)["som"]
    assert after.t == 10
    np.testing.assert_array_equal(after.w, state.w)


def test_units_of_a_grid_have_places():
    coords = SOMSynapse(2, (2, 3)).coords()
    assert [values.tolist() for _, values in coords.values()] == [[0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2]]


def test_double_precision():
    with jax.enable_x64(True):
        state, out = stepped(SOMSynapse(2, (2, 2), weights=Given(random(2, 4))), random(3, 2))
        assert state.w.dtype == out.h.dtype == out.outputs.dtype == jnp.float64
        assert state.t.dtype == out.bmu.dtype == jnp.int64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"radius": 0.0}, r"som\.radius must be > 0, got 0"),
        ({"eta": 1.5}, r"som\.eta must be > 0 and <= 1, got 1\.5"),
        ({"n_units": (3, 0)}, r"som\.n_units is a size: it must be at least 1, got \(3, 0\)"),
        ({"distance": "euclid"}, r"som\.distance must be one of .* Did you mean 'euclidean'"),
        (
            {"neighbourhood": "mexican"},
            r"som\.neighbourhood must be one of 'gaussian', 'ricker', 'bubble', got 'mexican'",
        ),
        ({"weights": "x"}, r"SOMSynapse\.weights must be a number, an array or an initialiser, got 'x'"),
    ],
    ids=str,
)
def test_bad_parameters_are_said_when_built(arguments, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit(nodes={"som": SOMSynapse(**({"n_inputs": 2, "n_units": 4} | arguments))})
