"""LIFCell: leaky integrate-and-fire neurons with an adaptive threshold."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from bouton import (
    Arctan,
    CircuitError,
    Component,
    Initialiser,
    Param,
    Ports,
    Surrogate,
    Tick,
    parameter,
    port,
    spike,
    static,
)
from jaxtyping import Array, Float


class LIFCell(Component):
    r"""Leaky integrate-and-fire cells with an adaptive threshold (Diehl & Cook, 2015).

    By default each spike raises the threshold, and with ``tau_theta`` of 1e7 ms it practically never recovers, so that
    rates fall over a long run. ``theta_plus=None`` gives the plain leaky integrate-and-fire cell.

    .. math::
        \tau_m \frac{dv}{dt} &= g_L (v_\text{rest} - v) + R\,j
        \qquad\text{spike if } v > \text{thr} + \theta,\ \text{then } v \leftarrow v_\text{reset} \\
        \tau_\theta \frac{d\theta}{dt} &= -\theta
        \qquad\qquad\qquad\quad\,\text{on a spike } \theta \leftarrow \theta + \theta_+

    After a spike the cell takes no current for ``refract_time`` (rounded up to whole steps). Meanwhile the leak goes
    on, or, with ``refractory="clamp"``, v is held at ``v_reset``. A spike raises the threshold from the next step on.
    With a constant current, ``refractory="clamp"`` and no adaptation the cell fires every
    :math:`T_\text{ref} + \tau_m \ln\frac{R j + v_\text{rest} - v_\text{reset}}{R j + v_\text{rest} - \text{thr}}` ms
    (for :math:`g_L = 1`; Gerstner et al., 2014).

    ``one_spike`` lets at most one spike per sample out of the population: one of the spiking units, drawn at random;
    ``max_one_spike`` that which is furthest above its threshold. The others are reset and adapt all the same, or, with
    ``wta_scope="state"``, go on as if they had not reached their threshold.

    Raises `CircuitError` for ``one_spike`` together with ``max_one_spike``, and for a step longer than
    :math:`\tau_m / g_L` with Euler's method.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    tau_m: Param = parameter(default=20.0, unit="ms", gt=0, dims="unit", doc="membrane time constant")
    resist_m: Param = parameter(default=1.0, gt=0, dims="unit", doc="membrane resistance R [mV per unit of current]")
    thr: Param = parameter(default=-52.0, unit="mV", dims="unit", doc="threshold, without adaptation")
    v_rest: Param = parameter(default=-65.0, unit="mV", dims="unit", doc="resting potential")
    v_reset: Param = parameter(default=-60.0, unit="mV", dims="unit", doc="potential after a spike")
    conduct_leak: Param = parameter(default=1.0, ge=0, dims="unit", doc="leak conductance g_L; 0 makes an integrator")
    tau_theta: Param = parameter(
        default=1e7, unit="ms", gt=0, infinite=True, dims="unit", doc="time constant of the threshold's adaptation"
    )
    theta_plus: Param | None = parameter(
        default=0.05, unit="mV", ge=0, dims="unit", doc="rise of the threshold on a spike; None: no adaptation"
    )
    refract_time: Param = parameter(default=5.0, unit="ms", ge=0, dims="unit", doc="refractory time")
    v_min: Param | None = parameter(default=None, unit="mV", dims="unit", doc="lowest potential; None: unbounded")
    refractory: Literal["current", "clamp"] = static(
        default="current", doc="what is blocked: input, or all change of v"
    )
    integration_type: Literal["euler", "exact"] = static(default="euler", doc="how v is advanced")
    one_spike: bool = static(default=False, doc="let one of the spikes out, drawn at random")
    max_one_spike: bool = static(default=False, doc="let the spike furthest above threshold out")
    wta_scope: Literal["output", "state"] = static(
        default="output", doc="whether units that `one_spike` silences are reset, or stay as they are"
    )
    surrogate: Surrogate = Arctan()

    class In(Ports):
        j: Float[Array, "*batch unit"] = port(reduce="sum", default=0.0, doc="input current")

    class State(Ports):
        v: Float[Array, "*batch unit"] = port("mV", doc="membrane potential")
        rfr: Float[Array, "*batch unit"] = port(
            "ms", doc="time since the step of the last spike, infinite before the first"
        )
        thr_theta: Float[Array, " unit"] = port(
            "mV", persist=True, only_if="theta_plus", doc="adaptation of the threshold"
        )

    class Out(Ports):
        s: Float[Array, "*batch unit"] = port(spikes=True, doc="emitted spikes")
        s_raw: Float[Array, "*batch unit"] = port(spikes=True, doc="spikes before `one_spike` chooses among them")
        v_thr: Float[Array, "*batch unit"] = port("mV", doc="threshold of this step")

    def check(self, *, dt: float) -> None:
        if self.one_spike and self.max_one_spike:
            raise CircuitError("one_spike and max_one_spike exclude each other: choose one.")
        given = (self.tau_m, self.conduct_leak)
        if self.integration_type == "exact" or any(isinstance(v, (jax.core.Tracer, Initialiser)) for v in given):
            return
        tau, leak = (np.asarray(v, np.float64) for v in given)
        with np.errstate(divide="ignore"):
            longest = np.min(tau / leak)
        if dt > longest * (1 + 1e-6):  # tau may have been rounded to float32
            name = "tau_m" if (leak == 1).all() else "tau_m / conduct_leak"
            raise CircuitError(
                f"a step of {dt:g} ms is too long for Euler with {name} = {longest:g} ms: "
                f'use dt <= {longest:g}, or integration_type="exact".'
            )

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...] = ()) -> Any:
        return self.State(v=self.v_rest, rfr=jnp.asarray(jnp.inf), thr_theta=None if self.theta_plus is None else 0.0)

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        dt = tick.dt
        blocked = jnp.ceil(self.refract_time / dt - 0.01)  # whole steps: half a step either way absorbs rounding
        ready = s.rfr > (blocked - 0.5) * dt
        v = self._integrate(s.v, jnp.where(ready, self.resist_m * x.j, 0.0), dt)
        if self.refractory == "clamp":
            v = jnp.where(ready, v, s.v)
        thr = self.thr if self.theta_plus is None else self.thr + s.thr_theta
        over = v - thr
        s_raw = spike(over, self.surrogate)
        out = s_raw
        if self.one_spike:
            out = s_raw * _one_hot(s_raw * jax.random.uniform(tick.key, s_raw.shape, minval=0.5))
        elif self.max_one_spike:
            out = s_raw * _one_hot(over)
        resets = s_raw if self.wta_scope == "output" else out
        fired = resets > 0
        v = jnp.where(fired, self.v_reset, v)
        theta = s.thr_theta
        if self.theta_plus is not None:
            theta = theta * jnp.exp(-dt / self.tau_theta) + self.theta_plus * resets
        state = self.State(
            v=v if self.v_min is None else jnp.maximum(v, self.v_min),
            rfr=jnp.where(fired, 0.0, s.rfr + dt),
            thr_theta=theta,
        )
        return state, self.Out(s=out, s_raw=s_raw, v_thr=jnp.broadcast_to(thr, v.shape))

    def _integrate(self, v: jax.Array, drive: jax.Array, dt: float) -> jax.Array:
        if self.integration_type == "euler":
            return v + dt / self.tau_m * (self.conduct_leak * (self.v_rest - v) + drive)
        rate = self.conduct_leak * dt / self.tau_m
        gain = jnp.where(rate > 0, -jnp.expm1(-rate) / jnp.where(rate > 0, rate, 1.0), 1.0)
        return v + gain * dt / self.tau_m * (self.conduct_leak * (self.v_rest - v) + drive)


def _one_hot(score: jax.Array) -> jax.Array:
    return jax.nn.one_hot(jnp.argmax(score, axis=-1), score.shape[-1], dtype=score.dtype)
