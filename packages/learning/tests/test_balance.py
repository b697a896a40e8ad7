"""Inhibition in a loop with the cell that it inhibits: the rate is what is wanted, in measured spikes."""

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton.testing import Full
from bouton_learning import InhibitorySTDP
from jaxtyping import Array, Float

TARGETS, CELLS, INPUTS = np.array([8.0, 16.0, 24.0, 32.0]), 16, 40


class Slow(bouton.Component):
    """Fires at 60 Hz less its inhibition, at random, so slowly that no single spike that arrives matters at once."""

    n_units: int = bouton.static(dim="unit", doc="population size")

    class In(bouton.Ports):
        j: Float[Array, "*batch unit"] = bouton.port(doc="inhibition")

    class State(bouton.Ports):
        u: Float[Array, "*batch unit"] = bouton.port("Hz", doc="inhibition, smoothed over half a second")

    class Out(bouton.Ports):
        s: Float[Array, "*batch unit"] = bouton.port(spikes=True, doc="emitted spikes")

    def advance(self, s, x, tick):
        u = s.u * jnp.exp(-tick.dt / 500.0) + x.j
        spikes = jax.random.uniform(tick.key, u.shape) < (60.0 - u) * 1e-3 * tick.dt
        return self.State(u=u), self.Out(s=spikes.astype(u.dtype))


@pytest.mark.parametrize(("dt", "read"), [(1.0, "before"), (0.5, "after")])
def test_the_measured_rate_is_the_one_that_is_wanted(dt, read):
    """16 cells for each of four targets, seven minutes after two of settling: 50,000 spikes or more of each target."""
    rule = InhibitorySTDP(eta=2e-4, rho=np.repeat(TARGETS, CELLS), read=read)
    n = CELLS * len(TARGETS)
    circuit = bouton.Circuit(
        nodes={
            "inh": bouton.Synapse(Full(INPUTS, n), weights=0.05, plasticity=rule, constraints=bouton.Clip(0.0, None)),
            "cells": Slow(n),
        },
        wires={"cells.j": "inh.current", "inh.post": "cells.s"},
    )

    def input(tick):
        return (jax.random.uniform(tick.key, (INPUTS,)) < 0.02 * tick.dt).astype(float)

    each = round(60_000 / dt)
    run = bouton.simulate(
        circuit,
        540_000.0,
        dt=dt,
        inputs={"inh.pre": input},
        record={"cells.s": bouton.Record("sum", every=each)},
        progress=False,
    )
    rates = run["cells.s_sum"].values.reshape(9, len(TARGETS), CELLS).mean(2) / 60
    assert (rates[0] > 1.05 * TARGETS).all()  # it has been higher
    np.testing.assert_allclose(rates[2:].mean(0), TARGETS, rtol=0.02)
