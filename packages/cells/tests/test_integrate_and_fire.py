"""IFCell against its closed form: without a leak, every integrator is exact."""

import math

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton_cells import IFCell

METHODS = ("euler", "midpoint", "rk2", "heun", "ralston", "rk4", "exp_euler", "exact")


def run(cell, j, *, steps, dt=1.0, start=None):
    """Potential and spikes (step, unit) at a constant current."""
    circuit = bouton.Circuit({"exc": cell}, start={"exc.v": start} if start is not None else {})
    j = jnp.asarray(j, float)

    def body(state, step):
        state, out = circuit.step(state, bouton.Tick(step=step, dt=dt, key=jax.random.key(0)), {"exc.j": j})
        return state, (state["exc"].v, out["exc"].s)

    @jax.jit
    def scan():
        return jax.lax.scan(body, circuit.init(key=jax.random.key(0), dt=dt), jnp.arange(steps))[1]

    return map(np.asarray, scan())


@pytest.mark.parametrize("dt", [0.5, 0.05])
def test_intervals_in_closed_form_and_the_same_milliseconds_for_every_step(dt):
    """From v_reset to threshold in tau (thr - v_reset) / (R j), rounded up to whole steps, and the refractory time."""
    j, tau, gain = np.array([7.9, 30.0, 300.0, 21.0, 11.0]), [20.0, 20.0, 20.0, 5.0, 40.0], [1.0, 1.0, 1.0, 0.3, 2.5]
    refract, thr = [0.0, 0.0, 3.0, 10.0, 2.0], [-52.0, -52.0, -40.0, -52.0, -54.3]
    _, s = run(IFCell(5, tau_m=tau, resist_m=gain, refract_time=refract, thr=thr), j, steps=round(150 / dt), dt=dt)
    for unit, rise in enumerate(np.array(tau) * (np.array(thr) + 60) / (gain * j)):
        gaps = np.diff(np.flatnonzero(s[:, unit]))
        assert len(gaps) > 3
        np.testing.assert_array_equal(gaps, math.ceil(rise / dt) + round(refract[unit] / dt))


def test_without_a_leak_every_integrator_gives_the_line():
    j = np.array([0.0, 3.0, -5.0])
    for method in METHODS:
        v, s = run(IFCell(3, integration_type=method, lower_clamp_voltage=False), j, steps=40, dt=0.5)
        expected = -65 + np.arange(1, 41)[:, None] * 0.5 / 20 * j
        np.testing.assert_allclose(v, expected, rtol=1e-5, err_msg=method)
        assert not s.any()


def test_the_clamp_keeps_v_from_falling_below_rest():
    rest = np.array([-65.0, -70.0])
    v, _ = run(IFCell(2, v_rest=rest), -40.0, steps=10)
    np.testing.assert_array_equal(v, np.broadcast_to(rest, (10, 2)))


@pytest.mark.parametrize("clamped", [True, False])
def test_the_potential_is_reset_with_and_without_the_clamp(clamped):
    v, s = run(IFCell(1, lower_clamp_voltage=clamped), 30.0, steps=40)
    assert s.sum() > 5
    np.testing.assert_array_equal(v[s > 0], -60)
    assert v.max() <= -52


def test_no_input_and_no_start_gives_what_is_not_a_number():
    starts, currents = [-1e30, -65.0, -52.0, 1e30], [0.0, 1.0, -1e30, 1e30]
    start, j = (a.ravel() for a in np.meshgrid(starts, currents))
    for method in METHODS:
        v, _ = run(IFCell(16, integration_type=method, lower_clamp_voltage=False), j, steps=20, start=start)
        assert np.isfinite(v).all(), method


def test_an_unknown_integrator():
    with pytest.raises(bouton.CircuitError) as raised:
        run(IFCell(1, integration_type="midpiont"), 0.0, steps=1)
    expected = "exc: integration_type: no installed plugin provides the integrator 'midpiont'. Did you mean 'midpoint'?"
    assert str(raised.value) == expected


def test_an_unknown_parameter_is_told_as_components_tell_it():
    with pytest.raises(bouton.CircuitError, match=r"^IFCell has no parameter 'tau'\. Did you mean 'tau_m'\?$"):
        IFCell(5, tau=3.0)  # type: ignore[reportCallIssue]
