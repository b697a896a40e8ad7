"""Langevin: noise in learning that lets weights leave a poor place."""

from __future__ import annotations

from typing import Any, Literal

import jax
from bouton import Param, Plasticity, Tick, Topology, Weights, parameter


class Langevin(Plasticity):
    """What a rule says, and independent normal noise on each weight, once for all samples. It has no state."""

    rule: Plasticity
    std: Param = parameter(default=0.0, ge=0, doc="standard deviation of the noise of a step")

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
        s, change = self.rule.change(s, topology, weights, pre, post, x, tick, reduce)
        noise = self.std * jax.random.normal(tick.key, weights.w.shape, weights.w.dtype)
        return s, Weights(change.w + noise)
