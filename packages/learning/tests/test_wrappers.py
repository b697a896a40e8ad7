"""Wrappers around rules: rewards, optimisers, decay, against closed forms and against sums written out."""

import builtins

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from bouton.testing import Full, Grid, Shared
from bouton_learning import (
    Averaged,
    Decayed,
    Eligibility,
    Hebbian,
    Modulated,
    Optimised,
    Prior,
    Scheduled,
    SoftBound,
    TraceSTDP,
)


def pair(dt, gap=10.0, at=200.0, duration=4000.0):
    """A pre-synaptic spike `gap` ms before a post-synaptic one."""
    trains = np.zeros((2, round(duration / dt), 1))
    trains[0, round((at - gap) / dt)] = trains[1, round(at / dt)] = 1
    return trains


@pytest.mark.parametrize("gap", [10.0, -10.0])
@pytest.mark.parametrize("reward_at", [200.0, 230.0, 500.0, 170.0, 50.0])
@pytest.mark.parametrize("dt", [1.0, 0.5])
def test_reward_modulated_stdp_in_closed_form(reward_at, dt, gap, weights):
    """A pair's trace times a dopamine that decays: dt C0 D0 sum over their common time, in either order of both pairs.

    In the limit of short steps it is C0 D0 e^(-|lag| / tau) tau_c tau_d / (tau_c + tau_d).
    """
    tau_c, tau_d, d0 = 300.0, 100.0, 0.5
    pre, post = pair(dt, gap)
    time = np.arange(len(pre)) * dt
    dopamine = np.where(time >= reward_at - dt / 4, d0 * np.exp(-(time - reward_at) / tau_d), 0.0)
    rule = Eligibility(TraceSTDP(a_plus=0.02, a_minus=0.03), tau=tau_c, eta=1e-3)
    got = weights(rule, pre, post, dt=dt, w=0.0, late={"modulator": dopamine})[-1, 0, 0]
    c0, paired_at = (0.02, 200.0) if gap > 0 else (-0.03, 210.0)
    lag = reward_at - paired_at
    tau = tau_c if lag >= 0 else tau_d
    common = 1e-3 * c0 * np.exp(-10 / 20) * d0 * np.exp(-abs(lag) / tau)
    exact = common * dt / -np.expm1(-dt * (1 / tau_c + 1 / tau_d))
    np.testing.assert_allclose(got, exact, rtol=2e-3)
    np.testing.assert_allclose(exact, common * tau_c * tau_d / (tau_c + tau_d), rtol=0.01)


def test_without_a_reward_nothing_changes_and_its_sign_counts(weights):
    pre, post = pair(1.0, duration=600.0)
    rule = Eligibility(TraceSTDP(), eta=0.1)
    up, down, none = (
        weights(rule, pre, post, late={"modulator": np.full(600, m)})[-1, 0, 0] - 0.5 for m in (1.0, -1.0, 0.0)
    )
    assert none == 0.0 and up > 0.01
    np.testing.assert_allclose(down, -up, rtol=1e-4)


def test_each_sample_has_a_trace_of_its_own(weights):
    """The mean of products: a reward of one sample does not pay for what happened in the other one."""
    pre, post = np.zeros((2, 5, 2, 1))
    pre[1, 0], post[2, 0] = 1, 1  # the pair in sample 0
    for paid, changes in ((0, True), (1, False)):
        reward = np.zeros((5, 2))
        reward[3, paid] = 1
        w = weights(Eligibility(TraceSTDP()), pre, post, batch=(2,), late={"modulator": reward})[-1, 0, 0]
        assert (w != 0.5) == changes


