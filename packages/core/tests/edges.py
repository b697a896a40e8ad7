"""Edges: a topology of given pairs of units, of which some inhibit, for the tests of what works on every topology."""

from typing import Any

import jax.numpy as jnp
from bouton import Topology, static


class Edges(Topology):
    """An edge from each of `pre` to its unit of `post`, with a weight; weights of `inhibitory` units count negative."""

    pre: tuple[int, ...] = static()
    post: tuple[int, ...] = static()
    n_pre: int = static(dim="pre")
    n_post: int = static(dim="post")
    inhibitory: tuple[int, ...] = static(default=())

    def dims(self) -> Any:
        return {"pre": {"pre": self.n_pre}, "post": {"post": self.n_post}, "weights": {"edge": len(self.pre)}}

    def apply(self, w: Any, x: Any) -> Any:
        sign = jnp.array([-1.0 if i in self.inhibitory else 1.0 for i in self.pre])
        zeros = jnp.zeros((*x.shape[:-1], self.n_post), x.dtype)
        return zeros.at[..., jnp.array(self.post)].add(sign * w * x[..., jnp.array(self.pre)])
