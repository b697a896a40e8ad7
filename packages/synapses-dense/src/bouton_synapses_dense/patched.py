"""Patched: blocks along the diagonal of a matrix, which may overlap; the rest of the matrix is never made."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from bouton import CircuitError, Initialiser, Topology, derived, static


class Patched(Topology):
    r"""n blocks, each from a patch of the pre-synaptic units to a patch of the post-synaptic ones.

    With an overlap :math:`(s_i, s_j)` and :math:`d_i = (n_\text{pre} - 2 s_i) / n`, :math:`d_j` likewise, block k
    connects

    .. math:: i \in [k d_i,\; (k + 1) d_i + 2 s_i) \quad\text{with}\quad j \in [k d_j,\; (k + 1) d_j + 2 s_j)

    so that neighbouring blocks have :math:`2 s_i` pre-synaptic and :math:`2 s_j` post-synaptic units in common. The
    outermost :math:`s_i` and :math:`s_j` units on either side are a margin without synapses. (As in ngc-learn, where
    ``shape`` is the size without margins and ``stride_shape`` the overlap.)

    The weights are (block, pre_in_block, post_in_block), of the size :math:`n (d_i + 2 s_i) (d_j + 2 s_j)`. **A pair of
    units has one weight, also where blocks overlap: it is kept in the first block that holds the pair.** The places of
    the later ones, and those in the margins, have no synapse and hold 0: see `mask`. `from_matrix` and `to_matrix`
    lead from a full matrix to weights and back. In a dataset the coordinates pre_start, pre_stop, post_start and
    post_stop say which units a block connects (the stop is not included).

    Raises `CircuitError` for sizes without margins that n does not divide.
    """

    n_pre: int = static(dim="pre", doc="number of pre-synaptic units, with margins")
    n_post: int = static(dim="post", doc="number of post-synaptic units, with margins")
    n_blocks: int = static(dim="block", doc="number of blocks")
    overlap: tuple[int, int] = static(
        default=(0, 0), doc="margin of pre- and of post-synaptic units on either side, and half of what blocks share"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        overlap = self.overlap
        if not (isinstance(overlap, tuple) and len(overlap) == 2 and all(type(s) is int and s >= 0 for s in overlap)):
            raise CircuitError(
                f"Patched.overlap must be two whole numbers of at least 0, (pre, post), got {self.overlap!r}."
            )
        for name in ("n_pre", "n_post", "n_blocks"):
            if type(n := getattr(self, name)) is not int or n < 1:
                raise CircuitError(f"Patched.{name} must be a whole number of at least 1, got {n!r}.")
        for name, s in zip(("n_pre", "n_post"), overlap, strict=True):
            n = getattr(self, name)
            rest = n - 2 * s
            what = f"Patched.{name}={n}" + (f" without its margins of 2 x {s} is {rest}, which" if s else "")
            if rest < self.n_blocks:
                raise CircuitError(f"{what} is too small for {self.n_blocks} blocks.")
            if left := rest % self.n_blocks:
                raise CircuitError(f"{what} {self.n_blocks} blocks do not divide: the remainder is {left}.")

    @derived
    def mask(self) -> jax.Array:
        """Which places hold a synapse: booleans (block, pre_in_block, post_in_block)."""
        own_pre, own_post = (
            (units >= s) & (units < n - s)
            for units, n, s in zip(self._units, (self.n_pre, self.n_post), self.overlap, strict=True)
        )
        # the first 2 s units of a block are those that it shares with the one before
        shared_pre, shared_post = (
            np.arange(units.shape[1]) < 2 * s for units, s in zip(self._units, self.overlap, strict=True)
        )
        later = np.arange(self.n_blocks)[:, None, None] > 0
        held = later & shared_pre[:, None] & shared_post
        return jnp.asarray(own_pre[:, :, None] & own_post[:, None, :] & ~held)

    def dims(self) -> dict[str, Any]:
        rows, columns = (units.shape[1] for units in self._units)
        weights = {"block": self.n_blocks, "pre_in_block": rows, "post_in_block": columns}
        return {"pre": {"pre": self.n_pre}, "post": {"post": self.n_post}, "weights": weights}

    def apply(self, w: jax.Array, x: jax.Array) -> jax.Array:
        rows, columns = self._units
        blocks = jnp.einsum("...ka,kab->...kb", x[..., rows], self._existing(w))
        return jnp.zeros((*x.shape[:-1], self.n_post), blocks.dtype).at[..., columns].add(blocks)

    def outer(self, w: jax.Array, pre: jax.Array, post: jax.Array) -> jax.Array:
        rows, columns = self._units
        return self._existing(jnp.einsum("...ka,...kb->kab", pre[..., rows], post[..., columns]))

    def transpose(self, w: jax.Array, post: jax.Array) -> jax.Array:
        rows, columns = self._units
        blocks = jnp.einsum("...kb,kab->...ka", post[..., columns], self._existing(w))
        return jnp.zeros((*post.shape[:-1], self.n_pre), blocks.dtype).at[..., rows].add(blocks)

    def largest(self, w: jax.Array, of: Literal["pre", "post"] = "post") -> jax.Array:
        units, axis, n = (self._units[1], 1, self.n_post) if of == "post" else (self._units[0], 2, self.n_pre)
        return jnp.zeros(n, w.dtype).at[units].max(jnp.abs(self._existing(w)).max(axis))

    def draw(self, initialiser: Initialiser, key: Any) -> jax.Array:
        """New weights, 0 where there is no synapse."""
        return self._existing(super().draw(initialiser, key))

    def coords(self) -> dict[str, tuple[str, Any]]:
        rows, columns = self._units
        return {
            "pre_start": ("block", rows[:, 0]),
            "pre_stop": ("block", rows[:, -1] + 1),
            "post_start": ("block", columns[:, 0]),
            "post_stop": ("block", columns[:, -1] + 1),
        }

    def to_matrix(self, w: jax.Array) -> jax.Array:
        """The full matrix (pre, post) of some weights, with 0 where there is no synapse."""
        rows, columns = self._units
        w = self._existing(jnp.asarray(w))
        return jnp.zeros((self.n_pre, self.n_post), w.dtype).at[rows[:, :, None], columns[:, None, :]].add(w)

    def from_matrix(self, matrix: Any) -> jax.Array:
        """The weights (block, pre_in_block, post_in_block) in a full matrix (pre, post); the rest of it is left out."""
        matrix = jnp.asarray(matrix, float)
        if matrix.shape != (self.n_pre, self.n_post):
            raise CircuitError(f"the matrix must have the shape {(self.n_pre, self.n_post)}, got {matrix.shape}.")
        rows, columns = self._units
        return self._existing(matrix[rows[:, :, None], columns[:, None, :]])

    @property
    def _units(self) -> tuple[np.ndarray, np.ndarray]:
        """Indices (block, unit in block) of the units of each block, on either side."""

        def windows(n: int, s: int) -> np.ndarray:
            step = (n - 2 * s) // self.n_blocks
            return np.arange(self.n_blocks)[:, None] * step + np.arange(step + 2 * s)

        return windows(self.n_pre, self.overlap[0]), windows(self.n_post, self.overlap[1])

    def _existing(self, w: jax.Array) -> jax.Array:
        return jnp.where(self.mask, w, 0.0)
