"""W2 in Brian2: three projections of stored synapses, images from a TimedArray, renewal and scaling on a slow clock."""

import math

import brian2 as b2
from brian2 import ms
from brian2_standalone import standalone
from worker import serve
from workloads import W2 as P
from workloads import Layer


def layer(of: Layer, update: str, reset: str, threshold: str = "v > thr") -> b2.NeuronGroup:
    """A population whose step is given as code: the workload's update has no unit of time for Brian2 to integrate."""
    cells = b2.NeuronGroup(
        P.n,
        "v : 1\nj : 1\ntheta : 1\nx : 1\nw_sum : 1",
        threshold=threshold,
        reset=reset,
        refractory=(P.refractory + P.dt) * ms,  # Brian2 counts the step of the spike itself
        namespace={
            "thr": of.thr,
            "v_rest": of.v_rest,
            "v_reset": of.v_reset,
            "leak": P.dt / P.tau_m,
            "theta_plus": P.theta_plus,
            "theta_decay": math.exp(-P.dt / P.tau_theta),
            "x_decay": math.exp(-P.dt / P.tau_trace),
        },
    )
    cells.v = of.v_rest
    # order=1: after Brian2 has renewed not_refractory for this step
    cells.run_regularly(update, dt=P.dt * ms, when="groups", order=1)
    return cells


def build() -> tuple[b2.Network, b2.SpikeMonitor]:
    b2.defaultclock.dt = P.dt * ms
    per_image = P.steps_per_image * P.dt * ms
    inputs = b2.NeuronGroup(
        P.n_in,
        "dx/dt = -x / tau_trace : 1",
        threshold="rand() < p_spike(t, i)",
        reset="x = 1",
        method="exact",
        namespace={
            "tau_trace": P.tau_trace * ms,
            "p_spike": b2.TimedArray(P.images() * (P.max_hz * P.dt / 1000), dt=per_image),
        },
    )
    integrate = "v += (v_rest - v) * leak + j * int(not_refractory); j = 0"
    exc = layer(
        P.excitatory,
        update=f"{integrate}; theta *= theta_decay; x *= x_decay",
        reset="v = v_reset; theta += theta_plus; x = 1",
        threshold="v > thr + theta",
    )
    inh = layer(P.inhibitory, update=integrate, reset="v = v_reset")

    learned = b2.Synapses(
        inputs,
        exc,
        "w : 1",
        on_pre="j_post += w; w = clip(w - a_minus * x_post, 0, 1)",
        on_post="w = clip(w + a_plus * x_pre, 0, 1)",
        namespace={"a_plus": P.a_plus, "a_minus": P.a_minus, "norm": P.norm},
    )
    learned.connect()
    learned.w = P.weights().reshape(-1)
    exc_inh = b2.Synapses(exc, inh, on_pre="j_post += w_ei", namespace={"w_ei": P.w_ei})
    exc_inh.connect(j="i")
    inh_exc = b2.Synapses(inh, exc, on_pre="j_post += w_ie", namespace={"w_ie": P.w_ie})
    inh_exc.connect(condition="i != j")

    # Between images: scale the weights, return everything else to rest. The first time it changes nothing.
    for order, code in enumerate(("w_sum_post = 0", "w_sum_post += w", "w *= norm / w_sum_post"), start=-4):
        learned.run_regularly(code, dt=per_image, when="start", order=order)
    for cells in (exc, inh):
        cells.run_regularly("v = v_rest; j = 0; x = 0; lastspike = -1e4 * second", dt=per_image, when="start", order=-1)
    inputs.run_regularly("x = 0", dt=per_image, when="start", order=-1)

    monitor = b2.SpikeMonitor(exc, record=False)
    return b2.Network(inputs, exc, inh, learned, exc_inh, inh_exc, monitor), monitor


if __name__ == "__main__":
    serve(lambda: standalone(build, P.steps * P.dt * ms), ("brian2", "numpy"))
