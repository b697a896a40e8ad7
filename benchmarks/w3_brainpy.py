"""W3 in BrainPy with brainevent: event-driven synapses with a fixed fan-out, aligned with the cells they end on.

A cell may be drawn twice as a target of another, as by default: otherwise a permutation of all cells is made for each.
"""

from functools import partial

import brainpy
import brainstate
import braintools
import brainunit as u
import jax
import jax.numpy as jnp
from worker import Setup, asked, serve, timed
from workloads import ALL, CUBA


class Network(brainstate.nn.Module):
    def __init__(self, p: CUBA):
        super().__init__()
        self.n_e = p.n_e
        self.cells = brainpy.state.LIFRef(
            p.n,
            tau=p.tau_m * u.ms,
            tau_ref=(p.refractory + p.dt / 2) * u.ms,  # blocked while less than this has passed since the spike's step
            V_th=p.thr * u.mV,
            V_reset=p.v_reset * u.mV,
            V_rest=p.v_rest * u.mV,
            V_initializer=braintools.init.Uniform(p.v_reset * u.mV, p.thr * u.mV),
            spk_reset="hard",
        )
        self.e = self._synapses(p, p.n_e, p.w_e * p.held(p.tau_e), p.tau_e)
        self.i = self._synapses(p, p.n - p.n_e, p.w_i * p.held(p.tau_i), p.tau_i)

    def _synapses(self, p: CUBA, n: int, weight: float, tau: float) -> brainpy.state.AlignPostProj:
        return brainpy.state.AlignPostProj(
            comm=brainstate.nn.EventFixedNumConn(n, p.n, conn_num=p.k, conn_weight=weight * u.mS),
            syn=brainpy.state.Expon.desc(p.n, tau=tau * u.ms),
            out=brainpy.state.CUBA.desc(scale=u.volt),
            post=self.cells,
        )

    def update(self, step: jax.Array) -> jax.Array:
        """One step; the number of spikes."""
        with brainstate.environ.context(i=step, t=step * brainstate.environ.get_dt()):
            spikes = self.cells.get_spike() != 0
            self.e(spikes[: self.n_e])
            self.i(spikes[self.n_e :])
            return (self.cells(0.0 * u.mA) != 0).sum()


def prepare(p: CUBA) -> Setup:
    """A repetition has connections of its own, drawn and compiled into the program before the clock starts."""
    brainstate.environ.set(dt=p.dt * u.ms)
    brainstate.random.seed(0)

    def made() -> Network:
        net = Network(p)
        brainstate.nn.init_all_states(net)
        return net

    def repeat() -> tuple[float, int]:
        net = made()

        @brainstate.transform.jit
        def run():
            return brainstate.transform.for_loop(net.update, jnp.arange(p.steps)).sum()

        first.append(timed(lambda: jax.block_until_ready(run()))[0])
        brainstate.nn.reset_all_states(net)
        jax.block_until_ready(net.cells.V.value)
        seconds, spikes = timed(lambda: jax.block_until_ready(run()))
        return seconds, int(spikes)

    first: list[float] = []  # seconds of first calls, which compile
    build_s, _ = timed(made)
    seconds, _ = repeat()
    return Setup(build_s, first[0] - seconds, repeat)


if __name__ == "__main__":
    serve(
        partial(prepare, ALL[asked()[0]]),
        ("brainpy", "brainstate", "brainevent", "numba", "jax", "jaxlib", "numpy"),
    )
