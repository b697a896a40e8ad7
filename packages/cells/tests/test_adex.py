"""AdExCell against an independent solver, the theory of its resting points, and the published firing patterns."""

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton.testing import ComponentTests
from bouton_cells import AdEx, AdExCell
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

METHODS = {"euler": 1, "exp_euler": 1, "rk2": 2, "heun": 2, "ralston": 2, "rk4": 4}


class TestAdExCell(ComponentTests):
    component = AdExCell((2, 2))
    inputs = {"j": (0.0, 300.0)}  # noqa: RUF012


def run(cells, j, *, steps, dt):
    """All states and outputs of cells by name, fed with a constant current, one for all or one for each name."""
    circuit = bouton.Circuit(cells)
    js = j if isinstance(j, dict) else dict.fromkeys(cells, j)

    def body(state, step):
        feeds = {f"{n}.j": jnp.broadcast_to(jnp.asarray(js[n], float), c.n_units) for n, c in cells.items()}
        state, out = circuit.step(state, bouton.Tick(step=step, dt=dt), feeds)
        return state, {n: (state[n], out[n]) for n in cells}

    @jax.jit
    def scan():
        return jax.lax.scan(body, circuit.init(key=jax.random.key(0), dt=dt), jnp.arange(steps))[1]

    return jax.tree.map(np.asarray, scan())


def times(found, dt, unit=0):
    """Spike times of a unit: the ends of their steps."""
    return (np.flatnonzero(found[1].s[:, unit]) + 1) * dt


def slope(t, y, c, j):
    """The equations of the paper, for a cell whose parameters are numbers."""
    v, w = y
    upstroke = c.v_sharpness * np.exp((v - c.intrinsic_mem_thr) / c.v_sharpness)
    return [
        (c.v_rest - v + upstroke + c.resist_m * (j - w)) / c.tau_m,
        (c.a * (v - c.v_rest) - w) / c.tau_w,
    ]


def solved(c, j, duration, tolerance=1e-10):
    """Spike times, and the state at the end, by an independent solver that stops at the threshold."""

    def reached(t, y, c, j):
        return y[0] - c.thr

    reached.terminal, reached.direction = True, 1
    t, y, spikes = 0.0, [c.v0, c.w0], []
    while True:
        part = solve_ivp(slope, (t, duration), y, "DOP853", args=(c, j), events=reached, rtol=tolerance, atol=tolerance)
        if part.status == 0:
            return np.array(spikes), part.y[:, -1]
        t = part.t[-1]
        spikes.append(t)
        y = [c.v_reset, part.y[1, -1] + c.b]


# ---- the equations ---------------------------------------------------------------------------------------------------


def test_order_of_each_integrator_on_v_and_w_together():
    start = {"v0": -60.0, "w0": 2.0, "tau_w": 30.0, "a": 0.5}
    cells = {m: AdExCell(1, integration_type=m, **start) for m in METHODS}
    spikes, end = solved(AdExCell(1, **start), 10.0, 20.0, 1e-12)
    assert len(spikes) == 0
    errors = []
    with jax.enable_x64(True):
        for steps in (40, 80):
            found = run(cells, 10.0, steps=steps, dt=20.0 / steps)
            errors.append([np.abs([s.v[-1, 0], s.w[-1, 0]] - end).max() for s, _ in found.values()])
    np.testing.assert_allclose(np.log2(np.divide(*errors)), list(METHODS.values()), atol=0.15)


PATTERNS = {  # and the currents [pA] with which the paper shows them
    "tonic spiking": 500.0,
    "adaptation": 500.0,
    "initial burst": 400.0,
    "regular bursting": 210.0,
    "delayed accelerating": 300.0,
    "delayed regular bursting": 110.0,
    "transient spiking": 180.0,
    "irregular spiking": 160.0,
}


