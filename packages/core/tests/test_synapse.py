"""Synapses: their parts in their order, weights and biases that learn, constraints, initialisers."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import (
    Circuit,
    CircuitError,
    Clip,
    Constant,
    Constraint,
    Eye,
    FanInGaussian,
    FanInUniform,
    Gaussian,
    Given,
    LogNormal,
    Normalise,
    Param,
    Plasticity,
    Ports,
    Release,
    Rule,
    RunError,
    Synapse,
    Term,
    Tick,
    Topology,
    Transmission,
    Uniform,
    Weights,
    learn,
    parameter,
    part,
    port,
    simulate,
    static,
)
from bouton.testing import Full, Grid, Shared
from jaxtyping import Array, Float

KEY = jax.random.key(0)
PRE, POST = 4, 3


class Leak(Transmission):
    """``i <- i / 2 + sums``, in mV, to which a wired potential is added."""

    class In(Ports):
        v: Float[Array, "*batch post"] = port("mV", default=0.0)

    class State(Ports):
        i: Float[Array, "*batch post"] = port("{unit}", doc="current")

    def advance(self, s: Any, arriving: Any, x: Any, tick: Tick) -> Any:
        i = arriving(s.i / 2)
        return self.State(i=i), i + x.v


class Tire(Release):
    """Each pre-synaptic unit releases half as much each time."""

    class State(Ports):
        left: Float[Array, "*batch pre"] = port(doc="what is left")

    class Out(Ports):
        used: Float[Array, "*batch pre"] = port(doc="what is used up")

    def init(self, topology: Topology, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        return self.State(left=1.0)

    def advance(self, s: Any, topology: Topology, w: Any, pre: Any, x: Any, tick: Tick) -> Any:
        return self.State(left=s.left * jnp.where(pre > 0, 0.5, 1.0)), topology.apply(w, pre * s.left)

    def out(self, s: Any) -> Any:
        return self.Out(used=1.0 - s.left)


class Hebb(Rule):
    """``dw = rate * pre post (1 - w)``, ``db = rate * post``; the rate can be wired."""

    class Late(Ports):
        rate: Float[Array, ""] = port(default=0.5)

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> Any:
        return s, (Term(pre, post, lambda w: x.rate * (1 - w), bias=1.0),)


class Slow(Plasticity):
    """A wrapper that keeps a weight-shaped trace of what its rule wants, for each sample."""

    rule: Rule

    class Late(Ports):
        rule: Any = part(flat=True)

    class State(Ports):
        rule: Any = part(flat=True)
        trace: Float[Array, "*batch weights"] = port(doc="eligibility")

    def init(self, topology: Any, weights: Any, *, key: Any, dt: float, batch: Any) -> Any:
        return self.State(rule=self.rule.init(topology, weights, key=key, dt=dt, batch=batch), trace=0.0)

    def change(self, s: Any, topology: Any, weights: Any, pre: Any, post: Any, x: Any, tick: Any, reduce: Any) -> Any:
        inner, wanted = self.rule.change(s.rule, topology, weights, pre, post, x.rule, tick, None)
        trace = s.trace + wanted.w
        lanes = tuple(range(len(tick.batch)))
        return self.State(rule=inner, trace=trace), Weights(trace.mean(lanes) if lanes else trace)


class TwoFactors(Topology):
    """``y = (x a) b``: weights that are a bundle."""

    n_pre: int = static(dim="pre")
    n_post: int = static(dim="post")

    def dims(self) -> Any:
        of_a, of_b = {"pre": self.n_pre, "rank": 2}, {"rank": 2, "post": self.n_post}
        return {"pre": {"pre": self.n_pre}, "post": {"post": self.n_post}, "weights": {"a": of_a, "b": of_b}}

    def draw(self, initialiser: Any, key: Any) -> Any:
        a, b = jax.random.split(key)
        return Factors(a=initialiser(a, (self.n_pre, 2)), b=initialiser(b, (2, self.n_post)))

    def apply(self, w: Any, x: Any) -> Any:
        return x @ w.a @ w.b


class Factors(Ports):
    a: Any = port()
    b: Any = port()


def stepped(
    synapse: Synapse, pre: Any, post: Any = 0.0, steps: int = 1, batch: Any = (), late: Any = None, **how: Any
) -> Any:
    """State and outputs after some steps with the same inputs."""
    circuit = Circuit({"s": synapse})
    state = circuit.init(key=KEY, dt=1.0, batch=batch)
    given = {"s.pre": jnp.asarray(pre), **({"s.post": jnp.asarray(post)} if synapse.learns else {}), **(late or {})}
    for i in range(steps):
        state, out = circuit.step(state, Tick(i, 1.0, KEY, batch, how.get("reduce", "mean")), given)
    return state["s"], out["s"]


RANDOM = np.random.default_rng(0)
W = RANDOM.random((PRE, POST))
X = RANDOM.random((2, PRE))
Y = RANDOM.random((2, POST))


def test_the_parts_act_in_their_order() -> None:
    synapse = Synapse(
        Full(PRE, POST), weights=W, gain=[1.0, 2.0, 3.0], bias=5.0, release=Tire(), transmission=Leak(unit="mV")
    )
    state, out = stepped(synapse, X[0], steps=2, late={"s.transmission.v": jnp.full(POST, -1.0)})
    first = np.array([1.0, 2.0, 3.0]) * (X[0] @ W)
    assert np.allclose(out.current, first / 2 + first / 2 - 1.0 + 5.0)
    assert np.allclose(state.release.left, 0.25) and np.allclose(out.release.used, 0.75)
    assert Circuit({"s": synapse}).compartment("s.current").unit == "mV"


def test_the_backward_projection_is_the_adjoint() -> None:
    synapse = Synapse(Full(PRE, POST), weights=W, backward=True)
    _, out = stepped(synapse, X, batch=(2,), late={"s.feedback": jnp.asarray(Y)})
    assert np.allclose(out.back, Y @ W.T)
    with pytest.raises(CircuitError, match="unknown input 's.feedback': it is there only where s.backward is given"):
        stepped(Synapse(Full(PRE, POST)), X[0], late={"s.feedback": 0.0})


@pytest.mark.parametrize("reduce", ["mean", "sum"])
def test_weights_and_bias_learn_by_the_terms(reduce: str) -> None:
    synapse = Synapse(Full(PRE, POST), weights=W, bias=0.1, plasticity=Hebb())
    state, _ = stepped(synapse, X, Y, batch=(2,), reduce=reduce)
    share = 0.5 if reduce == "mean" else 1.0
    dw = sum(0.5 * (1 - W) * np.outer(x, y) for x, y in zip(X, Y, strict=True)) * share
    assert np.allclose(state.w, W + dw, atol=1e-6)
    assert np.allclose(state.b, 0.1 + Y.sum(0) * share, atol=1e-6)


class Sides(Rule):
    """Each side alone: the other factor is one number for all samples."""

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> Any:
        return s, (Term(2.0, post, lambda w: -w), Term(pre, 3.0, 0.5, bias=0.1), Term(0.7, 1.0))


@pytest.mark.parametrize("reduce", ["mean", "sum", None])
def test_a_factor_that_is_one_number_counts_for_each_sample(reduce: Any) -> None:
    one = [-W * 2.0 * y + 1.5 * x[:, None] + 0.7 for x, y in zip(X, Y, strict=True)]
    by_hand = {"mean": np.mean(one, 0), "sum": np.sum(one, 0), None: np.stack(one)}[reduce]
    weights = Weights(jnp.asarray(W, jnp.float32), jnp.zeros(POST))
    pre, post = jnp.asarray(X, jnp.float32), jnp.asarray(Y, jnp.float32)
    _, terms = Sides().terms(None, pre, post, None, Tick(step=0, dt=1.0))
    change = learn(Full(PRE, POST), weights, terms, batch=(2,), reduce=reduce)
    assert np.allclose(change.w, by_hand, atol=1e-5)
    assert np.allclose(change.b, {"mean": 0.3, "sum": 0.6, None: 0.3}[reduce])
    assert change.b.shape == ((2, POST) if reduce is None else (POST,))


def test_the_last_changes_are_states_on_request() -> None:
    """What the rule says and what a constraint of the tick makes of it; the second step's, not those of both."""
    total = Normalise(2.0, when="tick")
    synapse = Synapse(Full(PRE, POST), weights=W, bias=0.1, plasticity=Hebb(), constraints=total, changes=True)
    w = [2.0 * W / W.sum(0)]
    for _ in range(2):
        learnt = w[-1] + 0.5 * (1 - w[-1]) * np.mean([np.outer(x, y) for x, y in zip(X, Y, strict=True)], 0)
        w.append(2.0 * learnt / learnt.sum(0))
    state, _ = stepped(synapse, X, Y, steps=2, batch=(2,))
    assert np.allclose(state.dw, w[2] - w[1], atol=1e-6) and np.allclose(state.db, Y.mean(0), atol=1e-6)
    silent = Circuit({"s": synapse}).init(key=KEY, dt=1.0, batch=(2,))["s"]
    assert silent.dw.shape == W.shape and not np.any(silent.dw) and not np.any(silent.db)
    without, _ = stepped(synapse.replace(changes=False), X, Y, steps=2, batch=(2,))
    assert np.array_equal(without.w, state.w) and without.dw is None and without.db is None


