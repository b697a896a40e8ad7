"""UpConv: a convolution of a map whose places are moved apart. The adjoint of one is in `deconvolution.py`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from bouton import static

from ._geometry import Axis, per_axis
from ._windows import Windows, convolution, correlate, kernels_of


class UpConv(Windows):
    r"""Fractionally strided convolution over 1, 2 or 3 dimensions: to a map that is larger by the stride.

    .. math:: y_{q,o} = \sum_{k} \sum_{i} w_{k,i,o}\; x_{p,i} \quad\text{over all}\; p\;\text{with}\; p s = q + k d - l

    The places of the input map are moved apart by the stride s, and kernels slide over it one by one (Dumoulin & Visin,
    "A guide to convolution arithmetic for deep learning", 2016, section 4). It is what ngc-learn calls a deconvolution:
    ``lax.conv_transpose`` without ``transpose_kernel``. A kernel is *not* flipped, and has its input channels
    first, so this is the adjoint of a convolution with other weights: with ``flip(w)`` and channels exchanged. For the
    adjoint with the same weights use `Deconv`.

    Maps, weights and their dims are as in `Conv`. `padding` is "SAME" (an axis of n places becomes one of n s),
    "VALID" (all places that a window reaches, and at least n s: with a kernel of extent e, (n - 1) s + max(e, s)), or
    pairs of places around the map after its places have been moved apart.

    Raises `CircuitError` for sizes that do not fit together.
    """

    stride: int | tuple[int, ...] = static(default=1, doc="places in the output from one input place to the next")

    def dims(self) -> dict[str, Any]:
        return super().dims() | {"bias": {"channel": self.channels_out}}

    def apply(self, w: jax.Array, x: jax.Array) -> jax.Array:
        return convolution(w, x, self.axes, self.groups, self._apart)

    def outer(self, w: jax.Array, pre: jax.Array, post: jax.Array) -> jax.Array:
        return _turned(kernels_of(post, pre, self._back, self.groups), self.groups)

    def transpose(self, w: jax.Array, post: jax.Array) -> jax.Array:
        return correlate(_turned(w, self.groups), post, self._back, self.groups)

    @property
    def _apart(self) -> tuple[int, ...]:
        return per_axis("UpConv.stride", self.stride, len(self.size_in) - 1)

    @property
    def _back(self) -> tuple[Axis, ...]:
        """The axes of the convolution of which this, with turned kernels, is the adjoint."""
        back = []
        for axis, stride in zip(self.axes, self._apart, strict=True):
            reach = (axis.kernel - 1) * axis.dilation
            ends = reach - axis.before, reach - axis.after
            back.append(Axis(axis.name, axis.size_out, axis.kernel, stride, axis.dilation, *ends))
        return tuple(back)

    def _axis(self, name: str, size: int, kernel: int, stride: int, dilation: int, padding: Any) -> Axis:
        extent = (kernel - 1) * dilation + 1
        if padding == "SAME":  # as lax.conv_transpose has it
            total = extent + stride - 2
            before = min((total + 1) // 2, extent - 1)
            padding = before, total - before
        elif padding == "VALID":
            padding = extent - 1, max(extent, stride) - 1
        return Axis.derived(name, (size - 1) * stride + 1, kernel, 1, dilation, padding)


def _turned(w: jax.Array, groups: int) -> jax.Array:
    """Kernels turned round, with input and output channels exchanged within each group."""
    *kernel, channels_in, _ = w.shape
    w = jnp.flip(w, range(len(kernel))).reshape(*kernel, channels_in, groups, -1)
    return w.swapaxes(-1, -3).reshape(*kernel, -1, groups * channels_in)
