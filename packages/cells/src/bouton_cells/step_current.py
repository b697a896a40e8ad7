"""StepCurrent and PiecewiseCurrent: currents that are constant but for jumps."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from bouton import CircuitError, Initialiser, Param, parameter
from jax.core import Tracer

from ._current import Current


class StepCurrent(Current):
    r"""A rectangular pulse of current.

    .. math:: j(t) = \begin{cases} \text{amplitude} & t_\text{on} \le t < t_\text{off} \\ 0 & \text{else} \end{cases}

    Times count from the start of the run, or of each trial, and are rounded to whole steps. Give arrays for pulses that
    differ between units, for instance to measure a curve of rate against current in one run.

    Raises `CircuitError` unless t_off is later than t_on.
    """

    amplitude: Param = parameter(default=1.0, dims="unit", doc="current of the pulse")
    t_on: Param = parameter(default=0.0, unit="ms", ge=0, dims="unit", doc="when the pulse begins")
    t_off: Param | None = parameter(
        default=None, unit="ms", ge=0, dims="unit", doc="when it ends; None: it lasts for ever"
    )

    def check(self, *, dt: float) -> None:
        on, off = self.t_on, self.t_off
        if off is None or any(isinstance(v, (Tracer, Initialiser)) for v in (on, off)):
            return
        on, off = np.broadcast_arrays(on, off)
        if (wrong := off <= on).any():
            raise CircuitError(f"t_off must be later than t_on ({on[wrong][0]:g} ms), got {off[wrong][0]:g} ms.")

    def at(self, steps: jax.Array, dt: float) -> jax.Array:
        middle = jnp.asarray(steps, float) + 0.5
        on = middle > self.t_on / dt
        if self.t_off is not None:
            on &= middle < self.t_off / dt
        return jnp.where(on, self.amplitude, 0.0)


class PiecewiseCurrent(Current):
    r"""A current that jumps to given values at given times, the same for all units.

    .. math:: j(t) = \text{amplitudes}_k \quad\text{for } \text{times}_k \le t < \text{times}_{k + 1}

    0 before the first time, and the last value for ever. Times count from the start of the run, or of each trial, and
    are rounded to whole steps (of two that are rounded to the same step the later one counts). NEST calls it
    ``step_current_generator``.

    Raises `CircuitError` unless each time is later than the one before.
    """

    times: Param = parameter(unit="ms", ge=0, dims="level", doc="when the current jumps")
    amplitudes: Param = parameter(dims="level", doc="to which value, for each time")

    def dims(self) -> dict[str, Any]:
        return {**super().dims(), "level": int(np.prod(np.shape(self.times)))}

    def check(self, *, dt: float) -> None:
        if isinstance(self.times, (Tracer, Initialiser)):
            return
        times = np.ravel(self.times)
        if (wrong := np.diff(times) <= 0).any():
            at = int(wrong.argmax())
            raise CircuitError(
                f"times[{at + 1}] must be later than times[{at}] = {times[at]:g} ms, got {times[at + 1]:g} ms."
            )

    def at(self, steps: jax.Array, dt: float) -> jax.Array:
        jumps = jnp.sum(jnp.asarray(steps, float) + 0.5 > jnp.ravel(self.times) / dt)
        levels = jnp.broadcast_to(jnp.asarray(self.amplitudes, float), (self.dims()["level"],))
        return jnp.concatenate([jnp.zeros(1), levels])[jumps]
