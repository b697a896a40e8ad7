"""W1 in ngc-learn: PoissonCell -> VarTrace beside a recurrent ExponentialSynapse, both into an LIFCell; one scan."""

import time

import jax
import jax.numpy as jnp
import numpy as np
from ngclearn import Context, MethodProcess, Summation
from ngclearn.components.input_encoders.poissonCell import PoissonCell
from ngclearn.components.neurons.spiking.LIFCell import LIFCell
from ngclearn.components.other.varTrace import VarTrace
from ngclearn.components.synapses.exponentialSynapse import ExponentialSynapse
from ngcsimlib.global_state import stateManager
from worker import Setup, serve, timed
from workloads import W1 as P


def prepare() -> Setup:
    start = time.perf_counter()
    keys = jax.random.split(jax.random.key(0), 4)
    with Context("w1"):
        drive = PoissonCell("drive", n_units=P.n, target_freq=P.drive_hz, key=keys[0])
        # A linear trace that adds w_drive per spike is an exponential synapse with one input per cell.
        ext = VarTrace("ext", n_units=P.n, tau_tr=P.tau_s, a_delta=P.w_drive, decay_type="lin", key=keys[1])
        # The class replaces given weights by ones unless is_nonplastic=False; its current is -g_conduct_factor * g.
        rec = ExponentialSynapse(
            "rec",
            shape=(P.n, P.n),
            tau_decay=P.tau_s,
            g_syn_bar=1.0,
            syn_rest=None,
            g_conduct_factor=-1.0,
            is_nonplastic=False,
            key=keys[2],
        )
        cells = LIFCell(
            "cells",
            n_units=P.n,
            tau_m=P.tau_m,
            thr=P.thr,
            v_rest=P.v_rest,
            v_reset=P.v_reset,
            refract_time=P.refractory,
            tau_theta=0.0,  # no adaptive threshold
            key=keys[3],
        )
        drive.outputs >> ext.inputs
        cells.s >> rec.inputs
        Summation(rec.outputs, ext.trace) >> cells.j
        # The recurrent synapse comes first: it reads the spikes of the step before.
        advance = MethodProcess(name="advance")
        for part in (rec, drive, ext, cells):
            advance >> part.advance_state
        reset = MethodProcess(name="reset")
        for part in (drive, ext, rec, cells):
            reset >> part.reset
        advance.watch(cells.s)
    rec.weights.set(jnp.asarray(P.weights()))
    rows = jnp.asarray(advance.pack_rows(P.steps, t=lambda step: step * P.dt, dt=P.dt))
    build_s = time.perf_counter() - start

    def simulate():
        stateManager.state, (spikes,) = advance.scan(rows)
        return jax.block_until_ready(spikes)

    def repeat() -> tuple[float, int]:
        reset.run()
        drive.inputs.set(jnp.ones((1, P.n)))
        jax.block_until_ready(cells.v.get())
        seconds, spikes = timed(simulate)
        return seconds, int(np.asarray(spikes).sum())

    first, warm = repeat()[0], repeat()[0]
    return Setup(build_s, first - warm, repeat)


if __name__ == "__main__":
    serve(prepare, ("ngclearn", "ngcsimlib", "jax", "jaxlib", "numpy"))
