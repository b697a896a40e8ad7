"""PoissonCell against the statistics of independent Bernoulli trials, and with counts of the Poisson process."""

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton.testing import ComponentTests
from bouton_cells import PoissonCell
from scipy import stats


class TestPoissonCellCounts(ComponentTests):
    component = PoissonCell((2, 2), target_freq=900.0, counts=True)


def spikes(x, *, steps, n_units=1, dt=1.0, batch=(), seed=0, name="s", **parameters):
    """Spikes, or counts of them, (step, *batch, unit) at a constant intensity."""
    circuit = bouton.Circuit(nodes={"image": PoissonCell(n_units=n_units, **parameters)})
    state = circuit.init(key=jax.random.key(seed), dt=dt, batch=batch)
    x = jnp.asarray(x, float)

    def body(state, step):
        tick = bouton.Tick(step=step, dt=dt, key=jax.random.key(seed), batch=batch)
        state, out = circuit.step(state, tick, {"image.x": x})
        return state, getattr(out["image"], name)

    return np.asarray(jax.jit(lambda: jax.lax.scan(body, state, jnp.arange(steps))[1])())


@pytest.mark.parametrize("dt", [1.0, 0.25])
def test_rates_are_intensity_times_frequency_whatever_the_step(dt):
    """Counts over 20 s of 50 units lie within the 99.9 % range of their distribution."""
    rates = 80.0 * np.array([0.0, 0.1, 0.5, 1.0])
    steps = round(20_000 / dt)
    counts = (
        spikes(np.repeat(rates / 80, 50), n_units=200, steps=steps, dt=dt, target_freq=80.0)
        .sum(0)
        .reshape(4, 50)
        .sum(1)
    )
    for count, rate in zip(counts, rates, strict=True):
        low, high = stats.binom.interval(0.999, 50 * steps, rate * dt / 1000)
        assert low <= count <= high


def test_intervals_between_spikes_are_geometric():
    p = 0.1
    trains = spikes(1.0, n_units=30, steps=5000, target_freq=100.0)
    gaps = np.concatenate([np.diff(np.flatnonzero(train)) for train in trains.T])
    observed = np.bincount(np.minimum(gaps, 31), minlength=32)[1:]
    k = np.arange(1, 31)
    expected = np.append(stats.geom.pmf(k, p), stats.geom.sf(30, p)) * len(gaps)
    assert stats.chisquare(observed, expected).pvalue > 1e-3


def test_units_samples_and_seeds_are_independent():
    trains = spikes(0.5, n_units=4, steps=4000, batch=(3,), target_freq=400.0)
    assert trains.shape == (4000, 3, 4)
    with_another_seed = spikes(0.5, n_units=4, steps=4000, batch=(3,), target_freq=400.0, seed=1)
    rows = np.concatenate([trains.reshape(4000, 12), with_another_seed.reshape(4000, 12)], 1).T
    correlation = np.corrcoef(rows)[np.triu_indices(24, 1)]
    assert np.abs(correlation).max() < stats.norm.isf(1e-3 / 276 / 2) / np.sqrt(4000)
    later = np.array([np.corrcoef(row[:-1], row[1:])[0, 1] for row in rows])
    assert np.abs(later).max() < stats.norm.isf(1e-3 / 24 / 2) / np.sqrt(4000)


def test_at_most_one_spike_a_step():
    np.testing.assert_array_equal(spikes(3.0, n_units=5, steps=50, target_freq=500.0), 1.0)
    np.testing.assert_array_equal(spikes(-1.0, n_units=5, steps=50), 0.0)


def test_each_unit_may_have_a_frequency_of_its_own():
    trains = spikes(1.0, n_units=2, steps=50, target_freq=[0.0, 1000.0])
    np.testing.assert_array_equal(trains, np.broadcast_to([0.0, 1.0], (50, 2)))


def chi_square(counts, distribution):
    """The p-value of whole numbers under a distribution, the tails taken together."""
    low, high = map(int, distribution.ppf([5e-3, 1 - 5e-3]))
    low, high = max(low, 0), max(high, low + 1)
    observed = np.bincount(np.clip(counts, low, high).astype(int), minlength=high + 1)[low:]
    expected = distribution.pmf(np.arange(low, high + 1))
    expected[0], expected[-1] = distribution.cdf(low), distribution.sf(high - 1)
    return stats.chisquare(observed, expected * len(counts)).pvalue


def test_counts_have_the_poisson_distribution_for_small_and_large_means():
    means = np.array([0.05, 0.8, 6.0, 40.0])
    counts = spikes(1.0, n_units=120, steps=100, name="n", counts=True, target_freq=np.repeat(means * 1000, 30))
    for mean, found in zip(means, counts.reshape(100, 4, 30).swapaxes(0, 1), strict=True):
        assert chi_square(found.ravel(), stats.poisson(mean)) > 1e-3


@pytest.mark.parametrize("dt", [2.0, 0.5])
def test_sums_of_counts_have_the_same_distribution_at_every_step(dt):
    """600 Hz for 20 ms, where the Bernoulli approximation would lose a part of the spikes."""
    sums = spikes(0.5, n_units=3000, steps=round(20 / dt), dt=dt, name="n", counts=True, target_freq=1200.0).sum(0)
    assert chi_square(sums, stats.poisson(12.0)) > 1e-3


def test_a_spike_is_a_count_above_zero_and_no_input_hangs():
    circuit = bouton.Circuit({"image": PoissonCell(n_units=5, counts=True, target_freq=1000.0)})
    x = jnp.array([-1.0, 0.0, 0.7, 1e30, jnp.inf])
    tick = bouton.Tick(step=0, dt=1.0, key=jax.random.key(0), batch=(200,))
    _, out = circuit.step(circuit.init(key=jax.random.key(0), dt=1.0, batch=200), tick, {"image.x": x})
    s, n = np.asarray(out["image"].s), np.asarray(out["image"].n)
    np.testing.assert_array_equal(s, n > 0)
    assert set(n[:, 2]) >= {0.0, 1.0, 2.0} and not n[:, :2].any() and np.isfinite(n).all()


def test_there_are_counts_only_where_they_are_asked_for():
    message = r"unknown state or output 'a\.n': it is there only where a\.counts is given"
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit({"a": PoissonCell(1), "b": PoissonCell(1)}, {"b.x": "a.n"})
