"""Dense against sums over edges."""

import itertools

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import CircuitError
from bouton_synapses_dense import AllToAll, Dense, FanIn, FanOut, Pairs, Probability
from hypothesis import given, settings
from hypothesis import strategies as st

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


# ---- absent synapses and signs -------------------------------------------------------------------------------------

SIGN = np.array([1.0, -1.0, -1.0, 1.0])
OPTIONS = {
    "given pairs": ({"connect": Pairs([0, 3, 1, 0], [2, 2, 0, 0])}, [(0, 2), (3, 2), (1, 0), (0, 0)], np.ones(4)),
    "not itself": (
        {"connect": AllToAll(autapses=False)},
        [(i, j) for i in range(4) for j in range(3) if i != j],
        np.ones(4),
    ),
    "signs": ({"sign": SIGN}, list(itertools.product(range(4), range(3))), SIGN),
    "both": ({"connect": Pairs([1, 2, 3], [0, 0, 1]), "sign": SIGN}, [(1, 0), (2, 0), (3, 1)], SIGN),
    "all inhibit": ({"sign": -1}, list(itertools.product(range(4), range(3))), -np.ones(4)),
}


@pytest.mark.parametrize("batch", [(), (2, 3)], ids=str)
@pytest.mark.parametrize("options", OPTIONS)
def test_only_existing_synapses_count_each_with_its_sign(options, batch):
    given_, edges, sign = OPTIONS[options]
    topology, r = Dense(4, 3, **given_), np.random.default_rng(1)
    x, y = (r.normal(size=(*batch, n)).astype(np.float32) for n in (4, 3))
    forward, back, outer, ends = np.zeros_like(y), np.zeros_like(x), np.zeros_like(W), np.zeros(3)
    for i, j in edges:
        forward[..., j] += sign[i] * W[i, j] * x[..., i]
        back[..., i] += sign[i] * W[i, j] * y[..., j]
        outer[i, j] = sign[i] * (x[..., i] * y[..., j]).sum()
        ends[j] += sign[i] * W[i, j]
    np.testing.assert_allclose(topology.apply(W, jnp.asarray(x)), forward, atol=1e-5)
    np.testing.assert_allclose(topology.transpose(W, jnp.asarray(y)), back, atol=1e-5)
    np.testing.assert_allclose(topology.outer(jnp.asarray(W), jnp.asarray(x), jnp.asarray(y)), outer, atol=1e-5)
    np.testing.assert_allclose(topology.fan_in(jnp.asarray(W)), ends, atol=1e-5)
    assert float(topology.fan_in_count()) == max(np.bincount([j for _, j in edges]))


@given(
    sizes=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    batch=st.sampled_from([(), (2,)]),
    k=st.integers(1, 6),
    signed=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=15, deadline=None)
def test_both_adjoints_for_any_shape_connectivity_and_sign(sizes, batch, k, signed, seed):
    r = np.random.default_rng(seed)
    sign = r.choice([-1.0, 1.0], sizes[0]) if signed else None
    topology = Dense(*sizes, connect=FanIn(min(k, sizes[0])), sign=sign, seed=seed)
    w, x, y = (jnp.asarray(r.normal(size=s), jnp.float32) for s in (sizes, (*batch, sizes[0]), (*batch, sizes[1])))
    left = jnp.vdot(topology.apply(w, x), y)
    np.testing.assert_allclose(jnp.vdot(w, topology.outer(w, x, y)), left, atol=1e-4)
    np.testing.assert_allclose(jnp.vdot(x, topology.transpose(w, y)), left, atol=1e-4)


def test_the_structure_is_drawn_once_from_its_seed():
    one, same, other = (Dense(30, 20, connect=Probability(0.3), seed=seed) for seed in (1, 1, 2))
    assert one == same and one != other
    assert one.mask.dtype == bool and one.mask.shape == (30, 20)
    assert (one.mask == same.mask).all() and (one.mask != other.mask).any()
    assert (Dense(30, 20, connect=FanOut(7)).mask.sum(1) == 7).all()
    assert not jnp.diagonal(Dense(5, 5, connect=AllToAll(autapses=False)).mask).any()


def test_without_options_there_is_nothing_to_carry_along():
    assert jax.tree.leaves(Dense(4, 3)) == [] and Dense(4, 3).mask is None


def test_absent_synapses_start_at_zero_whatever_the_weights_are():
    topology = Dense(4, 3, connect=FanIn(2))
    for weights in (0.5, W, bouton.Uniform(1.0, 2.0), bouton.FanInGaussian()):
        circuit = bouton.Circuit({"ff": bouton.Synapse(topology, weights=weights)})
        w = circuit.init(key=jax.random.key(0), dt=1.0)["ff"].w
        assert ((w != 0) == topology.mask).all()


def test_weights_are_drawn_for_the_fan_in_that_each_unit_has():
    """The first unit has 100 synapses, the second 10,000."""
    pre, post = np.concatenate([np.arange(100), np.arange(10_000)]), np.repeat([0, 1], [100, 10_000])
    topology = Dense(10_000, 2, connect=Pairs(pre, post))
    w = topology.draw(bouton.FanInGaussian(2.0), jax.random.key(0))
    np.testing.assert_allclose(w[:100, 0].std(), 2 / np.sqrt(100), rtol=0.25)
    np.testing.assert_allclose(w[:, 1].std(), 2 / np.sqrt(10_000), rtol=0.03)
    assert topology.fan_in_count() == 10_000