def test_there_are_no_changes_without_learning() -> None:
    with pytest.raises(CircuitError, match=r"^Synapse\.changes=True shows what plasticity changes, and there is none"):
        Synapse(Full(PRE, POST), changes=True)


@pytest.mark.parametrize("reduce", ["mean", "sum", None])
@pytest.mark.parametrize("n", [1, 4])
def test_units_that_share_a_bias_have_one_current_and_teach_it_together(n: int, reduce: Any) -> None:
    grid, r = Grid(3, 2), np.random.default_rng(0)
    w, b, x, y = (r.normal(size=s) for s in ((2, 3), 3, (n, 3, 3), (n, 3, 3, 3)))
    synapse = Synapse(grid, weights=w, bias=b, plasticity=Hebb())
    circuit = Circuit({"s": synapse})
    assert circuit.compartment("s.b").dims == ("map",)
    state, out = stepped(synapse, x, y, batch=(n,), reduce=reduce or "mean")
    sums = np.zeros_like(y)
    for i, j, m, lag in np.ndindex(3, 3, 3, 2):
        sums[:, i, j, m] += w[lag, m] * x[:, i, (j + lag) % 3]
    assert np.allclose(out.current, sums + b, atol=1e-5)
    each = np.zeros((n, 3))
    for sample, i, j, m in np.ndindex(y.shape):
        each[sample, m] += y[sample, i, j, m]
    if reduce is None:
        terms = [Term(x, y, 0.5, bias=1.0), Term(0.0, y, bias=2.0)]
        change = learn(grid, Weights(jnp.asarray(w), jnp.asarray(b)), terms, batch=(n,), reduce=None).b
        assert np.allclose(change, 3.0 * each, atol=1e-5)
    else:
        assert np.allclose(state.b, b + getattr(each, reduce)(0), atol=1e-5)


