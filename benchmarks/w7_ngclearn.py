"""W7 in ngc-learn. Its cells are flat and its convolution is not: their compartments are set to maps before a run."""

import math
import time

import jax
import jax.numpy as jnp
from ngclearn import Context, MethodProcess
from ngclearn.components.input_encoders.poissonCell import PoissonCell
from ngclearn.components.neurons.spiking.LIFCell import LIFCell
from ngclearn.components.other.varTrace import VarTrace
from ngclearn.components.synapses.convolution.traceSTDPConvSynapse import TraceSTDPConvSynapse
from ngclearn.utils.distribution_generator import DistributionGenerator
from ngcsimlib.global_state import stateManager
from worker import Setup, asked, serve, timed
from workloads import ALL

STEPS = 20  # of one scan: the spikes that a scan returns would not fit at once
MARGIN = 0.01  # the synapse keeps weights so far from 0 and from `w_bound`


def prepare() -> Setup:
    p = ALL[asked()[0]]
    start = time.perf_counter()
    keys = iter(jax.random.split(jax.random.key(0), 8))
    # The rule runs before the traces advance and so misses one decay, which the amplitudes make up for.
    decay = math.exp(-p.dt / p.tau_trace)
    with Context("w7"):
        image = PoissonCell("image", n_units=p.side**2, target_freq=p.max_hz, batch_size=p.batch, key=next(keys))
        learned = TraceSTDPConvSynapse(
            "learned",
            shape=(p.kernel, p.kernel, 1, p.channels),
            x_shape=(p.side, p.side),
            A_plus=p.a_plus * decay,
            A_minus=p.a_minus * decay,
            eta=1.0,
            filter_init=DistributionGenerator.uniform(0.1, 0.4),
            padding="SAME",
            w_bound=p.high + MARGIN,
            batch_size=p.batch,
            key=next(keys),
        )
        maps = LIFCell(
            "maps",
            n_units=p.side**2 * p.channels,
            tau_m=p.tau_m,
            resist_m=p.tau_m / p.dt * p.gain,  # so that a current of 1 lifts the potential by `gain` mV in a step
            thr=p.thr,
            v_rest=p.v_rest,
            v_reset=p.v_reset,
            tau_theta=0.0,
            refract_time=p.refractory,
            key=next(keys),
        )
        pre, post = (
            VarTrace(name, n_units=1, tau_tr=p.tau_trace, decay_type="exp", a_delta=0.0, key=next(keys))
            for name in ("pre", "post")
        )
        image.outputs >> learned.inputs
        learned.outputs >> maps.j
        image.outputs >> pre.inputs
        maps.s >> post.inputs
        pre.trace >> learned.preTrace
        image.outputs >> learned.preSpike
        post.trace >> learned.postTrace
        maps.s >> learned.postSpike
        advance = MethodProcess(name="advance")
        for part in (image, learned, maps):
            advance >> part.advance_state
        advance >> learned.evolve >> pre.advance_state >> post.advance_state
        advance.watch(maps.s)
    seen = jnp.zeros((p.batch, p.side, p.side, 1))
    units = jnp.zeros((p.batch, p.side, p.side, p.channels))
    images, weights = jnp.asarray(p.images()).reshape(seen.shape), jnp.asarray(p.weights())
    rows = jnp.asarray(advance.pack_rows(STEPS, t=lambda step: step * p.dt, dt=p.dt))
    build_s = time.perf_counter() - start

    def at_rest() -> None:
        image.inputs.set(images)
        learned.weights.set(weights)
        maps.v.set(units + p.v_rest)
        maps.rfr.set(units + p.refractory)
        for compartment, zeros in (
            (image.outputs, seen), (image.tols, seen), (pre.inputs, seen), (pre.trace, seen), (pre.outputs, seen),
            (maps.j, units), (maps.s, units), (maps.s_raw, units), (maps.surrogate, units), (maps.tols, units),
            (maps.thr_theta, units), (maps.v_thr, units), (post.inputs, units), (post.trace, units),
            (post.outputs, units),
        ):  # fmt: skip
            compartment.set(zeros)

    def learn(scans: int) -> jax.Array:
        total = jnp.zeros(())
        for _ in range(scans):
            stateManager.state, (spikes,) = advance.scan(rows)
            total = total + spikes.sum()
        return jax.block_until_ready((total, learned.weights.get()))[0]

    def repeat(scans: int = p.steps // STEPS) -> tuple[float, int]:
        at_rest()
        seconds, count = timed(lambda: learn(scans))
        return seconds, int(count)

    first, warm = repeat(1)[0], repeat(1)[0]
    return Setup(build_s, first - warm, repeat)


if __name__ == "__main__":
    serve(prepare, ("ngclearn", "ngcsimlib", "jax", "jaxlib", "numpy"))