class Hebb(bouton.Rule):
    """``dw = pre (x) post + 1 (x) post (1 - w)``: its second term changes every synapse."""

    def terms(self, s, pre, post, x, tick):
        return s, (bouton.Term(pre, post), bouton.Term(1.0, post, lambda w: 1.0 - w))


def learnt(topology, steps=1000, **options):
    """Weights before and after learning with a steady input."""
    circuit = bouton.Circuit({"ff": bouton.Synapse(topology, plasticity=Hebb(), **options)})

    @jax.jit
    def run(circuit, state):
        fed = {"ff.pre": jnp.full(topology.n_pre, 0.01), "ff.post": jnp.full(topology.n_post, 0.01)}
        return jax.lax.scan(
            lambda s, step: (circuit.step(s, bouton.Tick(step=step, dt=1.0), fed)[0], None), state, jnp.arange(steps)
        )[0]

    state = circuit.init(key=jax.random.key(0), dt=1.0)
    return state["ff"].w, run(circuit, state)["ff"].w


def test_learning_never_fills_an_absent_synapse():
    topology = Dense(6, 5, connect=Probability(0.4), seed=3)
    _, free = learnt(topology, weights=0.2)
    np.testing.assert_allclose(free, np.where(topology.mask, 1.01, 0.0), rtol=1e-3)  # where 0.01 + (1 - w) is 0
    _, normal = learnt(topology, weights=0.2, constraints=bouton.Normalise(2.0, when="tick"))
    counts = np.maximum(topology.mask.sum(0), 1)
    np.testing.assert_allclose(normal, np.where(topology.mask, 2.0 / counts, 0.0), rtol=1e-3)


def test_what_a_constraint_writes_into_an_absent_synapse_has_no_effect():
    topology = Dense(6, 5, connect=Probability(0.4), seed=3)
    _, after = learnt(topology, steps=3, constraints=bouton.Clip(0.5, 0.5))
    assert (after == 0.5).all()
    np.testing.assert_allclose(topology.apply(after, jnp.ones(6)), 0.5 * np.asarray(topology.mask).sum(0))


def test_dales_law_weights_are_magnitudes():
    """A rule sees and changes magnitudes: it strengthens what inhibits as it does what excites."""
    topology = Dense(2, 2, sign=[1.0, -1.0])
    before, after = learnt(topology, weights=0.2, constraints=bouton.Clip(0.0, 0.9))
    np.testing.assert_allclose(topology.apply(before, jnp.array([1.0, 3.0])), [-0.4, -0.4], rtol=1e-6)
    np.testing.assert_allclose(after, np.full((2, 2), 0.9), rtol=1e-6)  # without the limit, 1.01
    np.testing.assert_allclose(topology.apply(after, jnp.array([1.0, 3.0])), [-1.8, -1.8], rtol=1e-6)


def test_each_unit_gets_the_total_of_magnitudes_it_asks_for():
    topology, w = Dense(4, 3, connect=Pairs([0, 1, 2, 3, 3], [0, 0, 1, 1, 2]), sign=SIGN), jnp.abs(W)
    normal = bouton.Normalise(2.0)(topology, w)
    existing = np.where(topology.mask, w, 0.0)
    np.testing.assert_allclose(np.where(topology.mask, normal, 0.0), 2.0 * existing / existing.sum(0), rtol=1e-5)


def test_options_come_back_from_a_model_file():
    topology = Dense(4, 3, connect=Probability(0.5), sign=SIGN, seed=7)
    circuit = bouton.Circuit({"ff": bouton.Synapse(topology)})
    again = bouton.Circuit.from_dict(circuit.to_dict())
    assert again == circuit and (again.nodes["ff"].topology.mask == topology.mask).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sign": 0.5}, r"Dense\.sign must be \+1 or -1, got 0\.5\."),
        ({"sign": [1, -1, 0, 1]}, r"Dense\.sign\[2\] must be \+1 or -1, got 0\."),
        ({"sign": [1, np.nan, 1, 1]}, r"Dense\.sign\[1\] must be \+1 or -1, got nan\."),
        ({"sign": bouton.Uniform()}, r"Dense\.sign must be \+1 or -1 for each pre-synaptic unit, got Uniform\(\)\."),
        ({"sign": [1, -1]}, r"ff\.topology\.sign must be a single number or an array of shape \(4,\)"),
        ({"connect": Probability(0.0)}, r"connects none of 4 units with any of 3: Dense has no synapse\."),
        ({"connect": FanOut(4)}, r"FanOut\.k must be at most 3, the number of post-synaptic units, got 4\."),
        ({"connect": 0.2}, r"Dense\.connect must be a connectivity such as Probability\(0\.1\), got 0\.2\."),
        ({"connect": AllToAll(), "seed": -1}, r"Dense\.seed must be a whole number of at least 0, got -1\."),
        ({"seed": 3}, r"Dense\.seed=3 has no effect without connect: give one, or no seed\."),
        (
            {"connect": FanOut(5, multapses=True)},
            r"Dense has one weight for each pair of units, but FanOut\(k=5, multapses=True\) joins some more than "
            r"once: use multapses=False, or the topology Sparse\.",
        ),
        (
            {"n_post": 0, "connect": AllToAll()},
            r"ff\.topology\.n_post is a size: it must be at least 1, got 0\.",
        ),
    ],
    ids=str,
)
def test_bad_options_are_said_when_built(options, message):
    with pytest.raises(CircuitError, match=message):
        bouton.Circuit(nodes={"ff": bouton.Synapse(Dense(**{"n_pre": 4, "n_post": 3} | options))})
