"""Circuits as plain data and as model files: `to_dict`, `from_dict`, `save`, `load`.

The data hold numbers, text, bools, None, lists and dicts; whatever has parameters is ``{"type": name, field: value}`` with
a *registered* name, never an import path, so that reading a model executes nothing that is not an installed plugin::

    bouton: 1                                   # the number of this form
    nodes:
      ff:
        type: Synapse
        topology: {type: Dense, n_pre: 64, n_post: 100}
        weights: {type: Uniform, high: 0.3}     # fields that are left out have their defaults
      exc: {type: LIFCell, n_units: 100, tau_theta: inf, theta_plus: none}
    wires:
      exc.j: [ff.current, {delayed: exc.s, ms: 1.5}]
    start:
      exc.v: -60.0

- "inf", "-inf" and "none" stand for the numbers and for None wherever a field does not take text.
- A nested circuit is ``{"type": "Circuit", "nodes": ..., "wires": ..., "start": ...}``.
- An array of float64 is a list; any other ``{"array": list, "dtype": "float32"}``; one of more than 64 numbers
  ``{"array": "sha256:<hex>"}``, kept beside the data by this hash of its dtype, shape and bytes.
- A recipe's name is legal where a component's is; its fields are the arguments. It comes back as what it returns.

How such data are written as JSON, YAML or TOML is `_formats.py`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import hashlib
import inspect
import json
import math
import os
import re
import reprlib
import types
import typing
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from beartype.door import is_bearable

from ._check import check_fields
from ._circuit import Circuit
from ._component import Component
from ._constraints import Constraint
from ._describe import hints
from ._dynamics import Release, Transmission
from ._errors import CircuitError, ModelError, PluginError, nearest
from ._formats import MAX_BYTES, MAX_DEPTH, format_of, parse
from ._initialisers import Constant, Given, Initialiser
from ._module import MISSING, Module, ParameterSpec, StaticSpec, _as_parameter, _as_static, spec_of
from ._plasticity import Plasticity
from ._registry import PluginSet, current
from ._surrogates import Surrogate
from ._topology import Topology
from ._wiring import Delayed, delayed, opened, plan, split

FORM = 1
MAX_INLINE = 64
"""Arrays of more numbers are kept beside the data."""
MAX_VALUES = 100_000
MAX_TEXT = 1_000

_BASES: dict[type, tuple[str, ...]] = {
    Component: ("component", "recipe"),
    Topology: ("topology",),
    Plasticity: ("rule",),
    Transmission: ("transmission",),
    Release: ("release",),
    Initialiser: ("initialiser",),
    Constraint: ("constraint",),
    Surrogate: ("surrogate",),
}
_WORDS = {"inf": math.inf, "-inf": -math.inf, "none": None}
_REFERENCE = re.compile(r"sha256:([0-9a-f]{64})")
_DTYPES = (
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
)


# ---- a circuit as data -----------------------------------------------------------------------------------------------


def to_dict(circuit: Circuit, arrays: dict[str, np.ndarray] | None = None) -> dict[str, Any]:
    """The circuit as plain data that JSON can hold.

    Arrays of more than 64 numbers are put into `arrays`, ``{hex sha256: array}``; without it they are an error, as is a
    class that no plugin registers.
    """
    return {"bouton": FORM, **_Writer(current(), arrays).circuit("", circuit)}


@dataclasses.dataclass
class _Writer:
    plugins: PluginSet
    arrays: dict[str, np.ndarray] | None

    def circuit(self, path: str, circuit: Circuit) -> dict[str, Any]:
        nodes = {}
        for name, node in circuit.nodes.items():
            at = _join(_join(path, "nodes"), name)
            nested = isinstance(node, Circuit)
            nodes[name] = {"type": "Circuit", **self.circuit(at, node)} if nested else self.module(at, node)
        sources: dict[str, list[Any]] = {}
        for target, of_target in circuit.wires:
            plain = ({"delayed": s.source, "ms": s.ms} if isinstance(s, Delayed) else s for s in of_target)
            sources.setdefault(target, []).extend(plain)
        at = _join(path, "start")
        start = {ref: self.part(_join(at, ref), value, plain=True) for ref, value in circuit.start.items()}
        wires = {target: s[0] if len(s) == 1 else s for target, s in sources.items()}
        return {"nodes": nodes} | ({"wires": wires} if wires else {}) | ({"start": start} if start else {})

    def module(self, path: str, module: Module) -> dict[str, Any]:
        cls = type(module)
        try:
            data: dict[str, Any] = {"type": self.plugins.name_of(cls)}
        except PluginError as e:
            raise ModelError(f"{path}: {e}") from None
        for f in dataclasses.fields(module):  # type: ignore[arg-type]
            at, hint = _join(path, f.name), hints(cls)[f.name]
            value = self.field(at, getattr(module, f.name), spec_of(f), hint)
            default = f.default if f.default_factory is MISSING else f.default_factory()
            if default is MISSING or not _same(value, self.field(at, default, spec_of(f), hint)):
                data[f.name] = value
        return data

    def field(self, path: str, value: Any, spec: Any, hint: Any) -> Any:
        if isinstance(spec, StaticSpec):
            return _written_static(path, _as_static(value), hint)
        if isinstance(spec, ParameterSpec):
            value = _as_parameter(value)
            if isinstance(value, (np.ndarray, jax.Array)) and not isinstance(value, jax.core.Tracer):
                return self.array(path, np.asarray(value, np.float64))
            return self.part(path, value)
        return self.part(path, value, plain=_Expected.by(hint).anything)

    def part(self, path: str, value: Any, *, plain: bool = False) -> Any:
        """A value of a field that is not static; `plain` where a number or an array will do for an initialiser."""
        if isinstance(value, jax.core.Tracer):
            raise ModelError(f"{path}: its value is not known inside jit, grad or vmap.")
        if plain and type(value) is Constant and type(value.value) is float:
            value = value.value
        elif plain and type(value) is Given and getattr(value.values, "dtype", None) == np.float64:
            value = value.values
        if isinstance(value, Module):
            return self.module(path, value)
        if isinstance(value, (list, tuple)) and (not value or any(isinstance(v, Module) for v in value)):
            return [self.part(_join(path, i), v) for i, v in enumerate(value)]
        if value is None or type(value) in (bool, int, float):
            return _written_number(path, value)
        try:
            array = np.asarray(value)
        except Exception:  # whatever a foreign type's conversion raises
            array = np.asarray(None)
        return self.array(path, array, of=value)

    def array(self, path: str, array: np.ndarray, of: Any = None) -> Any:
        if array.dtype.name not in _DTYPES:
            raise ModelError(f"{path}: {_shown(array if of is None else of)} cannot be written as plain data.")
        if np.isnan(array).any():
            raise ModelError(f"{path}: an array that holds nan cannot be written.")
        if 0 < array.size <= MAX_INLINE:
            numbers = _written_list(path, array.tolist())
            return numbers if array.dtype == np.float64 else {"array": numbers, "dtype": array.dtype.name}
        if self.arrays is None:
            raise ModelError(
                f"{path}: an array of the shape {array.shape} is too large to stand among the data. "
                "Give a dict for it to be put in: to_dict(arrays={})."
            )
        digest = _digest(array)
        self.arrays[digest] = array
        return {"array": f"sha256:{digest}"}


def _written_static(path: str, value: Any, hint: Any) -> Any:
    """A static value, infinity as a word; an error where reading that back would give something else."""
    data = _written_list(path, value)
    try:
        exact = _same(_fitted(data, hint), value)
    except _Misfit:
        exact = False
    if not exact:
        raise ModelError(f"{path}: {_shown(value)} cannot be written, as a static field of the type {_named(hint)}.")
    return data


def _written_list(path: str, value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_written_list(path, v) for v in value]
    return _written_number(path, value)


def _written_number(path: str, value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        raise ModelError(f"{path}: nan cannot be written.")
    return f"{value}" if isinstance(value, float) and math.isinf(value) else value


def _same(a: Any, b: Any) -> bool:
    """Equal data, where 1, 1.0 and true differ, and so do 0.0 and -0.0."""
    return json.dumps(a) == json.dumps(b)


def _digest(array: np.ndarray) -> str:
    array = np.asarray(array, array.dtype.newbyteorder("<"))
    return hashlib.sha256(f"{array.dtype.str}{list(array.shape)}".encode() + array.tobytes()).hexdigest()


# ---- data as a circuit -----------------------------------------------------------------------------------------------


def from_dict(data: Any, arrays: Mapping[str, np.ndarray] | None = None, plugins: PluginSet | None = None) -> Circuit:
    """The circuit that the data describe; the inverse of `to_dict`.

    `ModelError`, beginning with the path of the field, for whatever is unknown, missing, of another type or too much.
    """
    _check_plain(data)
    data = dict(data)
    if (form := data.pop("bouton", None)) != FORM or isinstance(form, (bool, float)):
        raise ModelError(
            f"bouton: must be {FORM}, the number of the form that this version of bouton reads, got {_shown(form)}."
        )
    return _Reader(plugins or current(), arrays or {}).circuit("", data)


@dataclasses.dataclass
class _Expected:
    """What a field may hold besides numbers: modules of these bases, tuples of them, None, or anything."""

    bases: tuple[type, ...] = ()
    tuples: bool = False
    none: bool = False
    anything: bool = False

    @classmethod
    def by(cls, hint: Any) -> _Expected:
        if hint is Any:
            return cls(anything=True)
        if hint in (None, types.NoneType):
            return cls(none=True)
        if isinstance(hint, type) and issubclass(hint, Module):
            return cls(bases=(hint,))
        inner = [cls.by(h) for h in typing.get_args(hint) if h is not Ellipsis]
        return cls(
            tuple(b for i in inner for b in i.bases),
            typing.get_origin(hint) is tuple or any(i.tuples for i in inner),
            any(i.none for i in inner),
            any(i.anything for i in inner),
        )

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of registered names to look in."""
        related = [k for b, k in _BASES.items() if any(issubclass(b, e) or issubclass(e, b) for e in self.bases)]
        return tuple(kind for kinds in related or _BASES.values() for kind in kinds)

    def __str__(self) -> str:
        words = ["a number", "an array"] * self.anything
        words += [f"{'a list of parts' if self.tuples else 'a part'} {{'type': ...}} ({', '.join(self.kinds)})"]
        return " or ".join(words + ["none"] * self.none)


