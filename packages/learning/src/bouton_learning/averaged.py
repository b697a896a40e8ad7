"""Averaged: weights that many edges share learn the mean over them instead of the sum."""

from __future__ import annotations

from typing import Any, Literal

import jax.numpy as jnp
from bouton import CircuitError, Tick, Topology, Weights

from ._wrapper import Wrapper


class Averaged(Wrapper):
    r"""What a rule says, divided by the number of edges that share the weight.

    .. math:: \Delta w = \Delta w_\text{rule} / n_\text{edges}

    On convolutions a rule sums over the positions of a kernel, as ngc-learn's do; CoNeX takes the mean. The size of a
    step then does not depend on the size of the map. Edges in the padding do not exist and do not count. Where each
    edge has its own weight it changes nothing. Raises `CircuitError` where there is no weight for each edge.
    """

    def init(self, topology: Topology, weights: Weights, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        if not topology.per_edge:
            raise CircuitError(f"{type(topology).__name__} has no weight for each edge: Averaged cannot divide by it.")
        return super().init(topology, weights, key=key, dt=dt, batch=batch)

    def change(
        self,
        s: Any,
        topology: Topology,
        weights: Weights,
        pre: Any,
        post: Any,
        x: Any,
        tick: Tick,
        reduce: Literal["mean", "sum"] | None = "mean",
    ) -> tuple[Any, Weights]:
        inner, change = self.rule.change(s.rule, topology, weights, pre, post, x.rule, tick, reduce)
        return s.replace(rule=inner), Weights(change.w / jnp.maximum(jnp.abs(topology.multiplicity()), 1.0), change.b)
