"""Constraints and normalised currents: against loops over the edges, on every kind of topology, at every time."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import (
    Circuit,
    CircuitError,
    Clip,
    CurrentNormalised,
    Normalise,
    NormaliseFanOut,
    PluginSet,
    Ports,
    Release,
    Rule,
    Synapse,
    Term,
    Tick,
    Topology,
    Uniform,
    port,
    simulate,
    static,
)
from bouton.testing import ComponentTests, Full, Grid, Shared
from jaxtyping import Array, Float

from .edges import Edges

KEY = jax.random.key(0)
RNG = np.random.default_rng(3)
SOME = Edges((0, 0, 1, 3, 2, 3), (0, 2, 2, 1, 0, 0), 4, 4)
DALE = Edges(SOME.pre, SOME.post, 4, 4, inhibitory=(0, 3))
TOPOLOGIES = [Full(4, 3), Shared(8, 3), Grid(4, 2), SOME, DALE]
each_topology = pytest.mark.parametrize("topology", TOPOLOGIES, ids=["Full", "Shared", "Grid", "Edges", "Dale"])


def edges(topology: Topology) -> np.ndarray:
    """The coefficient of each weight between each two units, (weight, pre, post), all flat: 0, 1 or -1."""
    n, m = (int(np.prod(topology.size(which))) for which in ("weights", "pre"))
    ones = [np.eye(k).reshape(k, *topology.size(which)) for k, which in ((n, "weights"), (m, "pre"))]
    return np.array([[np.ravel(topology.apply(jnp.asarray(w), jnp.asarray(x))) for x in ones[1]] for w in ones[0]])


def random_weights(topology: Topology) -> np.ndarray:
    return RNG.normal(size=topology.size("weights")).astype(np.float32)


def normalised(topology: Topology, w: np.ndarray, total: Any, order: Any, side: str) -> np.ndarray:
    """By a loop over the edges: each gets its unit's factor, a shared weight the mean of them."""
    c, flat = np.abs(edges(topology)), w.ravel().astype(float)
    total = np.broadcast_to(total, topology.size(side)).ravel()
    values: list[list[float]] = [[] for _ in total]
    factors: list[list[float]] = [[] for _ in flat]
    for k, i, j in np.argwhere(c):
        values[j if side == "post" else i].append(abs(flat[k]))
    for k, i, j in np.argwhere(c):
        unit = j if side == "post" else i
        norm = np.linalg.norm(values[unit], np.inf if order == "max" else order)
        factors[k].append(total[unit] / norm if norm else 1.0)
    return np.array([v * np.mean(f) if f else 0.0 for v, f in zip(flat, factors, strict=True)]).reshape(w.shape)


# ---- normalise -----------------------------------------------------------------------------------------------------


@each_topology
@pytest.mark.parametrize("order", [1, 2, "max"])
@pytest.mark.parametrize("side, constraint", [("post", Normalise), ("pre", NormaliseFanOut)], ids=["in", "out"])
def test_normalise_is_a_loop_over_the_edges(topology: Any, order: Any, side: str, constraint: Any) -> None:
    w = random_weights(topology)
    per_unit = RNG.uniform(1.0, 3.0, topology.size(side))
    for total in (2.5, per_unit):
        new = constraint(total, order)(topology, jnp.asarray(w))
        np.testing.assert_allclose(new, normalised(topology, w, total, order, side), rtol=2e-4, atol=1e-6)
        assert (np.sign(new) == np.sign(w)).all()


@pytest.mark.parametrize("topology", [Full(4, 3), SOME, DALE], ids=["Full", "Edges", "Dale"])
@pytest.mark.parametrize("order", [1, 2, "max"])
def test_a_second_time_changes_nothing(topology: Any, order: Any) -> None:
    w = jnp.asarray(random_weights(topology))
    for constraint in (Normalise(3.0, order), NormaliseFanOut(0.5, order)):
        once = constraint(topology, w)
        np.testing.assert_allclose(constraint(topology, once), once, rtol=1e-5)


@pytest.mark.parametrize("order", [1, 2, "max"])
def test_units_without_weights_are_left_alone(order: Any) -> None:
    w = np.array([[0.0, -0.0, 2.0], [0.0, 0.0, -1.0]], np.float32)
    norm = {1: 3.0, 2: np.sqrt(5.0), "max": 2.0}[order]
    np.testing.assert_allclose(Normalise(6.0, order)(Full(2, 3), jnp.asarray(w)), w * 6.0 / norm, rtol=1e-6)
    alone = Edges((0,), (1,), 3, 3)  # two units of each side have no edge at all
    for constraint in (Normalise(6.0, order), NormaliseFanOut(6.0, order)):
        assert constraint(alone, jnp.array([-2.0])).tolist() == [-6.0]


