"""The conformance kit: correct parts pass all of it, and each planted mistake is caught by the check meant for it."""

import subprocess
import sys
from typing import Any, ClassVar, NamedTuple
from unittest import SkipTest

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import (
    BoutonError,
    Clip,
    Component,
    Delay,
    Param,
    PluginSet,
    Ports,
    Rule,
    Synapse,
    Term,
    Topology,
    Transmission,
    Uniform,
    learn,
    parameter,
    port,
    spike,
    static,
)
from bouton.testing import ComponentTests, Full, Grid, RuleTests, Shared, TopologyTests, check
from bouton.testing._bench import Bench
from jax import lax
from jaxtyping import Array, Bool, Float, Int

COUNT = [0.0]
KEPT = []


# ---- components that are right -------------------------------------------------------------------------------------


class Leak(Component):
    """Units that relax to their input: ``tau dv/dt = gain j - v``."""

    n_units: int = static(dim="unit", doc="population size")
    tau: Param = parameter(default=10.0, unit="ms", gt=0, dims="unit", doc="time constant")
    gain: Param = parameter(default=2.0, dims="unit", doc="gain")

    class In(Ports):
        j: Float[Array, "*batch unit"] = port(default=0.0, reduce="sum", doc="input")

    class State(Ports):
        v: Float[Array, "*batch unit"] = port("mV", doc="potential")

    class Out(Ports):
        r: Float[Array, "*batch unit"] = port("Hz", doc="rate")

    def advance(self, s, x, tick):
        v = s.v + tick.dt / self.tau * (self.gain * x.j - s.v)
        return self.State(v=v), self.Out(r=jnp.maximum(v, 0.0))


class Adaptive(Component):
    """Noisy units whose threshold is learned: everything a component may have."""

    n_units: int = static(dim="unit", doc="population size")
    tau: Param = parameter(default=10.0, unit="ms", gt=0, dims="unit", doc="time constant")
    rise: Param | None = parameter(default=0.1, unit="mV", dims="unit", doc="rise of the threshold; None: none")

    class In(Ports):
        j: Float[Array, "*batch unit"] = port(doc="input")

    class Late(Ports):
        reward: Float[Array, "*batch"] = port(default=1.0, doc="reward")

    class State(Ports):
        v: Float[Array, "*batch unit"] = port("mV", doc="potential")
        theta: Float[Array, " unit"] = port("mV", persist=True, doc="threshold")

    class Out(Ports):
        s: Float[Array, "*batch unit"] = port(spikes=True, doc="spikes")

    def advance(self, s, x, tick):
        noise = jax.random.normal(tick.key, x.j.shape)
        v = x.j + noise + (s.v - x.j) * jnp.exp(-tick.dt / self.tau)
        out = spike(v - s.theta)
        return s.replace(v=jnp.where(out > 0, 0.0, v)), self.Out(s=out)

    def evolve(self, s, x, late, tick):
        if self.rise is None:
            return s
        return s.replace(theta=s.theta + self.rise * late.reward[..., None] * (x.j - s.theta))

    def consolidate(self, s):
        return s.replace(theta=0.5 * s.theta)


class Decay(Transmission):
    """A conductance that decays."""

    tau: Param = parameter(default=5.0, unit="ms", gt=0, dims="post", doc="time constant")

    class In(Ports):
        v: Float[Array, "*batch post"] = port("mV", default=0.0, doc="post-synaptic potential")

    class State(Ports):
        g: Float[Array, "*batch post"] = port(doc="conductance")

    def advance(self, s, arriving, x, tick):
        g = arriving(s.g * jnp.exp(-tick.dt / self.tau))
        return self.State(g=g), g * (1.0 - x.v)


class Bundle(Topology):
    """All-to-all, and one weight for all edges beside."""

    n_pre: int = static(dim="pre", doc="number of pre-synaptic units")
    n_post: int = static(dim="post", doc="number of post-synaptic units")

    class Parts(NamedTuple):
        own: Any
        common: Any

    def dims(self):
        pre, post = {"pre": self.n_pre}, {"post": self.n_post}
        return {"pre": pre, "post": post, "weights": {"own": pre | post, "common": {"one": 1}}}

    def apply(self, w, x):
        return x @ w.own + w.common * x.sum(-1, keepdims=True)

    def draw(self, initialiser, key):
        return self.Parts(initialiser(key, (self.n_pre, self.n_post)), initialiser(key, (1,)))


class Pool(Topology):
    """Sums of pairs; it has no weights, and maps on both sides."""

    height: int = static(doc="height of the map; its width is 4")

    def dims(self):
        return {"pre": {"y": self.height, "x": 4}, "post": {"y": self.height, "half": 2}, "weights": None}

    def apply(self, w, x):
        return x[..., ::2] + x[..., 1::2]


