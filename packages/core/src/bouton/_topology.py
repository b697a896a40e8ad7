"""Topology: a bilinear map from weights and pre-synaptic values to post-synaptic sums, with its two adjoints."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ._initialisers import Initialiser
from ._module import Module


class Topology(Module):
    """Who is connected to whom: ``y = B(w, x)``, linear in the weights w and in the pre-synaptic values x.

    A subclass writes `dims` and `apply`. Learning and feedback follow, because each is an adjoint of the same map::

        <B(w, x), y>  =  <w, outer(x, y)>  =  <x, transpose(w, y)>

    and may be overridden where there is a faster form. So every rule runs on every topology. The weights may be one
    array, a bundle of arrays (an object with attributes), or None.
    """

    def dims(self) -> dict[str, Any]:
        """``{"pre": {dim: size}, "post": {dim: size}, "weights": {dim: size}}``.

        For a bundle ``weights`` maps each of its fields to such a dict; for a map without weights it is None.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define dims().")

    def apply(self, w: Any, x: jax.Array) -> jax.Array:
        """``B(w, x)``: from (*batch, *pre) to (*batch, *post)."""
        raise NotImplementedError(f"{type(self).__name__} does not define apply(w, x).")

    def outer(self, w: Any, pre: jax.Array, post: jax.Array) -> Any:
        """The adjoint in w, shaped like w and summed over the batch: what each synapse sees of pre times post."""
        return jax.vjp(lambda w: self.apply(w, pre), w)[1](post)[0]

    def transpose(self, w: Any, post: jax.Array) -> jax.Array:
        """The adjoint in x: from (*batch, *post) back to (*batch, *pre)."""
        lead = post.shape[: post.ndim - len(self.size("post"))]
        return jax.vjp(lambda x: self.apply(w, x), jnp.zeros(lead + self.size("pre"), post.dtype))[1](post)[0]

    def size(self, which: str) -> tuple[int, ...]:
        """Shape of ``"pre"``, ``"post"`` or ``"weights"``."""
        return tuple(self.dims()[which].values())

    def draw(self, initialiser: Initialiser, key: Any) -> Any:
        """New weights; None where there are none. Topologies whose weights are a bundle write this themselves."""
        if self.dims()["weights"] is None:
            return None
        return initialiser(key, self.size("weights"), fan_in=self.fan_in_count())

    def fan_in(self, w: Any) -> jax.Array:
        """Sum of the weights that end on each post-synaptic unit: ``B(w, 1)``."""
        return self.apply(w, jnp.ones(self.size("pre")))

    def fan_in_count(self) -> Any:
        """The largest number of synapses that end on one unit, for initialisers that scale with it."""
        return self.fan_in(jnp.ones(self.size("weights"))).max()

    def coords(self) -> dict[str, tuple[str, Any]]:
        """Labels along the dims for the dataset: ``{coordinate: (dim, values)}``."""
        return {}

    @property
    def per_edge(self) -> bool:
        """Whether the weights are one array in which each entry is the weight of an edge (or a class of tied edges)."""
        weights = self.dims()["weights"]
        return weights is not None and not any(isinstance(v, dict) for v in weights.values())
