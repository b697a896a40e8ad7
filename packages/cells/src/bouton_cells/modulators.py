"""Dopamine: a neuromodulator that rewards release and time removes."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from bouton import Component, Param, Ports, Tick, parameter, port, static
from jaxtyping import Array, Float


class Dopamine(Component):
    r"""The level of dopamine, or of another neuromodulator, by which rewards reach plasticity (Izhikevich, 2007).

    .. math:: \tau\,\frac{dD}{dt} = -D + \tau \sum_n \text{payoff}_n\,\delta(t - t_n)

    A payoff of 1 raises the level by 1, in the very step in which it comes in, and fades exactly as
    :math:`e^{-t/\tau}`. Several payoffs in one step add up, and punishments are payoffs below 0. A payoff needs no
    component of its own: feed the input `payoff`, or wire to it what decides about rewards. A reward that is spread
    over time at the rate r per ms comes in as :math:`r\,dt` in each step.

    Rewards relative to what is usual: wire them through a `RewardErrorCell`, ``{"dopamine.payoff": "critic.rpe"}``.

    With one unit, the level can be wired to an input that takes one number per sample; several units are several
    modulators, or a region each. Samples of a batch have levels of their own.
    """

    n_units: int | tuple[int, ...] = static(default=1, dim="unit", doc="number of modulatory signals")
    tau: Param = parameter(default=200.0, unit="ms", gt=0, dims="unit", doc="time constant of removal")

    class In(Ports):
        payoff: Float[Array, "*batch unit"] = port(reduce="sum", default=0.0, doc="rewards of this step")

    class State(Ports):
        level: Float[Array, "*batch unit"] = port(doc="level after the last step")

    class Out(Ports):
        d: Float[Array, "*batch unit"] = port(doc="level, this step's rewards included")

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        level = s.level * jnp.exp(-tick.dt / self.tau) + x.payoff
        return self.State(level=level), self.Out(d=level)
