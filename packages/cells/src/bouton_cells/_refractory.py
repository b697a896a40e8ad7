"""How cells keep the time since their last spike: as an age, which loses no digits in a long run."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from bouton import Tick


def is_over(age: jax.Array, refract_time: Any, dt: float) -> jax.Array:
    """Whether the refractory time, rounded up to whole steps, has passed since the spike."""
    blocked = jnp.ceil(refract_time / dt - 0.01)  # whole steps: half a step either way absorbs rounding
    return age > (blocked - 0.5) * dt


def renewed(age: jax.Array, fired: jax.Array, dt: float) -> jax.Array:
    """The age after this step: 0 where there was a spike."""
    return jnp.where(fired, 0.0, age + dt)


def last_spike(age: jax.Array, tick: Tick) -> jax.Array:
    """The time of the last spike [ms], from the age after this step; minus infinity before the first."""
    return tick.time - age
