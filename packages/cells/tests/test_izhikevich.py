"""IzhikevichCell against an independent solver, the theory of its resting points, and the published types."""

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton.testing import ComponentTests
from bouton_cells import Izhikevich, IzhikevichCell
from scipy.integrate import solve_ivp

METHODS = {"euler": 1, "exp_euler": 1, "rk2": 2, "heun": 2, "ralston": 2, "rk4": 4}
TYPES = ["RS", "IB", "CH", "FS", "LTS", "RZ", "TC"]


class TestIzhikevichCell(ComponentTests):
    component = IzhikevichCell(3)
    inputs = {"j": (0.0, 100.0)}  # noqa: RUF012


class TestIzhikevichCellChattering(ComponentTests):
    component = Izhikevich("CH", (2, 2)).replace(integration_type="heun", track_tols=True)
    inputs = {"j": (0.0, 100.0)}  # noqa: RUF012
    dt = 0.5


def run(cells, j, *, dt, steps=None):
    """All states and outputs of cells by name, fed with a constant current, or with one for each step."""
    circuit = bouton.Circuit(cells)
    js = jnp.asarray(j, float) if steps is None else jnp.broadcast_to(jnp.asarray(j, float), (steps, *np.shape(j)))

    def body(state, at):
        feeds = {f"{n}.j": jnp.broadcast_to(at[1], c.n_units) for n, c in cells.items()}
        state, out = circuit.step(state, bouton.Tick(step=at[0], dt=dt), feeds)
        return state, {n: (state[n], out[n]) for n in cells}

    @jax.jit
    def scan():
        return jax.lax.scan(body, circuit.init(key=jax.random.key(0), dt=dt), (jnp.arange(len(js)), js))[1]

    return jax.tree.map(np.asarray, scan())


def times(found, dt, unit=0):
    """Spike times of a unit: the ends of their steps."""
    return (np.flatnonzero(found[1].s[:, unit]) + 1) * dt


def solved(c, j, duration, tolerance=1e-10):
    """Spike times, and the state at the end, by an independent solver that stops at the threshold."""

    def slope(t, y):
        v, w = y
        return [(0.04 * v**2 + 5 * v + 140 - w + c.resist_m * j) / c.tau_m, (c.coupling_factor * v - w) / c.tau_w]

    def reached(t, y):
        return y[0] - c.v_thr

    reached.terminal, reached.direction = True, 1
    t, y, spikes = 0.0, [c.v0, c.w0], []
    while True:
        part = solve_ivp(slope, (t, duration), y, "DOP853", events=reached, rtol=tolerance, atol=tolerance)
        if part.status == 0:
            return np.array(spikes), part.y[:, -1]
        t = part.t[-1]
        spikes.append(t)
        y = [c.v_reset, part.y[1, -1] + c.w_reset]


# ---- the equations ---------------------------------------------------------------------------------------------------


def test_order_of_each_integrator_on_v_and_w_together():
    start = {"v0": -75.0, "w0": -10.0, "tau_w": 10.0, "tau_m": 2.0, "resist_m": 1.5}
    spikes, end = solved(IzhikevichCell(1, **start), 2.0, 16.0, 1e-12)
    assert len(spikes) == 0
    cells = {m: IzhikevichCell(1, integration_type=m, **start) for m in METHODS}
    errors = []
    with jax.enable_x64(True):
        for steps in (80, 160):
            found = run(cells, 2.0, steps=steps, dt=16.0 / steps)
            errors.append([np.abs([s.v[-1, 0], s.w[-1, 0]] - end).max() for s, _ in found.values()])
    np.testing.assert_allclose(np.log2(np.divide(*errors)), list(METHODS.values()), atol=0.15)


def test_spike_times_against_an_independent_solver_that_stops_at_the_threshold():
    """A spike is seen at the end of its step, up to dt late, and so the next ones are later by that."""
    dt, cells = 0.01, {n: Izhikevich(n, 1) for n in TYPES} | {"default": IzhikevichCell(1)}
    with jax.enable_x64(True):
        found = run({n: c.replace(integration_type="rk4") for n, c in cells.items()}, 10.0, steps=8_000, dt=dt)
    for name, cell in cells.items():
        want, _ = solved(cell, 10.0, 80.0)
        late = times(found[name], dt)[: len(want)] - want
        assert len(late) == len(want) > 1 and late[0] > 0, name
        assert (np.abs(late) < 3 * dt * np.arange(1, len(want) + 1)).all(), (name, late)


