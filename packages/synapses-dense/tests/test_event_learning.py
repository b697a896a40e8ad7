"""Learning event by event: the same weights as from a list of edges, whatever spikes and however it is traced."""

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import Clip, Synapse, Term, Topology
from bouton_synapses_dense import Dense, FanOut, Pairs, Probability, Sparse
from jaxtyping import Array, Float

PRE, POST, STEPS = 70, 90, 12
DECAY = np.exp(-1 / 20)
SIGN = np.where(np.arange(PRE) % 3, 1.0, -1.0)


class PairRule(bouton.Rule):
    """Pair STDP with soft bounds, whose terms say where spikes are, or do not."""

    a: bouton.Param = bouton.parameter(default=0.3)
    told: bool = bouton.static(default=True)

    class State(bouton.Ports):
        x_pre: Float[Array, "*batch pre"] = bouton.port()
        x_post: Float[Array, "*batch post"] = bouton.port()

    def terms(self, s, pre, post, x, tick):
        before = self.State(x_pre=s.x_pre * DECAY, x_post=s.x_post * DECAY)
        after = self.State(x_pre=before.x_pre + pre, x_post=before.x_post + post)
        spikes = ("post", "pre") if self.told else (None, None)
        up = Term(before.x_pre, post, lambda w: self.a * (1.0 - w), bias=0.1, spikes=spikes[0])
        return after, (up, Term(pre, before.x_post, lambda w: -0.2 * w, spikes=spikes[1]))


def pairs(topology):
    """Where each weight's edge begins and ends."""
    if isinstance(topology, Dense):
        pre, post = np.divmod(np.arange(PRE * POST), POST)
        return pre, post, np.ones(len(pre)) if topology.mask is None else np.asarray(topology.mask).ravel()
    coords = topology.coords()
    return coords["pre_index"][1], coords["post_index"][1], np.ones(len(coords["pre_index"][1]))


def by_edges(topology, w, spikes_pre, spikes_post):
    """The weights after all steps, from lists of edges; spikes are (step, sample, unit)."""
    pre, post, exists = pairs(topology)
    shape, w = w.shape, w.ravel().copy()
    x, y = np.zeros(spikes_pre.shape[1:]), np.zeros(spikes_post.shape[1:])
    for p, q in zip(spikes_pre, spikes_post, strict=True):
        x, y = x * DECAY, y * DECAY
        up = (x[:, pre] * q[:, post]).mean(0) * 0.3 * (1 - w)
        down = (p[:, pre] * y[:, post]).mean(0) * -0.2 * w
        change = exists * (up + down)
        w = np.where(change != 0, np.clip(w + change, 0.25, 0.7), w)
        x, y = x + p, y + q
    return w.reshape(shape)


_rng = np.random.default_rng(0)
TOPOLOGIES = {
    "all to all": Dense(PRE, POST),
    "all to all, some absent, signed": Dense(PRE, POST, connect=Probability(0.3), sign=SIGN),
    "rows of one length": Sparse(PRE, POST, FanOut(7)),
    "rows of any length, signed": Sparse(PRE, POST, Probability(0.1), sign=SIGN),
    "pairs in any order, some twice": Sparse(
        PRE, POST, Pairs(_rng.integers(0, PRE, 300), _rng.integers(0, POST, 300), multapses=True)
    ),
}
each_topology = pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=TOPOLOGIES)


def synapse(topology, **rule):
    return Synapse(
        topology, bouton.Uniform(0.2, 0.8), plasticity=PairRule(**rule), constraints=Clip(0.25, 0.7), bias=0.0
    )


def spikes(rate_pre, rate_post, batch):
    draws = np.random.default_rng(1).random((STEPS, *batch, PRE + POST))
    return (draws < np.repeat([rate_pre, rate_post], [PRE, POST])).astype(float)


def after(circuit, state, given, batch=()):
    """The state after all steps."""
    inputs = {"syn.pre": (("time", "pre"), given[..., :PRE]), "syn.post": (("time", "post"), given[..., PRE:])}
    if batch:
        inputs = {ref: (("time", "batch", side), rows) for ref, ((_, side), rows) in inputs.items()}
    return bouton.scan(circuit, state, steps=STEPS, dt=1.0, inputs=inputs, batch=batch)[0]


