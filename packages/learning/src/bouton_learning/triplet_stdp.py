"""TripletSTDP: spike timing of triplets, which explains how STDP depends on frequency."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
from bouton import Bound, Param, Ports, Rule, Term, Tick, parameter, port, static
from jaxtyping import Array, Float

from ._traced import grown
from .bounds import gates


class TripletSTDP(Rule):
    r"""The triplet rule of Pfister & Gerstner (2006).

    .. math::
        \Delta w = f_+(w)\,r_1\,(A_2^+ + A_3^+ o_2)\,s_\text{post} - f_-(w)\,s_\text{pre}\,(A_2^- + A_3^- r_2)\,o_1

    with pre-synaptic traces :math:`r_1` (:math:`\tau_+`) and :math:`r_2` (:math:`\tau_x`) and post-synaptic ones
    :math:`o_1` (:math:`\tau_-`) and :math:`o_2` (:math:`\tau_y`), which grow by 1 on a spike (``trace="add"``,
    all-to-all) or are set to 1 (``trace="set"``, nearest), and are read before this step's spikes enter them. The
    defaults are the full model's, all-to-all, fitted to visual cortex (table 3 there). Without :math:`A_3` it is
    `TraceSTDP`.
    """

    a2_plus: Param = parameter(default=5e-10, doc="potentiation by pairs")
    a3_plus: Param = parameter(default=6.2e-3, doc="potentiation by triplets post-pre-post")
    a2_minus: Param = parameter(default=7e-3, doc="depression by pairs")
    a3_minus: Param = parameter(default=2.3e-4, doc="depression by triplets pre-post-pre")
    tau_plus: Param = parameter(default=16.8, unit="ms", gt=0, dims="pre", doc="time constant of r1")
    tau_x: Param = parameter(default=101.0, unit="ms", gt=0, dims="pre", doc="time constant of r2")
    tau_minus: Param = parameter(default=33.7, unit="ms", gt=0, dims="post", doc="time constant of o1")
    tau_y: Param = parameter(default=125.0, unit="ms", gt=0, dims="post", doc="time constant of o2")
    trace: Literal["add", "set"] = static(default="add", doc="what a spike does to its traces")
    bound: Bound | None = None

    class State(Ports):
        r1: Float[Array, "*batch pre"] = port(doc="fast pre-synaptic trace, at the next step")
        r2: Float[Array, "*batch pre"] = port(doc="slow pre-synaptic trace, at the next step")
        o1: Float[Array, "*batch post"] = port(doc="fast post-synaptic trace, at the next step")
        o2: Float[Array, "*batch post"] = port(doc="slow post-synaptic trace, at the next step")

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> tuple[Any, tuple[Term, ...]]:
        def next_step(trace: jax.Array, spikes: jax.Array, tau: Any) -> jax.Array:
            return grown(trace, spikes, self.trace) * jnp.exp(-tick.dt / tau)

        new = self.State(
            r1=next_step(s.r1, pre, self.tau_plus),
            r2=next_step(s.r2, pre, self.tau_x),
            o1=next_step(s.o1, post, self.tau_minus),
            o2=next_step(s.o2, post, self.tau_y),
        )
        up, down = gates(1.0, 1.0, self.bound)
        return new, (
            Term(s.r1, post * (self.a2_plus + self.a3_plus * s.o2), up, spikes="post"),
            Term(pre * (self.a2_minus + self.a3_minus * s.r2), s.o1, down, spikes="pre"),
        )