@dataclasses.dataclass
class _Reader:
    plugins: PluginSet
    arrays: Mapping[str, np.ndarray]

    def circuit(self, path: str, data: Mapping[str, Any]) -> Circuit:
        _check_keys(path, data, ("nodes", "wires", "start"), required=("nodes",))
        at = {key: _join(path, key) for key in ("nodes", "wires", "start")}
        given = {key: _mapping(at[key], data.get(key, {})) for key in at}
        nodes = {name: self.node(_join(at["nodes"], name), node) for name, node in given["nodes"].items()}
        wires = {target: _sources(_join(at["wires"], target), s) for target, s in given["wires"].items()}
        wanted = _Expected((Initialiser,), anything=True)
        start = {ref: self.part(_join(at["start"], ref), value, wanted) for ref, value in given["start"].items()}
        try:
            made = Circuit(nodes, wires, start)
            for ref, initialiser in made.start.items():
                _check_module(_join(at["start"], ref), initialiser)
        except ModelError:
            raise
        except Exception as e:  # a plugin's own code ran here
            place = _culprit(nodes, wires, start)
            raise ModelError(f"{functools_path(path, place)}: {_reason(e)}") from None
        return made

    def node(self, path: str, data: Any) -> Any:
        if _mapping(path, data).get("type") == "Circuit":
            return self.circuit(path, {k: v for k, v in data.items() if k != "type"})
        node = self.module(path, data, _Expected((Component,)))
        _check_module(path, node)
        return node

    def module(self, path: str, data: Mapping[str, Any], expected: _Expected) -> Any:
        given = dict(data)
        target = self.named(_join(path, "type"), given.pop("type", None), expected)
        if isinstance(target, type):
            fields = {f.name: f for f in dataclasses.fields(target)}
            defaults = {n: (f.default, f.default_factory) != (MISSING, MISSING) for n, f in fields.items()}
            read = {n: (spec_of(f), hints(target)[n]) for n, f in fields.items()}
        else:
            parameters = inspect.signature(target).parameters
            defaults = {n: p.default is not p.empty for n, p in parameters.items()}
            read = dict.fromkeys(parameters)
        _check_keys(
            path, given, tuple(defaults), required=[n for n, has in defaults.items() if not has], skip=("type",)
        )
        values = {}
        for name, value in given.items():
            at, how = _join(path, name), read[name]
            values[name] = self.argument(at, value) if how is None else self.field(at, value, *how)
        try:
            made = target(**values)
        except Exception as e:  # a plugin's own code ran here
            raise ModelError(f"{path}: {_reason(e)}") from None
        if not isinstance(made, expected.bases or Module):
            raise ModelError(f"{path}: {data['type']!r} makes a {type(made).__name__}; expected {expected}.")
        return made

    def named(self, path: str, name: Any, expected: _Expected) -> Any:
        """The class or recipe with this name, if it is of an expected kind."""
        if not isinstance(name, str):
            what = "is missing: it is" if name is None else "must be"
            raise ModelError(f"{path}: {what} a registered name ({', '.join(expected.kinds)}), got {_shown(name)}.")
        bare = name.rpartition("/")[2]
        kinds = [k for k in expected.kinds if bare in self.plugins.table[k]] or expected.kinds
        try:
            target = self.plugins.get(kinds[0], name)
        except (PluginError, ValueError) as e:
            raise ModelError(f"{path}: {e}") from None
        if isinstance(target, type) and issubclass(target, expected.bases or Module):
            return target
        if kinds[0] == "recipe" and callable(target):
            return target
        wanted = " or ".join(b.__name__ for b in expected.bases) or "Module"
        raise ModelError(f"{path}: {name!r} is not a {wanted}.")

    def field(self, path: str, value: Any, spec: Any, hint: Any) -> Any:
        if isinstance(spec, StaticSpec):
            return _read_static(path, value, hint)
        if isinstance(spec, ParameterSpec):
            optional = types.NoneType in typing.get_args(hint)
            return self.part(path, value, _Expected((Initialiser,), none=optional, anything=True))
        return self.part(path, value, _Expected.by(hint))

    def part(self, path: str, value: Any, expected: _Expected) -> Any:
        if value is None or value == "none":
            if expected.none or (expected.anything and not expected.bases):
                return None
        elif isinstance(value, Mapping):
            if "array" in value and expected.anything:
                return self.array(path, value)
            if not expected.tuples:
                return self.module(path, value, expected)
        elif isinstance(value, (list, tuple)):
            if (expected.tuples or not expected.bases) and all(isinstance(v, Mapping) for v in value):
                one = dataclasses.replace(expected, tuples=False, none=False, anything=False)
                return tuple(self.module(_join(path, i), v, one) for i, v in enumerate(value))
            if expected.anything:
                return _array(path, value, np.float64)
        elif expected.anything:
            return value if isinstance(value, bool) and not expected.bases else _number(path, value)
        raise ModelError(f"{path}: must be {expected}, got {_shown(value)}.")

    def argument(self, path: str, value: Any) -> Any:
        """An argument of a recipe, of which nothing is known."""
        if isinstance(value, Mapping):
            return self.part(path, value, _Expected(anything=True))
        if isinstance(value, (list, tuple)):
            return tuple(self.argument(_join(path, i), v) for i, v in enumerate(value))
        return _WORDS.get(value, value) if isinstance(value, str) else value

    def array(self, path: str, data: Mapping[str, Any]) -> np.ndarray:
        _check_keys(path, data, ("array", "dtype"), required=("array",))
        value, dtype = data["array"], data.get("dtype", "float64")
        if not isinstance(value, str):
            if dtype not in _DTYPES:
                raise ModelError(
                    f"{_join(path, 'dtype')}: must be the name of a dtype, got {_shown(dtype)}.{nearest(str(dtype), _DTYPES)}"
                )
            return _array(_join(path, "array"), value, np.dtype(dtype))
        at, match = _join(path, "array"), _REFERENCE.fullmatch(value)
        if match is None or "dtype" in data:
            raise ModelError(
                f"{at}: a reference must be 'sha256:' and 64 hex digits, without dtype, got {_shown(value)}."
            )
        try:
            found = self.arrays[match[1]]
        except KeyError:
            raise ModelError(f"{at}: no array with the hash {match[1]} was given.") from None
        except Exception as e:  # a lazily read file that is damaged
            raise ModelError(f"{at}: the array {match[1]} cannot be read: {_reason(e)}") from None
        if not isinstance(found, np.ndarray) or found.dtype.name not in _DTYPES or _digest(found) != match[1]:
            raise ModelError(f"{at}: the array that was given for {match[1]} has another hash: it has been changed.")
        return found


