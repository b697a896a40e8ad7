"""Windows: what topologies have in common whose units see a window of a map; kernels over a map, and their adjoints.

One axis of a map is in `_geometry.py`. On CPUs XLA is fast for plain convolutions of images, and for little else: its
gradient by the kernels may take 200 times as long as the product of matrices that it is. So all others are products of
matrices here, with what each position sees as the rows of one.
"""

from __future__ import annotations

import functools
import math
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
from bouton import CircuitError, Topology, static
from jax import lax
from jax.custom_derivatives import SymbolicZero

from ._geometry import NAMES, Axis, check_size, labelled, per_axis


class Windows(Topology):
    """Sizes and options of windows over a map, checked when it is built. A subclass says what a window does."""

    size_in: tuple[int, ...] = static(doc="size of the input map, channels last")
    kernel: int | tuple[int, ...] = static(doc="size of the kernels")
    channels_out: int = static(doc="number of output channels")
    stride: int | tuple[int, ...] = static(default=1, doc="places from one position to the next")
    padding: Literal["SAME", "VALID"] | tuple[tuple[int, int], ...] = static(
        default="SAME", doc="places around the map"
    )
    dilation: int | tuple[int, ...] = static(default=1, doc="places from one tap of a kernel to the next")
    groups: int = static(default=1, doc="groups of channels without synapses from one to another")

    RANKS: ClassVar[tuple[int, ...]] = (2, 3, 4)
    """How many axes a map may have, channels included."""

    def __post_init__(self) -> None:
        super().__post_init__()
        who = type(self).__name__
        check_size(f"{who}.size_in", self.size_in, self.RANKS)
        for name in ("channels_out", "groups"):
            per_axis(f"{who}.{name}", getattr(self, name), 1)
        for name, channels in (("size_in[-1]", self.size_in[-1]), ("channels_out", self.channels_out)):
            if channels % self.groups:
                raise CircuitError(f"{who}.{name} must be a multiple of groups={self.groups}, got {channels}.")
        _ = self.axes  # the geometry is checked as it is derived

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Geometry of each spatial axis."""
        who, sizes = type(self).__name__, self.size_in[:-1]
        names = NAMES[-len(self.size_in) : -1]
        kernel, stride, dilation = (
            per_axis(f"{who}.{name}", getattr(self, name), len(sizes), self._hint)
            for name in ("kernel", "stride", "dilation")
        )
        pads = self.padding if isinstance(self.padding, tuple) else (self.padding,) * len(sizes)
        if len(pads) != len(sizes):
            raise CircuitError(
                f"{who}.padding must be 'SAME', 'VALID' or a pair for each of {', '.join(names)}, got {pads}."
                + (self._hint if len(pads) == len(sizes) + 1 else "")
            )
        return tuple(map(self._axis, names, sizes, kernel, stride, dilation, pads))

    @property
    def size_out(self) -> tuple[int, ...]:
        """Size of the output map, channels last."""
        return (*(axis.size_out for axis in self.axes), self.channels_out)

    def dims(self) -> dict[str, Any]:
        channels = {"channel_in": self.size_in[-1] // self.groups, "channel_out": self.channels_out}
        return {
            "pre": labelled(self.size_in, "pre_"),
            "post": labelled(self.size_out),
            "weights": taps([axis.kernel for axis in self.axes]) | channels,
        }

    def _axis(self, name: str, size: int, kernel: int, stride: int, dilation: int, padding: Any) -> Axis:
        return Axis.derived(name, size, kernel, stride, dilation, padding)

    @property
    def _hint(self) -> str:
        """For those who left out a single channel, so that the last axis was taken for channels."""
        *sizes, channels = self.size_in
        axes = " x ".join(map(str, sizes))
        what = f"one axis of {axes}" if len(sizes) == 1 else f"a map of {axes}"
        said = f" size_in={self.size_in} is {what} with {channels} channel{'s' if channels > 1 else ''}."
        return said + (f" For one channel write {(*self.size_in, 1)}." if len(sizes) + 2 in self.RANKS else "")


def taps(kernel: list[int]) -> dict[str, int]:
    """Dims of the taps of a kernel."""
    return dict(zip(("kz", "ky", "kx")[-len(kernel) :], kernel, strict=True))


def correlate(w: jax.Array, x: jax.Array, axes: tuple[Axis, ...], groups: int = 1) -> jax.Array:
    """Kernels over a map with any batch axes."""
    plain = len(axes) == 2 and all(a.dilation == 1 for a in axes)
    return _image(w, x, axes, groups) if plain else _product(w, x, axes, groups)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def _image(w: jax.Array, x: jax.Array, axes: tuple[Axis, ...], groups: int) -> jax.Array:
    """`correlate` where XLA is fast, with derivatives that are products."""
    return convolution(w, x, axes, groups)


@functools.partial(_image.defjvp, symbolic_zeros=True)
def _(axes: tuple[Axis, ...], groups: int, primals: Any, tangents: Any) -> Any:
    (w, x), (dw, dx) = primals, tangents
    y = _image(w, x, axes, groups)
    parts = [_product(*pair, axes, groups) for pair in ((dw, x), (w, dx)) if SymbolicZero not in map(type, pair)]
    return y, sum(parts, jnp.zeros_like(y))


def _product(w: jax.Array, x: jax.Array, axes: tuple[Axis, ...], groups: int) -> jax.Array:
    """`correlate` as a product of matrices."""
    g, kernels = "g" if groups > 1 else "", w.reshape(-1, w.shape[-2], *_split(w.shape[-1], groups))
    y = jnp.einsum(f"k{g}in,ki{g}o->n{g}o", _seen(x, axes, groups), kernels)
    return y.reshape(*x.shape[: -len(axes) - 1], *(a.size_out for a in axes), w.shape[-1])


def convolution(
    w: jax.Array, x: jax.Array, axes: tuple[Axis, ...], groups: int, apart: tuple[int, ...] | None = None
) -> jax.Array:
    """`correlate` by XLA's convolution, of a map whose places may be moved apart first (by `apart` per axis)."""
    lead, letters = x.shape[: -len(axes) - 1], "DHW"[-len(axes) :]
    y = lax.conv_general_dilated(
        x.reshape(math.prod(lead), *x.shape[len(lead) :]),
        w,
        window_strides=[a.stride for a in axes],
        padding=[(a.before, a.after) for a in axes],
        lhs_dilation=apart,
        rhs_dilation=[a.dilation for a in axes],
        dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
        feature_group_count=groups,
    )
    return y.reshape(lead + y.shape[1:])


