"""Sparse: equal to a matrix with the same edges, event by event, under every transformation."""

import os
import subprocess
import sys
from typing import Any

import bouton
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import Circuit, CircuitError, Synapse
from bouton_synapses_dense import FanIn, FanOut, Pairs, Probability, Sparse, Total
from bouton_synapses_dense.events import Active

N_PRE, N_POST = 40, 60
RANDOM = np.random.default_rng(0)
SIGN = np.where(RANDOM.random(N_PRE) < 0.3, -1.0, 1.0)

CASES = {
    "rows of one length": Sparse(N_PRE, N_POST, FanOut(7), seed=3),
    "rows of any length": Sparse(N_PRE, N_POST, Probability(0.1), seed=3),
    "some rows empty": Sparse(N_PRE, N_POST, Total(20), seed=1),
    "fan-in": Sparse(N_PRE, N_POST, FanIn(5), seed=2),
    "several edges between two units": Sparse(N_PRE, N_POST, Total(3000, multapses=True)),
    "signed": Sparse(N_PRE, N_POST, Probability(0.2), sign=SIGN),
    "pairs in order": Sparse(N_PRE, N_POST, Pairs([0, 1, 3, 3], [0, 5, 2, 3])),
    "pairs in no order": Sparse(N_PRE, N_POST, Pairs([3, 1, 0, 3, 39], [0, 5, 2, 2, 59])),
    "pairs in no order, rows of one length": Sparse(3, 5, Pairs([2, 0, 1], [4, 4, 0])),
    "many units": Sparse(3, 70_000, Pairs([0, 0, 1, 2], [69_999, 0, 65_536, 65_535])),
}


def matrix_of(topology: Sparse, w: Any) -> np.ndarray:
    """The same map as a full matrix, from the indices that the dataset gets."""
    pre, post = (np.asarray(topology.coords()[name][1]) for name in ("pre_index", "post_index"))
    matrix = np.zeros((topology.n_pre, topology.n_post))
    np.add.at(matrix, (pre, post), np.asarray(w, float) * (1.0 if topology.sign is None else topology.sign[pre]))
    return matrix


def weights_of(topology: Sparse) -> np.ndarray:
    return np.random.default_rng(1).normal(size=topology.size("weights"))


def values(shape: tuple[int, ...], active: float, seed: int = 2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape) * (rng.random(shape) < active)


@pytest.fixture(params=CASES, ids=list(CASES))
def topology(request: Any) -> Sparse:
    return CASES[request.param]


@pytest.mark.parametrize("active", [0.0, 0.05, 0.5, 1.0])
@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
def test_it_is_the_matrix_with_the_same_edges(topology: Sparse, batch: tuple[int, ...], active: float) -> None:
    with jax.enable_x64(True):
        w, x = weights_of(topology), values((*batch, topology.n_pre), active)
        got = jax.jit(lambda t, w, x: t.apply(w, x))(topology, jnp.asarray(w), jnp.asarray(x))
    np.testing.assert_allclose(got, x @ matrix_of(topology, w), atol=1e-12)


def test_sums_that_are_exact_are_those_of_the_dense_product(topology: Sparse) -> None:
    """Whole weights sum exactly in float32, in whatever order."""
    w = np.round(3 * weights_of(topology)).astype(np.float32)
    x = (values((5, topology.n_pre), 0.3) != 0).astype(np.float32)
    assert (topology.apply(jnp.asarray(w), jnp.asarray(x)) == x @ matrix_of(topology, w)).all()


def test_adjoints_are_those_of_the_matrix(topology: Sparse) -> None:
    with jax.enable_x64(True):
        w, x, y = weights_of(topology), values((4, topology.n_pre), 0.4), values((4, topology.n_post), 0.9)
        matrix, ones = matrix_of(topology, w), np.ones(topology.size("weights"))
        np.testing.assert_allclose(topology.transpose(jnp.asarray(w), jnp.asarray(y)), y @ matrix.T, atol=1e-12)
        pre, post = (np.asarray(topology.coords()[name][1]) for name in ("pre_index", "post_index"))
        sign = 1.0 if topology.sign is None else topology.sign[pre]
        outer = sum(a[pre] * b[post] * sign for a, b in zip(x, y, strict=True))
        np.testing.assert_allclose(topology.outer(jnp.asarray(w), jnp.asarray(x), jnp.asarray(y)), outer, atol=1e-12)
        np.testing.assert_allclose(topology.fan_in(jnp.asarray(ones)), matrix_of(topology, ones).sum(0), atol=1e-12)