def _sources(path: str, data: Any) -> tuple[str | Delayed, ...]:
    sources = data if isinstance(data, (list, tuple)) else (data,)
    made: list[str | Delayed] = []
    for i, source in enumerate(sources):
        at = path if sources is not data else _join(path, i)
        if isinstance(source, Mapping):
            _check_keys(at, source, ("delayed", "ms"), required=("delayed", "ms"))
            if not isinstance(source["delayed"], str):
                raise ModelError(
                    f"{_join(at, 'delayed')}: must be a name such as 'exc.s', got {_shown(source['delayed'])}."
                )
            made.append(delayed(source["delayed"], _number(_join(at, "ms"), source["ms"])))
        elif isinstance(source, str):
            made.append(source)
        else:
            raise ModelError(
                f"{at}: must be a name such as 'exc.s' or {{'delayed': name, 'ms': number}}, got {_shown(source)}."
            )
    if not made:
        raise ModelError(f"{path}: the list of sources is empty: leave the wire out.")
    return tuple(made)


def _number(path: str, value: Any) -> float:
    value = _WORDS.get(value, value) if isinstance(value, str) else value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ModelError(f"{path}: must be a number, got {_shown(value)}.")
    return float(value)


def _array(path: str, value: Any, dtype: Any) -> np.ndarray:
    """An array from nested lists of numbers (of bools, if it is one of bools)."""

    def numbers(at: str, v: Any) -> Any:
        if isinstance(v, (list, tuple)):
            return [numbers(_join(at, i), w) for i, w in enumerate(v)]
        return v if isinstance(v, (bool, int)) and isinstance(v, bool) == (dtype == bool) else _number(at, v)

    try:
        plain = np.asarray(numbers(path, value))
    except (ValueError, OverflowError):
        raise ModelError(f"{path}: the rows of an array must have the same length.") from None
    with np.errstate(all="ignore"):
        array = plain.astype(dtype)
    if not np.array_equal(array, plain):
        raise ModelError(f"{path}: these numbers cannot be held exactly as {np.dtype(dtype).name}.")
    return array


