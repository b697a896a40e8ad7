"""MPS against the matrix that its cores stand for."""

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton_synapses_dense import MPS
from hypothesis import given, settings
from hypothesis import strategies as st

KEY = jax.random.key(0)


@given(
    sizes=st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 4)),
    batch=st.sampled_from([(), (3,), (2, 2)]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=10, deadline=None)
def test_it_is_its_reconstruction(sizes, batch, seed):
    topology, r = MPS(*sizes), np.random.default_rng(seed)
    w = topology.draw(bouton.Gaussian(0.5), jax.random.key(seed))
    full = np.asarray(w.core1) @ np.asarray(w.core2)
    x, y = (r.normal(size=(*batch, n)).astype(np.float32) for n in sizes[:2])

    @jax.jit
    def made(w, x, y):
        by_cores = jax.grad(lambda w: (topology.apply(w, x) * y).sum())(w)
        results = topology.to_matrix(w), topology.apply(w, x), topology.transpose(w, y)
        return results, topology.outer(w, x, y), by_cores

    results, outer, by_cores = made(w, x, y)
    for got, want in zip(results, (full, x @ full, y @ full.T), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-4)
    np.testing.assert_allclose(outer.core1, by_cores.core1, atol=1e-4)
    np.testing.assert_allclose(outer.core2, by_cores.core2, atol=1e-4)


def test_the_change_of_each_core_is_a_sum_over_edges():
    topology = MPS(3, 4, 2)
    w = topology.draw(bouton.Gaussian(), KEY)
    x, y = np.random.default_rng(1).normal(size=3), np.random.default_rng(2).normal(size=4)
    of_1, of_2 = np.zeros((3, 2)), np.zeros((2, 4))
    for i in range(3):
        for j in range(4):
            for k in range(2):
                of_1[i, k] += x[i] * y[j] * w.core2[k, j]
                of_2[k, j] += x[i] * y[j] * w.core1[i, k]
    got = topology.outer(w, jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32))
    np.testing.assert_allclose(got.core1, of_1, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(got.core2, of_2, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rank", [2, 3, 4, 7])
def test_a_matrix_of_no_higher_rank_is_kept_exactly(rank):
    r = np.random.default_rng(0)
    matrix = r.normal(size=(6, 2)) @ r.normal(size=(2, 4))
    topology = MPS(6, 4, rank)
    w = topology.from_matrix(matrix)
    assert w.core1.shape == (6, rank) and w.core2.shape == (rank, 4)
    np.testing.assert_allclose(topology.to_matrix(w), matrix, atol=1e-5)


def test_a_matrix_of_higher_rank_loses_the_least_it_can():
    """The error of the best approximation is the root of the squares of the singular values left out."""
    matrix = np.random.default_rng(0).normal(size=(6, 5))
    s = np.linalg.svd(matrix, compute_uv=False)
    for rank in range(1, 6):
        topology = MPS(6, 5, rank)
        lost = np.linalg.norm(topology.to_matrix(topology.from_matrix(matrix)) - matrix)
        np.testing.assert_allclose(lost, np.sqrt((s[rank:] ** 2).sum()), atol=1e-5)


@pytest.mark.parametrize("rank", [1, 2, 5, 50])
def test_initialisers_give_the_scale_of_the_products_entries(rank):
    topology = MPS(600, 500, rank)
    for initialiser, mean, std in (
        (bouton.Gaussian(0.0, 0.3), 0.0, 0.3),
        (bouton.Uniform(0.0, 0.6), 0.3, 0.6 / np.sqrt(12)),
        (bouton.FanInGaussian(2.0), 0.0, 2 / np.sqrt(600)),
        (bouton.Constant(0.4), 0.4, 0.0),
    ):
        entries = np.asarray(topology.to_matrix(topology.draw(initialiser, KEY)), float)
        np.testing.assert_allclose(entries.mean(), mean, atol=0.17 * std + 1e-5)
        np.testing.assert_allclose(entries.std(), std, rtol=0.1, atol=1e-5)


def test_given_weights_are_factorised():
    r = np.random.default_rng(0)
    matrix = r.normal(size=(4, 2)) @ r.normal(size=(2, 3))
    circuit = bouton.Circuit({"ff": bouton.Synapse(MPS(4, 3, 2), weights=matrix)})
    state = circuit.init(key=KEY, dt=1.0)
    _, out = circuit.step(state, bouton.Tick(step=0, dt=1.0), {"ff.pre": jnp.arange(4.0)})
    np.testing.assert_allclose(out["ff"].current, np.arange(4.0) @ matrix, atol=1e-5)
    assert circuit.compartment("ff.w.core1").dims == ("pre", "rank")
    assert circuit.compartment("ff.w.core2").shape == (2, 3)


class Delta(bouton.Rule):
    """``dw = 0.05 pre (x) error``, the error being wired to `post`."""

    def terms(self, s, pre, post, x, tick):
        return s, (bouton.Term(0.05 * pre, post),)


def test_learning_by_errors_finds_a_matrix_of_its_rank():
    """Gradient descent on the cores: with inputs that span the space the error vanishes."""
    u, v = (np.linalg.qr(np.random.default_rng(n).normal(size=(n, 2)))[0] for n in (4, 3))
    target = jnp.asarray(u @ np.diag([2.0, 1.0]) @ v.T, jnp.float32)
    circuit = bouton.Circuit({"ff": bouton.Synapse(MPS(4, 3, 2), weights=bouton.Gaussian(), plasticity=Delta())})
    x = jnp.eye(4)

    @jax.jit
    def run(state):
        def body(state, step):
            error = x @ target - circuit.nodes["ff"].topology.apply(state["ff"].w, x)
            tick = bouton.Tick(step=step, dt=1.0, batch=(4,))
            return circuit.step(state, tick, {"ff.pre": x, "ff.post": error})[0], None

        return jax.lax.scan(body, state, jnp.arange(3000))[0]

    w = run(circuit.init(key=KEY, dt=1.0, batch=(4,)))["ff"].w
    np.testing.assert_allclose(w.core1 @ w.core2, target, atol=1e-3)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: MPS(4, 3, 2).from_matrix(np.zeros((3, 4))),
            r"the matrix must have the shape \(4, 3\), got \(3, 4\)\.",
        ),
        (
            lambda: MPS(4, 3, 2).draw(bouton.Eye(), KEY),
            r"a matrix \(pre, post\), but the weights have the shape \(8,\)",
        ),
        (
            lambda: bouton.Circuit({"ff": bouton.Synapse(MPS(4, 3, 0))}),
            r"ff\.topology\.rank is a size: it must be at least 1, got 0\.",
        ),
        (
            lambda: bouton.Normalise()(MPS(4, 3, 2), MPS(4, 3, 2).draw(bouton.Uniform(), KEY)),
            r"MPS has no weight for each edge: Normalise cannot scale it\.",
        ),
    ],
    ids=["matrix", "eye", "rank", "normalise"],
)
def test_what_it_cannot_do_is_said(build, message):
    with pytest.raises(bouton.CircuitError, match=message):
        build()
