"""Every rule on every topology: what it does is the sum over the edges, written out in NumPy.

`python integration_tests/test_rules_on_topologies.py` writes what comes out of it as a table for the docs.
"""

import dataclasses
import itertools
import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import Bound, Circuit, CircuitError, Given, InverseDecay, Plasticity, Synapse, Tick
from bouton_competitive import Instar, Storage
from bouton_learning import (
    BCM,
    Averaged,
    Bounds,
    Decayed,
    Eligibility,
    EventSTDP,
    ExpSTDP,
    GerstnerHebbian,
    HardBound,
    Hebbian,
    InhibitorySTDP,
    MagnitudeBound,
    Modulated,
    Oja,
    Optimised,
    Prior,
    Scheduled,
    SoftBound,
    TraceSTDP,
    TripletSTDP,
    VoltageInhibitorySTDP,
)
from bouton_synapses_conv import Conv, Deconv, Lateral, Local2d, Pool2d, UpConv
from bouton_synapses_dense import MPS, AllToAll, Dense, FanOut, OneToOne, Pairs, Patched, Probability, Sparse

TABLE = Path(__file__).parents[1] / "docs" / "measured" / "rules-on-topologies.md"
DT = 0.5
ACTIVE = (0.6, 0.3, 0.9, 0.1, 0.5, 0.4)  # share of the units that spike, in each step
TITLE = """\
### Measured: every rule on every topology

Each rule learns for six steps of 0.5 ms from random spikes (or rates), with one sample and with a batch of four, on
each topology in several forms. Weights and bias after each step are compared, to nine digits, with a sum over edges
that is written out in NumPy: an edge has traces, thresholds and weight factors of its own, and a weight that many edges
share gets the sum of what they say, as does a bias that units share. Inhibitory edges, where a topology has signs,
learn like the others: in magnitude. What wrappers make of that sum is written out from their equations. The cores of
MPS get it by the chain rule.

- *equal*: they agree, in every form;
- *needs the weight*: refused, because the rule depends on the weight of an edge, which a product of cores has not;
- *counts edges*: refused, because the edges that share an entry of a core cannot be counted;
- *no weights*: refused, because there is nothing to learn.

What is refused raises a `CircuitError` before anything is computed. The page is what
`python integration_tests/test_rules_on_topologies.py` writes.
"""

SIGNS = np.array([1.0, -1.0, 1.0, -1.0])
SOME = Pairs([3, 0, 0, 2, 1, 3], [1, 2, 0, 2, 1, 0])
TOPOLOGIES: dict[str, dict[str, Callable[[], Any]]] = {
    "Dense": {
        "all to all": lambda: Dense(4, 3),
        "masked": lambda: Dense(4, 5, connect=Probability(0.5), seed=1),
        "signed": lambda: Dense(4, 3, sign=SIGNS),
        "masked and signed": lambda: Dense(4, 4, connect=AllToAll(autapses=False), sign=SIGNS),
    },
    "OneToOne": {"pairs": lambda: OneToOne(5)},
    "Sparse": {
        "equal fan-out": lambda: Sparse(4, 5, FanOut(2)),
        "drawn, signed": lambda: Sparse(4, 5, Probability(0.5), sign=SIGNS),
        "given pairs out of order, some twice": lambda: Sparse(
            4, 3, Pairs([3, 0, 0, 2, 1, 3, 0], [1, 2, 0, 2, 1, 0, 2], multapses=True)
        ),
        "one weight": lambda: Sparse(4, 3, SOME, shared=True),
        "one weight, signed": lambda: Sparse(4, 3, SOME, sign=SIGNS, shared=True),
    },
    "Patched": {
        "blocks": lambda: Patched(6, 4, 2),
        "overlap and margins": lambda: Patched(6, 8, 2, overlap=(1, 2)),
    },
    "MPS": {"two cores": lambda: MPS(4, 3, rank=2)},
    "Conv": {
        "1-D, stride": lambda: Conv((5, 2), kernel=3, channels_out=2, stride=2),
        "2-D": lambda: Conv((3, 4, 1), kernel=3, channels_out=2),
        "2-D, strides, explicit padding": lambda: Conv((4, 3, 1), (3, 2), 2, stride=(2, 1), padding=((1, 0), (2, 1))),
        "2-D, dilation, no padding": lambda: Conv((4, 5, 1), 2, 2, dilation=(3, 2), padding="VALID"),
        "2-D, groups": lambda: Conv((3, 2, 2), kernel=2, channels_out=4, groups=2),
        "3-D": lambda: Conv((2, 3, 2, 1), kernel=(2, 2, 1), channels_out=2),
    },
    "Deconv": {
        "1-D, stride": lambda: Deconv(Conv((5, 2), kernel=3, channels_out=2, stride=2)),
        "2-D, stride, dilation": lambda: Deconv(Conv((5, 3, 1), 2, 2, stride=2, dilation=(2, 1))),
        "3-D, groups": lambda: Deconv(Conv((2, 2, 1, 2), kernel=2, channels_out=2, groups=2)),
    },
    "UpConv": {
        "1-D, dilation, groups": lambda: UpConv((3, 2), kernel=2, channels_out=2, stride=2, groups=2, dilation=2),
        "2-D, stride": lambda: UpConv((2, 2, 1), kernel=(3, 2), channels_out=2, stride=2),
        "3-D, all places": lambda: UpConv((1, 2, 2, 1), 2, 1, stride=(1, 2, 1), padding="VALID"),
    },
    "Local2d": {
        "same size": lambda: Local2d((3, 3, 1), kernel=2, channels_out=2),
        "stride, dilation, groups": lambda: Local2d((4, 3, 2), 2, 2, stride=2, dilation=2, groups=2),
    },
    "Lateral": {
        "1-D": lambda: Lateral((4, 2), kernel=3),
        "2-D, inhibits, no centre": lambda: Lateral((3, 2, 2), kernel=(3, 3, 1), centre=False, sign=-1),
        "3-D": lambda: Lateral((2, 2, 2, 2), kernel=(3, 1, 3, 3)),
    },
    "Pool2d": {
        "means": lambda: Pool2d((4, 3, 1), (2, 2)),
        "sums": lambda: Pool2d((4, 4, 1), (2, 2), reduce="sum"),
    },
}
FORMS = [(name, form) for name, forms in TOPOLOGIES.items() for form in forms]


