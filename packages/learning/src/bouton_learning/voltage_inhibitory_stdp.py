"""VoltageInhibitorySTDP: inhibition that learns to hold a membrane potential."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from bouton import Bound, Param, Ports, Rule, Term, Tick, parameter, port
from jaxtyping import Array, Float

from .bounds import gates


class VoltageInhibitorySTDP(Rule):
    r"""Inhibition grows while the cell is above a potential and shrinks while it is below, in proportion to a
    pre-synaptic trace: the voltage form of ngc-learn's inhibitory STDP.

    .. math:: \frac{dw}{dt} = \eta\,x_\text{pre}\left(f_+(w)\,(v - v^*)_+ - f_-(w)\,(v^* - v)_+\right)

    with :math:`\tau\,\dot x_\text{pre} = -x_\text{pre}`, which grows by 1 on a spike and is read before it. It changes
    weights at all times, not only at spikes. The potential is an input of the rule; the spikes on `post` do nothing.
    """

    eta: Param = parameter(default=1e-4, unit="1/ms", doc="learning rate per mV")
    v_target: Param = parameter(default=-60.0, unit="mV", dims="post", doc="potential that is wanted")
    tau_pre: Param = parameter(default=20.0, unit="ms", gt=0, dims="pre", doc="time constant of the trace")
    bound: Bound | None = None

    class Late(Ports):
        v: Float[Array, "*batch post"] = port("mV", doc="post-synaptic membrane potential")

    class State(Ports):
        x_pre: Float[Array, "*batch pre"] = port(doc="pre-synaptic trace, at the next step")

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> tuple[Any, tuple[Term, ...]]:
        up, down = gates(self.eta * tick.dt, self.eta * tick.dt, self.bound)
        new = self.State(x_pre=(s.x_pre + pre) * jnp.exp(-tick.dt / self.tau_pre))
        off = x.v - self.v_target
        return new, (Term(s.x_pre, jnp.maximum(off, 0.0), up), Term(s.x_pre, jnp.maximum(-off, 0.0), down))