def test_a_modulator_of_each_unit(weights):
    pre, post = np.ones((3, 2)), np.ones((3, 2))
    signal = np.array([[1.0, 0.0], [0.0, 2.0], [0.5, 0.5]])
    got = weights(Modulated(Hebbian(0.1), per_unit=True), pre, post, late={"unit_modulator": signal})
    np.testing.assert_allclose(got[:, 0], 0.5 + 0.1 * np.cumsum(signal, 0), rtol=1e-6)
    traced = weights(Eligibility(Hebbian(0.1), tau=1e9, per_unit=True), pre, post, late={"unit_modulator": signal})
    np.testing.assert_allclose(traced[:, 1], 0.5 + np.cumsum(0.1 * np.arange(1, 4)[:, None] * signal, 0), rtol=1e-5)


@pytest.mark.parametrize("dt", [1.0, 0.5])
def test_the_mean_of_earlier_rewards_is_taken_away(dt, weights):
    """Under a constant reward R what is left of it decays: R e^(-t / tau)."""
    steps = round(100 / dt)
    rule = Modulated(Hebbian(0.01), tau_baseline=25.0)
    w = weights(rule, np.ones((steps, 1)), np.ones((steps, 1)), dt=dt, late={"modulator": np.full(steps, 3.0)})[:, 0, 0]
    left = np.diff(np.concatenate([[0.5], w])) / 0.01
    np.testing.assert_allclose(left, 3.0 * np.exp(-np.arange(steps) * dt / 25), atol=2e-4)


@pytest.mark.parametrize("batch", [(), (3,)])
def test_a_trace_that_starts_elsewhere_decays_into_weight(batch, weights):
    """Without spikes: eta dt M c0 (d + d^2 + ...), d being the decay in a step."""
    c0, silent = np.array([[0.2, -0.1], [0.0, 0.4]]), np.zeros((50, *batch, 2))
    rule = Eligibility(TraceSTDP(), tau=25.0, eta=0.01, c0=c0)
    got = weights(rule, silent, silent, batch=batch, late={"modulator": np.full((50, *batch), 2.0)})
    traces = c0 * np.exp(-np.arange(1, 51) / 25)[:, None, None]
    np.testing.assert_allclose(got, 0.5 + 0.02 * traces.cumsum(0), rtol=1e-5)


def test_a_trace_may_be_drawn_and_is_the_same_for_all_samples():
    rule = Eligibility(TraceSTDP(), c0=bouton.Uniform(1.0, 2.0))
    circuit = bouton.Circuit({"s": bouton.Synapse(Full(3, 2), 0.5, plasticity=rule)})
    c = circuit.init(key=jax.random.key(0), dt=1.0, batch=(4,))["s"].plasticity.c
    assert c.shape == (4, 3, 2) and len(np.unique(c)) == 6 and (c >= 1.0).all()
    with pytest.raises(
        bouton.CircuitError, match=r"^Eligibility\.c0 must be a number, an array or an initialiser, got"
    ):
        Eligibility(TraceSTDP(), c0="a")


@pytest.mark.parametrize("dt", [1.0, 0.5])
def test_a_scheduled_rate_changes_with_the_time_of_learning(dt, weights):
    """Sums of eta f(t) over the steps; halving dt halves no time constant."""
    steps = round(60 / dt)
    t = np.arange(steps) * dt
    for schedule, f in (
        (bouton.ExponentialDecay(1.0, 40.0, 0.25), np.maximum(np.exp(-t / 40), 0.25)),
        (bouton.InverseDecay(2.0, 40.0), 2 / (1 + t / 40)),
        (bouton.LinearDecay(1.0, 0.0, 40.0), np.clip(1 - t / 40, 0, None)),
    ):
        rule = Scheduled(Hebbian(0.1 * dt), schedule)
        got = weights(rule, np.ones((steps, 1)), np.ones((steps, 1)), dt=dt)[:, 0, 0]
        np.testing.assert_allclose(got, 0.5 + np.cumsum(0.1 * dt * f), rtol=1e-5)


