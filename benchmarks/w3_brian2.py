"""W3 in Brian2: one weight per kind of synapse, exact solutions between spikes. The variant ``2`` has two threads."""

from collections.abc import Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import brian2 as b2
import numpy as np
from brian2 import ms
from brian2_standalone import standalone
from worker import asked, serve
from workloads import ALL, CUBA

EXCITE = MappingProxyType({"on_pre": "g_e_post += w_e"})


def build(
    p: CUBA, record: bool = False, *, trace: str = "", reset: str = "", excite: Mapping[str, Any] = EXCITE
) -> tuple[b2.Network, b2.SpikeMonitor]:
    """The network; W5 adds a trace to the cells, and says what a synapse that excites does."""
    b2.defaultclock.dt = p.dt * ms
    constants = {
        "tau_m": p.tau_m * ms,
        "tau_e": p.tau_e * ms,
        "tau_i": p.tau_i * ms,
        "v_rest": p.v_rest,
        "v_reset": p.v_reset,
        "thr": p.thr,
        "w_e": p.w_e,
        "w_i": p.w_i,
    }
    cells = b2.NeuronGroup(
        p.n,
        f"""
        dv/dt = (v_rest - v + g_e + g_i) / tau_m : 1 (unless refractory)
        dg_e/dt = -g_e / tau_e : 1
        dg_i/dt = -g_i / tau_i : 1
        {trace}
        """,
        threshold="v > thr",
        reset=f"v = v_reset; {reset}",
        refractory=(p.refractory + p.dt) * ms,  # Brian2 counts the step of the spike itself
        method="exact",
        namespace=constants,
    )
    cells.v = "v_reset + rand() * (thr - v_reset)"
    excitatory = b2.Synapses(cells[: p.n_e], cells, **excite, namespace=constants)
    inhibitory = b2.Synapses(cells[p.n_e :], cells, on_pre="g_i_post += w_i", namespace=constants)
    for synapses in (excitatory, inhibitory):
        synapses.connect(j=f"target for target in sample(N_post, size={p.k})")
    if "model" in excite:
        excitatory.w = p.w_e
    monitor = b2.SpikeMonitor(cells, record=record)
    return b2.Network(cells, excitatory, inhibitory, monitor), monitor


def trains(p: CUBA, seconds: int, seeds: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each of as many runs, with connections and a start of its own, the cell and the step of every spike."""
    monitors = []

    def recorded() -> tuple[b2.Network, b2.SpikeMonitor]:
        network, monitor = build(p, record=True)
        monitors.append(monitor)
        return network, monitor

    repeat = standalone(recorded, seconds * 1000 * ms).repeat
    for _ in range(seeds):
        repeat()
        yield np.asarray(monitors[0].i), np.rint(np.asarray(monitors[0].t / ms) / p.dt).astype(int)


if __name__ == "__main__":
    workload, threads = asked()
    p = ALL[workload]
    serve(lambda: standalone(partial(build, p), p.steps * p.dt * ms, int(threads or 1)), ("brian2", "numpy"))