class Pair(Rule):
    """Traces, a dependence on the weight, a bias, and a modulator of each sample."""

    tau: Param = parameter(default=20.0, unit="ms", gt=0, dims="pre", doc="time constant")
    w_max: Param = parameter(default=1.0, doc="highest weight")

    class Late(Ports):
        dopamine: Float[Array, "*batch"] = port(default=1.0, doc="modulator")
        drive: Float[Array, "*batch post"] = port(default=1.0, doc="modulator of each unit")

    class State(Ports):
        x_pre: Float[Array, "*batch pre"] = port(doc="trace")
        theta: Float[Array, " post"] = port(persist=True, doc="sliding threshold")

    def terms(self, s, pre, post, x, tick):
        trace = s.x_pre * jnp.exp(-tick.dt / self.tau) + pre
        new = self.State(x_pre=trace, theta=s.theta + 0.1 * (post - s.theta))
        gate = lambda w: jnp.maximum(self.w_max - w, 0.0) ** 2  # noqa: E731
        dopamine = x.dopamine.reshape(x.dopamine.shape + (1,) * (post.ndim - x.dopamine.ndim))
        up = Term(s.x_pre, post * dopamine * x.drive, gate, bias=0.5)
        return new, [up, Term(pre, -post * s.theta, 0.1), Term(1.0, -0.01 * post)]


class TestLeak(ComponentTests):
    component = Leak(4)


class TestLeakFromAFactory(ComponentTests):
    make = staticmethod(lambda: Leak(4, tau=np.array([5.0, 10.0, 20.0, 40.0])))
    inputs: ClassVar = {"j": (-1.0, 1.0)}


class TestAdaptive(ComponentTests):
    component = Adaptive(4)
    inputs: ClassVar = {"j": (0.0, 3.0)}


class TestSynapse(ComponentTests):
    component = Synapse(
        Full(3, 4), weights=Uniform(0.0, 0.3), bias=0.2, transmission=Decay(), constraints=Clip(), backward=True
    )


class TestSharedSynapse(ComponentTests):
    component = Synapse(Shared(6, 3), weights=Uniform(0.0, 0.3), gain=2.0)


class TestDelay(ComponentTests):
    component = Delay(shape=(2, 3), ms=3.0)


class TestShortDelay(ComponentTests):
    component = Delay(shape=(3,), ms=1.0)


class TestReferenceTopologies(TopologyTests):
    make = staticmethod(lambda: [Full(3, 4), Shared(5, 2), Shared(3, 3), Grid(), Grid(3, 3)])


class TestBundle(TopologyTests):
    topology = Bundle(3, 4)


class TestPool(TopologyTests):
    topology = Pool(3)


class TestPair(RuleTests):
    rule = Pair()
    inputs: ClassVar = {"plasticity.dopamine": (-1.0, 1.0)}


class TestPairOfUnits(RuleTests):
    rule = Pair(tau=np.array([5.0, 10.0, 20.0]))
    topologies = (Full(3, 2), Shared(3, 2))


# ---- components with one mistake each ------------------------------------------------------------------------------


class WrongDtype(Leak):
    """Leak with one mistake."""

    def advance(self, s, x, tick):
        new, out = super().advance(s, x, tick)
        return new, out.replace(r=out.r > 0)


class OnlyFloat32(Leak):
    """Leak with one mistake."""

    def advance(self, s, x, tick):
        new, out = super().advance(s, x, tick)
        return new.replace(v=new.v.astype(jnp.float32)), out


class GrowingState(Leak):
    """Leak with one mistake."""

    def advance(self, s, x, tick):
        new, out = super().advance(s, x, tick)
        return new.replace(v=jnp.concatenate([new.v, new.v[..., :1]], -1)), out


class LyingDim(Leak):
    """Leak with one mistake."""

    def dims(self):
        return {"unit": self.n_units + 1}

    def advance(self, s, x, tick):
        new, out = super().advance(s, x, tick)
        return new.replace(v=new.v[..., :-1]), out


class UndeclaredState(Leak):
    """Leak with one mistake."""

    with_trace: bool = static(default=False, doc="whether there is a trace")

    class State(Ports):
        v: Float[Array, "*batch unit"] = port("mV", doc="potential")
        trace: Float[Array, "*batch unit"] = port(only_if="with_trace", doc="trace")

    def init(self, *, key, dt, batch=()):
        return self.State(v=0.0, trace=jnp.zeros((*batch, self.n_units)))

    def advance(self, s, x, tick):
        new, out = Leak.advance(self, s, x, tick)
        return s.replace(v=new.v), out


class BecomesNaN(Leak):
    """Leak with one mistake."""

    def advance(self, s, x, tick):
        new, out = super().advance(s, x, tick)
        return new, out.replace(r=jnp.log(-out.r - 1.0))


class GlobalCount(Leak):
    """Leak with one mistake."""

    def advance(self, s, x, tick):
        COUNT[0] += 1.0
        new, out = super().advance(s, x, tick)
        return new.replace(v=new.v + COUNT[0]), out


class OwnCount(Leak):
    """Leak with one mistake."""

    def advance(self, s, x, tick):
        vars(self)["count"] = object()
        return super().advance(s, x, tick)


class ClassCount(Leak):
    """Leak with one mistake."""

    def advance(self, s, x, tick):
        type(self).count = object()
        return super().advance(s, x, tick)


class ChangesItsState(Leak):
    """Leak with one mistake."""

    def advance(self, s, x, tick):
        vars(s)["v"] = s.v * 1.0
        return super().advance(s, x, tick)


class ChangesItsInput(Leak):
    """Leak with one mistake."""

    def advance(self, s, x, tick):
        vars(x)["j"] = x.j + 1.0
        return super().advance(s, x, tick)


class KeepsTracer(Leak):
    """Leak with one mistake."""

    def advance(self, s, x, tick):
        KEPT.append(s.v * 2.0)
        return super().advance(s, x, tick)


class RandomStart(Leak):
    """Leak with one mistake."""

    def init(self, *, key, dt, batch=()):
        COUNT[0] += 1.0
        return self.State(v=COUNT[0])


