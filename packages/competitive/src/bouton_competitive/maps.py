"""What is asked of a map that has learned: is it ordered, and where are its borders."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from .grids import squared_distances
from .som import SOMSynapse
from .winners import distances


def topographic_error(som: SOMSynapse, w: jax.Array, x: jax.Array) -> jax.Array:
    """Share of the samples x (sample, pre) whose two nearest units are no neighbours (Kiviluoto, 1996).

    `w` (pre, post) are the weights of the map, ``state["som"].w``. In a rectangular grid the units across a corner are
    neighbours, too.
    """
    _, order = lax.top_k(-distances(som.distance, jnp.asarray(w), jnp.asarray(x), som.p), 2)
    apart = jnp.take_along_axis(_apart(som)[order[:, 0]], order[:, 1:], 1)
    axes = len(som.n_units) if isinstance(som.n_units, tuple) and som.grid == "rectangular" else 1
    return (apart > axes + 0.01).mean()


def u_matrix(som: SOMSynapse, w: jax.Array) -> jax.Array:
    """Mean distance (post) of the weights w (pre, post) of each unit from those of its neighbours (Ultsch, 1993).

    Clusters are valleys, and borders between them ridges. ``.reshape(som.n_units)`` makes a map of it.
    """
    w = jnp.asarray(w)
    beside = (_apart(som) < 1.01) & ~jnp.eye(w.shape[1], dtype=bool)
    far = distances(som.distance, w, w.T, som.p)
    return jnp.where(beside, far, 0.0).sum(1) / jnp.maximum(beside.sum(1, dtype=far.dtype), 1.0)


def _apart(som: SOMSynapse) -> jax.Array:
    """Squared distances (unit, unit) on the grid."""
    units = jnp.arange(som.dims()["post"])
    return squared_distances(som.n_units, som.grid, som.periodic, units)
