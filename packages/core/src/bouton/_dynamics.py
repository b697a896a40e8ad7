"""What happens before and after a synapse's map: release (of transmitter) and transmission (of the current)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from ._describe import zeros
from ._module import Part, Tick, static
from ._topology import Topology


class Release(Part):
    """What happens to pre-synaptic values before the map: short-term plasticity, stochastic release, delays.

    Its ports have the dims ``pre``, or ``weights`` for what goes on in each synapse; they appear as
    ``<synapse>.release.<name>``.
    """

    def init(self, topology: Topology, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        """The state before the first step; default zeros."""
        return zeros(self)

    def advance(self, s: Any, topology: Topology, w: Any, pre: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        """``(state, topology, weights, pre, own inputs, tick) -> (state, sums)``.

        The sums are what arrives: ``topology.apply(w, released)``, where `released` is made from `pre`, and w may be
        what this step's spikes meet. Weights that differ between samples take `lanes`.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define advance(s, topology, w, pre, x, tick).")

    def seen(self, s: Any, pre: Any) -> Any:
        """What plasticity sees as pre-synaptic activity, from the state after `advance`; default: `pre` as wired."""
        return pre

    def check_topology(self, topology: Topology, plasticity: Any) -> None:
        """Raise `CircuitError` where it cannot work on this topology, or not together with this plasticity."""

    def out(self, s: Any) -> Any:
        """Its outputs after `advance`, from the new state."""
        return self.Out()


def lanes(topology: Topology, w: Any, x: jax.Array) -> jax.Array:
    """``topology.apply(w, x)`` where w has the batch axes of x in front."""
    apply = topology.apply
    for _ in range(x.ndim - len(topology.size("pre"))):
        apply = jax.vmap(apply)
    return apply(w, x)


class Arriving:
    """The sums that arrive in a step: ``arriving()``, or ``arriving(g, scale)`` for ``g + scale * sums``.

    The second form is for a state that decays and then jumps: an event-driven topology adds to g in its place.
    """

    def __init__(self, add: Callable[[Any, Any], Any]) -> None:
        """``add(onto, scale)`` gives ``onto + scale * sums``; `onto` may be None, for zero."""
        self._add = add

    @classmethod
    def of(cls, sums: Any) -> Arriving:
        """Sums that are there already."""
        return cls(lambda onto, scale: scale * sums if onto is None else onto + scale * sums)

    def __call__(self, onto: Any = None, scale: Any = 1.0) -> Any:
        return self._add(onto, scale)


class Transmission(Part):
    """What happens to the sums after the map: the time course of the current, or of a conductance.

    Its ports have the dims ``post``; they appear as ``<synapse>.transmission.<name>``. A kernel decays first, then
    adds what arrives, so that a spike acts in full in the step in which it arrives.
    """

    unit: str = static(default="1", doc="unit of the current that comes out", kw_only=True)

    def init(self, topology: Topology, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        """The state before the first step; default zeros."""
        return zeros(self)

    def out(self, s: Any) -> Any:
        """Its outputs after `advance`, from the new state: a conductance, for instance."""
        return self.Out()

    def advance(self, s: Any, arriving: Arriving, x: Any, tick: Tick) -> tuple[Any, Any]:
        """``(state, what arrives, own inputs, tick) -> (state, current)``; ``arriving()`` is the sums."""
        raise NotImplementedError(f"{type(self).__name__} does not define advance(s, arriving, x, tick).")


class Instant(Transmission):
    """The sums are the current: each spike is a pulse of one step."""

    def advance(self, s: Any, arriving: Arriving, x: Any, tick: Tick) -> tuple[Any, Any]:
        return s, arriving()