def test_a_spike_resets_v_and_raises_w_which_never_sees_more_than_the_threshold():
    starts = np.array([-80.0, 29.0, 1e4])
    found, out = run({"c": IzhikevichCell(3, v0=starts, w0=3.0)}, 2.0, steps=1, dt=0.5)["c"]
    np.testing.assert_array_equal(out.s[0], [0, 1, 1])
    np.testing.assert_array_equal(found.v[0, 1:], -65.0)
    w = 3.0 + 0.5 / 50 * (0.2 * np.minimum(starts, 30.0) - 3.0) + np.array([0.0, 8.0, 8.0])
    np.testing.assert_allclose(found.w[0], w, rtol=1e-5)
    np.testing.assert_allclose(found.v[0, 0], -80.0 + 0.5 * (0.04 * 6400 - 400 + 140 - 3.0 + 2.0), rtol=1e-5)


def test_the_last_spike_and_the_time_since_in_ms_for_any_step():
    for dt in (1.0, 0.5):
        cell = IzhikevichCell(2, v0=[29.0, -70.0], track_tols=True)
        state, out = run({"c": cell}, 0.0, steps=round(2 / dt), dt=dt)["c"]
        np.testing.assert_allclose(state.age[-1], [2.0 - dt, np.inf])
        np.testing.assert_allclose(out.tols[-1], [0.0, -np.inf])


# ---- resting points and rates ----------------------------------------------------------------------------------------


def resting(j, b=0.2):
    """The lower root of the class's documentation, with a current."""
    return (b - 5.0 - np.sqrt((5.0 - b) ** 2 - 0.16 * (140.0 + j))) / 0.08


def test_a_cell_rests_up_to_the_rheobase_and_fires_above_it():
    """Started on the resting point of a slightly weaker current, so that none is passed by swinging."""
    tau_w = np.array([50.0, 2.0])[:, None]  # with a shorter tau_w the resting point is stable until it vanishes
    lose = np.minimum(0.2, 1 / tau_w)  # 0.08 v + 5 there
    v = (lose - 5.0) / 0.08
    rheobase = -(0.04 * v**2 + 4.8 * v + 140.0)
    np.testing.assert_allclose(rheobase[1], 0.16**-1 * 4.8**2 - 140.0)
    j = (rheobase * [0.0, 0.5, 0.98, 1.02]).ravel()
    v0 = resting(0.995 * np.minimum(j, np.repeat(rheobase, 4)))
    cell = IzhikevichCell(8, tau_w=np.repeat(tau_w, 4), v0=v0, w0=0.2 * v0, integration_type="rk4")
    state, out = run({"c": cell}, j, steps=12_000, dt=0.2)["c"]
    fires = np.array([False, False, False, True] * 2)
    np.testing.assert_array_equal(out.s.sum(0) > 0, fires)
    np.testing.assert_allclose(state.v[-1][~fires], resting(j[~fires]), rtol=2e-3)


def test_each_type_starts_at_rest_and_stays_there():
    cells = {n: Izhikevich(n, 1) for n in TYPES}
    for name, (state, out) in run(cells, 0.0, steps=300, dt=1.0).items():
        b = cells[name].coupling_factor
        np.testing.assert_allclose(cells[name].v0, resting(0.0, b), rtol=1e-12)
        np.testing.assert_allclose(state.v[[0, -1], 0], resting(0.0, b), rtol=1e-3)
        assert not out.s.any()


def test_the_rate_grows_with_the_current():
    j = np.linspace(0.0, 40.0, 21)
    counts = run({"c": IzhikevichCell(21, v0=-70.0, integration_type="heun")}, j, steps=8_000, dt=0.1)["c"][1].s.sum(0)
    assert (counts[j < 3.5] == 0).all() and counts[-1] > 60
    assert (np.diff(counts[1:]) > 0).all()


