"""PoissonCell: spike trains from intensities."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from bouton import Component, Param, Ports, Tick, parameter, port, static
from jax import lax
from jaxtyping import Array, Float

_MOST = 2.0**24
"""The largest mean of a count: beyond, float32 cannot hold every whole number."""


class PoissonCell(Component):
    r"""Independent spikes at a rate proportional to the input.

    In each step a unit fires with probability :math:`\min(1, x f\,dt)`, the Bernoulli approximation of a Poisson
    process: a rate of :math:`x f` as long as :math:`x f\,dt \ll 1`. More than one spike a step is not possible: where
    :math:`x f\,dt > 1` the rate saturates at :math:`1/dt`. Each sample of a batch has spikes of its own.

    With ``counts=True`` the number of spikes in a step is drawn from the process itself, whatever the step,

    .. math:: n \sim \text{Poisson}(x f\,dt), \qquad s = [n > 0],

    so that sums of n have the same distribution at every dt. Wire n, not s, to what shall receive all spikes. To draw
    it takes longer than to draw s.

    An input below 0 counts as 0.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    target_freq: Param = parameter(default=63.75, unit="Hz", ge=0, dims="unit", doc="rate f at an input of 1")
    counts: bool = static(default=False, doc="whether the exact number of spikes in each step is drawn")

    class In(Ports):
        x: Float[Array, "*batch unit"] = port(doc="intensity, usually between 0 and 1")

    class Out(Ports):
        s: Float[Array, "*batch unit"] = port(spikes=True, doc="emitted spikes")
        n: Float[Array, "*batch unit"] = port(only_if="counts", doc="number of spikes in this step")

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        mean = x.x * self.target_freq * (tick.dt * 1e-3)
        n: Any = None
        if self.counts:
            mean = jnp.where(mean > 0, jnp.minimum(lax.stop_gradient(mean), _MOST), 0.0)  # a loop draws: no gradient
            n = jax.random.poisson(tick.key, mean).astype(mean.dtype)
            fires = n > 0
        else:
            fires = jax.random.uniform(tick.key, mean.shape) < mean
        return s, self.Out(s=fires.astype(mean.dtype), n=n)
