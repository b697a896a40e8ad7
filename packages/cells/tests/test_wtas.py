"""WTASCell against loops, and against the closed form of its race."""

import math

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton.testing import ComponentTests
from bouton_cells import WTASCell
from scipy.special import softmax

DRIVE = {"j": (-3.0, 3.0)}


class TestWTASCellIntegrating(ComponentTests):
    component = WTASCell((2, 2), tau_m=20.0, refract_time=2.0)
    inputs = DRIVE


class TestWTASCell(ComponentTests):
    component = WTASCell(3, refract_time=np.array([0.0, 1.0, 2.0]), thr_gain=0.1)
    inputs = DRIVE


def run(cell, j, *, steps=None, dt=1.0, batch=(), start=None):
    """All states and outputs; j is constant, or has a first axis of steps."""
    circuit = bouton.Circuit({"exc": cell}, start={f"exc.{k}": v for k, v in (start or {}).items()})
    js = jnp.asarray(j, float) if steps is None else jnp.broadcast_to(jnp.asarray(j, float), (steps, *np.shape(j)))

    def body(state, at):
        tick = bouton.Tick(step=at[0], dt=dt, key=jax.random.key(0), batch=batch)
        state, out = circuit.step(state, tick, {"exc.j": at[1]})
        return state, (state["exc"], out["exc"])

    @jax.jit
    def scan():
        state = circuit.init(key=jax.random.key(0), dt=dt, batch=batch)
        return jax.lax.scan(body, state, (jnp.arange(len(js)), js))[1]

    return jax.tree.map(np.asarray, scan())


# ---- competition -----------------------------------------------------------------------------------------------------


def test_units_with_a_share_above_threshold_spike():
    j = np.array([[1.0, 0.0, -1.0], [0.1, 0.0, 0.0], [0.5, 0.5, -9.0], [-700.0, -701.0, -705.0]])
    _, out = run(WTASCell(3, resist_m=2.0, thr_base=0.45, thr_jitter=0.0), j[None], batch=(4,))
    np.testing.assert_allclose(out.p[0], softmax(2 * j, axis=-1), rtol=1e-5)
    np.testing.assert_array_equal(out.s[0], [[1, 0, 0], [0, 0, 0], [1, 1, 0], [1, 0, 0]])
    np.testing.assert_allclose(out.v[0], 2 * j)


@pytest.mark.parametrize("tau", [None, 3.0])
@pytest.mark.parametrize("dt", [1.0, 0.5])
def test_beside_a_loop(tau, dt):
    """Refractory units do not take part, also where all others have a potential below 0."""
    js, gain, refract = np.random.default_rng(0).uniform(-6, 1, (80, 2, 4)), 0.03, 2.0
    with jax.enable_x64(True):
        cell = WTASCell(4, tau_m=tau, thr_gain=gain, refract_time=refract, resist_m=1.3)
        states, out = run(cell, js[:, 0], dt=dt)
    thr, v, since = np.maximum(states.thr[0] - (out.s[0].sum() - dt) * gain, 0.025), np.zeros(4), np.full(4, 1000)
    for step, j in enumerate(js[:, 0]):
        ready = since >= round(refract / dt)
        for unit in range(4):
            rise = 1.3 * j[unit] * ready[unit]
            v[unit] = rise if tau is None else v[unit] + rise * dt / tau
        p = np.zeros(4)
        if ready.any():
            p[ready] = softmax(v[ready])
        s = p > thr
        np.testing.assert_allclose(out.p[step], p, rtol=1e-9)
        np.testing.assert_array_equal(out.s[step], s)
        if tau is not None:
            v *= not s.any()
        np.testing.assert_allclose((states if tau else out).v[step], v, rtol=1e-9, atol=1e-12)
        since = np.where(s, 0, since + 1)
        thr = np.maximum(thr + (s.sum() - dt) * gain, 0.025)
        np.testing.assert_allclose(states.thr[step], thr, rtol=1e-9)
    assert 10 < out.s.sum() < 100


