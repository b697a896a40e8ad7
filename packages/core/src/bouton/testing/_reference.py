"""Three tiny topologies, so that rules can be tested without any other package."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from .._module import static
from .._topology import Topology


class Full(Topology):
    r"""All-to-all: :math:`y_j = \sum_i x_i w_{ij}`; each weight is one edge."""

    n_pre: int = static(dim="pre", doc="number of pre-synaptic units")
    n_post: int = static(dim="post", doc="number of post-synaptic units")

    def dims(self) -> dict[str, Any]:
        pre, post = {"pre": self.n_pre}, {"post": self.n_post}
        return {"pre": pre, "post": post, "weights": pre | post}

    def apply(self, w: jax.Array, x: jax.Array) -> jax.Array:
        return x @ w


class Shared(Topology):
    r"""A convolution in one dimension: :math:`y_j = \sum_d w_d\,x_{j + d}`; each weight is shared by all positions."""

    n_pre: int = static(dim="pre", doc="number of pre-synaptic units")
    width: int = static(doc="number of weights, at most `n_pre`")

    def dims(self) -> dict[str, Any]:
        return {
            "pre": {"pre": self.n_pre},
            "post": {"post": self.n_pre - self.width + 1},
            "weights": {"lag": self.width},
        }

    def apply(self, w: jax.Array, x: jax.Array) -> jax.Array:
        n_post = self.n_pre - self.width + 1
        windows = jnp.stack([x[..., d : d + n_post] for d in range(self.width)], -1)
        return windows @ w


class Grid(Topology):
    r"""Maps made of a map, by sums along its closed rows: :math:`y_{rcm} = \sum_d w_{dm}\,x_{r,\,(c + d) \bmod n}`.

    Both sides have several axes, all of the length of the batches in `RuleTests`: what is broadcast along a wrong axis
    there raises no error, and gives a wrong number. The units of a map share a bias.
    """

    n: int = static(default=4, doc="height and width of the maps, and how many are made")
    width: int = static(default=2, doc="number of weights of one map, at most `n`")

    def dims(self) -> dict[str, Any]:
        pre = {"row": self.n, "column": self.n}
        maps = {"map": self.n}
        return {"pre": pre, "post": pre | maps, "weights": {"lag": self.width} | maps, "bias": maps}

    def apply(self, w: jax.Array, x: jax.Array) -> jax.Array:
        return jnp.stack([jnp.roll(x, -d, -1) for d in range(self.width)], -1) @ w
