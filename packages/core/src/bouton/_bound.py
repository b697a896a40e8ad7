"""Bound: how a learning rule slows down as a weight comes near the end of its range."""

from __future__ import annotations

from typing import Any

from ._module import Module


class Bound(Module):
    """Factors on what a rule adds to a weight and on what it takes away, from the room that is left.

    Both are functions of one weight, applied to each; they are at least 0. What keeps a weight in its range whatever a
    rule does is a constraint, `Clip`.
    """

    def grow(self, w: Any) -> Any:
        """Factor on potentiation."""
        raise NotImplementedError(f"{type(self).__name__} does not define grow(w).")

    def shrink(self, w: Any) -> Any:
        """Factor on depression."""
        raise NotImplementedError(f"{type(self).__name__} does not define shrink(w).")
