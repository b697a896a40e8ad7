"""PerEdge: what a release needs that acts in each synapse on its own, where each weight is that of one edge."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from bouton import CircuitError, Release, Tick, Topology, lanes


class PerEdge(Release):
    """A release that acts in each synapse. A subclass writes `released`; its ports have the dims ``weights``.

    Raises `CircuitError` on a topology whose weights are shared between edges, or are not weights of edges at all.
    """

    def released(self, s: Any, arriving: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        """``(state, pre-synaptic values at each edge, own inputs, tick) -> (state, what each edge hands on)``."""
        raise NotImplementedError(f"{type(self).__name__} does not define released(s, arriving, x, tick).")

    def advance(self, s: Any, topology: Topology, w: Any, pre: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        s, released = self.released(s, at_edges(topology, w, pre), x, tick)
        return s, summed(topology, w, released)

    def check_topology(self, topology: Topology, plasticity: Any) -> None:
        name, kind = type(self).__name__, type(topology).__name__
        if not topology.per_edge:
            raise CircuitError(f"{name} acts in each synapse, but {kind} has no weight for each edge.")
        ones = (jnp.ones(topology.size(which)) for which in ("weights", "pre", "post"))
        with jax.ensure_compile_time_eval():
            most = np.abs(np.asarray(topology.outer(*ones))).max()
        if most > 1:
            raise CircuitError(
                f"{name} acts in each synapse, but a weight of {kind} is shared by {most:g} of them. Use a release "
                "that acts in each pre-synaptic unit, or a topology with a weight for each edge."
            )


def at_edges(topology: Topology, w: Any, pre: jax.Array) -> jax.Array:
    """What each edge sees of its pre-synaptic unit: (*batch, *pre) -> (*batch, *weights)."""

    def gathered(pre: jax.Array) -> jax.Array:
        return topology.outer(w, pre, jnp.ones(topology.size("post"), pre.dtype))

    sign = gathered(jnp.ones(topology.size("pre"), pre.dtype))  # -1 at edges that a topology makes inhibitory
    for _ in range(pre.ndim - len(topology.size("pre"))):
        gathered = jax.vmap(gathered)
    return sign * gathered(pre)


def summed(topology: Topology, w: Any, released: jax.Array) -> jax.Array:
    """The sums of what each edge hands on, times its weight: (*batch, *weights) -> (*batch, *post)."""
    batch = released.shape[: released.ndim - w.ndim]
    return lanes(topology, w * released, jnp.ones(batch + topology.size("pre"), released.dtype))


def sources(topology: Topology, w: Any) -> jax.Array:
    """The pre-synaptic unit of each edge, as its place in the flattened axes."""
    shape = topology.size("pre")
    places = jnp.arange(math.prod(shape), dtype=w.dtype).reshape(shape)
    with jax.default_matmul_precision("highest"):  # the places are whole numbers, and have to stay so
        return jnp.round(at_edges(topology, w, places)).astype(int)