# ---- published types -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def intervals():
    """Intervals between the spikes of 300 ms, with the current 10 of the paper's figure."""
    cells = {n: Izhikevich(n, 1).replace(integration_type="rk4") for n in TYPES}
    return {n: np.diff(times(found, 0.05)) for n, found in run(cells, 10.0, steps=6_000, dt=0.05).items()}


def test_the_numbers_of_the_paper():
    """In its order: a, b, c, d."""
    paper = {"RS": (0.02, 0.2, -65, 8), "IB": (0.02, 0.2, -55, 4), "CH": (0.02, 0.2, -50, 2), "FS": (0.1, 0.2, -65, 2)}
    paper |= {"LTS": (0.02, 0.25, -65, 2), "RZ": (0.1, 0.26, -65, 2), "TC": (0.02, 0.25, -65, 0.05)}
    for name, numbers in paper.items():
        cell = Izhikevich(name, 2)
        np.testing.assert_allclose((1 / cell.tau_w, cell.coupling_factor, cell.v_reset, cell.w_reset), numbers)


def test_regular_spiking(intervals):
    """A short first interval, then long ones."""
    gaps = intervals["RS"]
    assert gaps[0] < 20 and gaps[1:].min() > 40
    np.testing.assert_allclose(gaps[2:], gaps[-1], rtol=0.01)


def test_intrinsically_bursting(intervals):
    """A burst, then single spikes."""
    gaps = intervals["IB"]
    assert (gaps[:2] < 5).all() and gaps[2:].min() > 25
    np.testing.assert_allclose(gaps[4:], gaps[-1], rtol=0.01)


def test_chattering(intervals):
    """Bursts of some spikes at a few ms, every 20 to 100 ms."""
    gaps = intervals["CH"]
    pauses = np.flatnonzero(gaps > 20)
    assert len(pauses) >= 4 and (np.diff(pauses)[1:] == np.diff(pauses)[1]).all() and np.diff(pauses)[1] >= 4
    assert np.delete(gaps, pauses).max() < 8


def test_fast_spiking(intervals):
    """More than 100 spikes a second, without adaptation after the first few."""
    gaps = intervals["FS"]
    assert gaps.max() < 10 and (intervals["RS"][-1] / gaps[-1]) > 5
    np.testing.assert_allclose(gaps[4:], gaps[-1], atol=0.11)


def test_low_threshold_spiking(intervals):
    """Fires where a fast spiking cell rests, and adapts."""
    found = run({n: Izhikevich(n, 1) for n in ("LTS", "FS")}, 1.5, steps=1_500, dt=0.2)
    assert len(times(found["LTS"], 0.2)) >= 4 and len(times(found["FS"], 0.2)) == 0
    gaps = intervals["LTS"]
    assert gaps[0] < 4 and gaps[-1] > 4 * gaps[0] and (np.diff(gaps[:6]) > 0).all()


def test_resonator():
    """At rest it swings; a second pulse fires it after one period, and not after half of one."""
    eigenvalue = np.linalg.eigvals([[0.0, -1.0], [0.026, -0.1]])[0]  # at v = -62.5
    period = 2 * np.pi / abs(eigenvalue.imag)
    t = np.arange(400) * 0.2
    second = np.array([0.5, 1.0, 1.5]) * period
    pulses = ((t < 2.0)[:, None] | (np.abs(t[:, None] - second - 1.0) <= 1.0)) * 1.13
    cell = Izhikevich("RZ", 3).replace(integration_type="rk4")
    state, out = run({"c": cell}, pulses, dt=0.2)["c"]
    np.testing.assert_array_equal(out.s.sum(0) > 0, [False, True, False])
    swing = state.v[(t > 8) & (t < 8 + period / 2), 1]
    assert swing.min() < -62.5