def test_a_bias_has_the_last_of_the_post_synaptic_dims() -> None:
    class Rows(Grid):
        """A bias for each row."""

        def dims(self) -> dict[str, Any]:
            return super().dims() | {"bias": {"row": self.n}}

    with pytest.raises(
        CircuitError,
        match=r"Rows\.dims\(\)\['bias'\] must be the last of the post-synaptic dims \['row', 'column', 'map'\], so "
        r"that a bias can be added to the current, got \['row'\]\.",
    ):
        Circuit({"s": Synapse(Rows())})
    with pytest.raises(CircuitError, match=r"s\.bias must be a single number or an array of shape \(4,\)"):
        Circuit({"s": Synapse(Grid(), bias=np.zeros((4, 4, 4)))})


def test_a_rule_has_late_ports_of_its_own() -> None:
    synapse = Synapse(Full(PRE, POST), weights=W, plasticity=Hebb())
    state, _ = stepped(synapse, X[0], Y[0], late={"s.plasticity.rate": 2.0})
    assert np.allclose(state.w, W + 2.0 * (1 - W) * np.outer(X[0], Y[0]), atol=1e-6)


def test_a_wrapper_adds_no_level_to_the_names_and_keeps_a_trace_per_sample() -> None:
    synapse = Synapse(Full(PRE, POST), weights=W, plasticity=Slow(Hebb()))
    circuit = Circuit({"s": synapse})
    assert circuit.compartment("s.plasticity.trace").dims == ("pre", "post")
    state, _ = stepped(synapse, X, Y, batch=(2,), late={"s.plasticity.rate": 1.0})
    assert np.allclose(state.plasticity.trace, [(1 - W) * np.outer(x, y) for x, y in zip(X, Y, strict=True)], atol=1e-6)


