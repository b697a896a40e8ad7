"""RAFCell: the closed form of a damped oscillation, and the resonance that Izhikevich (2001) shows."""

import itertools
import math
import re

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton.testing import ComponentTests
from bouton_cells import RAFCell
from scipy.integrate import solve_ivp

PERIOD = 2 * math.pi / 10  # [ms], with the default parameters
DRIVE = {"j": (0.0, 40.0)}


class TestRAFCell(ComponentTests):
    component = RAFCell(3)
    inputs = DRIVE
    dt = 0.1


class TestRAFCellWithoutReset(ComponentTests):
    component = RAFCell((2, 2), tau_v=2.0, v0=0.0, spike_reset=False, track_tols=True, integration_type="rk4")
    inputs = DRIVE
    dt = 0.1


def run(cell, j, *, steps, dt, start=None):
    """States and outputs (step, unit); j is constant, or has a first axis of steps."""
    circuit = bouton.Circuit({"raf": cell}, start={f"raf.{name}": value for name, value in (start or {}).items()})
    js = jnp.broadcast_to(jnp.asarray(j, float), (steps, cell.n_units))

    def body(state, at):
        state, out = circuit.step(state, bouton.Tick(step=at[0], dt=dt), {"raf.j": at[1]})
        return state, (state["raf"], out["raf"])

    @jax.jit
    def scan():
        return jax.lax.scan(body, circuit.init(key=jax.random.key(0), dt=dt), (jnp.arange(steps), js))[1]

    return scan()


# ---- the oscillation -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dt", [0.01, 0.1, 0.5])
def test_a_damped_oscillation_in_closed_form_for_any_step(dt):
    """From v = 0, w = A: v = A e^{bt} sin(omega t), w = A e^{bt} cos(omega t), with t in time constants."""
    tau, omega, b, a = np.array([1.0, 1.0, 3.0]), np.array([10.0, 1.0, 5.0]), np.array([-1.0, -0.1, -0.5]), 0.9
    cell = RAFCell(3, tau_v=tau, tau_w=tau, omega=omega, dampen_factor=b, thr=10.0)
    t = np.arange(1, round(4 / dt) + 1)[:, None] * dt / tau
    states, out = run(cell, 0.0, steps=len(t), dt=dt, start={"v": 0.0, "w": a})
    np.testing.assert_allclose(states.v, a * np.exp(b * t) * np.sin(omega * t), atol=2e-6 * len(t) ** 0.5)
    np.testing.assert_allclose(states.w, a * np.exp(b * t) * np.cos(omega * t), atol=2e-6 * len(t) ** 0.5)
    assert not out.s.any()


def test_the_peak_comes_at_atan_of_omega_over_b():
    omega, b, dt = np.array([10.0, 5.0, 2.0]), np.array([-1.0, -3.0, -4.0]), 0.001
    states, _ = run(RAFCell(3, omega=omega, dampen_factor=b), 0.0, steps=400, dt=dt, start={"v": 0.0, "w": 1.0})
    np.testing.assert_allclose((np.asarray(states.v).argmax(0) + 1) * dt, np.arctan(omega / -b) / omega, atol=1.5 * dt)


def test_two_time_constants_and_a_current_that_changes_with_each_step():
    """The current is constant in each step, as the solver is told: no error but rounding."""
    rng, dt, p = np.random.default_rng(0), 0.2, {"tau_v": 0.7, "tau_w": 1.9, "omega": 6.0, "dampen_factor": -0.4}
    drive = rng.uniform(-3, 3, 20)
    with jax.enable_x64(True):
        cell = RAFCell(1, **p, resist_v=1.5, thr=10.0, v0=0.3, w0=-0.2)
        states, _ = run(cell, drive[:, None], steps=20, dt=dt)
    y, want = [0.3, -0.2], []
    for j in drive:

        def slope(t, y, j=j):
            return [(6.0 * y[1] - 0.4 * y[0]) / 0.7, (-0.4 * y[1] - 6.0 * y[0] + 1.5 * j) / 1.9]

        y = solve_ivp(slope, (0, dt), y, method="DOP853", rtol=1e-11, atol=1e-12).y[:, -1]
        want.append(y)
    np.testing.assert_allclose(np.stack([states.v[:, 0], states.w[:, 0]], 1), want, atol=1e-8)


def test_a_constant_current_moves_the_fixed_point():
    """0 = omega w + b v = b w - omega v + R j."""
    j = np.array([0.0, 3.0, -2.0])
    states, _ = run(RAFCell(3, resist_v=2.0), j, steps=60, dt=0.25)
    v = 2 * j * 10 / (10**2 + 1**2)
    np.testing.assert_allclose(states.v[-1], v, atol=1e-5)
    np.testing.assert_allclose(states.w[-1], v / 10, atol=1e-5)


