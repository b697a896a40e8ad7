"""Each rule against its paper's closed forms: windows, drifts, fixed points, what is learnt in the end."""

import itertools

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton_learning import (
    BCM,
    EventSTDP,
    ExpSTDP,
    GerstnerHebbian,
    Hebbian,
    InhibitorySTDP,
    MagnitudeBound,
    Oja,
    SoftBound,
    TraceSTDP,
    TripletSTDP,
    VoltageInhibitorySTDP,
)

# ---- spike timing ------------------------------------------------------------------------------------------------


def test_wired_traces_do_what_own_traces_do(weights, poisson):
    pre, post = poisson(0.2, 40, 3, 0), poisson(0.2, 40, 2, 1)

    def trace(spikes, tau):
        x, seen = np.zeros(spikes.shape[1]), []
        for s in spikes:
            x = x * np.exp(-1 / tau)
            seen.append(x)
            x = x + s
        return np.array(seen)

    rule = TraceSTDP(a_plus=0.02, a_minus=0.01, tau_pre=12.0, tau_post=30.0, x_tar=0.1)
    late = {"trace_pre": trace(pre, 12.0), "trace_post": trace(post, 30.0)}
    np.testing.assert_allclose(
        weights(rule.replace(wired=True), pre, post, late=late), weights(rule, pre, post), rtol=1e-5
    )


@pytest.mark.parametrize("dt", [1.0, 0.5, 0.1])
def test_exponential_stdp_of_single_pairs(dt, weights, at):
    rule = ExpSTDP(a_plus=0.1, a_minus=0.05, beta=2.0, x_tar=0.3, w_max=1.5, tau_pre=10.0, tau_post=20.0)
    steps, gap = round(30 / dt), round(8 / dt)
    up = weights(rule, at(steps, 3), at(steps, 3 + gap), dt=dt, w=0.4)[-1, 0, 0]
    down = weights(rule, at(steps, 3 + gap), at(steps, 3), dt=dt, w=0.4)[-1, 0, 0]
    punished = -0.1 * np.exp(-2 * (1.5 - 0.4)) * 0.3
    np.testing.assert_allclose(up, 0.4 + 0.1 * np.exp(-0.8) * np.exp(-8 / 10) + punished, rtol=1e-5)
    w = 0.4 + punished  # the post-synaptic spike comes first, and finds no trace
    np.testing.assert_allclose(down, w - 0.05 * np.exp(-2 * w) * np.exp(-8 / 20), rtol=1e-5)


def test_exponential_stdp_rests_where_the_paper_says(weights):
    """w* = w_max / 2 + ln(x / x_tar) / (2 beta), for a constant trace."""
    post, late = np.ones((4000, 1)), {"trace_pre": np.full((4000, 1), 0.8), "trace_post": np.zeros((4000, 1))}
    rule = ExpSTDP(a_plus=0.02, a_minus=0.0, beta=1.5, x_tar=0.5, wired=True)
    w = weights(rule, 0 * post, post, late=late)[-1]
    np.testing.assert_allclose(w, 0.5 + np.log(0.8 / 0.5) / 3.0, rtol=1e-4)


@pytest.mark.parametrize("dt", [1.0, 0.5, 0.1])
def test_the_window_of_event_stdp(dt, weights, at):
    """Spikes less than `window` ms before a post-synaptic one strengthen, all others weaken."""
    rule, steps = EventSTDP(a_plus=0.1, a_minus=0.2, lmbda=0.1, window=3.0, w_max=2.0), round(40 / dt)
    for gap in (0.0, 1.0, 2.0, 3.0, 10.0, -1.0):
        w = weights(rule, at(steps, round((20 - gap) / dt)), at(steps, round(20 / dt)), dt=dt)[-1, 0, 0]
        want = 0.5 + 0.1 * (2 - 1.1 * 0.5) if 0 <= gap < 3 else 0.5 - 0.2 * 1.1 * 0.5
        np.testing.assert_allclose(w, want, rtol=1e-5, err_msg=f"{gap} ms")
    here = EventSTDP(a_plus=0.1, window=0.0)
    for gap, sign in ((0.0, 1), (dt, -1)):
        w = weights(here, at(steps, round((20 - gap) / dt)), at(steps, round(20 / dt)), dt=dt)[-1, 0, 0]
        assert np.sign(w - 0.5) == sign