def test_where_all_units_are_refractory_none_spikes():
    _, out = run(WTASCell(2, thr_base=0.3, refract_time=3.0, thr_gain=0.0, thr_jitter=0.0), [0.0, 0.0], steps=9)
    np.testing.assert_array_equal(out.s, np.repeat(np.arange(9)[:, None] % 4 == 0, 2, axis=1))
    np.testing.assert_array_equal(out.p, np.where(out.s > 0, 0.5, 0))
    np.testing.assert_array_equal(out.tols[:, 0], np.arange(9) // 4 * 4)


def test_above_one_half_there_is_one_winner_at_most():
    js = np.random.default_rng(0).uniform(-5, 5, (200, 6))
    _, out = run(WTASCell(6, thr_base=0.55, thr_jitter=0.02, thr_gain=0.0, refract_time=0.0), js)
    assert set(out.s.sum(-1)) == {0, 1}


@pytest.mark.parametrize("tau", [None, 5.0])
def test_no_input_and_no_start_gives_what_is_not_a_number(tau):
    start = {"v": [0.0, 1e30, -1e30]} if tau else {}
    js = np.array([[0.0, 0, 0], [1e30, 1e30, -1e30], [-1e30, -1e30, -1e30], [1e30, 0, 0], [0, 0, 0]])
    states, out = run(WTASCell(3, tau_m=tau, refract_time=2.0), js, start=start)
    assert all(np.isfinite(a).all() for a in (states.thr, out.p, (states if tau else out).v))
    circuit = bouton.Circuit(
        {"exc": WTASCell(3, tau_m=tau)}, start={"exc.rfr": 0.0, **({"exc.v": start["v"]} if tau else {})}
    )
    tick = bouton.Tick(step=0, dt=1.0, key=jax.random.key(0))
    state = circuit.init(key=jax.random.key(0), dt=1.0)
    for j in js:
        slope = jax.grad(lambda j: circuit.step(state, tick, {"exc.j": j})[1]["exc"].s.sum())(jnp.asarray(j, float))
        assert np.isfinite(slope).all()


# ---- the race --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dt", [0.2, 0.05])
@pytest.mark.parametrize("common", [0.0, -7.0, 7.0])
def test_the_race_of_two_units_in_closed_form(dt, common):
    """tau ln(thr / (1 - thr)) / (R |j_1 - j_2|) ms from start to spike, whatever is common to both."""
    tau, thr, apart, gain = 12.0, 0.9, 1.7, 1.5
    cell = WTASCell(2, tau_m=tau, resist_m=gain, thr_base=thr, thr_jitter=0.0, thr_gain=0.0, refract_time=0.0)
    _, out = run(cell, np.array([common, common + apart]), steps=round(100 / dt), dt=dt)
    expected = tau / (gain * apart) * math.log(thr / (1 - thr))
    at = np.flatnonzero(out.s[:, 1])
    assert len(at) > 5 and not out.s[:, 0].any()
    np.testing.assert_array_equal(np.diff(at, prepend=-1), math.ceil(expected / dt))


def test_a_spike_starts_the_race_again_for_all_units_of_the_sample():
    j = np.array([[5.0, 0.0, 1.0], [0.5, 0.5, 0.5]])
    states, out = run(WTASCell(3, tau_m=1.0, thr_base=0.9), j, steps=1, batch=(2,))
    np.testing.assert_array_equal(out.s[0], [[1, 0, 0], [0, 0, 0]])
    np.testing.assert_allclose(states.v[0], [[0, 0, 0], [0.5, 0.5, 0.5]])


# ---- thresholds ------------------------------------------------------------------------------------------------------


def test_thresholds_start_within_the_jitter_and_never_below_the_least():
    _, out = run(WTASCell(2000, thr_base=0.4, thr_jitter=0.1), 0.0, steps=1)
    assert not out.s.any()
    states, _ = run(WTASCell(2000, thr_base=0.4, thr_jitter=0.1, thr_gain=0.0), 0.0, steps=1)
    np.testing.assert_allclose(np.sort(states.thr[0]), np.linspace(0.3, 0.5, 2000), atol=0.01)
    states, _ = run(WTASCell(2000, thr_base=0.03, thr_jitter=0.03, thr_gain=0.0), 0.0, steps=1)
    assert states.thr.min() == np.float32(0.025) and states.thr.max() > 0.05


@pytest.mark.parametrize("dt", [1.0, 0.5, 0.1])
def test_silent_thresholds_fall_at_the_same_rate_for_every_step(dt):
    cell = WTASCell(50, thr_base=0.4, thr_jitter=0.0, thr_gain=0.03)
    states, _ = run(cell, 0.0, steps=round(5 / dt), dt=dt)
    np.testing.assert_allclose(states.thr[-1], 0.4 - 5 * 0.03, rtol=1e-4)


@pytest.mark.parametrize("dt", [1.0, 0.5])
def test_thresholds_lead_to_one_spike_per_millisecond(dt):
    js = np.random.default_rng(0).normal(size=(round(2000 / dt), 20))
    _, out = run(WTASCell(20, refract_time=0.0), js, dt=dt)
    np.testing.assert_allclose(out.s[round(500 / dt) :].sum() / 1500, 1, atol=0.03)


def test_thresholds_are_shared_by_a_batch_survive_a_reset_and_stay_without_learning():
    circuit = bouton.Circuit({"exc": WTASCell(2, thr_base=0.6, thr_jitter=0.0, thr_gain=0.1)})
    state = circuit.init(key=jax.random.key(0), dt=1.0, batch=4)
    j = np.array([[9.0, 0], [0, 0], [0, 0], [0, 0]])
    tick = bouton.Tick(step=0, dt=1.0, key=jax.random.key(0), batch=(4,))
    kept, _ = circuit.step(state, tick, {"exc.j": j}, learn=False)
    np.testing.assert_array_equal(kept["exc"].thr, state["exc"].thr)
    state, _ = circuit.step(state, tick, {"exc.j": j})
    np.testing.assert_allclose(state["exc"].thr, 0.6 - 0.1 * 3 / 4, rtol=1e-6)
    state = circuit.reset(state, key=jax.random.key(1), dt=1.0, batch=2)
    np.testing.assert_allclose(state["exc"].thr, 0.6 - 0.1 * 3 / 4, rtol=1e-6)


# ---- gradients -------------------------------------------------------------------------------------------------------


def test_the_gradient_of_a_spike_is_the_surrogates_times_that_of_the_softmax():
    """ds_i/dj_k = surrogate(p_i - thr_i) R p_i (delta_ik - p_k); unit 3 is refractory."""
    gain, j = 2.0, np.array([0.3, 0.1, -0.5, 4.0])
    cell = WTASCell(4, resist_m=gain, thr_base=0.4, thr_jitter=0.0, surrogate=bouton.FastSigmoid(beta=2.0))
    circuit = bouton.Circuit({"exc": cell}, start={"exc.rfr": [9.0, 9.0, 9.0, 0.0]})
    state = circuit.init(key=jax.random.key(0), dt=1.0)
    tick = bouton.Tick(step=0, dt=1.0, key=jax.random.key(0))
    found = jax.jacobian(lambda j: circuit.step(state, tick, {"exc.j": j})[1]["exc"].s)(jnp.asarray(j, float))
    p = np.append(softmax(gain * j[:3]), 0.0)
    expected = (1 / (1 + 2 * np.abs(p - 0.4)) ** 2 * p)[:, None] * gain * (np.eye(4) - p)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)
