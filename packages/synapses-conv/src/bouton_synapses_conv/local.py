"""Local2d: a map to a map through windows with kernels of their own at each position."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from bouton import Initialiser
from jax import lax

from ._geometry import Axis
from ._windows import Windows


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
        seen = windows(x, self.axes).reshape(lanes, positions, -1, groups, inside)
        w = w.reshape(positions, -1, inside, groups, self.channels_out // groups)
        # all that a unit sums over as one axis: XLA multiplies such matrices several times faster
        seen = jnp.moveaxis(seen, 3, 2).reshape(lanes, positions * groups, -1)
        w = jnp.moveaxis(w, 3, 1).reshape(positions * groups, seen.shape[-1], -1)
        return jnp.einsum("npk,pko->npo", seen, w).reshape(lead + self.size_out)

    def draw(self, initialiser: Initialiser, key: Any) -> jax.Array:
        """New weights, 0 where there is no synapse."""
        return jnp.where(self.multiplicity() != 0, super().draw(initialiser, key), 0.0)


def windows(x: jax.Array, axes: tuple[Axis, ...]) -> jax.Array:
    """What each position sees: from (*batch, *places, channel) to (*batch, *positions, *taps, channel).

    By slices along one axis after the other, whose adjoint is fast, where that of indexing is not.
    """
    lead = x.ndim - len(axes) - 1
    for at, axis in enumerate(axes, lead):
        pads = [(axis.before, axis.after) if i == at else (0, 0) for i in range(x.ndim)]
        padded, reach = jnp.pad(x, pads), (axis.size_out - 1) * axis.stride + 1
        starts = (tap * axis.dilation for tap in range(axis.kernel))
        x = jnp.stack([lax.slice_in_dim(padded, s, s + reach, axis.stride, at) for s in starts], -2)
    return x