class _Misfit(Exception):
    """A value is not of a type."""


def _read_static(path: str, value: Any, hint: Any) -> Any:
    with contextlib.suppress(_Misfit):
        return _fitted(value, hint)
    if typing.get_origin(hint) is typing.Literal:
        options = [str(o) for o in typing.get_args(hint)]
        near = difflib.get_close_matches(str(value)[:MAX_TEXT], options, 1)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        raise ModelError(f"{path}: must be one of {', '.join(map(repr, options))}, got {_shown(value)}.{guess}")
    raise ModelError(f"{path}: must be {_named(hint)}, got {_shown(value)}.")


def _fitted(value: Any, hint: Any) -> Any:
    """`value` as the type says: first as it stands, then with integers for floats and with words for what they mean."""
    try:
        return _fit(value, hint, exact=True)
    except _Misfit:
        return _fit(value, hint, exact=False)


def _fit(value: Any, hint: Any, exact: bool) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        for option in args:
            with contextlib.suppress(_Misfit):
                return _fit(value, option, exact)
        raise _Misfit
    if origin is typing.Literal:
        if any(type(a) is type(value) and a == value for a in args):
            return value
        raise _Misfit
    if origin is tuple and args and isinstance(value, (list, tuple)):
        inner = args[:1] * len(value) if args[1:] == (Ellipsis,) else args
        if len(inner) != len(value) or args == ((),):
            raise _Misfit
        return tuple(_fit(v, h, exact) for v, h in zip(value, inner, strict=True))
    if isinstance(value, str) and value in _WORDS and not exact:
        value = _WORDS[value]
    if hint is float and type(value) is int and not exact:
        value = float(value)
    if hint in (bool, int, float, str, None, types.NoneType):
        if type(value) is not (hint or types.NoneType):
            raise _Misfit
        return value
    value = _as_static(value)
    if isinstance(value, Mapping) or not is_bearable(value, hint):
        raise _Misfit
    return value


