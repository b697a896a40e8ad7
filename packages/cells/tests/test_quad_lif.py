"""QuadLIFCell against its closed forms, and against an independent solver where there is no spike."""

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton_cells import QuadLIFCell
from scipy.integrate import solve_ivp

# One variable is all there is, so that exponential Euler knows the whole Jacobian: that makes it one of order 2.
ORDERS = {"euler": 1, "midpoint": 2, "rk2": 2, "heun": 2, "ralston": 2, "exp_euler": 2, "rk4": 4}


def run(cell, j, *, steps, dt=1.0, start=None):
    """Potential and spikes (step, unit); the current is constant, or a function of the step."""
    circuit = bouton.Circuit({"exc": cell}, start={"exc.v": start} if start is not None else {})

    def body(state, step):
        given = {"exc.j": jnp.asarray(j(step) if callable(j) else j, float)}
        state, out = circuit.step(state, bouton.Tick(step=step, dt=dt, key=jax.random.key(0)), given)
        return state, (state["exc"].v, out["exc"].s)

    @jax.jit
    def scan():
        return jax.lax.scan(body, circuit.init(key=jax.random.key(0), dt=dt), jnp.arange(steps))[1]

    return map(np.asarray, scan())


# ---- firing rates ----------------------------------------------------------------------------------------------------


def interval(j, a0=1.0, *, tau=20.0, refract=5.0, rest=-65.0, critical=-41.6, reset=-60.0, thr=-30.0):
    """The closed form of the class's documentation."""
    middle, drive = (rest + critical) / 2, j - a0 * (critical - rest) ** 2 / 4
    k = np.sqrt(a0 / drive)
    return refract + tau / np.sqrt(a0 * drive) * (np.arctan((thr - middle) * k) - np.arctan((reset - middle) * k))


@pytest.mark.parametrize("dt", [0.1, 0.05])
def test_intervals_in_closed_form_and_the_same_milliseconds_for_every_step(dt):
    """Rheobase is at R j = a_0 (v_c - v_rest)^2 / 4, 136.89 a_0 here."""
    j = np.array([138.0, 150.0, 300.0, 6.5, 9.0, 136.8])
    a0 = np.array([1.0, 1.0, 1.0, 0.04, 0.04, 1.0])
    gain = np.array([1.0, 0.5, 2.0, 1.0, 1.0, 1.0])
    cell = QuadLIFCell(
        6, thr=-30.0, theta_plus=None, refractory="clamp", critical_v=a0, resist_m=gain, integration_type="rk4"
    )
    _, s = run(cell, j / gain, steps=round(1200 / dt), dt=dt)
    for unit, expected in enumerate(interval(j[:5], a0[:5])):
        gaps = np.diff(np.flatnonzero(s[:, unit])) * dt
        assert len(gaps) > 3
        assert (gaps > expected - 0.01).all()
        assert (gaps < expected + dt + 0.01).all()  # a crossing is seen at the end of its step
    assert not s[:, 5].any()


def test_rest_is_stable_and_the_critical_potential_is_not():
    """Near rest, deviations decay at the rate a_0 (v_c - v_rest) / tau; from above v_c the potential runs away."""
    start = np.array([-65.0, -65.01, -64.99, -41.6, -41.7, -41.5, -80.0])
    v, s = run(QuadLIFCell(7, thr=50.0, integration_type="rk4"), 0.0, steps=200, dt=0.1, start=start)
    t = np.arange(1, 31) * 0.1
    np.testing.assert_allclose(v[:30, 1:3] + 65, np.outer(np.exp(-23.4 / 20 * t), [-0.01, 0.01]), atol=3e-5)
    np.testing.assert_array_equal(v[:, 0], -65)
    np.testing.assert_allclose(v[:, 3], -41.6, rtol=1e-6)
    np.testing.assert_array_equal(s.any(0), [False] * 5 + [True, False])
    np.testing.assert_allclose(v[-1, [1, 2, 4, 6]], -65, atol=1e-3)


# ---- integrators -----------------------------------------------------------------------------------------------------


def test_orders_beside_an_independent_solver():
    def slope(t, v):
        return ((v + 65) * (v + 41.6) + 120) / 20

    solved = solve_ivp(slope, (0, 2), [-72.0], rtol=1e-10, atol=1e-10, method="DOP853").y[0, -1]
    with jax.enable_x64(True):
        for method, order in ORDERS.items():
            errors = []
            for n in (20, 40, 80):
                cell = QuadLIFCell(1, thr=0.0, integration_type=method)
                v, s = run(cell, 120.0, steps=n, dt=2 / n, start=-72.0)
                errors.append(abs(v[-1, 0] - solved))
                assert not s.any()
            np.testing.assert_allclose(np.log2(np.divide(errors[:-1], errors[1:])), order, atol=0.25, err_msg=method)


STARTS = [-1e30, -2000.0, -1065.0, -300.0, -65.0, -41.6, 0.0, 900.0, 935.0, 1e30]
CURRENTS = [0.0, 50.0, -50.0, 1e6, -1e6, -908365.0, 1e30, -1e30]


@pytest.mark.parametrize("method", ORDERS)
def test_no_input_and_no_start_gives_what_is_not_a_number(method):
    """Ten steps of input, then none; -908365 is where a potential of 900 has a slope of nearly 0."""
    start, j = (a.ravel() for a in np.meshgrid(STARTS, CURRENTS))
    cell = QuadLIFCell(len(j), thr=50.0, integration_type=method)
    v, s = run(cell, lambda step: jnp.where(step < 10, j, 0.0), steps=30, dt=0.5, start=start)
    assert np.isfinite(v).all()
    assert s.any()


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (
            "exact",
            "integration_type='exact' is for linear equations of one or two variables; these are not. "
            "Use 'exp_euler', or 'rk4'.",
        ),
        ("heum", "integration_type: no installed plugin provides the integrator 'heum'. Did you mean 'heun'?"),
        (
            "euler",
            "a step of 1 ms is too long for integration_type='euler': use dt <= 0.854, "  # tau / (a_0 23.4 mV)
            "or another integrator, such as 'exp_euler'.",
        ),
    ],
)
def test_integrators_that_cannot_be_used(method, message):
    with pytest.raises(bouton.CircuitError) as raised:
        run(QuadLIFCell(1, integration_type=method), 0.0, steps=1)
    assert str(raised.value) == f"exc: {message}"