# ---- edges -----------------------------------------------------------------------------------------------------------


class Edges:
    """What joins a pre- to a post-synaptic unit, found by what the map makes of unit weights and unit inputs."""

    def __init__(self, topology: Any) -> None:
        shapes = {which: topology.size(which) for which in ("weights", "pre", "post")}
        units = {which: np.eye(math.prod(shape)).reshape(-1, *shape) for which, shape in shapes.items()}
        maps = jax.vmap(lambda w: topology.apply(w, jnp.asarray(units["pre"])))(jnp.asarray(units["weights"]))
        maps = np.asarray(maps).reshape(*map(len, units.values()))
        self.weight, self.pre, self.post = np.nonzero(maps)
        self.number = np.zeros((len(self.weight), len(maps)))
        """How often an edge has a weight, (edge, weight): 2, where two edges with one weight join the same units."""
        self.number[np.arange(len(self.weight)), self.weight] = np.abs(maps[np.nonzero(maps)])

    def weights(self, w: np.ndarray) -> np.ndarray:
        """The weight of each edge."""
        return w[self.weight]

    def on_weights(self, w: np.ndarray, changes: np.ndarray) -> np.ndarray:
        """From (sample, edge) to (sample, weight): the sum over the edges that share a weight."""
        return changes @ self.number

    def mean(self, values: np.ndarray) -> np.ndarray:
        """From (sample, edge) to (sample, weight): the mean over the edges that share a weight."""
        return values @ self.number / np.maximum(self.number.sum(0), 1.0)


class ProductEdges(Edges):
    """The edges of a matrix that is the product of two cores: what changes it reaches them by the chain rule."""

    def __init__(self, topology: Any) -> None:
        self.sizes = n_pre, n_post, rank = topology.n_pre, topology.n_post, topology.rank
        self.pre, self.post = (places.ravel() for places in np.indices((n_pre, n_post)))
        of_first = np.kron(np.eye(n_pre), np.ones((n_post, rank)))
        of_second = np.array([[j == other for _ in range(rank) for other in range(n_post)] for j in self.post], float)
        self.number = np.hstack([of_first, of_second])

    def weights(self, w: np.ndarray) -> np.ndarray:
        return np.full(len(self.pre), np.nan)  # rules that ask for it are refused

    def on_weights(self, w: np.ndarray, changes: np.ndarray) -> np.ndarray:
        n_pre, n_post, rank = self.sizes
        first, second = w[: n_pre * rank].reshape(n_pre, rank), w[n_pre * rank :].reshape(rank, n_post)
        matrices = changes.reshape(-1, n_pre, n_post)
        return np.hstack(
            [np.stack([part(m).ravel() for m in matrices]) for part in (lambda m: m @ second.T, lambda m: first.T @ m)]
        )


# ---- the rules in NumPy: values at each edge and for each sample -----------------------------------------------------


def one(w):
    return 1.0


def soft(low, high, mu=1.0, two_sided=False):
    up, down = (lambda w: np.maximum(high - w, 0.0) ** mu), (lambda w: np.maximum(w - low, 0.0) ** mu)
    both = lambda w: up(w) * down(w)  # noqa: E731
    return (both, both) if two_sided else (up, down)


def hard(low, high, two_sided=False):
    up, down = (lambda w: np.where(w < high, 1.0, 0.0)), (lambda w: np.where(w > low, 1.0, 0.0))
    both = lambda w: up(w) * down(w)  # noqa: E731
    return (both, both) if two_sided else (up, down)


def magnitude(high):
    return (lambda w: np.maximum(high - np.abs(w), 0.0),) * 2


