"""BCM: selectivity by a threshold that slides with the activity."""

from __future__ import annotations

from typing import Any, Literal

import jax.numpy as jnp
from bouton import Bound, Param, Ports, Rule, Term, Tick, Topology, Weights, parameter, port, static
from jaxtyping import Array, Float

from .bounds import gates


class BCM(Rule):
    r"""The rule of Bienenstock, Cooper & Munro (1982), with the threshold of Intrator & Cooper (1992).

    .. math::
        \tau_w \frac{dw}{dt} = \text{pre}\;y\,(y - \theta), \qquad
        \tau_\theta \frac{d\theta}{dt} = y^2 - \theta, \qquad y = \text{post}

    ``scaled="theta"`` divides by :math:`\theta` (Law & Cooper, 1994), which makes the speed independent of the
    activity; a floor keeps it finite. The threshold of each unit starts at `theta0`, never falls below 0, and stays
    through trials; over a batch it follows the mean of :math:`y^2`. With two patterns shown in turn a unit becomes
    selective: it answers one with 1/p, where p is how often that is shown, and the other one with 0.
    """

    tau_w: Param = parameter(default=1000.0, unit="ms", gt=0, doc="time constant of the weights")
    tau_theta: Param = parameter(default=100.0, unit="ms", gt=0, dims="post", doc="time constant of the threshold")
    theta0: Param = parameter(default=0.1, ge=0, dims="post", doc="threshold at the start")
    scaled: Literal["none", "theta"] = static(default="none", doc="what the change is divided by")
    bound: Bound | None = None

    class State(Ports):
        theta: Float[Array, " post"] = port(persist=True, doc="sliding threshold")

    def init(self, topology: Topology, weights: Weights, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        return self.State(theta=self.theta0)

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> tuple[Any, tuple[Term, ...]]:
        rate = tick.dt / self.tau_w
        up, down = gates(rate, rate, self.bound)
        slope = post * (post - s.theta)
        if self.scaled == "theta":
            slope = slope / jnp.maximum(s.theta, 1e-6)
        theta = s.theta - jnp.expm1(-tick.dt / self.tau_theta) * (post**2 - s.theta)
        return self.State(theta=theta), (
            Term(pre, jnp.maximum(slope, 0.0), up),
            Term(pre, jnp.maximum(-slope, 0.0), down),
        )
