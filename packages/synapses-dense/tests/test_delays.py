"""Delays in axons, in single synapses and in dendrites: spikes arrive exactly when they should."""

import bouton
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton.testing import Shared
from bouton_synapses_dense import (
    AxonalDelay,
    AxonalDelayPerEdge,
    DendriticDelay,
    Dense,
    DoubleExponential,
    Exponential,
    FanOut,
    Receptors,
    Sparse,
    TsodyksMarkram,
    TsodyksMarkramPerEdge,
)
from jaxtyping import Array, Float

from .drive import edges_of, on_edges, run, train

RNG = np.random.default_rng(0)


def arrivals(values, delay, edges, w, n_post):
    """Sums (step, post) of one sample by a loop over edges, each with a delay in steps."""
    sums = np.zeros((len(values), n_post))
    for e, (i, j, sign) in enumerate(zip(*edges, strict=True)):
        sums[delay[e] :, j] += sign * w[e] * values[: len(values) - delay[e], i]
    return sums


class Source(bouton.Component):
    """Hands on what it is fed: an output, which a wire can delay."""

    class In(bouton.Ports):
        x: Float[Array, "*batch unit"] = bouton.port()

    class Out(bouton.Ports):
        s: Float[Array, "*batch unit"] = bouton.port()

    def dims(self):
        return {"unit": 2}

    def advance(self, s, x, tick):
        return s, self.Out(s=x.x)


def arrival(wire, axon, dendrite, *, dt, steps, at, longest=None):
    """Current (step, post) of a spike of each of two units at the step `at`, delayed in up to three places [ms]."""
    synapse = bouton.Synapse(
        Dense(2, 3),
        np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]]),
        release=None if axon is None else AxonalDelay(axon, longest=longest),
        transmission=bouton.Instant() if dendrite is None else DendriticDelay(dendrite, longest=longest),
    )
    source = "source.s" if wire is None else bouton.delayed("source.s", wire)
    circuit = bouton.Circuit({"source": Source(), "syn": synapse}, {"syn.pre": source})
    run = bouton.simulate(
        circuit,
        steps * dt,
        dt=dt,
        inputs={"source.x": (("time", "unit"), train(steps, *at, n=2))},
        record={"syn.current": 1},
        progress=False,
    )
    return run["syn.current"].values


@pytest.mark.parametrize(("dt", "longest"), [(1.0, None), (0.5, 11.0)])
@pytest.mark.parametrize("wire", [None, 2.0])
@pytest.mark.parametrize("axon", [None, 3.0, (0.0, 4.0)], ids=str)
@pytest.mark.parametrize("dendrite", [None, 2.0, (0.0, 1.0, 5.0)], ids=str)
def test_delays_of_wire_axon_and_dendrite_add_up(wire, axon, dendrite, longest, dt):
    """Each spike comes once and in whole, after the sum of the delays on its way, in ms, over 4 turns of the rings.

    How long the rings are makes no difference.
    """
    steps = round(50 / dt)
    at = [round(t / dt) for t in (0, 7, 8, 22, 30, 37)]
    axon, dendrite = (None if d is None else np.array(d) for d in (axon, dendrite))
    got = arrival(wire, axon, dendrite, dt=dt, steps=steps, at=at, longest=longest)
    w, want = np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]]), np.zeros((steps, 3))
    for i in range(2):
        for j in range(3):
            late = sum(
                0.0 if d is None else np.broadcast_to(d, n)[k]
                for d, n, k in ((wire, 1, 0), (axon, 2, i), (dendrite, 3, j))
            )
            np.add.at(want[:, j], np.array(at) + round(late / dt), w[i, j])
    np.testing.assert_array_equal(got, want)
    assert got.sum() == len(at) * w.sum()


