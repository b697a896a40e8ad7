"""Current sources against their closed forms, at several steps."""

import bouton
import numpy as np
import pytest
from bouton.testing import ComponentTests
from bouton_cells import (
    LIFCell,
    OrnsteinUhlenbeckCurrent,
    PiecewiseCurrent,
    RampCurrent,
    SineCurrent,
    StepCurrent,
)
from scipy import stats


class TestStepCurrent(ComponentTests):
    component = StepCurrent((2, 2), amplitude=[1.0, 2.0, 3.0, 4.0], t_on=1.0, t_off=3.0)


class TestPiecewiseCurrent(ComponentTests):
    component = PiecewiseCurrent(2, times=[0.0, 2.0, 3.0], amplitudes=[1.0, -1.0, 0.5])


class TestRampCurrent(ComponentTests):
    component = RampCurrent(2, t_on=1.0, t_off=4.0, offset=[0.0, 1.0], unit="nA")


class TestSineCurrent(ComponentTests):
    component = SineCurrent(2, freq=[100.0, 30.0], phase=0.3)


class TestOrnsteinUhlenbeckCurrent(ComponentTests):
    component = OrnsteinUhlenbeckCurrent((2, 2), mean=2.0, tau=[2.0, 3.0, 5.0, 8.0])


def current(source, duration, *, dt=1.0, **options):
    """The current (step, ..., unit)."""
    circuit = bouton.Circuit({"source": source}, start=options.pop("start", {}))
    run = bouton.simulate(circuit, duration, dt=dt, record={"source.j": 1}, progress=False, **options)
    return run["source.j"].values


def starts(duration, dt):
    """The start of each step."""
    return (np.arange(round(duration / dt)) * dt)[:, None]


@pytest.mark.parametrize("dt", [1.0, 0.1])
def test_pulses_of_each_unit(dt):
    amplitude, on, off = np.array([2.0, -1.0, 0.0]), np.array([0.0, 3.0, 7.0]), np.array([4.0, 5.0, 19.0])
    j = current(StepCurrent(3, amplitude=amplitude, t_on=on, t_off=off), 10.0, dt=dt)
    t = starts(10.0, dt) + dt / 2
    np.testing.assert_allclose(j, np.where((t > on) & (t < off), amplitude, 0.0))
    for_ever = current(StepCurrent(3, amplitude=amplitude, t_on=on), 10.0, dt=dt)
    np.testing.assert_allclose(for_ever, np.where(t > on, amplitude, 0.0))


def test_times_are_rounded_to_whole_steps_and_samples_see_the_same():
    j = current(StepCurrent(1, t_on=2.4, t_off=4.6), 8.0, batch=2)
    j = j.reshape(8, -1)
    np.testing.assert_array_equal(j, np.tile([[0], [0], [1], [1], [1], [0], [0], [0]], j.shape[1]))


@pytest.mark.parametrize("dt", [1.0, 0.1])
def test_piecewise_constant_currents(dt):
    times, amplitudes = np.array([2.0, 3.0, 7.0, 50.0]), np.array([1.0, -2.0, 0.5, 9.0])
    j = current(PiecewiseCurrent(2, times, amplitudes), 10.0, dt=dt)
    want = np.select([starts(10.0, dt) + dt / 2 > t for t in times[::-1]], list(amplitudes[::-1]), 0.0)
    np.testing.assert_allclose(j, np.broadcast_to(want, j.shape))


