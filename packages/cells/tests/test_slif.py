"""SLIFCell against closed forms, and its thresholds and lateral inhibition against loops."""

import math

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton.testing import ComponentTests
from bouton_cells import SLIFCell

DRIVE = {"j": (-5.0, 40.0)}


class TestSLIFCell(ComponentTests):
    component = SLIFCell(4)
    inputs = DRIVE


class TestSLIFCellBalanced(ComponentTests):
    component = SLIFCell((2, 2), resist_inh=None, rho_b=0.01, sticky_spikes=True, refract_time=2.0)
    inputs = DRIVE


class TestSLIFCellPersistent(ComponentTests):
    component = SLIFCell(
        3, thr_persist=True, thr_gain=0.1, thr_leak=0.01, integration_type="exact", tau_m=np.array([10.0, 20.0, 40.0])
    )
    inputs = DRIVE
    dt = 0.5


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


def alone(n, **options):
    """Cells that do not inhibit each other, with equal thresholds."""
    return SLIFCell(n, **{"resist_inh": None, "thr_jitter": 0.0, **options})


# ---- the membrane ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dt", [0.2, 0.05])
def test_intervals_in_closed_form_and_the_same_milliseconds_for_every_step(dt):
    """From 0 to threshold in tau ln(J / (J - thr)), rounded up to whole steps, after the refractory time."""
    tau, gain = np.array([20.0, 20.0, 5.0, 40.0]), np.array([1.0, 3.0, 1.0, 1.0])
    j, thr, refract = np.array([0.45, 0.7, 1.3, 2.1]), np.array([0.4, 0.4, 1.2, 0.3]), np.array([1.0, 0.0, 3.0, 10.0])
    cell = alone(4, tau_m=tau, resist_m=gain, thr=thr, refract_time=refract, integration_type="exact")
    _, out = run(cell, j, steps=round(200 / dt), dt=dt)
    for unit, rise in enumerate(tau * np.log(gain * j / (gain * j - thr))):
        gaps = np.diff(np.flatnonzero(out.s[:, unit]))
        assert len(gaps) > 2
        np.testing.assert_array_equal(gaps, math.ceil(rise / dt) + round(refract[unit] / dt))
    assert not run(alone(1, integration_type="exact"), [0.399], steps=500)[1].s.any()


def test_euler_in_closed_form():
    states, _ = run(alone(1, thr=9.0, tau_m=8.0), [2.0], steps=30, dt=0.5)
    np.testing.assert_allclose(states.v[:, 0], 2 * (1 - (1 - 0.5 / 8) ** np.arange(1, 31)), rtol=1e-5)


@pytest.mark.parametrize("dt", [1.0, 0.5, 0.1])
def test_after_a_spike_the_cell_stands_still_and_a_sticky_spike_lasts_as_long(dt):
    """A current that makes the cell fire whenever it can."""
    refract = np.array([0.0, 1.0, 5.0])
    blocked = np.round(refract / dt).astype(int)
    options = {"refract_time": refract, "thr_leak": 0.5, "thr": 0.4}  # a low threshold does not free it either
    states, out = run(alone(3, **options), 1e4, steps=3 * (blocked[2] + 1), dt=dt)
    at = np.arange(len(out.s))[:, None]
    np.testing.assert_array_equal(out.s, at % (blocked + 1) == 0)
    assert not states.v.any()
    sticky = run(alone(3, sticky_spikes=True, **options), 1e4, steps=3 * (blocked[2] + 1), dt=dt)
    assert (sticky[1].s == 1).all()
    np.testing.assert_array_equal(sticky[1].tols, out.tols)
    np.testing.assert_allclose(out.tols, (at - at % (blocked + 1)) * dt, rtol=1e-5, atol=1e-5)


