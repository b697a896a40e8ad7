"""OrnsteinUhlenbeckCurrent: coloured noise."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from bouton import Component, Param, Ports, Tick, parameter, port, static
from jaxtyping import Array, Float


class OrnsteinUhlenbeckCurrent(Component):
    r"""Gaussian noise with an exponential autocorrelation: synaptic bombardment (Destexhe et al., 2001).

    .. math::
        \tau\,dj = (\mu - j)\,dt + \sigma \sqrt{2 \tau}\,dW, \qquad
        j(t + dt) = \mu + (j(t) - \mu)\,e^{-dt / \tau} + \sigma \sqrt{1 - e^{-2 dt / \tau}}\;\xi

    The update is exact (Gillespie, 1996), and the current starts in the stationary distribution. So, whatever the step,
    it has the mean :math:`\mu`, the standard deviation :math:`\sigma`, and the autocovariance
    :math:`\sigma^2 e^{-|\Delta t| / \tau}`. Units and samples are independent of each other.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    unit: str = static(default="1", doc="unit of the current, that of the cell's input", kw_only=True)
    mean: Param = parameter(default=0.0, dims="unit", doc="mean")
    sigma: Param = parameter(default=1.0, ge=0, dims="unit", doc="standard deviation")
    tau: Param = parameter(default=5.0, unit="ms", gt=0, dims="unit", doc="correlation time")

    class State(Ports):
        noise: Float[Array, "*batch unit"] = port("{unit}", doc="deviation of the current from its mean")

    class Out(Ports):
        j: Float[Array, "*batch unit"] = port("{unit}", doc="current")

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...] = ()) -> Any:
        return self.State(noise=self.sigma * jax.random.normal(key, (*batch, self.dims()["unit"])))

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        new = self.sigma * jnp.sqrt(-jnp.expm1(-2.0 * tick.dt / self.tau)) * jax.random.normal(tick.key, s.noise.shape)
        noise = s.noise * jnp.exp(-tick.dt / self.tau) + new
        return self.State(noise=noise), self.Out(j=self.mean + noise)
