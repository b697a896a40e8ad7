"""Encoders: a draw in each step, one spike in a trial, regular spikes."""

import bouton
import jax
import numpy as np
import pytest
from bouton.testing import ComponentTests
from bouton_cells import BernoulliCell, LatencyCell, PhasorCell, TTFSCell
from scipy import stats
from scipy.integrate import solve_ivp


class TestBernoulliCell(ComponentTests):
    component = BernoulliCell((2, 2))


class TestLatencyCell(ComponentTests):
    component = LatencyCell(4, tau=3.0, thr=0.2, first_spike_time=1.0)


class TestLatencyCellLinear(ComponentTests):
    component = LatencyCell(4, thr=0.2, code="linear", last_spike_time=[3.0, 4.0, 4.0, 5.0], clip=True)


class TestTTFSCell(ComponentTests):
    component = TTFSCell(4, duration=5.0)


class TestPhasorCell(ComponentTests):
    component = PhasorCell(4, target_freq=400.0, jitter=0.2)


def raster(cell, x, *, duration, dt=1.0, series=False, **options):
    """Spikes (step, ..., unit); x is held, or with `series` has a first axis of steps."""
    given = (("time", "unit"), x) if series else x
    circuit = bouton.Circuit({"cell": cell}, start=options.pop("start", {}))
    run = bouton.simulate(
        circuit, duration, dt=dt, inputs={"cell.x": given}, record={"cell.s": 1}, progress=False, **options
    )
    return run["cell.s"].values


def steps_of_one_spike(spikes):
    """The step in which each unit fires, -1 for none; there must be no second spike."""
    assert (spikes.sum(0) <= 1).all()
    return np.where(spikes.any(0), spikes.argmax(0), -1)


def assert_in_step(steps, times, dt):
    """Each time lies in its step, but for the rounding of float32; infinite times in none."""
    np.testing.assert_array_equal(steps >= 0, np.isfinite(times))
    into = (times - steps * dt)[steps >= 0] / dt
    assert (into > -0.01).all() and (into < 1.01).all()


EXTREME = np.array([-np.inf, -1e30, -1.0, 0.0, 1e-40, 0.2, 1.0, 1.0 + 1e-6, 1e30, np.inf])


@pytest.mark.parametrize(
    "cell",
    [
        BernoulliCell(10),
        *(
            LatencyCell(10, thr=thr, code=code, last_spike_time=last)
            for thr, code, last in [(0.2, "logarithmic", None), (0.0, "logarithmic", 3.0), (0.2, "linear", 3.0)]
        ),
        TTFSCell(10),
        TTFSCell(10, code="logarithmic"),
        PhasorCell(10, jitter=0.5, target_freq=np.geomspace(1e-3, 1e30, 10)),
    ],
    ids=repr,
)
def test_no_input_makes_a_nan(cell):
    circuit = bouton.Circuit({"cell": cell})
    state = circuit.init(key=jax.random.key(0), dt=1.0)
    for step in range(3):
        tick = bouton.Tick(step=step, dt=1.0, key=jax.random.key(0))
        state, out = circuit.step(state, tick, {"cell.x": EXTREME})
        assert not any(np.isnan(leaf).any() for leaf in jax.tree.leaves(state))
        assert set(np.unique(out["cell"].s)) <= {0.0, 1.0}


# ---- Bernoulli -------------------------------------------------------------------------------------------------------


def test_bernoulli_spikes_have_their_probability_in_each_step_whatever_its_length():
    p = np.repeat([0.0, 0.2, 0.9, 1.0, 1.5], 40)
    spikes = raster(BernoulliCell(200), p, duration=500.0)
    np.testing.assert_array_equal(spikes, raster(BernoulliCell(200), p, duration=50.0, dt=0.1))
    for probability, count in zip([0.0, 0.2, 0.9, 1.0, 1.0], spikes.sum(0).reshape(5, 40).sum(1), strict=True):
        low, high = stats.binom.interval(0.999, 40 * 500, probability)
        assert low <= count <= high
    rows = spikes[:, 40:120].T
    correlation = np.corrcoef(rows)[np.triu_indices(len(rows), 1)]
    assert np.abs(correlation).max() < stats.norm.isf(1e-3 / correlation.size / 2) / np.sqrt(500)


# ---- one spike -------------------------------------------------------------------------------------------------------

X = np.concatenate([np.linspace(0.0, 1.0, 41), [1.7]])


