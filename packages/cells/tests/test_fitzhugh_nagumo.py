"""FitzhughNagumoCell: roots of the cubic, an independent solver, and what bounds it."""

import itertools

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton.testing import ComponentTests
from bouton_cells import FitzhughNagumoCell
from scipy.integrate import solve_ivp

DRIVE = {"j": (0.0, 40.0)}
LONGEST = {"euler": 0.142, "midpoint": 0.285, "heun": 0.285, "ralston": 0.285, "rk4": 0.397, "exp_euler": 2.0}


class TestFitzhughNagumoCell(ComponentTests):
    component = FitzhughNagumoCell(3)
    inputs = DRIVE
    dt = 0.1


class TestFitzhughNagumoCellExponentialWithReset(ComponentTests):
    component = FitzhughNagumoCell((2, 2), integration_type="exp_euler", spike_reset=True, track_tols=True)
    inputs = DRIVE
    dt = 0.1


def run(cell, j, *, steps, dt, start=None):
    """States and outputs (step, unit); j is constant, or has a first axis of steps."""
    circuit = bouton.Circuit({"fn": cell}, start={f"fn.{name}": value for name, value in (start or {}).items()})
    js = jnp.broadcast_to(jnp.asarray(j, float), (steps, cell.n_units))

    def body(state, at):
        state, out = circuit.step(state, bouton.Tick(step=at[0], dt=dt), {"fn.j": at[1]})
        return state, (state["fn"], out["fn"])

    @jax.jit
    def scan():
        return jax.lax.scan(body, circuit.init(key=jax.random.key(0), dt=dt), (jnp.arange(steps), js))[1]

    return scan()


def solved(j, times, *, tol=1e-10, **given):
    """(v, w) at some times, by scipy."""
    p = {"tau_m": 1.0, "resist_m": 1.0, "tau_w": 12.5, "alpha": 0.7, "beta": 0.8, "gamma": 3.0} | given
    start = [p.pop("v0", 0.0), p.pop("w0", 0.0)]

    def slope(t, y):
        v, w = y
        dv = (v - v**3 / p["gamma"] - w + p["resist_m"] * j) / p["tau_m"]
        return [dv, (v + p["alpha"] - p["beta"] * w) / p["tau_w"]]

    return solve_ivp(slope, (0, times[-1]), start, t_eval=times, method="DOP853", rtol=tol, atol=tol).y


# ---- the equations ---------------------------------------------------------------------------------------------------


def test_the_cell_rests_at_the_root_of_the_cubic():
    """w = (v + alpha) / beta in v - v^3 / gamma - w + R j = 0."""
    j = np.array([0.0, 0.2, 0.1, 1.6, 3.0, 2.0])
    alpha, beta, gamma = [0.7, 0.7, 0.8, 0.7, 0.7, 0.3], [0.8, 0.8, 0.9, 0.8, 0.8, 1.4], [3.0, 3.0, 3.0, 3.0, 4.0, 1.0]
    cell = FitzhughNagumoCell(6, alpha=alpha, beta=beta, gamma=gamma, resist_m=2.0, integration_type="rk4")
    states, _ = run(cell, j / 2, steps=2000, dt=0.2)
    for unit, (a, b, g) in enumerate(zip(alpha, beta, gamma, strict=True)):
        roots = np.roots([-1 / g, 0, 1 - 1 / b, j[unit] - a / b])
        v = roots[np.abs(roots.imag) < 1e-9].real.item()
        np.testing.assert_allclose(states.v[-1, unit], v, atol=1e-4)
        np.testing.assert_allclose(states.w[-1, unit], (v + a) / b, atol=1e-4)
    np.testing.assert_allclose([states.v[-1, 0], states.w[-1, 0]], [-1.1994, -0.6243], atol=1e-4)


