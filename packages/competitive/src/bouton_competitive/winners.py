"""How far samples are from units: the search that competitive learning starts with.

No array (sample, input, unit) is ever built, whatever the distance.
"""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias

import jax
import jax.numpy as jnp
from bouton import CircuitError
from jax import lax

Distance: TypeAlias = Literal["euclidean", "manhattan", "chebyshev", "minkowski", "cosine"]


def distances(distance: Distance, w: jax.Array, x: jax.Array, p: float | None = None) -> jax.Array:
    """Distance (*batch, unit) of each sample x (*batch, input) from the weights w (input, unit) of each unit.

    `p` is the order of Minkowski's. By cosine (1 minus that of the angle) a vector of zeros is at right angles to
    everything. All gradients are finite.
    """
    if distance == "cosine":
        return _cosine(w, x)
    lanes = x.reshape(-1, x.shape[-1])
    if len(lanes) == 1:  # in one pass over the weights
        return _one(distance, w, lanes[0], p).reshape(*x.shape[:-1], -1)
    if distance == "euclidean":
        return _euclidean(w, x)
    return lax.map(lambda x: _one(distance, w, x, p), lanes).reshape(*x.shape[:-1], -1)


def nearest(far: jax.Array) -> jax.Array:
    """Index (*batch) of the unit at the least of the distances (*batch, unit); of units equally near, the first."""
    return jnp.argmin(far, axis=-1)


def check_distance(owner: str, distance: Any, p: Any) -> None:
    """Raise `CircuitError` unless the order of a distance is given where, and only where, it has one."""
    if distance != "minkowski" and p is not None:
        raise CircuitError(f"{owner}.p is the order of distance='minkowski', and has no effect on {distance!r}.")
    if distance == "minkowski" and not (isinstance(p, (int, float)) and 1 <= p < math.inf):
        raise CircuitError(
            f"{owner}.p, the order of distance='minkowski', must be a number >= 1, got {p!r}. "
            "Its limit for large p is distance='chebyshev'."
        )


def _one(distance: Distance, w: jax.Array, x: jax.Array, p: float | None) -> jax.Array:
    """For a single sample. Compiled, difference, power and sum are one loop."""
    apart = jnp.abs(x[:, None] - w)
    match distance:
        case "manhattan":
            return apart.sum(0)
        case "chebyshev":
            return apart.max(0)
        case "minkowski":
            assert p is not None
            return _power(_power(apart, p).sum(0), 1 / p)
        case _:
            return _power((apart * apart).sum(0), 0.5)


def _euclidean(w: jax.Array, x: jax.Array) -> jax.Array:
    # |x - w|^2 = |x|^2 - 2 x w + |w|^2 is a product of matrices. Distances do not depend on the origin, but rounding
    # errors do: it is put among the units.
    origin = w[:, 0]
    w, x = w - origin[:, None], x - origin
    squared = (x * x).sum(-1, keepdims=True) - 2.0 * (x @ w) + (w * w).sum(0)
    return _power(squared, 0.5)


def _cosine(w: jax.Array, x: jax.Array) -> jax.Array:
    return 1.0 - unit_length(x) @ unit_length(w, 0)


def unit_length(v: jax.Array, axis: int = -1) -> jax.Array:
    """Vectors scaled to unit length; those of zeros stay."""
    norm = _power((v * v).sum(axis, keepdims=True), 0.5)
    return v / jnp.where(norm > 0, norm, 1.0)


def _power(v: jax.Array, p: float) -> jax.Array:
    """``v ** p`` of what is above 0, else 0: with a finite gradient there, too."""
    some = v > 0
    v = jnp.where(some, v, 1.0)
    return jnp.where(some, jnp.sqrt(v) if p == 0.5 else v**p, 0.0)
