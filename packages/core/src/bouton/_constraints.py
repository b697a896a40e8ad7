"""Constraints: projections of the weights after learning. They run in the order in which a synapse lists them."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp

from ._errors import CircuitError
from ._module import Module, Param, parameter, static
from ._topology import Topology


class Constraint(Module):
    """Called as ``constraint(topology, w)``; returns weights that obey it."""

    when: Literal["tick", "trial"] = static(
        default="tick", doc="after each tick of learning, or at the end of a trial", kw_only=True
    )

    every: int = static(default=1, doc="after every n-th tick", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.every < 1 or (self.every > 1 and self.when == "trial"):
            name = type(self).__name__
            raise CircuitError(f"{name}.every must be at least 1, and 1 for when='trial', got {self.every}.")

    def __call__(self, topology: Topology, w: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define __call__(topology, w).")


class Clip(Constraint):
    """Keep each weight within [low, high]; None leaves that side open."""

    low: Param | None = parameter(default=0.0, doc="lowest weight")
    high: Param | None = parameter(default=1.0, doc="highest weight")

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.low, float) and isinstance(self.high, float) and self.low > self.high:
            raise CircuitError(f"Clip.low must not be above Clip.high, got {self.low:g} and {self.high:g}.")

    def __call__(self, topology: Topology, w: Any) -> Any:
        return jax.tree.map(lambda a: jnp.clip(a, self.low, self.high), w)


class Normalise(Constraint):
    r"""Scale the weights that end on each post-synaptic unit to a given norm.

    .. math:: w \leftarrow w \cdot \frac{\text{total}}{\left(\sum_\text{fan-in} |w|^p\right)^{1/p}}

    Units whose weights are all zero are left alone. Where edges share a weight, it gets the mean of their factors.
    """

    total: Param = parameter(default=1.0, gt=0, dims="post", doc="norm of the weights of one post-synaptic unit")
    order: Literal[1, 2] = static(default=1, doc="p: 1 is the sum of absolute weights, 2 the Euclidean norm")
    when: Literal["tick", "trial"] = static(
        default="trial", doc="after each tick of learning, or at the end of a trial", kw_only=True
    )

    def __call__(self, topology: Topology, w: Any) -> Any:
        if not topology.per_edge:
            raise CircuitError(f"{type(topology).__name__} has no weight for each edge: Normalise cannot scale it.")
        norm = topology.fan_in(jnp.abs(w) if self.order == 1 else w * w)
        norm = norm if self.order == 1 else jnp.sqrt(norm)
        factor = jnp.where(norm > 0, self.total / jnp.where(norm > 0, norm, 1.0), 1.0)
        ones = jnp.ones(topology.size("pre"))
        edges = topology.outer(w, ones, jnp.ones_like(factor))
        return w * topology.outer(w, ones, factor) / jnp.where(edges > 0, edges, 1.0)