@pytest.mark.parametrize(
    ("method", "dt", "order"),
    [
        ("euler", 0.02, 1),
        ("exp_euler", 0.02, 1),
        ("midpoint", 0.05, 2),
        ("heun", 0.05, 2),
        ("ralston", 0.05, 2),
        ("rk4", 0.1, 4),
    ],
)
def test_order_of_the_integrators(method, dt, order):
    """Below threshold, and through an action potential; of cells of different parameters."""
    cells = {"tau_m": [1.0, 1.5], "resist_m": [0.5, 2.0], "tau_w": [12.5, 15.0], "alpha": [0.7, 0.6]} | {
        "beta": [0.8, 0.9],
        "gamma": [3.0, 2.5],
        "v0": [-1.0, -0.8],
        "w0": [-0.5, 0.0],
    }
    want = [
        solved(j, np.arange(1, 31), tol=1e-13, **{name: values[i] for name, values in cells.items()})[0]
        for i, j in enumerate((0.1, 0.5))
    ]
    assert np.max(want[0]) < 0 and np.max(want[1]) > 1.5
    with jax.enable_x64(True):
        cell = FitzhughNagumoCell(2, **cells, integration_type=method)
        coarse, fine = (
            np.asarray(run(cell, [0.1, 0.5], steps=round(30 / h), dt=h)[0].v[round(1 / h) - 1 :: round(1 / h)])
            for h in (dt, dt / 2)
        )
    errors = [np.abs(v - np.transpose(want)).max(0) for v in (coarse, fine)]
    np.testing.assert_allclose(np.log2(np.divide(*errors)), order, atol=0.12)


def test_beyond_its_edge_the_cubic_is_a_line():
    """At v^2 = 8 gamma / 3 its slope is 1 - 8 = -7; there value and slope agree, beyond it goes on so."""
    with jax.enable_x64(True):
        cell, gamma = FitzhughNagumoCell(2, gamma=[3.0, 1.0]), np.array([3.0, 1.0])
        edge = np.sqrt(8 * gamma / 3)
        for v in (edge - 1e-7, edge, edge + 1e-7):
            value, slope = jax.jvp(lambda v: cell.slope((v, jnp.zeros(2)))[0], [jnp.asarray(v)], [jnp.ones(2)])
            np.testing.assert_allclose(value, v - v**3 / gamma, atol=1e-12)
            np.testing.assert_allclose(slope, -7, atol=1e-5)
        for far in (1.0, 1e6):
            for side in (1, -1):
                value = cell.slope((jnp.asarray(side * (edge + far)), jnp.zeros(2)))[0]
                np.testing.assert_allclose(value, side * (edge - edge**3 / gamma - 7 * far), rtol=1e-12)


# ---- spikes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dt", [0.1, 0.05])
def test_the_period_of_firing_is_that_of_an_independent_solver(dt):
    """One spike a period, whatever the step; none where the cell rests, after at most one at the start."""
    j, grid = np.array([0.0, 0.3, 0.4, 1.0, 1.5]), np.arange(0, 400, 0.01)
    _, out = run(FitzhughNagumoCell(5, integration_type="rk4"), j, steps=round(400 / dt), dt=dt)
    for unit, current in enumerate(j):
        v = solved(current, grid)[0]
        want = grid[1:][(v[1:] > 1.07) & (v[:-1] <= 1.07)]
        got = (np.flatnonzero(out.s[:, unit]) + 1) * dt
        assert len(want) == (0, 1, 10, 11, 1)[unit]
        np.testing.assert_allclose(got, want, atol=dt + 0.01)


def test_a_spike_may_set_the_cell_back():
    cell = FitzhughNagumoCell(2, v0=[0.0, -0.5], w0=[0.0, 0.2], v_thr=[1.07, 0.8], spike_reset=True)
    states, out = run(cell, 1.0, steps=600, dt=0.1)
    fired = np.asarray(out.s, bool)
    assert (fired.sum(0) > 5).all() and (states.v <= cell.v_thr).all()
    np.testing.assert_array_equal(states.v[fired], np.broadcast_to(np.float32([0.0, -0.5]), fired.shape)[fired])
    np.testing.assert_array_equal(states.w[fired], np.broadcast_to(np.float32([0.0, 0.2]), fired.shape)[fired])


