"""RetinalGanglionCell: images through the receptive fields of ganglion cells."""

from __future__ import annotations

import math
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from bouton import CircuitError, Component, Param, Ports, Tick, parameter, port, static
from jax import lax
from jaxtyping import Array, Float


class RetinalGanglionCell(Component):
    r"""Cells of the retina: each responds to a patch of the image, by a centre and, if so, against a surround.

    The patches have the shape `patch_shape`, and lie `stride` pixels apart, so that they overlap where that is less
    than their size; the cells are as many as have their whole patch within the image. With Gaussians G around the
    middle of the patch, normalised to a sum of 1 in it, with the standard deviations :math:`\sigma` (c) and
    :math:`k \sigma` (s), and the pixels I of the patch,

    .. math::
        y = \begin{cases}
        \sum G_c I & \text{gaussian} \\
        \sum G_c I - w \sum G_s I & \text{difference\_of\_gaussians (Rodieck, 1965; Marr \& Hildreth, 1980)} \\
        \sum G_c I \,/\, (1 + w \sum G_s |I|) & \text{ratio\_of\_gaussians}
        \end{cases}

    In the last, the surround divides (Cavanaugh, Bair & Movshon, 2002, without their squares). Then the mean response
    of all cells to the sample is subtracted, unless ``zero_mean=False``. With w = 1 the difference is blind to uniform
    light.

    ``on_off=True`` gives two cells to each patch: :math:`[y]_+` of the ON cell and :math:`[-y]_+` of the OFF cell, so
    that both may be wired to an encoder, which takes no input below 0.

    `x` takes an image in row-major order, or the population of pixels ``n_units=(height, width)``. In the dataset each
    cell has the coordinates `height` and `width`, in pixels, of the middle of its patch, and with `on_off` its
    `channel`.

    Raises `CircuitError` for a patch that is larger than the image, and for a stride below 1.
    """

    area_shape: tuple[int, int] = static(dim="pixel", doc="height and width of the image")
    patch_shape: tuple[int, int] = static(doc="height and width of a patch")
    stride: int | tuple[int, int] = static(default=1, doc="from one patch to the next, in pixels; or down and across")
    filter: Literal["gaussian", "difference_of_gaussians", "ratio_of_gaussians"] = static(
        default="difference_of_gaussians", doc="the receptive field"
    )
    sigma: Param = parameter(default=1.0, gt=0, doc="standard deviation of the centre, in pixels")
    k: Param = parameter(default=1.6, gt=0, doc="standard deviation of the surround over that of the centre")
    w: Param = parameter(default=1.0, ge=0, doc="weight of the surround")
    zero_mean: bool = static(default=True, doc="whether the mean response of the cells is subtracted")
    on_off: bool = static(default=False, doc="whether there are an ON and an OFF cell for each patch")

    class In(Ports):
        x: Float[Array, "*batch pixel"] = port(doc="light")

    class Out(Ports):
        y: Float[Array, "*batch unit"] = port(doc="response")

    @property
    def strides(self) -> tuple[int, int]:
        """The stride down and across."""
        return self.stride if isinstance(self.stride, tuple) else (self.stride, self.stride)

    @property
    def cells(self) -> tuple[int, int]:
        """Number of patches down and across."""
        down, across = (
            (area - patch) // stride + 1
            for area, patch, stride in zip(self.area_shape, self.patch_shape, self.strides, strict=True)
        )
        return down, across

    def dims(self) -> dict[str, Any]:
        if min(self.strides) < 1:
            raise CircuitError(f"stride must be at least 1, got {self.stride}.")
        if min(self.patch_shape) < 1 or any(p > a for p, a in zip(self.patch_shape, self.area_shape, strict=True)):
            raise CircuitError(f"patch_shape must fit into area_shape = {self.area_shape}, got {self.patch_shape}.")
        return {**super().dims(), "unit": math.prod(self.cells) * (2 if self.on_off else 1)}

    def coords(self) -> dict[str, tuple[str, Any]]:
        middles = (
            np.arange(n) * stride + (patch - 1) / 2
            for n, stride, patch in zip(self.cells, self.strides, self.patch_shape, strict=True)
        )
        labels = {"height": next(middles), "width": next(middles)}
        if self.on_off:
            labels["channel"] = np.array(["on", "off"])
        places = np.meshgrid(*labels.values(), indexing="ij")
        return {name: ("unit", place.reshape(-1)) for name, place in zip(labels, places, strict=True)}

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        centre, surround = self._gaussian(self.sigma), self._gaussian(self.sigma * self.k)
        if self.filter == "gaussian":
            y = self._filtered(x.x, centre)
        elif self.filter == "difference_of_gaussians":
            y = self._filtered(x.x, centre - self.w * surround)
        else:
            y = self._filtered(x.x, centre) / (1.0 + self.w * self._filtered(jnp.abs(x.x), surround))
        if self.zero_mean:
            y -= y.mean(-1, keepdims=True)
        if self.on_off:
            y = jax.nn.relu(jnp.stack([y, -y], axis=-1)).reshape(*y.shape[:-1], -1)
        return s, self.Out(y=y)

    def _gaussian(self, sigma: Any) -> jax.Array:
        """(height, width) of a patch, with the sum 1."""
        sides = [
            jax.nn.softmax(-((jnp.arange(n, dtype=float) - (n - 1) / 2) ** 2) / (2.0 * sigma**2))
            for n in self.patch_shape
        ]
        return sides[0][:, None] * sides[1]

    def _filtered(self, image: jax.Array, kernel: jax.Array) -> jax.Array:
        """The sum over each patch of its pixels, weighted by the kernel."""
        lead = image.shape[:-1]
        y = lax.conv_general_dilated(
            image.reshape(math.prod(lead), 1, *self.area_shape), kernel[None, None], self.strides, "VALID"
        )
        return y.reshape(*lead, -1)