def test_weights_may_be_a_bundle_of_arrays() -> None:
    synapse = Synapse(TwoFactors(PRE, POST), weights=Uniform(), plasticity=Plain())
    circuit = Circuit({"s": synapse})
    assert circuit.compartment("s.w.a").dims == ("pre", "rank") and circuit.compartment("s.w.b").shape == (2, POST)
    old = circuit.init(key=KEY, dt=1.0)["s"].w
    state, out = stepped(synapse, X[0], Y[0])
    assert np.allclose(out.current, X[0] @ old.a @ old.b, atol=1e-6)
    assert np.allclose(state.w.a, old.a + np.outer(X[0], Y[0] @ old.b.T), atol=1e-6)
    assert np.allclose(state.w.b, old.b + np.outer(X[0] @ old.a, Y[0]), atol=1e-6)
    with pytest.raises(
        CircuitError, match="TwoFactors has no weight for each edge: a rule on it may not depend on the"
    ):
        stepped(synapse.replace(plasticity=Hebb()), X[0], Y[0])


class Plain(Rule):
    """``dw = pre post``."""

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> Any:
        return s, (Term(pre, post),)


def test_changes_of_each_sample_stand_before_their_reduction() -> None:
    weights = Weights(jnp.asarray(W, jnp.float32))
    each = learn(Full(PRE, POST), weights, (Term(X, Y), Term(1.0, Y, -2.0)), batch=(2,), reduce=None)
    assert np.allclose(
        each.w, [np.outer(x, y) - 2 * np.outer(np.ones(PRE), y) for x, y in zip(X, Y, strict=True)], atol=1e-6
    )


# ---- constraints ---------------------------------------------------------------------------------------------------


class Note(Constraint):
    """Appends a digit to each weight."""

    digit: Param = parameter(default=0.0)

    def __call__(self, topology: Topology, w: Any) -> Any:
        return w * 10 + self.digit


def test_constraints_run_in_their_order_from_the_start_each_tick_and_each_trial() -> None:
    constraints = (Note(1.0), Note(2.0, when="trial"), Note(3.0))
    synapse = Synapse(Full(1, 1), weights=0.0, plasticity=Plain(), constraints=constraints)
    circuit = Circuit({"s": synapse})
    state = circuit.init(key=KEY, dt=1.0)
    assert float(state["s"].w[0, 0]) == 123
    state, _ = circuit.step(state, Tick(0, 1.0, KEY), {"s.pre": jnp.zeros(1), "s.post": jnp.zeros(1)})
    assert float(state["s"].w[0, 0]) == 12313
    assert float(circuit.consolidate(state)["s"].w[0, 0]) == 123132


@pytest.mark.parametrize("low, high", [(0.2, 0.6), (None, 0.5), (0.4, None)])
def test_clip(low: float | None, high: float | None) -> None:
    assert np.allclose(Clip(low, high)(Full(PRE, POST), jnp.asarray(W)), np.clip(W, low, high))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("total", [2.0, np.array([1.0, 2.0, 3.0])])
def test_normalise_gives_each_unit_its_norm_and_leaves_empty_ones(order: Any, total: Any) -> None:
    w = (W - 0.5) * np.array([1.0, 1.0, 0.0])
    new = np.asarray(Normalise(total, order)(Full(PRE, POST), jnp.asarray(w, jnp.float32)))
    norms = np.linalg.norm(new, order, axis=0)
    assert np.allclose(norms, np.broadcast_to(total, POST) * [1, 1, 0], rtol=1e-5)
    assert np.allclose(new[:, :2] / w[:, :2], (new[0] / np.where(w[0] == 0, 1, w[0]))[:2], rtol=1e-4)
    again = Normalise(total, order)(Full(PRE, POST), jnp.asarray(new))
    assert np.allclose(again, new, rtol=1e-5)