class OtherUnderJit(Leak):
    """Leak with one mistake."""

    def advance(self, s, x, tick):
        new, out = super().advance(s, x, tick)
        return new.replace(v=new.v * (0.9 if isinstance(new.v, jax.core.Tracer) else 1.0)), out


@jax.custom_batching.custom_vmap
def same(v):
    return v


@same.def_vmap
def _(size, batched, v):
    return jnp.roll(v, 1, 0), True


class OtherUnderVmap(Leak):
    """Leak with one mistake."""

    def advance(self, s, x, tick):
        new, out = super().advance(s, x, tick)
        return new.replace(v=same(new.v)), out


class LeakyLanes(Leak):
    """Leak with one mistake."""

    def advance(self, s, x, tick):
        return super().advance(s, x.replace(j=x.j - x.j.mean(0)), tick)


class LeakyLanesOfNoise(Adaptive):
    """Adaptive with one mistake."""

    def advance(self, s, x, tick):
        return super().advance(s, x.replace(j=x.j - x.j.mean(0)), tick)


class LeakyLearning(Adaptive):
    """Adaptive with one mistake."""

    def evolve(self, s, x, late, tick):
        return super().evolve(s.replace(v=s.v.mean(0)), x, late, tick)


class FirstLane(Leak):
    """Leak with one mistake."""

    def advance(self, s, x, tick):
        new, out = super().advance(s, x, tick)
        return new.replace(v=new.v.at[0].set(1.0)), out


class IgnoresDt(Leak):
    """Leak with one mistake."""

    def advance(self, s, x, tick):
        v = s.v + 0.5 / self.tau * (self.gain * x.j - s.v)
        return self.State(v=v), self.Out(r=v)


class DecayIgnoresDt(Decay):
    """Decay with one mistake."""

    def advance(self, s, arriving, x, tick):
        g = arriving(s.g * jnp.exp(-1.0 / self.tau))
        return self.State(g=g), g * tick.dt


class NoUnit(Leak):
    """Leak with one mistake."""

    class State(Ports):
        v: Float[Array, "*batch unit"] = port("", doc="potential")


class NoPortDoc(Leak):
    """Leak with one mistake."""

    class Out(Ports):
        r: Float[Array, "*batch unit"] = port("Hz")


class NoParameterDoc(Leak):
    """Leak with one mistake."""

    tau: Param = parameter(default=10.0, unit="ms")


class NoParameterUnit(Leak):
    """Leak with one mistake."""

    tau: Param = parameter(default=10.0, unit=" ", doc="time constant")


class NoDocstring(Leak):
    pass


class SteepAtZero(Leak):
    """Leak with one mistake."""

    def advance(self, s, x, tick):
        return super().advance(s, x.replace(j=jnp.sqrt(x.j)), tick)


class SteepParameter(Leak):
    """Leak with one mistake."""

    low: Param = parameter(default=0.0, doc="lower end")

    def advance(self, s, x, tick):
        return super().advance(s, x.replace(j=x.j + jnp.sqrt(self.low)), tick)


class PersistsInBatches(Adaptive):
    """Adaptive with one mistake."""

    class State(Ports):
        v: Float[Array, "*batch unit"] = port("mV", doc="potential")
        theta: Float[Array, "*batch unit"] = port("mV", persist=True, doc="threshold")


class Consolidates(Adaptive):
    """Adaptive with one mistake."""

    def consolidate(self, s):
        return s.replace(theta=s.theta[:1])


class BranchesOnParameter(Leak):
    """Leak with one mistake."""

    def advance(self, s, x, tick):
        return super().advance(s, x if self.gain > 1.0 else x.replace(j=0.0 * x.j), tick)


class OneValueOnly(Leak):
    """Leak with one mistake."""

    def advance(self, s, x, tick):
        j = lax.cond(self.gain > 1.0, lambda j: j, lambda j: 0.0 * j, x.j)
        return super().advance(s, x.replace(j=j), tick)


class HoldsFunction(Leak):
    """Leak with one mistake."""

    shape: Any = static(default=jnp.tanh, doc="shape of the gain")


class HoldsDict(Leak):
    """Leak with one mistake."""

    table: Any = static(default=None, doc="a table")

    def __post_init__(self):
        super().__post_init__()
        vars(self)["table"] = {"a": 1}


class OtherEachTime(Leak):
    """Leak with one mistake."""

    tag: Any = static(default=None, doc="a tag")

    def __post_init__(self):
        super().__post_init__()
        COUNT[0] += 1.0
        vars(self)["tag"] = COUNT[0]


class TimeAsDim(Component):
    """A component with one mistake."""

    n_units: int = static(dim="time", doc="population size")

    class State(Ports):
        v: Float[Array, "*batch time"] = port("mV", doc="potential")

    def advance(self, s, x, tick):
        return s.replace(v=s.v + 1.0), self.Out()