def kernels_of(x: jax.Array, y: jax.Array, axes: tuple[Axis, ...], groups: int = 1) -> jax.Array:
    """The adjoint of `correlate` in the kernels, from both maps, summed over the batch."""
    seen, g = _seen(x, axes, groups), "g" if groups > 1 else ""
    w = jnp.einsum(f"k{g}in,n{g}o->ki{g}o", seen, y.reshape(seen.shape[-1], *_split(y.shape[-1], groups)))
    return w.reshape(*(a.kernel for a in axes), seen.shape[-2], y.shape[-1])


def spread(w: jax.Array, y: jax.Array, axes: tuple[Axis, ...], groups: int = 1) -> jax.Array:
    """The adjoint of `correlate` in the map that kernels see: its places, from those of the other map."""
    lead, g, parts = y.shape[: -len(axes) - 1], "g" if groups > 1 else "", _split(w.shape[-1], groups)
    of_taps = jnp.einsum(f"n{g}o,ki{g}o->k{g}in", y.reshape(-1, *parts), w.reshape(-1, w.shape[-2], *parts))
    like = jax.ShapeDtypeStruct((*lead, *(a.size for a in axes), groups * w.shape[-2]), y.dtype)
    (x,) = jax.linear_transpose(lambda x: _seen(x, axes, groups), like)(of_taps)
    return x


def windows(x: jax.Array, axes: tuple[Axis, ...], at: int, *, front: bool = False) -> jax.Array:
    """What each position sees of a map whose places are axes `at`, `at` + 1 and so on, which become positions.

    The taps are axes in front of all others or, without `front`, in front of the last one. By slices along one axis
    after the other, whose adjoint is fast, where that of indexing is not.
    """
    for i, axis in enumerate(axes):
        place = at + i * (2 if front else 1)
        pads = [(axis.before, axis.after, 0) if n == place else (0, 0, 0) for n in range(x.ndim)]
        padded, reach = lax.pad(x, jnp.zeros((), x.dtype), pads), (axis.size_out - 1) * axis.stride + 1
        starts = (tap * axis.dilation for tap in range(axis.kernel))
        x = jnp.stack([lax.slice_in_dim(padded, s, s + reach, axis.stride, place) for s in starts], i if front else -2)
    return x


def _seen(x: jax.Array, axes: tuple[Axis, ...], groups: int) -> jax.Array:
    """What each position of each sample sees, as (tap, channel, position), with groups in front of channels."""
    channels = jnp.moveaxis(x, -1, 0)
    seen = windows(channels, axes, channels.ndim - len(axes), front=True)
    return seen.reshape(math.prod(a.kernel for a in axes), *_split(x.shape[-1], groups), -1)


def _split(channels: int, groups: int) -> tuple[int, ...]:
    """Axes for the channels of each group. One group has no axis: XLA would take it for a batch of matrices."""
    return (groups, channels // groups) if groups > 1 else (channels,)
