"""Stochastic release against the binomial distribution."""

import bouton
import numpy as np
import pytest
import scipy.stats
from bouton.testing import Shared
from bouton_synapses_dense import Dense, StochasticRelease, StochasticReleasePerEdge

from .drive import EDGE_TOPOLOGIES, edges_of, run

STEPS, POST = 400, 6
ONES = np.ones((STEPS, 3, 4))  # (step, sample, unit)


def arrivals(release, seed=0, spikes=ONES):
    return run(bouton.Synapse(Dense(4, POST), release=release), spikes, seed=seed)


def binomial(counts, p):
    """Whether so many trials with 0, 1, 2, ... successes may be those of a binomial distribution (chi-squared)."""
    expected = scipy.stats.binom.pmf(np.arange(len(counts)), len(counts) - 1, p) * counts.sum()
    statistic = ((counts - expected) ** 2 / expected)[expected > 5].sum()
    return scipy.stats.chi2.sf(statistic, (expected > 5).sum() - 1) > 1e-3


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_of_each_units_spikes_a_binomial_number_reaches_all_its_synapses(p):
    """Weights of powers of two: the sum says which units got through."""
    synapse = bouton.Synapse(Dense(4, 2), 2.0 ** np.arange(4)[:, None] * np.ones(2), release=StochasticRelease(p))
    sums = run(synapse, ONES)
    assert (sums[..., 0] == sums[..., 1]).all()  # to all synapses of the unit or to none
    passed = (sums[..., 0].astype(int)[..., None] >> np.arange(4)) & 1
    for unit in np.ndindex(3, 4):
        count = passed[(slice(None), *unit)].sum()
        assert scipy.stats.binomtest(int(count), STEPS, p).pvalue > 1e-3
    together = np.bincount(passed.sum(-1).reshape(-1), minlength=5)
    assert binomial(together, p)  # units are independent


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_synapses_of_one_unit_are_independent(p):
    spikes = ONES * np.array([1.0, 0, 0, 0])
    passed = arrivals(StochasticReleasePerEdge(p), spikes=spikes)
    assert set(np.unique(passed)) == {0.0, 1.0}
    for synapse in np.ndindex(3, POST):
        assert scipy.stats.binomtest(int(passed[(slice(None), *synapse)].sum()), STEPS, p).pvalue > 1e-3
    together = np.bincount(passed.sum(-1).astype(int).reshape(-1), minlength=POST + 1)
    assert binomial(together, p)


@pytest.mark.parametrize("kind", [StochasticRelease, StochasticReleasePerEdge])
def test_steps_samples_and_runs_draw_anew_and_a_seed_tells_all(kind):
    one, again, other = arrivals(kind(0.5)), arrivals(kind(0.5)), arrivals(kind(0.5), seed=1)
    assert (one == again).all() and (one != other).any()
    assert (one[:, 0] != one[:, 1]).any() and (one[0] != one[1]).any()


@pytest.mark.parametrize("kind", [StochasticRelease, StochasticReleasePerEdge])
def test_certain_release_is_none_at_all_and_silence_stays_silent(kind):
    spikes = np.random.default_rng(0).integers(0, 2, ONES.shape)
    np.testing.assert_array_equal(arrivals(kind(1.0), spikes=spikes), spikes.sum(-1, keepdims=True).repeat(POST, -1))
    assert not arrivals(kind(0.0)).any() and not arrivals(kind(0.5), spikes=0 * ONES).any()


def test_probabilities_of_each_unit_and_of_each_synapse():
    p = np.array([0.0, 0.3, 0.8, 1.0])
    sums = run(bouton.Synapse(Dense(4, 4), np.eye(4), release=StochasticRelease(p)), ONES)
    np.testing.assert_allclose(sums.mean((0, 1)), p, atol=4 * np.sqrt(0.25 / (3 * STEPS)))
    p = np.array([1.0, 0.0, 0.5, 1.0, 0.25])
    topology = EDGE_TOPOLOGIES["sparse, pairs, signed"]
    sums = run(bouton.Synapse(topology, release=StochasticReleasePerEdge(p)), ONES)
    _, target, sign = edges_of(topology)
    want = np.zeros(3)
    np.add.at(want, target, sign * p)
    np.testing.assert_allclose(sums.mean((0, 1)), want, atol=4 * np.sqrt(0.5 / (3 * STEPS)))


@pytest.mark.parametrize(
    ("release", "message"),
    [
        (StochasticRelease(1.5), r"ff\.release\.p must be >= 0 and <= 1, got 1\.5"),
        (StochasticRelease([0.5, np.nan]), r"ff\.release\.p\[1\] must be a number, got nan"),
        (StochasticReleasePerEdge(-0.1), r"ff\.release\.p must be >= 0 and <= 1, got -0\.1"),
    ],
    ids=str,
)
def test_bad_probabilities_are_said_when_built(release, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit({"ff": bouton.Synapse(Dense(2, 3), release=release)})


def test_shared_weights_have_no_release_of_their_own():
    message = r"StochasticReleasePerEdge acts in each synapse, but a weight of Shared is shared by 4 of them"
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Synapse(Shared(5, 2), release=StochasticReleasePerEdge(0.5))
