"""Trace: an exponentially fading memory of spikes."""

from __future__ import annotations

from typing import Any, Literal

import jax.numpy as jnp
from bouton import Component, Param, Ports, Tick, parameter, port, static
from jaxtyping import Array, Float


class Trace(Component):
    r"""An exponentially fading memory of spikes, of which plasticity is made (Morrison, Diesmann & Gerstner, 2008).

    .. math::
        \tau\,\frac{dx}{dt} = -x, \qquad \text{on a spike}\quad x \leftarrow x + a - \frac{x}{n}

    - ``n_nearest=None``, for an infinite n: every spike adds a, and all spikes count. At a rate f the trace is
      :math:`a f \tau` in the mean.
    - ``n_nearest=1``: every spike sets the trace to a, so that the last one alone counts.
    - ``n_nearest=n``: about the last n spikes count; the trace saturates at :math:`n a`.

    Spikes at regular intervals T lead to :math:`a / (1 - (1 - 1/n) e^{-T/\tau})` after each spike. Decay is exact,
    so none of this depends on the step.

    The output is the trace *before* this step's spike has entered it, so that pre- and post-synaptic spikes in one
    step do not pair; with ``read="after"`` it is in it. In between, both are the same. The state is the trace after it.
    Values other than 0 and 1 may come in, too: they scale what a spike does.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    tau_tr: Param = parameter(default=20.0, unit="ms", gt=0, infinite=True, dims="unit", doc="time constant")
    a_delta: Param = parameter(default=1.0, dims="unit", doc="what a spike adds, a")
    n_nearest: Param | None = parameter(
        default=None, ge=1, dims="unit", doc="how many of the last spikes count; None: all of them"
    )
    read: Literal["before", "after"] = static(default="before", doc="whether the output holds this step's spike yet")

    class In(Ports):
        s: Float[Array, "*batch unit"] = port(doc="spikes")

    class State(Ports):
        x: Float[Array, "*batch unit"] = port(doc="trace after this step's spike")

    class Out(Ports):
        trace: Float[Array, "*batch unit"] = port(doc="trace before or after this step's spike, as `read` says")

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        before = s.x * jnp.exp(-tick.dt / self.tau_tr)
        jump = self.a_delta if self.n_nearest is None else self.a_delta - before / self.n_nearest
        after = before + jump * x.s
        return self.State(x=after), self.Out(trace=before if self.read == "before" else after)