@pytest.mark.parametrize(
    ("method", "order"), [("euler", 1), ("exp_euler", 1), ("midpoint", 2), ("heun", 2), ("ralston", 2), ("rk4", 4)]
)
def test_order_of_the_integrators(method, order):
    with jax.enable_x64(True):
        cell = RAFCell(1, omega=3.0, thr=10.0, v0=0.0, w0=1.0, integration_type=method)
        errors = [
            abs(run(cell, 0.0, steps=round(2 / dt), dt=dt)[0].v[-1, 0] - math.exp(-2) * math.sin(6))
            for dt in (0.01, 0.005)
        ]
    np.testing.assert_allclose(math.log2(errors[0] / errors[1]), order, atol=0.1)


# ---- spikes ----------------------------------------------------------------------------------------------------------


def pulses(times, size, *, dt, steps):
    """Currents (step, unit) that shift w by `size` at the times [ms] given for each unit."""
    j = np.zeros((steps, len(times)))
    for unit, each in enumerate(times):
        for t in each:
            j[round(t / dt), unit] += size[unit] / dt
    return j


@pytest.mark.parametrize("dt", [0.01, 0.005])
def test_doublets_fire_the_cell_at_its_eigenperiod_and_not_at_half_of_it(dt):
    """Of a pulse A the peak is 0.86 A; after one period 0.53, after two 0.28 of the swing are left (e^{bT})."""
    intervals = np.array([0.5, 1.0, 1.5, 2.0]) * PERIOD
    times = [[0.0], *([0.0, gap] for gap in intervals)]
    j = pulses(times, [0.85] * 5, dt=dt, steps=round(3 / dt))
    cell = RAFCell(5, v0=0.0)
    _, out = run(cell, j, steps=len(j), dt=dt)
    peak = 0.85 * np.exp(-np.arctan(10) / 10) * np.sin(np.arctan(10))
    left = np.exp(-intervals) * np.cos(10 * intervals)
    np.testing.assert_array_equal(peak * (1 + left) > 1, [False, True, False, False])
    np.testing.assert_array_equal(out.s.sum(0), [0, 0, 1, 0, 0])
    fired = np.flatnonzero(out.s[:, 2]).item() * dt
    assert PERIOD < fired < PERIOD + np.arctan(10) / 10


def test_an_inhibitory_pulse_fires_the_cell_by_its_rebound():
    """Half a period after the pulse -A the swing is up, with e^{bT/2} = 0.73 of its size."""
    size, dt = np.array([-1.3, -1.7]), 0.01
    j = pulses([[0.0]] * 2, size, dt=dt, steps=100)
    _, out = run(RAFCell(2, v0=0.0), j, steps=100, dt=dt)
    peak = -size * np.exp(-(PERIOD / 2 + np.arctan(10) / 10)) * np.sin(np.arctan(10))
    np.testing.assert_array_equal(out.s.sum(0), peak > 1)
    assert peak[1] > 1 and PERIOD / 2 < np.flatnonzero(out.s[:, 1]).item() * dt < PERIOD / 2 + np.arctan(10) / 10


@pytest.mark.parametrize("dt", [0.01, 0.0025])
def test_intervals_between_spikes_by_a_constant_current(dt):
    """From z = i each time: the first t > 0 at which z* + (i - z*) e^{(b + i omega) t} lies above i thr."""
    j, lam = np.array([9.0, 11.0, 15.0, 30.0]), -1 + 10j
    t = np.arange(1, 200_000) * 1e-5
    rest = -j / lam
    v = (rest[:, None] + (1j - rest[:, None]) * np.exp(lam * t)).imag
    _, out = run(RAFCell(4), j, steps=round(6 / dt), dt=dt)
    assert v[0].max() < 1 and not out.s[:, 0].any()
    for unit in (1, 2, 3):
        falls = np.argmax(v[unit] < 1)
        interval = t[falls + np.argmax(v[unit, falls:] > 1)]
        gaps = np.diff(np.flatnonzero(out.s[:, unit]), prepend=-1)
        np.testing.assert_array_equal(gaps, math.ceil(interval / dt))


def test_a_cell_starts_at_its_threshold_without_a_spike_and_goes_on_there_after_one():
    cell = RAFCell(3, v_reset=[1.0, 0.2, 1.0], w_reset=[0.0, -0.3, 0.0])
    states, out = run(cell, [30.0, 30.0, 0.0], steps=300, dt=0.01)
    assert not out.s[0].any() and not out.s[:, 2].any()
    for unit, (v, w) in enumerate(((1.0, 0.0), (0.2, -0.3))):
        fired = np.asarray(out.s[:, unit], bool)
        assert fired.sum() > 2
        np.testing.assert_array_equal(states.v[fired, unit], np.float32(v))
        np.testing.assert_array_equal(states.w[fired, unit], np.float32(w))


