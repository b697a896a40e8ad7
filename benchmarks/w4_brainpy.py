"""W4 in brainstate: each cell a module of states, as its users write cells of their own; one loop."""

import time

import brainstate
import jax
import jax.numpy as jnp
from worker import Setup, asked, serve, timed
from workloads import ALL, LIF, HodgkinHuxley, Izhikevich, currents


class Cells(brainstate.nn.Module):
    """The states, set anew by `reset`; `update` gives the number of spikes of a step."""

    def __init__(self, p, **start: float):
        super().__init__()
        self.p = p
        self.start = start
        for name in start:
            setattr(self, name, brainstate.HiddenState(jnp.zeros(p.n)))
        self.reset()

    def reset(self) -> None:
        for name, value in self.start.items():
            getattr(self, name).value = jnp.full(self.p.n, value)


class HHCells(Cells):
    def update(self, j: jax.Array) -> jax.Array:
        p, v, n, m, h = self.p, self.v.value, self.n.value, self.m.value, self.h.value
        a_n = 0.1 / _exprel((10 - v) / 10)
        a_m = 1.0 / _exprel((25 - v) / 10)
        current = j - p.g_na * m**3 * h * (v - p.v_na) - p.g_k * n**4 * (v - p.v_k) - p.g_l * (v - p.v_l)
        self.v.value = v + p.dt * current
        self.n.value = n + p.dt * (a_n * (1 - n) - 0.125 * jnp.exp(-v / 80) * n)
        self.m.value = m + p.dt * (a_m * (1 - m) - 4 * jnp.exp(-v / 18) * m)
        self.h.value = h + p.dt * (0.07 * jnp.exp(-v / 20) * (1 - h) - h / (jnp.exp((30 - v) / 10) + 1))
        return ((self.v.value > p.thr) & (v <= p.thr)).sum()


class LIFCells(Cells):
    def update(self, j: jax.Array) -> jax.Array:
        p, v, age = self.p, self.v.value, self.age.value
        v = v + p.dt / p.tau_m * (p.v_rest - v + jnp.where(age > p.refractory - p.dt / 2, j, 0.0))
        spikes = v > p.thr
        self.v.value = jnp.where(spikes, p.v_reset, v)
        self.age.value = jnp.where(spikes, 0.0, age + p.dt)
        return spikes.sum()


class IzhikevichCells(Cells):
    def update(self, j: jax.Array) -> jax.Array:
        p, v, w = self.p, self.v.value, self.w.value
        v_new = v + p.dt * (0.04 * v**2 + 5 * v + 140 - w + j)
        w = w + p.dt * p.a * (p.b * v - w)
        spikes = v_new > p.thr
        self.v.value = jnp.where(spikes, p.c, v_new)
        self.w.value = jnp.where(spikes, w + p.d, w)
        return spikes.sum()


def _exprel(x: jax.Array) -> jax.Array:
    small = jnp.abs(x) < 1e-4
    return jnp.where(small, 1 + x / 2, jnp.expm1(x) / jnp.where(small, 1.0, x))


def made(p: HodgkinHuxley | LIF | Izhikevich) -> Cells:
    match p:
        case HodgkinHuxley():
            return HHCells(p, v=0.0, n=0.31768, m=0.05293, h=0.59612)
        case LIF():
            return LIFCells(p, v=p.v_rest, age=jnp.inf)
        case Izhikevich():
            return IzhikevichCells(p, v=p.v0, w=p.w0)


def prepare() -> Setup:
    p = ALL[asked()[0]]
    start = time.perf_counter()
    cells, j = made(p), jnp.asarray(currents(p))

    @brainstate.transform.jit
    def run(j):
        return brainstate.transform.for_loop(lambda _: cells.update(j), jnp.arange(p.steps)).sum()

    build_s = time.perf_counter() - start

    def repeat() -> tuple[float, int]:
        cells.reset()
        jax.block_until_ready(cells.v.value)
        seconds, spikes = timed(lambda: jax.block_until_ready(run(j)))
        return seconds, int(spikes)

    first, warm = repeat()[0], repeat()[0]
    return Setup(build_s, first - warm, repeat)


if __name__ == "__main__":
    serve(prepare, ("brainstate", "jax", "jaxlib", "numpy"))
