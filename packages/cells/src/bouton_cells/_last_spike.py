"""The time of the last spike, of cells that keep it where they are asked to (`track_tols`)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from bouton import Ports, Tick, port
from jaxtyping import Array, Float

from ._refractory import last_spike, renewed


class Aged(Ports):
    """The state of such a cell; its own states come on top."""

    age: Float[Array, "*batch unit"] | None = port(
        "ms", only_if="track_tols", doc="time since the step of the last spike, infinite before the first"
    )


class Spikes(Ports):
    """The outputs of such a cell."""

    s: Float[Array, "*batch unit"] = port(spikes=True, doc="emitted spikes")
    tols: Float[Array, "*batch unit"] | None = port(
        "ms", only_if="track_tols", doc="time of the last spike, minus infinity before the first"
    )


def unborn(track_tols: bool) -> jax.Array | None:
    """The age before the first spike; None where it is not kept."""
    return jnp.asarray(jnp.inf) if track_tols else None


def timed(age: jax.Array | None, fired: jax.Array, tick: Tick) -> tuple[Any, Any]:
    """The age after this step, and the time of the last spike; None where they are not kept."""
    if age is None:
        return None, None
    age = renewed(age, fired, tick.dt)
    return age, last_spike(age, tick)