def test_the_time_of_the_last_spike():
    _, out = run(FitzhughNagumoCell(1, track_tols=True), 1.0, steps=1000, dt=0.125)
    at = np.flatnonzero(out.s[:, 0])
    assert len(at) > 2
    last = np.searchsorted(at, np.arange(1000), side="right") - 1
    np.testing.assert_allclose(out.tols[:, 0], np.where(last < 0, -np.inf, at[last] * 0.125))


def test_the_gradient_of_a_spike_is_the_surrogates_and_ends_where_v_was_above_already():
    """One Euler step from v = 1: u = v + dt/tau (R j + 1 - 1/3) - thr, so ds/dj = surrogate(u) R dt / tau."""
    cell = FitzhughNagumoCell(2, tau_m=2.0, resist_m=3.0, surrogate=bouton.Triangular(alpha=2.0))
    circuit = bouton.Circuit({"fn": cell}, start={"fn.v": [1.0, 1.1]})

    @jax.jit
    def spikes(j):
        state = circuit.init(key=jax.random.key(0), dt=0.1)
        return circuit.step(state, bouton.Tick(step=0, dt=0.1), {"fn.j": j})[1]["fn"].s

    for j in (0.0, 1.0):
        u = 1 + 0.05 * (3 * j + 2 / 3) - 1.07
        np.testing.assert_array_equal(spikes(jnp.full(2, j)), [u > 0, 0])
        want = [[(1 - 2 * abs(u)) * 0.15, 0], [0, 0]]
        np.testing.assert_allclose(jax.jit(jax.jacobian(spikes))(jnp.full(2, j)), want, rtol=1e-4)


# ---- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", LONGEST)
def test_nothing_overflows_and_the_cell_comes_back(method):
    """From any start, by any current, changing its sign; with the longest step that is taken."""
    big = [sign * size for size in (0.0, 1.0, 3.0, 1e3, 1e6) for sign in (-1, 1)]
    v, w, j = np.array(list(itertools.product(big, (-1e6, 0.0, 1e6), big))).T
    dt = LONGEST[method]
    steps = round(100 / dt)
    push = np.where(np.arange(steps) % 40 < 20, 1, -1)
    rest = np.zeros(round(500 / dt))
    states, _ = run(
        FitzhughNagumoCell(len(v), integration_type=method),
        np.concatenate([push, rest])[:, None] * j,
        steps=len(push) + len(rest),
        dt=dt,
        start={"v": v, "w": w},
    )
    assert np.isfinite(states.v).all() and np.isfinite(states.w).all()
    assert (np.abs(states.v[-1]) < 2.2).all() and (np.abs(states.w[-1]) < 2.2).all()


@pytest.mark.parametrize(
    ("options", "longest"), [({}, "0.143"), ({"tau_m": 2.0}, "0.286"), ({"gamma": 1.0, "alpha": 0.3}, "0.143")], ids=str
)
def test_a_step_too_long_for_euler_is_refused(options, longest):
    """Longer than about tau_m / 7, whatever gamma."""
    circuit = bouton.Circuit({"fn": FitzhughNagumoCell(1, **options)})
    with pytest.raises(bouton.CircuitError) as raised:
        circuit.init(key=jax.random.key(0), dt=1.0)
    assert str(raised.value) == (
        "fn: a step of 1 ms is too long for integration_type='euler': "
        f"use dt <= {longest}, or another integrator, such as 'exp_euler'."
    )
    circuit.init(key=jax.random.key(0), dt=float(longest))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"integration_type": "exact"},
            r"fn: integration_type='exact' is for linear equations of one or two variables",
        ),
        ({"integration_type": "rk45"}, r"fn: integration_type: .*'rk45'.*rk4"),
        ({"gamma": 0.0}, r"fn\.gamma must be > 0, got 0\."),
        ({"tau_w": [12.5, -1.0]}, r"fn\.tau_w\[1\] must be > 0 ms, got -1\."),
    ],
    ids=str,
)
def test_bad_parameters(options, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit({"fn": FitzhughNagumoCell(2, **options)}).init(key=jax.random.key(0), dt=0.01)