@hypothesis.settings(max_examples=6, deadline=None)
@hypothesis.given(
    wire=st.integers(1, 5),
    axon=st.lists(st.integers(0, 6), min_size=2, max_size=2),
    dendrite=st.lists(st.integers(0, 6), min_size=2, max_size=2),
    longest=st.integers(6, 9),
    dt=st.sampled_from([0.25, 1.0]),
    seed=st.integers(0, 99),
)
def test_they_add_up_in_each_sample_and_each_run_of_a_sweep(wire, axon, dendrite, longest, dt, seed):
    """Graded values, over at least 5 turns of the rings; delays in steps."""
    rng = np.random.default_rng(seed)
    values, w = rng.normal(size=(50, 3, 2)), rng.normal(size=(2, 3))
    parts = {"release": AxonalDelay(0.0, longest=longest * dt), "transmission": DendriticDelay(0.0, longest=6 * dt)}
    run = bouton.simulate(
        bouton.Circuit(
            {"source": Source(), "syn": bouton.Synapse(Dense(2, 3), w, **parts)},
            {"syn.pre": bouton.delayed("source.s", wire * dt)},
        ),
        50 * dt,
        dt=dt,
        batch=3,
        inputs={"source.x": (("time", "batch", "unit"), values)},
        sweep={"syn.release.ms": np.array(axon) * dt, "syn.transmission.ms": np.array(dendrite) * dt},
        record={"syn.current": 1},
        progress=False,
    )
    got = run["syn.current"].values
    for i, k in np.ndindex(2, 2):
        late = wire + axon[i] + dendrite[k]
        want = np.concatenate([np.zeros((late, 3, 3)), (values @ w)[: 50 - late]])
        np.testing.assert_allclose(got[i, k], want, rtol=1e-5, atol=1e-5)


@hypothesis.settings(max_examples=8, deadline=None)
@hypothesis.given(
    delays=st.lists(st.integers(0, 6), min_size=4, max_size=4),
    longest=st.none() | st.integers(6, 9),
    seed=st.integers(0, 99),
)
def test_each_units_spikes_come_after_its_delay(delays, longest, seed):
    """Graded values, in two samples, against a loop over edges."""
    rng = np.random.default_rng(seed)
    values, w = rng.normal(size=(25, 2, 4)), rng.normal(size=(4, 3))
    edges = edges_of(Dense(4, 3))
    got = run(bouton.Synapse(Dense(4, 3), w, release=AxonalDelay(delays, longest=longest)), values)
    for lane in range(2):
        want = arrivals(values[:, lane], np.array(delays)[edges[0]], edges, w.reshape(-1), 3)
        np.testing.assert_allclose(got[:, lane], want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("batch", "longest"), [((), None), ((2, 3), 9.0)], ids=str)
@on_edges
def test_each_synapse_has_a_delay_of_its_own(topology, batch, longest):
    shape = topology.size("weights")
    delay, w = RNG.integers(0, 7, shape), RNG.normal(size=shape)
    values = RNG.normal(size=(30, *batch, 4))
    got = run(bouton.Synapse(topology, w, release=AxonalDelayPerEdge(delay * 0.5, longest=longest)), values, dt=0.5)
    edges = edges_of(topology)
    for lane in np.ndindex(batch):
        at = (slice(None), *lane)
        want = arrivals(values[at], delay.reshape(-1), edges, w.reshape(-1), 3)
        np.testing.assert_allclose(got[at], want, rtol=1e-5, atol=1e-5)


