"""Rules of connectivity: exact counts, the distributions that they promise, and what is refused."""

import math
import time

import bouton
import numpy as np
import pytest
from bouton import CircuitError
from bouton_synapses_dense import AllToAll, Dense, FanIn, FanOut, Pairs, Probability, Sparse, Total
from bouton_synapses_dense.connectivity import draw_edges
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

SIZES = [(6, 9), (9, 6), (7, 7), (1, 5), (5, 1), (300, 40)]


def drawn(rule, n_pre, n_post, seed=0):
    return draw_edges("Dense", rule, n_pre, n_post, seed)


def matrix(rule, n_pre, n_post, seed=0):
    """Number of edges of each pair."""
    counts = np.zeros((n_pre, n_post), int)
    np.add.at(counts, drawn(rule, n_pre, n_post, seed), 1)
    return counts


def sets(rule, n_pre, n_post, draws):
    """How often each set of edges comes up, as ``{code of the set: count}``."""
    rng, weights, seen = np.random.default_rng(0), 1 << np.arange(n_pre * n_post), {}
    for _ in range(draws):
        pre, post = rule.edges(n_pre, n_post, rng)
        code = int(weights[pre * n_post + post].sum())
        seen[code] = seen.get(code, 0) + 1
    return seen


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("k", [1, 3, 5])
def test_each_unit_has_k_different_partners(sizes, k):
    n_pre, n_post = sizes
    if k <= n_post:
        found = matrix(FanOut(k), n_pre, n_post)
        assert (found.sum(1) == k).all() and found.max() == 1
    if k <= n_pre:
        found = matrix(FanIn(k), n_pre, n_post)
        assert (found.sum(0) == k).all() and found.max() == 1


@pytest.mark.parametrize("sizes", [(6, 9), (9, 6), (7, 7), (200, 40)], ids=str)
def test_without_autapses_nobody_meets_itself_and_the_count_stays(sizes):
    n_pre, n_post = sizes
    for k in (1, 5):
        out, into = matrix(FanOut(k, autapses=False), *sizes), matrix(FanIn(k, autapses=False), *sizes)
        assert (out.sum(1) == k).all() and (into.sum(0) == k).all()
        assert not np.diagonal(out).any() and not np.diagonal(into).any()
        assert out.max() == into.max() == 1
    several = FanOut(30, autapses=False, multapses=True)
    assert (matrix(several, *sizes).sum(1) == 30).all() and not np.diagonal(matrix(several, *sizes)).any()
    pairs = n_pre * n_post - min(sizes)
    for rule in (Total(pairs, autapses=False), Probability(1.0, autapses=False), AllToAll(autapses=False)):
        assert (matrix(rule, *sizes) == 1 - np.eye(*sizes)).all()


@pytest.mark.parametrize(
    "rule", [FanOut(9), FanIn(6), Total(54), Probability(1.0), Probability(1), AllToAll()], ids=str
)
def test_all_that_there_is_may_be_asked_for(rule):
    assert (matrix(rule, 6, 9) == 1).all()


@pytest.mark.parametrize("n", [1, 7, 100, 2000, 5000, 9999])
def test_total_is_exact(n):
    found = matrix(Total(n), 100, 100)
    assert found.sum() == n and found.max() == 1
    found = matrix(Total(n, multapses=True, autapses=False), 80, 100)
    assert found.sum() == n and not np.diagonal(found).any()


