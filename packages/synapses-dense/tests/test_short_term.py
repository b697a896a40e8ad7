"""Short-term plasticity against its recursion between spikes and the values at which it settles."""

import bouton
import jax.numpy as jnp
import numpy as np
import pytest
from bouton.testing import Shared
from bouton_synapses_dense import Dense, FanOut, Sparse, TsodyksMarkram, TsodyksMarkramPerEdge

from .drive import edges_of, on_edges, run, train


def released(times, U, tau_f, tau_d):
    """u and x at each spike, by the exact decay from spike to spike (Tsodyks, Pawelzik & Markram, 1998)."""
    u, x, last, found = 0.0, 1.0, None, []
    for t in times:
        if last is not None:
            u = u * np.exp(-(t - last) / tau_f) if tau_f else u
            x = 1 - (1 - x) * np.exp(-(t - last) / tau_d) if tau_d else 1.0
        u = u + U * (1 - u) if tau_f else U
        found.append((u, x))
        x, last = x - u * x, t
    return np.array(found)


@pytest.mark.parametrize("dt", [0.1, 0.5, 1.0, 2.0])
@pytest.mark.parametrize(
    ("U", "tau_f", "tau_d"), [(0.15, 750.0, 50.0), (0.6, 20.0, 300.0), (0.4, None, 100.0), (0.3, 200.0, None)], ids=str
)
def test_what_each_spike_of_an_irregular_train_releases_at_any_step_length(U, tau_f, tau_d, dt):
    times = np.array([2.0, 4.0, 6.0, 22.0, 24.0, 60.0])
    at = np.round(times / dt).astype(int)
    got = run(bouton.Synapse(Dense(1, 1), 2.0, release=TsodyksMarkram(U, tau_f, tau_d)), train(at[-1] + 1, *at), dt=dt)
    np.testing.assert_allclose(got[at, 0], 2.0 * released(times, U, tau_f, tau_d).prod(1), rtol=1e-4)
    assert not np.delete(got[:, 0], at).any()


@pytest.mark.parametrize(("U", "tau_f", "tau_d"), [(0.15, 750.0, 50.0), (0.6, 20.0, 300.0)], ids=str)
@pytest.mark.parametrize("interval", [5, 20, 100])
def test_under_a_regular_train_u_and_x_settle(U, tau_f, tau_d, interval):
    """At a spike u* = U / (1 - (1 - U) f) and x* = (1 - d) / (1 - (1 - u*) d), with the decays f and d between two."""
    steps = 40 * interval + 1 + round(5 * tau_d / interval) * interval
    synapse = bouton.Synapse(Dense(1, 1), release=TsodyksMarkram(U, tau_f, tau_d))
    names = ("current", "release.u", "release.x")
    current, u, x = (v[-1, 0] for v in run(synapse, train(steps, *range(0, steps, interval)), record=names))
    f, d = np.exp(-interval / tau_f), np.exp(-interval / tau_d)
    want_u = U / (1 - (1 - U) * f)
    want_x = (1 - d) / (1 - (1 - want_u) * d)
    np.testing.assert_allclose([u, x, current], [want_u, want_x * (1 - want_u), want_u * want_x], rtol=1e-3)


def test_facilitation_and_depression():
    """Small U with slow facilitation: each response is larger. Large U with slow recovery: each is smaller."""
    at = range(0, 50, 10)
    for U, tau_f, tau_d, sign in ((0.05, 1000.0, 20.0, 1), (0.7, 10.0, 500.0, -1)):
        responses = run(bouton.Synapse(Dense(1, 1), release=TsodyksMarkram(U, tau_f, tau_d)), train(50, *at))[
            list(at), 0
        ]
        assert (sign * np.diff(responses) > 0).all()


def test_without_facilitation_and_depression_it_is_a_factor():
    synapse = bouton.Synapse(Dense(1, 1), release=TsodyksMarkram(0.4, None, None))
    np.testing.assert_allclose(run(synapse, train(5, 1, 2))[:, 0], [0, 0.4, 0.4, 0, 0], rtol=1e-6)
    with pytest.raises(bouton.CircuitError, match=r"unknown state or output 'syn\.release\.u'"):
        run(synapse, train(5, 1), record=("release.u",))


def random_spikes(steps, *shape):
    return np.random.default_rng(3).integers(0, 2, (steps, *shape))


def by_edge(spikes, edges, w, U, tau_f, tau_d, n_post):
    """Sums (step, post) of one sample by a loop over edges, each with parameters of its own; steps of 1 ms."""
    sums = np.zeros((len(spikes), n_post))
    for e, (i, j, sign) in enumerate(zip(*edges, strict=True)):
        at = np.flatnonzero(spikes[:, i])
        sums[at, j] += sign * w[e] * released(at, U[e], tau_f[e], tau_d[e]).prod(1)
    return sums


RNG = np.random.default_rng(4)
LOW, HIGH = np.array([0.1, 50.0, 20.0])[:, None], np.array([0.8, 800.0, 300.0])[:, None]


