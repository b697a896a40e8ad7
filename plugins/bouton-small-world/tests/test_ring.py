"""The conformance tests, then the truth: the sum over edges, and what makes a small world."""

import jax.numpy as jnp
import numpy as np
import pytest
from bouton import CircuitError
from bouton.testing import TopologyTests
from bouton_small_world import SmallWorld


class TestSmallWorld(TopologyTests):
    topology = SmallWorld(8, k=4, p=0.3)


class TestRing(TopologyTests):
    topology = SmallWorld(7, k=2, p=0.0)


def connected(topology):
    """The wiring as a matrix (pre, post)."""
    matrix = np.zeros((topology.n, topology.n), int)
    np.add.at(matrix, (topology.sources, np.arange(topology.n)[:, None]), 1)
    return matrix


def clustering(matrix):
    """Share of the pairs of a unit's neighbours that are connected themselves, in either direction."""
    either = ((matrix + matrix.T) > 0).astype(int)
    degree = either.sum(0)
    return (np.diag(either @ either @ either) / (degree * (degree - 1))).mean()


def path_length(matrix):
    """Mean number of edges on the shortest way from one unit to another."""
    distance = np.full(matrix.shape, np.inf)
    reached = np.eye(len(matrix), dtype=int)
    for steps in range(len(matrix)):
        distance = np.where((reached > 0) & np.isinf(distance), steps, distance)
        reached = ((reached @ matrix + reached) > 0).astype(int)
    return distance.sum() / (len(matrix) * (len(matrix) - 1))


def test_current_is_the_sum_over_the_edges():
    topology = SmallWorld(9, k=4, p=0.5)
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=(9, 4)), rng.normal(size=(2, 9))
    y = [[sum(w[j, e] * row[i] for e, i in enumerate(topology.sources[j])) for j in range(9)] for row in x]
    np.testing.assert_allclose(topology.apply(jnp.asarray(w, jnp.float32), jnp.asarray(x, jnp.float32)), y, atol=1e-5)


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_no_unit_hears_from_itself_or_twice_from_another(p):
    matrix = connected(SmallWorld(30, k=6, p=p))
    assert matrix.max() == 1 and np.trace(matrix) == 0
    assert (matrix.sum(0) == 6).all()


def test_without_rewiring_it_is_a_ring():
    matrix = connected(SmallWorld(10, k=4, p=0.0))
    shifts = [np.roll(np.eye(10, dtype=int), s, axis=0) for s in (-2, -1, 1, 2)]
    np.testing.assert_array_equal(matrix, sum(shifts))
    assert clustering(connected(SmallWorld(40, k=6, p=0.0))) == pytest.approx(3 * (6 - 2) / (4 * (6 - 1)))


def test_the_expected_share_of_edges_is_rewired():
    ring = SmallWorld(500, k=6, p=0.0).sources
    moved = (SmallWorld(500, k=6, p=0.2).sources != ring).mean()
    assert abs(moved - 0.2) < 4 * np.sqrt(0.2 * 0.8 / ring.size)


def test_a_few_shortcuts_make_the_world_small_and_leave_it_clustered():
    ring, small = connected(SmallWorld(200, k=8, p=0.0)), connected(SmallWorld(200, k=8, p=0.05))
    assert path_length(small) < 0.5 * path_length(ring)
    assert clustering(small) > 0.6 * clustering(ring)


def test_wiring_depends_on_the_seed_alone():
    np.testing.assert_array_equal(SmallWorld(50, seed=3).sources, SmallWorld(50, seed=3).sources)
    assert (SmallWorld(50, seed=3).sources != SmallWorld(50, seed=4).sources).any()


@pytest.mark.parametrize("wrong", [{"k": 3}, {"k": 0}, {"k": 10}, {"p": 1.5}, {"p": -0.1}])
def test_impossible_wiring_is_refused(wrong):
    with pytest.raises(CircuitError, match=f"SmallWorld.{next(iter(wrong))} must be"):
        SmallWorld(10, **wrong)
