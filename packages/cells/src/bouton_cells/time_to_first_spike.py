"""TTFSCell: one spike in a trial, whose time spreads intensities between 0 and 1 over a given duration."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp
from bouton import Param, parameter, static

from ._one_spike import OneSpike


class TTFSCell(OneSpike):
    r"""Time-to-first-spike code: each unit fires exactly once in a trial, an input of 1 at once, the weakest last.

    .. math::
        t^* = T\,\frac{e^{-x} - e^{-1}}{1 - e^{-1}} \quad\text{(exponential)}, \qquad
        t^* = T\,\frac{\ln x}{\ln x_\text{min}} \quad\text{(logarithmic)}

    for intensities x within [0, 1], or :math:`[x_\text{min}, 1]` with the logarithmic code; what is outside is taken
    for the nearer end. Equal ratios of intensities are equal differences of time in the logarithmic code.

    The input of the *first step* of a trial (or of a run) decides, and later input has no effect; a reset begins anew.
    The spike comes out in the step that contains :math:`t^*` (that begins at or before it): for the weakest in the step
    that begins at T, so a trial must be longer than T to see it. All times are in ms. `LatencyCell` has other codes, a
    threshold, and units that stay silent.
    """

    duration: Param = parameter(
        default=100.0, unit="ms", gt=0, dims="unit", doc="T: when the weakest input fires, after the start"
    )
    x_min: Param = parameter(
        default=0.01, gt=0, lt=1, dims="unit", doc="weakest input that the logarithmic code tells from others"
    )
    code: Literal["exponential", "logarithmic"] = static(
        default="exponential", doc="how the time follows from the input"
    )

    def time_of_spike(self, x: jax.Array) -> jax.Array:
        if self.code == "logarithmic":
            return self.duration * jnp.log(jnp.clip(x, self.x_min, 1.0)) / jnp.log(self.x_min)
        x = jnp.clip(x, 0.0, 1.0)
        return self.duration * jnp.expm1(1.0 - x) / jnp.expm1(1.0)
