"""Pool2d: means or sums over bins of a map, without weights."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from bouton import Topology, static

from ._geometry import check_size, labelled, per_axis


class Pool2d(Topology):
    r"""Pooling to a map of a given size: the mean of each bin, or its sum, channel by channel. It has no weights.

    .. math:: y_{ij,c} = \frac{1}{n_i n_j} \sum_{p \in B_i} \sum_{q \in B_j} x_{pq,c}, \qquad
        B_i = \Bigl[\Bigl\lfloor \frac{i H}{h} \Bigr\rfloor,\; \Bigl\lceil \frac{(i + 1) H}{h} \Bigr\rceil\Bigr)

    with H places that become h along either axis, and :math:`n_i` places in bin i. Where h divides H, bins are next to
    each other and of one size. Otherwise they overlap, and a place in two of them counts in both. (These are the bins
    of adaptive pooling in PyTorch, and of CoNeX.) ``reduce="sum"`` leaves out the factor.

    `size_in` is (height, width, channel) and `size_out` is (height, width). Raises `CircuitError` for other sizes.
    """

    size_in: tuple[int, ...] = static(doc="size of the input map, channels last")
    size_out: tuple[int, ...] = static(doc="height and width of the output map")
    reduce: Literal["mean", "sum"] = static(default="mean", doc="what a bin gives")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size("Pool2d.size_in", self.size_in, (3,))
        per_axis("Pool2d.size_out", self.size_out, 2)

    def dims(self) -> dict[str, Any]:
        post = labelled((*self.size_out, self.size_in[-1]))
        return {"pre": labelled(self.size_in, "pre_"), "post": post, "weights": None}

    def apply(self, w: None, x: jax.Array) -> jax.Array:
        rows, columns = (_bins(*sizes) for sizes in zip(self.size_in[:2], self.size_out, strict=True))
        y = jnp.einsum("...pqc,ip,jq->...ijc", x, rows.astype(x.dtype), columns.astype(x.dtype))
        if self.reduce == "sum":
            return y
        return y / (rows.sum(1)[:, None, None] * columns.sum(1)[:, None]).astype(x.dtype)


def _bins(size: int, bins: int) -> np.ndarray:
    """Which places are in which bin: booleans (bin, place)."""
    i, place = np.arange(bins)[:, None], np.arange(size)
    return (i * size // bins <= place) & (place < -(-(i + 1) * size // bins))
