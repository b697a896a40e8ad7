"""Which unit is nearest to a sample: the search that competitive learning starts with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax

Distance: TypeAlias = Literal["euclidean", "manhattan", "cosine"]


def winner(distance: Distance, w: jax.Array, x: jax.Array) -> jax.Array:
    """Index (*batch) of the unit whose weights w (input, unit) are nearest to each sample x (*batch, input).

    Of units equally near, the first. By cosine, a zero vector is at right angles to everything: a sample of zeros is
    equally near to all units.
    """
    return jnp.argmax(_NEARNESS[distance](w, x), axis=-1)


def _euclidean(w: jax.Array, x: jax.Array) -> jax.Array:
    # |x - w|^2 less what is the same for all units, without an array (batch, input, unit). Distances do not depend on
    # the origin, but rounding errors do: the origin is put amid the units.
    origin = w.mean(1)
    w = w - origin[:, None]
    return (x - origin) @ w - 0.5 * jnp.sum(w * w, 0)


def _manhattan(w: jax.Array, x: jax.Array) -> jax.Array:
    def add(total: jax.Array, pair: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        w_i, x_i = pair  # one input after the other, so that no array (batch, input, unit) is built
        return total + jnp.abs(x_i[..., None] - w_i), None

    none = jnp.zeros((*x.shape[:-1], w.shape[1]), w.dtype)
    return -lax.scan(add, none, (w, jnp.moveaxis(x, -1, 0)))[0]


def _cosine(w: jax.Array, x: jax.Array) -> jax.Array:
    norm = jnp.sqrt(jnp.sum(w * w, 0))
    return x @ w / jnp.where(norm > 0, norm, 1.0)


_NEARNESS: dict[Distance, Callable[[jax.Array, jax.Array], jax.Array]] = {
    "euclidean": _euclidean,
    "manhattan": _manhattan,
    "cosine": _cosine,
}
