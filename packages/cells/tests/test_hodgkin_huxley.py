"""HodgkinHuxleyCell against the paper's equations by an independent solver, and against what is known of them."""

import itertools

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton.testing import ComponentTests
from bouton_cells import HodgkinHuxleyCell
from scipy.integrate import solve_ivp

CLASSICAL = {"g_Na": 120.0, "g_K": 36.0, "v_K": -12.0}
DRIVE = {"j": (0.0, 500.0)}
LONGEST = {"euler": 0.0277, "midpoint": 0.0554, "heun": 0.0554, "ralston": 0.0554, "rk4": 0.0772, "exp_euler": 0.42}
STATES = ("v", "n", "m", "h")


class TestHodgkinHuxleyCell(ComponentTests):
    component = HodgkinHuxleyCell(3)
    inputs = DRIVE
    dt = 0.02


class TestHodgkinHuxleyCellExponentialWithReset(ComponentTests):
    component = HodgkinHuxleyCell((2, 2), **CLASSICAL, integration_type="exp_euler", spike_reset=True, track_tols=True)
    inputs = DRIVE
    dt = 0.05


def run(cell, j, *, steps, dt, start=None):
    """States and outputs (step, unit); j is constant, or has a first axis of steps."""
    circuit = bouton.Circuit({"hh": cell}, start={f"hh.{name}": value for name, value in (start or {}).items()})
    js = jnp.broadcast_to(jnp.asarray(j, float), (steps, cell.n_units))

    def body(state, at):
        state, out = circuit.step(state, bouton.Tick(step=at[0], dt=dt), {"hh.j": at[1]})
        return state, (state["hh"], out["hh"])

    @jax.jit
    def scan():
        return jax.lax.scan(body, circuit.init(key=jax.random.key(0), dt=dt), (jnp.arange(steps), js))[1]

    return scan()


def paper(v):
    """The rates of Hodgkin & Huxley (1952), (alpha, beta) of n, m and h; not at v = 10 or 25."""
    return (
        (0.01 * (10 - v) / np.expm1((10 - v) / 10), 0.125 * np.exp(-v / 80)),
        (0.1 * (25 - v) / np.expm1((25 - v) / 10), 4 * np.exp(-v / 18)),
        (0.07 * np.exp(-v / 20), 1 / (np.exp((30 - v) / 10) + 1)),
    )


def steady(v):
    return [alpha / (alpha + beta) for alpha, beta in paper(v)]


def paper_slope(j, given):
    """The right-hand side of the paper, f(y), with the parameters of the cell where none are given."""
    defaults = {"tau_v": 1.0, "resist_m": 1.0, "v_Na": 115.0, "v_K": -35.0, "v_L": 10.6, "g_Na": 100.0, "g_K": 5.0}
    p = defaults | {"g_L": 0.3} | given

    def slope(y):
        v, n, m, h = y
        current = p["g_Na"] * m**3 * h * (v - p["v_Na"]) + p["g_K"] * n**4 * (v - p["v_K"]) + p["g_L"] * (v - p["v_L"])
        gates = [alpha * (1 - x) - beta * x for x, (alpha, beta) in zip((n, m, h), paper(v), strict=True)]
        return np.array([(p["resist_m"] * j - current) / p["tau_v"], *gates])

    return slope


def solved(j, times, given=CLASSICAL, *, method="LSODA", tol=1e-10):
    """v at some times, from rest on, by scipy."""
    f, start = paper_slope(j, given), [0.0, *steady(0.0)]
    return solve_ivp(lambda t, y: f(y), (0, times[-1]), start, t_eval=times, method=method, rtol=tol, atol=tol).y[0]


def crossings(v, thr):
    return int(((v[1:] > thr) & (v[:-1] <= thr)).sum())


# ---- the gates -------------------------------------------------------------------------------------------------------


def test_a_cell_starts_at_zero_with_its_gates_in_the_steady_state():
    state = bouton.Circuit({"hh": HodgkinHuxleyCell(2)}).init(key=jax.random.key(0), dt=0.01)["hh"]
    assert not state.v.any() and state.age is None
    for gate, value in (("n", 0.3177), ("m", 0.0529), ("h", 0.5961)):
        np.testing.assert_allclose(getattr(state, gate), value, atol=5e-5)