def test_thalamo_cortical():
    """Tonic when depolarised from rest, a burst when released from hyperpolarisation."""
    cells = {n: Izhikevich(n, 1).replace(integration_type="rk4") for n in ("TC", "RS")}
    released = run(cells, np.where(np.arange(3_000) < 1_500, -29.5, 0.0), dt=0.1)
    assert -88 < released["TC"][0].v[1_499, 0] < -86  # as in the paper's figure
    spikes = times(released["TC"], 0.1)
    assert len(spikes) > 4 and 150 < spikes[0] < 160 and spikes[-1] < 210 and np.diff(spikes).min() < 5
    assert len(times(released["RS"], 0.1)) == 1
    tonic = np.diff(times(run({"TC": cells["TC"]}, 3.0, steps=3_000, dt=0.1)["TC"], 0.1))
    assert len(tonic) > 20
    np.testing.assert_allclose(tonic[-12:], tonic[-1], rtol=0.04)


# ---- coarse steps, absurd currents, gradients ------------------------------------------------------------------------


def test_inhibition_never_fires_a_cell_under_exponential_euler():
    """From all resting points and from after a spike, with steps of 1 ms."""
    starts, j = (grid.ravel() for grid in np.meshgrid([-70.0, -65.0, -90.0], [-1.0, -30.0, -100.0, -1_000.0]))
    cell = IzhikevichCell(len(j), v0=starts, integration_type="exp_euler")
    state, out = run({"c": cell}, j, steps=200, dt=1.0)["c"]
    assert not out.s.any()
    np.testing.assert_allclose(state.v[-1], resting(j), rtol=2e-3)


@pytest.mark.parametrize("dt", [1.0, 0.1])
def test_no_current_and_no_start_makes_numbers_overflow(dt):
    axes = [-1e6, -200.0, -60.0, 0.0, 29.9, 1e4], [-1e6, -14.0, 20.0, 1e6], [0.0, 25.0, -25.0, 1e6, -1e6, 1e30, -1e30]
    v, w, j = (grid.ravel() for grid in np.meshgrid(*axes))
    cells = {m: IzhikevichCell(len(v), v0=v, w0=w, integration_type=m) for m in METHODS}
    for name, (state, _) in run(cells, j, steps=40, dt=dt).items():
        assert np.isfinite(state.w).all(), name
        assert (state.v >= -1000).all() and (state.v <= 30).all(), name  # false for NaN


def test_gradients_pass_through_spikes_under_any_integrator():
    """Also from far up a spike, where one step carries v beyond all bounds."""
    circuit = bouton.Circuit({m: IzhikevichCell(3, v0=[-70.0, -40.0, 29.0], integration_type=m) for m in METHODS})
    state = circuit.init(key=jax.random.key(0), dt=1.0)

    def spikes(j):
        _, out = circuit.step(state, bouton.Tick(step=0, dt=1.0), {f"{m}.j": j[m] for m in METHODS})
        return sum(out[m].s.sum() for m in METHODS)

    for name, by_current in jax.grad(spikes)(dict.fromkeys(METHODS, jnp.array([100.0, 10.0, 10.0]))).items():
        assert jnp.isfinite(by_current).all() and (by_current > 0).all(), name


# ---- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "dt", "message"),
    [
        (IzhikevichCell(1, integration_type="eular"), 1.0, r"^c: integration_type: .*'eular'.* Did you mean 'euler'\?"),
        (IzhikevichCell(1, integration_type="exact"), 1.0, "^c: integration_type='exact' is for linear equations of"),
        (IzhikevichCell(1), 4.0, "^c: a step of 4 ms is too long for integration_type='euler': use dt <= 1.6"),
        (IzhikevichCell(2, tau_w=[50.0, 0.0]), 1.0, r"^c\.tau_w\[1\] must be > 0 ms, got 0"),
    ],
    ids=lambda value: repr(value) if isinstance(value, IzhikevichCell) else "",
)
def test_bad_parameters_are_said_when_built(cell, dt, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit({"c": cell}).init(key=jax.random.key(0), dt=dt)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("LTX", "Izhikevich has no type 'LTX'. Did you mean 'LTS'?"),
        ("rs", f"Izhikevich has no type 'rs'. Available: {', '.join(TYPES)}."),
    ],
)
def test_an_unknown_type(kind, message):
    with pytest.raises(bouton.CircuitError) as raised:
        Izhikevich(kind, 1)
    assert str(raised.value) == message
