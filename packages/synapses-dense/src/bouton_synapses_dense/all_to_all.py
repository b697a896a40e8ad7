"""Dense: every pre-synaptic unit with every post-synaptic one."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from bouton import Topology, static
from jax import lax


class Dense(Topology):
    r"""All-to-all: :math:`y_j = \sum_i x_i w_{ij}`, with weights (pre, post)."""

    n_pre: int = static(dim="pre", doc="number of pre-synaptic units")
    n_post: int = static(dim="post", doc="number of post-synaptic units")

    def dims(self) -> dict[str, Any]:
        pre, post = {"pre": self.n_pre}, {"post": self.n_post}
        return {"pre": pre, "post": post, "weights": pre | post}

    def apply(self, w: jax.Array, x: jax.Array) -> jax.Array:
        return x @ w if x.ndim > 1 else _product(x, w)

    def outer(self, w: jax.Array, pre: jax.Array, post: jax.Array) -> jax.Array:
        if pre.ndim == 1:  # a product that fuses with the weights' update, where a matrix product would be stored first
            return pre[:, None] * post[None, :]
        return jnp.einsum("...i,...j->ij", pre, post)

    def transpose(self, w: jax.Array, post: jax.Array) -> jax.Array:
        return post @ w.T

    def fan_in(self, w: jax.Array) -> jax.Array:
        return w.sum(0)


@jax.custom_jvp
def _product(x: jax.Array, w: jax.Array) -> jax.Array:
    """``x @ w`` that does not read the weights when all of x is silent, as most populations are in most steps."""
    return lax.cond(jnp.any(x != 0), jnp.matmul, lambda x, w: jnp.zeros(w.shape[1], x.dtype), x, w)


@_product.defjvp
def _(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    # the tangent is that of the whole product: silence has a gradient, too
    (x, w), (dx, dw) = primals, tangents
    return _product(x, w), dx @ w + x @ dw
