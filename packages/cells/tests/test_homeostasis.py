"""Homeostasis: the rates and potentials that controlled cells come to, and the account that is kept of spikes."""

from typing import ClassVar

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton.testing import ComponentTests
from bouton_cells import ActivityHomeostasis, LIFCell, VoltageHomeostasis
from scipy.integrate import solve_ivp


class TestActivityHomeostasis(ComponentTests):
    component = ActivityHomeostasis((2, 2), window=3.0, decay=0.9)


class TestVoltageHomeostasis(ComponentTests):
    component = VoltageHomeostasis(3, tau_m=np.array([5.0, 10.0, 20.0]))
    inputs: ClassVar = {"v": (-90.0, -40.0)}


def run(circuit, inputs, refs, *, dt, steps, batch=(), state=None, learn=True, batch_reduce="mean"):
    """The state at the end, and some compartments after each step, for inputs of each step or constant ones."""
    rows = {
        k: jnp.broadcast_to(jnp.asarray(v, float), (steps, *np.shape(v)[-1 - len(batch) :])) for k, v in inputs.items()
    }

    @jax.jit
    def scan(state):
        def body(state, at):
            tick = bouton.Tick(step=at[0], dt=dt, batch=batch, batch_reduce=batch_reduce)
            state, out = circuit.step(state, tick, at[1], learn)
            return state, tuple(circuit.value(state, out, ref) for ref in refs)

        return jax.lax.scan(body, state, (jnp.arange(steps), rows))

    state = circuit.init(key=jax.random.key(0), dt=dt, batch=batch) if state is None else state
    state, found = scan(state)
    return state, tuple(map(np.asarray, found))


# ---- activity --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dt", [1.0, 0.5])
def test_leaky_cells_come_to_the_target_rate_whatever_drives_them(dt):
    """Currents with which the cells fire at 17 to 170 Hz without control; target 20 Hz."""
    j = np.array([13.5, 16.0, 25.0, 60.0])
    cell = LIFCell(4, theta_plus=None, refract_time=2.0, integration_type="exact")
    steps = round(25_000 / dt)
    _, (free,) = run(bouton.Circuit({"cell": cell}), {"cell.j": j}, ["cell.s"], dt=dt, steps=steps)
    circuit = bouton.Circuit(
        {"cell": cell, "homeostasis": ActivityHomeostasis(4, rate=20.0, window=500.0, eta=[0.02, 0.05, 0.1, 0.2])},
        {"homeostasis.s": "cell.s", "cell.thr_shift": "homeostasis.theta"},
    )
    _, (s, theta) = run(circuit, {"cell.j": j}, ["cell.s", "homeostasis.theta"], dt=dt, steps=steps)
    last = slice(-round(10_000 / dt), None)
    assert free[last, 0].sum() / 10 < 18 and free[last, -1].sum() / 10 > 160
    np.testing.assert_allclose(s[last].sum(0) / 10, 20, rtol=0.03)
    # The threshold at which a cell with this current fires every 50 ms: 48 ms for the rise from v_reset.
    want = -65 + j + (5 - j) * np.exp(-48 / 20) + 52
    np.testing.assert_allclose(theta[-1], want, atol=0.6)


@pytest.mark.parametrize(("dt", "window"), [(1.0, 10.0), (0.5, 10.0), (0.1, 10.04)])
def test_the_account_of_spikes(dt, window):
    """Against a loop over windows; one that is no whole number of steps ends with the first step after it."""
    rng, length = np.random.default_rng(0), int(np.ceil(window / dt - 1e-9))
    spikes = rng.random((5 * length + 3, 2, 3)) < 0.3
    homeostasis = ActivityHomeostasis(3, rate=[0.0, 100.0, 400.0], window=window, eta=0.5, decay=0.8)
    _, (theta,) = run(
        bouton.Circuit({"h": homeostasis}),
        {"h.s": spikes},
        ["h.theta"],
        dt=dt,
        steps=len(spikes),
        batch=(2,),
        batch_reduce="sum",
    )
    want = np.zeros((len(spikes), 3))
    for k in range(5):
        n = spikes[k * length : (k + 1) * length].sum(0).mean(0)
        want[(k + 1) * length - 1 :] += 0.5 * 0.8**k * (n - np.array([0.0, 0.1, 0.4]) * length * dt)
    np.testing.assert_allclose(theta, want, rtol=1e-4, atol=1e-4)


