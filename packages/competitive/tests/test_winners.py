"""Winners and distances against loops over samples and units, in little memory."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton_competitive.winners import distances, nearest, unit_length

from .steps import random

BY_HAND = {
    "euclidean": lambda x, w: math.dist(x, w),
    "manhattan": lambda x, w: np.abs(x - w).sum(),
    "chebyshev": lambda x, w: np.abs(x - w).max(),
    "minkowski": lambda x, w: (np.abs(x - w) ** 3).sum() ** (1 / 3),
    "cosine": lambda x, w: 1 - x @ w / math.sqrt((x @ x) * (w @ w)) if x @ x and w @ w else 1.0,
}
each_distance = pytest.mark.parametrize("distance", BY_HAND)


def found(distance, w, x):
    return distances(distance, jnp.asarray(w, float), jnp.asarray(x, float), 3.0 if distance == "minkowski" else None)


@each_distance
@pytest.mark.parametrize("lanes", [(), (1,), (20,), (2, 3)], ids=str)
@pytest.mark.parametrize("offset", [0, 300])
def test_distances_and_winners_by_brute_force(distance, lanes, offset):
    w, x = random(7, 30) + offset, random(*lanes, 7, seed=1) + offset
    far = found(distance, w, x)
    by_hand = np.array([[BY_HAND[distance](a, b) for b in w.T] for a in x.reshape(-1, 7)])
    np.testing.assert_allclose(far.reshape(-1, 30), by_hand, rtol=1e-4, atol=1e-6)
    if not (distance == "cosine" and offset):  # all in one direction
        assert np.ravel(nearest(far)).tolist() == by_hand.argmin(1).tolist()


@each_distance
def test_of_equally_near_units_the_first_wins_and_zeros_are_defined(distance):
    w = np.array([[0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 1.0, 2.0]])
    assert nearest(found(distance, w, [1.0, 1.0])) == 1
    assert nearest(found(distance, w, [0.0, 0.0])) == 0
    assert nearest(found(distance, w, [0.0, 1.6])) == 3
    assert nearest(found(distance, np.zeros((2, 4)), [1.0, 1.0])) == 0


@each_distance
def test_no_array_of_samples_by_inputs_by_units_is_built(distance):
    search = jax.jit(found, static_argnums=0).lower(distance, jnp.zeros((50, 60)), jnp.zeros((40, 50)))
    assert search.compile().memory_analysis().temp_size_in_bytes < 40 * 50 * 60 * 4 / 5


@each_distance
def test_gradients_are_those_of_the_formula_and_finite_where_it_has_none(distance):
    w, x = jnp.asarray(random(3, 5), float), jnp.asarray(random(2, 3, seed=1), float)
    with jax.enable_x64(True):
        w, x = w.astype(float), x.astype(float)
        total = lambda w: found(distance, w, x).sum()  # noqa: E731
        step = 1e-6 * random(3, 5, seed=2)
        slope = (jax.grad(total)(w) * step).sum()
        np.testing.assert_allclose(slope, (total(w + step) - total(w - step)) / 2, rtol=1e-4)
        at_itself = jax.grad(lambda w: found(distance, w, w.T).sum())(w)
        assert np.isfinite(at_itself).all()
        assert np.isfinite(jax.grad(lambda w: found(distance, w, 0 * x).sum())(0 * w)).all()


def test_unit_length():
    v = random(4, 3)
    v[2] = 0
    np.testing.assert_allclose(jnp.linalg.norm(unit_length(jnp.asarray(v, float)), axis=1), [1, 1, 0, 1], rtol=1e-6)
