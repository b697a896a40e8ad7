"""The network's constants against an independent solution, and the statistics on trains known in closed form."""

import math
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the benchmarks are scripts, not a package

from cuba_statistics import Estimate, Firing, difference, estimate, firing, interval_cv, verdict
from workloads import ALL, CUBA, family, named


@pytest.mark.parametrize("tau", [5.0, 10.0])
def test_a_held_current_moves_v_as_far_as_the_decaying_one(tau):
    p, g, v = CUBA(100, 10, dt=0.4), 3.0, 0.0
    h = p.dt / 1000
    for _ in range(1000):  # midpoint rule, v measured from v_rest
        half_g, half_v = g - h / 2 * g / tau, v + h / 2 * (g - v) / p.tau_m
        g, v = g - h * half_g / tau, v + h * (half_g - half_v) / p.tau_m
    held = 3.0 * p.held(tau) * (1 - math.exp(-p.dt / p.tau_m))
    assert held == pytest.approx(v, rel=1e-6)


def test_weights_keep_the_mean_input_when_there_are_more_synapses():
    few, many = CUBA(20_000, 80), CUBA(20_000, 1_000)
    assert few.w_e == pytest.approx(60 * 0.27 / 10)  # as Brian2's example of this network writes it
    assert few.w_i == pytest.approx(-20 * 4.5 / 10)
    assert many.w_e * many.k == pytest.approx(few.w_e * few.k)
    assert many.w_i * many.k == pytest.approx(few.w_i * few.k)
    assert (few.n_e, few.n - few.n_e) == (16_000, 4_000)


def test_a_family_names_all_its_sizes():
    assert named("W3") == ["W3-4000x80", "W3-20000x80", "W3-20000x1000", "W3-100000x80"]
    assert all(ALL[name] == CUBA(ALL[name].n, ALL[name].k, tolerance=ALL[name].tolerance) for name in named("W3"))
    assert named("W3-20000x80") == ["W3-20000x80"]
    assert named("W1") == ["W1"]
    assert (family("W1"), family("nest-1.5ms")) == ("W1", "nest")


def test_a_clock_is_regular():
    assert interval_cv([0.3, 0.1, 0.2, 0.4]) == pytest.approx(0.0, abs=1e-12)


def test_intervals_of_one_and_three():
    # mean 2, sample variance (1 + 1) / 1
    assert interval_cv([0.0, 1.0, 4.0]) == pytest.approx(math.sqrt(2) / 2)


@pytest.mark.parametrize("shape", [1, 4])
def test_gamma_processes_have_a_cv_of_one_over_the_root_of_their_shape(shape):
    rng, cells, per_cell = random.Random(0), 200, 400
    spikes = []
    for cell in range(cells):
        time = 0.0
        for _ in range(per_cell):
            time += rng.gammavariate(shape, 1 / shape)
            spikes.append((cell, time))
    rng.shuffle(spikes)
    end = 300.0  # before any train's end
    found = firing(spikes, cells, 0.0, end)
    assert found.rate == pytest.approx(1.0, rel=0.02)
    assert found.cv == pytest.approx(1 / math.sqrt(shape), rel=0.02)
    assert found.share == 1.0


def test_only_the_window_and_cells_with_enough_spikes_count():
    regular = [(0, time / 10) for time in range(40)]  # 20 of them at or after 1 s and before 3 s
    slow = [(1, 1.0), (1, 1.1), (1, 2.9), (1, 3.0)]  # three in the window
    found = firing([*regular, *slow], n=4, begin=1.0, end=3.0)
    assert found == Firing(rate=23 / 8, cv=pytest.approx(0.0, abs=1e-12), share=0.25)


def test_silence_has_no_cv_and_is_never_agreement():
    found = firing([], n=4, begin=0.0, end=1.0)
    assert (found.rate, found.share) == (0.0, 0.0)
    assert math.isnan(found.cv)
    assert "apart" in verdict(Estimate(math.nan, 0.0))


def test_the_standard_error_is_that_of_the_mean_over_runs():
    assert estimate([1.0, 3.0]) == Estimate(2.0, 1.0)
    assert estimate([1.0, 1.0, 3.0, 3.0]).error == pytest.approx(math.sqrt(4 / 3) / 2)


def test_a_difference_adds_the_relative_errors_in_squares():
    apart = difference(Estimate(11.0, 0.33), Estimate(10.0, 0.4))
    assert apart.mean == pytest.approx(0.1)
    assert apart.error == pytest.approx(1.1 * 0.05)


@pytest.mark.parametrize(
    ("mean", "error", "says"),
    [(0.04, 0.01, ""), (-0.04, 0.025, ""), (0.06, 0.0, "apart"), (-0.06, 0.01, "apart"), (0.0, 0.03, "more seeds")],
)
def test_agreement_must_be_within_five_percent_and_known_to_that(mean, error, says):
    found = verdict(Estimate(mean, error))
    assert says in found
    assert bool(says) == bool(found)