@pytest.mark.parametrize(("x64", "rtol"), [(False, 1e-5), (True, 1e-13)])
def test_rates_are_those_of_the_paper_from_one_end_to_the_other(x64, rtol):
    """With all gates shut dx/dt = alpha, with all open -beta."""
    v = np.setdiff1d(np.concatenate([np.arange(-200, 201), np.arange(5, 30, 0.01)]).round(2), [10.0, 25.0])
    with jax.enable_x64(x64):
        cell, at = HodgkinHuxleyCell(1), jnp.asarray(v, float)
        shut, full = (cell.slope((at, *(jnp.full_like(at, x),) * 3))[1:] for x in (0.0, 1.0))
    for opening, closing, (alpha, beta) in zip(shut, full, paper(v), strict=True):
        np.testing.assert_allclose(opening, alpha, rtol=rtol)
        np.testing.assert_allclose(-closing, beta, rtol=rtol)


def test_rates_and_their_derivatives_have_their_limits_at_the_removable_singularities():
    """x / (e^x - 1) = 1 - x/2 + ..., so alpha_n(10) = 0.1 with the slope 0.005, alpha_m(25) = 1 with 0.05."""
    cell, shut = HodgkinHuxleyCell(1), jnp.zeros(1)
    for place, (v, value, derivative) in ((1, (10.0, 0.1, 0.005)), (2, (25.0, 1.0, 0.05))):
        alpha, slope = jax.jvp(lambda v, i=place: cell.slope((v, shut, shut, shut))[i], ([v * jnp.ones(1)]), [shut + 1])
        np.testing.assert_allclose(alpha, value, rtol=1e-6)
        np.testing.assert_allclose(slope, derivative, rtol=1e-6)


# ---- the equations ---------------------------------------------------------------------------------------------------


def test_a_step_of_rush_and_larsen():
    """v and the gates go towards where the present conductances and rates would hold them, each exponentially."""
    v, x, j, dt = np.array([-20.0, 3.0, 40.0]), np.array([0.2, 0.5, 0.9]), 7.0, 0.3
    cell = HodgkinHuxleyCell(3, **CLASSICAL, tau_v=2.0, integration_type="exp_euler")
    states, _ = run(cell, j, steps=1, dt=dt, start={"v": v, "n": x, "m": x, "h": x})
    for name, (alpha, beta) in zip(STATES[1:], paper(v), strict=True):
        want = alpha / (alpha + beta) + (x - alpha / (alpha + beta)) * np.exp(-(alpha + beta) * dt)
        np.testing.assert_allclose(getattr(states, name)[0], want, rtol=1e-5)
    g = 120 * x**4 + 36 * x**4 + 0.3
    goal = (j + 120 * x**4 * 115 + 36 * x**4 * -12 + 0.3 * 10.6) / g
    np.testing.assert_allclose(states.v[0], goal + (v - goal) * np.exp(-g * dt / 2.0), rtol=1e-5)


@pytest.fixture(scope="module")
def by_scipy():
    """v after 3 ms: below threshold, and past the height of an action potential; of cells of different parameters."""
    cells = {"tau_v": [1.0, 1.3], "resist_m": [0.5, 2.0], "v_Na": [115.0, 110.0], "v_K": [-12.0, -15.0]} | {
        "v_L": [10.6, 9.0],
        "g_Na": [120.0, 110.0],
        "g_K": [36.0, 30.0],
        "g_L": [0.3, 0.4],
    }
    each = [{name: values[i] for name, values in cells.items()} for i in range(2)]
    want = [solved(j, [3.0], p, method="DOP853", tol=1e-13)[0] for j, p in zip((2.0, 15.0), each, strict=True)]
    return cells, np.array(want)


