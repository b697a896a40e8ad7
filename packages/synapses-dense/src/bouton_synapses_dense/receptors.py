"""Receptors: two kinds of receptors at one synapse, each with its own time course."""

from __future__ import annotations

from typing import Any

import jax
from bouton import Arriving, Param, Ports, Tick, Transmission, parameter, part

from ._inner import unit_of_inner


class Receptors(Transmission):
    r"""Fast and slow receptors side by side (AMPA and NMDA, or GABA-A and GABA-B): their currents add up.

    .. math:: \text{current} = \text{fast}\big((1 - \text{share}) \cdot \text{sums}\big)
        + \text{slow}\big(\text{share} \cdot \text{sums}\big)

    Each is any transmission, with time constants, a reversal potential and an input for v of its own. Their
    compartments have their names in front: ``<synapse>.transmission.fast.g``, ``<synapse>.transmission.slow.v``. For a
    third kind put another `Receptors` in the place of one: ``<synapse>.transmission.slow.fast.g``. The unit is that of
    both; where they differ it is a `CircuitError`.
    """

    fast: Transmission
    slow: Transmission
    share: Param = parameter(ge=0, le=1, dims="post", doc="share of the slow receptors in what arrives")

    class In(Ports):
        fast: Any = part()
        slow: Any = part()

    class State(Ports):
        fast: Any = part()
        slow: Any = part()

    class Out(Ports):
        fast: Any = part()
        slow: Any = part()

    def __post_init__(self) -> None:
        super().__post_init__()
        vars(self)["unit"] = unit_of_inner(self, "fast", "slow")

    def init(self, topology: Any, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        keys = jax.random.split(key)
        fast, slow = (
            inner.init(topology, key=k, dt=dt, batch=batch)
            for inner, k in zip((self.fast, self.slow), keys, strict=True)
        )
        return self.State(fast=fast, slow=slow)

    def advance(self, s: Any, arriving: Arriving, x: Any, tick: Tick) -> tuple[Any, Any]:
        sums = arriving()
        fast, by_fast = self.fast.advance(s.fast, Arriving.of((1.0 - self.share) * sums), x.fast, tick)
        slow, by_slow = self.slow.advance(s.slow, Arriving.of(self.share * sums), x.slow, tick)
        return self.State(fast=fast, slow=slow), by_fast + by_slow

    def out(self, s: Any) -> Any:
        return self.Out(fast=self.fast.out(s.fast), slow=self.slow.out(s.slow))

    def rebase(self, s: Any, steps: int) -> Any:
        return self.State(fast=self.fast.rebase(s.fast, steps), slow=self.slow.rebase(s.slow, steps))