def _culprit(nodes: Mapping[str, Any], wires: Mapping[str, Any], start: Mapping[str, Any]) -> tuple[str, ...]:
    """Which entry of a circuit's data is to blame for the error in building it, found by building parts of it."""
    for name, node in nodes.items():
        try:
            Circuit({name: node})
        except Exception:
            return "nodes", name
    flat = opened(nodes, ())[0]
    for target, sources in wires.items():
        refs = [target, *(s.source if isinstance(s, Delayed) else s for s in sources)]
        ends = {end for ref in refs if (end := split(ref, flat))}
        try:
            plan({end: flat[end] for end in ends}, {target: sources})
        except Exception:
            return "wires", target
    bare = Circuit(nodes)
    for ref in start:
        try:
            bare.compartment(ref)
        except CircuitError:
            return "start", ref
    return ("wires",)


def _check_module(path: str, module: Module) -> None:
    """`check_fields`, with the field's path in front."""
    try:
        check_fields("", module)
    except CircuitError as e:
        field, what = re.fullmatch(r"((?:\.\w+)*(?:\[[\d, ]*\])?) ?(.*)", str(e), re.DOTALL).groups()  # type: ignore[union-attr]
        raise ModelError(f"{path}{field}: {what[:MAX_TEXT]}") from None
    except Exception as e:  # a plugin's own code ran here
        raise ModelError(f"{path}: {_reason(e)}") from None


