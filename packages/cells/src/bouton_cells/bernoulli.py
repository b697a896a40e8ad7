"""BernoulliCell: spikes with given probabilities, a draw in each step."""

from __future__ import annotations

from typing import Any

import jax
from bouton import Component, Ports, Tick, port, static
from jaxtyping import Array, Float


class BernoulliCell(Component):
    r"""In each step a unit fires with the probability that is its input, independently of all others.

    .. math:: s \sim \text{Bernoulli}(x)

    This is a probability for each *step*, whatever its length: with half the dt there are twice as many spikes in a
    second. `PoissonCell` has a rate in Hz instead. An input below 0 never fires, one above 1 always. Each sample of a
    batch has spikes of its own.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")

    class In(Ports):
        x: Float[Array, "*batch unit"] = port(doc="probability of a spike in a step")

    class Out(Ports):
        s: Float[Array, "*batch unit"] = port(spikes=True, doc="emitted spikes")

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        return s, self.Out(s=(jax.random.uniform(tick.key, x.x.shape) < x.x).astype(x.x.dtype))