def test_event_stdp_rests_at_the_probability_of_recent_input(weights, poisson):
    """w_max P(m = 1) / (1 + lambda), where 1 - P is the chance of no spike in the window's steps."""
    rates = np.array([0.05, 0.2, 0.5])
    pre = poisson(rates, 60_000, 3, 0)
    w = weights(EventSTDP(a_plus=0.002, a_minus=0.002, lmbda=0.25, window=2.0), pre, poisson(0.3, 60_000, 1, 1))
    want = (1 - (1 - rates) ** 2) / 1.25
    np.testing.assert_allclose(w[-30_000:, :, 0].mean(0), want, rtol=0.04)


@pytest.mark.parametrize("trace", ["add", "set"])
def test_triplets_by_brute_force(trace, weights, poisson):
    rule = TripletSTDP(
        a2_plus=0.01, a3_plus=0.02, a2_minus=0.015, a3_minus=0.005, tau_plus=8.0, tau_x=30.0, tau_y=40.0, trace=trace
    )
    pre, post = poisson(0.2, 60, 3, 1), poisson(0.2, 60, 2, 2)
    want = np.full((3, 2), 0.5)

    def sum_of(train, n, tau):
        before = [k for k in np.flatnonzero(train) if k < n]
        return sum(np.exp(-(n - k) / tau) for k in (before if trace == "add" else before[-1:]))

    for i, j in itertools.product(range(3), range(2)):
        for n in range(60):
            r1, r2 = sum_of(pre[:, i], n, 8.0), sum_of(pre[:, i], n, 30.0)
            o1, o2 = sum_of(post[:, j], n, 33.7), sum_of(post[:, j], n, 40.0)
            want[i, j] += post[n, j] * r1 * (0.01 + 0.02 * o2) - pre[n, i] * o1 * (0.015 + 0.005 * r2)
    np.testing.assert_allclose(weights(rule, pre, post)[-1], want, atol=2e-5)


@pytest.mark.parametrize("dt", [1.0, 0.5, 0.1])
def test_triplets_of_single_pairs_are_pairs(dt, weights, at):
    """Without a spike before them on their own side both factors are those of pairs, whatever the step."""
    rule = TripletSTDP(a2_plus=0.01, a3_plus=0.9, a2_minus=0.02, a3_minus=0.9, tau_plus=8.0, tau_minus=25.0)
    steps, gap = round(30 / dt), round(8 / dt)
    up = weights(rule, at(steps, 3), at(steps, 3 + gap), dt=dt)[-1, 0, 0] - 0.5
    down = weights(rule, at(steps, 3 + gap), at(steps, 3), dt=dt)[-1, 0, 0] - 0.5
    np.testing.assert_allclose([up, down], [0.01 * np.exp(-8 / 8), -0.02 * np.exp(-8 / 25)], atol=1e-6)


def test_pairs_at_growing_frequency_turn_from_depression_to_potentiation(weights):
    """60 pairs, pre 10 ms before post, by the fit to visual cortex: LTP that needs a high frequency (their fig. 4)."""
    change = {}
    for hz in (1, 10, 20, 40, 50):
        period = 1000 // hz
        spikes = np.arange(60) * period
        trains = np.zeros((2, 60 * period + 20, 1))
        trains[0, spikes], trains[1, spikes + 10] = 1, 1
        change[hz] = weights(TripletSTDP(), *trains)[-1, 0, 0] - 0.5
    assert abs(change[1]) < 0.03 < change[20] < change[40] < change[50]


# ---- homeostatic inhibition --------------------------------------------------------------------------------------


@pytest.mark.parametrize("read", ["before", "after"])
@pytest.mark.parametrize("dt", [1.0, 0.25])
def test_inhibition_drifts_to_its_target_rate(read, dt, weights, poisson):
    """Mean drift per ms: eta r_pre m_sum (r_post - rho), m_sum being what the two mean traces per rate add up to.

    So it is 0 at the target, whatever the step; the excitatory form drifts the other way.
    """
    rule = InhibitorySTDP(eta=1e-4, rho=30.0, tau_pre=20.0, tau_post=10.0, read=read)
    steps, r_pre = round(40_000 / dt), 0.02
    r_post = np.array([0.01, 0.03, 0.06])
    pre, post = poisson(r_pre * dt, steps, 60, 0), poisson(np.repeat(r_post, 10) * dt, steps, 30, 1)
    for excitatory in (False, True):
        w = weights(rule.replace(excitatory=excitatory), pre, post, dt=dt)[-1].astype(float) - 0.5
        drift = w.mean(0).reshape(3, 10)
        m = sum(dt / np.expm1(dt / tau) if read == "before" else -dt / np.expm1(-dt / tau) for tau in (20.0, 10.0))
        want = (-1 if excitatory else 1) * 1e-4 * r_pre * m * (r_post - 0.03) * 40_000
        spread = drift.std(1, ddof=1) / np.sqrt(10)
        assert (abs(drift.mean(1) - want) < 4 * spread + 1e-5).all(), (drift.mean(1), want, spread)
        assert spread.max() < abs(want[2]) / 3