@pytest.mark.parametrize("dt", [1.0, 0.25])
def test_latencies_of_both_codes_in_closed_form(dt):
    tau, thr, first = 12.0, 0.21, 3.0
    with np.errstate(divide="ignore", invalid="ignore"):
        times = {
            "logarithmic": np.where(X > thr, first + tau * np.log(X / (X - thr)), np.inf),
            "linear": first + tau * np.maximum(1 - np.maximum(X, thr), 0),
        }
    for code, want in times.items():
        cell = LatencyCell(X.size, tau=tau, thr=thr, first_spike_time=first, code=code)
        spikes = raster(cell, X, duration=60.0, dt=dt)
        assert_in_step(steps_of_one_spike(spikes), np.where(want < 60.0, want, np.inf), dt)
    steps = steps_of_one_spike(raster(cell.replace(clip=True), X, duration=60.0, dt=dt))
    assert_in_step(steps, np.where(thr <= X, want, np.inf), dt)


def test_the_logarithmic_latency_is_the_time_to_threshold_of_a_leaky_integrator():
    tau, thr, drive = 12.0, 0.2, np.array([0.25, 0.5, 1.0, 3.0])

    def reaches(t, v):
        return v[0] - thr

    reaches.terminal = True
    solved = [
        solve_ivp(lambda t, v, x=x: (x - v) / tau, (0, 100), [0.0], events=reaches, rtol=1e-10, atol=1e-10).t[-1]
        for x in drive
    ]
    dt = 0.01
    steps = steps_of_one_spike(raster(LatencyCell(4, tau=tau, thr=thr), drive, duration=40.0, dt=dt))
    assert_in_step(steps, np.array(solved), dt)


def test_only_the_first_input_of_a_trial_decides():
    first = np.array([0.9, 0.3, 0.6])
    x = np.concatenate([first[None], np.random.default_rng(0).uniform(0, 1, (19, 3))])
    cell = LatencyCell(3, tau=15.0, code="linear")
    np.testing.assert_array_equal(
        raster(cell, x, duration=20.0, series=True), raster(cell, np.tile(first, (20, 1)), duration=20.0, series=True)
    )


@pytest.mark.parametrize("cell", [LatencyCell(3, tau=15.0, code="linear", thr=0.0), TTFSCell(3, duration=15.0)])
def test_each_trial_has_spikes_of_its_own_sample_and_a_continued_run_none_again(cell):
    samples = np.random.default_rng(1).uniform(0, 1, (4, 3))
    circuit = bouton.Circuit({"cell": cell})
    for batch in (None, 2):
        run = bouton.simulate(
            circuit,
            trials=bouton.Trials(present=20.0),
            inputs={"cell.x": (("trial", "unit"), samples)},
            record={"cell.s": 1, "cell.latency": 20},
            batch=batch,
            progress=False,
        )
        s = run["cell.s"].transpose("trial", "time", "unit").values
        steps = np.stack([steps_of_one_spike(one) for one in s])
        np.testing.assert_array_equal(s.sum(1), 1)
        assert_in_step(steps, run["cell.latency"].values.reshape(4, 3), 1.0)
        assert (np.argsort(steps, axis=1) == np.argsort(-samples, axis=1)).all()
    whole = bouton.simulate(circuit, 20.0, inputs={"cell.x": samples[0]}, record={"cell.s": 1}, progress=False)
    again = bouton.simulate(
        circuit, 20.0, inputs={"cell.x": samples[1]}, record={"cell.s": 1}, state=whole.state, progress=False
    )
    assert not again["cell.s"].values.any()


def test_normalised_latencies_end_at_the_last_spike_time_in_each_sample():
    x = np.array([[0.9, 0.5, 0.3, 0.1], [0.8, 0.21, 0.6, 0.7], [1.0, 1.0, 1.0, 1.0], [0.0, 0.1, 0.05, 0.1]])
    for code in ("logarithmic", "linear"):
        for clip in (False, True):
            cell = LatencyCell(4, tau=7.0, thr=0.2, code=code, first_spike_time=2.0, last_spike_time=30.0, clip=clip)
            spikes = raster(cell, (("batch", "unit"), x), duration=40.0, batch=4)
            assert (spikes.sum(0) <= 1).all()
            steps = np.where(spikes.any(0), spikes.argmax(0), -1)
            with np.errstate(divide="ignore", invalid="ignore"):
                raw = np.log(x / (x - 0.2)) if code == "logarithmic" else 1 - np.maximum(x, 0.0 if clip else 0.2)
            fires = x >= 0.2 if clip or code == "logarithmic" else np.full(x.shape, True)
            raw = np.where(fires, raw, 0.0)
            longest = raw.max(-1, keepdims=True)
            want = 2.0 + 28.0 * raw / np.where(longest > 0, longest, 1.0)
            assert_in_step(steps, np.where(fires, want, np.inf if clip else 30.0), 1.0)


