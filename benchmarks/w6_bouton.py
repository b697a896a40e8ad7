"""W6 in bouton: one synapse, fed with the images."""

import time
from functools import partial

import bouton
import jax
import jax.numpy as jnp
import numpy as np
from bouton_competitive import SOMSynapse
from worker import Setup, asked, serve, timed
from workloads import ALL


def prepare() -> Setup:
    p = ALL[asked()[0]]
    start = time.perf_counter()
    som = SOMSynapse(
        p.n_in,
        (p.rows, p.columns),
        bouton.ExponentialDecay(p.eta, p.tau),
        bouton.ExponentialDecay(p.radius, p.tau_radius),
        weights=p.weights(),
    )
    net = bouton.Circuit({"som": som})
    lanes = (p.batch,) if p.batch > 1 else ()
    samples = jnp.asarray(p.images()[p.order()].reshape(p.steps, *lanes, p.n_in))
    dims = ("time", "batch", "pre") if lanes else ("time", "pre")
    begin = net.init(key=jax.random.key(0), dt=1.0, batch=lanes)

    @partial(jax.jit, compiler_options=bouton.COMPILER_OPTIONS)
    def run(net, state, samples):
        state, recorded = bouton.scan(
            net,
            state,
            steps=p.steps,
            dt=1.0,
            batch=lanes,
            inputs={"som.pre": (dims, samples)},
            record={"som.winner": 1},
        )
        return state["som"].w, recorded["som.winner"]

    build_s = time.perf_counter() - start
    compile_s, compiled = timed(lambda: run.lower(net, begin, samples).compile())

    def repeat() -> tuple[float, int]:
        seconds, (w, _) = timed(lambda: jax.block_until_ready(compiled(net, begin, samples)))
        return seconds, p.error(np.asarray(w))

    repeat()
    return Setup(build_s, compile_s, repeat)


if __name__ == "__main__":
    serve(prepare, ("bouton", "jax", "jaxlib", "numpy"))
