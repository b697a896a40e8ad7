"""Averaged: weights that many edges share learn the mean over them instead of the sum."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
from bouton import CircuitError, Tick, Topology, Weights

from ._wrapper import Reduce, Wrapper


class Averaged(Wrapper):
    r"""What a rule says, divided by the number of edges that share the weight.

    .. math:: \Delta w = \Delta w_\text{rule} / n_\text{edges}

    On convolutions a rule sums over the positions of a kernel, as ngc-learn's do; CoNeX takes the mean. The size of a
    step then does not depend on the size of the map. Edges in the padding do not exist and do not count. A bias that
    units share, as those of a channel do, learns the mean over them. Where each edge has its own weight and each unit
    its own bias it changes nothing. Raises `CircuitError` where there is no weight for each edge.
    """

    def init(self, topology: Topology, weights: Weights, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        if not topology.per_edge:
            raise CircuitError(f"{type(topology).__name__} has no weight for each edge: Averaged cannot divide by it.")
        return super().init(topology, weights, key=key, dt=dt, batch=batch)

    def made(
        self, s: Any, topology: Topology, weights: Weights, said: Weights, x: Any, tick: Tick, reduce: Reduce
    ) -> tuple[Any, Weights]:
        w = said.w / jnp.maximum(jnp.abs(topology.multiplicity()), 1.0)
        units, biases = (math.prod(topology.size(which)) for which in ("post", "bias"))
        return s, Weights(w, None if said.b is None else said.b * (biases / units))
