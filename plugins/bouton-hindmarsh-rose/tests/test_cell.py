"""The conformance tests, then the truth: closed forms, an independent solver, and what the paper shows."""

import bouton
import jax
import numpy as np
import pytest
from bouton.testing import ComponentTests
from bouton_hindmarsh_rose import HindmarshRoseCell
from scipy.integrate import solve_ivp

CURRENTS = [0.0, 0.4, 2.0, 4.0]


class TestHindmarshRoseCell(ComponentTests):
    component = HindmarshRoseCell(n_units=3)
    inputs = {"j": (0.0, 3.0)}


def simulate(duration, dt, record, **parameters):
    cell = HindmarshRoseCell(n_units=len(CURRENTS), **parameters)
    circuit = bouton.Circuit({"cell": cell})
    return bouton.simulate(circuit, duration, dt=dt, inputs={"cell.j": CURRENTS}, record=record)


def slope(t, u, j):
    x, y, z = u
    return [y - x**3 + 3 * x**2 - z + j, 1 - 5 * x**2 - y, 0.001 * (4 * (x + 1.6) - z)]


@pytest.fixture(scope="module")
def solved():
    """The same cells by scipy: x every 0.1 ms for 1 s, a row for each current."""
    start = [-1.6, 1 - 5 * 1.6**2, 0.0]
    grid = np.arange(1, 10_001) * 0.1
    found = [
        solve_ivp(slope, (0, 1000), start, args=(j,), t_eval=grid, method="LSODA", rtol=1e-10, atol=1e-10)
        for j in CURRENTS
    ]
    return np.array([f.y[0] for f in found])


@pytest.fixture(scope="module")
def run():
    return simulate(3000.0, 1.0, {"cell.s": 1, "cell.x": 1, "cell.z": 1})


def test_trajectory_against_an_independent_solver(solved):
    with jax.enable_x64(True):
        x = simulate(40.0, 0.1, {"cell.x": 1}, h=0.01)["cell.x"].values.T
    np.testing.assert_allclose(x, solved[:, :400], atol=1e-4)


def test_the_method_is_of_the_fourth_order(solved):
    with jax.enable_x64(True):
        errors = [
            np.abs(simulate(10.0, 0.1, {"cell.x": 1}, h=h)["cell.x"].values[-1] - solved[:, 99]).max()
            for h in (0.02, 0.01)
        ]
    assert 3.7 < np.log2(errors[0] / errors[1]) < 4.5


def test_spike_times_do_not_depend_on_the_length_of_a_step(solved, run):
    times = run.spikes("cell")
    for unit in range(len(CURRENTS)):
        up = (solved[unit, 1:] > 1) & (solved[unit, :-1] <= 1)
        expected = (np.flatnonzero(up) + 2) * 0.1
        found = times.time.values[(times.unit == unit) & (times.time <= 200)]
        # A sample's time is the end of its step, so a spike is up to one step of 1 ms late, never early.
        late = found - expected[expected <= 200][: len(found)]
        assert len(found) >= len(expected[expected <= 199])
        assert np.all((late > -0.2) & (late < 1.2))


def test_rest_is_the_root_of_the_equations(run):
    # At a fixed point y = 1 - 5 x^2 and z = 4 (x + 1.6), which leaves one equation in x.
    for unit, j in ((0, 0.0), (1, 0.4)):
        roots = np.roots([-1.0, 3.0 - 5.0, -4.0, 1.0 + j - 4.0 * 1.6])
        rest = roots[np.abs(roots.imag) < 1e-9].real.item()
        np.testing.assert_allclose(run["cell.x"].values[-1, unit], rest, atol=0.01)


def bursts(times):
    """Start of each burst: spikes of a burst are less than 50 ms apart."""
    return times[np.diff(times, prepend=-np.inf) > 50]


def test_rest_a_single_burst_bursts_again_and_again_and_tonic_spikes(run):
    spikes = run.spikes("cell")
    of = [spikes.time.values[spikes.unit == unit] for unit in range(len(CURRENTS))]
    assert len(of[0]) == 0
    assert len(bursts(of[1])) == 1 and len(of[1]) > 3
    again = bursts(of[2])
    assert len(again) >= 5
    np.testing.assert_allclose(np.diff(again[1:]), np.diff(again[1:]).mean(), rtol=0.02)
    assert len(bursts(of[3])) == 1 and of[3][-1] > 2990


def test_a_useless_step_is_refused():
    circuit = bouton.Circuit({"cell": HindmarshRoseCell(2, h=0.0)})
    with pytest.raises(bouton.CircuitError, match=r"cell: HindmarshRoseCell.h must be > 0 ms, got 0.0"):
        circuit.init(key=jax.random.key(0), dt=1.0)