class Leaky:
    """A trace at each edge: `before` and `after` this step's spike has entered it."""

    def __init__(self, tau, nearest=False):
        self.tau, self.nearest, self.after = tau, nearest, 0.0

    def __call__(self, spikes):
        self.before = self.after * np.exp(-DT / self.tau)
        self.after = np.where(spikes > 0, 1.0, self.before) if self.nearest else self.before + spikes
        return self


def hebbian(eta=1.0, alpha=1.0, beta=1.0, bound=(one, one)):
    return lambda w, x: eta * bound[0](w) * alpha * x.pre * beta * x.post


def trace_stdp(a_plus, a_minus, x_tar=0.0, tau_pre=20.0, tau_post=20.0, nearest=False, read="before", bound=(one, one)):
    pre, post = Leaky(tau_pre, nearest), Leaky(tau_post, nearest)

    def change(w, x):
        x_pre, x_post = (getattr(trace, read) for trace in (pre(x.pre), post(x.post)))
        return a_plus * bound[0](w) * (x_pre - x_tar) * x.post - a_minus * bound[1](w) * x.pre * x_post

    return change


def wired_trace_stdp(a_plus, a_minus):
    return lambda w, x: a_plus * x.trace_pre * x.post - a_minus * x.pre * x.trace_post


def exp_stdp(a_plus, a_minus, beta, x_tar, w_max):
    pre, post = Leaky(20.0), Leaky(20.0)

    def change(w, x):
        x_pre, x_post = pre(x.pre).before, post(x.post).before
        up = a_plus * (np.exp(-beta * w) * x_pre - np.exp(-beta * (w_max - w)) * x_tar) * x.post
        return up - a_minus * np.exp(-beta * w) * x.pre * x_post

    return change


def event_stdp(a_plus, a_minus, lmbda, window, w_max):
    history = []

    def change(w, x):
        history.append(x.pre > 0)
        recent = np.any(history[-round(window / DT) :], axis=0)
        up, down = a_plus * (w_max - (1 + lmbda) * w), -a_minus * (1 + lmbda) * w
        return x.post * np.where(recent, up, down)

    return change


def triplet_stdp(a2_plus, a3_plus, a2_minus, a3_minus, taus, nearest=False, bound=(one, one)):
    traces = [Leaky(tau, nearest) for tau in taus]

    def change(w, x):
        r1, r2, o1, o2 = (t(s).before for t, s in zip(traces, (x.pre, x.pre, x.post, x.post), strict=True))
        up = bound[0](w) * r1 * (a2_plus + a3_plus * o2) * x.post
        return up - bound[1](w) * x.pre * (a2_minus + a3_minus * r2) * o1

    return change


def inhibitory_stdp(eta, rho, taus, excitatory=False, read="before", bound=(one, one)):
    pre, post = map(Leaky, taus)
    # the mean of a trace for one spike per ms: a sum over all earlier steps, in each of which there are dt spikes
    first = 0 if read == "after" else 1
    alpha = 1e-3 * rho * sum(DT * np.exp(-np.arange(first, 100_000) * DT / tau).sum() for tau in taus)

    def change(w, x):
        x_pre, x_post = (getattr(trace, read) for trace in (pre(x.pre), post(x.post)))
        pairs, alone = x_pre * x.post + x.pre * x_post, x.pre * alpha
        if excitatory:
            return eta * (bound[0](w) * alone - bound[1](w) * pairs)
        return eta * (bound[0](w) * pairs - bound[1](w) * alone)

    return change


def voltage_inhibitory_stdp(eta, v_target, bound=(one, one)):
    pre = Leaky(20.0)

    def change(w, x):
        above, below = np.maximum(x.v - v_target, 0.0), np.maximum(v_target - x.v, 0.0)
        return eta * DT * pre(x.pre).before * (bound[0](w) * above - bound[1](w) * below)

    return change


def gerstner(eta, c0, c1_pre, c1_post, c2):
    return lambda w, x: eta * (c0 * w + c1_pre * x.pre + c1_post * x.post + c2 * x.pre * x.post)


def bcm(tau_w, tau_theta, theta, scaled=False, bound=(one, one)):
    def change(w, x):
        nonlocal theta
        slope = x.post * (x.post - theta) / (theta if scaled else 1.0)
        theta = theta + x.reduced((1 - np.exp(-DT / tau_theta)) * (x.post**2 - theta))
        # pre may be negative: what f_+ and f_- gate is the activity above and below the threshold
        return DT / tau_w * x.pre * slope * np.where(slope > 0, bound[0](w), bound[1](w))

    return change


def oja(eta):
    return lambda w, x: eta * (x.pre * x.post - x.post**2 * w)


def instar(eta):
    return lambda w, x: eta * x.post * (x.pre - w)


def less_baseline(tau):
    """Modulators of all samples, less the running mean of those before them."""
    mean = 0.0

    def above(m):
        nonlocal mean
        off = m - mean
        mean = mean + (1 - np.exp(-DT / tau)) * off
        return off

    return above


