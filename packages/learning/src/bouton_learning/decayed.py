"""Decayed: weights that fade while a rule teaches them."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from bouton import Param, Tick, parameter

from ._added import Added


class Decayed(Added):
    r"""What a rule says, and exponential decay of the weights.

    .. math:: \tau \frac{dw}{dt} = -w

    Exact for any step. It touches all weights in each step; absent synapses stay absent. The bias stays as it is.
    """

    tau: Param = parameter(default=1e5, unit="ms", gt=0, doc="time constant")

    def added(self, w: Any, tick: Tick) -> Any:
        return jnp.expm1(-tick.dt / self.tau) * w
