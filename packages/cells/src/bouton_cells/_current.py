"""What currents that follow a given course share: they count the steps since the start."""

from __future__ import annotations

from typing import Any

import jax
from bouton import Component, Ports, Tick, port, static
from jaxtyping import Array, Float, Int


class Current(Component):
    """A current that `at` makes of the number of steps since the start of the run, or of the trial."""

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    unit: str = static(default="1", doc="unit of the current, that of the cell's input", kw_only=True)

    class State(Ports):
        steps: Int[Array, ""] = port(doc="steps since the start")

    class Out(Ports):
        j: Float[Array, "*batch unit"] = port("{unit}", doc="current")

    def at(self, steps: jax.Array, dt: float) -> jax.Array:
        """The current of a step, for all units or for each."""
        raise NotImplementedError(f"{type(self).__name__} does not define at(steps, dt).")

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        return self.State(steps=s.steps + 1), self.Out(j=self.at(s.steps, tick.dt))