def test_normalise_where_edges_share_weights() -> None:
    kernel = jnp.array([1.0, 2.0, 5.0])
    topology = Shared(8, 3)
    scaled = Normalise(4.0)(topology, kernel)
    assert np.allclose(topology.fan_in(scaled), 4.0) and np.allclose(scaled / kernel, 0.5)


# ---- initialisers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "initialiser, mean, std",
    [
        (Constant(3.0), 3.0, 0.0),
        (Uniform(-1.0, 3.0), 1.0, 4 / np.sqrt(12)),
        (Gaussian(2.0, 0.5), 2.0, 0.5),
        (LogNormal(0.5, 0.4), np.exp(0.5 + 0.08), np.exp(0.58) * np.sqrt(np.expm1(0.16))),
        (FanInUniform(3.0), 0.0, 3 / np.sqrt(3) / np.sqrt(200)),
        (FanInGaussian(3.0), 0.0, 3 / np.sqrt(200)),
    ],
    ids=lambda v: type(v).__name__,
)
def test_initialisers_have_their_mean_and_standard_deviation(initialiser: Any, mean: float, std: float) -> None:
    values = np.asarray(Full(200, 300).draw(initialiser, KEY), float)
    assert values.shape == (200, 300)
    assert abs(values.mean() - mean) <= 4 * std / np.sqrt(values.size) + 1e-6
    assert abs(values.std() - std) <= 0.02 * std + 1e-6
    assert np.array_equal(values, Full(200, 300).draw(initialiser, KEY))


def test_eye_and_given_values() -> None:
    assert np.array_equal(Eye(2.0, -1.0)(KEY, (2, 3)), [[2, -1, -1], [-1, 2, -1]])
    assert np.array_equal(Given([[1.0, 2.0]])(KEY, (3, 1, 2)), [[[1, 2]]] * 3)
    for initialiser, shape, message in (
        (Eye(), (3,), r"Eye makes a matrix \(pre, post\), but the weights have the shape \(3,\)"),
        (Given(np.ones(3)), (4,), r"given values have the shape \(3,\), expected \(4,\)"),
        (FanInUniform(), (4,), "FanInUniform draws weights: no fan-in is known here"),
    ):
        with pytest.raises(CircuitError, match=message):
            initialiser(KEY, shape)


def test_what_is_no_part_of_a_synapse_is_refused() -> None:
    topology = Full(PRE, POST)
    for make, message in (
        (lambda: Synapse(Clip()), "Synapse.topology must be a topology such as Dense"),
        (lambda: Synapse(topology, weights="uniform"), "Synapse.weights must be a number, an array or an initialiser"),
        (lambda: Synapse(topology, plasticity=Clip()), "Synapse.plasticity must be a Plasticity, got Clip"),
        (lambda: Synapse(topology, transmission=None), "Synapse.transmission must be a Transmission, got None"),
        (
            lambda: Synapse(topology, constraints=(Hebb(),)),
            r"Synapse.constraints must hold constraints such as Clip\(0, 1\)",
        ),
    ):
        with pytest.raises(CircuitError, match=message):
            make()
    with pytest.raises(CircuitError, match=r"^s: given values have the shape \(2, 2\), expected \(4, 3\)\.$"):
        Circuit({"s": Synapse(topology, weights=np.ones((2, 2)))}).init(key=KEY, dt=1.0)
    with pytest.raises(CircuitError, match=r"^s\.constraints\.0\.total must be > 0, got -1\.$"):
        Circuit({"s": Synapse(topology, constraints=Normalise(-1.0))})


class Late(Transmission):
    """A current that arrives three steps late, from a ring of its own."""

    class State(Ports):
        ring: Any = port()

    def init(self, topology: Topology, *, key: Any, dt: float, batch: Any) -> Any:
        return self.State(ring=jnp.zeros((3, *batch, POST)))

    def advance(self, s: Any, arriving: Any, x: Any, tick: Tick) -> Any:
        out = s.ring[tick.step % 3]
        return self.State(ring=s.ring.at[tick.step % 3].set(arriving())), out

    def rebase(self, s: Any, steps: int) -> Any:
        return self.State(ring=jnp.roll(s.ring, -steps, 0))


