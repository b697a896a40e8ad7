"""Runs of one competitive synapse, and the digits: for the tests of this package."""

import functools

import bouton
import jax
import jax.numpy as jnp
import numpy as np


def stepped(node, xs, *, w=None, labels=None, learn=True, batch_reduce="mean", t=0, state=None, seed=1):
    """Final state and outputs of all steps for samples (step, *batch, pre), from weights or from another state."""
    xs = jnp.asarray(xs, float)
    batch = xs.shape[1:-1]
    circuit = bouton.Circuit(nodes={"node": node}, start={} if w is None else {"node.w": w})
    key = jax.random.key(seed)
    rows = {"node.pre": xs} | ({} if labels is None else {"node.label": jnp.asarray(labels)})

    @functools.partial(jax.jit, compiler_options=bouton.COMPILER_OPTIONS)
    def run(state):
        def body(state, at):
            step, given = at
            tick = bouton.Tick(step=step, dt=1.0, key=key, batch=batch, batch_reduce=batch_reduce)
            state, out = circuit.step(state, tick, given, learn=learn)
            return state, out["node"]

        return jax.lax.scan(body, state, (jnp.arange(len(xs)), rows))

    if state is None:
        made = circuit.init(key=key, dt=1.0, batch=batch)
        state = made["node"].replace(t=made["node"].t + t)
    final, out = run({"node": state})
    return final["node"], out


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@functools.cache
def digits():
    """``(training images, their labels, test images, their labels)``: scikit-learn's digits in [0, 1], in one order."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    x, y = data.data[order] / 16.0, data.target[order]
    return x[:1400], y[:1400], x[1400:], y[1400:]
