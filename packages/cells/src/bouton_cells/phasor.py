"""PhasorCell: regular spikes at a rate proportional to the input."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from bouton import Component, Param, Ports, Tick, parameter, port, static
from jaxtyping import Array, Float

_EARLY = 1e-3
"""A phase that so many steps would complete is complete: it is a sum of rounded numbers."""


class PhasorCell(Component):
    r"""Units whose phase turns at a rate proportional to the input, with a spike at the end of each turn.

    .. math::
        \frac{d\varphi}{dt} = 2 \pi f x \qquad \text{spike at } \varphi = 2 \pi,\ \text{then }
        \varphi \leftarrow \varphi - 2 \pi

    so that a constant input brings :math:`\lfloor \varphi_0 / 2 \pi + f x T \rfloor` spikes in the time T, at the
    distance :math:`1 / (f x)`. A spike comes out in the step in which the turn is completed. At most one spike a step
    is possible: where :math:`f x\,dt > 1` the rate saturates at :math:`1/dt`. An input below 0 counts as 0.

    With `jitter` the phase diffuses as well, by :math:`2 \pi\,\text{jitter} \sqrt{f x}\,dW`. The intervals between
    spikes are then inverse Gaussian, with the mean :math:`1 / (f x)` and the coefficient of variation `jitter`
    (Gerstein & Mandelbrot, 1964), whatever the step, as long as it is short against them.

    The phase begins at 0. For random ones, drawn anew for each trial and sample, give start values to the circuit:
    ``Circuit(..., start={"image.phase": bouton.Uniform()})``. For units of different rates give a distribution of
    frequencies: ``target_freq=bouton.Gaussian(63.75, 8.0)``.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    target_freq: Param = parameter(default=63.75, unit="Hz", ge=0, dims="unit", doc="rate f at an input of 1")
    jitter: Param | None = parameter(
        default=None, gt=0, dims="unit", doc="coefficient of variation of the intervals; None: regular spikes"
    )

    class In(Ports):
        x: Float[Array, "*batch unit"] = port(doc="intensity, usually between 0 and 1")

    class State(Ports):
        phase: Float[Array, "*batch unit"] = port(doc="phase, in turns")

    class Out(Ports):
        s: Float[Array, "*batch unit"] = port(spikes=True, doc="emitted spikes")

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        turn = jnp.clip(x.x * self.target_freq * (tick.dt * 1e-3), 0.0, 1.0)
        phase = s.phase + turn
        if self.jitter is not None:
            moves = turn > 0  # the square root has no derivative at 0
            spread = jnp.where(moves, jnp.sqrt(jnp.where(moves, turn, 1.0)), 0.0)
            phase += self.jitter * spread * jax.random.normal(tick.key, phase.shape)
        fires = phase + _EARLY * turn >= 1.0
        return self.State(phase=jnp.where(fires, phase - 1.0, phase)), self.Out(s=fires.astype(phase.dtype))
