"""WTASCell: winner-take-all neurons, which compete by a softmax."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from bouton import Arctan, Component, Param, Ports, Surrogate, Tick, parameter, port, spike, static
from jaxtyping import Array, Float

from ._refractory import is_over, last_spike, renewed
from ._thresholds import LEAST, balanced, jittered


class WTASCell(Component):
    r"""Winner-take-all spiking cells (Tavanaei, Masquelier & Maida, 2018).

    .. math::
        v = R\,j, \qquad p_i = \frac{e^{v_i}}{\sum_k e^{v_k}}, \qquad \text{spike if } p_i > \text{thr}_i

    where the sum is over the units that are not refractory; a refractory one has :math:`p = 0`, for ``refract_time``
    (rounded up to whole steps). While all thresholds are above 1/2, not more than one unit can spike in a step.

    Thresholds start at ``thr_base`` with a uniform jitter. They drive the population to one spike per ms:

    .. math::
        \text{thr} \leftarrow \max\!\Big(\text{thr} + g \big(\textstyle\sum_k s_k - dt\big),\ 0.025\Big)

    with dt in ms and the gain g, ``thr_gain``. They persist: they are one for all samples of a batch (their mean),
    survive a reset, and stay as they are without learning.

    With ``tau_m`` the potential integrates instead,

    .. math:: \tau_m \frac{dv}{dt} = R\,j

    from 0, but not in refractory units. It is a race: the first to spike wins it, and all units of the sample start
    again at 0. For constant currents only differences count. Of two units the one with the larger current spikes after
    :math:`\frac{\tau_m}{R\,|j_1 - j_2|} \ln\frac{\text{thr}}{1 - \text{thr}}` ms, where thr > 1/2. (A potential that
    grows at a constant rate is exact with every integrator, so there is none to choose.)
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    tau_m: Param | None = parameter(
        default=None, unit="ms", gt=0, dims="unit", doc="membrane time constant; None: v = R j at once"
    )
    resist_m: Param = parameter(default=1.0, gt=0, dims="unit", doc="membrane resistance R [v per unit of current]")
    thr_base: Param = parameter(default=0.4, gt=0, lt=1, dims="unit", doc="threshold at the start, without jitter")
    thr_gain: Param = parameter(default=0.002, unit="1/ms", ge=0, doc="rate at which thresholds balance the population")
    refract_time: Param = parameter(default=1.0, unit="ms", ge=0, dims="unit", doc="refractory time")
    thr_jitter: Param = parameter(default=0.05, ge=0, dims="unit", doc="half width of the thresholds' distribution")
    surrogate: Surrogate = Arctan()

    class In(Ports):
        j: Float[Array, "*batch unit"] = port(reduce="sum", default=0.0, doc="input current")

    class State(Ports):
        v: Float[Array, "*batch unit"] | None = port(only_if="tau_m", doc="membrane potential")
        rfr: Float[Array, "*batch unit"] = port(
            "ms", doc="time since the step of the last spike, infinite before the first"
        )
        thr: Float[Array, " unit"] = port(persist=True, doc="threshold")

    class Out(Ports):
        s: Float[Array, "*batch unit"] = port(spikes=True, doc="emitted spikes")
        v: Float[Array, "*batch unit"] | None = port(only_if="memoryless", doc="membrane potential, 0 while refractory")
        p: Float[Array, "*batch unit"] = port(doc="share of the unit, the softmax of v")
        tols: Float[Array, "*batch unit"] = port("ms", doc="time of the last spike, minus infinity before the first")

    @property
    def memoryless(self) -> bool:
        """Whether the potential is that of the current at once."""
        return self.tau_m is None

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...] = ()) -> Any:
        thr = jittered(self.thr_base, self.thr_jitter, self.dims()["unit"], key)
        zeros = super().init(key=key, dt=dt, batch=batch)
        return zeros.replace(rfr=jnp.asarray(jnp.inf), thr=jnp.maximum(thr, LEAST))

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        ready = is_over(s.rfr, self.refract_time, tick.dt)
        v = jnp.where(ready, self.resist_m * x.j, 0.0)
        if self.tau_m is not None:
            v = s.v + v * tick.dt / self.tau_m
        lowest = jnp.finfo(v.dtype).min  # not -inf: where all units are refractory, the softmax would be NaN
        p = jnp.where(ready, jax.nn.softmax(jnp.where(ready, v, lowest), axis=-1), 0.0)
        out = spike(p - s.thr, self.surrogate)
        fired = out > 0
        again = fired.any(axis=-1, keepdims=True)
        rfr = renewed(s.rfr, fired, tick.dt)
        state = self.State(
            v=None if self.tau_m is None else jnp.where(again, 0.0, v),
            rfr=rfr,
            thr=balanced(s.thr, fired, self.thr_gain, tick.dt),
        )
        return state, self.Out(s=out, v=v if self.tau_m is None else None, p=p, tols=last_spike(rfr, tick))