def test_a_window_goes_on_through_a_reset_and_stands_still_without_learning():
    circuit = bouton.Circuit({"h": ActivityHomeostasis(1, rate=0.0, window=10.0, eta=1.0)})
    state, _ = run(circuit, {"h.s": np.ones(1)}, ["h.theta"], dt=1.0, steps=6)
    state, (theta,) = run(circuit, {"h.s": np.ones(1)}, ["h.theta"], dt=1.0, steps=20, state=state, learn=False)
    np.testing.assert_array_equal(theta, 0)
    state = circuit.reset(state, key=jax.random.key(1), dt=1.0)
    _, (theta,) = run(circuit, {"h.s": np.ones(1)}, ["h.theta"], dt=1.0, steps=8, state=state)
    np.testing.assert_array_equal(theta[:, 0], [0, 0, 0, 10, 10, 10, 10, 10])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate": -1.0}, r"h\.rate must be >= 0 Hz, got -1"),
        ({"window": 0.0}, r"h\.window must be > 0 ms, got 0"),
        ({"decay": 1.5}, r"h\.decay must be > 0 and <= 1, got 1\.5"),
        ({"decay": 0.0}, r"h\.decay must be > 0 and <= 1, got 0\. Use None to switch it off"),
    ],
    ids=str,
)
def test_bad_parameters_are_said_when_built(arguments, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit({"h": ActivityHomeostasis(2, **arguments)})


# ---- potential -------------------------------------------------------------------------------------------------------

TAU, R = 10.0, 2.0
DRIVE = np.array([-20.0, -1.0, 0.0, 1.5, 15.0])  # would hold the cells at -105, -67, -65, -62 and -35 mV


def controlled(method="euler", **options):
    """Leaky cells that never fire, and the control of their potential."""
    cell = LIFCell(5, tau_m=TAU, resist_m=R, thr=1e6, theta_plus=None, integration_type=method)
    options = {"v_lower": -70.0, "v_upper": -60.0, "eta": 2e-3} | options
    return bouton.Circuit(
        {"cell": cell, "h": VoltageHomeostasis(5, tau_m=TAU, resist_m=R, **options)},
        {"h.v": "cell.v", "cell.j": "h.j"},
    )


@pytest.mark.parametrize("method", ["euler", "exact"])
@pytest.mark.parametrize("dt", [4.0, 0.5])
def test_potentials_end_within_the_band(dt, method):
    circuit, free = controlled(method), -65 + R * DRIVE
    _, (v, ex) = run(circuit, {"cell.j": DRIVE}, ["cell.v", "h.ex"], dt=dt, steps=round(1500 / dt))
    np.testing.assert_allclose(v[-1], np.clip(free, -70, -60), rtol=1e-5)
    np.testing.assert_allclose(ex[-1], (free - np.clip(free, -70, -60)) / TAU, atol=1e-4)


def test_the_approach_follows_an_independent_solver():
    _, (v,) = run(controlled(), {"cell.j": DRIVE}, ["cell.v"], dt=0.02, steps=5000)

    def slope(t, y):
        v, ex = y[:5], y[5:]
        outside = np.maximum(v + 60, 0) - np.maximum(-70 - v, 0)
        return np.concatenate([(-65 - v + R * DRIVE) / TAU - ex, 2e-3 * outside])

    start = np.concatenate([np.full(5, -65.0), np.zeros(5)])
    want = solve_ivp(slope, (0, 100), start, t_eval=[10, 30, 100], rtol=1e-9, atol=1e-9).y[:5].T
    np.testing.assert_allclose(v[[499, 1499, 4999]], want, atol=0.02)


def test_the_control_is_one_for_a_batch_and_persists():
    circuit = bouton.Circuit({"h": VoltageHomeostasis(2, v_upper=-60.0, eta=0.01, tau_m=10.0)})
    v = np.array([[-50.0, -60.0], [-66.0, -100.0]])
    state, (j,) = run(circuit, {"h.v": v}, ["h.j"], dt=1.0, steps=2, batch=(2,), batch_reduce="sum")
    np.testing.assert_allclose(j[0], 0)
    np.testing.assert_allclose(j[1], [[-0.5, 1.5], [-0.5, 1.5]], rtol=1e-5)
    state = circuit.reset(state, key=jax.random.key(1), dt=1.0, batch=1)
    _, (ex,) = run(circuit, {"h.v": v[:1]}, ["h.ex"], dt=1.0, steps=2, batch=(1,), state=state, learn=False)
    np.testing.assert_allclose(ex, [[0.1, -0.3]] * 2, rtol=1e-5)


def test_just_below_the_longest_step_the_control_is_stable_and_beyond_it_is_refused():
    """1 / (eta tau_m) = 5 ms. A control that swings ends somewhere in the band."""
    circuit = controlled(eta=0.02)
    _, (v,) = run(circuit, {"cell.j": DRIVE}, ["cell.v"], dt=4.9, steps=2000)
    assert (v[-1] >= -70.001).all() and (v[-1] <= -59.999).all()
    np.testing.assert_allclose(v[-10:], np.broadcast_to(v[-1], (10, 5)), rtol=1e-5)
    message = r"h: a step of 5 ms is too long for this control: use dt < 1 / \(eta tau_m\) = 5 ms, or a smaller eta"
    with pytest.raises(bouton.CircuitError, match=message):
        circuit.init(key=jax.random.key(0), dt=5.0)


def test_a_band_has_its_limits_in_order():
    circuit = bouton.Circuit({"h": VoltageHomeostasis(2, v_lower=[-70.0, -50.0])})
    with pytest.raises(bouton.CircuitError, match="h: v_lower <= v_upper must hold, got -50 and -60 mV"):
        circuit.init(key=jax.random.key(0), dt=1.0)