@pytest.mark.parametrize("dt", [1.0, 0.5, 0.1])
def test_the_window_of_inhibition_is_the_same_for_both_orders(dt, weights, at):
    """eta (e^(-|gap| / tau) - alpha) for a pair, with alpha = 2 rho tau for short steps."""
    rule, steps = InhibitorySTDP(eta=0.1, rho=10.0, tau_pre=20.0, tau_post=20.0), round(60 / dt)
    alpha = 2 * 0.010 * dt / np.expm1(dt / 20)
    np.testing.assert_allclose(alpha, 2 * 0.010 * 20, rtol=0.03)
    for gap in (2.0, 7.5, 25.0):
        one, other = at(steps, 3), at(steps, 3 + round(gap / dt))
        for pre, post in ((one, other), (other, one)):
            change = weights(rule, pre, post, dt=dt)[-1, 0, 0] - 0.5
            want = 0.1 * (np.exp(-round(gap / dt) * dt / 20) - alpha)
            np.testing.assert_allclose(change, want, atol=1e-6, err_msg=f"{gap} ms")


def test_bounds_of_inhibition_slow_what_grows_and_what_shrinks(weights, at):
    rule = InhibitorySTDP(eta=0.1, rho=50.0, tau_pre=20.0, tau_post=20.0, bound=SoftBound(0.0, 2.0))
    alpha = 0.1 / np.expm1(1 / 20)
    alone = weights(rule, at(3, 1), at(3))[-1, 0, 0]
    paired = weights(rule, at(3, 1), at(3, 2))[-1, 0, 0]
    np.testing.assert_allclose(alone, 0.5 - 0.1 * alpha * 0.5, rtol=1e-5)
    np.testing.assert_allclose(paired, alone + 0.1 * np.exp(-1 / 20) * (2 - alone), rtol=1e-5)


def test_voltage_form_integrates_the_distance_to_its_target(weights, at):
    """One spike at a constant potential changes a weight by eta (v - target) times the sum of the decaying trace."""
    for v, dt in itertools.product((-50.0, -70.0), (1.0, 0.1)):
        steps = round(400 / dt)
        rule = VoltageInhibitorySTDP(eta=1e-4, v_target=-60.0, tau_pre=20.0)
        w = weights(rule, at(steps, 0), at(steps), dt=dt, late={"v": np.full((steps, 1), v)})[-1, 0, 0]
        np.testing.assert_allclose(w, 0.5 + 1e-4 * (v + 60) * dt / np.expm1(dt / 20), rtol=1e-4)


# ---- rates -------------------------------------------------------------------------------------------------------


def test_hebb_in_numbers(weights):
    pre, post = np.array([[0.5, 2.0]]), np.array([[1.5, -1.0, 0.25]])
    got = weights(Hebbian(0.1, pre_factor=2.0, post_factor=[1.0, 0.5, 4.0]), pre, post)[-1]
    np.testing.assert_allclose(got, 0.5 + 0.1 * np.outer(2 * pre, post * [1.0, 0.5, 4.0]), rtol=1e-6)
    slowed = weights(Hebbian(0.1, bound=MagnitudeBound(2.0)), pre, post, w=-0.5)[-1]
    np.testing.assert_allclose(slowed, -0.5 + 0.1 * 1.5 * np.outer(pre, post), rtol=1e-5)


def test_hebb_moves_a_bias_unless_it_is_told_not_to():
    for rule, moved in ((Hebbian(0.1, post_factor=2.0), 0.6), (Hebbian(0.1, learns_bias=False), 0.0)):
        synapse = bouton.Synapse(bouton.testing.Full(1, 1), weights=0.0, bias=0.0, plasticity=rule)
        circuit = bouton.Circuit({"s": synapse})
        state = circuit.init(key=jax.random.key(0), dt=1.0)
        feeds = {"s.pre": jnp.ones(1), "s.post": jnp.full(1, 3.0)}
        np.testing.assert_allclose(circuit.step(state, bouton.Tick(0, 1.0), feeds)[0]["s"].b, moved, rtol=1e-6)


