"""Local2d: a map to a map through windows with kernels of their own at each position."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from bouton import Initialiser

from ._windows import Windows, windows


class Local2d(Windows):
    r"""Local connections over 2 dimensions: windows as in a convolution, with a weight for each synapse.

    .. math:: y_{p,o} = \sum_{k} \sum_{i} w_{p,k,i,o}\; x_{p s + k d - l,\; i}

    Maps, `kernel`, `stride`, `padding`, `dilation` and `groups` are as in `Conv`. The weights are ``(height, width, ky,
    kx, channel_in, channel_out)``, where height and width are those of the output map. Kernels that are the same at
    each position make it that convolution. Where a window reaches into the padding there is no synapse: such weights
    start at 0, transmit nothing, and no rule changes them.

    Raises `CircuitError` for sizes that do not fit together.
    """

    RANKS: ClassVar[tuple[int, ...]] = (3,)

    def dims(self) -> dict[str, Any]:
        dims = super().dims()
        position = {name: n for name, n in dims["post"].items() if name != "channel"}
        return dims | {"weights": position | dims["weights"]}

    def apply(self, w: jax.Array, x: jax.Array) -> jax.Array:
        lead, lanes, groups = x.shape[:-3], math.prod(x.shape[:-3]), self.groups
        positions, inside = math.prod(self.size_out[:-1]), w.shape[4]
        seen = windows(x, self.axes, x.ndim - 3).reshape(lanes, positions, -1, groups, inside)
        w = w.reshape(positions, -1, inside, groups, self.channels_out // groups)
        # all that a unit sums over as one axis: XLA multiplies such matrices several times faster
        seen = jnp.moveaxis(seen, 3, 2).reshape(lanes, positions * groups, -1)
        w = jnp.moveaxis(w, 3, 1).reshape(positions * groups, seen.shape[-1], -1)
        return jnp.einsum("npk,pko->npo", seen, w).reshape(lead + self.size_out)

    def draw(self, initialiser: Initialiser, key: Any) -> jax.Array:
        """New weights, 0 where there is no synapse."""
        return jnp.where(self.multiplicity() != 0, super().draw(initialiser, key), 0.0)
