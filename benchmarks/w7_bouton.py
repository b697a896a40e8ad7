"""W7 in bouton: trace STDP on a convolution, for a batch of images at the same time."""

import time
from functools import partial

import bouton
import jax
import jax.numpy as jnp
from bouton_cells import LIFCell, PoissonCell
from bouton_learning import TraceSTDP
from bouton_synapses_conv import Conv
from worker import Setup, asked, serve, timed
from workloads import ALL, ConvolutionalSTDP


def circuit(p: ConvolutionalSTDP) -> bouton.Circuit:
    return bouton.Circuit(
        nodes={
            "image": PoissonCell(n_units=p.side**2, target_freq=p.max_hz),
            "learned": bouton.Synapse(
                Conv((p.side, p.side, 1), p.kernel, p.channels),
                weights=p.weights(),
                plasticity=TraceSTDP(
                    a_plus=p.a_plus, a_minus=p.a_minus, tau_pre=p.tau_trace, tau_post=p.tau_trace, trace="set"
                ),
                constraints=(bouton.Clip(p.low, p.high),),
            ),
            "maps": LIFCell(
                n_units=(p.side, p.side, p.channels),
                tau_m=p.tau_m,
                resist_m=p.tau_m / p.dt * p.gain,  # so that a current of 1 lifts the potential by `gain` mV in a step
                thr=p.thr,
                v_rest=p.v_rest,
                v_reset=p.v_reset,
                theta_plus=None,
                refract_time=p.refractory,
            ),
        },
        wires={"learned.pre": "image.s", "learned.post": "maps.s", "maps.j": "learned.current"},
    )


def prepare() -> Setup:
    p = ALL[asked()[0]]
    start = time.perf_counter()
    net, images = circuit(p), jnp.asarray(p.images())
    begin = net.init(key=jax.random.key(0), dt=p.dt, batch=p.batch)

    @partial(jax.jit, compiler_options=bouton.COMPILER_OPTIONS)
    def learn(net, state, images, key):
        state, recorded = bouton.scan(
            net,
            state,
            steps=p.steps,
            dt=p.dt,
            key=key,
            batch=p.batch,
            batch_reduce="sum",
            inputs={"image.x": images},
            record={"maps.s": bouton.Record("sum", every=p.steps)},
        )
        return state["learned"].w, recorded["maps.s_sum"].sum()

    keys = iter(jax.random.split(jax.random.key(1), 1000))
    build_s = time.perf_counter() - start
    compile_s, compiled = timed(lambda: learn.lower(net, begin, images, next(keys)).compile())

    def repeat() -> tuple[float, int]:
        key = next(keys)
        seconds, (_, count) = timed(lambda: jax.block_until_ready(compiled(net, begin, images, key)))
        return seconds, int(count)

    repeat()
    return Setup(build_s, compile_s, repeat)


if __name__ == "__main__":
    serve(prepare, ("bouton", "jax", "jaxlib", "numpy"))
