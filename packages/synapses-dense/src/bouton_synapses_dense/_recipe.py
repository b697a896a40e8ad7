"""What recipes share: words for arguments that have no meaning here, and checks of the arguments that they change."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec

import jax
import numpy as np
from bouton import CircuitError, Initialiser, Synapse

P = ParamSpec("P")


def recipe(elsewhere: Mapping[str, str]) -> Callable[[Callable[P, Synapse]], Callable[P, Synapse]]:
    """Makes a function raise `CircuitError` for arguments that do not fit it.

    `elsewhere` says what to do instead of giving a parameter that the original has and the function has not.
    """

    def of(function: Callable[P, Synapse]) -> Callable[P, Synapse]:
        signature, name = inspect.signature(function), function.__name__

        @functools.wraps(function)
        def made(*args: P.args, **keywords: P.kwargs) -> Synapse:
            for given in keywords:
                if given not in signature.parameters:
                    instead = elsewhere.get(given) or _nearest(given, signature.parameters)
                    raise CircuitError(f"{name} has no parameter {given!r}. {instead}")
            try:
                signature.bind(*args, **keywords)
            except TypeError as e:
                raise CircuitError(f"{name}: {e}.") from None
            return function(*args, **keywords)

        return made

    return of


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f"Did you mean {close[0]!r}?" if close else f"Available: {', '.join(known)}."


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