@given(
    sizes=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    share=st.floats(0, 1),
    autapses=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_counts_hold_for_any_size(sizes, share, autapses, seed):
    """Both ways of drawing, few of many and a large part, and their border."""
    n_pre, n_post = sizes
    lost = 0 if autapses else 1
    pairs = n_pre * n_post - lost * min(sizes)
    for rule, most, axis in (
        (FanOut, n_post - lost, 1),
        (FanIn, n_pre - lost, 0),
        (Total, pairs, None),
    ):
        wanted = round(1 + share * (most - 1))
        if most < 1:
            continue
        found = matrix(rule(wanted, autapses=autapses), *sizes, seed=seed)
        assert (found.sum(axis) == wanted).all() and found.max() == 1
        assert autapses or not np.diagonal(found).any()


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("autapses", [True, False])
def test_each_set_of_partners_is_equally_likely(k, autapses):
    """Of a row of 5 (few of them, half, more than half) each of the C(n, k) sets comes up equally often."""
    n = 5 - (not autapses)
    seen = sets(FanOut(k, autapses=autapses), 1, 5, 4000)
    assert len(seen) == math.comb(n, k)
    assert stats.chisquare(list(seen.values())).pvalue > 1e-3


def test_each_set_is_equally_likely_where_few_are_drawn_of_many():
    """2 of 17: that some come up twice and are drawn again prefers none of the 136 sets."""
    seen = sets(FanIn(2), 17, 1, 20_000)
    assert len(seen) == 136
    assert stats.chisquare(list(seen.values())).pvalue > 1e-3


@pytest.mark.parametrize("rule", [Total(2), Total(3), Total(2, autapses=False)], ids=str)
def test_each_set_of_pairs_is_equally_likely(rule):
    seen = sets(rule, 2, 3, 6000)
    pairs = 6 if rule.autapses else 4
    assert len(seen) == math.comb(pairs, rule.n)
    assert stats.chisquare(list(seen.values())).pvalue > 1e-3


def test_each_pair_is_connected_independently():
    """All 2^4 subsets of 4 pairs, each as likely as independent draws make it."""
    p, draws = 0.3, 8000
    seen = sets(Probability(p), 2, 2, draws)
    sizes = np.array([code.bit_count() for code in range(16)])
    expected = draws * p**sizes * (1 - p) ** (4 - sizes)
    assert stats.chisquare([seen.get(code, 0) for code in range(16)], expected).pvalue > 1e-3


def test_with_a_probability_fan_out_and_fan_in_are_binomial():
    found = matrix(Probability(0.1), 400, 300)
    for counts, n in ((found.sum(1), 300), (found.sum(0), 400)):
        law = stats.binom(n, 0.1)
        edges = law.ppf([0.2, 0.4, 0.6, 0.8])
        cells = np.diff(np.concatenate([[0], law.cdf(edges), [1]]))
        seen = np.bincount(np.searchsorted(edges, counts), minlength=5)
        assert stats.chisquare(seen, cells * len(counts)).pvalue > 1e-3


def test_the_other_side_of_a_fixed_fan_out_is_binomial():
    """With 400 units of which each chooses 10 of 100, a target is chosen by Binomial(400, 0.1) of them."""
    into = matrix(FanOut(10), 400, 100).sum(0)
    assert into.sum() == 4000
    assert abs(into.var() / (400 * 0.1 * 0.9) - 1) < 5 * np.sqrt(2 / 100)
    assert stats.chisquare(into).statistic < stats.chi2(99).ppf(0.999)


@pytest.mark.parametrize(
    "rule", [FanOut(20, multapses=True), FanIn(20, multapses=True), Total(200, multapses=True)], ids=str
)
def test_multapses_are_independent_draws(rule):
    """More edges than pairs, each pair as likely as any other each time."""
    found = matrix(rule, 10, 10)
    assert found.sum() == 200 and found.max() > 1
    assert stats.chisquare(found.ravel()).pvalue > 1e-3


@pytest.mark.parametrize("rule", [FanOut(3), FanIn(3), Probability(0.3), Total(20)], ids=str)
def test_the_seed_decides(rule):
    assert (matrix(rule, 20, 20, seed=1) == matrix(rule, 20, 20, seed=1)).all()
    assert (matrix(rule, 20, 20, seed=1) != matrix(rule, 20, 20, seed=2)).any()


@pytest.mark.parametrize("rule", [FanOut(100), FanIn(100), Probability(0.01), Total(10**6)], ids=str)
def test_a_million_edges_take_about_a_second(rule):
    start = time.perf_counter()
    pre, post = drawn(rule, 10_000, 10_000)
    assert time.perf_counter() - start < 5  # a loaded machine; a loop over units takes longer
    assert abs(len(pre) - 10**6) < 5000
    assert len(np.unique(pre * 10_000 + post)) == len(pre)


def test_few_edges_among_very_many_pairs():
    """10^12 pairs: no array of them could be made."""
    pre, post = drawn(Total(1000), 10**6, 10**6)
    assert len(np.unique(pre * 10**6 + post)) == 1000
    assert stats.kstest(pre / 10**6, "uniform").pvalue > 1e-3 and stats.kstest(post / 10**6, "uniform").pvalue > 1e-3
    assert abs(len(drawn(Probability(1e-9), 10**6, 10**6)[0]) - 1000) < 5 * np.sqrt(1000)


def test_pairs_are_those_given():
    rule = Pairs([0, 2, 1], np.array([3, 0, 1]))
    pre, post = drawn(rule, 3, 4)
    assert pre.tolist() == [0, 2, 1] and post.tolist() == [3, 0, 1]
    assert (drawn(Pairs([1, 1], [2, 2], multapses=True), 3, 3)[0] == 1).all()
    assert drawn(Pairs([0.0, 2.0], [1.0, 1.0]), 3, 3)[0].tolist() == [0, 2]


def test_each_rule_comes_back_from_a_model_file():
    many = np.random.default_rng(0).permutation(200)
    for rule in (
        FanOut(2, multapses=True),
        FanIn(2, autapses=False),
        Probability(0.25),
        Total(9),
        AllToAll(autapses=False),
        Pairs([0, 1], [1, 0]),
        Pairs(many, many),
    ):
        circuit = bouton.Circuit({"ff": bouton.Synapse(Dense(200, 200, connect=rule))})
        arrays = {}
        again = bouton.Circuit.from_dict(circuit.to_dict(arrays), arrays)
        assert again == circuit and again.nodes["ff"].topology.connect == rule


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FanOut(0), r"FanOut\.k must be a whole number of at least 1, got 0\."),
        (lambda: FanIn(2.5), r"FanIn\.k must be a whole number of at least 1, got 2\.5\."),
        (lambda: Total(-3), r"Total\.n must be a whole number of at least 1, got -3\."),
        (lambda: Probability(1.5), r"Probability\.p must be a number within \[0, 1\], got 1\.5\."),
        (lambda: Probability(-0.1), r"Probability\.p must be a number within \[0, 1\], got -0\.1\."),
        (lambda: Probability(float("nan")), r"Probability\.p must be a number within \[0, 1\], got nan\."),
        (lambda: Probability("often"), r"Probability\.p must be a number within \[0, 1\], got 'often'\."),
        (lambda: Pairs([0, 1], [0]), r"Pairs\.pre and Pairs\.post must be of one length, got 2 and 1\."),
        (lambda: Pairs([0, 1], [0, -2]), r"Pairs\.post\[1\] must be an index, a whole number of at least 0, got -2\."),
        (lambda: Pairs([0, 1.5], [0, 1]), r"Pairs\.pre\[1\] must be an index, .* got 1\.5\."),
        (lambda: Pairs([7, np.inf], [0, 1]), r"Pairs\.pre\[1\] must be an index, .* got inf\."),
        (lambda: Pairs([[0, 1]], [0, 1]), r"Pairs\.pre must be a list of indices, got an array of int64\[1, 2\]\."),
        (lambda: Pairs(["a"], [0]), r"Pairs\.pre must be a list of indices, got an array of <U1\[1\]\."),
    ],
)
def test_bad_rules_are_said_at_once(make, message):
    with pytest.raises(CircuitError, match=message):
        make()


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            FanOut(6),
            r"FanOut\.k must be at most 5, the number of post-synaptic units, got 6\. Use multapses=True to allow "
            r"several edges between two units\.",
        ),
        (FanOut(5, autapses=False), r"at most 4, the number of post-synaptic units other than itself, got 5\."),
        (FanIn(5), r"FanIn\.k must be at most 4, the number of pre-synaptic units, got 5\."),
        (Total(21), r"Total\.n must be at most 20, the number of pairs, got 21\."),
        (Total(17, autapses=False), r"Total\.n must be at most 16, the number of pairs of different units, got 17\."),
        (Pairs([0, 4], [0, 1]), r"Pairs\.pre\[1\] must be an index within 0 \.\.\. 3, .* 4 pre-synaptic units, got 4"),
        (Pairs([0, 1], [7, 1]), r"Pairs\.post\[0\] must be an index within 0 \.\.\. 4, .* 5 post-synaptic .*, got 7"),
        (
            Pairs([3, 1, 2, 1], [0, 2, 2, 2]),
            r"Pairs\[3\] joins 1 to 2 as Pairs\[1\] does already\. Use multapses=True",
        ),
        (
            Pairs([0, 2], [1, 2], autapses=False),
            r"Pairs\.pre\[1\] and Pairs\.post\[1\] are both 2, but autapses=False: leave this pair out, or allow it\.",
        ),
        (
            Probability(0.0),
            r"Probability\(p=0\.0\) connects none of 4 units with any of 5: Dense has no synapse\.",
        ),
        (Pairs([], []), r"connects none of 4 units with any of 5"),
        ("all", r"Dense\.connect must be a connectivity such as Probability\(0\.1\), got 'all'\."),
    ],
    ids=str,
)
def test_rules_that_do_not_fit_are_said(rule, message):
    with pytest.raises(CircuitError, match=message):
        drawn(rule, 4, 5)


