"""Lateral: a map to itself, through one kernel over its places and its channels."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from bouton import CircuitError, Initialiser, Topology, static
from jax import lax

from ._geometry import NAMES, Axis, check_size, labelled, per_axis
from ._windows import correlate, kernels_of, taps


class Lateral(Topology):
    r"""Lateral connections within a map: each unit with those around it, in places and in channels alike.

    .. math:: y_{p} = \sigma \sum_{k} w_{k}\; x_{p + k - c}

    where p and k run over all axes of the map, channels included, and c is the centre of the kernel. Outside the map
    there is no synapse. `size_in` is (height, width, channel), (width, channel) or (depth, height, width, channel);
    `kernel` is an odd number for all axes or one for each, the last of them for channels: ``kernel=(5, 5, 1)`` stays
    within a channel, ``kernel=(1, 1, 63)`` joins all of 32 channels at each place. The weights are ``(ky, kx, kc)``,
    one for each distance, which all units share.

    - ``centre=False`` cuts the synapse of each unit with itself for good: its weight starts at 0, transmits nothing,
      and no rule changes it;
    - ``sign=-1`` inhibits: weights are magnitudes, and ``constraints=(Clip(0.0, None),)`` keeps them so while they
      learn. Rules see the magnitudes, too: what strengthens a synapse makes it inhibit more.

    Raises `CircuitError` for kernels without a centre, or with nothing but a centre that is cut, and for another sign.
    """

    size_in: tuple[int, ...] = static(doc="size of the map, channels last")
    kernel: int | tuple[int, ...] = static(doc="size of the kernel, channels last, odd along each axis")
    centre: bool = static(default=True, doc="whether a unit has a synapse with itself")
    sign: Literal[1, -1] = static(default=1, doc="1 excites, -1 inhibits")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size("Lateral.size_in", self.size_in)
        kernel = self._kernel
        if any(n % 2 == 0 for n in kernel):
            raise CircuitError(
                f"Lateral.kernel must be odd along each axis, so that it has a centre, got {self.kernel!r}."
            )
        if not self.centre and max(kernel) == 1:
            raise CircuitError(f"Lateral.kernel={self.kernel!r} has only a centre: with centre=False nothing is left.")
        if self.sign not in (1, -1):
            raise CircuitError(f"Lateral.sign must be 1 (it excites) or -1 (it inhibits), got {self.sign!r}.")

    def dims(self) -> dict[str, Any]:
        *places, channels = self._kernel
        weights = taps(places) | {"kc": channels}
        return {"pre": labelled(self.size_in, "pre_"), "post": labelled(self.size_in), "weights": weights}

    def apply(self, w: jax.Array, x: jax.Array) -> jax.Array:
        return correlate(self._kernels(w), self.sign * x, self._axes)

    def outer(self, w: jax.Array, pre: jax.Array, post: jax.Array) -> jax.Array:
        (outer,) = jax.linear_transpose(self._kernels, w)(kernels_of(self.sign * pre, post, self._axes))
        return outer

    def transpose(self, w: jax.Array, post: jax.Array) -> jax.Array:
        return self.apply(jnp.flip(w), post)

    def unsigned(self) -> Lateral:
        return self.replace(sign=1)

    def draw(self, initialiser: Initialiser, key: Any) -> jax.Array:
        """New weights, 0 where there is no synapse."""
        return jnp.where(self.multiplicity() != 0, super().draw(initialiser, key), 0.0)

    def _kernels(self, w: jax.Array) -> jax.Array:
        """From each channel to each: on CPUs many times as fast as one kernel that slides over channels."""
        if not self.centre:
            w = jnp.where(np.arange(w.size).reshape(w.shape) == w.size // 2, 0.0, w)
        return _between_channels(w, self.size_in[-1])

    @property
    def _axes(self) -> tuple[Axis, ...]:
        names, sizes = NAMES[-len(self.size_in) : -1], self.size_in[:-1]
        each = zip(names, sizes, self._kernel, strict=False)  # which has channels, too
        return tuple(Axis.derived(*axis, 1, 1, "SAME") for axis in each)

    @property
    def _kernel(self) -> tuple[int, ...]:
        return per_axis("Lateral.kernel", self.kernel, len(self.size_in))


def _between_channels(w: jax.Array, n: int) -> jax.Array:
    """The weight from each channel i to each channel o by their distance: (..., kc) -> (..., i, o).

    A row of the weights of all distances, written again and again with one place too few, moves by one from line to
    line. Its adjoint is a sum, where that of indexing would be a scatter.
    """
    reach = n - 1 - w.shape[-1] // 2  # below 0 the kernel is wider than the map
    row = lax.pad(jnp.flip(w, -1), jnp.zeros((), w.dtype), [(0, 0, 0)] * (w.ndim - 1) + [(reach, reach + 1, 0)])
    rows = jnp.tile(jnp.roll(row, 1 - n, -1), n)[..., : n * (2 * n - 1)]
    return rows.reshape(*w.shape[:-1], n, 2 * n - 1)[..., :n]