def test_a_last_spike_before_the_first_is_refused():
    circuit = bouton.Circuit({"cell": LatencyCell(2, first_spike_time=[1.0, 5.0], last_spike_time=5.0)})
    message = r"cell: last_spike_time must be later than first_spike_time \(5 ms\), got 5 ms"
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.simulate(circuit, 5.0, inputs={"cell.x": 1.0})


@pytest.mark.parametrize("dt", [1.0, 0.25])
def test_times_to_the_first_spike_in_closed_form(dt):
    steps = steps_of_one_spike(raster(TTFSCell(X.size, duration=50.0), X, duration=60.0, dt=dt))
    x = np.minimum(X, 1.0)
    assert_in_step(steps, 50.0 * (np.exp(-x) - np.exp(-1)) / (1 - np.exp(-1)), dt)
    logarithmic = TTFSCell(X.size, duration=50.0, code="logarithmic", x_min=0.03)
    steps = steps_of_one_spike(raster(logarithmic, X, duration=60.0, dt=dt))
    assert_in_step(steps, 50.0 * np.log(np.clip(X, 0.03, 1)) / np.log(0.03), dt)
    assert steps[0] == 50 / dt and steps[-1] == 0


# ---- phasor ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dt", [1.0, 0.2])
def test_regular_spikes_are_counted_by_the_phase(dt):
    x, start = np.array([0.0, 0.13, 0.5, 0.77, 1.0, -1.0]), np.array([0.0, 0.0, 0.9, 0.4, 0.0, 0.3])
    spikes = raster(PhasorCell(6, target_freq=83.0), x, duration=1000.0, dt=dt, start={"cell.phase": start})
    t = (np.arange(len(spikes)) + 1)[:, None] * dt / 1000
    turns = start + 83.0 * np.maximum(x, 0) * t
    clear = np.abs(turns - np.rint(turns)) > 1e-4  # else rounding decides on the step
    np.testing.assert_array_equal(spikes.cumsum(0)[clear], np.floor(turns)[clear])
    for unit in range(1, 5):
        gaps = np.diff(np.flatnonzero(spikes[:, unit])) * dt
        assert np.ptp(gaps) <= dt * 1.001 and abs(gaps.mean() - 1000 / 83 / x[unit]) < 2 * dt / len(gaps)


def test_a_rate_of_a_whole_number_of_steps_has_equal_intervals_and_the_fastest_is_one_a_step():
    spikes = raster(PhasorCell(3, target_freq=[100.0, 1000.0, 5000.0]), 1.0, duration=2000.0)
    np.testing.assert_array_equal(np.flatnonzero(spikes[:, 0]), np.arange(9, 2000, 10))
    assert spikes[:, 1:].all()


@pytest.mark.parametrize("dt", [0.5, 0.1])
def test_jitter_is_the_coefficient_of_variation_of_the_intervals(dt):
    """Counts keep their mean; intervals are those of a diffusion that is started anew at each spike."""
    jitters, rate = np.array([0.1, 0.3]), 50.0
    cell = PhasorCell(400, target_freq=rate, jitter=np.repeat(jitters, 200))
    spikes = raster(cell, 1.0, duration=1000.0, dt=dt)
    for jitter, group in zip(jitters, np.split(spikes, 2, axis=1), strict=True):
        counts = group.sum(0)
        assert abs(counts.mean() + 0.5 - rate) < 4 * jitter * np.sqrt(rate / 200)
        gaps = np.concatenate([np.diff(np.flatnonzero(train)) for train in group.T]) * dt
        np.testing.assert_allclose(gaps.mean(), 1000 / rate, rtol=0.02)
        np.testing.assert_allclose(gaps.std() / gaps.mean(), jitter, rtol=0.05)


def test_phases_may_be_random():
    spikes = raster(PhasorCell(2000, target_freq=100.0), 1.0, duration=10.0, start={"cell.phase": bouton.Uniform()})
    np.testing.assert_array_equal(spikes.sum(0), 1)
    assert stats.chisquare(spikes.sum(1)).pvalue > 1e-3