@pytest.mark.parametrize(
    ("method", "dt", "order"),
    [
        ("euler", 0.01, 1),
        ("exp_euler", 0.01, 1),
        ("midpoint", 0.02, 2),
        ("heun", 0.02, 2),
        ("ralston", 0.02, 2),
        ("rk4", 0.02, 4),
    ],
)
def test_order_of_the_integrators(by_scipy, method, dt, order):
    cells, want = by_scipy
    assert want[0] < 5 and want[1] > 30
    with jax.enable_x64(True):
        cell = HodgkinHuxleyCell(2, **cells, integration_type=method)
        coarse, fine = (np.asarray(run(cell, [2.0, 15.0], steps=round(3 / h), dt=h)[0].v[-1]) for h in (dt, dt / 2))
    np.testing.assert_allclose(np.log2((coarse - want) / (fine - want)), order, atol=0.1)


def test_an_action_potential_in_single_precision():
    times = np.arange(1, 1001) * 0.02
    states, _ = run(HodgkinHuxleyCell(1, **CLASSICAL, integration_type="rk4"), 10.0, steps=1000, dt=0.02)
    np.testing.assert_allclose(states.v[:, 0], solved(10.0, times), atol=0.02)


# ---- spikes ----------------------------------------------------------------------------------------------------------


def test_rheobase_and_onset_of_firing_at_a_rate_far_from_zero():
    """One spike from 2.3 on; for ever from about 6.3 on, at once at 50 Hz: excitability of the second class."""
    j = np.array([2.2, 2.3, 6.2, 6.4, 10.0, 20.0])
    grid = np.arange(0, 200, 0.05)
    count = [crossings(solved(current, grid, tol=1e-8), 50.0) for current in j]
    assert count[:2] == [0, 1]
    spikes = {}
    for dt in (0.05, 0.025):
        cell = HodgkinHuxleyCell(6, **CLASSICAL, thr=50.0, integration_type="rk4")
        s = np.asarray(run(cell, j, steps=round(200 / dt), dt=dt)[1].s)
        np.testing.assert_array_equal(s.sum(0), count)
        spikes[dt] = [(np.flatnonzero(train) + 1) * dt for train in s.T]
    late = [int((times > 100).sum()) for times in spikes[0.05]]
    assert late[:3] == [0, 0, 0] and late[3] >= 5  # within 100 ms
    for coarse, fine in zip(spikes[0.05], spikes[0.025], strict=True):
        np.testing.assert_allclose(coarse, fine, atol=0.06)  # dt halved: the same ms


def test_the_default_cell_fires_without_input_and_a_block_is_a_single_spike():
    """However long v stays above thr, here for ever with a current of 200, that is one spike."""
    j, grid = [0.0, 200.0], np.arange(0, 100, 0.01)
    want = [crossings(solved(current, grid, {"v_K": -35.0}, tol=1e-8), 4.0) for current in j]
    states, out = run(HodgkinHuxleyCell(2), j, steps=4000, dt=0.025)
    np.testing.assert_array_equal(out.s.sum(0), want)
    assert want[0] > 4 and want[1] == 1 and states.v[400:, 1].min() > 4


def test_a_spike_may_set_v_and_the_gates_back():
    cell = HodgkinHuxleyCell(2, **CLASSICAL, thr=[20.0, 50.0], spike_reset=True, v_reset=[-5.0, 0.0])
    states, out = run(cell, 15.0, steps=1500, dt=0.02)
    for unit, v in enumerate((-5.0, 0.0)):
        fired = np.asarray(out.s[:, unit], bool)
        assert fired.sum() > 2 and states.v[~fired, unit].max() < cell.thr[unit] + 1e-3
        for name, value in zip(STATES, (v, *steady(v)), strict=True):
            np.testing.assert_allclose(getattr(states, name)[fired, unit], value, rtol=1e-5)


def test_the_time_of_the_last_spike():
    _, out = run(HodgkinHuxleyCell(1, **CLASSICAL, thr=50.0, track_tols=True), 20.0, steps=2000, dt=0.02)
    at = np.flatnonzero(out.s[:, 0])
    assert len(at) > 2
    last = np.searchsorted(at, np.arange(2000), side="right") - 1
    np.testing.assert_allclose(out.tols[:, 0], np.where(last < 0, -np.inf, at[last] * 0.02), atol=1e-3)