def test_signed_sums_of_zero_and_below_are_no_trouble() -> None:
    for column in ([1.0, -1.0], [1.0, -3.0], [-1.0, -3.0]):
        w = jnp.array(column)[:, None]
        np.testing.assert_allclose(Normalise(2.0)(Full(2, 1), w), 2.0 * w / jnp.abs(w).sum(), rtol=1e-6)


def test_one_to_one_each_weight_gets_the_norm() -> None:
    alone = Edges((0, 1, 2, 3), (0, 1, 2, 3), 4, 4)
    np.testing.assert_allclose(Normalise(5.0)(alone, jnp.array([1.0, 2.0, -3.0, 4.0])), [5, 5, -5, 5], rtol=1e-6)


def test_in_double_precision() -> None:
    with jax.enable_x64(True):
        w = jnp.asarray(RNG.normal(size=6))
        for constraint in (Normalise(3.0, 2), NormaliseFanOut(3.0, "max")):
            new = constraint(DALE, w)
            assert new.dtype == jnp.float64
            order, side = constraint.order, "pre" if isinstance(constraint, NormaliseFanOut) else "post"
            np.testing.assert_allclose(new, normalised(DALE, np.asarray(w), 3.0, order, side), rtol=1e-12)


# ---- what a topology offers for it ---------------------------------------------------------------------------------


@each_topology
def test_sums_largest_weights_and_multiplicities(topology: Any) -> None:
    c, w = edges(topology), random_weights(topology)
    flat = np.abs(w).ravel()
    np.testing.assert_allclose(np.ravel(topology.multiplicity()), c.sum((1, 2)), atol=1e-6)
    sums, largest = np.einsum("k,kij->ij", flat, np.abs(c)), np.einsum("k,kij->kij", flat, np.abs(c)).max(0)
    np.testing.assert_allclose(np.ravel(topology.fan_in(topology.absolute(w))), sums.sum(0), rtol=1e-5)
    out = topology.transpose(topology.absolute(w), jnp.ones(topology.size("post")))
    np.testing.assert_allclose(np.ravel(out), sums.sum(1), rtol=1e-5)
    np.testing.assert_allclose(np.ravel(topology.largest(w)), largest.max(0), rtol=1e-6)
    np.testing.assert_allclose(np.ravel(topology.largest(w, "pre")), largest.max(1), rtol=1e-6)


# ---- in a synapse --------------------------------------------------------------------------------------------------


class Grow(Rule):
    """``dw = pre post``."""

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> Any:
        return s, (Term(pre, post),)


@each_topology
def test_every_nth_tick_and_each_trial(topology: Any) -> None:
    ones = {"s.pre": jnp.ones(topology.size("pre")), "s.post": jnp.ones(topology.size("post"))}

    def states(*constraints: Any) -> Any:
        synapse = Synapse(topology, weights=Uniform(0.5, 1.0), plasticity=Grow(), constraints=constraints)
        circuit = Circuit({"s": synapse})
        state = circuit.init(key=KEY, dt=1.0)
        step = jax.jit(circuit.step)
        yield state["s"].w
        for i in range(4):
            state, _ = step(state, Tick(i, 1.0, KEY), ones)
            yield state["s"].w
        yield circuit.consolidate(state)["s"].w

    w = next(states())
    grown = topology.outer(w, ones["s.pre"], ones["s.post"])
    constrain = Normalise(2.0)
    want = [constrain(topology, w)]
    for i in range(4):
        want.append(want[-1] + grown)
        want[-1] = constrain(topology, want[-1]) if i % 2 else want[-1]
    for got, one in zip(states(Normalise(2.0, when="tick", every=2)), [*want, want[-1]], strict=True):
        np.testing.assert_allclose(got, one, rtol=1e-4)
    start = constrain(topology, w)
    want = [start + i * grown for i in range(5)]
    for got, one in zip(states(Normalise(2.0)), [*want, constrain(topology, want[-1])], strict=True):
        np.testing.assert_allclose(got, one, rtol=1e-4)


def test_the_listed_order_counts() -> None:
    w = np.array([[1.0], [3.0]], np.float32)

    def start(*constraints: Any) -> list[float]:
        synapse = Synapse(Full(2, 1), weights=w, constraints=constraints)
        return np.ravel(Circuit({"s": synapse}).init(key=KEY, dt=1.0)["s"].w).tolist()

    assert start(Normalise(4.0), Clip(0.0, 2.0)) == [1.0, 2.0]
    assert start(Clip(0.0, 2.0), Normalise(6.0)) == [2.0, 4.0]


