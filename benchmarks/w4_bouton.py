"""W4 in bouton: one population and its current."""

import time
from functools import partial

import bouton
import jax
import jax.numpy as jnp
from bouton_cells import HodgkinHuxleyCell, IzhikevichCell, LIFCell
from worker import Setup, asked, serve, timed
from workloads import ALL, LIF, HodgkinHuxley, Izhikevich, currents


def cells(p: HodgkinHuxley | LIF | Izhikevich) -> bouton.Component:
    match p:
        case HodgkinHuxley():
            return HodgkinHuxleyCell(
                p.n, v_Na=p.v_na, v_K=p.v_k, v_L=p.v_l, g_Na=p.g_na, g_K=p.g_k, g_L=p.g_l, thr=p.thr
            )
        case LIF():
            return LIFCell(
                p.n,
                tau_m=p.tau_m,
                thr=p.thr,
                v_rest=p.v_rest,
                v_reset=p.v_reset,
                theta_plus=None,
                refract_time=p.refractory,
            )
        case Izhikevich():
            return IzhikevichCell(
                p.n,
                v_thr=p.thr,
                v_reset=p.c,
                tau_w=1 / p.a,
                w_reset=p.d,
                coupling_factor=p.b,
                v0=p.v0,
                w0=p.w0,
            )


def prepare() -> Setup:
    p = ALL[asked()[0]]
    start = time.perf_counter()
    net, j = bouton.Circuit(nodes={"cells": cells(p)}), jnp.asarray(currents(p))
    begin = net.init(key=jax.random.key(0), dt=p.dt)

    @partial(jax.jit, compiler_options=bouton.COMPILER_OPTIONS)
    def run(net, state, j):
        count = {"cells.s": bouton.Record("sum", every=p.steps)}
        _, recorded = bouton.scan(net, state, steps=p.steps, dt=p.dt, inputs={"cells.j": j}, record=count)
        return recorded["cells.s_sum"]

    build_s = time.perf_counter() - start
    compile_s, compiled = timed(lambda: run.lower(net, begin, j).compile())

    def repeat() -> tuple[float, int]:
        seconds, count = timed(lambda: jax.block_until_ready(compiled(net, begin, j)))
        return seconds, int(count.sum())

    repeat()
    return Setup(build_s, compile_s, repeat)


if __name__ == "__main__":
    serve(prepare, ("bouton", "jax", "jaxlib", "numpy"))
