"""AdExCell: adaptive exponential integrate-and-fire neurons."""

from __future__ import annotations

from typing import Any

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
    spike,
    static,
)
from jaxtyping import Array, Float

from ._last_spike import Aged, Spikes, timed, unborn

DEPTH = 1000.0
"""How far below `v_rest` the potential may fall [mV]."""


class AdExCell(Component):
    r"""Adaptive exponential integrate-and-fire cells (Brette & Gerstner, 2005).

    .. math::
        \tau_m \frac{dv}{dt} &= v_\text{rest} - v + \Delta\, e^{(v - V_T) / \Delta} - R\,w + R\,j \\
        \tau_w \frac{dw}{dt} &= a\,(v - v_\text{rest}) - w
        \qquad\text{spike if } v > \text{thr},\ \text{then } v \leftarrow v_\text{reset},\ w \leftarrow w + b

    From about :math:`V_T` (``intrinsic_mem_thr``) the potential runs away by itself, within a fraction of
    :math:`\tau_m`; ``thr`` only says where the spike ends, and may lie anywhere far above. :math:`\Delta` is
    ``v_sharpness``. Time constants are in ms, potentials in mV; w, b and j are currents of one unit, a is that unit
    per mV, and R is in mV per that unit.

    A constant current holds the cell at the lower root v of

    .. math:: R\,j = (1 + a R)(v - v_\text{rest}) - \Delta\, e^{(v - V_T) / \Delta}

    and the strongest that does so, raised slowly (rheobase), at
    :math:`v = V_T + \Delta \ln(1 + \min(a R, \tau_m / \tau_w))`, for :math:`a R > -1` (Touboul & Brette, 2008).

    `AdEx` gives the cells of Naud et al. (2008) by the names of their firing patterns, `AELIF` and `ELIF` those of
    CoNeX. ``tau_w=None`` leaves out w, and with it a and b.

    A spike is seen at the end of the step in which v passes ``thr``; v then shows ``v_reset`` already. No value of v
    above ``thr``, or above :math:`V_T + 30 \Delta`, and none more than 1,000 mV below ``v_rest`` enters the equations,
    and v never falls below that. So no step, however coarse, and no input, however large, makes numbers overflow.

    Raises `CircuitError` for an unknown integrator, and for a step that is too long for it: with Euler's method, longer
    than about :math:`\tau_m`.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    tau_m: Param = parameter(default=15.0, unit="ms", gt=0, dims="unit", doc="membrane time constant")
    resist_m: Param = parameter(default=1.0, gt=0, dims="unit", doc="membrane resistance R [mV per unit of current]")
    tau_w: Param | None = parameter(
        default=400.0, unit="ms", gt=0, dims="unit", doc="time constant of the adaptation; None: no adaptation"
    )
    v_sharpness: Param = parameter(default=2.0, unit="mV", gt=0, dims="unit", doc="slope factor of the upstroke, Delta")
    intrinsic_mem_thr: Param = parameter(
        default=-55.0, unit="mV", dims="unit", doc="potential V_T around which the upstroke begins"
    )
    thr: Param = parameter(default=5.0, unit="mV", dims="unit", doc="potential at which a spike ends")
    v_rest: Param = parameter(default=-72.0, unit="mV", dims="unit", doc="reversal potential of the leak")
    v_reset: Param = parameter(default=-75.0, unit="mV", dims="unit", doc="potential after a spike")
    a: Param = parameter(default=0.1, dims="unit", doc="adaptation to the potential [unit of current / mV]")
    b: Param = parameter(default=0.75, dims="unit", doc="adaptation to each spike [unit of current]")
    v0: Param = parameter(default=-70.0, unit="mV", dims="unit", doc="potential at the start")
    w0: Param = parameter(default=0.0, dims="unit", doc="adaptation at the start [unit of current]")
    integration_type: str = static(default="euler", doc="how v and w are advanced: the name of an integrator")
    track_tols: bool = static(default=False, doc="whether the time of the last spike is kept")
    surrogate: Surrogate = Arctan()

    class In(Ports):
        j: Float[Array, "*batch unit"] = port(reduce="sum", default=0.0, doc="input current")

    class State(Aged):
        v: Float[Array, "*batch unit"] = port("mV", doc="membrane potential")
        w: Float[Array, "*batch unit"] | None = port(only_if="tau_w", doc="adaptation current")

    class Out(Spikes):
        pass

    def slope(self, y: tuple[Any, ...], drive: Any = 0.0) -> tuple[Any, ...]:
        """(dv/dt, dw/dt) at ``y = (v, w)``, with R j [mV] as drive; without adaptation of v alone."""
        highest = jnp.minimum(self.thr, self.intrinsic_mem_thr + 30.0 * self.v_sharpness)
        v = jnp.clip(y[0], self.v_rest - DEPTH, highest)
        upstroke = self.v_sharpness * jnp.exp((v - self.intrinsic_mem_thr) / self.v_sharpness)
        if self.tau_w is None:
            return ((self.v_rest - v + upstroke + drive) / self.tau_m,)
        w = y[1]
        dv = (self.v_rest - v + upstroke - self.resist_m * w + drive) / self.tau_m
        return dv, (self.a * (v - self.v_rest) - w) / self.tau_w

    def check(self, *, dt: float) -> None:
        at_rest = (self.v_rest,) if self.tau_w is None else (self.v_rest, 0.0)
        check_integration(self, type(self).slope, at_rest, dt=dt)

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...] = ()) -> Any:
        return self.State(
            v=self.v0,
            w=None if self.tau_w is None else self.w0,
            age=unborn(self.track_tols),
        )

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        drive, adapts = self.resist_m * x.j, self.tau_w is not None
        y = (s.v, s.w) if adapts else (s.v,)
        y = integrate(self.integration_type, lambda y: self.slope(y, drive), y, tick.dt)
        spikes = spike(y[0] - self.thr, self.surrogate)
        fired = spikes > 0
        v = jnp.where(fired, self.v_reset, jnp.maximum(y[0], self.v_rest - DEPTH))
        w = jnp.where(fired, y[1] + self.b, y[1]) if adapts else None
        age, tols = timed(s.age, fired, tick)
        return self.State(v=v, w=w, age=age), self.Out(s=spikes, tols=tols)
