"""SineCurrent: a current that oscillates."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from bouton import Param, parameter

from ._current import Current

_PAGE = 4096


class SineCurrent(Current):
    r"""A sinusoidal current.

    .. math:: j(t) = \text{offset} + \text{amplitude}\,\sin(2 \pi f t + \varphi)

    Time counts from the start of the run, or of each trial. During a step the current is that of the step's start.
    """

    amplitude: Param = parameter(default=1.0, dims="unit", doc="amplitude of the oscillation")
    freq: Param = parameter(default=10.0, unit="Hz", ge=0, dims="unit", doc="frequency f")
    phase: Param = parameter(default=0.0, unit="rad", dims="unit", doc="phase at the start")
    offset: Param = parameter(default=0.0, dims="unit", doc="mean current")

    def at(self, steps: jax.Array, dt: float) -> jax.Array:
        turn = jnp.asarray(self.freq * (dt * 1e-3), float)
        # whole turns are dropped before the digits of float32 run out: those of a page of steps beforehand
        pages, rest = (jnp.asarray(n, float) for n in jnp.divmod(steps, _PAGE))
        turns = _fraction(_PAGE * turn) * pages + rest * turn
        return self.offset + self.amplitude * jnp.sin(2.0 * jnp.pi * _fraction(turns) + self.phase)


def _fraction(x: jax.Array) -> jax.Array:
    return x - jnp.floor(x)