def test_one_delay_for_all_synapses_is_that_of_their_units():
    topology, values = Sparse(4, 3, FanOut(2)), RNG.normal(size=(20, 2, 4))
    w = RNG.normal(size=topology.size("weights"))
    one, other = (run(bouton.Synapse(topology, w, release=r(3.0)), values) for r in (AxonalDelay, AxonalDelayPerEdge))
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_short_term_plasticity_acts_when_spikes_arrive():
    """Delay, then release, is release, then delay, as each unit does the same later."""
    spikes, w, delay = RNG.integers(0, 2, (25, 4)), RNG.uniform(size=(4, 3)), np.array([0, 1, 3, 4])
    plain = bouton.Synapse(Dense(4, 4), np.eye(4), release=TsodyksMarkram(0.3))
    released = run(plain, spikes)
    edges = edges_of(Dense(4, 3))
    want = arrivals(released, delay[edges[0]], edges, w.reshape(-1), 3)
    names = ("current", "release.u", "release.delayed")
    got, u, seen = run(
        bouton.Synapse(Dense(4, 3), w, release=AxonalDelay(delay, then=TsodyksMarkram(0.3))), spikes, record=names
    )
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    assert u.shape == (25, 4) and all((seen[d:, i] == spikes[: 25 - d, i]).all() for i, d in enumerate(delay))
    edges = AxonalDelayPerEdge(delay[:, None] + np.zeros(3), then=TsodyksMarkramPerEdge(0.3))
    np.testing.assert_allclose(run(bouton.Synapse(Dense(4, 3), w, release=edges), spikes), want, rtol=1e-5, atol=1e-6)


