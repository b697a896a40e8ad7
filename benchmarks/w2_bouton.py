"""W2 in bouton: trace STDP on dense synapses, dense lateral inhibition; images are a scan around the scan of steps."""

import time
from functools import partial

import bouton
import jax
import jax.numpy as jnp
import numpy as np
from bouton_cells import LIFCell, PoissonCell
from bouton_learning import TraceSTDP
from bouton_synapses_dense import Dense
from worker import Setup, serve, timed
from workloads import W2 as P
from workloads import Layer


def layer(of: Layer, theta_plus: float | None) -> LIFCell:
    return LIFCell(
        n_units=P.n,
        tau_m=P.tau_m,
        resist_m=P.tau_m / P.dt,  # so that a current of 1 lifts the potential by 1 mV in a step
        thr=of.thr,
        v_rest=of.v_rest,
        v_reset=of.v_reset,
        theta_plus=theta_plus,
        tau_theta=P.tau_theta,
        refract_time=P.refractory,
    )


def circuit() -> bouton.Circuit:
    square = Dense(P.n, P.n)
    return bouton.Circuit(
        nodes={
            "image": PoissonCell(n_units=P.n_in, target_freq=P.max_hz),
            "learned": bouton.Synapse(
                Dense(P.n_in, P.n),
                weights=P.weights(),
                plasticity=TraceSTDP(
                    a_plus=P.a_plus, a_minus=P.a_minus, tau_pre=P.tau_trace, tau_post=P.tau_trace, trace="set"
                ),
                constraints=(bouton.Clip(0.0, 1.0), bouton.Normalise(P.norm)),
            ),
            "exc": layer(P.excitatory, theta_plus=P.theta_plus),
            "inh": layer(P.inhibitory, theta_plus=None),
            "exc_inh": bouton.Synapse(square, weights=P.w_ei * np.eye(P.n)),
            "inh_exc": bouton.Synapse(square, weights=P.w_ie * (1.0 - np.eye(P.n))),
        },
        wires={
            "learned.pre": "image.s",
            "learned.post": "exc.s",
            # The current is delayed and not the spikes, so that the rule sees them in the step in which they are sent.
            "exc.j": [bouton.delayed("learned.current", P.dt), "inh_exc.current"],
            "exc_inh.pre": bouton.delayed("exc.s", P.dt),
            "inh.j": "exc_inh.current",
            "inh_exc.pre": bouton.delayed("inh.s", P.dt),
        },
    )


def prepare() -> Setup:
    start = time.perf_counter()
    net, images = circuit(), jnp.asarray(P.images())
    start_state = net.init(key=jax.random.key(0), dt=P.dt)

    @partial(jax.jit, compiler_options=bouton.COMPILER_OPTIONS)
    def learn(net, state, images, key):
        steps = P.steps_per_image
        count = {"exc.s": bouton.Record("sum", every=steps)}

        def show(state, sample):
            number, image = sample
            state, recorded = bouton.scan(
                net,
                state,
                steps=steps,
                dt=P.dt,
                key=key,
                start=number * steps,
                inputs={"image.x": image},
                record=count,
            )
            return net.reset(state, key=key, dt=P.dt), recorded["exc.s_sum"]

        return jax.lax.scan(show, state, (jnp.arange(P.n_images), images))

    keys = iter(jax.random.split(jax.random.key(1), 1000))
    build_s = time.perf_counter() - start
    compile_s, compiled = timed(lambda: learn.lower(net, start_state, images, next(keys)).compile())

    def repeat() -> tuple[float, int]:
        key = next(keys)
        seconds, (_, count) = timed(lambda: jax.block_until_ready(compiled(net, start_state, images, key)))
        return seconds, int(count.sum())

    repeat()
    return Setup(build_s, compile_s, repeat)


if __name__ == "__main__":
    serve(prepare, ("bouton", "jax", "jaxlib", "numpy"))
