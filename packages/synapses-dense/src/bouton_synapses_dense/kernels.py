"""Transmission with a time course: kernels that are exact for any step length."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from bouton import Param, Ports, Tick, Transmission, parameter, port
from jaxtyping import Array, Float


class Exponential(Transmission):
    r"""A current, or a conductance, that jumps with each spike and decays exponentially.

    .. math:: \tau\,\frac{dg}{dt} = -g + \tau\,\bar g \sum_k \delta(t - t_k), \qquad g(t) = \bar g\,e^{-(t - t_k)/\tau}

    The current is :math:`g` itself, or with a reversal potential :math:`g\,(E - v)`, where v is the post-synaptic
    potential: wire the cell's state to ``<synapse>.transmission.v``.
    """

    tau: Param = parameter(default=5.0, unit="ms", gt=0, dims="post", doc="decay time constant")
    g_bar: Param = parameter(default=1.0, ge=0, dims="post", doc="jump on a spike through a weight of 1")
    reversal: Param | None = parameter(
        default=None, unit="mV", dims="post", doc="reversal potential E; None: current-based"
    )

    class In(Ports):
        v: Float[Array, "*batch post"] = port("mV", only_if="reversal", doc="post-synaptic potential")

    class State(Ports):
        g: Float[Array, "*batch post"] = port(doc="conductance, or current")

    def advance(self, s: Any, arriving: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        g = s.g * jnp.exp(-tick.dt / self.tau) + self.g_bar * arriving
        return self.State(g=g), g if self.reversal is None else g * (self.reversal - x.v)
