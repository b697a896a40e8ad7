"""Axonal delays: spikes take their time from the cell to its synapses."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from bouton import CircuitError, Param, Ports, Release, Tick, Topology, parameter, part, port, static
from jaxtyping import Array, Float

from . import _ring
from ._per_edge import PerEdge, sources, summed


class AxonalDelay(Release):
    r"""The spikes of a pre-synaptic unit arrive `ms` milliseconds later; then another release acts on them.

    .. math:: \text{delayed}_i(t) = \text{pre}_i(t - d_i), \qquad \text{sums} = B(w, \text{then}(\text{delayed}))

    Delays are rounded to the nearest whole step: below dt/2 there is none. They add up with those of `DendriticDelay`
    and of ``bouton.delayed`` on the wire. Plasticity sees the spikes when they arrive. The compartments of `then` keep
    their names: ``<synapse>.release.u``.

    The values of the last `longest` milliseconds are kept. That is the largest of `ms`, unless it is given: it has to
    be where `ms` is drawn from a distribution without an upper end, or is traced from the start. Raises `CircuitError`
    for delays that are negative, not finite, or beyond `longest`; delays that are traced give NaN there.
    """

    ms: Param = parameter(unit="ms", ge=0, dims="pre", doc="delay of each pre-synaptic unit, or of all")
    then: Release | None = None
    longest: float | None = static(default=None, doc="longest delay [ms]; None: that of ms, where it is known")

    class In(Ports):
        then: Any = part(flat=True)

    class State(Ports):
        ring: Any = port(doc="past values (lag, *batch, *pre), by step number modulo the number of rows")
        delayed: Float[Array, "*batch pre"] = port(doc="pre-synaptic values that arrive at the synapses")
        then: Any = part(flat=True)

    class Out(Ports):
        then: Any = part(flat=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.then, Release | None):
            raise CircuitError(f"AxonalDelay.then must be a release or None, got {self.then!r}.")
        if isinstance(self.then, AxonalDelay | AxonalDelayPerEdge):
            raise CircuitError(f"AxonalDelay.then must not be another delay, got {self.then!r}: add the two up in one.")
        vars(self)["longest"] = _ring.longest_of("AxonalDelay", self.ms, self.longest)

    def check(self, *, dt: float) -> None:
        _ring.check_delays(self.ms, self.longest)

    def check_topology(self, topology: Topology, plasticity: Any) -> None:
        if self.then is not None:
            self.then.check_topology(topology, plasticity)

    def init(self, topology: Topology, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        ring = _ring.empty(self.longest, dt, batch + topology.size("pre"))
        then = None if self.then is None else self.then.init(topology, key=key, dt=dt, batch=batch)
        return self.State(ring=ring, delayed=jnp.zeros(ring.shape[1:]), then=then)

    def advance(self, s: Any, topology: Topology, w: Any, pre: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        ring = _ring.written(s.ring, pre, tick)
        delayed = _ring.read(ring, self.ms, tick)
        if self.then is None:
            then, sums = None, topology.apply(w, delayed)
        else:
            then, sums = self.then.advance(s.then, topology, w, delayed, x.then, tick)
        return self.State(ring=ring, delayed=delayed, then=then), sums

    def seen(self, s: Any, pre: Any) -> Any:
        return s.delayed if self.then is None else self.then.seen(s.then, s.delayed)

    def out(self, s: Any) -> Any:
        return self.Out(then=None if self.then is None else self.then.out(s.then))

    def rebase(self, s: Any, steps: int) -> Any:
        then = None if self.then is None else self.then.rebase(s.then, steps)
        return s.replace(ring=_ring.turned(s.ring, steps), then=then)


class AxonalDelayPerEdge(PerEdge):
    r"""Each synapse has a delay of its own: the branches of an axon differ in length.

    .. math:: \text{sums}_j(t) = \sum_i w_{ij}\,\text{then}\big(\text{pre}_i(t - d_{ij})\big)

    As `AxonalDelay`, but `ms` has the dims of the weights, and `then` is a release that acts in each synapse. One
    history of the pre-synaptic units serves all synapses; each step reads a value of it for each weight.

    Raises `CircuitError` where weights are shared between synapses, and together with plasticity, which sees one value
    for each unit.
    """

    ms: Param = parameter(unit="ms", ge=0, dims="weights", doc="delay of each synapse, or of all")
    then: PerEdge | None = None
    longest: float | None = static(default=None, doc="longest delay [ms]; None: that of ms, where it is known")

    class In(Ports):
        then: Any = part(flat=True)

    class State(Ports):
        ring: Any = port(doc="past values (lag, *batch, *pre), by step number modulo the number of rows")
        then: Any = part(flat=True)

    class Out(Ports):
        then: Any = part(flat=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.then, PerEdge | None) or isinstance(self.then, AxonalDelayPerEdge):
            raise CircuitError(
                "AxonalDelayPerEdge.then must be a release that acts in each synapse, such as "
                f"TsodyksMarkramPerEdge(), or None, got {self.then!r}."
            )
        vars(self)["longest"] = _ring.longest_of("AxonalDelayPerEdge", self.ms, self.longest)

    def check(self, *, dt: float) -> None:
        _ring.check_delays(self.ms, self.longest)

    def check_topology(self, topology: Topology, plasticity: Any) -> None:
        super().check_topology(topology, plasticity)
        if plasticity is not None:
            raise CircuitError(
                "AxonalDelayPerEdge together with plasticity: a rule sees one pre-synaptic value for each unit, but "
                "here it would arrive at each synapse at another time. Use AxonalDelay, or leave the plasticity out."
            )

    def init(self, topology: Topology, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        ring = _ring.empty(self.longest, dt, batch + topology.size("pre"))
        then = None if self.then is None else self.then.init(topology, key=key, dt=dt, batch=batch)
        return self.State(ring=ring, then=then)

    def advance(self, s: Any, topology: Topology, w: Any, pre: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        ring = _ring.written(s.ring, pre, tick)
        arriving, then = _gathered(ring, sources(topology, w), _ring.slot(ring, self.ms, tick), len(tick.batch)), None
        if self.then is not None:
            then, arriving = self.then.released(s.then, arriving, x.then, tick)
        return self.State(ring=ring, then=then), summed(topology, w, arriving)

    def out(self, s: Any) -> Any:
        return self.Out(then=None if self.then is None else self.then.out(s.then))

    def rebase(self, s: Any, steps: int) -> Any:
        then = None if self.then is None else self.then.rebase(s.then, steps)
        return s.replace(ring=_ring.turned(s.ring, steps), then=then)


def _gathered(ring: jax.Array, unit: jax.Array, slot: jax.Array, axes: int) -> jax.Array:
    """The value of each edge's unit in its own row of the ring, behind `axes` axes of the batch."""
    flat = ring.reshape(*ring.shape[: 1 + axes], -1)
    found = flat.at[(slot, *[slice(None)] * axes, unit)].get(mode="fill", fill_value=jnp.nan)
    return jnp.moveaxis(found, range(unit.ndim), range(-unit.ndim, 0)) if axes else found