COMPONENT_MISTAKES = [
    (WrongDtype(4), "declared_dims_and_dtypes", r"WrongDtype\.r as bool, declared Float"),
    (OnlyFloat32(4), "float64", r"OnlyFloat32\.v as float32, declared Float \(float64\)"),
    (GrowingState(4), "declared_dims_and_dtypes", r"GrowingState\.v the shape \(5,\), declared \(4,\)"),
    (LyingDim(4), "declared_dims_and_dtypes", r"LyingDim\.v the shape \(4,\), declared \(5,\)"),
    (UndeclaredState(4), "declared_dims_and_dtypes", r"its state holds \+1 arrays against what it declares"),
    (BecomesNaN(4), "declared_dims_and_dtypes", r"BecomesNaN\.r became NaN"),
    (GlobalCount(4), "purity", r"\.v: GlobalCount gives other results when called again"),
    (OwnCount(4), "purity", r"a step changes the component in place: count"),
    (ClassCount(4), "purity", r"a step changes the component in place: ClassCount\.count"),
    (ChangesItsState(4), "purity", r"a step changes its state in place: v"),
    (ChangesItsInput(4), "purity", r"a step changes its inputs in place: j"),
    (KeepsTracer(4), "purity", r"KeepsTracer keeps a tracer beyond a step"),
    (RandomStart(4), "reset", r"init with the same key again"),
    (OtherUnderJit(4), "jit_scan_and_loop_agree", r"[vr]: a Python loop against a scan"),
    (OtherUnderVmap(4), "vmap_agrees", r"[vr]: organism \d under vmap against alone"),
    (LeakyLanes(4), "lanes_are_independent", r"v: LeakyLanes: samples 0 and 2 see what sample 1 is fed"),
    (LeakyLanes(4), "batch_equals_loop", r"[vr]: sample 0 in a batch against alone"),
    (LeakyLanesOfNoise(4), "lanes_are_independent", r"samples 0 and 2 see what sample 1 is fed"),
    (LeakyLearning(4), "lanes_are_independent", r"v: LeakyLearning: samples 0 and 2 see what sample 1 is fed"),
    (FirstLane(4), "batch_equals_loop", r"[vr]: sample \d in a batch against alone"),
    (IgnoresDt(4), "time_step_matters", r"IgnoresDt\.v depends on IgnoresDt\.tau \[ms\] but not on dt"),
    (
        Synapse(Full(3, 4), transmission=DecayIgnoresDt()),
        "time_step_matters",
        r"Synapse\.transmission\.g depends on Synapse\.transmission\.tau \[ms\] but not on dt",
    ),
    (NoUnit(4), "documentation", r"NoUnit\.State\.v has no unit"),
    (NoPortDoc(4), "documentation", r"NoPortDoc\.Out\.r has no doc"),
    (NoParameterDoc(4), "documentation", r"NoParameterDoc\.tau has no doc"),
    (NoParameterUnit(4), "documentation", r"NoParameterUnit\.tau has no unit"),
    (NoDocstring(4), "documentation", r"NoDocstring has no docstring"),
    (SteepAtZero(4), "gradients_are_finite", r"the gradient by .*SteepAtZero\.j.* is not finite in silence"),
    (SteepParameter(4), "gradients_are_finite", r"the gradient by .*\.low is not finite\."),
    (PersistsInBatches(4), "persistent_states", r"\.theta persists, so it is one for all samples"),
    (Consolidates(4), "reset", r"theta: consolidate changed its form"),
    (BranchesOnParameter(4), "parameters_are_traced", r"traced"),
    (OneValueOnly(4), "parameters_are_traced", r"must be a scalar|scalar"),
    (HoldsFunction(4), "pytree", r"shape is static and holds"),
    (HoldsDict(4), "pytree", r"table is static and holds \{'a': 1\}"),
    (TimeAsDim(4), "declared_dims_and_dtypes", r"TimeAsDim\.v has the dims \('time',\)"),
]


@pytest.mark.parametrize(
    ("component", "name", "message"),
    COMPONENT_MISTAKES,
    ids=[f"{type(c).__name__}-{n}" for c, n, _ in COMPONENT_MISTAKES],
)
def test_a_mistake_in_a_component_is_caught(component, name, message):
    tests = type("Tests", (ComponentTests,), {"component": component})
    with pytest.raises((AssertionError, BoutonError, TypeError), match=message):
        getattr(tests(), f"test_{name}")()


# ---- topologies with one mistake each ------------------------------------------------------------------------------


class WrongTranspose(Full):
    """Full with one mistake."""

    def transpose(self, w, post):
        return 0.5 * super().transpose(w, post)


class OuterIsMean(Full):
    """Full with one mistake."""

    def outer(self, w, pre, post):
        return super().outer(w, pre, post) / pre[..., 0].size


class OuterOfSilence(Full):
    """Full with one mistake."""

    def outer(self, w, pre, post):
        return super().outer(w, jnp.maximum(pre, 0.0), post)


class Affine(Full):
    """Full with one mistake."""

    def apply(self, w, x):
        return x @ w + 1.0


class Rectified(Full):
    """Full with one mistake."""

    def apply(self, w, x):
        return jnp.maximum(x, 0.0) @ w


class Squares(Full):
    """Full with one mistake."""

    def apply(self, w, x):
        return x @ (w * jnp.abs(w))


class LyingPost(Full):
    """Full with one mistake."""

    def dims(self):
        return {**super().dims(), "post": {"post": self.n_post + 1}}

    def transpose(self, w, post):
        return post[..., :-1] @ w.T

    def outer(self, w, pre, post):
        return super().outer(w, pre, post[..., :-1])


class LanesOfMap(Full):
    """Full with one mistake."""

    def apply(self, w, x):
        return (x - x.mean(0)) @ w if x.ndim > 1 else x @ w


class Float32Map(Full):
    """Full with one mistake."""

    def apply(self, w, x):
        return (x @ w).astype(jnp.float32)

    def transpose(self, w, post):
        return post @ w.T

    def outer(self, w, pre, post):
        return w


