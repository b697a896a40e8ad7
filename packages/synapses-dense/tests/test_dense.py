"""Dense against sums over edges."""

import itertools

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton_synapses_dense import Dense

W = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)


@pytest.mark.parametrize("batch", [(), (5,), (2, 3)], ids=str)
def test_the_map_and_both_adjoints_are_sums_over_edges(batch):
    topology, r = Dense(4, 3), np.random.default_rng(1)
    x, y = (r.normal(size=(*batch, n)).astype(np.float32) for n in (4, 3))
    forward, back, outer = np.zeros_like(y), np.zeros_like(x), np.zeros_like(W)
    for at in itertools.product(*map(range, batch)):
        for i, j in itertools.product(range(4), range(3)):
            forward[(*at, j)] += W[i, j] * x[(*at, i)]
            back[(*at, i)] += W[i, j] * y[(*at, j)]
            outer[i, j] += x[(*at, i)] * y[(*at, j)]
    x, y = jnp.asarray(x), jnp.asarray(y)
    np.testing.assert_allclose(topology.apply(W, x), forward, atol=1e-5)
    np.testing.assert_allclose(topology.transpose(W, y), back, atol=1e-5)
    np.testing.assert_allclose(topology.outer(jnp.asarray(W), x, y), outer, atol=1e-5)


def test_fan_in_is_the_sum_of_what_ends_on_a_unit():
    np.testing.assert_allclose(Dense(4, 3).fan_in(W), W.sum(0), rtol=1e-6)
    assert Dense(4, 3).fan_in_count() == 4


def test_weights_are_drawn_for_the_fan_in():
    w = Dense(400, 300).draw(bouton.FanInGaussian(2.0), jax.random.key(0))
    np.testing.assert_allclose(w.std(), 2 / np.sqrt(400), rtol=0.02)


def test_each_unit_gets_the_total_it_asks_for():
    w = bouton.Normalise(jnp.array([1.0, 2.0, 3.0]))(Dense(4, 3), jnp.abs(W))
    np.testing.assert_allclose(w.sum(0), [1, 2, 3], rtol=1e-5)
    np.testing.assert_allclose(w / w.sum(0), np.abs(W) / np.abs(W).sum(0), rtol=1e-5)


def test_sizes_are_checked_when_a_circuit_is_built():
    with pytest.raises(bouton.CircuitError, match=r"ff\.topology\.n_post is a size: it must be at least 1, got 0"):
        bouton.Circuit(nodes={"ff": bouton.Synapse(Dense(4, 0))})


def test_silence_is_skipped_but_has_the_gradient_of_the_product():
    topology, key = Dense(4, 3), jax.random.key(1)
    w = jax.random.normal(key, (4, 3))
    for x in (jnp.zeros(4), jnp.array([0.0, 1.0, 0.0, -1.0]), jnp.array([1.0, -1.0, 0.0, 0.0])):
        assert np.allclose(topology.apply(w, x), x @ w, atol=1e-6)
        by_x, by_w = jax.grad(lambda x, w: (topology.apply(w, x) * jnp.arange(3.0)).sum(), (0, 1))(x, w)
        assert np.allclose(by_x, w @ np.arange(3.0), atol=1e-6)
        assert np.allclose(by_w, np.outer(x, np.arange(3.0)), atol=1e-6)
        second = jax.hessian(lambda x: (topology.apply(w, x) ** 2).sum())(x)
        assert np.allclose(second, 2 * w @ w.T, atol=1e-5)
    lanes = jnp.array([[0.0, 0, 0, 0], [0, 1, 0, 0]])
    assert np.allclose(jax.vmap(topology.apply, (None, 0))(w, lanes), lanes @ w, atol=1e-6)
    assert np.allclose(jax.vmap(jax.grad(lambda x: topology.apply(w, x).sum()))(lanes), [w.sum(1)] * 2, atol=1e-6)
