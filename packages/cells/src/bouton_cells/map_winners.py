"""MapWinners: of the spikes of a map, those that may learn: few, far apart, and one for each feature."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
from bouton import CircuitError, Component, Ports, port, static
from jax import lax
from jaxtyping import Array, Float


class MapWinners(Component):
    r"""Competition for learning between the features of a map (Kheradpisheh, Ganjtabesh, Thorpe & Masquelier, 2018).

    A map has a channel for each feature, whose units share their weights. The first unit of a channel that spikes in a
    trial wins, and no other unit of the channel does until the trial is over; nor does a unit of any other channel that
    is at most `radius` places away along each axis. So a feature learns from one place of a sample, and
    features that are close together from different ones.

    Of the spikes of one step those with a larger `score` come first, and of equals the first in the order of the map.
    Spikes that do not win are not let out: wire ``winners.s`` to the ``post`` of synapses that learn, and the spikes
    themselves to what follows. A reset (the next trial) begins anew.

    `size` is (height, width, channel), (width, channel) or (depth, height, width, channel). Raises `CircuitError` for
    others, and for a radius below 0.
    """

    size: tuple[int, ...] = static(dim="unit", doc="size of the map, channels last")
    radius: int = static(default=0, doc="how far a winner keeps units of other channels from winning, in places")

    class In(Ports):
        s: Float[Array, "*batch unit"] = port(doc="spikes of the map")
        score: Float[Array, "*batch unit"] = port(default=0.0, doc="what decides between spikes of the same step")

    class State(Ports):
        may: Float[Array, "*batch unit"] = port(doc="1 for units that may still win")

    class Out(Ports):
        s: Float[Array, "*batch unit"] = port(spikes=True, doc="spikes that win")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.size, tuple) or len(self.size) not in (2, 3, 4):
            raise CircuitError(
                "MapWinners.size must be (width, channel), (height, width, channel) or (depth, height, width, "
                f"channel), got {self.size!r}."
            )
        if self.radius < 0:
            raise CircuitError(f"MapWinners.radius must be at least 0, got {self.radius}.")

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...] = ()) -> Any:
        return self.State(may=jnp.asarray(1.0))

    def advance(self, s: Any, x: Any, tick: Any) -> tuple[Any, Any]:
        lead, lanes = x.s.shape[:-1], math.prod(x.s.shape[:-1])
        spikes, score, may = (
            jnp.broadcast_to(v, x.s.shape).reshape(lanes, -1) for v in (lax.stop_gradient(x.s), x.score, s.may)
        )
        score = lax.stop_gradient(score)
        places = jnp.stack(jnp.meshgrid(*map(jnp.arange, self.size), indexing="ij"), -1).reshape(-1, len(self.size))

        def waiting(carry: Any) -> Any:
            _, may = carry
            return ((spikes > 0) & (may > 0)).any()

        def next_winner(carry: Any) -> Any:
            won, may = carry
            runs = (spikes > 0) & (may > 0)
            first = jnp.argmax(jnp.where(runs, score, -jnp.inf), axis=-1)
            off = jnp.abs(places - places[first][:, None])  # (lane, unit, axis)
            blocked = (off[..., -1] == 0) | (off[..., :-1] <= self.radius).all(-1)
            some = runs.any(-1, keepdims=True)
            won = jnp.where(some & (off == 0).all(-1), 1.0, won)
            return won, jnp.where(some & blocked, 0.0, may)

        won, may = lax.while_loop(waiting, next_winner, (jnp.zeros_like(spikes), may))
        shape = (*lead, won.shape[-1])
        return self.State(may=may.reshape(shape)), self.Out(s=x.s * won.reshape(shape))