class Bundle(Ports):
    """Two factors."""

    a: Any = port()
    b: Any = port()


class Product(Topology):
    """``y = x a b``: no weight of an edge anywhere."""

    n: int = static(dim="pre", default=2)

    def dims(self) -> Any:
        side = {"row": self.n, "column": self.n}
        return {"pre": {"pre": self.n}, "post": {"post": self.n}, "weights": {"a": side, "b": side}}

    def draw(self, initialiser: Any, key: Any) -> Any:
        return Bundle(a=initialiser(key, (self.n, self.n)), b=initialiser(key, (self.n, self.n)))

    def apply(self, w: Any, x: Any) -> Any:
        return x @ w.a @ w.b


def test_clip_takes_bundles_and_open_sides() -> None:
    w = Bundle(a=jnp.array([[-2.0, 2.0]]), b=jnp.array([0.5]))
    for clip, a in ((Clip(-1.0, 1.0), [-1, 1]), (Clip(None, 1.0), [-2, 1]), (Clip(-1.0, None), [-1, 2])):
        new = clip(Product(), w)
        assert new.a.tolist() == [a] and new.b.tolist() == [0.5]


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Clip(2.0, 1.0), r"^Clip\.low must not be above Clip\.high, got 2 and 1\.$"),
        (lambda: Clip(jnp.float32(2.0), 1), r"^Clip\.low must not be above Clip\.high, got 2 and 1\.$"),
        (
            lambda: Synapse(Product(), constraints=Normalise()),
            r"^Product has no weight for each edge: Normalise cannot scale it\.$",
        ),
        (
            lambda: Synapse(Product(), constraints=(Clip(), NormaliseFanOut())),
            r"^Product has no weight for each edge: NormaliseFanOut cannot scale it\.$",
        ),
        (
            lambda: Circuit({"s": Synapse(Full(4, 3), constraints=Normalise(np.ones(4)))}),
            r"^s\.constraints\.0\.total must be a single number or an array of shape \(3,\) \(post\), got .* \(4,\)\.$",
        ),
        (
            lambda: Circuit({"s": Synapse(Full(4, 3), constraints=NormaliseFanOut(np.ones(3)))}),
            r"^s\.constraints\.0\.total must be a single number or an array of shape \(4,\) \(pre\), got .* \(3,\)\.$",
        ),
        (
            lambda: Circuit({"s": Synapse(Full(4, 3), constraints=Normalise(1.0, "maxi"))}),
            r"^s\.constraints\.0\.order must be one of '1', '2', 'max', got 'maxi'\. Did you mean 'max'\?$",
        ),
        (
            lambda: Synapse(Product(), release=CurrentNormalised()),
            r"^Product has no weight for each edge: CurrentNormalised cannot divide by their sum\.$",
        ),
        (
            lambda: CurrentNormalised(1.0, Grow()),
            r"^CurrentNormalised\.release must be a Release or None, got Grow\(\)\.$",
        ),
        (
            lambda: Circuit({"s": Synapse(Full(4, 3), release=CurrentNormalised(0.0))}),
            r"^s\.release\.norm must be > 0, got 0\.$",
        ),
    ],
)
def test_mistakes(make: Any, message: str) -> None:
    with pytest.raises(CircuitError, match=message):
        make()


# ---- normalised currents -------------------------------------------------------------------------------------------


def current(synapse: Synapse, pre: Any, batch: tuple[int, ...] = ()) -> np.ndarray:
    circuit = Circuit({"s": synapse})
    state = circuit.init(key=KEY, dt=1.0, batch=batch)
    return np.asarray(circuit.step(state, Tick(0, 1.0, KEY, batch), {"s.pre": jnp.asarray(pre)})[1]["s"].current)


