"""W1 in Brian2: a million stored synapses, propagated spike by spike."""

import brian2 as b2
from brian2 import ms
from brian2_standalone import standalone
from worker import serve
from workloads import W1 as P


def build() -> tuple[b2.Network, b2.SpikeMonitor]:
    b2.defaultclock.dt = P.dt * ms
    cells = b2.NeuronGroup(
        P.n,
        """
        dv/dt = (v_rest - v + (g_rec + g_ext) * int(not_refractory)) / tau_m : 1
        dg_rec/dt = -g_rec / tau_s : 1
        dg_ext/dt = -g_ext / tau_s : 1
        """,
        threshold="v > thr",
        reset="v = v_reset",
        refractory=(P.refractory + P.dt) * ms,  # Brian2 counts the step of the spike itself
        method="euler",
        namespace={
            "tau_m": P.tau_m * ms,
            "tau_s": P.tau_s * ms,
            "v_rest": P.v_rest,
            "v_reset": P.v_reset,
            "thr": P.thr,
            "w_drive": P.w_drive,
            "p_drive": P.drive_hz * P.dt / 1000,
        },
    )
    cells.v = P.v_rest
    cells.run_regularly("g_ext += w_drive * int(rand() < p_drive)", dt=P.dt * ms)
    recurrent = b2.Synapses(cells, cells, "w : 1", on_pre="g_rec_post += w")
    recurrent.connect()
    recurrent.w = P.weights().reshape(-1)
    monitor = b2.SpikeMonitor(cells, record=False)
    return b2.Network(cells, recurrent, monitor), monitor


if __name__ == "__main__":
    serve(lambda: standalone(build, P.steps * P.dt * ms), ("brian2", "numpy"))
