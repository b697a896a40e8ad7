"""Every release with every transmission on every topology: it equals a loop over edges, or is refused when built."""

from collections.abc import Callable
from typing import Any, NamedTuple

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton.testing import Shared
from bouton_synapses_dense import (
    MPS,
    Alpha,
    AxonalDelay,
    AxonalDelayPerEdge,
    DendriticDelay,
    Dense,
    DoubleExponential,
    Exponential,
    FanOut,
    OneToOne,
    Pairs,
    Patched,
    Receptors,
    Sparse,
    StochasticRelease,
    StochasticReleasePerEdge,
    TsodyksMarkram,
    TsodyksMarkramPerEdge,
)

STEPS, BATCH, DT = 10, (2,), 0.5

# ---- topologies: the edges of each, written down once more ---------------------------------------------------------

PAIRS = np.array([[3, 0, 0, 2, 2], [2, 1, 2, 0, 2]])
SIGN = np.array([1.0, -1.0, -1.0, 1.0])


def every(n_pre, n_post):
    """``(pre, post, which weight)`` of a full matrix, edge by edge."""
    pre, post = np.divmod(np.arange(n_pre * n_post), n_post)
    return pre, post, np.arange(n_pre * n_post)


def listed(topology):
    """From what the dataset shows."""
    coords = topology.coords()
    pre, post = coords["pre_index"][1], coords["post_index"][1]
    return pre, post, np.arange(len(pre))


def in_blocks(topology):
    """Where each pair of a matrix is kept."""
    codes = topology.from_matrix(1.0 + np.arange(topology.n_pre * topology.n_post).reshape(topology.n_pre, -1))
    codes = np.asarray(codes).reshape(-1).astype(int) - 1
    (kept,) = np.nonzero(codes >= 0)
    return *np.divmod(codes[kept], topology.n_post), kept


FAN_OUT, BLOCKS = Sparse(4, 3, FanOut(2), seed=1), Patched(6, 8, 2, (1, 2))
TOPOLOGIES = {
    "Dense": (Dense(4, 3), every(4, 3)),
    "Dense, some absent, signed": (Dense(4, 3, connect=Pairs(*PAIRS), sign=SIGN), (*PAIRS, PAIRS[0] * 3 + PAIRS[1])),
    "OneToOne": (OneToOne(4), (np.arange(4), np.arange(4), np.arange(4))),
    "Sparse": (FAN_OUT, listed(FAN_OUT)),
    "Sparse, pairs out of order, signed": (Sparse(4, 3, Pairs(*PAIRS), sign=SIGN), (*PAIRS, np.arange(5))),
    "Sparse, shared": (FAN_OUT.replace(shared=True), (*listed(FAN_OUT)[:2], np.zeros(8, int))),
    "Patched": (BLOCKS, in_blocks(BLOCKS)),
    "MPS": (MPS(4, 3, rank=2), every(4, 3)),
    "Shared": (Shared(5, 3), tuple(np.array([[j + d, j, d] for d in range(3) for j in range(3)]).T)),
}
each_topology = pytest.mark.parametrize("name", TOPOLOGIES)


class Edges:
    """The edges of a topology with random weights, as NumPy sees them."""

    def __init__(self, name):
        self.rng = rng = np.random.default_rng(0)
        self.topology, (self.pre, self.post, self.place) = TOPOLOGIES[name]
        self.n_pre, self.n_post = self.topology.size("pre")[0], self.topology.size("post")[0]
        self.per_edge = name not in ("MPS", "Shared", "Sparse, shared")
        if isinstance(self.topology, MPS):  # the matrix of which they are factors
            self.weights = rng.normal(size=(4, 2)) @ rng.normal(size=(2, 3))
        else:
            self.weights = rng.normal(size=self.topology.size("weights") or None)  # one for all is a number
        sign = getattr(self.topology, "sign", None)
        self.w = np.reshape(self.weights, -1)[self.place] * (1.0 if sign is None else sign[self.pre])

    def of_units(self, draw):
        """A parameter of each unit: as a release takes it, and one by one."""
        given = draw(self.rng, self.n_pre)
        return given, given

    def of_edges(self, draw):
        """A parameter of each edge: as a release takes it, and edge by edge."""
        if not self.per_edge:
            return 1.0, 1.0  # it is refused
        given = draw(self.rng, self.topology.size("weights"))
        return given, given.reshape(-1)[self.place]