def test_a_schedule_goes_on_after_a_reset_and_stands_still_without_learning():
    rule = Scheduled(Hebbian(1.0), bouton.ExponentialDecay(1.0, 2.0))
    circuit = bouton.Circuit({"s": bouton.Synapse(Full(1, 1), 0.0, plasticity=rule)})
    state, feeds = circuit.init(key=jax.random.key(0), dt=1.0), {"s.pre": jnp.ones(1), "s.post": jnp.ones(1)}
    for learn in (True, False, True):
        state, _ = circuit.step(state, bouton.Tick(0, 1.0), feeds, learn=learn)
        state = circuit.reset(state, key=jax.random.key(1), dt=1.0)
    np.testing.assert_allclose(state["s"].w, 1.0 + np.exp(-0.5), rtol=1e-6)


def test_what_is_no_schedule():
    with pytest.raises(bouton.CircuitError, match=r"^Scheduled\.schedule must be a schedule such as ExponentialDecay"):
        Scheduled(Hebbian(), 0.5)


def test_what_modulators_refuse():
    message = r"^Eligibility\.tau_baseline is for one modulator for all units; with per_unit=True take the mean away"
    with pytest.raises(bouton.CircuitError, match=message):
        Eligibility(Hebbian(), per_unit=True, tau_baseline=10.0)
    for wrapper, given, wanted in (
        (Modulated, Decayed(Hebbian()), r"^Modulated\.rule must be a rule that is made of terms such as TraceSTDP\(\)"),
        (Scheduled, Decayed(Hebbian()), r"^Scheduled\.rule must be a rule that is made of terms such as TraceSTDP\(\)"),
        (Eligibility, 3, r"^Eligibility\.rule must be a rule such as TraceSTDP\(\), got 3\.$"),
    ):
        with pytest.raises(bouton.CircuitError, match=wanted):
            wrapper(given)


