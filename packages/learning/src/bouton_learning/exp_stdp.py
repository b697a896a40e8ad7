"""ExpSTDP: trace STDP with exponential weight dependence."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from bouton import Param, Term, Tick, parameter

from ._traced import Traced


class ExpSTDP(Traced):
    r"""STDP whose steps depend exponentially on the weight (Diehl & Cook, 2015, eq. 4; Nessler et al., 2013).

    .. math::
        \Delta w = A_+ \left(e^{-\beta w}\,x_\text{pre} - e^{-\beta (w_\max - w)}\,x_\text{tar}\right) s_\text{post}
                 - A_- e^{-\beta w}\,s_\text{pre}\,x_\text{post}

    Traces are those of `TraceSTDP`. Where pre-synaptic spikes come before each post-synaptic one with the mean trace
    :math:`\bar x`, and without the last term, the mean rests at
    :math:`w^* = \frac{w_\max}{2} + \frac{1}{2 \beta} \ln(\bar x / x_\text{tar})`.
    """

    a_plus: Param = parameter(default=1e-2, doc="potentiation per pair at a weight of 0")
    a_minus: Param = parameter(default=1e-3, doc="depression per pair at a weight of 0")
    beta: Param = parameter(default=1.0, ge=0, doc="how fast the steps shrink with the weight")
    x_tar: Param = parameter(default=0.0, doc="target of the pre-synaptic trace at a post-synaptic spike")
    w_max: Param = parameter(default=1.0, doc="the weight at which the target has its full effect")

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> tuple[Any, tuple[Term, ...]]:
        s, x_pre, x_post = self.traces(s, pre, post, x, tick)
        return s, (
            Term(x_pre, post, lambda w: self.a_plus * jnp.exp(-self.beta * w), spikes="post"),
            Term(self.x_tar, post, lambda w: -self.a_plus * jnp.exp(self.beta * (w - self.w_max)), spikes="post"),
            Term(pre, x_post, lambda w: -self.a_minus * jnp.exp(-self.beta * w), spikes="pre"),
        )