class WrongFanIn(Full):
    """Full with one mistake."""

    def fan_in(self, w):
        return w.sum(1)


class Disconnected(Full):
    """Full with one mistake."""

    def apply(self, w, x):
        return 0.0 * (x @ w)


class BranchesOnWeights(Full):
    """Full with one mistake."""

    def apply(self, w, x):
        return x @ w if isinstance(w, jax.core.Tracer) or w.sum() > -1e9 else x

    def outer(self, w, pre, post):
        return jnp.einsum("...i,...j->ij", pre, post) if float(pre.sum()) else 0.0 * w


class CountsInPython(Full):
    """Full with one mistake."""

    scale: Param = parameter(default=2.0, doc="factor on the sums")

    def apply(self, w, x):
        return self.scale * (x @ w)

    def fan_in_count(self):
        return float(self.fan_in(jnp.ones(self.size("weights"))).max())


class Picks(Topology):
    """One post-synaptic unit for each pre-synaptic unit in a list."""

    source: Any
    n_pre: int = static(default=5, dim="pre", doc="number of pre-synaptic units")

    def dims(self):
        edges = {"edge": len(self.source)}
        return {"pre": {"pre": self.n_pre}, "post": edges, "weights": edges}

    def apply(self, w, x):
        return w * x[..., self.source]

    def coords(self):
        return {"source": ("edge", self.source)}


class PicksInPython(Picks):
    """Picks with one mistake."""

    def draw(self, initialiser, key):
        return initialiser(key, (1 + max(int(i) for i in self.source),))[: len(self.source)]


class TestPicks(TopologyTests):
    make = staticmethod(lambda: Picks(np.array([0, 3, 3])))


class Factors(Topology):
    """A matrix of which the weights are two factors: twice the factors are four times the matrix."""

    n_pre: int = static(dim="pre", doc="number of pre-synaptic units")
    n_post: int = static(dim="post", doc="number of post-synaptic units")

    class Parts(NamedTuple):
        left: Any
        right: Any

    def dims(self):
        pre, rank, post = {"pre": self.n_pre}, {"rank": 2}, {"post": self.n_post}
        return {"pre": pre, "post": post, "weights": {"left": pre | rank, "right": rank | post}}

    def apply(self, w, x):
        return x @ w.left @ w.right

    def draw(self, initialiser, key):
        return self.Parts(initialiser(key, (self.n_pre, 2)), initialiser(key, (2, self.n_post)))


def test_weights_that_are_factors_fail_only_what_asks_for_a_map_linear_in_all_of_them():
    tests = type("Tests", (TopologyTests,), {"topology": Factors(3, 4)})
    failed = {r.name for r in tests.results("Factors") if r.status == "failed"}
    assert failed == {"Factors: linear in weights", "Factors: outer is adjoint"}


class UndocumentedMap(Full):
    pass


TOPOLOGY_MISTAKES = [
    (WrongTranspose, "transpose_is_adjoint", r"<x, transpose\(w, y\)> is not <B\(w, x\), y>: off by"),
    (WrongTranspose, "each_weight_and_unit", r"transpose is not the gradient by x"),
    (OuterIsMean, "outer_is_adjoint", r"<w, outer\(x, y\)> is not <B\(w, x\), y>: off by"),
    (OuterIsMean, "lanes_are_independent", r"outer of a batch is not the sum over its samples"),
    (OuterOfSilence, "each_weight_and_unit", r"outer is not the gradient by w"),
    (Affine, "linear_in_inputs", r"B\(w, 0\) is not 0: off by 1\."),
    (Rectified, "linear_in_inputs", r"not linear in x"),
    (Squares, "linear_in_weights", r"not linear in w"),
    (LyingPost, "dims", r"apply gives \(\(4,\), 'float64'\), expected \(\(5,\), 'float64'\)"),
    (LanesOfMap, "lanes_are_independent", r"apply of a batch is not that of its samples"),
    (Float32Map, "dims", r"apply gives \(\(4,\), 'float32'\), expected \(\(4,\), 'float64'\)"),
    (WrongFanIn, "fan_in", r"fan_in\(w\) is not B\(w, 1\)"),
    (Disconnected, "fan_in", r"no unit has a synapse \(fan_in_count is 0\.0\)"),
    (BranchesOnWeights, "transformations", r"traced|Tracer"),
    (CountsInPython, "runs_in_a_circuit", r"traced|Tracer"),
    (lambda *_: PicksInPython(np.array([0, 1, 2])), "runs_in_a_circuit", r"traced|Tracer"),
    (UndocumentedMap, "documentation", r"UndocumentedMap has no docstring"),
]


@pytest.mark.parametrize(("cls", "name", "message"), TOPOLOGY_MISTAKES)
def test_a_mistake_in_a_topology_is_caught(cls, name, message):
    tests = type("Tests", (TopologyTests,), {"topology": cls(3, 4)})
    with pytest.raises((AssertionError, TypeError), match=message):
        getattr(tests(), f"test_{name}")()


# ---- rules with one mistake each -----------------------------------------------------------------------------------


class PeeksAtOthers(Pair):
    """Pair with one mistake."""

    def terms(self, s, pre, post, x, tick):
        new, (up, *rest) = super().terms(s, pre, post, x, tick)
        return new, [up._replace(pre=up.pre - up.pre.mean(-1, keepdims=True)), *rest]