@pytest.mark.parametrize("name", ["rows of one length", "rows of any length", "pairs in no order"])
def test_vmap_and_grad_in_any_order(name: str) -> None:
    """Over values, over weights, over both, nested; gradients of maps, maps of gradients, second derivatives."""
    topology = CASES[name]
    with jax.enable_x64(True):
        w, x = jnp.asarray(weights_of(topology)), jnp.asarray(values((5, topology.n_pre), 0.3))
        matrix, factors = matrix_of(topology, w), jnp.asarray([1.0, 2.0, -1.0, 0.5, 3.0])
        many, each = factors[:, None] * w, np.asarray(x) @ matrix

        def close(got: Any, want: Any) -> None:
            np.testing.assert_allclose(got, want, atol=1e-11)

        apply = topology.apply
        all_pairs = np.asarray(factors)[:, None, None] * each
        for mode in (lambda f: f, jax.jit):
            close(mode(jax.vmap(apply, (None, 0)))(w, x), each)
            close(mode(jax.vmap(apply))(many, x), np.asarray(factors)[:, None] * each)
            close(mode(jax.vmap(apply, (0, None)))(many, x), all_pairs)
            close(mode(jax.vmap(lambda w: jax.vmap(lambda x: apply(w, x))(x)))(many), all_pairs)
            close(mode(jax.vmap(lambda x: jax.vmap(lambda w: apply(w, x))(many)))(x), all_pairs.swapaxes(0, 1))

        def energy(w: Any, x: Any) -> Any:
            return (apply(w, x) ** 2).sum()

        by_x = 2 * each @ matrix.T
        pre, post = (np.asarray(topology.coords()[side][1]) for side in ("pre_index", "post_index"))
        by_w = 2 * np.einsum("bi,bj->ij", x, each)[pre, post]
        for mode in (lambda f: f, jax.jit):
            close(mode(jax.grad(energy, 1))(w, x), by_x)
            close(mode(jax.grad(energy, 0))(w, x), by_w)
            close(mode(jax.vmap(jax.grad(energy, 1), (None, 0)))(w, x), by_x)
            close(mode(jax.grad(lambda x: jax.vmap(lambda x: energy(w, x))(x).sum()))(x), by_x)
        close(jax.hessian(energy, 1)(w, x[0]), 2 * matrix @ matrix.T)
        close(jax.jvp(apply, (w, x), (w, x))[1], 2 * each)
        silent = jnp.zeros(topology.n_pre)
        close(jax.grad(lambda x: apply(w, x).sum())(silent), matrix.sum(1))  # silence has a gradient, too


def test_other_edges_in_each_lane() -> None:
    topology = CASES["rows of one length"]
    other = jax.tree.map(lambda a: a[::-1], topology)
    both = jax.tree.map(lambda a, b: jnp.stack([a, b]), topology, other)
    w, x = jnp.asarray(weights_of(topology), jnp.float32), jnp.asarray(values((N_PRE,), 0.5), jnp.float32)
    got = jax.vmap(lambda t: t.apply(w, x))(both)
    np.testing.assert_allclose(got, jnp.stack([topology.apply(w, x), other.apply(w, x)]), atol=1e-5)


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(
    n=st.sampled_from([1, 5, 31, 32, 33, 64, 1023, 1024, 1025, 3000]), active=st.floats(0, 1), seed=st.integers(0, 99)
)
def test_each_active_index_once(n: int, active: float, seed: int) -> None:
    """Also when more is active than the list has room for."""
    x = (np.random.default_rng(seed).random(n) < active).astype(np.float32)
    sums = Active.of(jnp.asarray(x != 0)).each(lambda i, y: y.at[i].add(jnp.asarray(x)[i]), jnp.zeros(n))
    assert (np.asarray(sums) == x).all()


def test_weights_of_given_pairs_are_in_their_order() -> None:
    synapse = Synapse(Sparse(3, 4, Pairs([2, 0, 1], [3, 1, 0])), weights=[10.0, 20.0, 30.0])
    run = bouton.simulate(
        Circuit({"s": synapse}), 1.0, inputs={"s.pre": np.ones(3)}, record={"s.current": 1, "s.w": 1}, progress=False
    )
    assert run["s.current"].values.tolist() == [[30.0, 20.0, 0.0, 10.0]]
    assert run["s.w"].values.tolist() == [[10.0, 20.0, 30.0]]
    assert run["s.w"]["pre_index"].values.tolist() == [2, 0, 1]
    assert run["s.w"]["post_index"].values.tolist() == [3, 1, 0]


def test_an_edge_list_opens_with_its_indices_from_disk(tmp_path: Any) -> None:
    topology = CASES["rows of any length"]
    bouton.simulate(
        Circuit({"s": Synapse(topology)}),
        2.0,
        inputs={"s.pre": np.ones(N_PRE)},
        record={"s.w": 2},
        to=tmp_path / "run.zarr",
        progress=False,
    )
    w = bouton.open(tmp_path / "run.zarr")["s.w"]
    matrix = np.zeros((N_PRE, N_POST))
    matrix[w["pre_index"], w["post_index"]] = w[0]
    assert (matrix == matrix_of(topology, np.ones(topology.size("weights")))).all()