def test_a_sticky_spike_ends():
    j = np.zeros((12, 1))
    j[2] = 100.0
    _, out = run(alone(1, sticky_spikes=True, refract_time=3.0), j)
    np.testing.assert_array_equal(out.s[:, 0], [0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(out.tols[:, 0], [-np.inf] * 2 + [2] * 10)


def test_no_input_and_no_start_gives_what_is_not_a_number():
    starts, currents = [-1e30, 0.0, 0.4, 1e30], [0.0, 1.0, -1.0, 1e30, -1e30]
    start, j = (a.ravel() for a in np.meshgrid(starts, currents))
    for method in ("euler", "rk4", "exp_euler"):
        cell = SLIFCell(20, resist_inh=1e3, rho_b=0.1, integration_type=method)
        states, out = run(cell, j, steps=20, start={"v": start})
        for found in (states.v, states.thr_theta, out.surrogate, out.v_thr):
            assert np.isfinite(found).all(), method


# ---- the slope -------------------------------------------------------------------------------------------------------


def secant(current):
    return np.where(current > 0, 0.82 * 0.08 / np.cosh(np.clip(0.08 * current, 0, 300)) ** 2, 0)


def test_the_surrogate_is_the_slope_of_the_rate_by_the_current():
    j = np.array([-1e30, -3.0, -1e-6, 0.0, 1e-6, 0.3, 3.0, 30.0, 100.0, 1e30])
    gain = 2.0
    _, out = run(alone(10, resist_m=gain), j, steps=1)
    np.testing.assert_allclose(out.surrogate[0], secant(gain * j), rtol=1e-5, atol=1e-12)
    h = 1e-4
    rate = 0.82 * np.tanh(0.08 * gain * (j[5:8, None] + [-h, h]))
    np.testing.assert_allclose(out.surrogate[0, 5:8], np.diff(rate)[:, 0] / (2 * h * gain), rtol=1e-5)


@pytest.mark.parametrize("sticky", [False, True])
def test_the_surrogate_is_the_gradient_of_a_spike_in_every_step_and_by_nothing_else(sticky):
    """Of silent, spiking and refractory units; 5 is where the gain is 3."""
    circuit = bouton.Circuit(
        {"exc": alone(5, resist_m=3.0, sticky_spikes=sticky)}, start={"exc.rfr": [9, 9, 0, 0, 9.0]}
    )

    def spikes(p):
        c = circuit.with_parameters({f"exc.{n}": p[n] for n in ("tau_m", "thr")})
        state = c.init(key=jax.random.key(0), dt=1.0)
        out = c.step(state, bouton.Tick(step=0, dt=1.0, key=jax.random.key(0)), {"exc.j": p["j"]})[1]["exc"]
        return out.s.sum(), out

    j = jnp.array([0.1, 5.0, 5.0, -5.0, -5.0])
    gradient, out = jax.jit(jax.grad(spikes, has_aux=True))({"tau_m": 20.0, "thr": 0.4, "j": j})
    np.testing.assert_array_equal(out.s, [0, 1, sticky, sticky, 0])
    np.testing.assert_allclose(gradient["j"], 3 * secant(3 * np.asarray(j)), rtol=1e-5)
    np.testing.assert_allclose(gradient["j"], 3 * out.surrogate, rtol=1e-6)
    assert gradient["tau_m"] == gradient["thr"] == 0


def test_gradients_pass_through_the_lateral_inhibition():
    """s_1 at the second step by j_0 at the first: through the spike of 0, its weight, and the current of 1."""
    w = np.array([[0.0, 0.3], [0.7, 0.0]])
    circuit = bouton.Circuit({"exc": SLIFCell(2, resist_inh=2.0, thr_jitter=0.0)}, start={"exc.inh_weights": w})

    def second(first):
        state = circuit.init(key=jax.random.key(0), dt=0.5)
        for step, j in enumerate((jnp.stack([first, 1.0]), jnp.array([1.0, 9.0]))):
            tick = bouton.Tick(step=step, dt=0.5, key=jax.random.key(0))
            state, out = circuit.step(state, tick, {"exc.j": j})
        return out["exc"].s[1]

    current = 9.0 - 2 * 0.3 / 0.5
    expected = secant(current) * (-2 * 0.3 / 0.5) * secant(50.0)
    np.testing.assert_allclose(jax.jit(jax.grad(second))(50.0), expected, rtol=1e-5)


# ---- lateral inhibition ----------------------------------------------------------------------------------------------


def test_weights_are_drawn_once_and_persist():
    circuit = bouton.Circuit({"exc": SLIFCell(40)})
    state = circuit.init(key=jax.random.key(0), dt=1.0, batch=2)
    w = np.asarray(state["exc"].inh_weights)
    off = w[~np.eye(40, dtype=bool)]
    assert w.shape == (40, 40) and not w.diagonal().any()
    assert 0.025 <= off.min() < 0.03 and 0.995 < off.max() < 1
    np.testing.assert_allclose(off.mean(), 1.025 / 2, atol=4 * 0.975 / np.sqrt(12 * off.size))
    again = circuit.reset(state, key=jax.random.key(1), dt=1.0, batch=3)
    np.testing.assert_array_equal(again["exc"].inh_weights, w)


def test_without_inhibition_there_is_no_state_for_it():
    state = bouton.Circuit({"exc": alone(100_000)}).init(key=jax.random.key(0), dt=1.0)["exc"]
    assert state.inh_weights is state.s_last is state.thr_theta is None


@pytest.mark.parametrize(("dt", "sticky"), [(1.0, False), (0.5, True)])
def test_beside_a_loop(dt, sticky):
    """Two samples: Euler's steps, refractory time, and what each spike of the last step takes from all others."""
    rng, tau, refract, strength = np.random.default_rng(0), 8.0, 2.0, 6.0
    js = rng.uniform(0, 25, (80, 2, 5))
    with jax.enable_x64(True):
        cell = SLIFCell(5, tau_m=tau, refract_time=refract, sticky_spikes=sticky)
        states, out = run(cell, js, dt=dt, batch=(2,))
    w, thr = states.inh_weights[0], states.thr[0]
    v, since, s = np.zeros((2, 5)), np.full((2, 5), 1000), np.zeros((2, 5))
    for step, j in enumerate(js):
        for lane in range(2):
            last, onset = s[lane].copy(), since[lane] == 0
            for unit in range(5):
                current = j[lane, unit]
                for other in range(5):
                    pulse = last[other] / dt if onset[other] else last[other]
                    current -= strength * w[other, unit] * pulse
                blocked = since[lane, unit] < round(refract / dt)
                since[lane, unit] += 1
                s[lane, unit] = blocked and sticky
                if not blocked:
                    v[lane, unit] += dt / tau * (current - v[lane, unit])
                    if v[lane, unit] > thr[unit]:
                        v[lane, unit], since[lane, unit], s[lane, unit] = 0, 0, 1
        np.testing.assert_array_equal(out.s[step], s)
        np.testing.assert_allclose(states.v[step], v, rtol=1e-9, atol=1e-12)
    assert 0.05 < out.s.mean() < 0.6


@pytest.mark.parametrize("dt", [1.0, 0.5, 0.25])
def test_the_area_of_an_inhibitory_pulse_is_the_same_for_every_step(dt):
    """1 ms for a spike, and the refractory time for what sticks to it, against a membrane that forgets nothing."""
    w = [[0.0, 0.5, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    j = np.zeros((round(10 / dt), 3))
    j[0, 0] = 1e8
    for sticky, area in ((False, 1.0), (True, 4.0)):
        cell = SLIFCell(3, tau_m=1e6, refract_time=3.0, sticky_spikes=sticky)
        states, out = run(cell, j, dt=dt, start={"inh_weights": np.array(w)})
        assert out.s[0].tolist() == [1, 0, 0]
        np.testing.assert_allclose(states.v[-1], [0, -6 * 0.5 * area / 1e6, 0], rtol=1e-4)


# ---- thresholds ------------------------------------------------------------------------------------------------------


def test_jitter_is_uniform_and_lasts():
    circuit = bouton.Circuit({"exc": SLIFCell(2000, resist_inh=None, thr=1.0, thr_jitter=0.2)})
    state = circuit.init(key=jax.random.key(0), dt=1.0)
    thr = np.sort(state["exc"].thr)
    np.testing.assert_allclose(thr, np.linspace(0.8, 1.2, 2000), atol=0.02)
    again = circuit.reset(state, key=jax.random.key(1), dt=1.0, batch=2)
    np.testing.assert_array_equal(again["exc"].thr, state["exc"].thr)


@pytest.mark.parametrize("persist", [False, True])
def test_gain_and_leak_beside_a_loop(persist):
    """ngc-learn's rule at steps of 1 ms: thr + gain s - leak thr."""
    js, gain, leak = np.random.default_rng(0).uniform(0, 40, (60, 4)), 0.3, 0.02
    with jax.enable_x64(True):
        cell = SLIFCell(4, thr_gain=gain, thr_leak=leak, thr_persist=persist)
        states, out = run(cell, js)
    thr = out.v_thr[0]
    for step in range(60):
        np.testing.assert_allclose(out.v_thr[step], thr, rtol=1e-9)
        thr = thr + gain * out.s[step] - leak * thr
        held = states.thr[step] if persist else states.thr[step] + states.thr_theta[step]
        np.testing.assert_allclose(held, thr, rtol=1e-9)
    assert out.s.sum() > 20


@pytest.mark.parametrize("dt", [1.0, 0.5, 0.1])
def test_thresholds_change_at_the_same_rate_for_every_step(dt):
    steps = round(4 / dt)
    _, out = run(alone(2, thr=0.8, thr_leak=[0.1, 0.3]), 0.0, steps=steps + 1, dt=dt)
    np.testing.assert_allclose(out.v_thr[steps], [0.8 * 0.9**4, 0.8 * 0.7**4], rtol=1e-4)
    _, out = run(alone(2, thr=[0.8, 0.05], rho_b=0.01), 0.0, steps=steps + 1, dt=dt)
    np.testing.assert_allclose(out.v_thr[steps], [0.8 - 4 * 0.01, 0.025], rtol=1e-4)


def test_the_balance_beside_a_loop():
    """ngc-learn's rule at steps of 1 ms: max(thr + (spikes of the sample - 1) rho_b, 0.025)."""
    js = np.random.default_rng(0).uniform(-5, 30, (100, 2, 4)) * (np.arange(100) < 40)[:, None, None]
    with jax.enable_x64(True):
        _, out = run(alone(4, rho_b=0.05, refract_time=0.0, thr=0.3), js, batch=(2,))
    thr = np.full((2, 4), 0.3)
    for step in range(100):
        np.testing.assert_allclose(out.v_thr[step], thr, rtol=1e-9)
        thr = np.maximum(thr + (out.s[step].sum(-1, keepdims=True) - 1) * 0.05, 0.025)
    assert out.s.sum(-1).max() > 1 and np.isclose(out.v_thr, 0.025).any()


@pytest.mark.parametrize("dt", [1.0, 0.5])
def test_the_balance_is_one_spike_per_millisecond(dt):
    j = np.random.default_rng(0).uniform(2, 6, 30)
    _, out = run(SLIFCell(30, resist_inh=None, rho_b=0.01, tau_m=5.0), j, steps=round(3000 / dt), dt=dt)
    np.testing.assert_allclose(out.s[round(1000 / dt) :].sum() / 2000, 1, atol=0.03)


def test_adaptation_is_of_each_sample_and_ends_with_a_reset_or_is_shared_and_persists():
    j = 1e4 * np.array([[1.0, 0], [0, 0], [1, 1], [0, 0]])
    tick = bouton.Tick(step=0, dt=1.0, key=jax.random.key(0), batch=(4,))
    for persist, shown in ((False, [[1.4, 0.4], [0.4, 0.4], [1.4, 1.4], [0.4, 0.4]]), (True, [[0.9, 0.65]] * 4)):
        circuit = bouton.Circuit({"exc": alone(2, thr_gain=1.0, thr_persist=persist)})
        state, _ = circuit.step(circuit.init(key=jax.random.key(0), dt=1.0, batch=4), tick, {"exc.j": j})
        _, out = circuit.step(state, tick)
        np.testing.assert_allclose(out["exc"].v_thr, shown, rtol=1e-6)
        again = circuit.reset(state, key=jax.random.key(1), dt=1.0, batch=4)
        _, out = circuit.step(again, tick)
        np.testing.assert_allclose(out["exc"].v_thr, shown if persist else np.full((4, 2), 0.4), rtol=1e-6)
        kept, _ = circuit.step(state, tick, {"exc.j": j}, learn=False)
        np.testing.assert_array_equal(kept["exc"].thr, state["exc"].thr)


# ---- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"rho_b": 0.1, "thr_leak": 0.1},
            "exc: rho_b replaces thr_gain and thr_leak: give either rho_b, or one of these or both.",
        ),
        ({"rho_b": 0.1, "thr_gain": 0.1}, "exc: rho_b replaces thr_gain and thr_leak"),
        ({"thr_leak": 1.0}, "exc.thr_leak must be >= 0 and < 1 1/ms, got 1."),
        (
            {"integration_type": "exakt"},
            "exc: integration_type: no installed plugin provides the integrator 'exakt'. Did you mean 'exact'?",
        ),
        ({"tau_m": 0.5}, "exc: a step of 1 ms is too long for integration_type='euler': use dt <= 0.5, or another"),
    ],
)
def test_what_cannot_be(options, message):
    with pytest.raises(bouton.CircuitError) as raised:
        run(SLIFCell(2, **options), 0.0, steps=1)
    assert str(raised.value).startswith(message)