class PeeksAtWeights(Pair):
    """Pair with one mistake."""

    def terms(self, s, pre, post, x, tick):
        new, (up, *rest) = super().terms(s, pre, post, x, tick)
        return new, [up._replace(gate=lambda w: w / w.sum()), *rest]


class ForgetsTerm(Pair):
    """Pair with one mistake."""

    def change(self, s, topology, weights, pre, post, x, tick, reduce="mean"):
        s, terms = self.terms(s, pre, post, x, tick)
        return s, learn(topology, weights, terms[:-1], batch=tick.batch, reduce=reduce)


class ForgetsBias(Pair):
    """Pair with one mistake."""

    def change(self, s, topology, weights, pre, post, x, tick, reduce="mean"):
        s, change = super().change(s, topology, weights, pre, post, x, tick, reduce)
        return s, change._replace(b=0.0 * change.b)


class GatesEachSample(Pair):
    """Pair with one mistake: what is squared is the sum over edges, not each edge."""

    def change(self, s, topology, weights, pre, post, x, tick, reduce="mean"):
        s, change = super().change(s, topology, weights, pre, post, x, tick, reduce)
        return s, change._replace(w=change.w * jnp.abs(change.w))


class AlwaysMean(Pair):
    """Pair with one mistake."""

    def change(self, s, topology, weights, pre, post, x, tick, reduce="mean"):
        return super().change(s, topology, weights, pre, post, x, tick, reduce and "mean")


class NeverPerSample(Pair):
    """Pair with one mistake."""

    def change(self, s, topology, weights, pre, post, x, tick, reduce="mean"):
        return super().change(s, topology, weights, pre, post, x, tick, reduce or "mean")


class Restless(Pair):
    """Pair with one mistake."""

    def terms(self, s, pre, post, x, tick):
        new, terms = super().terms(s, pre, post, x, tick)
        return new, [*terms, Term(1.0, 0.01)]


class RootBeyond(Pair):
    """Pair with one mistake."""

    def terms(self, s, pre, post, x, tick):
        new, (up, *rest) = super().terms(s, pre, post, x, tick)
        return new, [up._replace(gate=lambda w: jnp.sqrt(self.w_max - w)), *rest]


class TraceOfAllLanes(Pair):
    """Pair with one mistake."""

    def terms(self, s, pre, post, x, tick):
        new, terms = super().terms(s, pre, post, x, tick)
        return new.replace(x_pre=new.x_pre + pre.mean(0)), terms


class TraceIgnoresDt(Pair):
    """Pair with one mistake."""

    def terms(self, s, pre, post, x, tick):
        return super().terms(s, pre, post, x, tick.replace(dt=1.0))


class Rewarded(Rule):
    """Hebbian, times a reward of each sample."""

    class Late(Ports):
        reward: Float[Array, "*batch"] = port(doc="reward")

    def reward(self, x, post):
        return x.reward.reshape(x.reward.shape + (1,) * (post.ndim - x.reward.ndim))

    def terms(self, s, pre, post, x, tick):
        return s, [Term(pre, self.reward(x, post) * post)]


class RewardOfOneAxis(Rewarded):
    """Rewarded with one mistake: right only where there is one post-synaptic axis."""

    def reward(self, x, post):
        return x.reward[..., None]


class TestRewarded(RuleTests):
    rule = Rewarded()


RULE_MISTAKES = [
    (PeeksAtOthers, "equals_loop_over_edges", r"dw: PeeksAtOthers\(\) on Full.*: not the sum over edges"),
    (PeeksAtWeights, "equals_loop_over_edges", r"dw: .*not the sum over edges"),
    (ForgetsTerm, "equals_loop_over_edges", r"dw: .*not the sum over edges"),
    (ForgetsBias, "equals_loop_over_edges", r"db: .*not the sum over edges"),
    (GatesEachSample, "equals_loop_over_edges", r"dw: .*not the sum over edges"),
    (AlwaysMean, "equals_loop_over_edges", r"dw: .* on Full.*, sum over 4 samples: not the sum over edges"),
    (AlwaysMean, "per_sample_changes", r"the sum of the changes"),
    (NeverPerSample, "per_sample_changes", r"changes of 4 samples are \(3, 4\), not \(4, 3, 4\)"),
    (Restless, "silence_changes_nothing", r"Restless changes weights without any activity"),
    (RootBeyond, "extreme_weights", r"RootBeyond: a weight of 1 does not stay finite"),
    (TraceOfAllLanes, "lanes_are_independent", r"plasticity\.x_pre: Synapse: samples 0 and 2 see what sample 1 is fed"),
    (RewardOfOneAxis, "equals_loop_over_edges", r"dw: RewardOfOneAxis\(\) on Grid\(\), mean over 4 samples: not"),
    (TraceIgnoresDt, "time_step_matters", r"Synapse\.plasticity\.x_pre depends on Synapse\.plasticity\.tau \[ms\]"),
]


@pytest.mark.parametrize(("cls", "name", "message"), RULE_MISTAKES)
def test_a_mistake_in_a_rule_is_caught(cls, name, message):
    inputs = {"plasticity.dopamine": (-1.0, 1.0)} if issubclass(cls, Pair) else {}
    tests = type("Tests", (RuleTests,), {"rule": cls(), "inputs": inputs})
    with pytest.raises(AssertionError, match=message):
        getattr(tests(), f"test_{name}")()


