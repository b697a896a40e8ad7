"""Homeostasis: slow control of a cell's firing rate by its threshold, and of its potential by a current."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from bouton import CircuitError, Component, Initialiser, Param, Ports, Tick, parameter, port, static
from jax.core import Tracer
from jaxtyping import Array, Float


class ActivityHomeostasis(Component):
    r"""Raises the threshold of cells that fire too often, and lowers that of cells that fire too rarely.

    At the end of each window of W ms, with n spikes in it,

    .. math:: \theta \leftarrow \theta + \eta\,(n - W f), \qquad \eta \leftarrow \kappa\,\eta

    so that a cell comes to fire at the target rate f. Wire ``cell.s`` to `s`, and the state `theta` to the shift of the
    threshold: ``{"homeostasis.s": "cell.s", "cell.thr_shift": "homeostasis.theta"}``.

    It settles where :math:`\eta\,W\,|df / d\theta| < 2`, with the slope of the cell's rate against its threshold, and
    without swings below 1. With a decay the changes end. (CoNeX counts 1 for a spike and -a / (W - a) for a step
    without one, a = W f; this is the same times 1 - f dt, which makes it independent of the step.)

    All states persist: they are those of the cells, not of a sample. n is the mean over the samples of a batch; a
    window goes on through a reset, and stands still without learning. It ends with the first step at or after W.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    rate: Param = parameter(default=10.0, unit="Hz", ge=0, dims="unit", doc="target rate f")
    window: Param = parameter(default=1000.0, unit="ms", gt=0, doc="time W between two changes")
    eta: Param = parameter(default=0.1, unit="mV", ge=0, dims="unit", doc="change of the threshold per spike too many")
    decay: Param | None = parameter(
        default=None, gt=0, le=1, doc="factor kappa on eta with each window; None: eta stays"
    )

    class In(Ports):
        s: Float[Array, "*batch unit"] = port(doc="spikes of the cells")

    class State(Ports):
        theta: Float[Array, " unit"] = port("mV", persist=True, doc="shift of the threshold")
        count: Float[Array, " unit"] = port(persist=True, doc="spikes in this window so far")
        elapsed: Float[Array, ""] = port(persist=True, doc="steps in this window so far")
        windows: Float[Array, ""] = port(persist=True, only_if="decay", doc="windows that have ended")

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        count = s.count + x.s.mean(tuple(range(len(tick.batch))))
        elapsed = s.elapsed + 1  # in steps: milliseconds would lose digits
        ends = elapsed * tick.dt >= self.window - tick.dt * 0.01
        change = self.eta * (count - self.rate * elapsed * (tick.dt * 1e-3))
        if self.decay is not None:
            change = change * self.decay**s.windows
            s = s.replace(windows=jnp.where(ends, s.windows + 1, s.windows))
        s = s.replace(
            theta=jnp.where(ends, s.theta + change, s.theta),
            count=jnp.where(ends, 0.0, count),
            elapsed=jnp.where(ends, 0.0, elapsed),
        )
        return s, self.Out()


class VoltageHomeostasis(Component):
    r"""Keeps potentials within a band, by a current that grows as long as they are outside (integral control).

    .. math::
        \frac{d\,\text{ex}}{dt} = \eta\,\big([v - v_\text{upper}]_+ - [v_\text{lower} - v]_+\big), \qquad
        j = -\frac{\tau_m}{R}\,\text{ex}

    The current changes a leaky cell by -ex mV per ms. Wire the state v of the cell to `v`, and j to the cell:
    ``{"homeostasis.v": "cell.v", "cell.j": "homeostasis.j"}``; parameters that both have must be the same. A cell that
    a constant current would hold outside the band ends at the limit of the band if
    :math:`\eta \le 1 / (4 \tau_m^2)`; a faster control swings, and ends somewhere within the band.

    ex persists: it is that of the cell, not of a sample. It follows the mean over the samples of a batch, survives a
    reset, and stays as it is without learning.

    Raises `CircuitError` unless :math:`v_\text{lower} \le v_\text{upper}`, and for a step at which the control of a
    leaky cell is unstable, :math:`dt \ge 1 / (\eta\,\tau_m)`.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    v_lower: Param = parameter(default=-70.0, unit="mV", dims="unit", doc="lower limit of the band")
    v_upper: Param = parameter(default=-60.0, unit="mV", dims="unit", doc="upper limit of the band")
    eta: Param = parameter(default=5e-4, unit="1/ms^2", ge=0, dims="unit", doc="speed of the control")
    tau_m: Param = parameter(default=20.0, unit="ms", gt=0, dims="unit", doc="membrane time constant of the cell")
    resist_m: Param = parameter(
        default=1.0, gt=0, dims="unit", doc="membrane resistance R of the cell [mV per unit of current]"
    )

    class In(Ports):
        v: Float[Array, "*batch unit"] = port("mV", doc="potential of the cell")

    class State(Ports):
        ex: Float[Array, " unit"] = port("mV/ms", persist=True, doc="how fast the potential is drawn down")

    class Out(Ports):
        j: Float[Array, "*batch unit"] = port(doc="current for the cell")

    def check(self, *, dt: float) -> None:
        given = (self.v_lower, self.v_upper, self.eta, self.tau_m)
        if any(isinstance(v, (Tracer, Initialiser)) for v in given):
            return
        lower, upper, eta, tau = (np.asarray(v, np.float64) for v in np.broadcast_arrays(*given))
        if (wrong := lower > upper).any():
            raise CircuitError(f"v_lower <= v_upper must hold, got {lower[wrong][0]:g} and {upper[wrong][0]:g} mV.")
        # In a step (v, ex) -> (q v - tau (1 - q) ex, ex + dt eta v), with q = 1 - dt / tau or e^(-dt / tau): the
        # determinant of this map is below 1 while dt eta tau < 1.
        if (fast := np.max(eta * tau)) * dt >= 1:
            raise CircuitError(
                f"a step of {dt:g} ms is too long for this control: use dt < 1 / (eta tau_m) = {1 / fast:g} ms, or a "
                "smaller eta."
            )

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        outside = jax.nn.relu(x.v - self.v_upper) - jax.nn.relu(self.v_lower - x.v)
        ex = s.ex + tick.dt * self.eta * outside.mean(tuple(range(len(tick.batch))))
        return self.State(ex=ex), self.Out(j=-s.ex * self.tau_m / self.resist_m)
