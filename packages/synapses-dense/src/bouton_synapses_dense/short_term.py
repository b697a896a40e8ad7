"""Short-term plasticity of Tsodyks and Markram: facilitation and depression by what has been released before."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from bouton import Param, Ports, Release, Tick, parameter, port
from jaxtyping import Array, Float

from ._per_edge import PerEdge


class TsodyksMarkram(Release):
    r"""Each pre-synaptic unit has resources x, of which each spike releases the fraction u.

    .. math:: \tau_f\,\frac{du}{dt} = -u, \qquad \tau_d\,\frac{dx}{dt} = 1 - x, \qquad
        \text{at a spike}\quad u \leftarrow u + U (1 - u), \quad \text{sums} \mathrel{+}= w\,u\,x, \quad
        x \leftarrow x - u x

    in this order (Tsodyks, Pawelzik & Markram, 1998; Mongillo, Barak & Tsodyks, 2008). The decay between spikes is
    exact for any step length. With a spike every :math:`\Delta` ms the values at a spike settle at

    .. math:: u^* = \frac{U}{1 - (1 - U)\,e^{-\Delta/\tau_f}}, \qquad
        x^* = \frac{1 - e^{-\Delta/\tau_d}}{1 - (1 - u^*)\,e^{-\Delta/\tau_d}}

    Small U and :math:`\tau_f \gg \tau_d` facilitate, large U and :math:`\tau_d \gg \tau_f` depress. Without
    facilitation (``tau_f=None``) u is always U, without depression (``tau_d=None``) x is always 1; there is no such
    compartment then.

    A graded value s of `pre` is handed on as :math:`s\,u\,x`, and changes u and x by that part, at most 1 and at least
    0, of what a spike would: the mean over spikes that come with the probability s. Plasticity sees `pre` itself.
    """

    U: Param = parameter(default=0.15, ge=0, le=1, dims="pre", doc="fraction that a first spike releases")
    tau_f: Param | None = parameter(
        default=750.0, unit="ms", gt=0, dims="pre", doc="time constant of facilitation; None: no facilitation"
    )
    tau_d: Param | None = parameter(
        default=50.0, unit="ms", gt=0, dims="pre", doc="time constant of depression; None: no depression"
    )

    class State(Ports):
        u: Float[Array, "*batch pre"] = port(only_if="tau_f", doc="fraction that the last spike released, decaying")
        x: Float[Array, "*batch pre"] = port(only_if="tau_d", doc="resources left")

    def init(self, topology: Any, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        return _rested(self, super().init(topology, key=key, dt=dt, batch=batch))

    def advance(self, s: Any, topology: Any, w: Any, pre: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        s, released = _released(self, s, pre, tick.dt)
        return s, topology.apply(w, released)


class TsodyksMarkramPerEdge(PerEdge):
    """`TsodyksMarkram` with resources and parameters for each synapse: u and x have the dims of the weights.

    Only worth its memory where the parameters differ between the synapses of one unit: otherwise all of them do the
    same. Raises `CircuitError` where weights are shared between synapses.
    """

    U: Param = parameter(default=0.15, ge=0, le=1, dims="weights", doc="fraction that a first spike releases")
    tau_f: Param | None = parameter(
        default=750.0, unit="ms", gt=0, dims="weights", doc="time constant of facilitation; None: no facilitation"
    )
    tau_d: Param | None = parameter(
        default=50.0, unit="ms", gt=0, dims="weights", doc="time constant of depression; None: no depression"
    )

    class State(Ports):
        u: Float[Array, "*batch weights"] = port(only_if="tau_f", doc="fraction that the last spike released, decaying")
        x: Float[Array, "*batch weights"] = port(only_if="tau_d", doc="resources left")

    def init(self, topology: Any, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        return _rested(self, super().init(topology, key=key, dt=dt, batch=batch))

    def released(self, s: Any, arriving: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        return _released(self, s, arriving, tick.dt)


def _rested(model: TsodyksMarkram | TsodyksMarkramPerEdge, silent: Any) -> Any:
    """The state after a long silence, from one of zeros."""
    return silent if model.tau_d is None else silent.replace(x=1.0)


def _released(model: TsodyksMarkram | TsodyksMarkramPerEdge, s: Any, spikes: Any, dt: float) -> tuple[Any, Any]:
    """The state after this step's spikes, and what they release."""
    part, u, x = jnp.clip(spikes, 0.0, 1.0), model.U, 1.0
    if model.tau_f is not None:
        before = s.u * jnp.exp(-dt / model.tau_f)
        u = before + model.U * (1.0 - before)
        s = s.replace(u=before + part * (u - before))
    if model.tau_d is not None:
        x = 1.0 + (s.x - 1.0) * jnp.exp(-dt / model.tau_d)
        s = s.replace(x=x - part * u * x)
    return s, spikes * u * x
