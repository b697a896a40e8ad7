"""W5 in bouton: W3 with trace STDP on the excitatory synapses. The variant ``fixed`` has these weights without it."""

from functools import partial

import bouton
from bouton_learning import TraceSTDP
from w3_bouton import circuit, prepare
from worker import asked, serve
from workloads import ALL, PlasticCUBA


def plastic(p: PlasticCUBA, seed: int = 0, *, learns: bool = True) -> bouton.Circuit:
    net = circuit(p, seed)
    w, e = p.w_e * p.held(p.tau_e), net.nodes["e"]
    own = e.replace(topology=e.topology.replace(shared=False))
    if not learns:
        return bouton.Circuit({**net.nodes, "e": own}, net.wires, net.start)
    stdp = TraceSTDP(a_plus=p.a * w, a_minus=p.a * w, tau_pre=p.tau_trace, tau_post=p.tau_trace, trace="set")
    learning = own.replace(plasticity=stdp, constraints=bouton.Clip(0.0, 2.0 * w))
    return bouton.Circuit({**net.nodes, "e": learning}, {**dict(net.wires), "e.post": "cells.s"}, net.start)


if __name__ == "__main__":
    workload, variant = asked()
    made = partial(plastic, learns=variant != "fixed")
    serve(lambda: prepare(ALL[workload], made), ("bouton", "jax", "jaxlib", "numpy"))
