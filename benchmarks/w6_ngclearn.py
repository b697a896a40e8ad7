"""W6 in ngc-learn, compiled as a scan: a component of this file's own brings the images of each step."""

import time

import jax
import jax.numpy as jnp
import numpy as np
from ngclearn import Compartment, Context, MethodProcess, compilable
from ngclearn.components.jaxComponent import JaxComponent
from ngclearn.components.synapses.competitive.SOMSynapse import SOMSynapse
from ngcsimlib.global_state import stateManager
from worker import Setup, asked, serve, timed
from workloads import ALL


class Images(JaxComponent):
    """The images of each step."""

    def __init__(self, name, images, order, **keywords):
        super().__init__(name=name, **keywords)
        self.images, self.order = Compartment(images), Compartment(order)
        self.outputs = Compartment(jnp.zeros((order.shape[1], images.shape[1])))

    @compilable
    def advance_state(self, t):
        self.outputs.set(self.images.get()[self.order.get()[t]])


def prepare() -> Setup:
    p = ALL[asked()[0]]
    start = time.perf_counter()
    weights = jnp.asarray(p.weights())
    with Context("w6"):
        images = Images("images", jnp.asarray(p.images()), jnp.asarray(p.order()), key=jax.random.key(0))
        som = SOMSynapse("som", p.n_in, p.rows, p.columns, eta=p.eta, batch_size=p.batch, key=jax.random.key(1))
        images.outputs >> som.inputs
        advance = MethodProcess(name="advance")
        advance >> images.advance_state >> som.advance_state >> som.evolve
        advance.watch(som.bmu)
    rows = jnp.asarray(advance.pack_rows(p.steps, t=lambda step: step, dt=1.0)).astype(int)
    build_s = time.perf_counter() - start

    def scan():
        stateManager.state, (winners,) = advance.scan(rows)
        return jax.block_until_ready((winners, som.weights.get()))

    def repeat() -> tuple[float, int]:
        som.weights.set(weights)
        som.radius.set(jnp.full((1, 1), p.radius))
        som.eta.set(jnp.full((1, 1), p.eta))
        jax.block_until_ready(som.weights.get())
        seconds, (_, w) = timed(scan)
        return seconds, p.error(np.asarray(w))

    first, warm = repeat()[0], repeat()[0]
    return Setup(build_s, first - warm, repeat)


if __name__ == "__main__":
    serve(prepare, ("ngclearn", "ngcsimlib", "jax", "jaxlib", "numpy"))