def modulated(rule, tau_baseline=None):
    above = less_baseline(tau_baseline) if tau_baseline else lambda m: m
    return lambda w, x: above(x.modulator) * rule(w, x)


def scheduled(rule, start, tau):
    steps = itertools.count()
    return lambda w, x: start / (1 + next(steps) * DT / tau) * rule(w, x)


def modulated_units(rule):
    return lambda w, x: x.unit_modulator * rule(w, x)


# ---- the wrappers in NumPy: values at each weight and for each sample ------------------------------------------------


def summed(rule):
    """Without a wrapper: the sum over the edges that share a weight."""
    return lambda e, w, x: e.on_weights(w, rule(e.weights(w), x))


def eligibility(said, tau, eta, tau_baseline=None, per_unit=False):
    trace, above = 0.0, less_baseline(tau_baseline) if tau_baseline else lambda m: m

    def change(e, w, x):
        nonlocal trace
        trace = trace * np.exp(-DT / tau) + said(e, w, x)
        return eta * DT * (e.mean(x.unit_modulator) if per_unit else above(x.modulator)) * trace

    return change


def decayed(said, tau):
    return lambda e, w, x: said(e, w, x) + (np.exp(-DT / tau) - 1) * w


def prior(said, l1, l2):
    return lambda e, w, x: said(e, w, x) - l1 * np.sign(w) - l2 * w


def averaged(said):
    return lambda e, w, x: said(e, w, x) / np.maximum(e.number.sum(0), 1.0)


class Adam:
    """Kingma & Ba (2015), algorithm 1, uphill."""

    def __init__(self, eta):
        self.eta, self.m, self.v, self.t = eta, 0.0, 0.0, 0

    def __call__(self, g):
        self.t += 1
        self.m, self.v = 0.9 * self.m + 0.1 * g, 0.999 * self.v + 0.001 * g**2
        return self.eta * (self.m / (1 - 0.9**self.t)) / (np.sqrt(self.v / (1 - 0.999**self.t)) + 1e-8)


class Nesterov:
    """Sutskever et al. (2013), with the velocity that looks ahead, uphill."""

    def __init__(self, eta):
        self.eta, self.velocity = eta, 0.0

    def __call__(self, g):
        self.velocity = 0.9 * self.velocity + g
        return self.eta * (g + 0.9 * self.velocity)


# ---- the cases -------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Case:
    """A rule, and how NumPy says what it does.

    `rule` and `expected` are made from values of the units, (pre, post) in the shape of the map or at each edge. `bias`
    says what the bias of the units is changed by, `refused` why there is no such thing without a weight for each edge.
    """

    rule: Callable[..., Any]
    expected: Callable[..., Any]
    values: str = "spikes"
    inputs: tuple[str, ...] = ()
    bias: Callable[[Any], Any] = lambda x: 0.0 * x.post
    optimiser: Callable[[], Any] = lambda: lambda g: g
    refused: str | None = None


GATE, COUNT, NO_WEIGHTS = "needs the weight", "counts edges", "no weights"
REFUSALS = {
    GATE: "a rule on it may not depend on the weight",
    COUNT: "has no weight for each edge",
    NO_WEIGHTS: "has no weights: there is nothing to learn",
}
STEPS = {"a_plus": 0.03, "a_minus": 0.02}
TRIPLET = {"a2_plus": 0.02, "a3_plus": 0.1, "a2_minus": 0.05, "a3_minus": 0.03}
TAUS = {"tau_plus": 16.8, "tau_x": 101.0, "tau_minus": 33.7, "tau_y": 125.0}
EVENT = {"lmbda": 0.1, "window": 1.0, "w_max": 0.9}
EXP = {"beta": 1.5, "x_tar": 0.3, "w_max": 0.8}
GERSTNER = {"eta": 0.03, "c0": -0.2, "c2": 0.7}


def plain():
    return summed(trace_stdp(**STEPS))


