"""What encoders with a single spike share: its time is decided in the first step of a trial, and then awaited."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from bouton import Component, Ports, Tick, port, static
from jaxtyping import Array, Float, Int

_EARLY = 1e-3
"""A time so many steps before the end of a step belongs to the next one: it may have been rounded."""


class OneSpike(Component):
    """Units that fire once in a trial, at the time that `time_of_spike` makes of their first input."""

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")

    class In(Ports):
        x: Float[Array, "*batch unit"] = port(doc="intensity, usually between 0 and 1; read in the first step")

    class State(Ports):
        steps: Int[Array, ""] = port(doc="steps since the start")
        latency: Float[Array, "*batch unit"] = port(
            "ms", doc="time of the spike since the start, infinite: none, or not yet known"
        )

    class Out(Ports):
        s: Float[Array, "*batch unit"] = port(spikes=True, doc="emitted spikes")

    def time_of_spike(self, x: jax.Array) -> jax.Array:
        """Milliseconds from the start to the spike, infinite where there is none."""
        raise NotImplementedError(f"{type(self).__name__} does not define time_of_spike(x).")

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...] = ()) -> Any:
        return self.State(steps=jnp.zeros((), int), latency=jnp.asarray(jnp.inf))

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        latency = jnp.where(s.steps == 0, self.time_of_spike(x.x), s.latency)
        fires = jnp.floor(latency / tick.dt + _EARLY) == jnp.asarray(s.steps, latency.dtype)
        return self.State(steps=s.steps + 1, latency=latency), self.Out(s=fires.astype(latency.dtype))
