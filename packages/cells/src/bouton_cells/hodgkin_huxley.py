"""HodgkinHuxleyCell: the action potential from sodium and potassium channels."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from bouton import (
    Arctan,
    Component,
    Param,
    Ports,
    Surrogate,
    Tick,
    check_integration,
    integrate,
    parameter,
    port,
    static,
)
from jaxtyping import Array, Float

from ._crossing import up_crossing
from ._last_spike import Aged, Spikes, timed, unborn

BOUND = 200.0
"""Further from rest [mV] the channels carry what they carry there."""


class HodgkinHuxleyCell(Component):
    r"""Cells with the channels of the squid's giant axon (Hodgkin & Huxley, 1952, J. Physiol. 117, 500).

    .. math::
        \tau_v \frac{dv}{dt} &= R\,j - g_\text{Na}\,m^3 h\,(v - v_\text{Na}) - g_\text{K}\,n^4\,(v - v_\text{K})
        - g_L\,(v - v_L) \\
        \frac{dx}{dt} &= \alpha_x(v)\,(1 - x) - \beta_x(v)\,x, \qquad x \in \{n, m, h\}

    with v in mV above rest, and the rates of the paper [1/ms], for 6.3 degrees Celsius:

    .. math::
        \alpha_n &= 0.01\,\frac{10 - v}{e^{(10 - v) / 10} - 1} &\qquad \beta_n &= 0.125\,e^{-v / 80} \\
        \alpha_m &= 0.1\,\frac{25 - v}{e^{(25 - v) / 10} - 1} & \beta_m &= 4\,e^{-v / 18} \\
        \alpha_h &= 0.07\,e^{-v / 20} & \beta_h &= \frac{1}{e^{(30 - v) / 10} + 1}

    With conductances in mS/cm² and currents in µA/cm², ``tau_v`` is the capacitance of the membrane in µF/cm².

    The default conductances are those of ngc-learn. With them the cell fires about 60 times a second without input. The
    classical ones are ``g_Na=120.0, g_K=36.0, v_K=-12.0``: then v = 0 is the resting potential. A constant current of
    2.3 or more makes one spike, and one of about 6.3 or more makes the cell fire for ever, from there on with more than
    50 spikes a second (Hodgkin's second class of excitability).

    A cell starts at v = 0 with its gates in the steady state there. It spikes in the step in which v comes to lie above
    ``thr``, once for each action potential. The default is little above rest; 50 mV are passed by full action
    potentials only. With ``spike_reset`` a spike sets v to ``v_reset``, and the gates to their steady state there.

    The four equations are advanced together. ``integration_type="exp_euler"`` is recommended: v and each gate are
    advanced exactly for the conductances and rates at the start of the step (Rush & Larsen, 1978), which stays within
    bounds at any step. Yet an action potential rises within 0.5 ms: for its shape take at most 0.05 ms. Spikes then
    come some 0.2 ms late; with ``"rk4"`` they are right to the step.

    Further than 200 mV from rest the rates and the currents through the channels stay what they are there, save the
    leak, and gates never leave 0 to 1. So no current, however large, makes numbers overflow.

    Raises `CircuitError` for an unknown integrator, and for a step that is too long at rest or at the height of an
    action potential: with Euler's method and the classical conductances, longer than 0.027 ms.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    tau_v: Param = parameter(default=1.0, unit="ms", gt=0, dims="unit", doc="membrane time constant, or capacitance")
    resist_m: Param = parameter(default=1.0, gt=0, dims="unit", doc="membrane resistance R, a factor of the current")
    v_Na: Param = parameter(default=115.0, unit="mV", dims="unit", doc="reversal potential of sodium")
    v_K: Param = parameter(default=-35.0, unit="mV", dims="unit", doc="reversal potential of potassium")
    v_L: Param = parameter(default=10.6, unit="mV", dims="unit", doc="reversal potential of the leak")
    g_Na: Param = parameter(default=100.0, ge=0, dims="unit", doc="conductance of all sodium channels, per area")
    g_K: Param = parameter(default=5.0, ge=0, dims="unit", doc="conductance of all potassium channels, per area")
    g_L: Param = parameter(default=0.3, ge=0, dims="unit", doc="conductance of the leak, per area")
    thr: Param = parameter(default=4.0, unit="mV", dims="unit", doc="potential above which there is a spike")
    spike_reset: bool = static(default=False, doc="set v and the gates back on a spike")
    v_reset: Param = parameter(default=0.0, unit="mV", dims="unit", doc="potential after a spike, if it is set back")
    integration_type: str = static(default="euler", doc="how the equations are advanced: the name of an integrator")
    track_tols: bool = static(default=False, doc="whether the time of the last spike is kept")
    surrogate: Surrogate = Arctan()

    class In(Ports):
        j: Float[Array, "*batch unit"] = port(reduce="sum", default=0.0, doc="input current, per area")

    class State(Aged):
        v: Float[Array, "*batch unit"] = port("mV", doc="membrane potential, above rest")
        n: Float[Array, "*batch unit"] = port(doc="activation of potassium channels, 0 to 1")
        m: Float[Array, "*batch unit"] = port(doc="activation of sodium channels, 0 to 1")
        h: Float[Array, "*batch unit"] = port(doc="what is not inactivated of sodium channels, 0 to 1")

    class Out(Spikes):
        pass

    def slope(self, y: tuple[Any, ...], drive: Any = 0.0) -> tuple[Any, ...]:
        """The derivatives of ``y = (v, n, m, h)``, with R j as drive."""
        v, held = y[0], jnp.clip(y[0], -BOUND, BOUND)
        n, m, h = (_bounded(gate) for gate in y[1:])  # as the channels see it where a long step leaves 0 to 1
        sodium = self.g_Na * m**3 * h * (held - self.v_Na)
        potassium = self.g_K * n**4 * (held - self.v_K)
        current = drive - sodium - potassium - self.g_L * (v - self.v_L)
        gates = (alpha * (1.0 - x) - beta * x for x, (alpha, beta) in zip(y[1:], rates(held), strict=True))
        return (current / self.tau_v, *gates)

    def check(self, *, dt: float) -> None:
        # At its height an action potential is near v_Na, with so much of the channels open, whatever they conduct.
        rest, height = (0.0, 0.318, 0.053, 0.596), (self.v_Na, 0.55, 0.97, 0.3)
        check_integration(self, type(self).slope, rest, height, dt=dt)

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...] = ()) -> Any:
        v = jnp.zeros(())
        n, m, h = steady(v)
        return self.State(v=v, n=n, m=m, h=h, age=unborn(self.track_tols))

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        drive = self.resist_m * x.j
        y = integrate(self.integration_type, lambda y: self.slope(y, drive), (s.v, s.n, s.m, s.h), tick.dt)
        spikes = up_crossing(s.v, y[0], self.thr, self.surrogate)
        y = (y[0], *map(_bounded, y[1:]))
        fired = spikes > 0
        if self.spike_reset:
            y = tuple(jnp.where(fired, r, v) for r, v in zip((self.v_reset, *steady(self.v_reset)), y, strict=True))
        age, tols = timed(s.age, fired, tick)
        state = self.State(v=y[0], n=y[1], m=y[2], h=y[3], age=age)
        return state, self.Out(s=spikes, tols=tols)