@each_topology
@pytest.mark.parametrize("batch", [(), (3,)])
@pytest.mark.parametrize(("rate_pre", "rate_post"), [(0.05, 0.04), (0.5, 0.05), (0.05, 0.5), (1.0, 1.0), (0.1, 0.0)])
def test_weights_are_those_of_a_list_of_edges(topology, batch, rate_pre, rate_post):
    with jax.enable_x64(True):
        circuit = bouton.Circuit({"syn": synapse(topology)})
        state = circuit.init(key=jax.random.key(0), dt=1.0, batch=batch)
        given = spikes(rate_pre, rate_post, batch)
        new = jax.jit(lambda c, s: after(c, s, given, batch))(circuit, state)["syn"]
        rows = given.reshape(STEPS, -1, PRE + POST)
        want = by_edges(topology, np.asarray(state["syn"].w), rows[..., :PRE], rows[..., PRE:])
        np.testing.assert_allclose(new.w, want, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(new.b, 0.1 * rows[..., PRE:].mean(1).sum(0), atol=1e-9)


@each_topology
def test_derivatives_and_vmap_are_those_of_the_plain_update(topology):
    """With respect to a parameter that gates take, and to the weights; vmap of grad, and grad of vmap."""
    with jax.enable_x64(True):
        given = spikes(0.1, 0.1, ())

        def loss(a, w, told):
            circuit = bouton.Circuit({"syn": synapse(topology, a=a, told=told)})
            state = circuit.init(key=jax.random.key(0), dt=1.0)
            state = state | {"syn": state["syn"].replace(w=w)}
            return jnp.sum(jnp.sin(after(circuit, state, given)["syn"].w))

        a, w = np.array([0.1, 0.3]), np.random.default_rng(2).uniform(0.2, 0.8, (2, *topology.size("weights")))
        for f in (
            lambda told: jax.vmap(jax.value_and_grad(lambda a, w: loss(a, w, told), (0, 1)))(a, w),
            lambda told: jax.grad(lambda a, w: jax.vmap(lambda a, w: loss(a, w, told))(a, w).sum(), (0, 1))(a, w),
            lambda told: jax.vmap(lambda a: loss(a, w[0], told))(a),
            lambda told: jax.jvp(lambda w: loss(a[0], w, told), (w[0],), (w[1],)),
        ):
            for got, want in zip(
                *(jax.tree.leaves(jax.jit(lambda f=f, t=t: f(t))()) for t in (True, False)), strict=True
            ):
                np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


def test_a_gate_with_a_value_for_each_weight_is_updated_plainly():
    class Gated(PairRule):
        top: bouton.Param = bouton.parameter(default=1.0, dims="weights")

        def terms(self, s, pre, post, x, tick):
            s, (up, down) = super().terms(s, pre, post, x, tick)
            return s, (up._replace(gate=lambda w: self.top - w), down)

    topology, given = Dense(PRE, POST), spikes(0.1, 0.1, ())

    def learnt(top):
        circuit = bouton.Circuit({"syn": Synapse(topology, 0.5, plasticity=Gated(top=top))})
        return after(circuit, circuit.init(key=jax.random.key(0), dt=1.0), given)["syn"].w

    np.testing.assert_allclose(learnt(np.full((PRE, POST), 0.9)), learnt(0.9), rtol=1e-5)


def test_what_is_not_touched_is_not_bounded_and_what_is_touched_is():
    """A bound holds for weights that change: those that a trial's normalisation has left above it come back then."""
    given = np.zeros((STEPS, PRE + POST))
    given[3, [2, PRE + 5]] = given[5, [2, PRE + 6]] = 1.0
    for told in (True, False):
        circuit = bouton.Circuit({"syn": synapse(Dense(PRE, POST), told=told)})
        state = circuit.init(key=jax.random.key(0), dt=1.0)
        state = state | {"syn": state["syn"].replace(w=jnp.full((PRE, POST), 0.9))}
        w = np.asarray(after(circuit, state, given)["syn"].w)
        changed = np.zeros((PRE, POST), bool)
        changed[2, [5, 6]] = True  # 5 by the later spike of unit 2, which finds its trace; 6 by its own
        np.testing.assert_array_equal(w == np.float32(0.9), ~changed)
        assert w[changed].max() <= np.float32(0.7)


def test_a_topology_is_told_that_it_learns():
    sparse = Sparse(PRE, POST, FanOut(7))
    assert isinstance(sparse, Topology) and sparse.incoming is None
    assert Synapse(sparse, 0.5).topology.incoming is None
    assert synapse(sparse).topology.incoming is not None
    assert synapse(Sparse(PRE, POST, FanOut(7), shared=True)).topology.incoming is None


def test_edges_that_learn_take_at_most_twelve_bytes():
    for connect in (FanOut(80), Probability(0.02)):
        state = synapse(Sparse(4000, 4000, connect))
        edges = state.topology.edges.post.size
        size = 4 * edges + sum(a.nbytes for a in jax.tree.leaves((state.topology.edges, state.topology.incoming)))
        assert size < 12.2 * edges


def test_inhibition_learns_as_excitation_does():
    """Signs are of what is sent: the weights of a signed map, magnitudes, become those of one without signs."""
    given = spikes(0.2, 0.2, ())

    def learnt(topology):
        circuit = bouton.Circuit({"syn": synapse(topology)})
        state = circuit.init(key=jax.random.key(0), dt=1.0)
        new = after(circuit, state, given)["syn"].w
        assert not np.array_equal(new, state["syn"].w)
        return new

    for plain in (Dense(PRE, POST), Sparse(PRE, POST, FanOut(7)), Sparse(PRE, POST, FanOut(7), shared=True)):
        np.testing.assert_array_equal(learnt(plain.replace(sign=SIGN)), learnt(plain))


def test_signs_are_dropped_without_a_new_draw():
    signed = synapse(Sparse(PRE, POST, FanOut(7), sign=SIGN)).topology
    drawn = signed.edges, signed.incoming
    assert (signed.unsigned().edges, signed.unsigned().incoming) == drawn  # the very same: arrays have no equality