# ---- the kit itself ------------------------------------------------------------------------------------------------


def test_what_is_made_differently_each_time_is_compiled_each_time():
    tests = type("Tests", (ComponentTests,), {"make": staticmethod(lambda: OtherEachTime(4))})
    with pytest.raises(AssertionError, match="two that were made alike have different structures"):
        tests().test_pytree()


def test_a_check_that_is_left_out_says_why():
    tests = type("Tests", (ComponentTests,), {"component": IgnoresDt(4), "skip": {"test_time_step_matters": "as told"}})
    results = {r.name: r for r in tests.results("it")}
    skipped = results.pop("it: time step matters")
    assert (skipped.status, skipped.message, skipped.ok) == ("skipped", "as told", True)
    assert {r.name: r.message for r in results.values() if r.status == "failed"} == {}


def test_a_check_that_does_not_exist_cannot_be_left_out():
    with pytest.raises(TypeError, match=r"Tests\.skip names no check: 'test_purit'\. Did you mean 'test_purity'\?"):
        type("Tests", (ComponentTests,), {"component": Leak(4), "skip": {"test_purit": "no reason"}})


def test_an_input_that_does_not_exist_cannot_be_fed():
    tests = type("Tests", (ComponentTests,), {"component": Leak(4), "inputs": {"jj": 1.0}})
    with pytest.raises(TypeError, match=r"Leak has no input 'jj'\. Did you mean 'j'\?"):
        tests().test_reset()


def test_inputs_are_what_was_asked_for():
    wanted = {"x": (2.0, 3.0), "flag": (0, 1), "count": (4, 6), "plain": 7.0, "row": np.arange(3.0)}

    class Fed(Component):
        """One of each kind of input."""

        class In(Ports):
            x: Float[Array, "*batch unit"] = port(doc="a range")
            flag: Bool[Array, "*batch unit"] = port(doc="a truth")
            count: Int[Array, "*batch unit"] = port(doc="a count")
            plain: Float[Array, ""] = port(doc="one number for all")
            row: Float[Array, "*batch unit"] = port(doc="an array")

        def dims(self):
            return {"unit": 3}

    feeds = Bench(Fed(), wanted, dt=1.0, steps=50).feeds((2,))
    x, flag, count, plain, row = (np.asarray(feeds[f"Fed.{name}"]) for name in wanted)
    assert x.shape == flag.shape == count.shape == row.shape == (50, 2, 3)
    assert plain.shape == (50,) and (plain == 7.0).all()
    assert x.min() >= 2.0 and x.max() <= 3.0 and len(np.unique(x)) > 250
    assert flag.dtype == bool and 0.3 < flag.mean() < 0.7
    assert set(count.ravel()) == {4, 5, 6}
    assert (row == np.arange(3.0)).all()


def test_randomness_is_found_wherever_it_is():
    def is_random(component):
        return Bench(component, {}, dt=1.0, steps=1).is_random

    assert not is_random(Leak(4))
    assert is_random(Adaptive(4))
    assert is_random(Synapse(Full(3, 4), plasticity=Noisy()))


class Noisy(Rule):
    """Random changes."""

    def terms(self, s, pre, post, x, tick):
        return s, [Term(pre, post * jax.random.normal(tick.key, post.shape))]


def test_a_rule_whose_parameters_are_distributions():
    tests = type("Tests", (RuleTests,), {"rule": Pair(tau=Uniform(5.0, 40.0)), "topologies": [Shared(4, 2)]})
    tests().test_equals_loop_over_edges()
    tests().test_per_sample_changes()


def test_random_rules_are_not_compared_edge_by_edge():
    tests = type("Tests", (RuleTests,), {"rule": Noisy()})
    with pytest.raises(SkipTest, match="it draws random numbers"):
        tests().test_equals_loop_over_edges()


# ---- what is installed ---------------------------------------------------------------------------------------------


def test_everything_of_core_conforms():
    results = check("bouton")
    assert [r for r in results if r.status == "failed"] == []
    assert {r.name: r.message for r in results if r.status == "skipped"} == {
        "component Synapse: can be made with defaults": "it needs 'topology'.",
        "component Delay: can be made with defaults": "it needs 'shape'.",
        "initialiser Given: can be made with defaults": "it needs 'values'.",
        **{
            f"initialiser {name}: can be made with defaults": "it needs 'inner'."
            for name in ("Bounded", "Hollow", "Scaled", "Thinned", "Triangle")
        },
        "release CurrentNormalised: time step matters": "it has no parameter in ms.",
        "transmission Instant: time step matters": "it has no parameter in ms.",
        "demo digits: can be made with defaults": "a demo is run by `bouton demo`.",
    }
    ran = {r.name for r in results}
    assert {"initialiser Eye: draws", "constraint Normalise: projects", "surrogate Arctan: slope"} <= ran
    assert {f"integrator {name}: converges" for name in ("euler", "heun", "rk4", "exp_euler", "exact")} <= ran


