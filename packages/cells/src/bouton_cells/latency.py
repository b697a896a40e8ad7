"""LatencyCell: one spike in a trial, the earlier the stronger the input."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from bouton import CircuitError, Initialiser, Param, parameter, static
from jax.core import Tracer

from ._one_spike import OneSpike


class LatencyCell(OneSpike):
    r"""Latency code: each unit fires once in a trial, after a time that its input decides.

    .. math::
        t^* = t_\text{first} + \tau \ln\frac{x}{x - \text{thr}} \quad\text{(logarithmic)}, \qquad
        t^* = t_\text{first} + \tau\,[1 - x]_+ \quad\text{(linear)}

    The logarithmic code is the time that a leaky integrator with the time constant :math:`\tau` takes from rest to
    its threshold under the constant drive x (Gerstner et al., 2014, section 1.3): an input at the threshold takes for
    ever.

    The input of the *first step* of a trial (or of a run) decides, and later input has no effect; a reset begins anew.
    The spike comes out in the step that contains :math:`t^*` (that begins at or before it). All times are in ms.

    Inputs below `thr` take the latency of `thr` itself, with the logarithmic code an infinite one: they do not fire.
    With ``clip=True`` they never do.

    `last_spike_time` stretches the latencies of each sample so that its last spike comes at this time; with
    the logarithmic code and without ``clip`` the inputs up to `thr` fire then, too. To have a time for each input that
    does not depend on the other units, leave it out: the linear code with ``thr=0`` fires at :math:`\tau` for x = 0.

    Raises `CircuitError` unless `last_spike_time` is later than `first_spike_time`.
    """

    tau: Param = parameter(default=1.0, unit="ms", gt=0, dims="unit", doc="time scale of the latency")
    thr: Param = parameter(default=0.01, ge=0, dims="unit", doc="threshold, in units of the input")
    first_spike_time: Param = parameter(
        default=0.0, unit="ms", ge=0, dims="unit", doc="when the strongest input fires: added to each latency"
    )
    last_spike_time: Param | None = parameter(
        default=None, unit="ms", gt=0, dims="unit", doc="when the last spike of a sample comes; None: as tau gives it"
    )
    code: Literal["logarithmic", "linear"] = static(default="logarithmic", doc="how latency follows from the input")
    clip: bool = static(default=False, doc="whether inputs below the threshold stay silent")

    def check(self, *, dt: float) -> None:
        first, last = self.first_spike_time, self.last_spike_time
        if last is None or any(isinstance(v, (Tracer, Initialiser)) for v in (first, last)):
            return
        first, last = np.broadcast_arrays(first, last)
        if (wrong := last <= first).any():
            raise CircuitError(
                f"last_spike_time must be later than first_spike_time ({first[wrong][0]:g} ms), "
                f"got {last[wrong][0]:g} ms."
            )

    def time_of_spike(self, x: jax.Array) -> jax.Array:
        if not self.clip:
            x = jnp.maximum(x, self.thr)
        if self.code == "linear":
            fires = x >= self.thr
            latency = self.tau * jax.nn.relu(1.0 - x)
        else:
            fires = x > self.thr
            latency = -self.tau * jnp.log1p(-self.thr / jnp.where(fires, x, self.thr + 1.0))
        if self.last_spike_time is not None:
            room = self.last_spike_time - self.first_spike_time
            longest = jnp.max(jnp.where(fires, latency, 0.0), axis=-1, keepdims=True)
            latency = latency / jnp.where(longest > 0, longest, 1.0) * room
            if not self.clip:
                return self.first_spike_time + jnp.where(fires, latency, room)
        return self.first_spike_time + jnp.where(fires, latency, jnp.inf)
