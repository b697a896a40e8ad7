"""What wrappers share that add a function of the weights to what a rule says."""

from __future__ import annotations

import math
from typing import Any

import jax
from bouton import Tick, Topology, Weights

from ._wrapper import Reduce, Wrapper


class Added(Wrapper):
    """Adds ``added(w, tick)`` to a rule's change of the weights: once for each weight, however many edges share it.

    Over a batch it is added once to the mean, and once for each sample to the sum.
    """

    def added(self, w: Any, tick: Tick) -> Any:
        """What is added to each weight; 0 at a weight of 0, so that absent synapses stay absent."""
        raise NotImplementedError(f"{type(self).__name__} does not define added(w, tick).")

    def made(
        self, s: Any, topology: Topology, weights: Weights, said: Weights, x: Any, tick: Tick, reduce: Reduce
    ) -> tuple[Any, Weights]:
        times = math.prod(tick.batch) if reduce == "sum" else 1
        w = jax.tree.map(lambda w, dw: dw + times * self.added(w, tick), weights.w, said.w)
        return s, Weights(w, said.b)