def test_a_run_that_goes_on_finds_the_rings_of_parts_where_they_were() -> None:
    circuit = Circuit({"s": Synapse(Full(PRE, POST), weights=W, transmission=Late())})
    signal = RANDOM.random((20, PRE))
    fed = {"record": {"s.current": 1}, "dt": 1.0}
    whole = simulate(circuit, 20.0, inputs={"s.pre": (("time", "pre"), signal)}, **fed)
    first = simulate(circuit, 7.0, inputs={"s.pre": (("time", "pre"), signal[:7])}, **fed)
    rest = simulate(circuit, 13.0, inputs={"s.pre": (("time", "pre"), signal[7:])}, state=first.state, **fed)
    assert np.allclose(whole["s.current"][3:], signal[:-3] @ W, atol=1e-6)
    assert np.array_equal(whole["s.current"][7:], rest["s.current"])


def test_a_constraint_may_run_every_nth_tick() -> None:
    synapse = Synapse(Full(1, 1), weights=0.0, plasticity=Plain(), constraints=Note(1.0, every=3))
    circuit = Circuit({"s": synapse})
    state, seen = circuit.init(key=KEY, dt=1.0), []
    for i in range(7):
        state, _ = circuit.step(state, Tick(i, 1.0, KEY), {"s.pre": jnp.zeros(1), "s.post": jnp.zeros(1)})
        seen.append(float(state["s"].w[0, 0]))
    assert seen == [1, 1, 11, 11, 11, 111, 111]
    for wrong in ({"every": 0}, {"every": 2, "when": "trial"}):
        with pytest.raises(CircuitError, match=r"Note.every must be at least 1, and 1 for when='trial', got"):
            Note(**wrong)


class Pairs(Topology):
    """Given pairs of units, each with a weight: arrays as fields, and labels for the dataset."""

    source: Any
    target: Any
    n_pre: int = static(dim="pre")
    n_post: int = static(dim="post")

    def dims(self) -> Any:
        edges = {"edge": self.source.shape[0]}
        return {"pre": {"pre": self.n_pre}, "post": {"post": self.n_post}, "weights": edges}

    def apply(self, w: Any, x: Any) -> Any:
        return jnp.zeros((*x.shape[:-1], self.n_post)).at[..., self.target].add(w * x[..., self.source])

    def coords(self) -> Any:
        return {"source": ("edge", self.source), "target": ("edge", self.target)}


def test_a_topology_of_index_arrays_runs_learns_and_is_labelled() -> None:
    source, target = np.array([0, 0, 1, 3]), np.array([0, 2, 2, 1])
    w = np.array([1.0, 2.0, 3.0, 4.0])
    topology = Pairs(source, target, PRE, POST)
    run = simulate(
        Circuit({"s": Synapse(topology, weights=w, plasticity=Plain())}),
        1.0,
        inputs={"s.pre": X[0], "s.post": Y[0]},
        record={"s.current": 1, "s.w": 1},
    )
    full = np.zeros((PRE, POST))
    full[source, target] = w
    assert np.allclose(run["s.current"][0], X[0] @ full, atol=1e-6)
    assert np.allclose(run["s.w"][0], w + X[0][source] * Y[0][target], atol=1e-6)
    assert run["s.w"]["source"].values.tolist() == source.tolist()
    scaled = topology.draw(FanInGaussian(1.0), KEY)
    assert scaled.shape == (4,) and topology.fan_in_count() == 2


class EdgeWise(Release):
    """Each synapse has a factor of its own, from a wire."""

    class In(Ports):
        factor: Float[Array, " weights"] = port()

    def advance(self, s: Any, topology: Topology, w: Any, pre: Any, x: Any, tick: Tick) -> Any:
        return s, topology.apply(w * x.factor, pre)


def test_release_may_act_on_each_synapse() -> None:
    factor = RANDOM.random((PRE, POST))
    synapse = Synapse(Full(PRE, POST), weights=W, release=EdgeWise())
    state, out = stepped(synapse, X[0], late={"s.release.factor": factor})
    assert np.allclose(out.current, X[0] @ (W * factor), atol=1e-6) and np.allclose(state.w, W)