CASES = {
    "Hebbian": Case(
        lambda a, b: Hebbian(eta=0.1, pre_factor=a, post_factor=b),
        lambda a, b: summed(hebbian(0.1, a, b)),
        "rates",
        bias=lambda x: 0.1 * x.b * x.post,
    ),
    "Hebbian, MagnitudeBound": Case(
        lambda a, b: Hebbian(eta=0.1, learns_bias=False, bound=MagnitudeBound(0.9)),
        lambda a, b: summed(hebbian(0.1, bound=magnitude(0.9))),
        "rates",
        refused=GATE,
    ),
    "TraceSTDP": Case(
        lambda a, b: TraceSTDP(**STEPS, x_tar=0.2, tau_pre=10 * a, tau_post=20 * b),
        lambda a, b: summed(trace_stdp(**STEPS, x_tar=0.2, tau_pre=10 * a, tau_post=20 * b)),
    ),
    "TraceSTDP, SoftBound": Case(
        lambda a, b: TraceSTDP(**STEPS, bound=SoftBound(0.1, 0.9, mu=0.4)),
        lambda a, b: summed(trace_stdp(**STEPS, bound=soft(0.1, 0.9, 0.4))),
        refused=GATE,
    ),
    "TraceSTDP, HardBound": Case(
        lambda a, b: TraceSTDP(**STEPS, bound=HardBound(0.2, 0.7)),
        lambda a, b: summed(trace_stdp(**STEPS, bound=hard(0.2, 0.7))),
        refused=GATE,
    ),
    "TraceSTDP, nearest, Bounds": Case(
        lambda a, b: TraceSTDP(
            **STEPS,
            trace="set",
            read="after",
            bound=Bounds(HardBound(0.2, 0.7, two_sided=True), SoftBound(0.1, 0.9, two_sided=True)),
        ),
        lambda a, b: summed(
            trace_stdp(
                **STEPS,
                nearest=True,
                read="after",
                bound=(hard(0.2, 0.7, two_sided=True)[0], soft(0.1, 0.9, two_sided=True)[1]),
            )
        ),
        refused=GATE,
    ),
    "TraceSTDP, wired traces": Case(
        lambda a, b: TraceSTDP(**STEPS, wired=True),
        lambda a, b: summed(wired_trace_stdp(**STEPS)),
        inputs=("trace_pre", "trace_post"),
    ),
    "ExpSTDP": Case(lambda a, b: ExpSTDP(**STEPS, **EXP), lambda a, b: summed(exp_stdp(**STEPS, **EXP)), refused=GATE),
    "EventSTDP": Case(
        lambda a, b: EventSTDP(**STEPS, **EVENT), lambda a, b: summed(event_stdp(**STEPS, **EVENT)), refused=GATE
    ),
    "TripletSTDP": Case(
        lambda a, b: TripletSTDP(**TRIPLET, **TAUS), lambda a, b: summed(triplet_stdp(**TRIPLET, taus=TAUS.values()))
    ),
    "TripletSTDP, nearest, SoftBound": Case(
        lambda a, b: TripletSTDP(**TRIPLET, **TAUS, trace="set", bound=SoftBound()),
        lambda a, b: summed(triplet_stdp(**TRIPLET, taus=TAUS.values(), nearest=True, bound=soft(0.0, 1.0))),
        refused=GATE,
    ),
    "InhibitorySTDP": Case(
        lambda a, b: InhibitorySTDP(eta=0.03, rho=20.0, tau_pre=10.0, tau_post=30.0),
        lambda a, b: summed(inhibitory_stdp(0.03, 20.0, (10.0, 30.0))),
    ),
    "InhibitorySTDP, excitatory, SoftBound": Case(
        lambda a, b: InhibitorySTDP(eta=0.03, rho=20.0 * b, excitatory=True, read="after", bound=SoftBound()),
        lambda a, b: summed(inhibitory_stdp(0.03, 20.0 * b, (20.0, 20.0), True, "after", soft(0.0, 1.0))),
        refused=GATE,
    ),
    "VoltageInhibitorySTDP": Case(
        lambda a, b: VoltageInhibitorySTDP(eta=2e-3),
        lambda a, b: summed(voltage_inhibitory_stdp(2e-3, -60.0)),
        inputs=("v",),
    ),
    "VoltageInhibitorySTDP, SoftBound": Case(
        lambda a, b: VoltageInhibitorySTDP(eta=2e-3, v_target=-60.0 * b, bound=SoftBound()),
        lambda a, b: summed(voltage_inhibitory_stdp(2e-3, -60.0 * b, soft(0.0, 1.0))),
        refused=GATE,
        inputs=("v",),
    ),
    "GerstnerHebbian": Case(
        lambda a, b: GerstnerHebbian(**GERSTNER, c1_pre=b, c1_post=-a),
        lambda a, b: summed(gerstner(**GERSTNER, c1_pre=b, c1_post=-a)),
        "rates",
        refused=GATE,
    ),
    "BCM": Case(lambda a, b: BCM(tau_w=30.0, tau_theta=5.0 * b), lambda a, b: summed(bcm(30.0, 5.0 * b, 0.1)), "rates"),
    "BCM, scaled, MagnitudeBound": Case(
        lambda a, b: BCM(tau_w=30.0, tau_theta=5.0, theta0=0.3 * b, scaled="theta", bound=MagnitudeBound()),
        lambda a, b: summed(bcm(30.0, 5.0, 0.3 * b, scaled=True, bound=magnitude(1.0))),
        "rates",
        refused=GATE,
    ),
    "Oja": Case(lambda a, b: Oja(eta=0.03), lambda a, b: summed(oja(0.03)), "rates", refused=GATE),
    "Instar": Case(lambda a, b: Instar(eta=0.03), lambda a, b: summed(instar(0.03)), "rates", refused=GATE),
    "Instar, few": Case(lambda a, b: Instar(0.03, few=True), lambda a, b: summed(instar(0.03)), refused=GATE),
    "Storage": Case(lambda a, b: Storage(), lambda a, b: summed(lambda w, x: x.pre * x.post), "rates"),
    "Modulated, baseline": Case(
        lambda a, b: Modulated(TraceSTDP(**STEPS), tau_baseline=2.0),
        lambda a, b: summed(modulated(trace_stdp(**STEPS), 2.0)),
        inputs=("modulator",),
    ),
    "Modulated, SoftBound": Case(
        lambda a, b: Modulated(TraceSTDP(**STEPS, bound=SoftBound())),
        lambda a, b: summed(modulated(trace_stdp(**STEPS, bound=soft(0.0, 1.0)))),
        refused=GATE,
        inputs=("modulator",),
    ),
    "Modulated, by units": Case(
        lambda a, b: Modulated(Hebbian(eta=0.1), per_unit=True),
        lambda a, b: summed(modulated_units(hebbian(0.1))),
        "rates",
        bias=lambda x: 0.1 * x.unit_modulator * x.post,
        inputs=("unit_modulator",),
    ),
    "Eligibility, baseline": Case(
        lambda a, b: Eligibility(TraceSTDP(**STEPS), tau=5.0, tau_baseline=2.0),
        lambda a, b: eligibility(plain(), 5.0, 1.0, 2.0),
        inputs=("modulator",),
    ),
    "Eligibility, SoftBound": Case(
        lambda a, b: Eligibility(TraceSTDP(**STEPS, bound=SoftBound()), tau=5.0, eta=2.0),
        lambda a, b: eligibility(summed(trace_stdp(**STEPS, bound=soft(0.0, 1.0))), 5.0, 2.0),
        refused=GATE,
        inputs=("modulator",),
    ),
    "Eligibility, by units": Case(
        lambda a, b: Eligibility(Hebbian(eta=0.1), tau=5.0, per_unit=True),
        lambda a, b: eligibility(summed(hebbian(0.1)), 5.0, 1.0, per_unit=True),
        "rates",
        refused=COUNT,
        inputs=("unit_modulator",),
    ),
    "Scheduled, inverse": Case(
        lambda a, b: Scheduled(TraceSTDP(**STEPS), InverseDecay(1.5, 2.0)),
        lambda a, b: summed(scheduled(trace_stdp(**STEPS), 1.5, 2.0)),
    ),
    "Optimised, adam": Case(
        lambda a, b: Optimised(Hebbian(eta=0.1), "adam", 0.05),
        lambda a, b: summed(hebbian(0.1)),
        "rates",
        bias=lambda x: 0.1 * x.post,
        optimiser=lambda: Adam(0.05),
    ),
    "Optimised, nag, SoftBound": Case(
        lambda a, b: Optimised(TraceSTDP(**STEPS, bound=SoftBound()), "nag", 0.3),
        lambda a, b: summed(trace_stdp(**STEPS, bound=soft(0.0, 1.0))),
        optimiser=lambda: Nesterov(0.3),
        refused=GATE,
    ),
    "Decayed": Case(lambda a, b: Decayed(TraceSTDP(**STEPS), tau=10.0), lambda a, b: decayed(plain(), 10.0)),
    "Prior, gaussian": Case(
        lambda a, b: Prior(TraceSTDP(**STEPS), "gaussian", 0.05), lambda a, b: prior(plain(), 0.0, 0.05)
    ),
    "Prior, laplacian": Case(
        lambda a, b: Prior(TraceSTDP(**STEPS), "laplacian", 0.05), lambda a, b: prior(plain(), 0.05, 0.0)
    ),
    "Prior, elastic net": Case(
        lambda a, b: Prior(TraceSTDP(**STEPS), "elastic_net", 0.05, l1_ratio=0.3),
        lambda a, b: prior(plain(), 0.05 * 0.3, 0.05 * 0.7 / 2),
    ),
    "Averaged": Case(lambda a, b: Averaged(TraceSTDP(**STEPS)), lambda a, b: averaged(plain()), refused=COUNT),
    "Decayed, Averaged, Eligibility": Case(
        lambda a, b: Decayed(Averaged(Eligibility(TraceSTDP(**STEPS), tau=5.0)), tau=10.0),
        lambda a, b: decayed(averaged(eligibility(plain(), 5.0, 1.0)), 10.0),
        refused=COUNT,
        inputs=("modulator",),
    ),
}


