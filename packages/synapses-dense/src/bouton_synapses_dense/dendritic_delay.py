"""DendriticDelay: the way from a synapse to the soma takes time."""

from __future__ import annotations

from typing import Any

from bouton import Arriving, CircuitError, Instant, Param, Ports, Tick, Transmission, parameter, part, port, static

from . import _ring
from ._inner import unit_of_inner


class DendriticDelay(Transmission):
    r"""What arrives at a post-synaptic unit acts `ms` milliseconds later; then it passes through another transmission.

    .. math:: \text{current}_j = \text{then}\big(\text{sums}_j(t - d_j)\big)

    Delays are rounded to the nearest whole step: below dt/2 there is none. They add up with those of `AxonalDelay` and
    of ``bouton.delayed`` on the wire. The compartments of `then` keep their names: ``<synapse>.transmission.g``.

    Raises `CircuitError` for delays that are negative, not finite or beyond `longest`.
    """

    ms: Param = parameter(unit="ms", ge=0, dims="post", doc="delay of each post-synaptic unit, or of all")
    then: Transmission = Instant()
    longest: float | None = static(default=None, doc="longest delay [ms]; None: that of ms, where it is known")

    class In(Ports):
        then: Any = part(flat=True)

    class State(Ports):
        ring: Any = port(doc="past sums (lag, *batch, *post), by step number modulo the number of rows")
        then: Any = part(flat=True)

    class Out(Ports):
        then: Any = part(flat=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        vars(self)["longest"] = _ring.longest_of("DendriticDelay", self.ms, self.longest)
        vars(self)["unit"] = unit_of_inner(self, "then")
        if isinstance(self.then, DendriticDelay):
            raise CircuitError(
                f"DendriticDelay.then must not be another delay, got {self.then!r}: add the two up in one."
            )

    def check(self, *, dt: float) -> None:
        _ring.check_delays(self.ms, self.longest)

    def init(self, topology: Any, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        ring = _ring.empty(self.longest, dt, batch + topology.size("post"))
        return self.State(ring=ring, then=self.then.init(topology, key=key, dt=dt, batch=batch))

    def advance(self, s: Any, arriving: Arriving, x: Any, tick: Tick) -> tuple[Any, Any]:
        ring = _ring.written(s.ring, arriving(), tick)
        late = Arriving.of(_ring.read(ring, self.ms, tick))
        then, current = self.then.advance(s.then, late, x.then, tick)
        return self.State(ring=ring, then=then), current

    def out(self, s: Any) -> Any:
        return self.Out(then=self.then.out(s.then))

    def rebase(self, s: Any, steps: int) -> Any:
        return self.State(ring=_ring.turned(s.ring, steps), then=self.then.rebase(s.then, steps))
