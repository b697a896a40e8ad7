"""Constraints: projections of the weights after learning. They run in the order in which a synapse lists them."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp

from ._errors import CircuitError
from ._initialisers import check_order
from ._module import Module, Param, parameter, static
from ._topology import Topology


class Constraint(Module):
    """Called as ``constraint(topology, w)``; returns weights that obey it.

    Class variable `elementwise`: each weight is looked at for itself, so only those that learning has changed need be.
    """

    elementwise: ClassVar[bool] = False

    when: Literal["tick", "trial"] = static(
        default="tick", doc="after each tick of learning, or at the end of a trial", kw_only=True
    )

    every: int = static(default=1, doc="after every n-th tick", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.every < 1 or (self.every > 1 and self.when == "trial"):
            name = type(self).__name__
            raise CircuitError(f"{name}.every must be at least 1, and 1 for when='trial', got {self.every}.")

    def check_topology(self, topology: Topology) -> None:
        """Raise `CircuitError` where it cannot work on this topology."""

    def __call__(self, topology: Topology, w: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define __call__(topology, w).")


class Clip(Constraint):
    """Keep each weight within [low, high]; None leaves that side open."""

    elementwise: ClassVar[bool] = True

    low: Param | None = parameter(default=0.0, doc="lowest weight")
    high: Param | None = parameter(default=1.0, doc="highest weight")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_order(self)

    def __call__(self, topology: Topology, w: Any) -> Any:
        return jax.tree.map(lambda a: jnp.clip(a, self.low, self.high), w)


class Normalise(Constraint):
    r"""Scale the weights that end on each post-synaptic unit to a given norm.

    .. math:: w \leftarrow w \cdot \frac{\text{total}}{\left(\sum_\text{fan-in} |w|^p\right)^{1/p}}

    The norm is one of absolute weights, so that no sign ever flips, and units whose weights are all zero are left
    alone. Where edges share a weight, it gets the mean of their factors. ``order="max"`` is the limit of large p: the
    largest absolute weight (see `Topology.largest` for what that costs).
    """

    total: Param = parameter(default=1.0, gt=0, dims="post", doc="norm of the weights of one post-synaptic unit")
    order: Literal[1, 2, "max"] = static(
        default=1, doc="p: 1 is the sum of absolute weights, 2 the Euclidean norm, 'max' the largest"
    )
    when: Literal["tick", "trial"] = static(
        default="trial", doc="after each tick of learning, or at the end of a trial", kw_only=True
    )

    def check_topology(self, topology: Topology) -> None:
        if not topology.per_edge:
            name = type(self).__name__
            raise CircuitError(f"{type(topology).__name__} has no weight for each edge: {name} cannot scale it.")

    def __call__(self, topology: Topology, w: Any) -> Any:
        self.check_topology(topology)
        norm = self._norm(topology, w)
        factor = jnp.where(norm > 0, self.total / jnp.where(norm > 0, norm, 1.0), 1.0)
        edges = topology.multiplicity()
        return w * self._spread(topology, w, factor) / jnp.where(edges != 0, edges, 1.0)

    def _norm(self, topology: Topology, w: Any) -> Any:
        """Of the weights of each post-synaptic unit."""
        if self.order == "max":
            return topology.largest(w)
        return _root(topology.fan_in(topology.absolute(w, self.order)), self.order)

    def _spread(self, topology: Topology, w: Any, factor: Any) -> Any:
        """For each weight the sum of the factors of its edges."""
        return topology.outer(w, jnp.ones(topology.size("pre")), factor)


class NormaliseFanOut(Normalise):
    r"""Scale the weights that begin at each pre-synaptic unit to a given norm: `Normalise` of the other side.

    .. math:: w \leftarrow w \cdot \frac{\text{total}}{\left(\sum_\text{fan-out} |w|^p\right)^{1/p}}
    """

    total: Param = parameter(default=1.0, gt=0, dims="pre", doc="norm of the weights of one pre-synaptic unit")

    def _norm(self, topology: Topology, w: Any) -> Any:
        if self.order == "max":
            return topology.largest(w, "pre")
        sums = topology.transpose(topology.absolute(w, self.order), jnp.ones(topology.size("post")))
        return _root(sums, self.order)

    def _spread(self, topology: Topology, w: Any, factor: Any) -> Any:
        return topology.outer(w, factor, jnp.ones(topology.size("post")))


def _root(sums: jax.Array, order: int) -> jax.Array:
    """With a finite gradient at 0, too."""
    some = sums > 0
    return jnp.where(some, jnp.where(some, sums, 1.0) ** (1 / order), 0.0)
