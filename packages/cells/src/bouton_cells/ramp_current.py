"""RampCurrent: a current that grows in proportion to time."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from bouton import Param, parameter

from ._current import Current


class RampCurrent(Current):
    r"""A current that changes at a constant speed between two times.

    .. math:: j(t) = \text{offset} + \text{slope}\,\big[\min(t, t_\text{off}) - t_\text{on}\big]_+

    Times count from the start of the run, or of each trial. During a step the current is that of the step's start.
    """

    slope: Param = parameter(default=0.1, dims="unit", doc="change of the current in a millisecond")
    t_on: Param = parameter(default=0.0, unit="ms", ge=0, dims="unit", doc="when the ramp begins")
    t_off: Param | None = parameter(
        default=None, unit="ms", ge=0, dims="unit", doc="when it ends, the current stays as it is; None: never"
    )
    offset: Param = parameter(default=0.0, dims="unit", doc="current before the ramp")

    def at(self, steps: jax.Array, dt: float) -> jax.Array:
        t = jnp.asarray(steps, float) * dt
        if self.t_off is not None:
            t = jnp.minimum(t, self.t_off)
        return self.offset + self.slope * jax.nn.relu(t - self.t_on)