@pytest.mark.parametrize("sizes", [(30, 20), (20, 20), (20, 30)], ids=str)
@pytest.mark.parametrize(
    "rule",
    [
        FanOut(7),
        FanOut(7, autapses=False, multapses=True),
        FanIn(7, autapses=False),
        Probability(0.9),
        Probability(0.9, autapses=False),
        Total(50),
        AllToAll(),
        AllToAll(autapses=False),
        Pairs([1, 2], [3, 3]),
    ],
    ids=str,
)
def test_how_many_edges_to_expect(rule, sizes):
    drawn_ = [len(drawn(rule, *sizes, seed)[0]) for seed in range(20)]
    np.testing.assert_allclose(rule.count(*sizes), np.mean(drawn_), rtol=0.02 if isinstance(rule, Probability) else 0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Sparse(10**6, 10**6, FanOut(10**4)),
            r"^ff: the list of 10,000,000,000 edges of Sparse would take 400,000,000,000 bytes \(400 GB\), but",
        ),
        (
            lambda: Dense(10**6, 10**6, connect=Probability(0.1)),
            r"^ff: the mask of Dense would take 2,000,000,000,000 bytes \(2 TB\), but .* are free",
        ),
    ],
    ids=["sparse", "dense"],
)
def test_more_than_memory_holds_is_refused_before_anything_is_drawn(make, message):
    began = time.perf_counter()
    with pytest.raises(CircuitError, match=message):
        bouton.Circuit({"ff": bouton.Synapse(make())})
    assert time.perf_counter() - began < 1.0


