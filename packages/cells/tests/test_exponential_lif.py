"""ELIF and AELIF: the interval between spikes by quadrature, and what they are made of."""

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton.testing import ComponentTests
from bouton_cells import AELIF, ELIF, AdExCell
from scipy.integrate import quad

PARAMETERS = {"R": 2.0, "threshold": -40.0, "tau": 12.0, "v_reset": -68.0, "v_rest": -65.0, "delta": 1.5}
PARAMETERS["theta_rh"] = -52.0


class TestELIF(ComponentTests):
    component = ELIF(3, **PARAMETERS, track_tols=True)
    inputs = {"j": (0.0, 100.0)}  # noqa: RUF012


def spikes(cell, j, *, steps, dt):
    """Spikes (step, unit) of a cell that is fed with constants."""
    circuit = bouton.Circuit({"c": cell})

    def body(state, step):
        state, out = circuit.step(state, bouton.Tick(step=step, dt=dt), {"c.j": jnp.asarray(j, float)})
        return state, out["c"].s

    start = circuit.init(key=jax.random.key(0), dt=dt)
    return np.asarray(jax.jit(lambda: jax.lax.scan(body, start, jnp.arange(steps))[1])())


def test_the_interval_between_spikes_is_the_integral_over_the_potential():
    """T is the integral of tau / (v_rest - v + Delta exp((v - theta_rh) / Delta) + R j) from reset to threshold."""
    j, dt = np.array([6.5, 8.0, 15.0, 50.0]), 0.02
    trains = spikes(ELIF(4, **PARAMETERS, integration_type="rk4"), j, steps=10_000, dt=dt)

    def slowness(v, current):
        return 12.0 / (-65.0 - v + 1.5 * np.exp((v + 52.0) / 1.5) + 2.0 * current)

    for unit, current in enumerate(j):
        want, _ = quad(slowness, -68.0, -40.0, (current,), epsabs=1e-10, limit=200)
        gaps = np.diff(np.flatnonzero(trains[:, unit])) * dt
        assert len(gaps) > 1 and (gaps > want - dt).all() and (gaps < want + 2 * dt).all()


def test_up_to_the_rheobase_there_is_none():
    """The cell's rest vanishes at v = theta_rh: R j = theta_rh - v_rest - Delta."""
    j = (13.0 - 1.5) / 2.0 * np.array([0.99, 1.01])
    np.testing.assert_array_equal(spikes(ELIF(2, **PARAMETERS), j, steps=4_000, dt=0.2).any(0), [False, True])


def test_what_they_are_made_of():
    common = {"tau_m": 12.0, "resist_m": 2.0, "v_sharpness": 1.5, "intrinsic_mem_thr": -52.0, "thr": -40.0}
    common |= {"v_rest": -65.0, "v_reset": -68.0}
    assert ELIF(2, **PARAMETERS) == AdExCell(2, **common, tau_w=None, v0=-65.0)
    assert ELIF(2, **PARAMETERS, init_v=-60.0) == AdExCell(2, **common, tau_w=None, v0=-60.0)
    adaptation = {"alpha": 0.3, "beta": 0.4, "w_tau": 50.0, "omega": 0.2, "init_v": -60.0}
    want = AdExCell(2, **common, a=0.3, b=0.4, tau_w=50.0, w0=0.2, v0=-60.0)
    assert AELIF(2, **PARAMETERS, **adaptation) == want


def test_adaptation_makes_intervals_grow():
    train = spikes(AELIF(1, **PARAMETERS, alpha=0.01, beta=2.0, w_tau=100.0), 15.0, steps=3_000, dt=0.1)
    gaps = np.diff(np.flatnonzero(train[:, 0]))
    assert gaps[-1] > 2 * gaps[0]


def test_without_adaptation_there_is_no_w():
    circuit = bouton.Circuit({"c": ELIF(1, **PARAMETERS)})
    with pytest.raises(bouton.BoutonError, match=r"c\.w.*it is there only where c\.tau_w is given"):
        bouton.simulate(circuit, 1.0, dt=1.0, record={"c.w": 1}, progress=False)


def test_bad_parameters_are_said_when_built():
    with pytest.raises(bouton.CircuitError, match=r"^c\.v_sharpness must be > 0 mV, got 0"):
        bouton.Circuit({"c": ELIF(1, **PARAMETERS | {"delta": 0.0})})
    with pytest.raises(bouton.CircuitError, match="^c: a step of 30 ms is too long for integration_type='euler'"):
        bouton.Circuit({"c": ELIF(1, **PARAMETERS)}).init(key=jax.random.key(0), dt=30.0)
