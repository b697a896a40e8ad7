"""TraceSTDP against windows of single pairs, sums over all or nearest pairs, and the drift of Poisson trains."""

import itertools

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton.testing import Full
from bouton_learning import SoftBound, TraceSTDP


@pytest.mark.parametrize("trace", ["add", "set"])
@pytest.mark.parametrize("dt", [1.0, 0.5, 0.1])
def test_window_of_a_single_pair(dt, trace, weights, at):
    """One post-synaptic spike, and pre-synaptic ones of which each unit has one, from 40 ms before to 40 ms after."""
    gaps = np.array([-40.0, -12.5, -3.0, -1.0, 1.0, 2.5, 17.0, 40.0])
    steps, centre = round(100 / dt), round(50 / dt)
    pre = np.zeros((steps, len(gaps)))
    pre[centre - np.round(gaps / dt).astype(int), range(len(gaps))] = 1
    gaps = np.round(gaps / dt) * dt  # to whole steps
    rule = TraceSTDP(a_plus=0.02, a_minus=0.015, tau_pre=15.0, tau_post=30.0, trace=trace)
    change = weights(rule, pre, at(steps, centre), dt=dt)[-1, :, 0] - 0.5
    window = np.where(gaps > 0, 0.02 * np.exp(-gaps / 15), -0.015 * np.exp(gaps / 30))
    np.testing.assert_allclose(change, window, atol=2e-6)


@pytest.mark.parametrize("read", ["before", "after"])
@pytest.mark.parametrize("trace", ["add", "set"])
def test_trains_are_sums_over_all_or_over_nearest_pairs(trace, read, weights, poisson):
    """Brute force over pairs of spikes: with "set" each spike pairs with the last one on the other side only."""
    pre, post = poisson(0.15, 120, 3, 1), poisson(0.15, 120, 2, 2)
    expected = np.full((3, 2), 0.5)

    def partners(train, n):
        found = [k for k in np.flatnonzero(train) if (k < n if read == "before" else k <= n)]
        return found if trace == "add" else found[-1:]

    for i, j in itertools.product(range(3), range(2)):
        for n in np.flatnonzero(post[:, j]):
            expected[i, j] += 0.01 * sum(np.exp(-(n - k) / 12) for k in partners(pre[:, i], n))
        for n in np.flatnonzero(pre[:, i]):
            expected[i, j] -= 0.008 * sum(np.exp(-(n - k) / 25) for k in partners(post[:, j], n))
    rule = TraceSTDP(a_plus=0.01, a_minus=0.008, tau_pre=12.0, tau_post=25.0, trace=trace, read=read)
    np.testing.assert_allclose(weights(rule, pre, post)[-1], expected, atol=2e-5)


def test_spikes_of_one_step_pair_only_if_traces_are_read_after_them(weights, at):
    both = at(3, 1)
    before, after = (weights(TraceSTDP(a_plus=0.03, a_minus=0.01, read=r), both, both)[-1] for r in ("before", "after"))
    np.testing.assert_allclose(before, 0.5)
    np.testing.assert_allclose(after, 0.5 + 0.03 - 0.01, rtol=1e-6)


@pytest.mark.parametrize("mu", [0.5, 1.0, 2.0])
def test_weight_dependence_scales_each_change(mu, weights, at):
    rule = TraceSTDP(a_plus=0.1, a_minus=0.2, bound=SoftBound(high=2.0, mu=mu))
    up = weights(rule, at(8, 1), at(8, 6), w=0.5)
    down = weights(rule, at(8, 6), at(8, 1), w=0.5)
    np.testing.assert_allclose(up[-1], 0.5 + 0.1 * 1.5**mu * np.exp(-5 / 20), rtol=1e-5)
    np.testing.assert_allclose(down[-1], 0.5 - 0.2 * 0.5**mu * np.exp(-5 / 20), rtol=1e-5)


def test_weight_dependence_keeps_weights_between_zero_and_the_largest(weights):
    """Small steps towards a bound shrink with the distance; beyond a bound nothing pushes further out."""
    busy, quiet = np.ones((2000, 1)), np.zeros((2000, 1))
    rule = TraceSTDP(a_plus=0.05, a_minus=0.05, bound=SoftBound(high=0.8), read="after", trace="set")
    no_down, no_up = rule.replace(a_minus=0.0), rule.replace(a_plus=0.0)
    rising, falling = weights(no_down, busy, busy), weights(no_up, busy, busy)
    np.testing.assert_allclose(rising[:, 0, 0], 0.8 - 0.3 * 0.95 ** np.arange(1, 2001), rtol=1e-4)
    np.testing.assert_allclose(falling[:, 0, 0], 0.5 * 0.95 ** np.arange(1, 2001), rtol=1e-3, atol=1e-6)
    for w in (1.0, 0.8):
        np.testing.assert_array_equal(weights(no_down, busy, busy, w=w), np.float32(w))
    for w in (-0.1, 0.0):
        np.testing.assert_array_equal(weights(no_up, busy, busy, w=w), np.float32(w))
    np.testing.assert_array_equal(weights(rule, busy, quiet), np.float32(0.5))


