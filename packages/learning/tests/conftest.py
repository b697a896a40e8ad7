"""Spike trains, and what a rule makes of them: fixtures that are functions."""

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton.testing import Full


def _weights(rule, pre, post, *, dt=1.0, w=0.5, batch=(), constraints=(), late=None, key=None):
    """Weights (step, pre, post) under series (step, *batch, pre) and (step, *batch, post); `late` are rule inputs."""
    pre, post = jnp.asarray(pre, float), jnp.asarray(post, float)
    topology = Full(pre.shape[-1], post.shape[-1])
    synapse = bouton.Synapse(topology, weights=w, plasticity=rule, constraints=tuple(constraints))
    circuit = bouton.Circuit(nodes={"ff": synapse})
    feeds = {"ff.pre": pre, "ff.post": post}
    feeds |= {f"ff.plasticity.{name}": jnp.asarray(series, float) for name, series in (late or {}).items()}

    @jax.jit
    def run():
        def body(state, at):
            tick = bouton.Tick(step=at[0], dt=dt, key=key, batch=batch)
            state, _ = circuit.step(state, tick, at[1])
            return state, state["ff"].w

        state = circuit.init(key=jax.random.key(0), dt=dt, batch=batch)
        return jax.lax.scan(body, state, (jnp.arange(len(pre)), feeds))[1]

    return np.asarray(run())


def _at(steps, *spikes):
    """One unit that spikes in some steps."""
    train = np.zeros((steps, 1))
    train[list(spikes)] = 1
    return train


def _poisson(rate, steps, n, seed):
    """Spikes of n units, each with a probability in each step."""
    return (np.random.default_rng(seed).random((steps, n)) < rate).astype(float)


@pytest.fixture
def weights():
    return _weights


@pytest.fixture
def at():
    return _at


@pytest.fixture
def poisson():
    return _poisson
