"""What happens before and after a synapse's map: release (of transmitter) and transmission (of the current)."""

from __future__ import annotations

from typing import Any

from ._describe import zeros
from ._module import Part, Tick, static


class Release(Part):
    """What happens to pre-synaptic values before the map: short-term plasticity, stochastic release, delays.

    Its ports have the dims ``pre``; they appear as ``<synapse>.release.<name>``.
    """

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        """The state before the first step; default zeros."""
        return zeros(self)

    def advance(self, s: Any, pre: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        """``(state, pre-synaptic values, own inputs, tick) -> (state, released)``."""
        raise NotImplementedError(f"{type(self).__name__} does not define advance(s, pre, x, tick).")


class Transmission(Part):
    """What happens to the sums after the map: the time course of the current, or of a conductance.

    Its ports have the dims ``post``; they appear as ``<synapse>.transmission.<name>``. A kernel decays first, then
    adds what arrives, so that a spike acts in full in the step in which it arrives.
    """

    unit: str = static(default="1", doc="unit of the current that comes out", kw_only=True)

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        """The state before the first step; default zeros."""
        return zeros(self)

    def advance(self, s: Any, arriving: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        """``(state, sums that arrive, own inputs, tick) -> (state, current)``."""
        raise NotImplementedError(f"{type(self).__name__} does not define advance(s, arriving, x, tick).")


class Instant(Transmission):
    """The sums are the current: each spike is a pulse of one step."""

    def advance(self, s: Any, arriving: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        return s, arriving