@pytest.mark.parametrize("optimiser", ["sgd", "adam", "nag", optax.chain(optax.clip(0.5), optax.adam(1.0))])
def test_an_optimiser_goes_uphill_as_optax_goes_downhill(optimiser):
    r = np.random.default_rng(0)
    w0, pre, post = r.normal(size=(3, 2)), r.normal(size=(6, 3)), r.normal(size=(6, 2))
    rule = Optimised(Hebbian(), optimiser, eta=0.05)
    circuit = bouton.Circuit({"s": bouton.Synapse(Full(3, 2), weights=w0, bias=0.3, plasticity=rule)})
    state = circuit.init(key=jax.random.key(0), dt=1.0)
    made = {"nag": optax.sgd(0.05, momentum=0.9, nesterov=True), "sgd": optax.sgd(0.05), "adam": optax.adam(0.05)}
    own = made[optimiser] if isinstance(optimiser, str) else optax.chain(optax.clip(0.5), optax.adam(0.05))
    params = {"w": jnp.asarray(w0, jnp.float32), "b": jnp.full(2, 0.3)}
    theirs = own.init(params)
    for i in range(6):
        feeds = {"s.pre": jnp.asarray(pre[i]), "s.post": jnp.asarray(post[i])}
        state, _ = circuit.step(state, bouton.Tick(i, 1.0), feeds)
        slope = {"w": -jnp.outer(feeds["s.pre"], feeds["s.post"]), "b": -feeds["s.post"]}
        with jax.numpy_dtype_promotion("standard"):
            moves, theirs = own.update(slope, theirs, params)
        params = optax.apply_updates(params, moves)
    np.testing.assert_allclose(state["s"].w, params["w"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(state["s"].b, params["b"], rtol=1e-4, atol=1e-5)
    kept = circuit.reset(state, key=jax.random.key(1), dt=1.0)["s"].plasticity.optimiser
    jax.tree.map(np.testing.assert_array_equal, kept, state["s"].plasticity.optimiser)


def test_what_is_no_optimiser():
    for given in ("adem", 3):
        with pytest.raises(
            bouton.CircuitError, match=r"^Optimised\.optimiser must be the name of an optimiser in optax"
        ):
            Optimised(Hebbian(), given)


def test_optax_is_asked_for_by_name(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **keywords):
        if name == "optax":
            raise ImportError(name)
        return real(name, *args, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(bouton.CircuitError, match=r"^Optimised needs optax: pip install optax$"):
        Optimised(Hebbian())


@pytest.mark.parametrize("dt", [1.0, 0.25])
def test_decay_in_closed_form(dt, weights):
    steps = round(50 / dt)
    silent = np.zeros((steps, 1))
    w = weights(Decayed(TraceSTDP(), tau=40.0), silent, silent, dt=dt, w=0.8)[:, 0, 0]
    np.testing.assert_allclose(w, 0.8 * np.exp(-np.arange(1, steps + 1) * dt / 40), rtol=1e-5)


def test_priors_in_numbers(weights):
    silent, w = np.zeros((1, 1)), -0.5
    for kind, slope in (("gaussian", w), ("laplacian", -1.0), ("elastic_net", -0.3 + 0.7 * w / 2)):
        got = weights(Prior(Hebbian(), kind, 0.1, l1_ratio=0.3), silent, silent, w=w)[0, 0, 0]
        np.testing.assert_allclose(got, w - 0.1 * slope, rtol=1e-6)


def test_wrappers_nest(weights):
    """An eligibility trace of a modulated, bounded rule, under an optimiser, with decay."""
    rule = Decayed(Optimised(Eligibility(TraceSTDP(a_plus=0.1, bound=SoftBound())), "sgd", 1.0), tau=1e4)
    pre, post = pair(1.0, duration=300.0)
    got = weights(rule, pre, post, late={"modulator": np.ones(300)})[-1, 0, 0]
    c0 = 0.1 * np.exp(-10 / 20) * (1 - 0.5 * np.exp(-200 / 1e4))
    decayed, w = np.exp(-1 / 1e4), 0.5
    for step in range(300):
        w = w * decayed + (c0 * np.exp(-(step - 200) / 1000) if step >= 200 else 0.0)
    np.testing.assert_allclose(got, w, rtol=1e-4)


def test_shared_weights_learn_the_mean_over_their_edges():
    topology = Shared(6, 3)
    r = np.random.default_rng(0)
    pre, post = r.normal(size=topology.size("pre")), r.normal(size=topology.size("post"))

    def change(rule):
        circuit = bouton.Circuit({"s": bouton.Synapse(topology, weights=0.0, plasticity=rule)})
        state = circuit.init(key=jax.random.key(0), dt=1.0)
        return circuit.step(state, bouton.Tick(0, 1.0), {"s.pre": pre, "s.post": post})[0]["s"].w

    ones = np.eye(topology.size("weights")[0])
    edges = np.array([np.asarray(topology.apply(w, np.ones(topology.size("pre")))).sum() for w in ones])
    assert edges.max() > 1
    np.testing.assert_allclose(change(Averaged(Hebbian())), change(Hebbian()) / edges, rtol=1e-5)


def test_a_shared_bias_learns_the_mean_over_its_units():
    r = np.random.default_rng(0)
    pre, post = r.normal(size=(3, 4, 4)), r.normal(size=(3, 4, 4, 4))  # (sample, row, column, map)

    def change(rule):
        circuit = bouton.Circuit({"s": bouton.Synapse(Grid(), bias=0.0, plasticity=rule)})
        state = circuit.init(key=jax.random.key(0), dt=1.0, batch=(3,))
        return circuit.step(state, bouton.Tick(0, 1.0, batch=(3,)), {"s.pre": pre, "s.post": post})[0]["s"].b

    np.testing.assert_allclose(change(Averaged(Hebbian(2.0))), 2.0 * post.mean((0, 1, 2)), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(change(Hebbian(2.0)), 2.0 * 16 * post.mean((0, 1, 2)), rtol=1e-5, atol=1e-7)
