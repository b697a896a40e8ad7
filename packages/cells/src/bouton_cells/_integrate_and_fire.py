"""What the integrate-and-fire cells share: refractory time, adaptive threshold, winners, reset. They add dv/dt."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
from bouton import (
    Arctan,
    CircuitError,
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

from ._refractory import is_over, last_spike, renewed


class IntegrateAndFire(Component):
    """A potential that grows with the current, a threshold that each spike raises, and a reset.

    A subclass adds parameters and `slope`, and documents all of it.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    tau_m: Param = parameter(default=20.0, unit="ms", gt=0, dims="unit", doc="membrane time constant")
    resist_m: Param = parameter(default=1.0, gt=0, dims="unit", doc="membrane resistance R [mV per unit of current]")
    thr: Param = parameter(default=-52.0, unit="mV", dims="unit", doc="threshold, without adaptation")
    v_rest: Param = parameter(default=-65.0, unit="mV", dims="unit", doc="resting potential")
    v_reset: Param = parameter(default=-60.0, unit="mV", dims="unit", doc="potential after a spike")
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
    integration_type: str = static(default="euler", doc="how v is advanced: the name of an integrator")
    one_spike: bool = static(default=False, doc="let one of the spikes out, drawn at random")
    k_winners: int | None = static(
        default=None, doc="let so many spikes out, those furthest above threshold; None: all of them"
    )
    winners_axis: int | None = static(
        default=None, doc="axis of a map in which `k_winners` compete; None: the whole population"
    )
    wta_scope: Literal["output", "state"] = static(
        default="output", doc="whether units whose spike is not let out are reset, or stay as they are"
    )
    surrogate: Surrogate = Arctan()

    class In(Ports):
        j: Float[Array, "*batch unit"] = port(reduce="sum", default=0.0, doc="input current")
        thr_shift: Float[Array, "*batch unit"] = port(
            "mV", reduce="sum", default=0.0, doc="what homeostasis adds to the threshold"
        )

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
        s_raw: Float[Array, "*batch unit"] = port(
            spikes=True, doc="spikes before `one_spike` or `k_winners` choose among them"
        )
        v_thr: Float[Array, "*batch unit"] = port("mV", doc="threshold of this step")
        tols: Float[Array, "*batch unit"] = port("ms", doc="time of the last spike, minus infinity before the first")

    def slope(self, y: tuple[Any, ...], drive: Any = 0.0) -> tuple[Any, ...]:
        """dv/dt [mV/ms] at ``y = (v,)``, with R j [mV] as drive."""
        raise NotImplementedError(f"{type(self).__name__} does not define slope(y, drive).")

    def check(self, *, dt: float) -> None:
        if self.one_spike and self.k_winners is not None:
            raise CircuitError("one_spike and k_winners exclude each other: choose one.")
        shape = self.n_units if isinstance(self.n_units, tuple) else (self.n_units,)
        if self.k_winners is not None and self.k_winners < 1:
            raise CircuitError(f"k_winners must be at least 1, got {self.k_winners}. Use None to let all spikes out.")
        if self.winners_axis is not None and not 0 <= self.winners_axis < len(shape):
            axes = ", ".join(map(str, range(len(shape))))
            raise CircuitError(
                f"winners_axis must be an axis of n_units={self.n_units}, one of {axes}, got {self.winners_axis}."
            )
        check_integration(self, type(self).slope, (self.v_rest,), dt=dt)

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...] = ()) -> Any:
        return self.State(v=self.v_rest, rfr=jnp.asarray(jnp.inf), thr_theta=None if self.theta_plus is None else 0.0)

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        ready = is_over(s.rfr, self.refract_time, tick.dt)
        drive = jnp.where(ready, self.resist_m * x.j, 0.0)
        (v,) = integrate(self.integration_type, lambda y: self.slope(y, drive), (s.v,), tick.dt)
        if self.refractory == "clamp":
            v = jnp.where(ready, v, s.v)
        thr = self.thr + x.thr_shift
        if self.theta_plus is not None:
            thr = thr + s.thr_theta
        over = v - thr
        s_raw = spike(over, self.surrogate)
        out = s_raw * self._let_out(s_raw, over, tick)
        resets = s_raw if self.wta_scope == "output" else out
        fired = resets > 0
        v = jnp.where(fired, self.v_reset, v)
        theta = s.thr_theta
        if self.theta_plus is not None:
            theta = theta * jnp.exp(-tick.dt / self.tau_theta) + self.theta_plus * resets
        rfr = renewed(s.rfr, fired, tick.dt)
        state = self.State(v=v if self.v_min is None else jnp.maximum(v, self.v_min), rfr=rfr, thr_theta=theta)
        v_thr = jnp.broadcast_to(thr, v.shape)
        return state, self.Out(s=out, s_raw=s_raw, v_thr=v_thr, tols=last_spike(rfr, tick))

    def _let_out(self, s_raw: jax.Array, over: jax.Array, tick: Tick) -> Any:
        """1.0 for units whose spike is let out."""
        if self.one_spike:
            return _largest(s_raw * jax.random.uniform(tick.key, s_raw.shape, minval=0.5), 1)
        if self.k_winners is None:
            return 1.0
        if self.winners_axis is None:
            return _largest(over, self.k_winners)
        shape = self.n_units if isinstance(self.n_units, tuple) else (self.n_units,)
        lanes = over.shape[:-1]
        among = jnp.moveaxis(over.reshape(*lanes, *shape), len(lanes) + self.winners_axis, -1)
        chosen = jnp.moveaxis(_largest(among, self.k_winners), -1, len(lanes) + self.winners_axis)
        return chosen.reshape(over.shape)


def _largest(score: jax.Array, k: int) -> jax.Array:
    """1.0 for the k largest along the last axis, of equals for the first."""
    n = score.shape[-1]
    if k == 1:  # reductions take a fraction of the time of a sort
        places = jnp.arange(n)
        first = jnp.where(score == score.max(-1, keepdims=True), places, n).min(-1, keepdims=True)
        return jnp.where(places == first, 1.0, 0.0).astype(score.dtype)
    best = jax.lax.top_k(score, min(k, n))[1]
    return jnp.put_along_axis(jnp.zeros_like(score), best, 1.0, axis=-1, inplace=False)