def test_hard_bounds_are_a_constraint(weights):
    busy = np.ones((50, 1))
    rule = TraceSTDP(a_plus=0.1, a_minus=0.0, read="after")
    assert weights(rule, busy, busy)[-1] > 2
    np.testing.assert_array_equal(weights(rule, busy, busy, constraints=[bouton.Clip(0.0, 0.9)])[-1], np.float32(0.9))


def test_below_the_target_a_post_synaptic_spike_depresses(weights, at):
    rule = TraceSTDP(a_plus=0.1, a_minus=0.0, x_tar=0.4, tau_pre=10.0)
    silent = weights(rule, at(4), at(4, 2))[-1]
    paired = weights(rule, at(4, 0), at(4, 2))[-1]
    np.testing.assert_allclose(silent, 0.5 - 0.1 * 0.4, rtol=1e-6)
    np.testing.assert_allclose(paired, 0.5 + 0.1 * (np.exp(-2 / 10) - 0.4), rtol=1e-6)


def test_time_constants_of_each_unit(weights, at):
    rule = TraceSTDP(a_plus=0.1, a_minus=0.1, tau_pre=[5.0, 50.0])
    pre = np.repeat(at(12, 1), 2, axis=1)
    np.testing.assert_allclose(
        weights(rule, pre, at(12, 11))[-1, :, 0], 0.5 + 0.1 * np.exp(-10 / np.array([5, 50])), rtol=1e-5
    )


@pytest.mark.parametrize("dt", [1.0, 0.5])
def test_mean_drift_under_independent_poisson_trains(dt, weights, poisson):
    """In steps of dt a trace read before its spike has the mean r dt / (e^(dt/tau) - 1), which tends to r tau.

    200 x 5 independent pairs for 20 s; the drift of their mean lies within 4 standard errors of
    r_p r_q (A+ tau+ - A- tau-), with each r tau so corrected.
    """
    r_pre, r_post, a_plus, a_minus, tau_pre, tau_post, duration = 0.02, 0.03, 1e-4, 4e-5, 10.0, 40.0, 20_000.0
    steps = round(duration / dt)
    rule = TraceSTDP(a_plus=a_plus, a_minus=a_minus, tau_pre=tau_pre, tau_post=tau_post)
    pre, post = poisson(r_pre * dt, steps, 200, 3), poisson(r_post * dt, steps, 5, 4)
    change = weights(rule, pre, post, dt=dt, w=0.0)[-1].astype(float)
    up, down = (a * dt / np.expm1(dt / tau) for a, tau in ((a_plus, tau_pre), (a_minus, tau_post)))
    expected = r_pre * r_post * (up - down) * duration
    spread = change.mean(0).std(ddof=1) / np.sqrt(5) + change.mean(1).std(ddof=1) / np.sqrt(200)
    assert abs(change.mean() - expected) < 4 * spread
    assert spread < abs(expected) / 4
    np.testing.assert_allclose(up - down, a_plus * tau_pre - a_minus * tau_post, rtol=0.1)


def test_a_batch_is_the_mean_of_its_samples(weights, poisson):
    pre, post = (poisson(0.2, 30, 8, seed).reshape(30, 4, 2) for seed in (5, 6))
    rule = TraceSTDP(a_plus=0.01, a_minus=0.008)
    alone = [weights(rule, pre[:, b], post[:, b])[-1] - 0.5 for b in range(4)]
    np.testing.assert_allclose(weights(rule, pre, post, batch=(4,))[-1] - 0.5, np.mean(alone, 0), atol=1e-6)


def test_the_gradient_by_weights_at_and_beyond_their_bounds_is_finite():
    rule = TraceSTDP(a_plus=0.1, a_minus=0.1, bound=SoftBound(mu=0.5), read="after")

    def total(w):
        circuit = bouton.Circuit({"s": bouton.Synapse(Full(2, 2), weights=w, plasticity=rule)})
        state, ones = circuit.init(key=jax.random.key(0), dt=1.0), {"s.pre": jnp.ones(2), "s.post": jnp.ones(2)}
        for i in range(2):
            state, _ = circuit.step(state, bouton.Tick(i, 1.0), ones)
        return state["s"].w.sum()

    slope = jax.grad(total)(jnp.array([[0.0, 1.0], [1.2, 0.5]]))
    assert np.isfinite(slope).all() and abs(slope[1, 1] - 1.0) > 1e-3