def test_the_covariance_rule_measures_the_covariance(weights):
    r = np.random.default_rng(0)
    x = r.normal(size=(500, 2)) @ np.array([[1.0, 0.6], [0.0, 0.8]]) + [1.0, -2.0]
    y = x @ np.array([[1.0], [0.5]]) + r.normal(size=(500, 1))
    rule = GerstnerHebbian(eta=1 / 500, c2=1.0, c1_pre=-y.mean(0), c1_post=-x.mean(0))
    cov = (x - x.mean(0)).T @ (y - y.mean(0)) / 500
    got = weights(rule, x, y, w=0.0)[-1]  # without the product of the means, which no term has
    np.testing.assert_allclose(got, cov - np.outer(x.mean(0), y.mean(0)), rtol=1e-3, atol=1e-3)
    decay = weights(GerstnerHebbian(eta=0.1, c0=-0.5), x[:3] * 0, y[:3] * 0, w=2.0)
    np.testing.assert_allclose(decay[:, 0, 0], 2.0 * 0.95 ** np.arange(1, 4), rtol=1e-6)


def linear(rule, x, w, *, dt=1.0, steps_each=1):
    """A linear unit that learns from samples shown in turn: the weights after each step."""
    synapse = bouton.Synapse(bouton.testing.Full(x.shape[-1], 1), weights=w, plasticity=rule)
    circuit = bouton.Circuit({"s": synapse})
    state = circuit.init(key=jax.random.key(0), dt=dt)

    @jax.jit
    def run(state):
        def body(state, row):
            i, sample = row
            feeds = {"s.pre": sample, "s.post": sample @ state["s"].w}
            state, _ = circuit.step(state, bouton.Tick(i, dt), feeds)
            return state, (state["s"].w[:, 0], state["s"].plasticity)

        samples = jnp.repeat(jnp.asarray(x, float), steps_each, axis=0)
        return jax.lax.scan(body, state, (jnp.arange(len(samples)), samples))[1]

    return run(state)


def test_oja_finds_the_first_principal_component():
    r = np.random.default_rng(1)
    x = r.normal(size=(20_000, 4)) * [3.0, 1.5, 1.0, 0.5] @ np.linalg.qr(r.normal(size=(4, 4)))[0]
    w = np.asarray(linear(Oja(eta=1e-3), x, np.full((4, 1), 0.3))[0])[-5000:].mean(0)
    first = np.linalg.svd(x, full_matrices=False)[2][0]
    assert abs(w @ first) > 0.995
    np.testing.assert_allclose(np.linalg.norm(w), 1.0, atol=0.02)


@pytest.mark.parametrize("scaled", ["none", "theta"])
@pytest.mark.parametrize("dt", [1.0, 0.5])
def test_bcm_becomes_selective(scaled, dt):
    """Two orthogonal patterns in turn, at random: the unit answers one with 1/p = 2, the other with 0."""
    order = np.random.default_rng(0).integers(0, 2, 6000)
    rule = BCM(tau_w=500.0, tau_theta=50.0, theta0=0.1, scaled=scaled)
    w, s = linear(rule, np.eye(2)[order], np.array([[0.6], [0.5]]), dt=dt, steps_each=round(1 / dt))
    answers = np.sort(np.asarray(w)[-2000:].mean(0))
    np.testing.assert_allclose(answers, [0.0, 2.0], atol=0.12)
    np.testing.assert_allclose(np.asarray(s.theta)[-2000:].mean(), 2.0, rtol=0.1)
    assert (np.asarray(s.theta) >= 0).all()


def test_the_threshold_of_bcm_is_an_exact_low_pass(weights):
    rule, steps = BCM(tau_theta=40.0, theta0=0.3), 30
    for dt in (1.0, 0.5):
        synapse = bouton.Synapse(bouton.testing.Full(1, 1), weights=0.0, plasticity=rule)
        circuit = bouton.Circuit({"s": synapse})
        state = circuit.init(key=jax.random.key(0), dt=dt)
        for i in range(round(steps / dt)):
            feeds = {"s.pre": jnp.zeros(1), "s.post": jnp.full(1, 1.5)}
            state, _ = circuit.step(state, bouton.Tick(i, dt), feeds)
        want = 2.25 + (0.3 - 2.25) * np.exp(-steps / 40)
        np.testing.assert_allclose(state["s"].plasticity.theta, want, rtol=1e-5)
