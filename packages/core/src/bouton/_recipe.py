"""recipe: what a function that makes components says about arguments that do not fit it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import ParamSpec, TypeVar

from ._errors import CircuitError, nearest

P = ParamSpec("P")
R = TypeVar("R")


def recipe(elsewhere: Mapping[str, str] = MappingProxyType({})) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Makes a function raise `CircuitError` for arguments that do not fit it, in the words in which components do::

        @bouton.recipe({"eta": "Learning is a rule: Synapse(..., plasticity=...)."})
        def MySynapse(shape, weights=0.5): ...

    `elsewhere` says what to do instead of giving a parameter that users know from another library, and that the
    function has not.
    """

    def of(function: Callable[P, R]) -> Callable[P, R]:
        signature, name = inspect.signature(function), function.__name__

        @functools.wraps(function)
        def made(*args: P.args, **keywords: P.kwargs) -> R:
            for given in keywords:
                if given not in signature.parameters:
                    instead = f" {elsewhere[given]}" if given in elsewhere else nearest(given, signature.parameters)
                    raise CircuitError(f"{name} has no parameter {given!r}.{instead}")
            try:
                signature.bind(*args, **keywords)
            except TypeError as e:
                raise CircuitError(f"{name}: {e}.") from None
            return function(*args, **keywords)

        return made

    return of
