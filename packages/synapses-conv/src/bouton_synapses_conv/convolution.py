"""Conv: a map to a map through kernels that all positions share. The geometry of one axis is in `_geometry.py`."""

from __future__ import annotations

import math
from typing import Any, Literal

import jax
from bouton import CircuitError, Topology, static
from jax import lax

from ._geometry import Axis, per_axis


class Conv(Topology):
    r"""Convolution over 1, 2 or 3 dimensions, the same kernels at each position.

    .. math:: y_{p,o} = \sum_{k} \sum_{i} w_{k,i,o}\; x_{p s + k d - l,\; i}

    with stride s, dilation d and l places of padding in front, per axis; places in the padding have no synapse. (As
    everywhere in learning, this is a correlation: kernels are not flipped.) A learning rule sums over the positions
    that share a weight.

    Maps have their channels last: ``size_in=(height, width, channel)``, (width, channel) or (depth, height, width,
    channel). The weights are ``(ky, kx, channel_in, channel_out)``, or (kx, ...) or (kz, ky, kx, ...), where channel_in
    counts those of one group: output channels see only the input channels of their own group. In a dataset the dims of
    the input map are called pre_height, and so on: they differ in size from those of the output map.

    `kernel`, `stride` and `dilation` are a number for all axes or one for each. `padding` is "SAME" (as many positions
    as input places divided by the stride, rounded up; an odd place of padding goes behind), "VALID" (none), or pairs of
    places in front and behind, e.g. ``((1, 1), (2, 0))``.

    Raises `CircuitError` for sizes that do not fit together.
    """

    size_in: tuple[int, ...] = static(doc="size of the input map, channels last")
    kernel: int | tuple[int, ...] = static(doc="size of the kernels")
    channels_out: int = static(doc="number of output channels")
    stride: int | tuple[int, ...] = static(default=1, doc="places from one position to the next")
    padding: Literal["SAME", "VALID"] | tuple[tuple[int, int], ...] = static(
        default="SAME", doc="places around the map"
    )
    dilation: int | tuple[int, ...] = static(default=1, doc="places from one tap of a kernel to the next")
    groups: int = static(default=1, doc="groups of channels without synapses from one to another")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (isinstance(self.size_in, tuple) and len(self.size_in) in (2, 3, 4)):
            raise CircuitError(
                "Conv.size_in must be (width, channel), (height, width, channel) or (depth, height, width, channel), "
                f"got {self.size_in!r}."
            )
        per_axis("Conv.size_in", self.size_in, len(self.size_in))
        for name in ("channels_out", "groups"):
            per_axis(f"Conv.{name}", getattr(self, name), 1)
        for name, channels in (("size_in[-1]", self.size_in[-1]), ("channels_out", self.channels_out)):
            if channels % self.groups:
                raise CircuitError(f"Conv.{name} must be a multiple of groups={self.groups}, got {channels}.")
        _ = self.axes  # the geometry is checked as it is derived

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Geometry of each spatial axis."""
        sizes, names = self.size_in[:-1], self._names
        kernel, stride, dilation = (
            per_axis(f"Conv.{name}", getattr(self, name), len(sizes), self._hint)
            for name in ("kernel", "stride", "dilation")
        )
        pads = self.padding if isinstance(self.padding, tuple) else (self.padding,) * len(sizes)
        if len(pads) != len(sizes):
            raise CircuitError(
                f"Conv.padding must be 'SAME', 'VALID' or a pair for each of {', '.join(names)}, got {pads}."
                + (self._hint if len(pads) == len(sizes) + 1 else "")
            )
        return tuple(map(Axis.derived, names, sizes, kernel, stride, dilation, pads))

    @property
    def size_out(self) -> tuple[int, ...]:
        """Size of the output map, channels last."""
        return (*(axis.size_out for axis in self.axes), self.channels_out)

    def dims(self) -> dict[str, Any]:
        names = (*self._names, "channel")
        taps = ("kz", "ky", "kx")[-len(self.axes) :]
        weights = {tap: axis.kernel for tap, axis in zip(taps, self.axes, strict=True)}
        channels = {"channel_in": self.size_in[-1] // self.groups, "channel_out": self.channels_out}
        return {
            "pre": dict(zip((f"pre_{name}" for name in names), self.size_in, strict=True)),
            "post": dict(zip(names, self.size_out, strict=True)),
            "weights": weights | channels,
        }

    def apply(self, w: jax.Array, x: jax.Array) -> jax.Array:
        axes = self.axes
        lead, letters = x.shape[: -len(self.size_in)], "DHW"[-len(axes) :]
        y = lax.conv_general_dilated(
            x.reshape(math.prod(lead), *self.size_in),
            w,
            window_strides=[a.stride for a in axes],
            padding=[(a.before, a.after) for a in axes],
            rhs_dilation=[a.dilation for a in axes],
            dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
            feature_group_count=self.groups,
        )
        return y.reshape(lead + y.shape[1:])

    def fan_in_count(self) -> Any:
        return float(math.prod(a.most_taps for a in self.axes) * self.size_in[-1] // self.groups)

    @property
    def _hint(self) -> str:
        """For those who left out a single channel, so that the last axis was taken for channels."""
        *sizes, channels = self.size_in
        axes = " x ".join(map(str, sizes))
        what = f"one axis of {axes}" if len(sizes) == 1 else f"a map of {axes}"
        said = f" size_in={self.size_in} is {what} with {channels} channel{'s' if channels > 1 else ''}."
        return said + (f" For one channel write {(*self.size_in, 1)}." if len(sizes) < 3 else "")

    @property
    def _names(self) -> tuple[str, ...]:
        return ("depth", "height", "width")[1 - len(self.size_in) :]