@each_topology
def test_currents_are_relative_to_the_sum_of_absolute_weights(topology: Any) -> None:
    w, x = random_weights(topology), RNG.normal(size=(5, *topology.size("pre")))
    c, sums = edges(topology), np.zeros((5, int(np.prod(topology.size("post")))))
    totals = np.zeros(sums.shape[1])
    for k, i, j in np.argwhere(c):
        sums[:, j] += c[k, i, j] * w.ravel()[k] * x.reshape(5, -1)[:, i]
        totals[j] += abs(w.ravel()[k])
    norm = RNG.uniform(1.0, 2.0, topology.size("post"))
    want = (norm.ravel() * sums / np.where(totals > 0, totals, 1.0)).reshape(5, *topology.size("post"))
    got = current(Synapse(topology, weights=w, release=CurrentNormalised(norm)), x, batch=(5,))
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_all_ones_give_the_norm_with_the_sign_of_the_synapse() -> None:
    for gain in (1.0, -2.0):
        synapse = Synapse(Full(6, 4), weights=Uniform(0.1, 1.0), gain=gain, release=CurrentNormalised(3.0))
        np.testing.assert_allclose(current(synapse, np.ones(6)), 3.0 * gain, rtol=1e-5)
    silent = Synapse(Full(6, 4), weights=0.0, release=CurrentNormalised(3.0))
    assert current(silent, np.ones(6)).tolist() == [0.0] * 4


def test_without_learning_the_constraint_is_the_same() -> None:
    x = RNG.normal(size=4)
    for topology in (Full(4, 3), SOME, DALE):
        w = random_weights(topology)
        by_current = current(Synapse(topology, weights=w, release=CurrentNormalised(2.0)), x)
        by_weights = current(Synapse(topology, weights=w, constraints=Normalise(2.0)), x)
        np.testing.assert_allclose(by_current, by_weights, rtol=1e-5, atol=1e-6)


class Late(Release):
    """Half of what came in a step earlier; plasticity sees it, too."""

    class In(Ports):
        gate: Float[Array, "*batch pre"] = port(default=1.0, doc="factor")

    class State(Ports):
        last: Float[Array, "*batch pre"] = port(doc="what came in")

    class Out(Ports):
        sent: Float[Array, "*batch pre"] = port(doc="what came in")

    def check_topology(self, topology: Topology, plasticity: Any) -> None:
        if topology.size("pre") == (1,):
            raise CircuitError("Late needs company.")

    def advance(self, s: Any, topology: Topology, w: Any, pre: Any, x: Any, tick: Tick) -> Any:
        return self.State(last=pre), topology.apply(w, 0.5 * x.gate * s.last)

    def seen(self, s: Any, pre: Any) -> Any:
        return 10.0 * pre

    def out(self, s: Any) -> Any:
        return self.Out(sent=s.last)

    def rebase(self, s: Any, steps: int) -> Any:
        return s.replace(last=s.last + steps)


def test_a_release_inside_keeps_its_ports_states_and_what_plasticity_sees() -> None:
    w = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    synapse = Synapse(Full(2, 2), weights=w, release=CurrentNormalised(4.0, Late()), plasticity=Grow())
    circuit = Circuit({"s": synapse})
    x, gate = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([1.0, 3.0])
    run = simulate(
        circuit,
        3.0,
        inputs={"s.pre": (("time", "pre"), x), "s.release.gate": gate, "s.post": np.array([1.0, 0.0])},
        record={"s.current": 1, "s.release.last": 1, "s.release.sent": 1, "s.w": 1},
    )
    last = np.zeros(2)
    for i in range(3):
        want = 4.0 / w.sum(0) * ((0.5 * gate * last) @ w)  # the sum is that of the weights as they are now
        np.testing.assert_allclose(run["s.current"][i], want, rtol=1e-5)
        w, last = w + np.outer(10.0 * x[i], [1.0, 0.0]), x[i]
        np.testing.assert_allclose(run["s.w"][i], w, rtol=1e-6)
    np.testing.assert_array_equal(run["s.release.last"], x)
    np.testing.assert_array_equal(run["s.release.sent"], x)
    assert run.state["s"].release.release.last.tolist() == [4.0, 4.0]  # 1, and the 3 steps by which it was rebased
    with pytest.raises(CircuitError, match=r"^Late needs company\.$"):
        Synapse(Full(1, 2), release=CurrentNormalised(1.0, Late()))


def test_a_model_file_keeps_constraints_and_normalised_currents() -> None:
    plugins = PluginSet.discover() | PluginSet.of({"topology": {"Full": Full}, "release": {"Late": Late}})
    synapse = Synapse(
        Full(2, 2),
        release=CurrentNormalised(2.0, Late()),
        constraints=(Clip(None, 1.0), Normalise(2.0, "max"), NormaliseFanOut(2.0, 2, when="tick", every=3)),
    )
    circuit = Circuit({"s": synapse})
    with plugins.use():
        assert Circuit.from_dict(circuit.to_dict()) == circuit


class TestCurrentNormalised(ComponentTests):
    component = Synapse(Full(5, 4), weights=Uniform(-1.0, 1.0), release=CurrentNormalised(2.0, Late()))