def test_the_gradient_of_a_spike_is_the_surrogates_and_ends_where_v_was_above_already():
    """One Euler step: u = v + dt/tau (R j + ...) - thr, so ds/dj = surrogate(u) R dt / tau."""
    cell = HodgkinHuxleyCell(2, thr=10.0, resist_m=2.0, tau_v=0.8, surrogate=bouton.FastSigmoid(beta=0.1))
    circuit = bouton.Circuit({"hh": cell}, start={"hh.v": [0.0, 11.0]})

    @jax.jit
    def spikes(j):
        state = circuit.init(key=jax.random.key(0), dt=0.02)
        state, out = circuit.step(state, bouton.Tick(step=0, dt=0.02), {"hh.j": j})
        return out["hh"].s, state["hh"].v

    for j in (100.0, 140.0):
        s, v = spikes(jnp.full(2, j))
        np.testing.assert_array_equal(s, [v[0] > 10, 0])
        gradient = jax.jit(jax.jacobian(lambda j: spikes(j)[0]))(jnp.full(2, j))
        np.testing.assert_allclose(gradient, [[0.05 / (1 + 0.1 * abs(v[0] - 10)) ** 2, 0], [0, 0]], rtol=1e-5)


# ---- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", LONGEST)
def test_nothing_overflows_and_v_comes_back(method):
    """From any start, by any current, changing its sign; with the longest step that is taken."""
    v = [-1e6, -200.0, -12.0, 0.0, 10.0, 25.0, 115.0, 1e3, 1e6]
    j = [sign * size for size in (0.0, 1.0, 100.0, 1e4, 1e6) for sign in (-1, 1)]
    v, j, gate = np.array(list(itertools.product(v, j, (0.0, 0.5, 1.0)))).T
    push = np.where(np.arange(400) < 200, np.where(np.arange(400) % 40 < 20, 1, -1), 0)
    cell = HodgkinHuxleyCell(len(v), **CLASSICAL, integration_type=method)
    dt = LONGEST[method]
    states, _ = run(cell, push[:, None] * j, steps=400, dt=dt, start={"v": v, "n": gate, "m": gate, "h": gate})
    assert np.isfinite(states.v).all()
    for name in STATES[1:]:
        x = np.asarray(getattr(states, name))
        assert (x >= 0).all() and (x <= 1).all()
    # 200 steps after the last current v is where it can be without: the leak alone takes 3 ms to forget.
    left = 1e8 * np.exp(-0.3 * 200 * dt)
    assert (np.abs(states.v[-1]) < 130 + left).all()


@pytest.mark.parametrize("given", [CLASSICAL, {}, {"tau_v": 2.0}], ids=str)
def test_a_step_too_long_for_euler_is_refused(given):
    """The longest is one over the fastest decay, at the height of an action potential."""
    f, y = paper_slope(0.0, given), np.array([115.0, 0.55, 0.97, 0.3])
    jacobian = np.transpose([(f(y + 1e-5 * e) - f(y - 1e-5 * e)) / 2e-5 for e in np.eye(4)])
    longest = np.floor(1e4 / np.abs(np.linalg.eigvals(jacobian)).max()) / 1e4
    circuit = bouton.Circuit({"hh": HodgkinHuxleyCell(1, **given)})
    with pytest.raises(bouton.CircuitError) as raised:
        circuit.init(key=jax.random.key(0), dt=0.1)
    assert str(raised.value) == (
        "hh: a step of 0.1 ms is too long for integration_type='euler': "
        f"use dt <= {longest:g}, or another integrator, such as 'exp_euler'."
    )
    circuit.init(key=jax.random.key(0), dt=float(longest))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"integration_type": "exact"},
            r"hh: integration_type='exact' is for linear equations of one or two variables",
        ),
        ({"integration_type": "eulr"}, r"hh: integration_type: .*'eulr'.*euler"),
        ({"tau_v": 0.0}, r"hh\.tau_v must be > 0 ms, got 0\."),
        ({"g_Na": [120.0, -1.0]}, r"hh\.g_Na\[1\] must be >= 0, got -1\."),
    ],
    ids=str,
)
def test_bad_parameters(options, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit({"hh": HodgkinHuxleyCell(2, **options)}).init(key=jax.random.key(0), dt=0.01)
