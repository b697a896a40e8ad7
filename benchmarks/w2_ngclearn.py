"""W2 in ngc-learn: per image reset, clamp, scan, normalise, as the library's own exhibit of this circuit does."""

import math
import time

import jax
import jax.numpy as jnp
from ngclearn import Context, MethodProcess, Summation
from ngclearn.components.input_encoders.poissonCell import PoissonCell
from ngclearn.components.neurons.spiking.LIFCell import LIFCell
from ngclearn.components.other.varTrace import VarTrace
from ngclearn.components.synapses.hebbian.traceSTDPSynapse import TraceSTDPSynapse
from ngclearn.components.synapses.staticSynapse import StaticSynapse
from ngclearn.utils.distribution_generator import DistributionGenerator
from ngclearn.utils.model_utils import normalize_matrix
from ngcsimlib.global_state import stateManager
from worker import Setup, serve, timed
from workloads import W2 as P
from workloads import Layer


def prepare() -> Setup:
    start = time.perf_counter()
    keys = iter(jax.random.split(jax.random.key(0), 8))

    def layer(name: str, of: Layer, **adaptation: float) -> LIFCell:
        return LIFCell(
            name,
            n_units=P.n,
            tau_m=P.tau_m,
            resist_m=P.tau_m / P.dt,  # so that a current of 1 lifts the potential by 1 mV in a step
            thr=of.thr,
            v_rest=of.v_rest,
            v_reset=of.v_reset,
            refract_time=P.refractory,
            key=next(keys),
            **adaptation,
        )

    def trace(name: str, n: int) -> VarTrace:
        return VarTrace(name, n_units=n, tau_tr=P.tau_trace, decay_type="exp", a_delta=0.0, key=next(keys))

    # The rule runs before the traces advance and so misses one decay, which the amplitudes make up for.
    decay = math.exp(-P.dt / P.tau_trace)
    with Context("w2"):
        image = PoissonCell("image", n_units=P.n_in, target_freq=P.max_hz, key=next(keys))
        learned = TraceSTDPSynapse(
            "learned",
            shape=(P.n_in, P.n),
            A_plus=P.a_plus * decay,
            A_minus=P.a_minus * decay,
            weight_init=DistributionGenerator.uniform(0.0, P.w_start),
            key=next(keys),
        )
        exc = layer("exc", P.excitatory, tau_theta=P.tau_theta, theta_plus=P.theta_plus)
        inh = layer("inh", P.inhibitory, tau_theta=0.0)
        to_exc = DistributionGenerator.constant(P.w_ie, hollow=True)
        to_inh = DistributionGenerator.constant(P.w_ei, eye=True)
        inh_exc = StaticSynapse("inh_exc", shape=(P.n, P.n), weight_init=to_exc, key=next(keys))
        exc_inh = StaticSynapse("exc_inh", shape=(P.n, P.n), weight_init=to_inh, key=next(keys))
        pre, post = trace("pre", P.n_in), trace("post", P.n)
        image.outputs >> learned.inputs
        inh.s >> inh_exc.inputs
        Summation(learned.outputs, inh_exc.outputs) >> exc.j
        exc.s >> exc_inh.inputs
        exc_inh.outputs >> inh.j
        image.outputs >> pre.inputs
        exc.s >> post.inputs
        pre.trace >> learned.preTrace
        image.outputs >> learned.preSpike
        post.trace >> learned.postTrace
        exc.s >> learned.postSpike
        # Synapses come first: they read the spikes of the step before.
        advance = MethodProcess(name="advance")
        for part in (learned, inh_exc, exc_inh, image, exc, inh):
            advance >> part.advance_state
        advance >> learned.evolve >> pre.advance_state >> post.advance_state
        reset = MethodProcess(name="reset")
        for part in (image, exc, inh, pre, post, learned, inh_exc, exc_inh):
            reset >> part.reset
        advance.watch(exc.s)
    images = jnp.asarray(P.images())
    weights = jnp.asarray(P.weights())
    rows = jnp.asarray(advance.pack_rows(P.steps_per_image, t=lambda step: step * P.dt, dt=P.dt))
    build_s = time.perf_counter() - start

    def show(index: int) -> jax.Array:
        reset.run()
        image.inputs.set(images[index : index + 1])
        stateManager.state, (spikes,) = advance.scan(rows)
        learned.weights.set(normalize_matrix(learned.weights.get(), P.norm, order=1, axis=0))
        return spikes.sum()

    def learn(n_images: int) -> jax.Array:
        counts = [show(index) for index in range(n_images)]
        return jax.block_until_ready((counts, learned.weights.get()))[0]

    def repeat(n_images: int = P.n_images) -> tuple[float, int]:
        learned.weights.set(weights)
        exc.thr_theta.set(jnp.zeros((1, P.n)))
        seconds, counts = timed(lambda: learn(n_images))
        return seconds, int(sum(counts))

    first, warm = repeat(1)[0], repeat(1)[0]
    return Setup(build_s, first - warm, repeat)


if __name__ == "__main__":
    serve(prepare, ("ngclearn", "ngcsimlib", "jax", "jaxlib", "numpy"))