def test_parameters_of_each_unit():
    U, tau_f, tau_d = RNG.uniform(LOW, HIGH, (3, 4))
    w, spikes = RNG.uniform(size=(4, 3)), random_spikes(15, 4)
    got = run(bouton.Synapse(Dense(4, 3), w, release=TsodyksMarkram(U, tau_f, tau_d)), spikes)
    edges = edges_of(Dense(4, 3))
    per_edge = (p[edges[0]] for p in (U, tau_f, tau_d))
    np.testing.assert_allclose(got, by_edge(spikes, edges, w.reshape(-1), *per_edge, 3), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("batch", [(), (2, 3)], ids=str)
@on_edges
def test_each_synapse_with_parameters_and_resources_of_its_own(topology, batch):
    shape = topology.size("weights")
    U, tau_f, tau_d = RNG.uniform(LOW, HIGH, (3, int(np.prod(shape))))
    w, spikes = RNG.uniform(size=shape), random_spikes(12, *batch, 4)
    release = TsodyksMarkramPerEdge(*(p.reshape(shape) for p in (U, tau_f, tau_d)))
    got, u = run(bouton.Synapse(topology, w, release=release), spikes, record=("current", "release.u"))
    assert u.shape == (12, *batch, *shape)
    edges = edges_of(topology)
    for lane in np.ndindex(batch):
        at = (slice(None), *lane)
        want = by_edge(spikes[at], edges, w.reshape(-1), U, tau_f, tau_d, 3)
        np.testing.assert_allclose(got[at], want, rtol=1e-4, atol=1e-6)


def test_alike_in_each_synapse_it_does_what_it_does_in_each_unit():
    topology, spikes = Sparse(4, 3, FanOut(2)), random_spikes(15, 2, 4)
    w = RNG.uniform(size=topology.size("weights"))
    got, want = (
        run(bouton.Synapse(topology, w, release=r(0.4)), spikes) for r in (TsodyksMarkramPerEdge, TsodyksMarkram)
    )
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_a_graded_value_is_the_mean_over_spikes_of_that_probability():
    """After one spike: what p = 0.3 releases and leaves lies 0.3 of the way from silence to a second spike."""
    synapse, names = bouton.Synapse(Dense(1, 1), release=TsodyksMarkram(0.4)), ("current", "release.u", "release.x")
    graded, spike, silent = (
        np.array([v[5, 0] for v in run(synapse, train(6, 2) + second * train(6, 5), record=names)])
        for second in (0.3, 1.0, 0.0)
    )
    np.testing.assert_allclose(graded, silent + 0.3 * (spike - silent), rtol=1e-5)


def test_u_and_x_stay_between_zero_and_one_for_any_value():
    values = np.random.default_rng(5).normal(scale=10, size=(200, 3))
    synapse = bouton.Synapse(Dense(3, 1), release=TsodyksMarkram(0.9))
    for series in run(synapse, values, record=("release.u", "release.x")):
        assert (series >= 0).all() and (series <= 1).all()


class Hebb(bouton.Rule):
    """dw = pre post."""

    def terms(self, s, pre, post, x, tick):
        return s, (bouton.Term(pre, post),)


@pytest.mark.parametrize("release", [TsodyksMarkram(0.2), TsodyksMarkramPerEdge(0.2)], ids=lambda r: type(r).__name__)
def test_plasticity_sees_the_spikes_and_not_what_they_release(release):
    synapse = bouton.Synapse(Dense(2, 1), 0.0, release=release, plasticity=Hebb())
    spikes = random_spikes(10, 2)
    w = run(synapse, spikes, record=("w",), feeds={"post": np.ones((10, 1))}, learn=True)
    np.testing.assert_allclose(w[-1, :, 0], spikes.sum(0))


@pytest.mark.parametrize(
    ("release", "message"),
    [
        (TsodyksMarkram(1.2), r"ff\.release\.U must be >= 0 and <= 1, got 1\.2"),
        (TsodyksMarkram(tau_f=0.0), r"ff\.release\.tau_f must be > 0 ms, got 0\. Use None to switch it off"),
        (TsodyksMarkram(tau_d=[5.0, -1.0]), r"ff\.release\.tau_d\[1\] must be > 0 ms, got -1"),
        (TsodyksMarkram(tau_d=np.inf), r"ff\.release\.tau_d must be finite, got inf"),
        (TsodyksMarkramPerEdge([0.1, 0.2]), r"ff\.release\.U must be a single number or an array of shape \(2, 3\)"),
    ],
    ids=str,
)
def test_bad_parameters_are_said_when_built(release, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit({"ff": bouton.Synapse(Dense(2, 3), release=release)})


class Pair(bouton.Topology):
    """Weights that are a bundle, as those of a product of two matrices."""

    n: int = bouton.static(default=2)

    def dims(self):
        return {"pre": {"pre": 2}, "post": {"post": 2}, "weights": {"a": {"pre": 2}, "b": {"post": 2}}}

    def apply(self, w, x):
        return jnp.sum(w.a * x, -1, keepdims=True) * w.b


def test_where_weights_are_no_edges_each_synapse_cannot_have_its_own():
    for topology, message in (
        (
            Shared(6, 2),
            "TsodyksMarkramPerEdge acts in each synapse, but a weight of Shared is shared by 5 of them. Use",
        ),
        (Pair(), "TsodyksMarkramPerEdge acts in each synapse, but Pair has no weight for each edge"),
    ):
        with pytest.raises(bouton.CircuitError, match=message):
            bouton.Synapse(topology, release=TsodyksMarkramPerEdge())
    assert bouton.Synapse(Shared(2, 2), release=TsodyksMarkramPerEdge())  # one position only: nothing is shared