# ---- releases, and what they do ------------------------------------------------------------------------------------


def same(values):
    return values


class Case(NamedTuple):
    """A release, what it does to values (step, *batch, k) of units, then of edges, and to what the sums are scaled."""

    release: Any
    at_units: Callable[[Any], Any] = same
    at_edges: Callable[[Any], Any] = same
    norm: Any = None


def fractions(rng, size):
    return rng.uniform(0.1, 0.9, size)


def time_constants(rng, size):
    return rng.uniform(3.0, 9.0, size)


def zeros_and_ones(rng, size):
    return rng.permutation(np.arange(np.prod(size)) % 2).reshape(size).astype(float)


def milliseconds(rng, size):
    return rng.integers(0, 5, size) * DT


def short_term(U, tau_f, tau_d):
    def released(spikes):
        made, u, x = [], 0.0, 1.0
        for now in spikes:
            u, x = u * np.exp(-DT / tau_f), 1 + (x - 1) * np.exp(-DT / tau_d)
            jump = u + U * (1 - u)
            made.append(now * jump * x)
            u, x = np.where(now > 0, jump, u), np.where(now > 0, x - jump * x, x)
        return np.array(made)

    return released


def late(ms, values):
    """Each of the k values so many milliseconds later."""
    moved = np.zeros_like(values)
    for k, lag in enumerate(np.broadcast_to(np.round(ms / DT).astype(int), values.shape[-1:])):
        moved[lag:, ..., k] = values[: len(values) - lag, ..., k]
    return moved


def facilitating(edges):
    (U, u), (tau_d, d) = edges.of_units(fractions), edges.of_units(time_constants)
    return Case(TsodyksMarkram(U, 20.0, tau_d), at_units=short_term(u, 20.0, d))


def facilitating_per_edge(edges):
    (U, u), (tau_d, d) = edges.of_edges(fractions), edges.of_edges(time_constants)
    return Case(TsodyksMarkramPerEdge(U, 20.0, tau_d), at_edges=short_term(u, 20.0, d))


def stochastic(edges):
    """All spikes of a unit get through, or none does."""
    given, p = edges.of_units(zeros_and_ones)
    return Case(StochasticRelease(given), at_units=lambda spikes: spikes * p)


def stochastic_per_edge(edges):
    given, p = edges.of_edges(zeros_and_ones)
    return Case(StochasticReleasePerEdge(given), at_edges=lambda spikes: spikes * p)


def nothing(edges):
    return Case(None)


def delayed(then=nothing):
    def make(edges):
        (given, ms), inner = edges.of_units(milliseconds), then(edges)
        return inner._replace(
            release=AxonalDelay(given, inner.release), at_units=lambda values: inner.at_units(late(ms, values))
        )

    return make


def delayed_per_edge(then=nothing):
    def make(edges):
        (given, ms), inner = edges.of_edges(milliseconds), then(edges)
        return inner._replace(
            release=AxonalDelayPerEdge(given, inner.release), at_edges=lambda values: inner.at_edges(late(ms, values))
        )

    return make


def normalised(then=nothing):
    def make(edges):
        norm, inner = edges.rng.uniform(1.0, 2.0, edges.n_post), then(edges)
        return inner._replace(release=bouton.CurrentNormalised(norm, inner.release), norm=norm)

    return make


