"""LeakyNoiseCell against the mean, variance and correlation of an Ornstein-Uhlenbeck process."""

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton.testing import ComponentTests
from bouton_cells import LeakyNoiseCell
from scipy import stats


class TestLeakyNoiseCell(ComponentTests):
    component = LeakyNoiseCell((2, 2), tau_x=10.0, act_fx="tanh")


def run(cell, js, *, dt, batch=(), seed=0, start=0.0):
    """x and r after each step, for a current of each step."""
    circuit = bouton.Circuit({"c": cell}, start={"c.x": start})

    def body(state, at):
        tick = bouton.Tick(step=at[0], dt=dt, key=jax.random.key(seed), batch=batch)
        state, out = circuit.step(state, tick, {"c.j": at[1]})
        return state, (state["c"].x, out["c"].r, out["c"].r_prime)

    @jax.jit
    def scan():
        state = circuit.init(key=jax.random.key(seed), dt=dt, batch=batch)
        return jax.lax.scan(body, state, (jnp.arange(len(js)), jnp.asarray(js, float)))[1]

    return tuple(map(np.asarray, scan()))


@pytest.mark.parametrize("dt", [8.0, 1.0])
def test_without_noise_it_relaxes_exactly_and_is_rectified(dt):
    """The current is changed after 40 ms."""
    t = dt * np.arange(1, round(80 / dt) + 1)
    js = np.where(t <= 40, 2.0, -3.0)
    x, r, slope = run(LeakyNoiseCell(2, tau_x=[5.0, 20.0], sigma=0.0), js, dt=dt)
    tau = np.array([5.0, 20.0])
    first = 2 - 2 * np.exp(-np.minimum(t, 40)[:, None] / tau)
    want = np.where(t[:, None] <= 40, first, -3 + (first[-1] + 3) * np.exp(-(t[:, None] - 40) / tau))
    np.testing.assert_allclose(x, want, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(r, np.maximum(x, 0))
    np.testing.assert_array_equal(slope, x >= 0)


@pytest.mark.parametrize("dt", [1.0, 20.0, 500.0])
def test_the_state_has_the_stationary_distribution_whatever_the_step(dt):
    """20,000 units after one step and after three, from a start in it: normal, with the correlation e^(-t / tau)."""
    cell = LeakyNoiseCell(20_000, tau_x=20.0, sigma=0.3)
    start = bouton.Gaussian(0.5, 0.3)
    x, _, _ = run(cell, np.full(3, 0.5), dt=dt, start=start)
    for values in (x[0], x[2]):
        assert stats.kstest(values, stats.norm(0.5, 0.3).cdf).pvalue > 1e-3
        np.testing.assert_allclose(values.var(), 0.09, rtol=4 * np.sqrt(2 / 20_000))
    correlation = np.corrcoef(x[0], x[2])[0, 1]
    assert abs(correlation - np.exp(-2 * dt / 20)) < 4 / np.sqrt(20_000)


def test_units_samples_and_seeds_have_noise_of_their_own():
    cell = LeakyNoiseCell(3, tau_x=0.01, sigma=1.0)
    trains = [run(cell, np.zeros(4000), dt=1.0, batch=(2,), seed=seed)[0].reshape(4000, 6) for seed in (0, 1)]
    correlation = np.corrcoef(np.concatenate(trains, 1).T)[np.triu_indices(12, 1)]
    assert np.abs(correlation).max() < stats.norm.isf(1e-3 / 66 / 2) / np.sqrt(4000)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"act_fx": "relU"}, r"c: act_fx: there is no activation function 'relU'\. Did you mean 'relu'"),
        ({"sigma": -1.0}, r"c\.sigma must be >= 0, got -1"),
        ({"tau_x": 0.0}, r"c\.tau_x must be > 0 ms, got 0"),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused(arguments, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit({"c": LeakyNoiseCell(2, **arguments)}).init(key=jax.random.key(0), dt=1.0)
