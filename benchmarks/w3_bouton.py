"""W3 in bouton: sparse exponential synapses with a fixed fan-out, from slices of one population of LIF cells to all."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial

import bouton
import jax
import numpy as np
from bouton_cells import LIFCell
from bouton_synapses_dense import Exponential, FanOut, Sparse
from worker import Setup, asked, serve, timed
from workloads import ALL, CUBA


def circuit(p: CUBA, seed: int = 0) -> bouton.Circuit:
    n_i = p.n - p.n_e
    return bouton.Circuit(
        nodes={
            "e": bouton.Synapse(
                Sparse(p.n_e, p.n, FanOut(p.k), seed=2 * seed, shared=True),
                weights=p.w_e * p.held(p.tau_e),
                transmission=Exponential(tau=p.tau_e),
            ),
            "i": bouton.Synapse(
                Sparse(n_i, p.n, FanOut(p.k), seed=2 * seed + 1, shared=True),
                weights=p.w_i * p.held(p.tau_i),
                transmission=Exponential(tau=p.tau_i),
            ),
            "cells": LIFCell(
                n_units=p.n,
                tau_m=p.tau_m,
                thr=p.thr,
                v_rest=p.v_rest,
                v_reset=p.v_reset,
                theta_plus=None,
                refract_time=p.refractory,
                refractory="clamp",
                integration_type="exact",
            ),
        },
        wires={
            "e.pre": bouton.delayed(f"cells.s[:{p.n_e}]", p.dt),
            "i.pre": bouton.delayed(f"cells.s[{p.n_e}:]", p.dt),
            "cells.j": ["e.current", "i.current"],
        },
        start={"cells.v": bouton.Uniform(p.v_reset, p.thr)},
    )


def prepare(p: CUBA, circuit: Callable[..., bouton.Circuit] = circuit) -> Setup:
    """A repetition has connections of its own, drawn before the clock starts, as in the peers."""
    seeds = itertools.count()

    @partial(jax.jit, compiler_options=bouton.COMPILER_OPTIONS)
    def run(net, state):
        count = {"cells.s": bouton.Record("sum", every=p.steps)}
        _, recorded = bouton.scan(net, state, steps=p.steps, dt=p.dt, record=count)
        return recorded["cells.s_sum"]

    def made():
        seed = next(seeds)
        net = circuit(p, seed)
        return jax.block_until_ready((net, net.init(key=jax.random.key(seed), dt=p.dt)))

    def repeat() -> tuple[float, int]:
        net, state = made()
        jax.block_until_ready(run(net, state))  # compiles: the seed is a part of the program's signature
        seconds, count = timed(lambda: jax.block_until_ready(run(net, state)))
        return seconds, int(count.sum())

    build_s, (net, state) = timed(made)
    compile_s, _ = timed(lambda: run.lower(net, state).compile())
    repeat()
    return Setup(build_s, compile_s, repeat)


def trains(p: CUBA, seconds: int, seeds: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each seed, with its own connections and start, the cell and the step of every spike."""
    second = round(1000 / p.dt)

    @partial(jax.jit, compiler_options=bouton.COMPILER_OPTIONS)
    def run(net, state, start):
        return bouton.scan(net, state, steps=second, dt=p.dt, start=start, record={"cells.s": 1})

    for seed in range(seeds):
        net = circuit(p, seed)
        state = net.init(key=jax.random.key(seed), dt=p.dt)
        found = []
        for start in range(0, seconds * second, second):
            state, recorded = run(net, state, start)
            steps, cells = np.nonzero(np.asarray(recorded["cells.s"]))
            found.append((cells, start + steps))
        cells, steps = (np.concatenate(column) for column in zip(*found, strict=True))
        yield cells, steps


if __name__ == "__main__":
    serve(partial(prepare, ALL[asked()[0]]), ("bouton", "jax", "jaxlib", "numpy"))
