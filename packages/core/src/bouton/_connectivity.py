"""Connectivity: which pairs of units a topology connects."""

from __future__ import annotations

import numpy as np

from ._module import Module


class Connectivity(Module):
    """Draws a list of edges. A frozen value: its numbers are static, as they decide how many weights there are.

    Topologies with a structure of edges take one, and a seed of their own: the same seed gives the same edges.
    """

    def count(self, n_pre: int, n_post: int) -> int | None:
        """How many edges to expect: too many are refused before they are drawn. None, the default: not known before."""
        return None

    def edges(self, n_pre: int, n_post: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """``(pre, post)``: for each edge the unit where it begins and the unit where it ends."""
        raise NotImplementedError(f"{type(self).__name__} does not define edges(n_pre, n_post, rng).")