# ---- both, side by side ----------------------------------------------------------------------------------------------


def verdicts(name: str, form: str) -> dict[str, str]:
    """For each case what comes out on a topology: "equal", why it is refused, or where it differs."""
    with jax.enable_x64(True):
        topology = TOPOLOGIES[name][form]()
        found = {case: refused(topology, case) for case in CASES if expected_refusal(topology, case)}
        some = [case for case in CASES if case not in found]
        if some:
            edges = ProductEdges(topology) if name == "MPS" else Edges(topology)
            reduce = ("mean", "sum")[FORMS.index((name, form)) % 2]  # both, in forms of each topology that has some
            off = [differences(topology, edges, some, *lanes) for lanes in ((1, "mean"), (4, reduce))]
            found |= {case: "; ".join(filter(None, (each[case] for each in off))) or "equal" for case in some}
    return {case: found[case] for case in CASES}


def expected_refusal(topology: Any, case: str) -> str | None:
    """Why a rule has to be refused on a topology; None: it has not."""
    if topology.dims()["weights"] is None:
        return NO_WEIGHTS
    return None if topology.per_edge else CASES[case].refused


def refused(topology: Any, case: str) -> str:
    """Why a rule is refused on a topology, when the circuit is built or traces its first step."""
    try:
        circuit, fed = built(topology, [case], samples=1)
        jax.eval_shape(lambda: stepped(circuit, start(circuit, 1), 0, {ref: v[0] for ref, v in fed.items()}, 1, "mean"))
    except CircuitError as e:
        return next((reason for reason, text in REFUSALS.items() if text in str(e)), f"refused: {e}")
    return "not refused"


