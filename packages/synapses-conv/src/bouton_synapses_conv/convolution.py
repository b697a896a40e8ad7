"""Conv: a map to a map through kernels that all positions share. Options and sizes are in `_windows.py`."""

from __future__ import annotations

import math
from typing import Any

import jax

from ._windows import Windows, correlate, kernels_of, spread


class Conv(Windows):
    r"""Convolution over 1, 2 or 3 dimensions, the same kernels at each position.

    .. math:: y_{p,o} = \sum_{k} \sum_{i} w_{k,i,o}\; x_{p s + k d - l,\; i}

    with stride s, dilation d and l places of padding in front, per axis; places in the padding have no synapse. (As
    everywhere in learning, this is a correlation: kernels are not flipped.) A learning rule sums over the positions
    that share a weight. A bias is one for each output channel.

    Maps have their channels last: ``size_in=(height, width, channel)``, (width, channel) or (depth, height, width,
    channel). The weights are ``(ky, kx, channel_in, channel_out)``, or (kx, ...) or (kz, ky, kx, ...), where channel_in
    counts those of one group: output channels see only the input channels of their own group. In a dataset the dims of
    the input map are called pre_height, and so on: they differ in size from those of the output map.

    `kernel`, `stride` and `dilation` are a number for all axes or one for each. `padding` is "SAME" (as many positions
    as input places divided by the stride, rounded up; an odd place of padding goes behind), "VALID" (none), or pairs of
    places in front and behind, e.g. ``((1, 1), (2, 0))``.

    Raises `CircuitError` for sizes that do not fit together.
    """

    def dims(self) -> dict[str, Any]:
        return super().dims() | {"bias": {"channel": self.channels_out}}

    def apply(self, w: jax.Array, x: jax.Array) -> jax.Array:
        return correlate(w, x, self.axes, self.groups)

    def outer(self, w: jax.Array, pre: jax.Array, post: jax.Array) -> jax.Array:
        return kernels_of(pre, post, self.axes, self.groups)

    def transpose(self, w: jax.Array, post: jax.Array) -> jax.Array:
        return spread(w, post, self.axes, self.groups)

    def fan_in_count(self) -> Any:
        return float(math.prod(a.most_taps for a in self.axes) * self.size_in[-1] // self.groups)