class NoisyRelease(Release):
    """Draws a number for each unit."""

    def advance(self, s: Any, topology: Topology, w: Any, pre: Any, x: Any, tick: Tick) -> Any:
        return s, topology.apply(w, jax.random.uniform(tick.key, pre.shape))


class NoisyCurrent(Transmission):
    """Draws a number for each unit, and hands on the sums beside."""

    class State(Ports):
        sums: Float[Array, "*batch post"] = port()

    def advance(self, s: Any, arriving: Any, x: Any, tick: Tick) -> Any:
        sums = arriving()
        return self.State(sums=sums), jax.random.uniform(tick.key, sums.shape)


def test_parts_draw_numbers_of_their_own() -> None:
    synapse = Synapse(Full(3, 3), weights=np.eye(3), release=NoisyRelease(), transmission=NoisyCurrent())
    state, out = stepped(synapse, np.zeros(3))
    assert not np.isin(state.transmission.sums, out.current).any()


class Weightless(Full):
    """All-to-all with weights of 1."""

    def dims(self) -> Any:
        return super().dims() | {"weights": None}

    def apply(self, w: Any, x: Any) -> Any:
        return jnp.broadcast_to(x.sum(-1, keepdims=True), (*x.shape[:-1], self.n_post))


def test_a_topology_without_weights() -> None:
    assert np.allclose(stepped(Synapse(Weightless(PRE, POST), weights=None), X[0])[1].current, X[0].sum())
    with pytest.raises(CircuitError, match="Weightless has no weights: there is nothing to learn"):
        Synapse(Weightless(PRE, POST), weights=None, plasticity=Plain())
    with pytest.raises(CircuitError, match="s: Synapse.weights is None, but Full has weights: give them"):
        stepped(Synapse(Full(PRE, POST), weights=None), X[0])


class Refuses(Transmission):
    """Never works."""

    def check(self, *, dt: float) -> None:
        raise CircuitError(f"dt of {dt:g} ms is too long.")


class EarlyRule(Plain):
    """Declares its input where it is not given any."""

    class In(Ports):
        z: Float[Array, ""] = port()


def test_the_unit_of_a_current_is_that_of_its_transmission() -> None:
    nodes = {"a": Synapse(Full(2, 2)), "b": Synapse(Full(2, 2), transmission=Leak(unit="mV"))}
    with pytest.raises(CircuitError, match=r"the units differ. It is that of the transmission: Instant\(unit='mV'\)"):
        Circuit(nodes, {"b.transmission.v": "a.current"})


def test_mistakes_in_parts_are_found_before_the_first_step() -> None:
    full = Full(PRE, POST)
    with pytest.raises(CircuitError, match="^s: transmission: dt of 1 ms is too long.$"):
        Circuit({"s": Synapse(full, transmission=Refuses())}).init(key=KEY, dt=1.0)
    with pytest.raises(CircuitError, match="EarlyRule declares the input 'z' in In, where .* declare it in Late"):
        Synapse(full, plasticity=EarlyRule())
    with pytest.raises(CircuitError, match=r"^s\.weights\[0, 1\] must be a number, got nan\.$"):
        Circuit({"s": Synapse(full, weights=np.where(W == W[0, 1], np.nan, W))})
    with pytest.raises(RunError, match="nothing feeds 's.post': wire it"):
        simulate(Circuit({"s": Synapse(full, plasticity=Plain())}), 1.0, inputs={"s.pre": 0.0})
    with pytest.raises(CircuitError, match="unknown input 's.post': it is there only where s.plasticity is given"):
        Circuit({"s": Synapse(full)}, {"s.post": "s.current"})
    for make, message in (
        (lambda: Uniform(2.0, 1.0), "Uniform.low must not be above Uniform.high, got 2 and 1"),
        (lambda: Clip(2.0, 1.0), "Clip.low must not be above Clip.high, got 2 and 1"),
        (lambda: Normalise()(TwoFactors(2, 2), None), "TwoFactors has no weight for each edge: Normalise cannot scale"),
    ):
        with pytest.raises(CircuitError, match=message):
            make()
