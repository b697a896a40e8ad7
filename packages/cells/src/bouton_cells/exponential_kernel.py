"""ExponentialKernel: post-synaptic potentials from the spikes in a window of time."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from bouton import CircuitError, Component, Param, Ports, Tick, parameter, port, static
from jax import lax
from jaxtyping import Array, Float


class ExponentialKernel(Component):
    r"""The sum of an exponential kernel over the spikes of a moving window (Tavanaei, Masquelier & Maida, 2018).

    .. math:: \text{epsp}(t) = \sum_{0 \le t - t_f < \nu} e^{-(t - t_f) / \tau_w}

    A spike counts for :math:`\nu / dt` steps, with 1 in that in which it is fired, be it the first of all. A step takes
    the same time whatever the window: the sum decays, takes what comes in, and loses what is :math:`\nu` old. Memory is
    kept for :math:`\nu / dt + 1` steps. The sum is that of the formula up to rounding, also where all spikes have left
    the window: there it may be some millionths from 0.

    Raises `CircuitError` unless :math:`\nu` is a whole number of steps, at least one.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    tau_w: Param = parameter(
        default=500.0, unit="ms", gt=0, infinite=True, dims="unit", doc="time constant of the kernel"
    )
    nu: float = static(default=4.0, doc="length of the window [ms]")

    class In(Ports):
        s: Float[Array, "*batch unit"] = port(doc="spikes")

    class State(Ports):
        ring: Any = port(doc="spikes of the window (lag, *batch, unit), by step number modulo the number of rows")
        total: Float[Array, "*batch unit"] = port(doc="the sum")

    class Out(Ports):
        epsp: Float[Array, "*batch unit"] = port(doc="excitatory post-synaptic potential")

    def check(self, *, dt: float) -> None:
        steps = self.nu / dt
        if round(steps) < 1 or abs(steps - round(steps)) > 1e-6 * steps:
            raise CircuitError(f"a window of nu = {self.nu:g} ms is not a positive whole number of steps of {dt:g} ms.")

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...] = ()) -> Any:
        total = jnp.zeros((*batch, self.dims()["unit"]))
        return self.State(ring=jnp.zeros((round(self.nu / dt) + 1, *total.shape)), total=total)

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        rows = s.ring.shape[0]
        # Written first and read then, XLA updates the ring in place.
        ring = lax.dynamic_update_index_in_dim(s.ring, x.s, tick.step % rows, 0)
        leaves = lax.dynamic_index_in_dim(ring, (tick.step + 1) % rows, 0, keepdims=False)
        # expm1: the rounding of exp(-dt / tau) would be raised to the power of the steps in the window.
        lost = -jnp.expm1(-tick.dt / self.tau_w) * s.total + jnp.exp(-self.nu / self.tau_w) * leaves
        total = s.total - lost + x.s
        return self.State(ring=ring, total=total), self.Out(epsp=total)

    def rebase(self, s: Any, steps: int) -> Any:
        return s.replace(ring=jnp.roll(s.ring, -(steps % s.ring.shape[0]), 0))
