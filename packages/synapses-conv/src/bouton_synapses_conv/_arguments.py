"""Checks of the arguments that recipes change before they hand them on."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from bouton import CircuitError, Initialiser


def values(name: str, given: Any) -> Any:
    """Values of weights: a number, an array or an initialiser. ngc-learn has lists that begin with a name."""
    numbers = (int, float, np.number, np.ndarray, jax.Array, Initialiser)
    lists = isinstance(given, (list, tuple)) and given and not isinstance(given[0], str)
    if isinstance(given, bool) or not (isinstance(given, numbers) or lists):
        raise CircuitError(
            f"{name} must be a number, an array or an initialiser such as bouton.Uniform(0.025, 0.8), got {given!r}."
        )
    return given


def over_map(name: str, given: Any, size: tuple[int, ...]) -> Any:
    """A number as it is, or one for each channel or unit as an array over the map (or over its channels alone)."""
    forms = {size[-1:]: "(one for each channel)"}
    forms.setdefault(size, "(for each unit)")
    if isinstance(given, (int, float, np.number)) and not isinstance(given, bool):
        return given
    array = np.asarray(given, float) if isinstance(given, (list, tuple)) else given
    if isinstance(array, (np.ndarray, jax.Array)) and array.shape in ((), *forms):
        return jnp.broadcast_to(array, size) if isinstance(array, jax.Array) else np.broadcast_to(array, size)
    got = f"the shape {array.shape}" if isinstance(array, (np.ndarray, jax.Array)) else repr(given)
    wanted = " or ".join(f"{shape} {what}" for shape, what in forms.items())
    raise CircuitError(f"{name} must be a number or an array of shape {wanted}, got {got}.")