def test_spike_times_against_an_independent_solver_that_stops_at_the_threshold():
    """A spike is seen at the end of its step, up to dt late, and so the next ones are later by that."""
    dt, js = 0.01, {**PATTERNS, "default": 25.0, "strong": 200.0}
    del js["irregular spiking"]  # chaos
    cells = {n: AdExCell(1) if n in ("default", "strong") else AdEx(n, 1) for n in js}
    with jax.enable_x64(True):
        found = run({n: c.replace(integration_type="rk4") for n, c in cells.items()}, js, steps=12_000, dt=dt)
    for name, cell in cells.items():
        want, _ = solved(cell, js[name], 120.0)
        late = times(found[name], dt)[: len(want)] - want
        assert len(late) == len(want) > 0 and late[0] > 0, name
        assert (np.abs(late) < 3 * dt * np.arange(1, len(want) + 1)).all(), (name, late)


def test_a_spike_resets_v_and_raises_w_which_never_sees_more_than_the_threshold():
    starts = np.array([-80.0, 4.9, 1e4])
    found, out = run({"c": AdExCell(3, v0=starts, w0=1.0)}, 0.0, steps=1, dt=0.5)["c"]
    np.testing.assert_array_equal(out.s[0], [0, 1, 1])
    np.testing.assert_array_equal(found.v[0, 1:], -75.0)
    w = 1.0 + 0.5 / 400 * (0.1 * (np.minimum(starts, 5.0) + 72) - 1.0) + np.array([0.0, 0.75, 0.75])
    np.testing.assert_allclose(found.w[0], w, rtol=1e-5)
    v = -80.0 + 0.5 / 15 * (-72 + 80 + 2 * np.exp(-12.5) - 1.0)
    np.testing.assert_allclose(found.v[0, 0], v, rtol=1e-5)


def test_the_last_spike_and_the_time_since_in_ms_for_any_step():
    for dt in (1.0, 0.5):
        cell = AdExCell(2, v0=[4.9, -70.0], track_tols=True)
        state, out = run({"c": cell}, 0.0, steps=round(2 / dt), dt=dt)["c"]
        np.testing.assert_allclose(state.age[-1], [2.0 - dt, np.inf])
        np.testing.assert_allclose(out.tols[-1], [0.0, -np.inf])


# ---- resting points and rates ----------------------------------------------------------------------------------------


def resting(c, j):
    """The lower root of the equation in the class's documentation."""

    def of(v):
        upstroke = c.v_sharpness * np.exp((v - c.intrinsic_mem_thr) / c.v_sharpness)
        return (1 + c.a * c.resist_m) * (v - c.v_rest) - upstroke - c.resist_m * j

    return brentq(of, c.v_rest - 100.0, c.intrinsic_mem_thr + c.v_sharpness * np.log(1 + c.a * c.resist_m))


def rheobase(c):
    """The closed form of the class's documentation."""
    ratio = min(c.a * c.resist_m, c.tau_m / c.tau_w)
    v = c.intrinsic_mem_thr + c.v_sharpness * np.log(1 + ratio)
    return ((1 + c.a * c.resist_m) * (v - c.v_rest) - c.v_sharpness * (1 + ratio)) / c.resist_m


@pytest.mark.parametrize("tau_w", [400.0, 20.0])  # of a node, of a saddle and a node that merge
def test_a_cell_rests_up_to_the_rheobase_and_fires_above_it(tau_w):
    """Started on the resting point of 90 % of the current, so that none is passed by swinging."""
    plain = AdExCell(1, tau_w=tau_w, resist_m=0.5)
    j = rheobase(plain) * np.array([-1.0, 0.0, 0.5, 0.98, 1.02, 1.1])
    v0 = np.array([resting(plain, each) for each in np.minimum(j, 0.9 * rheobase(plain))])
    cell = AdExCell(6, tau_w=tau_w, resist_m=0.5, v0=v0, w0=0.1 * (v0 + 72.0), integration_type="rk4")
    state, out = run({"c": cell}, j, steps=8_000, dt=0.25)["c"]
    np.testing.assert_array_equal(out.s.sum(0) > 0, j > rheobase(plain))
    np.testing.assert_allclose(state.v[-1, :4], [resting(plain, each) for each in j[:4]], rtol=2e-3)