def differences(topology: Any, edges: Edges, cases: list[str], samples: int, reduce: str) -> dict[str, str]:
    """For each case where weights and bias differ from what NumPy says; empty where they do not."""
    circuit, fed = built(topology, cases, samples)
    # most of the time is spent in LLVM, which need not do its best for six steps
    step = jax.jit(stepped, static_argnums=(4, 5), compiler_options={"xla_backend_optimization_level": 0})
    states = [start(circuit, samples)]
    for i in range(len(ACTIVE)):
        states.append(step(circuit, states[-1], i, {ref: v[i] for ref, v in fed.items()}, samples, reduce))
    series = [{n: (flat(s.w), np.asarray(s.b).ravel()) for n, s in state.items()} for state in states]
    off = {}
    for n, case in enumerate(cases):
        got = [state[f"n{n}"] for state in series]
        off[case] = difference(got, by_edges(topology, edges, CASES[case], got[0], samples, reduce))
        if off[case]:
            off[case] += f" ({reduce} over {samples})"
    return off


def difference(got: list[Any], want: list[Any]) -> str:
    for step, states in enumerate(zip(got, want, strict=True)):
        for name, a, b in zip("wb", *states, strict=True):
            if not np.allclose(a, b, rtol=1e-9, atol=1e-10):
                return f"{name} differs by {np.abs(a - b).max():.2g} after step {step}"
    return "" if any((a[0] != got[0][0]).any() for a in got) else "nothing is learned"


def flat(w: Any) -> np.ndarray:
    """Weights, of which there may be two cores, as one vector."""
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(w)])


# ---- what bouton does ------------------------------------------------------------------------------------------------


def built(topology: Any, cases: list[str], samples: int) -> tuple[Circuit, dict[str, np.ndarray]]:
    """A circuit with a synapse for each case, and what is fed in."""
    shape = topology.size("weights") if topology.per_edge else topology.size("pre") + topology.size("post")
    w = np.random.default_rng(0).uniform(-0.3, 1.2, shape)  # beyond the bounds, too
    nodes, fed, values = {}, {}, feeds(topology, samples)
    for n, case in enumerate(map(CASES.get, cases)):
        nodes[f"n{n}"] = Synapse(topology, weights=Given(w), plasticity=case.rule(*factors(topology)), bias=0.1)
        fed |= {f"n{n}.{side}": values[f"{side} of {case.values}"] for side in ("pre", "post")}
        fed |= {f"n{n}.plasticity.{port}": values[port] for port in case.inputs}
    return Circuit(nodes), fed


def start(circuit: Circuit, samples: int) -> Any:
    return circuit.init(key=jax.random.key(0), dt=DT, batch=samples)


def stepped(circuit: Circuit, state: Any, i: Any, row: Any, samples: int, reduce: Any) -> Any:
    tick = Tick(step=i, dt=DT, key=jax.random.key(0), batch=(samples,), batch_reduce=reduce)
    return circuit.step(state, tick, row)[0]


def factors(topology: Any) -> tuple[np.ndarray, np.ndarray]:
    """A positive number for each pre- and each post-synaptic unit."""
    rng = np.random.default_rng(5)
    return rng.uniform(0.5, 1.5, topology.size("pre")), rng.uniform(0.5, 1.5, topology.size("post"))


def feeds(topology: Any, samples: int) -> dict[str, np.ndarray]:
    """What can be fed in, with the axes (step, sample, ...)."""
    rng, steps = np.random.default_rng(7), len(ACTIVE)
    pre, post = ((steps, samples, *topology.size(which)) for which in ("pre", "post"))

    def spikes(shape: tuple[int, ...]) -> np.ndarray:
        return (rng.random(shape) < np.reshape(ACTIVE, (-1,) + (1,) * (len(shape) - 1))).astype(float)

    return {
        "pre of spikes": spikes(pre),
        "post of spikes": spikes(post),
        "pre of rates": rng.normal(size=pre),
        "post of rates": rng.normal(size=post),
        "trace_pre": rng.uniform(0, 2, pre),
        "trace_post": rng.uniform(0, 2, post),
        "v": rng.uniform(-90, -30, post),
        "unit_modulator": rng.normal(size=post),
        "modulator": rng.normal(size=(steps, samples)),
    }


