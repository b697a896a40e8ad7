"""Reading single values of plain data: static fields by their declared types, numbers, arrays, mappings."""

from __future__ import annotations

import contextlib
import types
import typing
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from ._check import matches, named
from ._errors import ModelError, guess, nearest
from ._module import as_static
from ._plain import WORDS, join, shown


class Misfit(Exception):
    """A value is not of the type that was asked for."""


def fit(value: Any, hint: Any, *, exact: bool = False) -> Any:
    """The value of a static field of the type `hint`, `Misfit` if it is none.

    Lists become tuples. Unless `exact`, integers do for floats, and words for what they mean where text is not wanted.
    """
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        for strictly in (True, False)[: 1 if exact else 2]:  # text stays text where any option takes it
            for option in args:
                with contextlib.suppress(Misfit):
                    return fit(value, option, exact=strictly)
    elif origin is typing.Literal:
        if any(type(a) is type(value) and a == value for a in args):
            return value
    elif origin is tuple and args:
        hints = args[:1] * len(value) if isinstance(value, (list, tuple)) and args[1:] == (...,) else args
        if isinstance(value, (list, tuple)) and len(hints) == len(value):
            return tuple(fit(v, h, exact=exact) for v, h in zip(value, hints, strict=True))
    elif hint in (bool, int, float, str, types.NoneType):
        if type(value) is hint:
            return value
        if not exact:
            meant = WORDS.get(value, value) if isinstance(value, str) else value
            meant = float(meant) if hint is float and type(meant) is int else meant
            if type(meant) is hint:
                return meant
    elif not isinstance(value, Mapping) and matches(as_static(value), hint):
        return as_static(value)
    raise Misfit


def read_static(path: str, value: Any, hint: Any) -> Any:
    with contextlib.suppress(Misfit):
        return fit(value, hint)
    if typing.get_origin(hint) is typing.Literal:
        options = typing.get_args(hint)
        near = guess(value, map(str, options)) if isinstance(value, str) else ""  # all options are named anyway
        raise ModelError(f"{path}: must be one of {', '.join(map(repr, options))}, got {shown(value)}.{near}")
    raise ModelError(f"{path}: must be {named(hint)}, got {shown(value)}.")


def read_number(path: str, value: Any) -> float:
    meant = WORDS.get(value, value) if isinstance(value, str) else value
    if isinstance(meant, bool) or not isinstance(meant, (int, float)):
        raise ModelError(f"{path}: must be a number, got {shown(value)}.")
    return float(meant)


def read_array(path: str, value: Any, dtype: Any) -> np.ndarray:
    """An array from nested lists; float dtypes round, others have to hold each number exactly."""
    plain_type = {"b": bool, "i": int, "u": int}.get(np.dtype(dtype).kind, float)

    def checked(at: str, v: Any) -> Any:
        if isinstance(v, (list, tuple)):
            return [checked(join(at, i), w) for i, w in enumerate(v)]
        if plain_type is float:
            return read_number(at, v)
        if type(v) is not plain_type:
            raise ModelError(f"{at}: must be of the type {plain_type.__name__}, got {shown(v)}.")
        return v

    numbers = checked(path, value)
    try:
        with np.errstate(over="raise"):
            return np.asarray(numbers, float if plain_type is float else dtype).astype(dtype)
    except (ValueError, OverflowError, FloatingPointError):
        raise ModelError(
            f"{path}: cannot be an array: its rows must have one length, and its numbers must lie within the range "
            f"of {np.dtype(dtype).name}."
        ) from None


def read_mapping(path: str, data: Any) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise ModelError(f"{path}: must be a mapping, got {shown(data)}.")
    return data


def check_keys(path: str, data: Mapping[str, Any], legal: Collection[str], required: Iterable[str]) -> None:
    for key in data:
        if key not in legal:
            raise ModelError(f"{join(path, key)}: there is no such field.{nearest(key, legal)}")
    for key in required:
        if key not in data:
            raise ModelError(f"{join(path, key)}: is missing and has no default.")