def test_the_rate_grows_with_the_current():
    j = np.linspace(10.0, 60.0, 26)
    counts = run({"c": AdExCell(26, integration_type="heun")}, j, steps=6_000, dt=0.25)["c"][1].s.sum(0)
    assert (counts[j < 0.9 * rheobase(AdExCell(1))] == 0).all() and counts[-1] > 40
    assert (np.diff(counts) >= 0).all() and (np.diff(counts[j > 18]) > 0).all()


# ---- published patterns ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def intervals():
    """The first spike of each pattern, and the intervals between spikes of 600 ms."""
    cells = {n: AdEx(n, 1).replace(integration_type="rk4") for n in PATTERNS}
    found = run(cells, PATTERNS, steps=12_000, dt=0.05)
    spikes = {n: times(found[n], 0.05) for n in PATTERNS}
    return {n: (t[0], np.diff(t)) for n, t in spikes.items()}


def test_tonic_spiking(intervals):
    _, gaps = intervals["tonic spiking"]
    assert len(gaps) > 50 and gaps.max() < 1.1 * gaps.min()


def test_adaptation(intervals):
    """Intervals grow, one after the other, to several times the first."""
    _, gaps = intervals["adaptation"]
    assert (np.diff(gaps[:7]) > 0).all() and gaps[-1] > 5 * gaps[0]
    np.testing.assert_allclose(gaps[-4:], gaps[-1], rtol=0.01)


def test_initial_burst(intervals):
    """A burst at the start, then single spikes at one distance."""
    _, gaps = intervals["initial burst"]
    assert (gaps[:2] < 10).all() and gaps[2:].min() > 40
    np.testing.assert_allclose(gaps[4:], gaps[-1], rtol=0.01)


def test_regular_bursting(intervals):
    """Bursts again and again, with one distance and one number of spikes after the first."""
    first, gaps = intervals["regular bursting"]
    bursts = np.flatnonzero(gaps > 50)
    assert first < 30 and len(bursts) >= 4
    assert (np.diff(bursts) == np.diff(bursts)[0]).all() and np.diff(bursts)[0] >= 2
    np.testing.assert_allclose(gaps[bursts[1:]], gaps[bursts[1]], rtol=0.01)


def test_delayed_accelerating(intervals):
    """Late, with intervals that shrink."""
    first, gaps = intervals["delayed accelerating"]
    assert first > 1.4 * gaps[0] and gaps[-1] < 0.6 * gaps[0]
    assert (np.diff(gaps) < 0.06).all()  # a step


def test_delayed_regular_bursting(intervals):
    first, gaps = intervals["delayed regular bursting"]
    bursts = np.flatnonzero(gaps > 30)
    assert first > 50 and len(bursts) > 6
    assert (np.diff(bursts) == 4).all()
    np.testing.assert_allclose(gaps[bursts], gaps[bursts[0]], rtol=0.03)


def test_transient_spiking(intervals):
    """The current goes on, the spikes do not."""
    first, gaps = intervals["transient spiking"]
    assert first + gaps.sum() < 50


def test_irregular_spiking(intervals):
    """No interval repeats itself, though the current is constant."""
    _, gaps = intervals["irregular spiking"]
    assert len(gaps) > 20 and gaps.std() > 0.4 * gaps.mean()
    for period in range(1, 8):
        assert np.abs(gaps[period:] - gaps[:-period]).max() > 10


# ---- coarse steps, absurd currents, gradients ------------------------------------------------------------------------


