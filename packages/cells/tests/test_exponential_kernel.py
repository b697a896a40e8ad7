"""ExponentialKernel against the sum that defines it."""

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton.testing import ComponentTests
from bouton_cells import ExponentialKernel


class TestExponentialKernel(ComponentTests):
    component = ExponentialKernel((2, 2), tau_w=5.0, nu=3.0)


def run(kernel, spikes, *, dt, state=None, batch=()):
    """The state at the end and the potentials (step, ...) for spikes (step, ...)."""
    circuit = bouton.Circuit({"k": kernel})
    state = circuit.init(key=jax.random.key(0), dt=dt, batch=batch) if state is None else state

    def body(state, at):
        state, out = circuit.step(state, bouton.Tick(step=at[0], dt=dt, batch=batch), {"k.s": at[1]})
        return state, out["k"].epsp

    scan = jax.jit(lambda state, *rows: jax.lax.scan(body, state, rows))
    state, epsp = scan(state, jnp.arange(len(spikes)), jnp.asarray(spikes, float))
    return state, np.asarray(epsp)


def summed(spikes, tau, steps, dt):
    """The sum over all spikes that are younger than the window."""
    age = np.arange(len(spikes))[:, None] - np.arange(len(spikes))
    kernel = np.where((age >= 0) & (age < steps), np.exp(-np.maximum(age, 0) * dt / tau), 0)
    return np.tensordot(kernel, 1.0 * spikes, 1)


@pytest.mark.parametrize("dt", [1.0, 0.25])
def test_the_sum_over_the_window(dt):
    """Regular, random and lone spikes, in two samples; among them spikes in the very first step."""
    rng = np.random.default_rng(0)
    spikes = rng.random((round(60 / dt), 2, 3)) < [0.0, 0.2, 1.0]
    spikes[0, :, 0] = True
    _, epsp = run(ExponentialKernel(3, tau_w=7.0, nu=4.0), spikes, dt=dt, batch=(2,))
    np.testing.assert_allclose(epsp, summed(spikes, 7.0, round(4 / dt), dt), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(epsp[: round(4 / dt), 0, 0], np.exp(-dt * np.arange(round(4 / dt)) / 7), rtol=1e-5)


def test_the_window_of_one_step_is_the_spike():
    spikes = np.random.default_rng(0).random((30, 2)) < 0.5
    _, epsp = run(ExponentialKernel(2, nu=0.5), spikes, dt=0.5)
    np.testing.assert_allclose(epsp, spikes, atol=1e-6)


def test_rounding_stays_small_in_long_windows():
    """2,000 steps of silence after 4,000 of spikes, in a window of 1,500 steps; without decay it counts exactly."""
    spikes = np.random.default_rng(0).random((6000, 2)) < [0.5, 0.5]
    spikes[4000:] = False
    _, epsp = run(ExponentialKernel(2, tau_w=[500.0, np.inf], nu=150.0), spikes, dt=0.1)
    kernel = np.exp(-0.1 * np.arange(1500) / 500)
    np.testing.assert_allclose(epsp[:, 0], np.convolve(spikes[:, 0], kernel)[:6000], atol=2e-2, rtol=2e-5)
    assert np.abs(epsp[5500:, 0]).max() < 2e-2 < 3e-5 * epsp.max()
    np.testing.assert_array_equal(epsp[:, 1], np.convolve(spikes[:, 1], np.ones(1500, int))[:6000])


def test_a_run_that_goes_on_counts_its_steps_anew():
    kernel = ExponentialKernel(2, tau_w=7.0, nu=4.0)
    spikes = np.random.default_rng(0).random((16, 2)) < 0.5
    _, whole = run(kernel, spikes, dt=1.0)
    state, first = run(kernel, spikes[:7], dt=1.0)
    _, second = run(kernel, spikes[7:], dt=1.0, state={"k": kernel.rebase(state["k"], 7)})
    np.testing.assert_allclose(np.concatenate([first, second]), whole, rtol=1e-6)


@pytest.mark.parametrize(("nu", "dt"), [(4.0, 3.0), (0.5, 1.0), (0.0, 1.0), (-2.0, 1.0)])
def test_a_window_is_a_whole_number_of_steps(nu, dt):
    circuit = bouton.Circuit({"k": ExponentialKernel(2, nu=nu)})
    message = rf"k: a window of nu = {nu:g} ms is not a positive whole number of steps of {dt:g} ms\."
    with pytest.raises(bouton.CircuitError, match=message):
        circuit.init(key=jax.random.key(0), dt=dt)
