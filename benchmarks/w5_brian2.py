"""W5 in Brian2: W3 with a weight for each excitatory synapse, and traces in the cells."""

from functools import partial

import brian2 as b2
from brian2 import ms
from brian2_standalone import standalone
from w3_brian2 import build
from worker import asked, serve
from workloads import ALL, PlasticCUBA


def plastic(p: PlasticCUBA) -> tuple[b2.Network, b2.SpikeMonitor]:
    step, most = p.a * p.w_e, 2.0 * p.w_e
    stdp = {
        "model": "w : 1",
        "on_pre": f"g_e_post += w; w = clip(w - {step} * x_post, 0, {most})",
        "on_post": f"w = clip(w + {step} * x_pre, 0, {most})",
    }
    return build(p, trace=f"dx/dt = -x / ({p.tau_trace} * ms) : 1", reset="x = 1", excite=stdp)


if __name__ == "__main__":
    workload, _ = asked()
    p = ALL[workload]
    serve(lambda: standalone(partial(plastic, p), p.steps * p.dt * ms), ("brian2", "numpy"))
