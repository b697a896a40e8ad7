"""FitzhughNagumoCell: excitability in two variables."""

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


class FitzhughNagumoCell(Component):
    r"""FitzHugh-Nagumo cells (FitzHugh, 1961, Biophys. J. 1, 445; Nagumo et al., 1962, Proc. IRE 50, 2061).

    .. math::
        \tau_m \frac{dv}{dt} &= v - \frac{v^3}{\gamma} - w + R\,j \\
        \tau_w \frac{dw}{dt} &= v + \alpha - \beta w

    v stands for the membrane potential and the activation of sodium channels, w for what ends an action potential: the
    inactivation of sodium channels, and potassium. Both are without units. With the default parameters the cell rests
    at v = -1.20, w = -0.62 without input, and fires for ever with currents of about 0.33 to 1.42.

    A cell spikes in the step in which v comes to lie above ``v_thr``, once for each action potential. With
    ``spike_reset`` a spike sets v and w to ``v0`` and ``w0``, where they also start.

    Beyond :math:`|v| = \sqrt{8 \gamma / 3}` (2.83 by default, action potentials stay within 2.2) the cubic goes on as a
    straight line with its slope there, -7: so no input, however large, makes numbers overflow. The two equations are
    advanced together.

    Raises `CircuitError` for an unknown integrator, and for a step that is too long on that line: with Euler's method,
    longer than about :math:`\tau_m / 7`.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    tau_m: Param = parameter(default=1.0, unit="ms", gt=0, dims="unit", doc="time constant of v")
    resist_m: Param = parameter(default=1.0, gt=0, dims="unit", doc="membrane resistance R, a factor of the current")
    tau_w: Param = parameter(default=12.5, unit="ms", gt=0, dims="unit", doc="time constant of the recovery")
    alpha: Param = parameter(default=0.7, dims="unit", doc="shift of the recovery")
    beta: Param = parameter(default=0.8, ge=0, dims="unit", doc="decay of the recovery")
    gamma: Param = parameter(default=3.0, gt=0, dims="unit", doc="divisor of the cubic term")
    v0: Param = parameter(default=0.0, dims="unit", doc="v at the start, and after a spike if it is set back")
    w0: Param = parameter(default=0.0, dims="unit", doc="w at the start, and after a spike if it is set back")
    v_thr: Param = parameter(default=1.07, dims="unit", doc="v above which there is a spike")
    spike_reset: bool = static(default=False, doc="set v and w back on a spike")
    integration_type: str = static(default="euler", doc="how the equations are advanced: the name of an integrator")
    track_tols: bool = static(default=False, doc="whether the time of the last spike is kept")
    surrogate: Surrogate = Arctan()

    class In(Ports):
        j: Float[Array, "*batch unit"] = port(reduce="sum", default=0.0, doc="input current")

    class State(Aged):
        v: Float[Array, "*batch unit"] = port(doc="membrane potential")
        w: Float[Array, "*batch unit"] = port(doc="recovery")

    class Out(Spikes):
        pass

    def slope(self, y: tuple[Any, ...], drive: Any = 0.0) -> tuple[Any, ...]:
        """The derivatives of ``y = (v, w)``, with R j as drive."""
        v, w = y
        edge = jnp.sqrt(8.0 / 3.0 * self.gamma)
        inner = jnp.clip(v, -edge, edge)
        cubic = inner - inner**3 / self.gamma - 7.0 * (v - inner)
        return (cubic - w + drive) / self.tau_m, (v + self.alpha - self.beta * w) / self.tau_w

    def check(self, *, dt: float) -> None:
        rest, beyond = (-1.2, -0.62), (1e6, 0.0)  # v is fastest where the cubic has become a line
        check_integration(self, type(self).slope, rest, beyond, dt=dt)

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...] = ()) -> Any:
        return self.State(v=self.v0, w=self.w0, age=unborn(self.track_tols))

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        drive = self.resist_m * x.j
        v, w = integrate(self.integration_type, lambda y: self.slope(y, drive), (s.v, s.w), tick.dt)
        spikes = up_crossing(s.v, v, self.v_thr, self.surrogate)
        fired = spikes > 0
        if self.spike_reset:
            v, w = jnp.where(fired, self.v0, v), jnp.where(fired, self.w0, w)
        age, tols = timed(s.age, fired, tick)
        return self.State(v=v, w=w, age=age), self.Out(s=spikes, tols=tols)