def _check_plain(data: Any) -> None:
    """Only plain data, not too much and not too deep: what comes after may recurse and compare names."""
    if not isinstance(data, Mapping):
        raise ModelError(
            f"the model: must be a mapping with 'bouton', 'nodes', 'wires' and 'start', got {_shown(data)}."
        )
    left, todo = MAX_VALUES, [("", data, 0)]
    while todo:
        path, value, depth = todo.pop()
        where, left = path or "the model", left - 1
        if left < 0:
            raise ModelError(f"{where}: more than {MAX_VALUES} values in one model. Keep large arrays beside it.")
        if isinstance(value, (Mapping, list, tuple)):
            if depth >= MAX_DEPTH:
                raise ModelError(f"{where}: nested deeper than {MAX_DEPTH} levels.")
            pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
            for key, inner in pairs:
                if isinstance(value, Mapping) and not isinstance(key, str):
                    raise ModelError(f"{where}: a key must be text, got {_shown(key)}.")
                if isinstance(key, str) and len(key) > MAX_TEXT:
                    raise ModelError(f"{where}: a key is longer than {MAX_TEXT} characters.")
                todo.append((_join(path, key), inner, depth + 1))
        elif isinstance(value, str):
            if len(value) > MAX_TEXT:
                raise ModelError(f"{where}: text of more than {MAX_TEXT} characters.")
        elif type(value) is int:
            if abs(value) >= 2**63:
                raise ModelError(f"{where}: the number is too large: an integer must lie within 64 bits.")
        elif type(value) is float:
            if math.isnan(value):
                raise ModelError(f"{where}: must be a number, got nan.")
        elif value is not None and type(value) is not bool:
            raise ModelError(
                f"{where}: must be a number, text, true, false, none, a list or a mapping, got {_shown(value)}."
            )


