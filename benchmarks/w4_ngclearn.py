"""W4 in ngc-learn, in scans of some steps each: the spikes that a scan returns would not fit at once.

Its Hodgkin-Huxley cell reports a spike in every step above threshold; the crossings are counted here, off the clock.
"""

import time

import jax
import jax.numpy as jnp
import numpy as np
from ngclearn import Context, MethodProcess
from ngclearn.components.neurons.spiking.hodgkinHuxleyCell import HodgkinHuxleyCell
from ngclearn.components.neurons.spiking.izhikevichCell import IzhikevichCell
from ngclearn.components.neurons.spiking.LIFCell import LIFCell
from ngcsimlib.global_state import stateManager
from worker import Setup, asked, serve, timed
from workloads import ALL, LIF, HodgkinHuxley, Izhikevich, currents

STEPS = 100  # of one scan


def made(p: HodgkinHuxley | LIF | Izhikevich):
    key = jax.random.key(0)
    match p:
        case HodgkinHuxley():
            return HodgkinHuxleyCell(
                "cells",
                n_units=p.n,
                tau_v=1.0,
                v_Na=p.v_na,
                v_K=p.v_k,
                v_L=p.v_l,
                g_Na=p.g_na,
                g_K=p.g_k,
                g_L=p.g_l,
                thr=p.thr,
                key=key,
            )
        case LIF():
            return LIFCell(
                "cells",
                n_units=p.n,
                tau_m=p.tau_m,
                thr=p.thr,
                v_rest=p.v_rest,
                v_reset=p.v_reset,
                refract_time=p.refractory,
                tau_theta=0.0,  # no adaptive threshold
                key=key,
            )
        case Izhikevich():
            return IzhikevichCell(
                "cells",
                n_units=p.n,
                v_thr=p.thr,
                v_reset=p.c,
                tau_w=1 / p.a,
                w_reset=p.d,
                coupling_factor=p.b,
                v0=p.v0,
                w0=p.w0,
                key=key,
            )


def prepare() -> Setup:
    p = ALL[asked()[0]]
    start = time.perf_counter()
    with Context("w4"):
        cells = made(p)
        advance = MethodProcess(name="advance") >> cells.advance_state
        reset = MethodProcess(name="reset") >> cells.reset
        advance.watch(cells.s)
    j = jnp.asarray(currents(p))[None]
    rows = jnp.asarray(advance.pack_rows(STEPS, t=lambda step: step * p.dt, dt=p.dt))
    build_s = time.perf_counter() - start

    def scan():
        stateManager.state, (spikes,) = advance.scan(rows)
        return jax.block_until_ready(spikes)

    def repeat() -> tuple[float, int]:
        reset.run()
        cells.j.set(j)
        jax.block_until_ready(cells.v.get())
        total, count, before = 0.0, 0, np.zeros(p.n, bool)
        for _ in range(p.steps // STEPS):
            seconds, spikes = timed(scan)
            total += seconds
            above = np.asarray(spikes).reshape(STEPS, p.n) > 0
            count += int((above & ~np.concatenate([before[None], above[:-1]])).sum())
            before = above[-1]
        return total, count

    first, _ = timed(lambda: (reset.run(), scan()))
    warm, _ = timed(scan)
    return Setup(build_s, first - warm, repeat)


if __name__ == "__main__":
    serve(prepare, ("ngclearn", "ngcsimlib", "jax", "jaxlib", "numpy"))