def rates(v: Any) -> tuple[tuple[Any, Any], ...]:
    """Opening and closing rate [1/ms] of the gates n, m and h at v [mV above rest], within `BOUND`."""
    e80 = jnp.exp(-v / 80.0)  # all exponentials but one are powers of this one
    e20 = e80**4
    e10 = e20**2
    return (
        (0.1 * _over_expm1((10.0 - v) / 10.0, math.exp(1.0) * e10), 0.125 * e80),
        (_over_expm1((25.0 - v) / 10.0, math.exp(2.5) * e10), 4.0 * jnp.exp(-v / 18.0)),
        (0.07 * e20, 1.0 / (math.exp(3.0) * e10 + 1.0)),
    )


def steady(v: Any) -> tuple[Any, ...]:
    """The gates n, m and h after a long time at v [mV above rest]."""
    return tuple(alpha / (alpha + beta) for alpha, beta in rates(jnp.clip(v, -BOUND, BOUND)))


def _over_expm1(x: jax.Array, exp_x: jax.Array) -> jax.Array:
    """x / (e^x - 1), with its limit 1 at 0. Near 0 by its power series: there the difference loses digits."""
    near, q = jnp.abs(x) < 0.3, x * x
    series = 1.0 - x / 2.0 + q * (1 / 12 - q * (1 / 720 - q * (1 / 30240 - q * (1 / 1209600 - q / 47900160))))
    return jnp.where(near, series, x / jnp.where(near, 1.0, exp_x - 1.0))


def _bounded(gate: Any) -> Any:
    return jnp.clip(gate, 0.0, 1.0)
