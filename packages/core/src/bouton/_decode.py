"""from_dict: plain data as a circuit, strictly. The form is described in `_model.py`, the way back is `_encode.py`.

Data may come from anywhere: only registered names are looked up, nothing is evaluated, sizes are limited before
anything else is looked at, and every error is a `ModelError` that begins with the path of the field.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Mapping
from typing import Any

import numpy as np

from ._bound import Bound
from ._check import check_fields
from ._circuit import Circuit
from ._component import Component
from ._connectivity import Connectivity
from ._constraints import Constraint
from ._describe import hints
from ._dynamics import Release, Transmission
from ._errors import CircuitError, ModelError, PluginError, nearest
from ._initialisers import Initialiser, as_initialiser
from ._module import MISSING, Module, ParameterSpec, StaticSpec, spec_of
from ._plain import DTYPES, FORM, WORDS, check_plain, digest, join, reason, shown
from ._plasticity import Plasticity
from ._registry import PluginSet, current
from ._schedules import Schedule
from ._surrogates import Surrogate
from ._topology import Topology
from ._values import check_keys, read_array, read_mapping, read_number, read_static
from ._wiring import Delayed, delayed, opened, plan

_KINDS: dict[type, tuple[str, ...]] = {
    Component: ("component", "recipe"),
    Topology: ("topology",),
    Connectivity: ("connectivity",),
    Plasticity: ("rule",),
    Bound: ("bound",),
    Transmission: ("transmission",),
    Release: ("release",),
    Initialiser: ("initialiser",),
    Constraint: ("constraint",),
    Schedule: ("schedule",),
    Surrogate: ("surrogate",),
}
_REFERENCE = re.compile(r"sha256:([0-9a-f]{64})")


def from_dict(data: Any, arrays: Mapping[str, np.ndarray] | None = None, plugins: PluginSet | None = None) -> Circuit:
    """The circuit that plain data describe, the inverse of `to_dict`, which also says what `arrays` are.

    Names are looked up in `plugins`, by default in what is installed. `ModelError` for whatever is unknown, missing, of
    another type, out of range or too much; it begins with the path of the field.
    """
    check_plain(data)
    if type(data.get("bouton")) is not int or data["bouton"] != FORM:
        got = f"got {shown(data['bouton'])}" if "bouton" in data else "but it is missing"
        raise ModelError(f"bouton: must be {FORM}, the form of model that this version of bouton reads, {got}.")
    reader = _Reader(plugins or current(), {} if arrays is None else arrays)
    return reader.circuit("", {k: v for k, v in data.items() if k != "bouton"})


@dataclasses.dataclass(frozen=True)
class _Wanted:
    """What a field takes that is not static: modules of these classes, tuples of them, None, numbers and arrays."""

    classes: tuple[type, ...] = ()
    tuples: bool = False
    none: bool = False
    numbers: bool = False

    @classmethod
    def by(cls, hint: Any) -> _Wanted:
        if isinstance(hint, type) and issubclass(hint, Module):
            return cls((hint,))
        inner = [cls.by(h) for h in typing.get_args(hint)]
        return cls(
            classes=tuple(c for i in inner for c in i.classes),
            tuples=typing.get_origin(hint) is tuple or any(i.tuples for i in inner),
            none=hint is types.NoneType or any(i.none for i in inner),
            numbers=hint is Any or any(i.numbers for i in inner),
        )

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of names to look in."""
        fitting = [k for b, k in _KINDS.items() if any(issubclass(b, c) or issubclass(c, b) for c in self.classes)]
        return tuple(kind for kinds in fitting or _KINDS.values() for kind in kinds)

    def __str__(self) -> str:
        kinds = " or ".join(self.kinds) if self.classes else "part"
        module = f"{'an' if kinds[0] in 'aeiou' else 'a'} {kinds} {{type: ...}}"
        options = ["a number", "an array"] * self.numbers + [f"a list, each {module}" if self.tuples else module]
        return ", ".join(options + ["none"] * self.none)


