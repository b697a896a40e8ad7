"""OneToOne: each pre-synaptic unit with the post-synaptic unit of the same index."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
from bouton import Topology, static


class OneToOne(Topology):
    r"""Pairs of units: :math:`y_i = w_i x_i`, with weights (post), one for each post-synaptic unit."""

    n: int = static(dim="post", doc="number of units on either side")

    def dims(self) -> dict[str, Any]:
        return {"pre": {"pre": self.n}, "post": {"post": self.n}, "weights": {"post": self.n}}

    def apply(self, w: jax.Array, x: jax.Array) -> jax.Array:
        return w * x

    def outer(self, w: jax.Array, pre: jax.Array, post: jax.Array) -> jax.Array:
        return (pre * post).sum(tuple(range(pre.ndim - 1)))

    def transpose(self, w: jax.Array, post: jax.Array) -> jax.Array:
        return w * post

    def fan_in(self, w: jax.Array) -> jax.Array:
        return w

    def largest(self, w: jax.Array, of: Literal["pre", "post"] = "post") -> jax.Array:
        return jnp.abs(w)