@pytest.mark.parametrize("dt", [1.0, 0.1])
def test_ramps(dt):
    slope, offset = np.array([0.5, -2.0]), np.array([0.0, 3.0])
    t = starts(10.0, dt)
    j = current(RampCurrent(2, slope=slope, t_on=2.0, t_off=6.0, offset=offset), 10.0, dt=dt)
    np.testing.assert_allclose(j, offset + slope * np.clip(t - 2, 0, 4), rtol=1e-5, atol=1e-5)
    j = current(RampCurrent(2, slope=slope, t_on=2.0), 10.0, dt=dt)
    np.testing.assert_allclose(j, slope * np.maximum(t - 2, 0), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dt", [1.0, 0.1])
def test_sines(dt):
    freq, phase = np.array([10.0, 43.0, 0.0]), np.array([0.0, 1.0, 0.5])
    j = current(SineCurrent(3, amplitude=2.0, freq=freq, phase=phase, offset=0.25), 500.0, dt=dt)
    want = 0.25 + 2 * np.sin(2 * np.pi * freq * starts(500.0, dt) / 1000 + phase)
    np.testing.assert_allclose(j, want, atol=1e-4)


def test_a_sine_keeps_its_phase_when_steps_have_more_digits_than_float32():
    """1/128 of a turn in each step of 1/8 ms; 2**24 + 1 is no float32."""
    j = current(SineCurrent(1, freq=62.5), 1.0, dt=0.125, start={"source.steps": 2.0**24})
    np.testing.assert_allclose(j[:, 0], np.sin(2 * np.pi * np.arange(8) / 128), atol=1e-6)


def test_time_counts_from_the_start_of_each_trial_and_goes_on_in_a_continued_run():
    source = PiecewiseCurrent(1, [1.0, 3.0], [1.0, 2.0])
    circuit = bouton.Circuit({"source": source, "cell": LIFCell(1)}, {"cell.j": "source.j"})
    options = {"record": {"source.j": 1}, "progress": False}
    samples = {"cell.j": (("trial", "unit"), np.zeros((2, 1)))}
    trials = bouton.simulate(circuit, trials=bouton.Trials(present=5.0), inputs=samples, **options)["source.j"]
    np.testing.assert_array_equal(trials.values.reshape(2, 5), [[0, 1, 1, 2, 2]] * 2)
    first = bouton.simulate(circuit, 2.0, **options)
    second = bouton.simulate(circuit, 2.0, state=first.state, **options)
    np.testing.assert_array_equal(second["source.j"].values[:, 0], [1, 2])


def test_currents_have_the_unit_of_the_cell_that_they_drive():
    bouton.Circuit({"source": StepCurrent(2), "cell": LIFCell(2)}, {"cell.j": "source.j"})
    with pytest.raises(bouton.CircuitError, match=r"source\.j \[nA\] is wired into cell\.j"):
        bouton.Circuit({"source": StepCurrent(2, unit="nA"), "cell": LIFCell(2)}, {"cell.j": "source.j"})


@pytest.mark.parametrize("dt", [2.0, 0.5])
def test_noise_has_the_moments_of_the_process_at_every_step(dt):
    """From the first step on, over 10,000 units: mean, variance, normality and autocovariance."""
    n, tau, mean, sigma = 10_000, np.repeat([3.0, 12.0], 5000), 1.5, 0.7
    j = current(OrnsteinUhlenbeckCurrent(n, mean=mean, sigma=sigma, tau=tau), 24.0, dt=dt)
    lag = round(6 / dt)
    for at in (0, lag, -1):
        z = (j[at] - mean) / sigma
        assert stats.kstest(z, "norm").pvalue > 1e-3
        low, high = stats.chi2.interval(0.999, n)
        assert low < (z**2).sum() < high
    for group, t in ((slice(5000), 3.0), (slice(5000, n), 12.0)):
        products = (j[lag, group] - mean) * (j[2 * lag, group] - mean)
        want = sigma**2 * np.exp(-6 / t)
        assert abs(products.mean() - want) < 4 * products.std() / np.sqrt(5000)
        found = np.corrcoef(j[0, group], j[1, group])[0, 1]
        spread = (1 - np.exp(-2 * dt / t)) / np.sqrt(5000)
        assert abs(found - np.exp(-dt / t)) < 4 * spread


def test_noise_of_units_samples_and_seeds_is_independent():
    source = OrnsteinUhlenbeckCurrent(3, tau=2.0)
    rows = np.concatenate([current(source, 4000.0, batch=2, seed=seed).reshape(4000, -1) for seed in (0, 1)], 1).T
    correlation = np.corrcoef(rows)[np.triu_indices(len(rows), 1)]
    effective = 4000 * np.tanh(1 / 2.0)  # independent samples in a series with the autocorrelation exp(-|t| / 2)
    assert np.abs(correlation).max() < stats.norm.isf(1e-3 / correlation.size / 2) / np.sqrt(effective)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (StepCurrent(2, t_on=[1.0, 4.0], t_off=3.0), r"source: t_off must be later than t_on \(4 ms\), got 3 ms"),
        (
            PiecewiseCurrent(1, [1.0, 5.0, 5.0], [1.0, 2.0, 3.0]),
            r"source: times\[2\] must be later than times\[1\] = 5 ms, got 5 ms",
        ),
    ],
)
def test_times_in_the_wrong_order_are_refused(source, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.simulate(bouton.Circuit({"source": source}), 5.0)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (StepCurrent(1, t_on=-1.0), r"source\.t_on must be >= 0 ms, got -1"),
        (
            PiecewiseCurrent(1, [1.0, 5.0], [1.0, 2.0, 3.0]),
            r"source\.amplitudes must be a single number or an array of shape \(2,\) \(level\), got .* \(3,\)",
        ),
        (OrnsteinUhlenbeckCurrent(1, tau=0.0), r"source\.tau must be > 0 ms, got 0"),
        (OrnsteinUhlenbeckCurrent(1, sigma=-1.0), r"source\.sigma must be >= 0, got -1"),
        (SineCurrent(1, freq=np.inf), r"source\.freq must be finite, got inf"),
    ],
)
def test_bad_parameters_are_said_when_built(source, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit({"source": source})
