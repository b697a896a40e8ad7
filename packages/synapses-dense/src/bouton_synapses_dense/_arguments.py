"""Checks of the arguments that recipes change before they hand them on."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from bouton import CircuitError, Initialiser


def sizes(who: str, shape: Any) -> tuple[int, int]:
    """A shape (pre, post)."""
    if isinstance(shape, str):
        raise CircuitError(
            f"{who}.shape must be two sizes (pre, post), got {shape!r}. A synapse has its name from the circuit: "
            f"Circuit(nodes={{{shape!r}: {who}((64, 100))}})."
        )
    found = tuple(shape) if isinstance(shape, (list, tuple)) else ()
    if len(found) != 2 or not all(type(n) is int and n > 0 for n in found):
        raise CircuitError(f"{who}.shape must be two sizes (pre, post), such as (64, 100), got {shape!r}.")
    return found


def values(name: str, given: Any) -> Any:
    """Values of weights: a number, an array or an initialiser. ngc-learn has lists that begin with a name."""
    numbers = (int, float, np.number, np.ndarray, jax.Array, Initialiser)
    lists = isinstance(given, (list, tuple)) and given and not isinstance(given[0], str)
    if isinstance(given, bool) or not (isinstance(given, numbers) or lists):
        raise CircuitError(
            f"{name} must be a number, an array or an initialiser such as bouton.Uniform(0.025, 0.8), got {given!r}."
        )
    return given
