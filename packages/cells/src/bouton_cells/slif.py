"""SLIFCell: simplified leaky integrate-and-fire neurons whose spikes have the slope of a firing rate."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from bouton import (
    CircuitError,
    Component,
    Param,
    Ports,
    SecantLIF,
    Tick,
    check_integration,
    integrate,
    parameter,
    port,
    static,
)
from jaxtyping import Array, Float

from ._refractory import is_over, last_spike, renewed
from ._thresholds import balanced, jittered


class SLIFCell(Component):
    r"""Simplified leaky integrate-and-fire cells (Samadi, Lillicrap & Tweed, 2017).

    .. math::
        \tau_m \frac{dv}{dt} = -v + J, \qquad J = R\,j - R_\text{inh} \sum_{i} w_{ij} \bar s_i
        \qquad\text{spike if } v > \text{thr},\ \text{then } v \leftarrow 0

    After a spike v stays at 0 for ``refract_time`` (rounded up to whole steps). With a constant current and no lateral
    inhibition the cell fires every :math:`T_\text{ref} + \tau_m \ln\frac{J}{J - \text{thr}}` ms. With
    ``sticky_spikes``, as in the paper, the output stays 1 all that time.

    **Slope.** A spike is differentiated by the current of its own step, whatever the state of the cell, as if its
    derivative were the secant estimate

    .. math:: \frac{\partial s}{\partial J} = c_1 c_2\, \mathrm{sech}^2(c_2 J)\ \text{for } J > 0,\ \text{else } 0,
        \qquad c_1 = 0.82,\ c_2 = 0.08

    which is the slope of :math:`c_1 \tanh(c_2 J)`, about the firing rate. It is also the output `surrogate`, for
    learning rules. By nothing else a spike is differentiated.

    **Lateral inhibition.** The weights w are drawn once, uniform on [0.025, 1), with no unit inhibiting itself, and
    persist. :math:`\bar s` is the output of the last step. Its spike acts for a step with the strength 1 ms / dt, what
    sticks to it with the strength 1; so the area does not depend on the step. There are n x n weights: for a large
    population choose ``resist_inh=None``, and wire inhibition through a synapse with a sparse topology.

    **Threshold.** Each unit has its own, ``thr`` with a uniform jitter that is drawn once and persists. Then

    .. math::
        \text{thr} \leftarrow \text{thr}\,(1 - \text{leak})^{dt} + \text{gain}\,s
        \qquad\text{or}\qquad
        \text{thr} \leftarrow \max\!\Big(\text{thr} + \rho_b \big(\textstyle\sum_i s_i - dt\big),\ 0.025\Big)

    with dt in ms: `thr_leak` is the part that is lost in 1 ms, and ``rho_b`` drives the population to one spike per ms.
    Each sample of a batch has thresholds of its own, and a reset ends the adaptation. With ``thr_persist`` they are one
    for all samples (their mean), survive a reset, and stay as they are without learning.

    Raises `CircuitError` for ``rho_b`` together with ``thr_gain`` or ``thr_leak``, for an unknown integrator, and for a
    step that is too long for it: with Euler's method, longer than :math:`\tau_m`.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    tau_m: Param = parameter(default=20.0, unit="ms", gt=0, dims="unit", doc="membrane time constant")
    resist_m: Param = parameter(default=1.0, gt=0, dims="unit", doc="membrane resistance R [v per unit of current]")
    thr: Param = parameter(default=0.4, dims="unit", doc="threshold at the start, without jitter")
    resist_inh: Param | None = parameter(
        default=6.0, ge=0, dims="unit", doc="strength of lateral inhibition R_inh; None: there is none"
    )
    thr_persist: bool = static(default=False, doc="whether the adaptation of thresholds survives a reset")
    thr_gain: Param | None = parameter(
        default=None, ge=0, dims="unit", doc="rise of a unit's threshold on its spike; None: it does not rise"
    )
    thr_leak: Param | None = parameter(
        default=None, unit="1/ms", ge=0, lt=1, dims="unit", doc="part of the threshold lost in 1 ms; None: nothing"
    )
    rho_b: Param | None = parameter(
        default=None, unit="1/ms", ge=0, doc="rate at which thresholds balance the population; None: they do not"
    )
    refract_time: Param = parameter(default=1.0, unit="ms", ge=0, dims="unit", doc="refractory time")
    sticky_spikes: bool = static(default=False, doc="whether the output stays 1 during the refractory time")
    thr_jitter: Param = parameter(default=0.05, ge=0, dims="unit", doc="half width of the thresholds' distribution")
    integration_type: str = static(default="euler", doc="how v is advanced: the name of an integrator")

    class In(Ports):
        j: Float[Array, "*batch unit"] = port(reduce="sum", default=0.0, doc="input current")

    class State(Ports):
        v: Float[Array, "*batch unit"] = port(doc="membrane potential, relative to rest")
        rfr: Float[Array, "*batch unit"] = port(
            "ms", doc="time since the step of the last spike, infinite before the first"
        )
        thr: Float[Array, " unit"] = port(persist=True, doc="threshold; with its adaptation, if that persists")
        thr_theta: Float[Array, "*batch unit"] | None = port(
            only_if="adapts_anew", doc="adaptation of the threshold since the last reset"
        )
        s_last: Float[Array, "*batch unit"] | None = port(only_if="resist_inh", doc="output of the last step")
        inh_weights: Float[Array, "from_unit unit"] | None = port(
            persist=True, only_if="resist_inh", doc="weights of the lateral inhibition"
        )

    class Out(Ports):
        s: Float[Array, "*batch unit"] = port(spikes=True, doc="emitted spikes")
        surrogate: Float[Array, "*batch unit"] = port(doc="derivative of s by J")
        v_thr: Float[Array, "*batch unit"] = port(doc="threshold of this step")
        tols: Float[Array, "*batch unit"] = port("ms", doc="time of the last spike, minus infinity before the first")

    @property
    def adapts(self) -> bool:
        """Whether thresholds change."""
        return any(v is not None for v in (self.thr_gain, self.thr_leak, self.rho_b))

    @property
    def adapts_anew(self) -> bool:
        """Whether what has become of thresholds ends with a reset."""
        return self.adapts and not self.thr_persist

    def dims(self) -> dict[str, Any]:
        n = super().dims()["unit"]
        return {"unit": n, "from_unit": n}

    def slope(self, y: tuple[Any, ...], current: Any = 0.0) -> tuple[Any, ...]:
        """dv/dt [1/ms] at ``y = (v,)``."""
        return ((current - y[0]) / self.tau_m,)

    def check(self, *, dt: float) -> None:
        if self.rho_b is not None and (self.thr_gain is not None or self.thr_leak is not None):
            raise CircuitError("rho_b replaces thr_gain and thr_leak: give either rho_b, or one of these or both.")
        check_integration(self, type(self).slope, (0.0,), dt=dt)

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...] = ()) -> Any:
        n, (of_thr, of_weights) = self.dims()["unit"], jax.random.split(key)
        inhibits = self.resist_inh is not None
        weights = jax.random.uniform(of_weights, (n, n), minval=0.025) * (1.0 - jnp.eye(n)) if inhibits else None
        zeros, thr = super().init(key=key, dt=dt, batch=batch), jittered(self.thr, self.thr_jitter, n, of_thr)
        return zeros.replace(rfr=jnp.asarray(jnp.inf), thr=thr, inh_weights=weights)

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        ready = is_over(s.rfr, self.refract_time, tick.dt)
        current = self.resist_m * x.j
        if self.resist_inh is not None:
            strength = jnp.where(s.rfr == 0, 1.0 / tick.dt, 1.0)
            current = current - self.resist_inh * ((s.s_last * strength) @ s.inh_weights)
        (v,) = integrate(self.integration_type, lambda y: self.slope(y, current), (s.v,), tick.dt)
        thr = s.thr + s.thr_theta if self.adapts_anew else jnp.broadcast_to(s.thr, v.shape)
        fired = ready & (v > thr)
        surrogate = SecantLIF()(current)
        out = _differing(jnp.where(fired | ~ready if self.sticky_spikes else fired, 1.0, 0.0), current, surrogate)
        rfr = renewed(s.rfr, fired, tick.dt)
        changed = self._adapted(thr, fired, tick.dt)
        state = self.State(
            v=jnp.where(ready, jnp.where(fired, 0.0, v), s.v),
            rfr=rfr,
            thr=changed if self.adapts and self.thr_persist else s.thr,
            thr_theta=changed - s.thr if self.adapts_anew else None,
            s_last=None if self.resist_inh is None else out,
            inh_weights=s.inh_weights,
        )
        return state, self.Out(s=out, surrogate=surrogate, v_thr=thr, tols=last_spike(rfr, tick))

    def _adapted(self, thr: jax.Array, fired: jax.Array, dt: float) -> jax.Array:
        """The thresholds after this step."""
        if self.rho_b is not None:
            return balanced(thr, fired, self.rho_b, dt)
        if self.thr_leak is not None:
            thr = thr * (1 - self.thr_leak) ** dt
        return thr if self.thr_gain is None else thr + jnp.where(fired, self.thr_gain, 0.0)


@jax.custom_jvp
def _differing(s: jax.Array, current: jax.Array, slope: jax.Array) -> jax.Array:
    """s, with the derivative `slope` by the current, and none by anything else."""
    return s


@_differing.defjvp
def _(primals: Any, tangents: Any) -> tuple[Any, Any]:
    s, current, slope = primals
    return _differing(s, current, slope), slope * tangents[1]