def test_without_reset_it_swings_on_and_spikes_once_a_swing():
    cell = RAFCell(1, dampen_factor=-0.01, v0=0.0, w0=1.5, spike_reset=False, track_tols=True)
    states, out = run(cell, 0.0, steps=400, dt=0.01)
    t = np.arange(1, 401) * 0.01
    v = 1.5 * np.exp(-0.01 * t) * np.sin(10 * t)
    np.testing.assert_allclose(states.v[:, 0], v, atol=1e-4)
    spikes = (v > 1) & (np.insert(v[:-1], 0, 0.0) <= 1)
    assert spikes.sum() > 4
    np.testing.assert_array_equal(out.s[:, 0], spikes)
    at = np.flatnonzero(spikes)
    last = np.searchsorted(at, np.arange(400), side="right") - 1
    np.testing.assert_allclose(out.tols[:, 0], np.where(last < 0, -np.inf, at[last] * 0.01), atol=1e-4)


def test_the_gradient_of_a_spike_is_the_surrogates_and_ends_where_v_was_above_already():
    """One step from v, w: dv/dj = R Im((e^{lam dt} - 1) / lam), and ds/dj = surrogate(u) dv/dj."""
    cell = RAFCell(2, resist_v=2.0, spike_reset=False, surrogate=bouton.FastSigmoid(beta=1.0))
    circuit = bouton.Circuit({"raf": cell}, start={"raf.v": [0.9, 1.1], "raf.w": 0.3})
    lam, dt = -1 + 10j, 0.05
    gain = 2 * ((np.exp(lam * dt) - 1) / lam).imag

    @jax.jit
    def spikes(j):
        state = circuit.init(key=jax.random.key(0), dt=dt)
        return circuit.step(state, bouton.Tick(step=0, dt=dt), {"raf.j": j})[1]["raf"].s

    for j in (-10.0, 10.0):
        u = ((0.3 + 0.9j) * np.exp(lam * dt)).imag + gain * j - 1
        np.testing.assert_array_equal(spikes(jnp.full(2, j)), [u > 0, 0])
        want = [[gain / (1 + abs(u)) ** 2, 0], [0, 0]]
        np.testing.assert_allclose(jax.jit(jax.jacobian(spikes))(jnp.full(2, j)), want, rtol=1e-4)


# ---- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "dt"), [("exact", 0.05), ("exact", 100.0), ("euler", 0.0198), ("rk4", 0.29)])
def test_nothing_overflows(method, dt):
    """From any start, by any current, changing its sign; with any step that is taken."""
    big = [sign * size for size in (0.0, 1.0, 1e3, 1e6) for sign in (-1, 1)]
    v, w, j = np.array(list(itertools.product(big, big, big))).T
    push = np.where(np.arange(200) % 20 < 10, 1, -1)
    cell = RAFCell(len(v), integration_type=method)
    states, _ = run(cell, push[:, None] * j, steps=200, dt=dt, start={"v": v, "w": w})
    for x in (states.v, states.w):
        assert (np.abs(x) < 4e6).all()


@pytest.mark.parametrize(("omega", "tau"), [(10.0, 1.0), (2.0, 3.0)])
def test_a_step_too_long_for_euler_is_refused(omega, tau):
    """|1 + h (b + i omega) / tau| <= 1 up to h = 2 |b| tau / (b^2 + omega^2)."""
    cell = RAFCell(1, integration_type="euler", omega=omega, tau_v=tau, tau_w=tau)
    message = r"raf: a step of 2 ms is too long for integration_type='euler': use dt <= (\S+), or another integrator"
    with pytest.raises(bouton.CircuitError, match=message) as raised:
        bouton.Circuit({"raf": cell}).init(key=jax.random.key(0), dt=2.0)
    longest = float(re.search(message, str(raised.value))[1])
    np.testing.assert_allclose(longest, 2 * tau / (1 + omega**2), rtol=0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"integration_type": "exakt"}, r"raf: integration_type: .*'exakt'.*exact"),
        ({"omega": 0.0}, r"raf\.omega must be > 0, got 0\."),
        ({"dampen_factor": [-1.0, 0.5]}, r"raf\.dampen_factor\[1\] must be < 0, got 0\.5\."),
        ({"tau_v": 0.0}, r"raf\.tau_v must be > 0 ms, got 0\."),
    ],
    ids=str,
)
def test_bad_parameters(options, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit({"raf": RAFCell(2, **options)}).init(key=jax.random.key(0), dt=0.01)