class Unknown(bouton.Connectivity):
    """A third party's rule that does not say how many edges to expect."""

    def edges(self, n_pre, n_post, rng):
        return np.arange(n_pre), np.zeros(n_pre, int)


def test_a_rule_need_not_know_how_many_edges_to_expect():
    assert Unknown().count(3, 2) is None and len(drawn(Unknown(), 3, 2)[0]) == 3


def test_a_unit_alone_has_nobody_but_itself():
    for rule in (FanOut(1, autapses=False, multapses=True), Total(1, autapses=False, multapses=True)):
        with pytest.raises(CircuitError, match=r"must be at most 0, the number of .*, got 1\.$"):
            drawn(rule, 1, 1)
    for rule in (AllToAll(autapses=False), Probability(0.5, autapses=False)):
        with pytest.raises(CircuitError, match="connects none of 1 units with any of 1"):
            drawn(rule, 1, 1)


@pytest.mark.parametrize("seed", [-1, 0.5, True], ids=str)
def test_seeds_are_whole_numbers(seed):
    with pytest.raises(CircuitError, match=rf"Dense\.seed must be a whole number of at least 0, got {seed}\."):
        drawn(AllToAll(), 2, 2, seed)


class Wrong(bouton.Connectivity):
    """A third party's rule with a mistake."""

    pre: tuple[float, ...] = bouton.static(doc="what it gives")

    def edges(self, n_pre, n_post, rng):
        return np.asarray(self.pre), np.zeros(2, int)


def test_mistakes_of_a_third_partys_rule_are_said():
    with pytest.raises(CircuitError, match=r"Wrong\.pre\[1\] must be an index within 0 \.\.\. 3, .*, got -1\."):
        drawn(Wrong((2, -1)), 4, 5)
    for given_ in ((0.5, 1.0), (1, 2, 3)):
        with pytest.raises(CircuitError, match=r"Wrong\.edges must give two lists of whole numbers of one length, got"):
            drawn(Wrong(given_), 4, 5)
