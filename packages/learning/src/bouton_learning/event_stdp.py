"""EventSTDP: a post-synaptic spike strengthens what was recently active, and weakens the rest."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from bouton import Param, Ports, Rule, Term, Tick, Topology, Weights, parameter, port
from jaxtyping import Array, Float


class EventSTDP(Rule):
    r"""STDP at post-synaptic spikes only, by whether there was a pre-synaptic one within a window (Tavanaei, Masquelier
    & Maida, 2018, eq. 18).

    .. math::
        \Delta w = s_\text{post}\left(m\,A_+\,(w_\max - (1 + \lambda) w) - (1 - m)\,A_-\,(1 + \lambda)\,w\right)

    m is 1 where the last pre-synaptic spike is less than `window` ms old, a spike in this very step included, and 0
    elsewhere. With :math:`A_+ = A_-` the mean weight rests at :math:`w_\max P(m = 1\,|\,\text{post}) / (1 + \lambda)`:
    the probability that the input was active.
    """

    a_plus: Param = parameter(default=1e-2, doc="potentiation per post-synaptic spike")
    a_minus: Param = parameter(default=1e-2, doc="depression per post-synaptic spike")
    lmbda: Param = parameter(default=0.01, ge=0, doc="forgetting")
    window: Param = parameter(default=2.0, unit="ms", ge=0, doc="how old a pre-synaptic spike may be; 0: of this step")
    w_max: Param = parameter(default=1.0, gt=0, doc="highest weight")

    class State(Ports):
        age: Float[Array, "*batch pre"] = port("ms", doc="time since the last pre-synaptic spike")

    def init(self, topology: Topology, weights: Weights, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        return self.State(age=jnp.inf)

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> tuple[Any, tuple[Term, ...]]:
        age = jnp.where(pre > 0, 0.0, s.age + tick.dt)
        # half a step below the window, so that sums of dt need not meet it exactly
        recent = jnp.where(age < jnp.maximum(self.window, tick.dt) - tick.dt / 2, 1.0, 0.0)
        keep = 1.0 + self.lmbda
        return self.State(age=age), (
            Term(recent, post, lambda w: self.a_plus * (self.w_max - keep * w), spikes="post"),
            Term(1.0 - recent, post, lambda w: -self.a_minus * keep * w, spikes="post"),
        )
