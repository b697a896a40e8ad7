"""Checks of a node's own fields: types of static fields, numbers, shapes and ranges of parameters.

They run when a circuit is built, on concrete values only: a tracer passes.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from ._describe import hints
from ._errors import CircuitError, guess
from ._initialisers import Given, Initialiser
from ._module import Module, ParameterSpec, Part, StaticSpec, spec_of


def check_fields(name: str, module: Module, env: dict[str, Any] | None = None) -> None:
    """Raise `CircuitError` naming the first wrong field of a module or of the modules in its fields."""
    _check_statics(name, module)  # all of them first: sizes are made of them
    _check_parameters(name, module, env or {})


def _check_statics(name: str, module: Module) -> None:
    for f in dataclasses.fields(module):  # type: ignore[arg-type]
        spec, value, hint = spec_of(f), getattr(module, f.name), hints(type(module))[f.name]
        if isinstance(spec, StaticSpec):
            _check_static(f"{name}.{f.name}", value, hint, spec)
    for path, inner in _inner(name, module):
        _check_statics(path, inner)


def _check_parameters(name: str, module: Module, env: dict[str, Any]) -> None:
    env = {**env, **_sizes(name, module)}
    for f in dataclasses.fields(module):  # type: ignore[arg-type]
        spec, value, hint = spec_of(f), getattr(module, f.name), hints(type(module))[f.name]
        if isinstance(spec, ParameterSpec):
            _check_parameter(f"{name}.{f.name}", value, hint, spec, env)
        if isinstance(value, Initialiser):
            check_initialiser(f"{name}.{f.name}", value)
    for path, inner in _inner(name, module):
        _check_parameters(path, inner, env)


def _sizes(name: str, module: Module) -> dict[str, Any]:
    """The sizes of a module's dims. A topology may draw its edges for them: what is wrong there gets its name."""
    if not hasattr(module, "dims"):
        return {}
    try:
        return module.dims()  # type: ignore[attr-defined]
    except CircuitError as e:
        raise CircuitError(f"{name}: {e}") from None


def _inner(name: str, module: Module) -> Iterator[tuple[str, Module]]:
    """The modules in a module's fields with their names, but for initialisers."""
    for f in dataclasses.fields(module):  # type: ignore[arg-type]
        value, path = getattr(module, f.name), f"{name}.{f.name}"
        for place, item in enumerate(value) if isinstance(value, tuple) else [(None, value)]:
            if isinstance(item, Module) and not isinstance(item, Initialiser):
                yield path if place is None else f"{path}.{place}", item


def check_parts(module: Module, dt: float) -> None:
    """`Part.check` of a component and of all its parts, their names in front of what they say."""
    if isinstance(module, Part):
        module.check(dt=dt)
    check_named({f.name: getattr(module, f.name) for f in dataclasses.fields(module)}, dt)  # type: ignore[arg-type]


def check_named(values: Mapping[str, Any], dt: float) -> None:
    """`check_parts` of the modules among some values, such as the components of a circuit."""
    for name, value in values.items():
        if isinstance(value, Module):
            try:
                check_parts(value, dt)
            except CircuitError as e:
                raise CircuitError(f"{name}: {e}") from None


def matches(value: Any, hint: Any) -> bool:
    """Whether a static value is of an annotated type. All items of a tuple count; True is no 1; an int is a float."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(matches(value, option) for option in args)
    if origin is typing.Literal:
        return any(type(a) is type(value) and a == value for a in args)
    if origin is tuple and isinstance(value, tuple):
        wanted = args[:1] * len(value) if args[1:] == (...,) else args
        return len(wanted) == len(value) and all(map(matches, value, wanted))
    if hint is float:
        return type(value) in (int, float)
    return hint is Any or (isinstance(hint, type) and type(value) is hint)


def named(hint: Any) -> str:
    """A type in a message."""
    return hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint).replace("typing.", "")


def _check_static(name: str, value: Any, hint: Any, spec: StaticSpec) -> None:
    if not matches(value, hint):
        if typing.get_origin(hint) is typing.Literal:
            options = [str(o) for o in typing.get_args(hint)]
            close = guess(str(value), options)
            raise CircuitError(f"{name} must be one of {', '.join(map(repr, options))}, got {value!r}.{close}")
        raise CircuitError(f"{name} must be {named(hint)}, got {value!r}.")
    if spec.dim and any(n < 1 for n in (value if isinstance(value, tuple) else (value,))):
        raise CircuitError(f"{name} is a size: it must be at least 1, got {value!r}.")


def _check_parameter(name: str, value: Any, hint: Any, spec: ParameterSpec, env: dict[str, Any]) -> None:
    optional = type(None) in typing.get_args(hint)
    unit = "" if spec.unit == "1" else f" {spec.unit}"
    if isinstance(value, (Tracer, Initialiser)) or (value is None and optional):
        return
    if not isinstance(value, (float, np.ndarray, jax.Array)):
        also = " or None" if optional else ""
        raise CircuitError(f"{name} must be a number, an array or an initialiser{also}, got {value!r}.")
    array = np.asarray(value)
    if array.dtype.kind != "f":
        raise CircuitError(f"{name} must hold real numbers, got an array of {array.dtype}.")
    shape = parameter_shape(spec, env)
    if array.shape not in ((), shape):
        wanted = f"a single number or an array of shape {shape} ({spec.dims})" if shape else "a single number"
        raise CircuitError(f"{name} must be {wanted}, got an array of shape {array.shape}.")
    _refuse(name, array, np.isnan(array), "must be a number, got {}.")
    _refuse(name, array, np.isinf(array) & (not spec.infinite), "must be finite, got {}.")
    _refuse(name, array, _outside(array, spec), f"must be {spec.bounds()}{unit}, got {{}}." + _off(optional, array))


def check_initialiser(name: str, initialiser: Initialiser) -> None:
    """Its parameters, or the numbers that it holds."""
    if not isinstance(initialiser, Given):
        check_fields(name, initialiser)
    elif not isinstance(initialiser.values, Tracer):
        array = np.asarray(initialiser.values)
        _refuse(name, array, np.isnan(array), "must be a number, got {}.")
        _refuse(name, array, np.isinf(array), "must be finite, got {}.")


def _refuse(name: str, array: np.ndarray, wrong: np.ndarray, message: str) -> None:
    """Raise an error that names the first wrong element of an array."""
    if wrong.any():
        at = np.argwhere(wrong)[0]
        where = "[" + ", ".join(map(str, at)) + "]" if array.ndim else ""
        raise CircuitError(f"{name}{where} " + message.format(f"{array[tuple(at)]:g}"))


def _outside(array: np.ndarray, spec: ParameterSpec) -> np.ndarray:
    wrong = np.zeros(array.shape, bool)
    for bound, breaks in (
        (spec.gt, np.less_equal),
        (spec.ge, np.less),
        (spec.lt, np.greater_equal),
        (spec.le, np.greater),
    ):
        if bound is not None:
            wrong |= breaks(array, bound)
    return wrong


def _off(optional: bool, array: np.ndarray) -> str:
    """Other simulators take a zero for "off"; here that is None."""
    return " Use None to switch it off." if optional and (array == 0).any() else ""


def parameter_shape(spec: ParameterSpec, env: dict[str, Any]) -> tuple[int, ...]:
    """The full shape of a parameter, given the sizes of the dims of the part it belongs to."""
    shape: list[int] = []
    for name in spec.dims.split():
        size = env[name]
        shape += list(size.values()) if isinstance(size, dict) else [size]
    return tuple(shape)
