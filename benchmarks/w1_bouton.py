"""W1 in bouton: one-to-one synapses from the Poisson drive, dense recurrent ones, both exponential, into LIF cells."""

import time
from functools import partial

import bouton
import jax
import jax.numpy as jnp
from bouton_cells import LIFCell, PoissonCell
from bouton_synapses_dense import Dense, Exponential, OneToOne
from worker import Setup, serve, timed
from workloads import W1 as P
from workloads import exact_tau


def circuit() -> bouton.Circuit:
    decay = Exponential(tau=exact_tau(P.tau_s, P.dt))
    return bouton.Circuit(
        nodes={
            "drive": PoissonCell(n_units=P.n, target_freq=P.drive_hz),
            "ext": bouton.Synapse(OneToOne(P.n), weights=P.w_drive, transmission=decay),
            "rec": bouton.Synapse(Dense(P.n, P.n), weights=P.weights(), transmission=decay),
            "cells": LIFCell(
                n_units=P.n,
                tau_m=P.tau_m,
                thr=P.thr,
                v_rest=P.v_rest,
                v_reset=P.v_reset,
                theta_plus=None,
                refract_time=P.refractory,
            ),
        },
        wires={
            "ext.pre": "drive.s",
            "rec.pre": bouton.delayed("cells.s", P.dt),
            "cells.j": ["ext.current", "rec.current"],
        },
    )


def prepare() -> Setup:
    start = time.perf_counter()
    net, x = circuit(), jnp.ones(P.n)
    start_state = net.init(key=jax.random.key(0), dt=P.dt)

    @partial(jax.jit, compiler_options=bouton.COMPILER_OPTIONS)
    def run(net, state, key):
        count = {"cells.s": bouton.Record("sum", every=P.steps)}
        _, recorded = bouton.scan(net, state, steps=P.steps, dt=P.dt, key=key, inputs={"drive.x": x}, record=count)
        return recorded["cells.s_sum"]

    keys = iter(jax.random.split(jax.random.key(1), 1000))
    build_s = time.perf_counter() - start
    compile_s, compiled = timed(lambda: run.lower(net, start_state, next(keys)).compile())

    def repeat() -> tuple[float, int]:
        key = next(keys)
        seconds, count = timed(lambda: jax.block_until_ready(compiled(net, start_state, key)))
        return seconds, int(count.sum())

    repeat()
    return Setup(build_s, compile_s, repeat)


if __name__ == "__main__":
    serve(prepare, ("bouton", "jax", "jaxlib", "numpy"))