def test_the_seed_alone_decides_in_any_process() -> None:
    def edges_elsewhere(seed: str) -> str:
        code = (
            "import numpy as np; from bouton_synapses_dense import *; import hashlib;"
            "p = Sparse(100, 90, Probability(0.1), seed=7).coords();"
            "print(hashlib.sha256(b''.join(np.asarray(v, 'i4').tobytes() for _, v in p.values())).hexdigest())"
        )
        environment = os.environ | {"PYTHONHASHSEED": seed}
        return subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
        ).stdout

    assert edges_elsewhere("1") == edges_elsewhere("2")
    a, b = (Sparse(100, 90, Probability(0.1), seed=s).coords()["post_index"][1] for s in (7, 8))
    assert a.shape != b.shape or (a != b).any()


@pytest.mark.parametrize(
    ("connect", "shared", "most"),
    [
        (FanOut(100), False, 6.0),
        (FanOut(100), True, 2.1),
        (Probability(0.05), False, 6.1),
        (Pairs(*RANDOM.integers(0, 999, (2, 5000)), multapses=True), False, 12.0),
    ],
)
def test_at_most_twelve_bytes_an_edge(connect: Any, shared: bool, most: float) -> None:
    topology = Sparse(2000, 2000, connect, shared=shared)
    weights = topology.draw(bouton.Constant(1.0), jax.random.key(0))
    held = sum(a.nbytes for a in jax.tree.leaves((topology.edges, weights)))
    assert held <= most * topology.edges.post.size


def test_edges_that_share_one_weight() -> None:
    """All edges are tied: the same sums as with equal weights, and the sum of what each edge would learn."""
    each, tied = (Sparse(N_PRE, N_POST, Probability(0.1), shared=s) for s in (False, True))
    w, x, y = jnp.asarray(0.7), values((3, N_PRE), 0.3), values((3, N_POST), 0.9)
    x, y = jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)
    full = jnp.full(each.size("weights"), 0.7)
    assert tied.dims()["weights"] == {} and tied.coords() == {}
    np.testing.assert_allclose(tied.apply(w, x), each.apply(full, x), atol=1e-5)
    np.testing.assert_allclose(tied.transpose(w, y), each.transpose(full, y), atol=1e-5)
    np.testing.assert_allclose(tied.outer(w, x, y), each.outer(full, x, y).sum(), rtol=1e-4)
    np.testing.assert_allclose(jax.grad(lambda w: (tied.apply(w, x) * y).sum())(w), tied.outer(w, x, y), rtol=1e-4)
    lanes = jax.vmap(tied.apply, (0, None))(jnp.asarray([0.7, 1.4]), x)
    np.testing.assert_allclose(lanes, jnp.stack([tied.apply(w, x), 2 * tied.apply(w, x)]), atol=1e-5)


def test_model_files_hold_the_rule_and_not_the_edges() -> None:
    circuit = Circuit({"s": Synapse(CASES["rows of any length"])})
    data = circuit.to_dict()
    assert data["nodes"]["s"]["topology"] == {
        "type": "Sparse",
        "n_pre": N_PRE,
        "n_post": N_POST,
        "connect": {"type": "Probability", "p": 0.1},
        "seed": 3,
    }
    again = Circuit.from_dict(data).nodes["s"].topology
    assert (again.edges.post == CASES["rows of any length"].edges.post).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Sparse(3, 4, Pairs([0, 3], [1, 1])),
            "Pairs.pre[1] must be an index within 0 ... 2, as there are 3 pre-synaptic units, got 3.",
        ),
        (lambda: Sparse(3, 4, Pairs([0, 0], [1, 1])), "Pairs[1] joins 0 to 1 as Pairs[0] does already."),
        (lambda: Sparse(3, 4, FanOut(5)), "FanOut.k must be at most 4, the number of post-synaptic units, got 5."),
        (lambda: Sparse(3, 4, Probability(0.0)), "Probability(p=0.0) connects none of 3 units with any of 4"),
        (lambda: Sparse(3, 4, 0.1), "Sparse.connect must be a connectivity such as Probability(0.1), got 0.1."),
        (lambda: Sparse(3, 4, FanOut(1), seed=-1), "Sparse.seed must be a whole number of at least 0, got -1."),
        (lambda: Sparse(3, 4, FanOut(1), sign=[1.0, -1.0, 0.5]), "Sparse.sign[2] must be +1 or -1, got 0.5."),
    ],
)
def test_errors_when_a_synapse_is_built(make: Any, message: str) -> None:
    with pytest.raises(CircuitError) as e:
        Circuit({"s": Synapse(make())})
    assert message in str(e.value)


def test_edges_are_counted_in_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before any is drawn, on a machine with enough memory for them."""
    monkeypatch.setattr("bouton_synapses_dense.connectivity.check_room_for", lambda name, size: None)
    with pytest.raises(CircuitError, match="would make 3,000,000,000 edges: Sparse holds fewer than 2,147,483,648"):
        Circuit({"s": Synapse(Sparse(100_000, 100_000, FanOut(30_000)))})