RELEASES = {  # name: (how to make it, the part that acts in each synapse)
    "None": (nothing, None),
    "TsodyksMarkram": (facilitating, None),
    "TsodyksMarkramPerEdge": (facilitating_per_edge, "TsodyksMarkramPerEdge"),
    "StochasticRelease": (stochastic, None),
    "StochasticReleasePerEdge": (stochastic_per_edge, "StochasticReleasePerEdge"),
    "AxonalDelay": (delayed(), None),
    "AxonalDelayPerEdge": (delayed_per_edge(), "AxonalDelayPerEdge"),
    "CurrentNormalised": (normalised(), None),
    "AxonalDelay, TsodyksMarkram": (delayed(facilitating), None),
    "AxonalDelay, StochasticReleasePerEdge": (delayed(stochastic_per_edge), "StochasticReleasePerEdge"),
    "AxonalDelayPerEdge, TsodyksMarkramPerEdge": (delayed_per_edge(facilitating_per_edge), "AxonalDelayPerEdge"),
    "AxonalDelay, CurrentNormalised": (delayed(normalised()), None),
    "CurrentNormalised, TsodyksMarkram": (normalised(facilitating), None),
    "CurrentNormalised, AxonalDelayPerEdge": (normalised(delayed_per_edge()), "AxonalDelayPerEdge"),
}


SHARED_BY = {"Shared": "Shared is shared by 3", "Sparse, shared": "Sparse is shared by 8"}


def refusal(release, topology):
    """Why a release does not work on a topology; None where it does."""
    per_edge = RELEASES[release][1]
    if topology == "MPS" and "CurrentNormalised" in release:
        return "MPS has no weight for each edge: CurrentNormalised cannot divide by their sum."
    if topology == "MPS" and per_edge:
        return f"{per_edge} acts in each synapse, but MPS has no weight for each edge."
    if topology in SHARED_BY and per_edge:
        return (
            f"{per_edge} acts in each synapse, but a weight of {SHARED_BY[topology]} of them. Use a release that acts "
            "in each pre-synaptic unit, or a topology with a weight for each edge."
        )
    return None


# ---- transmissions, and what they make of sums (step, *batch, post) ------------------------------------------------

TAU, SIZE = 3.0, 1.5


def at_once(sums, v):
    return sums


def kernel(form):
    """By the closed form, spike by spike."""

    def current(sums, v):
        t = DT * (np.arange(STEPS)[:, None] - np.arange(STEPS))
        return SIZE * np.einsum("nk,k...->n...", np.where(t >= 0, form(np.maximum(t, 0.0)), 0.0), sums)

    return current


def exponential(t):
    return np.exp(-t / TAU)


def alpha(t):
    return t / TAU * np.exp(-t / TAU)


def double(t):
    """The area is that of the exponential."""
    return TAU / (TAU - 1.0) * (np.exp(-t / TAU) - np.exp(-t / 1.0))


def to_reversal(of, potential):
    return lambda sums, v: of(sums, v) * (potential - v)


def dendritic(ms, then):
    return lambda sums, v: then(late(np.float64(ms), sums), v)


def both(share, fast, slow):
    return lambda sums, v: fast((1 - share) * sums, v) + slow(share * sums, v)


