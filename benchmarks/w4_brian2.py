"""W4 in Brian2, on one thread or, in the variant ``2``, on two."""

from functools import partial

import brian2 as b2
from brian2 import ms
from brian2_standalone import standalone
from worker import asked, serve
from workloads import ALL, LIF, HodgkinHuxley, Izhikevich, currents


def build(p: HodgkinHuxley | LIF | Izhikevich) -> tuple[b2.Network, b2.SpikeMonitor]:
    b2.defaultclock.dt = p.dt * ms
    match p:
        case HodgkinHuxley():
            # exprel(x) is (e^x - 1) / x
            cells = b2.NeuronGroup(
                p.n,
                """
                dv/dt = (j - g_na*m**3*h*(v - v_na) - g_k*n**4*(v - v_k) - g_l*(v - v_l)) / ms : 1
                dn/dt = (0.1 / exprel((10 - v)/10) * (1 - n) - 0.125*exp(-v/80) * n) / ms : 1
                dm/dt = (1.0 / exprel((25 - v)/10) * (1 - m) - 4*exp(-v/18) * m) / ms : 1
                dh/dt = (0.07*exp(-v/20) * (1 - h) - h / (exp((30 - v)/10) + 1)) / ms : 1
                j : 1
                """,
                threshold="v > thr",
                refractory="v > thr",  # a spike is a crossing
                method="euler",
                namespace={name: getattr(p, name) for name in ("g_na", "g_k", "g_l", "v_na", "v_k", "v_l", "thr")},
            )
            cells.n, cells.m, cells.h = 0.31768, 0.05293, 0.59612
        case LIF():
            cells = b2.NeuronGroup(
                p.n,
                """
                dv/dt = (v_rest - v + j * int(not_refractory)) / tau_m : 1
                j : 1
                """,
                threshold="v > thr",
                reset="v = v_reset",
                refractory=(p.refractory + p.dt) * ms,  # Brian2 counts the step of the spike itself
                method="euler",
                namespace={"tau_m": p.tau_m * ms, "v_rest": p.v_rest, "v_reset": p.v_reset, "thr": p.thr},
            )
            cells.v = p.v_rest
        case Izhikevich():
            cells = b2.NeuronGroup(
                p.n,
                """
                dv/dt = (0.04*v**2 + 5*v + 140 - w + j) / ms : 1
                dw/dt = a * (b*v - w) / ms : 1
                j : 1
                """,
                threshold="v > thr",
                reset="v = c; w += d",
                method="euler",
                namespace={name: getattr(p, name) for name in ("a", "b", "c", "d", "thr")},
            )
            cells.v, cells.w = p.v0, p.w0
    cells.j = currents(p)
    monitor = b2.SpikeMonitor(cells, record=False)
    return b2.Network(cells, monitor), monitor


if __name__ == "__main__":
    workload, threads = asked()
    p = ALL[workload]
    serve(lambda: standalone(partial(build, p), p.steps * p.dt * ms, int(threads or 1)), ("brian2", "numpy"))
