"""IzhikevichCell: neurons of a quadratic potential and a recovery variable."""

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

LOWEST = -1000.0
"""The least potential [mV]."""


class IzhikevichCell(Component):
    r"""The cells of Izhikevich (2003): with four numbers, most firing patterns of cortical neurons.

    .. math::
        \tau_m \frac{dv}{dt} &= 0.04\,v^2 + 5\,v + 140 - w + R\,j \\
        \tau_w \frac{dw}{dt} &= b\,v - w
        \qquad\text{spike if } v > v_\text{thr},\ \text{then } v \leftarrow c,\ w \leftarrow w + d

    The paper's a is :math:`1/\tau_w` (``tau_w``), its b ``coupling_factor``, its c ``v_reset``, its d ``w_reset``, its
    u is w. Times are in ms and potentials in mV. By default the cell is regular spiking; `Izhikevich` gives each of the
    published types by its name.

    Without input the cell rests at :math:`v = \frac{b - 5 - \sqrt{(5 - b)^2 - 22.4}}{0.08}`, :math:`w = b v`: at
    -70 mV and -14 for b = 0.2. With a current :math:`R j` there are resting points for
    :math:`R j < (5 - b)^2 / 0.16 - 140`; the lower one is stable where :math:`0.08\,v + 5 < \tau_m / \tau_w`.

    A spike is seen at the end of the step in which v passes ``v_thr``; v then shows c already, so that it is never
    above ``v_thr``. No value of v above ``v_thr`` or below -1,000 mV enters the equations, and v never falls below
    that. So no step, however coarse, and no input, however large, makes numbers overflow.

    Below its resting point the potential moves fast, with the time constant :math:`\tau_m / |0.08\,v + 5|`: 0.3 ms at
    -100 mV. Where strong inhibition brings cells there, choose ``integration_type="exp_euler"``, or steps of 0.2 ms:
    with longer ones Euler's method overshoots, and may fire. The paper's own steps are neither: it advances v by two
    steps of 0.5 ms, then w by one of 1 ms.

    Raises `CircuitError` for an unknown integrator, and for a step that is too long for it at rest: with Euler's
    method, longer than about 1.6 ms.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    tau_m: Param = parameter(default=1.0, unit="ms", gt=0, dims="unit", doc="membrane time constant")
    resist_m: Param = parameter(default=1.0, gt=0, dims="unit", doc="membrane resistance R [mV per unit of current]")
    v_thr: Param = parameter(default=30.0, unit="mV", dims="unit", doc="potential at which a spike ends")
    v_reset: Param = parameter(default=-65.0, unit="mV", dims="unit", doc="potential c after a spike")
    tau_w: Param = parameter(default=50.0, unit="ms", gt=0, dims="unit", doc="time constant 1/a of the recovery")
    w_reset: Param = parameter(default=8.0, unit="mV", dims="unit", doc="rise d of the recovery on a spike")
    coupling_factor: Param = parameter(default=0.2, dims="unit", doc="coupling b of the recovery to the potential")
    v0: Param = parameter(default=-65.0, unit="mV", dims="unit", doc="potential at the start")
    w0: Param = parameter(default=-14.0, unit="mV", dims="unit", doc="recovery at the start")
    integration_type: str = static(default="euler", doc="how v and w are advanced: the name of an integrator")
    track_tols: bool = static(default=False, doc="whether the time of the last spike is kept")
    surrogate: Surrogate = Arctan()

    class In(Ports):
        j: Float[Array, "*batch unit"] = port(reduce="sum", default=0.0, doc="input current")

    class State(Aged):
        v: Float[Array, "*batch unit"] = port("mV", doc="membrane potential")
        w: Float[Array, "*batch unit"] = port("mV", doc="recovery")

    class Out(Spikes):
        pass

    def slope(self, y: tuple[Any, ...], drive: Any = 0.0) -> tuple[Any, ...]:
        """(dv/dt, dw/dt) at ``y = (v, w)``, with R j [mV] as drive."""
        v, w = jnp.clip(y[0], LOWEST, self.v_thr), y[1]
        dv = ((0.04 * v + 5.0) * v + 140.0 - w + drive) / self.tau_m
        return dv, (self.coupling_factor * v - w) / self.tau_w

    def check(self, *, dt: float) -> None:
        check_integration(self, type(self).slope, (-70.0, 0.0), dt=dt)  # rest: deeper than that of all published types

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...] = ()) -> Any:
        return self.State(v=self.v0, w=self.w0, age=unborn(self.track_tols))

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        drive = self.resist_m * x.j
        v, w = integrate(self.integration_type, lambda y: self.slope(y, drive), (s.v, s.w), tick.dt)
        spikes = spike(v - self.v_thr, self.surrogate)
        fired = spikes > 0
        v = jnp.where(fired, self.v_reset, jnp.maximum(v, LOWEST))
        age, tols = timed(s.age, fired, tick)
        w = jnp.where(fired, w + self.w_reset, w)
        return self.State(v=v, w=w, age=age), self.Out(s=spikes, tols=tols)
