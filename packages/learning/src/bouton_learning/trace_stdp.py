"""TraceSTDP: spike-timing-dependent plasticity from traces, with power-law weight dependence."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
from bouton import Param, Ports, Rule, Term, Tick, parameter, port, static
from jaxtyping import Array, Float


class TraceSTDP(Rule):
    r"""Pair STDP by pre- and post-synaptic traces (Morrison et al., 2007; Diehl & Cook, 2015).

    .. math::
        \Delta w = A_+ (w_\max - w)^\mu\,(x_\text{pre} - x_\text{tar})\,s_\text{post}
                 - A_-\,w^\mu\,s_\text{pre}\,x_\text{post}

    with traces :math:`\tau\,\dot x = -x` that grow by 1 on a spike (``trace="add"``: all pairs count) or are set to 1
    (``trace="set"``: nearest pairs). A trace is read before this step's spike enters it, so that spikes in one step do
    not pair; with ``read="after"`` they do. One pair of spikes t ms apart changes a weight by
    :math:`A_+ e^{-t/\tau_\text{pre}}` (pre before post) or :math:`-A_- e^{-t/\tau_\text{post}}`, for :math:`\mu = 0`.
    """

    a_plus: Param = parameter(default=1e-2, doc="potentiation per pair")
    a_minus: Param = parameter(default=1e-3, doc="depression per pair")
    tau_pre: Param = parameter(default=20.0, unit="ms", gt=0, dims="pre", doc="time constant of the pre-synaptic trace")
    tau_post: Param = parameter(
        default=20.0, unit="ms", gt=0, dims="post", doc="time constant of the post-synaptic one"
    )
    x_tar: Param = parameter(default=0.0, doc="pre-synaptic trace below which a post-synaptic spike depresses")
    mu: Param | None = parameter(default=None, gt=0, doc="power of the weight dependence; None: no dependence")
    w_max: Param = parameter(default=1.0, doc="weight at which potentiation ends, where it depends on the weight")
    trace: Literal["add", "set"] = static(default="add", doc="what a spike does to its trace")
    read: Literal["before", "after"] = static(default="before", doc="whether a trace is read before this step's spike")

    class State(Ports):
        x_pre: Float[Array, "*batch pre"] = port(doc="pre-synaptic trace")
        x_post: Float[Array, "*batch post"] = port(doc="post-synaptic trace")

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> tuple[Any, tuple[Term, ...]]:
        old = self.State(
            x_pre=s.x_pre * jnp.exp(-tick.dt / self.tau_pre), x_post=s.x_post * jnp.exp(-tick.dt / self.tau_post)
        )
        new = self.State(x_pre=self._with(old.x_pre, pre), x_post=self._with(old.x_post, post))
        seen = old if self.read == "before" else new
        return new, (
            Term(seen.x_pre - self.x_tar, post, self._up, spikes="post"),
            Term(pre, seen.x_post, self._down, spikes="pre"),
        )

    def _with(self, trace: jax.Array, spikes: jax.Array) -> jax.Array:
        return trace + spikes if self.trace == "add" else jnp.where(spikes > 0, spikes, trace)

    @property
    def _up(self) -> Any:
        mu = self.mu
        return self.a_plus if mu is None else lambda w: self.a_plus * _power(self.w_max - w, mu)

    @property
    def _down(self) -> Any:
        mu = self.mu
        return -self.a_minus if mu is None else lambda w: -self.a_minus * _power(w, mu)


def _power(room: jax.Array, mu: Any) -> jax.Array:
    """``room ** mu``, and 0 where there is no room; its gradient is finite there, too."""
    some = room > 0
    return jnp.where(some, jnp.where(some, room, 1.0) ** mu, 0.0)
