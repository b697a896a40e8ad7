"""LeakyNoiseCell: noisy leaky rates, the units of trained recurrent networks."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from bouton import Component, Param, Ports, Tick, parameter, port, static
from jaxtyping import Array, Float

from ._activations import activation, derivative


class LeakyNoiseCell(Component):
    r"""Leaky units with noise, whose rectified state is a rate (Song, Yang & Wang, 2016).

    .. math::
        \tau_x\,dx = (-x + j)\,dt + \sqrt{2 \tau_x \sigma^2}\,dW, \qquad r = \phi(x)

    A step is exact for a current that is constant within it: an Ornstein-Uhlenbeck process, the state of which is
    normal with the mean j, the standard deviation :math:`\sigma` and the correlation time :math:`\tau_x`, whatever the
    step. It starts at 0, and reaches these within a few :math:`\tau_x`; ``start={"cell.x": Gaussian(0, sigma)}`` starts
    there. Each sample of a batch has noise of its own. Recurrent and external inputs add up in j.

    Activation functions (`act_fx`): elu, identity, leaky_relu, relu, relu6, sigmoid, silu, sine, softplus, tanh.
    Raises `CircuitError` for any other.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    tau_x: Param = parameter(default=100.0, unit="ms", gt=0, dims="unit", doc="time constant")
    sigma: Param = parameter(default=0.1, ge=0, dims="unit", doc="standard deviation of x at a constant current")
    act_fx: str = static(default="relu", doc="activation function phi, by name")

    class In(Ports):
        j: Float[Array, "*batch unit"] = port(reduce="sum", default=0.0, doc="input current, recurrent and external")

    class State(Ports):
        x: Float[Array, "*batch unit"] = port(doc="activity before the activation function")

    class Out(Ports):
        r: Float[Array, "*batch unit"] = port(doc="rate")
        r_prime: Float[Array, "*batch unit"] = port(doc="slope phi'(x), which some learning rules ask for")

    def check(self, *, dt: float) -> None:
        activation(self.act_fx)

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        phi, steps = activation(self.act_fx), tick.dt / self.tau_x
        noise = self.sigma * jnp.sqrt(-jnp.expm1(-2 * steps)) * jax.random.normal(tick.key, s.x.shape)
        new = s.x - jnp.expm1(-steps) * (x.j - s.x) + noise
        return self.State(x=new), self.Out(r=phi(new), r_prime=derivative(phi, new))