def test_a_dendritic_delay_shifts_what_follows_it():
    """Kernels and receptors start later; the potential is that of the moment when the current flows."""
    spikes, w = RNG.integers(0, 2, (30, 2)), RNG.uniform(size=(2, 3))
    v = RNG.uniform(-70, -50, (30, 3))
    then = Receptors(Exponential(3.0, reversal=0.0), DoubleExponential(1.0, 9.0, reversal=-80.0), share=0.3)
    got, g = run(
        bouton.Synapse(Dense(2, 3), w, transmission=DendriticDelay([0.0, 2.0, 2.5], then)),
        spikes,
        dt=0.5,
        feeds={"transmission.fast.v": v, "transmission.slow.v": v},
        record=("current", "transmission.fast.g"),
    )
    for unit, steps in enumerate((0, 4, 5)):
        late = np.concatenate([np.zeros((steps, 2)), spikes[: 30 - steps]])
        want, want_g = run(
            bouton.Synapse(Dense(2, 3), w, transmission=then),
            late,
            dt=0.5,
            feeds={"transmission.fast.v": v, "transmission.slow.v": v},
            record=("current", "transmission.fast.g"),
        )
        np.testing.assert_allclose(got[:, unit], want[:, unit], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(g[:, unit], want_g[:, unit], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("ms", "dt", "steps"),
    [(0.4, 1.0, 0), (0.6, 1.0, 1), (1.4, 1.0, 1), (0.3, 0.1, 3), (0.7, 0.1, 7), (1.23, 0.05, 25), (0.35, 0.1, 4)],
)
def test_delays_are_rounded_to_whole_steps(ms, dt, steps):
    for synapse in (
        bouton.Synapse(Dense(1, 1), release=AxonalDelay(ms)),
        bouton.Synapse(Dense(1, 1), release=AxonalDelay([ms])),
        bouton.Synapse(Dense(1, 1), release=AxonalDelayPerEdge(ms)),
        bouton.Synapse(Dense(1, 1), transmission=DendriticDelay(ms)),
    ):
        assert np.flatnonzero(run(synapse, train(60, 2), dt=dt)[:, 0]).tolist() == [2 + steps]


class Hebb(bouton.Rule):
    """dw = pre post."""

    def terms(self, s, pre, post, x, tick):
        return s, (bouton.Term(pre, post),)


@pytest.mark.parametrize("then", [None, TsodyksMarkram()], ids=str)
def test_plasticity_sees_spikes_when_they_arrive(then):
    """A post-synaptic spike in step 6 meets the spike of step 3 of a unit with a delay of 3 ms, and no other."""
    synapse = bouton.Synapse(Dense(2, 1), 0.0, release=AxonalDelay([3.0, 1.0], then), plasticity=Hebb())
    w = run(synapse, train(10, 3, n=2), feeds={"post": train(10, 6)}, record=("w",), learn=True)
    np.testing.assert_array_equal(w[5:7, :, 0], [[0, 0], [1, 0]])


def test_drawn_delays():
    """A uniform distribution says how long the ring must be; drawn anew by another key."""
    for release, spread in ((AxonalDelay, (4,)), (AxonalDelayPerEdge, (4, 3))):
        given = bouton.Circuit({"syn": bouton.Synapse(Dense(4, 3), release=release(bouton.Uniform(1.0, 6.0)))})
        assert given.nodes["syn"].release.longest == 6.0
        synapse = given.realise(jax.random.key(3)).nodes["syn"]
        delay = np.floor(np.asarray(synapse.release.ms) + 0.5).astype(int)
        assert delay.shape == spread and 1 <= delay.min() < delay.max() <= 6
        got = run(synapse, train(10, 1, n=4))
        want = np.zeros((10, 3))
        for i, j in np.ndindex(4, 3):
            want[1 + (delay[i, j] if len(spread) == 2 else delay[i]), j] += 1
        np.testing.assert_array_equal(got, want)
        with pytest.raises(bouton.CircuitError, match=r"^syn\.release\.ms is a distribution: draw it first with"):
            given.init(key=jax.random.key(0), dt=1.0)


def test_delays_that_are_swept():
    """Under jit and vmap; what is longer than the ring gives NaN, as no error can be raised there."""
    nodes = {"syn": bouton.Synapse(Dense(1, 1), release=AxonalDelay(1.0, longest=4.0))}
    circuit, spikes = bouton.Circuit(nodes), jnp.asarray(train(9, 2), float)

    @jax.jit
    @jax.vmap
    def series(ms):
        swept = circuit.with_parameters({"syn.release.ms": ms})

        def body(state, at):
            state, out = swept.step(state, bouton.Tick(step=at[0], dt=1.0), {"syn.pre": at[1]})
            return state, out["syn"].current[0]

        return jax.lax.scan(body, swept.init(key=jax.random.key(0), dt=1.0), (jnp.arange(9), spikes))[1]

    got = np.asarray(series(jnp.array([0.0, 3.0, 4.0, 5.0])))
    np.testing.assert_array_equal(got[:3], np.eye(9)[[2, 5, 6]])
    assert np.isnan(got[3]).all()


@pytest.mark.parametrize(
    ("release", "transmission"),
    [
        (AxonalDelay([2.0, 3.0], TsodyksMarkram()), DendriticDelay(4.0, Exponential())),
        (AxonalDelayPerEdge(3.0, TsodyksMarkramPerEdge()), Receptors(DendriticDelay(2.0), DendriticDelay(1.0), 0.5)),
    ],
    ids=["units", "synapses"],
)
@pytest.mark.parametrize("first", [1, 7, 13])
def test_a_run_that_goes_on_counts_its_steps_anew(release, transmission, first):
    circuit = bouton.Circuit({"syn": bouton.Synapse(Dense(2, 1), release=release, transmission=transmission)})
    spikes = RNG.integers(0, 2, (24, 2)).astype(float)

    def part(rows, state=None):
        inputs = {"syn.pre": (("time", "pre"), rows)}
        return bouton.simulate(
            circuit, len(rows) * 1.0, dt=1.0, inputs=inputs, record={"syn.current": 1}, state=state, progress=False
        )

    begun = part(spikes[:first])
    rest = part(spikes[first:], begun.state)
    whole = part(spikes)["syn.current"].values
    got = np.concatenate([begun["syn.current"].values, rest["syn.current"].values])
    np.testing.assert_allclose(got, whole, rtol=1e-6)


@pytest.mark.parametrize("kind", [AxonalDelay, AxonalDelayPerEdge, DendriticDelay])
@pytest.mark.parametrize(
    ("ms", "message"),
    [
        (-1.0, r"ms must be >= 0 ms, got -1"),
        (np.inf, r"ms must be finite, got inf"),
        (np.nan, r"ms must be a number, got nan"),
        ("5 ms", r"ms must be a number, an array or an initialiser, got '5 ms'"),
        ([1.0, 2.0, 3.0, 4.0, 5.0], r"ms must be a single number or an array of shape \((2|3|2, 3),?\)"),
    ],
    ids=str,
)
def test_bad_delays_are_said_when_built(kind, ms, message):
    part = {"transmission" if kind is DendriticDelay else "release": kind(ms)}
    with pytest.raises(bouton.CircuitError, match=rf"ff\.{next(iter(part))}\.{message}"):
        bouton.Circuit({"ff": bouton.Synapse(Dense(2, 3), **part)})


@pytest.mark.parametrize("kind", [AxonalDelay, AxonalDelayPerEdge, DendriticDelay])
def test_how_long_a_ring_must_be(kind):
    name = kind.__name__
    with pytest.raises(bouton.CircuitError, match=rf"{name}\.longest must be a finite number >= 0 ms, got -2"):
        kind(1.0, longest=-2.0)
    with pytest.raises(bouton.CircuitError, match=rf"{name}\.ms is drawn from LogNormal\(\), so its largest value"):
        kind(bouton.LogNormal())
    with pytest.raises(bouton.CircuitError, match=rf"{name}\.ms is traced, so its largest value is not known: give"):
        jax.jit(lambda ms: kind(ms).longest)(1.0)
    part = "transmission" if kind is DendriticDelay else "release"
    circuit = bouton.Circuit({"ff": bouton.Synapse(Dense(1, 1), **{part: kind(5.0, longest=4.0)})})
    message = rf"ff: {part}: a delay of 5 ms is longer than longest = 4 ms, for which values are kept: give a larger"
    with pytest.raises(bouton.CircuitError, match=message):
        circuit.init(key=jax.random.key(0), dt=1.0)
    assert kind(bouton.Bounded(bouton.Gaussian(2.0, 1.0), 0.0, 3.5)).longest == 3.5
    assert kind(bouton.Constant(2.5)).longest == 2.5 and kind(bouton.Given(np.array([1.0, 4.0]))).longest == 4.0


def test_what_can_follow_a_delay():
    with pytest.raises(bouton.CircuitError, match=r"AxonalDelay\.then must be a release or None, got Exponential\(\)"):
        AxonalDelay(1.0, Exponential())
    with pytest.raises(
        bouton.CircuitError, match=r"AxonalDelayPerEdge\.then must be a release that acts in each synapse"
    ):
        AxonalDelayPerEdge(1.0, TsodyksMarkram())
    for inner in (AxonalDelay(2.0), AxonalDelayPerEdge(2.0)):
        with pytest.raises(
            bouton.CircuitError, match=r"AxonalDelay\.then must not be another delay, got .*add the two"
        ):
            AxonalDelay(1.0, inner)
    with pytest.raises(bouton.CircuitError, match=r"DendriticDelay\.then must not be another delay, got .*add the two"):
        DendriticDelay(1.0, DendriticDelay(2.0))
    with pytest.raises(bouton.CircuitError, match=r"DendriticDelay\.then must be a transmission such as Exponential"):
        DendriticDelay(1.0, TsodyksMarkram())
    with pytest.raises(bouton.CircuitError, match=r"DendriticDelay \[nA\] is made of then \[pA\]: the units differ"):
        DendriticDelay(1.0, Exponential(unit="pA"), unit="nA")
    assert DendriticDelay(1.0, Exponential(unit="pA")).unit == "pA"


def test_delays_of_synapses_need_edges_and_exclude_plasticity():
    with pytest.raises(bouton.CircuitError, match=r"AxonalDelayPerEdge acts in each synapse, but a weight of Shared"):
        bouton.Synapse(Shared(5, 2), release=AxonalDelayPerEdge(1.0))
    with pytest.raises(bouton.CircuitError, match=r"AxonalDelayPerEdge together with plasticity: a rule sees one pre"):
        bouton.Synapse(Dense(2, 2), release=AxonalDelayPerEdge(1.0), plasticity=Hebb())
    with pytest.raises(
        bouton.CircuitError, match=r"TsodyksMarkramPerEdge acts in each synapse, but a weight of Shared"
    ):
        bouton.Synapse(Shared(5, 2), release=AxonalDelay(1.0, TsodyksMarkramPerEdge()))
