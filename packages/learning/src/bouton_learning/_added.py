"""What wrappers share that add a function of the weights to what a rule says."""

from __future__ import annotations

import math
from typing import Any, Literal

import jax
from bouton import Tick, Topology, Weights

from ._wrapper import Wrapper


class Added(Wrapper):
    """Adds ``added(w, tick)`` to a rule's change of the weights: once for each weight, however many edges share it.

    Over a batch it is added once to the mean, and once for each sample to the sum.
    """

    def added(self, w: Any, tick: Tick) -> Any:
        """What is added to each weight; 0 at a weight of 0, so that absent synapses stay absent."""
        raise NotImplementedError(f"{type(self).__name__} does not define added(w, tick).")

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
        times = math.prod(tick.batch) if reduce == "sum" else 1
        w = jax.tree.map(lambda w, dw: dw + times * self.added(w, tick), weights.w, change.w)
        return s.replace(rule=inner), Weights(w, change.b)