@dataclasses.dataclass
class _Reader:
    plugins: PluginSet
    arrays: Mapping[str, np.ndarray]

    def circuit(self, path: str, data: Mapping[str, Any]) -> Circuit:
        check_keys(path, data, ("nodes", "wires", "start"), required=("nodes",))
        given = {key: read_mapping(join(path, key), data.get(key, {})) for key in ("nodes", "wires", "start")}
        nodes = {name: self.node(join(path, "nodes", name), node) for name, node in given["nodes"].items()}
        wires = {target: _sources(join(path, "wires", target), s) for target, s in given["wires"].items()}
        wanted = _Wanted((Initialiser,), numbers=True)
        start = {ref: self.part(join(path, "start", ref), value, wanted) for ref, value in given["start"].items()}
        for ref, value in start.items():
            _check(join(path, "start", ref), as_initialiser(value, ref))
        try:
            return Circuit(nodes, wires, start)
        except Exception as e:  # not only CircuitError: the code of plugins runs here
            raise ModelError(f"{join(path, *_culprit(nodes, wires, start))}: {reason(e)}") from None

    def node(self, path: str, data: Any) -> Any:
        if read_mapping(path, data).get("type") == "Circuit":
            return self.circuit(path, {k: v for k, v in data.items() if k != "type"})
        node = self.module(path, data, _Wanted((Component,)))
        _check(path, node)
        return node

    def module(self, path: str, data: Mapping[str, Any], wanted: _Wanted) -> Any:
        target = self.named(join(path, "type"), data.get("type"), wanted)
        given = {k: v for k, v in data.items() if k != "type"}
        values = self.fields(path, target, given) if isinstance(target, type) else self.arguments(path, target, given)
        try:
            made = target(**values)
        except Exception as e:  # not only CircuitError: the code of a plugin runs here
            raise ModelError(f"{path}: {reason(e)}") from None
        if not isinstance(made, wanted.classes or Module):
            raise ModelError(f"{path}: {data['type']!r} makes a {type(made).__name__}; expected {wanted}.")
        if isinstance(made, Initialiser):  # a circuit checks what it draws from them, and that is later
            _check(path, made)
        return made

    def named(self, path: str, name: Any, wanted: _Wanted) -> Any:
        """The class or recipe of this name, if it is of a kind that is wanted."""
        if not isinstance(name, str):
            got = "but it is missing" if name is None else f"got {shown(name)}"
            raise ModelError(f"{path}: must be the name of a {' or '.join(wanted.kinds)}, {got}.")
        registered = [k for k in wanted.kinds if name.rpartition("/")[2] in self.plugins.table[k]]
        kind = (registered or wanted.kinds)[0]
        try:
            target = self.plugins.get(kind, name)
        except (PluginError, ValueError) as e:  # ValueError: importlib.metadata, for names that no distribution has
            raise ModelError(f"{path}: {e}") from None
        if isinstance(target, type) and issubclass(target, wanted.classes or Module):
            return target
        if kind == "recipe" and callable(target):
            return target
        raise ModelError(f"{path}: {name!r} cannot stand here: expected {wanted}.")

    def fields(self, path: str, cls: type, given: Mapping[str, Any]) -> dict[str, Any]:
        known = {f.name: f for f in dataclasses.fields(cls)}
        required = [n for n, f in known.items() if f.default is MISSING and f.default_factory is MISSING]
        check_keys(path, given, known, required)
        return {n: self.field(join(path, n), v, spec_of(known[n]), hints(cls)[n]) for n, v in given.items()}

    def arguments(self, path: str, recipe: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        named_ones = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        known = {n: p for n, p in inspect.signature(recipe).parameters.items() if p.kind in named_ones}
        check_keys(path, given, known, [n for n, p in known.items() if p.default is p.empty])
        return {n: self.argument(join(path, n), v) for n, v in given.items()}

    def argument(self, path: str, value: Any) -> Any:
        """An argument of a recipe, about which nothing is known beforehand."""
        if isinstance(value, Mapping):
            return self.part(path, value, _Wanted(numbers=True))
        if isinstance(value, (list, tuple)):
            return tuple(self.argument(join(path, i), v) for i, v in enumerate(value))
        return WORDS.get(value, value) if isinstance(value, str) else value

    def field(self, path: str, value: Any, spec: Any, hint: Any) -> Any:
        if isinstance(spec, StaticSpec):
            return read_static(path, value, hint)
        if isinstance(spec, ParameterSpec):
            optional = types.NoneType in typing.get_args(hint)
            return self.part(path, value, _Wanted((Initialiser,), none=optional, numbers=True))
        return self.part(path, value, _Wanted.by(hint))

    def part(self, path: str, value: Any, wanted: _Wanted) -> Any:
        """What is not static: a module, some of them, a number, an array or None."""
        is_list, free = isinstance(value, (list, tuple)), not wanted.classes
        if value is None or value == "none":
            if wanted.none or free:
                return None
        elif isinstance(value, Mapping) and "array" in value and wanted.numbers:
            return self.array(path, value)
        elif isinstance(value, Mapping) and not wanted.tuples:
            return self.module(path, value, wanted)
        elif is_list and (wanted.tuples or free) and all(isinstance(v, Mapping) for v in value):
            one = _Wanted(wanted.classes)
            return tuple(self.module(join(path, i), v, one) for i, v in enumerate(value))
        elif is_list and wanted.numbers:
            return read_array(path, value, np.float64)
        elif isinstance(value, (int, float, str)) and wanted.numbers:
            return value if free and not isinstance(value, str) else read_number(path, value)
        raise ModelError(f"{path}: must be {wanted}, got {shown(value)}.")

    def array(self, path: str, data: Mapping[str, Any]) -> np.ndarray:
        check_keys(path, data, ("array", "dtype"), required=("array",))
        at, value, dtype = join(path, "array"), data["array"], data.get("dtype", "float64")
        if dtype not in DTYPES:
            near = nearest(str(dtype), DTYPES)
            raise ModelError(f"{join(path, 'dtype')}: must be the name of a dtype, got {shown(dtype)}.{near}")
        if not isinstance(value, str) or value in WORDS:
            return read_array(at, value, np.dtype(dtype))
        match = _REFERENCE.fullmatch(value)
        if match is None or "dtype" in data:
            raise ModelError(f"{at}: must be a list, or 'sha256:' and 64 hex digits without dtype, got {shown(value)}.")
        try:
            found = self.arrays[match[1]]
        except KeyError:
            raise ModelError(f"{at}: no array of this hash was given: {match[1]}.") from None
        except Exception as e:  # arrays may be read from a file only now, and that may be damaged
            raise ModelError(f"{at}: {reason(e)}") from None
        if not isinstance(found, np.ndarray) or found.dtype.name not in DTYPES or digest(found) != match[1]:
            raise ModelError(f"{at}: the array given for this hash has another: it is not the one that was written.")
        return found


def _sources(path: str, data: Any) -> tuple[str | Delayed, ...]:
    """What feeds an input: one source, or a list of them."""
    if not isinstance(data, (list, tuple)):
        return (_source(path, data),)
    if not data:
        raise ModelError(f"{path}: has no source: name one, or leave the wire out.")
    return tuple(_source(join(path, i), one) for i, one in enumerate(data))


def _source(path: str, data: Any) -> str | Delayed:
    if isinstance(data, str):
        return data
    if not isinstance(data, Mapping):
        raise ModelError(
            f"{path}: must be a name such as 'exc.s', or {{delayed: 'exc.s', ms: 1.5}}, got {shown(data)}."
        )
    check_keys(path, data, ("delayed", "ms"), required=("delayed", "ms"))
    if not isinstance(data["delayed"], str):
        raise ModelError(f"{join(path, 'delayed')}: must be a name such as 'exc.s', got {shown(data['delayed'])}.")
    return delayed(data["delayed"], read_number(join(path, "ms"), data["ms"]))


def _culprit(nodes: Mapping[str, Any], wires: Mapping[str, Any], start: Mapping[str, Any]) -> tuple[str, ...]:
    """The entry that is to blame for a circuit that cannot be built, found by building one entry at a time."""
    try:
        bare = Circuit(nodes)
    except Exception:
        return ("nodes", next(name for name, node in nodes.items() if not _stands(name, node)))
    components = opened(nodes, ())[0]
    for target, sources in wires.items():
        refs = [target, *(s.source if isinstance(s, Delayed) else s for s in sources)]
        ends = [ref[: dot.start()] for ref in refs for dot in re.finditer(r"\.", ref)]
        try:
            plan({end: components[end] for end in ends if end in components}, {target: sources})
        except Exception:
            return "wires", target
    for ref in start:
        try:
            bare._start_target(ref)
        except CircuitError:
            return "start", ref
    return ("wires",)  # each is right, but not all together: a loop


def _stands(name: str, node: Any) -> bool:
    try:
        Circuit({name: node})
    except Exception:
        return False
    return True


def _check(path: str, module: Module) -> None:
    """`check_fields`, with ``<path>.<field>: `` in front of what it says."""
    try:
        check_fields("", module)
    except CircuitError as e:
        place = re.match(r"(\.\w+)*(\[[\d, ]*\])?", str(e))[0]  # type: ignore[index]
        raise ModelError(f"{path}{place}: {reason(e)[len(place) :].lstrip()}") from None
    except Exception as e:  # the code of a plugin runs here
        raise ModelError(f"{path}: {reason(e)}") from None