def test_integrators_go_on_firing_with_coarse_steps():
    """Where stages reach far above the threshold, w must not follow them there."""
    cells = {m: AdExCell(1, integration_type=m) for m in METHODS}
    want, _ = solved(AdExCell(1), 25.0, 600.0)
    for name, found in run(cells, 25.0, steps=600, dt=1.0).items():
        assert abs(len(times(found, 1.0)) - len(want)) < 2 and found[0].w.max() < 8, name


@pytest.mark.parametrize("dt", [1.0, 0.1])
def test_no_current_and_no_start_makes_numbers_overflow(dt):
    axes = [-1e6, -200.0, -60.0, 0.0, 4.99, 1e4], [-1e6, 0.0, 20.0, 1e6], [0.0, 25.0, -25.0, 1e6, -1e6, 1e30, -1e30]
    v, w, j = (grid.ravel() for grid in np.meshgrid(*axes))
    cells = {m: AdExCell(len(v), v0=v, w0=w, integration_type=m) for m in METHODS}
    for name, (state, _) in run(cells, j, steps=40, dt=dt).items():
        assert np.isfinite(state.w).all(), name
        assert (state.v >= -1072).all() and (state.v <= 5).all(), name  # false for NaN


def test_gradients_pass_through_spikes_under_any_integrator():
    """Also from far up a spike, where one step carries v beyond all bounds."""
    circuit = bouton.Circuit({m: AdExCell(3, v0=[-70.0, -45.0, -30.0], integration_type=m) for m in METHODS})
    state = circuit.init(key=jax.random.key(0), dt=1.0)

    def spikes(j):
        _, out = circuit.step(state, bouton.Tick(step=0, dt=1.0), {f"{m}.j": j[m] for m in METHODS})
        return sum(out[m].s.sum() for m in METHODS)

    for name, by_current in jax.grad(spikes)(dict.fromkeys(METHODS, jnp.array([1_000.0, 25.0, 25.0]))).items():
        assert jnp.isfinite(by_current).all() and (by_current > 0).all(), name


# ---- without adaptation; bad input -----------------------------------------------------------------------------------


def test_without_adaptation_there_is_no_w():
    cells = {"none": AdExCell(1, tau_w=None, integration_type="rk4"), "zero": AdExCell(1, a=0.0, b=0.0)}
    cells["zero"] = cells["zero"].replace(integration_type="rk4")
    found = run(cells, 20.0, steps=400, dt=0.25)
    assert found["none"][0].w is None and found["none"][1].s.sum() > 1
    np.testing.assert_allclose(found["none"][0].v, found["zero"][0].v, rtol=1e-5)


@pytest.mark.parametrize(
    ("cell", "dt", "message"),
    [
        (AdExCell(1, integration_type="rk3"), 1.0, r"^c: integration_type: .*'rk3'.* Did you mean 'rk4'\?"),
        (AdExCell(1, integration_type="exact"), 1.0, "^c: integration_type='exact' is for linear equations of one or"),
        (AdExCell(1), 40.0, "^c: a step of 40 ms is too long for integration_type='euler': use dt <= 15"),
        (AdExCell(1, tau_w=0.0), 1.0, r"^c\.tau_w must be > 0 ms, got 0\. Use None to switch it off"),
        (AdExCell(2, v_sharpness=[1.0, -2.0]), 1.0, r"^c\.v_sharpness\[1\] must be > 0 mV, got -2"),
    ],
    ids=lambda value: repr(value) if isinstance(value, AdExCell) else "",
)
def test_bad_parameters_are_said_when_built(cell, dt, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit({"c": cell}).init(key=jax.random.key(0), dt=dt)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("tonik spiking", "AdEx has no type 'tonik spiking'. Did you mean 'tonic spiking'?"),
        (7, f"AdEx has no type 7. Available: {', '.join(PATTERNS)}."),
    ],
)
def test_an_unknown_pattern(kind, message):
    with pytest.raises(bouton.CircuitError) as raised:
        AdEx(kind, 1)
    assert str(raised.value) == message