DOUBLE = DoubleExponential(1.0, TAU, normalize="area", g_bar=SIZE)
TRANSMISSIONS = {  # name: (part, what it does, its inputs for v)
    "Instant": (bouton.Instant(), at_once, ()),
    "Exponential": (Exponential(TAU, g_bar=SIZE), kernel(exponential), ()),
    "Exponential, reversal": (
        Exponential(TAU, g_bar=SIZE, reversal=0.0),
        to_reversal(kernel(exponential), 0.0),
        ("v",),
    ),
    "Alpha, reversal": (Alpha(TAU, g_bar=SIZE, reversal=-80.0), to_reversal(kernel(alpha), -80.0), ("v",)),
    "DoubleExponential, reversal": (DOUBLE.replace(reversal=0.0), to_reversal(kernel(double), 0.0), ("v",)),
    "Receptors": (
        Receptors(Alpha(TAU, g_bar=SIZE), Exponential(TAU, g_bar=SIZE, reversal=0.0), 0.3),
        both(0.3, kernel(alpha), to_reversal(kernel(exponential), 0.0)),
        ("slow.v",),
    ),
    "DendriticDelay": (DendriticDelay(1.0), dendritic(1.0, at_once), ()),
    "DendriticDelay, Receptors": (
        DendriticDelay(1.5, Receptors(bouton.Instant(), DOUBLE, 0.3)),
        dendritic(1.5, both(0.3, at_once, kernel(double))),
        (),
    ),
    "Receptors, DendriticDelay": (
        Receptors(DendriticDelay(0.5, Exponential(TAU, g_bar=SIZE, reversal=0.0)), bouton.Instant(), 0.3),
        both(0.3, dendritic(0.5, to_reversal(kernel(exponential), 0.0)), at_once),
        ("fast.v",),
    ),
}


# ---- all together --------------------------------------------------------------------------------------------------


@pytest.fixture
def compiled_once(monkeypatch):
    """The steps run one operation at a time; the maps would be compiled for each synapse anew."""
    for kind in {type(topology) for topology, _ in TOPOLOGIES.values()}:
        for method in ("apply", "add", "outer"):
            monkeypatch.setattr(kind, method, jax.jit(getattr(kind, method)))


def currents(synapse, spikes, v, potentials):
    """Currents (step, *batch, post) of a synapse; `potentials` are its inputs for v."""
    circuit, key = bouton.Circuit({"syn": synapse}), jax.random.key(0)
    state, made = circuit.init(key=key, dt=DT, batch=BATCH), []
    for step in range(STEPS):
        tick = bouton.Tick(step=jnp.int32(step), dt=DT, key=key, batch=BATCH)
        fed = {"syn.pre": spikes[step]} | {f"syn.transmission.{port}": v[step] for port in potentials}
        state, out = circuit.step(state, tick, fed, learn=False)
        made.append(np.asarray(out["syn"].current))
    return np.array(made)


@each_topology
@pytest.mark.usefixtures("compiled_once")
def test_each_combination_equals_a_loop_over_edges(name):
    edges = Edges(name)
    spikes = edges.rng.integers(0, 2, (STEPS, *BATCH, edges.n_pre)).astype(np.float32)
    v = edges.rng.uniform(-70, -50, (STEPS, *BATCH, edges.n_post)).astype(np.float32)
    for release, (make, _) in RELEASES.items():
        if refusal(release, name):
            continue
        case = make(edges)
        arriving = case.at_edges(case.at_units(spikes)[..., edges.pre])
        sums, total = np.zeros(v.shape), np.zeros(edges.n_post)
        for e, post in enumerate(edges.post):
            sums[..., post] += edges.w[e] * arriving[..., e]
            total[post] += abs(edges.w[e])
        if case.norm is not None:
            sums *= case.norm / np.where(total > 0, total, case.norm)
        for transmission, (part, current, ports) in TRANSMISSIONS.items():
            both = f"{release} with {transmission} on {name}"
            synapse = bouton.Synapse(edges.topology, edges.weights, release=case.release, transmission=part)
            got, want = currents(synapse, spikes, v, ports), current(sums, v)
            scale = np.abs(want).max()
            assert scale > 0.1, both
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5 * scale, err_msg=both)


@pytest.mark.parametrize(
    ("release", "name"), [(release, name) for release in RELEASES for name in TOPOLOGIES if refusal(release, name)]
)
def test_what_a_topology_cannot_do_is_said_when_the_synapse_is_built(release, name):
    edges = Edges(name)
    part = RELEASES[release][0](edges).release
    for transmission, *_ in TRANSMISSIONS.values():
        with pytest.raises(bouton.CircuitError) as error:
            bouton.Synapse(edges.topology, edges.weights, release=part, transmission=transmission)
        assert str(error.value) == refusal(release, name)
