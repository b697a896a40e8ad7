"""Delay: a line of past values. `bouton.delayed` puts one on a wire."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ._component import Component
from ._errors import CircuitError
from ._module import Ports, Tick, port, static


class Delay(Component):
    """Hands on its input `ms` milliseconds later: ``y(t) = x(t - ms)``.

    `y` is a state, so a wire from it never orders nodes. Zeros come out until the first value has passed through.
    The ring has ms/dt rows; it is written first and read then, an order that lets XLA update it in place.
    """

    shape: tuple[int, ...] = static(doc="shape of the delayed compartment, without batch axes")
    ms: float = static(doc="delay [ms]: a positive whole number of steps")
    unit: str = static(default="1", doc="unit of the delayed compartment")

    class In(Ports):
        x: Float[Array, "*batch shape"] = port("{unit}", doc="what goes in")

    class State(Ports):
        ring: Any = port("{unit}", doc="past values (lag, *batch, *shape), by step number modulo the number of rows")
        y: Float[Array, "*batch shape"] = port("{unit}", doc="what the next step reads: what went in `ms` before it")

    def dims(self) -> dict[str, Any]:
        return {"shape": {f"axis_{i}": n for i, n in enumerate(self.shape)}}

    def check(self, *, dt: float) -> None:
        lag = self.ms / dt
        if round(lag) < 1 or abs(lag - round(lag)) > 1e-6 * max(1.0, lag):
            raise CircuitError(f"a delay of {self.ms:g} ms is not a positive whole number of steps of {dt:g} ms.")

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...] = ()) -> Any:
        self.check(dt=dt)
        y = jnp.zeros(batch + self.shape)
        return self.State(ring=jnp.zeros((round(self.ms / dt), *y.shape)), y=y)

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        lag = s.ring.shape[0]
        if lag == 1:
            return s.replace(y=x.x), self.Out()
        ring = lax.dynamic_update_index_in_dim(s.ring, x.x, tick.step % lag, 0)
        y = lax.dynamic_index_in_dim(ring, (tick.step + 1) % lag, 0, keepdims=False)
        return self.State(ring=ring, y=y), self.Out()

    def rebase(self, s: Any, steps: int) -> Any:
        return s.replace(ring=jnp.roll(s.ring, -(steps % s.ring.shape[0]), 0))