# ---- what NumPy says -------------------------------------------------------------------------------------------------


def by_edges(topology: Any, edges: Edges, case: Case, begin: Any, samples: int, reduce: str) -> list[Any]:
    """Weights and bias at the start and after each step."""
    a, b = (v.ravel() for v in factors(topology))
    change, optimise = case.expected(a[edges.pre], b[edges.post]), case.optimiser()

    def reduced(values: np.ndarray) -> np.ndarray:
        return values.mean(0) if reduce == "mean" else values.sum(0)

    (w, bias), series = begin, [begin]
    for step in range(len(ACTIVE)):
        of_units = {k: v[step].reshape(samples, -1) for k, v in feeds(topology, samples).items()}
        of_units |= {side: of_units[f"{side} of {case.values}"] for side in ("pre", "post")}
        places = {"pre": edges.pre, "trace_pre": edges.pre, "modulator": [0]}
        at_edges = {k: v[:, places.get(k, edges.post)] for k, v in of_units.items() if " of " not in k}
        dw = reduced(change(edges, w, SimpleNamespace(**at_edges, reduced=reduced)))
        db = reduced(case.bias(SimpleNamespace(**of_units, b=b)))
        db = db.reshape(-1, len(bias)).sum(0)  # over the units that share a bias
        moves = optimise(np.concatenate([dw, db]))
        w, bias = w + moves[: len(w)], bias + moves[len(w) :]
        series.append((w, bias))
    return series


# ---- the table -------------------------------------------------------------------------------------------------------


def page(found: dict[tuple[str, str], set[str]]) -> str:
    """The page that shows ``{(case, topology): verdicts on its forms}``."""
    rows = [[case, *("; ".join(sorted(found[case, name])) for name in TOPOLOGIES)] for case in CASES]
    forms = [[name, "; ".join(of_name)] for name, of_name in TOPOLOGIES.items()]
    return "\n".join([TITLE, *lines(["rule", *TOPOLOGIES], rows), "", *lines(["topology", "forms"], forms), ""])


def lines(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def committed() -> dict[tuple[str, str], set[str]]:
    """What the page in the repository shows; empty where there is no such row or column."""
    rows = [line.strip("| ").split(" | ") for line in TABLE.read_text().splitlines() if line.startswith("| ")]
    head, cells = rows[0], {row[0]: row for row in rows[1:]}
    shown = {(case, n): cells[case][head.index(n)] for case in CASES for n in TOPOLOGIES if case in cells and n in head}
    return {(case, n): {shown.get((case, n), "")} for case in CASES for n in TOPOLOGIES}


# ---- tests -----------------------------------------------------------------------------------------------------------

FAMILY = {
    tomllib.loads(path.read_text())["project"]["name"] for path in TABLE.parents[2].glob("packages/*/pyproject.toml")
}


def registered(kind: str) -> set[str]:
    return {e.name for e in bouton.components() if e.kind == kind and e.plugin.dist in FAMILY}


def parts(module: Any) -> list[Any]:
    """A rule, what it wraps, and their bounds."""
    inner = [v for v in vars(module).values() if isinstance(v, (Plasticity, Bound))]
    return [module, *(p for v in inner for p in parts(v))]


RULES = [p for case in CASES.values() for p in parts(case.rule(np.ones(1), np.ones(1)))]


def test_no_topology_is_missing():
    assert set(TOPOLOGIES) == registered("topology")


def test_no_rule_and_no_bound_is_missing():
    assert {type(p).__name__ for p in RULES} == registered("rule") | registered("bound")


def test_rules_that_take_a_bound_are_there_with_and_without():
    bounded = {type(p): set() for p in RULES if hasattr(p, "bound")}
    for p in RULES:
        if hasattr(p, "bound"):
            bounded[type(p)].add(p.bound is None)
    assert len(bounded) >= 6 and all(found == {True, False} for found in bounded.values())


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_a_topology_with_every_rule(name, form):
    found = verdicts(name, form)
    with jax.enable_x64(True):
        topology = TOPOLOGIES[name][form]()
    assert found == {case: expected_refusal(topology, case) or "equal" for case in CASES}
    assert {(case, name): {verdict} for case, verdict in found.items()}.items() <= committed().items()


def test_the_page_has_these_rows_and_columns():
    assert TABLE.read_text() == page(committed())


if __name__ == "__main__":
    found = {(case, name): set() for case in CASES for name in TOPOLOGIES}
    for name, form in FORMS:
        print(f"{name}, {form}", flush=True)
        for case, verdict in verdicts(name, form).items():
            found[case, name].add(verdict)
    TABLE.write_text(page(found))
