"""PoissonCell: spike trains from intensities."""

from __future__ import annotations

from typing import Any

import jax
from bouton import Component, Param, Ports, Tick, parameter, port, static
from jaxtyping import Array, Float


class PoissonCell(Component):
    r"""Independent spikes at a rate proportional to the input.

    In each step a unit fires with probability :math:`\min(1, x f\,dt)`, the Bernoulli approximation of a Poisson
    process: a rate of :math:`x f` as long as :math:`x f\,dt \ll 1`. More than one spike a step is not possible: where
    :math:`x f\,dt > 1` the rate saturates at :math:`1/dt`. Each sample of a batch has spikes of its own.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    target_freq: Param = parameter(default=63.75, unit="Hz", ge=0, dims="unit", doc="rate f at an input of 1")

    class In(Ports):
        x: Float[Array, "*batch unit"] = port(doc="intensity, usually between 0 and 1")

    class Out(Ports):
        s: Float[Array, "*batch unit"] = port(spikes=True, doc="emitted spikes")

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        p = x.x * self.target_freq * (tick.dt * 1e-3)
        return s, self.Out(s=(jax.random.uniform(tick.key, p.shape) < p).astype(p.dtype))
