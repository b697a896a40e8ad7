"""Runs of one synapse, and topologies of edges: for the tests of what happens before and after the map."""

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton_synapses_dense import Dense, FanOut, Pairs, Sparse


def run(synapse, pre, *, dt=1.0, record=("current",), feeds=None, learn=False, seed=0):
    """Series (step, ...) of compartments of a synapse that is fed with `pre` (step, *batch, pre)."""
    pre = jnp.asarray(pre, float)
    batch, axes = pre.shape[1:], len(synapse.topology.size("pre"))
    batch = batch[: len(batch) - axes]
    circuit, key = bouton.Circuit({"syn": synapse}), jax.random.key(seed)
    rows = {"syn.pre": pre} | {f"syn.{name}": jnp.asarray(value, float) for name, value in (feeds or {}).items()}

    @jax.jit
    def series():
        def body(state, at):
            step, given = at
            state, out = circuit.step(state, bouton.Tick(step=step, dt=dt, key=key, batch=batch), given, learn)
            return state, [circuit.value(state, out, f"syn.{name}") for name in record]

        state = circuit.init(key=key, dt=dt, batch=batch)
        return jax.lax.scan(body, state, (jnp.arange(len(pre)), rows))[1]

    made = [np.asarray(values) for values in series()]
    return made[0] if len(made) == 1 else made


def train(steps, *at, n=1):
    """A matrix (step, unit) in which all units spike at the steps `at`."""
    spikes = np.zeros((steps, n))
    spikes[list(at)] = 1
    return spikes


PAIRS = [3, 0, 0, 2, 2], [2, 1, 2, 0, 2]
EDGE_TOPOLOGIES = {
    "dense": Dense(4, 3),
    "dense, some absent, signed": Dense(4, 3, connect=Pairs(*PAIRS), sign=[1.0, -1.0, -1.0, 1.0]),
    "sparse": Sparse(4, 3, FanOut(2)),
    "sparse, pairs, signed": Sparse(4, 3, Pairs(*PAIRS), sign=[1.0, -1.0, -1.0, 1.0]),
}
on_edges = pytest.mark.parametrize("topology", EDGE_TOPOLOGIES.values(), ids=EDGE_TOPOLOGIES)


def edges_of(topology):
    """``(source, target, sign)`` of each weight, flattened; seen in what a weight of 1 lets through."""
    shape = topology.size("weights")
    source, target, sign = np.zeros((3, np.prod(shape)), int)
    for e in range(len(source)):
        w = jnp.zeros(shape).at[np.unravel_index(e, shape)].set(1.0)
        through = np.asarray(topology.apply(w, jnp.eye(topology.size("pre")[0])))
        if through.any():
            (source[e],), (target[e],) = np.nonzero(through)
            sign[e] = through[source[e], target[e]]
    return source, target, sign
