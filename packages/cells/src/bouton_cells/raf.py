"""RAFCell: resonate-and-fire neurons."""

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
    static,
)
from jaxtyping import Array, Float

from ._crossing import up_crossing
from ._last_spike import Aged, Spikes, timed, unborn


class RAFCell(Component):
    r"""Resonate-and-fire cells (Izhikevich, 2001, Neural Networks 14, 883).

    .. math::
        \tau_v \frac{dv}{dt} &= \omega w + b v \\
        \tau_w \frac{dw}{dt} &= b w - \omega v + R\,j
        \qquad\text{spike if } v > \text{thr},\ \text{then } v \leftarrow v_\text{reset},\ w \leftarrow w_\text{reset}

    With equal time constants this is :math:`\tau \dot z = (b + i \omega) z + R j` for :math:`z = w + i v`: the current
    drives the real part w, and the potential v is the imaginary part, a quarter of a period behind. Without input v and
    w swing around 0 with the eigenperiod :math:`2 \pi \tau / \omega`, and decay by :math:`e^{b t / \tau}`. From
    :math:`v = 0, w = A` on

    .. math:: v(t) = A\,e^{b t / \tau} \sin(\omega t / \tau), \qquad
        \text{highest at } t = \frac{\tau}{\omega} \arctan \frac{\omega}{|b|}

    Two pulses that are too weak one by one so fire the cell if the second comes an eigenperiod after the first, and not
    if it comes half of one after; an inhibitory pulse may fire it by its rebound. A pulse that shifts w by A is a
    current of :math:`A \tau_w / (R\,dt)` for one step.

    ``omega`` is an angle, in radians per time constant: rad/ms with time constants of 1 ms, no frequency in Hz. With
    the default of 10 the eigenperiod is 0.63 ms. A spike is seen at the end of the step in which v comes to lie above
    ``thr``. What goes up and down again within one step is not seen, so take steps well below the eigenperiod. As in
    the paper a cell starts, and goes on after a spike, at ``thr``, from where v falls. ``spike_reset=False`` lets it
    swing on instead.

    The equations are linear, so that the default ``integration_type="exact"`` has no error, for a current that is
    constant during the step, and no step is too long for it. By Euler's method, the default of ngc-learn, steps of more
    than 0.02 ms would make the default cell swing ever higher: they are refused.

    Raises `CircuitError` for an unknown integrator, and for a step that is too long for it.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    tau_v: Param = parameter(default=1.0, unit="ms", gt=0, dims="unit", doc="time constant of v")
    tau_w: Param = parameter(default=1.0, unit="ms", gt=0, dims="unit", doc="time constant of w")
    thr: Param = parameter(default=1.0, unit="mV", dims="unit", doc="potential above which there is a spike")
    omega: Param = parameter(default=10.0, gt=0, dims="unit", doc="angular frequency [rad per time constant]")
    dampen_factor: Param = parameter(default=-1.0, lt=0, dims="unit", doc="damping b [per time constant]")
    v_reset: Param = parameter(default=1.0, unit="mV", dims="unit", doc="potential after a spike")
    w_reset: Param = parameter(default=0.0, unit="mV", dims="unit", doc="w after a spike")
    v0: Param = parameter(default=1.0, unit="mV", dims="unit", doc="potential at the start")
    w0: Param = parameter(default=0.0, unit="mV", dims="unit", doc="w at the start")
    resist_v: Param = parameter(default=1.0, gt=0, dims="unit", doc="membrane resistance R [mV per unit of current]")
    spike_reset: bool = static(default=True, doc="set v and w back on a spike")
    integration_type: str = static(default="exact", doc="how the equations are advanced: the name of an integrator")
    track_tols: bool = static(default=False, doc="whether the time of the last spike is kept")
    surrogate: Surrogate = Arctan()

    class In(Ports):
        j: Float[Array, "*batch unit"] = port(reduce="sum", default=0.0, doc="input current")

    class State(Aged):
        v: Float[Array, "*batch unit"] = port("mV", doc="membrane potential")
        w: Float[Array, "*batch unit"] = port("mV", doc="what drives v round: the current-like variable")

    class Out(Spikes):
        pass

    def slope(self, y: tuple[Any, ...], drive: Any = 0.0) -> tuple[Any, ...]:
        """The derivatives of ``y = (v, w)``, with R j as drive."""
        v, w = y
        b = self.dampen_factor
        return (self.omega * w + b * v) / self.tau_v, (b * w - self.omega * v + drive) / self.tau_w

    def check(self, *, dt: float) -> None:
        check_integration(self, type(self).slope, (0.0, 0.0), dt=dt)

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...] = ()) -> Any:
        return self.State(v=self.v0, w=self.w0, age=unborn(self.track_tols))

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        drive = self.resist_v * x.j
        v, w = integrate(self.integration_type, lambda y: self.slope(y, drive), (s.v, s.w), tick.dt)
        spikes = up_crossing(s.v, v, self.thr, self.surrogate)
        fired = spikes > 0
        if self.spike_reset:
            v, w = jnp.where(fired, self.v_reset, v), jnp.where(fired, self.w_reset, w)
        age, tols = timed(s.age, fired, tick)
        return self.State(v=v, w=w, age=age), self.Out(s=spikes, tols=tols)