def _mapping(path: str, data: Any) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise ModelError(f"{path}: must be a mapping, got {_shown(data)}.")
    return data


def _check_keys(path: str, data: Mapping[str, Any], legal: Any, *, required: Any, skip: tuple[str, ...] = ()) -> None:
    for key in data:
        if key not in legal or key in skip:
            raise ModelError(f"{_join(path, key)}: there is no such field.{nearest(key, legal)}")
    for key in required:
        if key not in data:
            raise ModelError(f"{_join(path, key)}: is missing, and has no default.")


def _join(path: str, key: str | int) -> str:
    """The path of an entry, with quotes where they are needed, as TOML has them: ``wires."exc.j"``."""
    key = str(key)
    if not re.fullmatch(r"[\w~-]+", key) or len(key) > 80:
        key = json.dumps(key if len(key) <= 80 else key[:80] + "...", ensure_ascii=False)
    return f"{path}.{key}" if path else key


def _named(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint).replace("typing.", "")


def _reason(error: Exception) -> str:
    text = str(error) if isinstance(error, (CircuitError, ModelError)) else f"{type(error).__name__}: {error}"
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "..."


def _shown(value: Any) -> str:
    return reprlib.repr(value)


# ---- model files -----------------------------------------------------------------------------------------------------


def save(circuit: Circuit, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a model file: JSON, YAML or TOML by its suffix (.json, .yaml, .yml, .toml).

    Large arrays go to ``<stem>.arrays.npz`` beside it, which belongs to the file and has to be moved with it. Both are
    complete or not there at all. An existing file is an error unless `overwrite`.
    """
    path = Path(path)
    side = _side(path)
    form = format_of(path.suffix)
    arrays: dict[str, np.ndarray] = {}
    data = to_dict(circuit, arrays)
    try:
        text = form.write(data)
        same = _same_data(to_dict(from_dict(parse(text, path.suffix), arrays), {}), data)
    except ModelError as e:
        raise ModelError(f"{path}: this circuit cannot be kept in a model file. {e}") from None
    if len(text.encode()) > MAX_BYTES:
        raise ModelError(f"{path}: this circuit makes more than the {MAX_BYTES} bytes of text that are read again.")
    if not same:
        raise ModelError(f"{path}: {path.suffix} cannot hold this circuit exactly: use .yaml or .json.")
    for file in (path, side) if arrays else (path,):
        if file.exists() and not overwrite:
            raise ModelError(f"{file} exists already: choose another name, or save with overwrite=True.")
    try:
        with contextlib.ExitStack() as written:  # both in full before either gets its name
            if arrays:
                with written.enter_context(_replacing(side)).open("wb") as f:
                    np.savez(f, **arrays)  # type: ignore[arg-type]
            written.enter_context(_replacing(path)).write_text(text, encoding="utf-8", newline="\n")
    except OSError as e:
        raise ModelError(f"{path} cannot be written: {e.strerror or e}.") from None


def load(path: str | os.PathLike[str]) -> Circuit:
    """The circuit in a model file. Executes no code of the file; `ModelError` for whatever is wrong with it."""
    path = Path(path)
    format_of(path.suffix)
    if not path.exists():
        names = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ModelError(f"there is no model file {path}.{_similar(path.name, names)}")
    try:
        if not path.is_file():
            raise ModelError("it is not a file.")
        if path.stat().st_size > MAX_BYTES:
            raise ModelError(f"a model file has at most {MAX_BYTES} bytes; large arrays belong beside it.")
        data = parse(path.read_text(encoding="utf-8"), path.suffix)
        with _side_arrays(_side(path)) as arrays:
            return from_dict(data, arrays)
    except (ModelError, OSError, UnicodeDecodeError) as e:
        raise ModelError(f"{path}: {e}") from None