GOOD = '''
"""Parts of a plugin that conform."""

import bouton
import jax.numpy as jnp
from bouton import Param, parameter
from bouton.testing import Full


class Ring(Full):
    """All-to-all under another name."""


class Halves(bouton.Constraint):
    """No weight above a half."""

    def __call__(self, topology, w):
        return jnp.minimum(w, 0.5)


class Room(bouton.Bound):
    """Changes shrink with the room below 1 and above 0."""

    def grow(self, w):
        return jnp.maximum(1.0 - w, 0.0)

    def shrink(self, w):
        return jnp.maximum(w, 0.0)


class Scale(bouton.Release):
    """Released is a multiple of what comes."""

    factor: Param = parameter(default=2.0, doc="the factor")

    def advance(self, s, topology, w, pre, x, tick):
        return s, topology.apply(w, self.factor * pre)


def Doubled(factor=2.0):
    """A synapse that doubles."""
    return bouton.Synapse(Full(2, 3), gain=factor)


def Sized(n_units):
    """A synapse of a size."""
    return bouton.Synapse(Full(n_units, n_units))


def show():
    """A demonstration."""
'''

BAD = '''
"""Parts of a plugin that do not conform."""

import bouton
import jax.numpy as jnp


class Grows(bouton.Constraint):
    """Weights that grow."""

    def __call__(self, topology, w):
        return 2.0 * w


class Counts(bouton.Initialiser):
    """Ones, as integers."""

    def __call__(self, key, shape, *, fan_in=None):
        return jnp.ones(shape, int)


class Rises(bouton.Bound):
    """Below zero beyond its ends."""

    def grow(self, w):
        return 1.0 - w

    def shrink(self, w):
        return 1.0


class Sums(Rises):
    """Looks at all weights at once."""

    def grow(self, w):
        return jnp.abs(w).sum()


class Steep(bouton.Surrogate):
    """Infinitely steep."""

    def __call__(self, u):
        return 1.0 / (0.0 * u)


class Quiet(bouton.Component):
    def advance(self, s, x, tick):
        return s, self.Out()


def lazy_euler(f, y, dt):
    """Half a step."""
    return tuple(v + dt / 2 * k for v, k in zip(y, f(y)))


def number():
    return 1.0
'''


def test_check_runs_all_that_a_plugin_registers(site, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(site.folder))
    site.module("good_parts", GOOD)
    kinds = {"topology": ["Ring"], "constraint": ["Halves"], "release": ["Scale"], "demo": ["show"]}
    kinds["bound"] = ["Room"]
    kinds["recipe"] = ["Doubled", "Sized"]
    site.plugin("good", {kind: {name: f"good_parts:{name}" for name in names} for kind, names in kinds.items()})
    with PluginSet.discover().use():
        found = check("good")
    results = {r.name: r for r in found}
    assert len(results) == len(found), "a check is run twice"
    assert {n: r.message for n, r in results.items() if r.status == "failed"} == {}
    for name in (
        "good: listing stays light",
        "topology Ring: transpose is adjoint",
        "constraint Halves: projects",
        "release Scale: lanes are independent",
        "bound Room: factors",
        "recipe Doubled: gradients are finite",
        "demo show: documentation",
    ):
        assert results[name].status == "ok"
    assert results["recipe Sized: can be made with defaults"].message == "it needs 'n_units'."
    assert results["demo show: can be made with defaults"].message == "a demo is run by `bouton demo`."


def test_check_says_what_is_wrong_with_a_plugin(site, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(site.folder))
    site.module("bad_parts", BAD)
    kinds = {"constraint": ["Grows"], "initialiser": ["Counts"], "surrogate": ["Steep", "Gone"]}
    kinds |= {"integrator": ["lazy_euler"], "bound": ["Rises", "Sums"]}
    kinds |= {"component": ["Quiet"], "topology": ["Quiet"], "recipe": ["number"]}
    site.plugin("bad", {kind: {name: f"bad_parts:{name}" for name in names} for kind, names in kinds.items()})
    with PluginSet.discover().use():
        failed = {r.name: r.message for r in check("bad") if not r.ok}
    assert "bad_parts has no 'Gone'" in failed.pop("surrogate Gone: loads")
    assert failed == {
        "constraint Grows: projects": "Grows is no projection: twice is not once.",
        "initialiser Counts: draws": "Counts gives int32.",
        "bound Rises: factors": "Rises.grow gives a factor below 0, or none.",
        "bound Sums: factors": "Sums.grow is no function of one weight.",
        "surrogate Steep: slope": "Steep gives a slope that is not finite.",
        "integrator lazy_euler: converges": "its error falls from 0.38 to 0.38 only.",
        "component Quiet: documentation": "Quiet has no docstring: say what it does, with equation and units.",
        "topology Quiet: is of its kind": (
            "bad_parts:Quiet is registered as topology; that must be a subclass of bouton.Topology."
        ),
        "recipe number: documentation": "number has no docstring: say what it does, with equation and units.",
        "recipe number: can be made with defaults": "number makes 1.0; a recipe makes a component.",
    }


def test_the_kit_needs_no_pytest():
    code = "import sys, bouton.testing\nassert not {'pytest', 'xarray', 'zarr'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_plugin_that_loads_jax_when_it_is_listed(site, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(site.folder))
    site.module("heavy_parts", "import bouton\n\nclass HeavyCell(bouton.Component):\n    'a cell'\n")
    site.plugin("heavy", {"component": {"HeavyCell": "heavy_parts:HeavyCell"}})
    hook = site.folder / "heavy_hook.py"
    hook.write_text("import jax\n" + hook.read_text())
    (cell,) = (e.load() for e in PluginSet.discover().entries("component") if e.plugin.dist == "heavy")
    tests = type("Tests", (ComponentTests,), {"component": cell()})
    with pytest.raises(AssertionError, match=r"listing the plugins of heavy loads jax, numpy: import those where"):
        tests().test_listing_stays_light()
