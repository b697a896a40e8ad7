"""What a class or an instance says about itself: compartments with dims, units and dtypes; parameters with ranges.

Circuits, datasets, the command line, generated documentation and model files read these; nothing else parses
annotations.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ._errors import CircuitError
from ._module import MISSING, Module, ParameterSpec, Part, PartSpec, Ports, PortSpec, StaticSpec, changed, spec_of

KINDS = ("In", "Late", "State", "Out")


@dataclasses.dataclass(frozen=True)
class Compartment:
    """One named array of a component instance."""

    path: tuple[str, ...]
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    batch: bool
    kind: str
    unit: str
    spec: PortSpec
    opaque: bool = False

    @property
    def dtype(self) -> Any:
        """The dtype under the present x64 setting; None where any will do."""
        plain = {"Float": float, "Int": int, "Bool": bool}
        if self.kind in plain:
            return jax.dtypes.canonicalize_dtype(plain[self.kind])
        return jnp.dtype(self.kind.lower()) if self.kind[-1:].isdigit() else None


@functools.cache
def hints(cls: type) -> dict[str, Any]:
    """Evaluated annotations of a class."""
    return typing.get_type_hints(cls)


def _annotation(cls: type, name: str) -> tuple[str, bool, tuple[str, ...]] | None:
    """(dtype kind, has batch axes, dim names) of a port, or None where it is not an array."""
    hint = hints(cls)[name]
    for option in (hint, *typing.get_args(hint)):
        if hasattr(option, "dim_str"):
            names = option.dim_str.split()
            kind = option.dtype.__name__ if hasattr(option.dtype, "__name__") else str(option.dtype)
            return kind, "*batch" in names, tuple(n for n in names if n != "*batch")
    return None


def present(part: Module, spec: PortSpec) -> bool:
    """Whether this instance has the compartment at all."""
    if spec.only_if is None:
        return True
    switch = getattr(part, spec.only_if)
    return switch is not None and switch is not False


def compartments(part: Part, kind: str, env: dict[str, Any] | None = None) -> dict[str, Compartment]:
    """Compartments of one kind (In, Late, State, Out) of an instance by their public names, parts included."""
    env = {**(env or {}), **part.dims()}
    cls = getattr(part, kind)
    found: dict[str, Compartment] = {}
    for f in dataclasses.fields(cls):
        spec = spec_of(f)
        if isinstance(spec, PartSpec):
            inner = getattr(part, f.name)
            if not isinstance(inner, Part):
                continue
            prefix = "" if spec.flat else f.name + "."
            new = {
                prefix + name: dataclasses.replace(c, path=(f.name, *c.path))
                for name, c in compartments(inner, kind, env).items()
            }
        elif present(part, spec):
            new = {
                f.name + name: dataclasses.replace(c, path=(f.name, *c.path)) for name, c in _arrays(part, cls, f, env)
            }
        else:
            continue
        twice = found.keys() & new.keys()
        if twice:
            raise CircuitError(f"{type(part).__name__} has two {kind} compartments named {min(twice)!r}.")
        found |= new
    return found


def _arrays(part: Part, cls: type, f: Any, env: dict[str, Any]) -> list[tuple[str, Compartment]]:
    """A port as its arrays: usually one, several (``.a``, ``.b``) where the dims are those of a bundle."""
    spec = spec_of(f)
    unit = spec.unit.format_map(_Attributes(part))
    form = _annotation(cls, f.name)
    if form is None:
        return [("", Compartment((), (), (), False, "Any", unit, spec, opaque=True))]
    kind, batch, names = form
    bundle: dict[str, dict[str, int]] = {"": {}}
    for name in names:
        if name not in env:
            raise CircuitError(
                f"{type(part).__name__}.{cls.__name__}.{f.name} has a dim {name!r} of unknown size: "
                f"dims() gives {', '.join(env) or 'none'}."
            )
        size = env[name]
        if size is None:
            return []
        if not isinstance(size, dict):
            size = {name: size}
        if twice := size.keys() & {d for known in bundle.values() for d in known}:
            raise CircuitError(
                f"{type(part).__name__}.{cls.__name__}.{f.name} has two dims named {min(twice)!r}: "
                "dims() must give the axes of one compartment different names."
            )
        if any(isinstance(v, dict) for v in size.values()):
            bundle = {f"{k}.{member}": {**d, **inner} for k, d in bundle.items() for member, inner in size.items()}
        else:
            bundle = {k: {**d, **size} for k, d in bundle.items()}
    return [
        (k, Compartment(tuple(k.split(".")[1:]), tuple(d), tuple(d.values()), batch, kind, unit, spec))
        for k, d in bundle.items()
    ]


class _Attributes(dict[str, str]):
    def __init__(self, part: Part) -> None:
        super().__init__()
        self.part = part

    def __missing__(self, name: str) -> str:
        return str(getattr(self.part, name))


def bundle(part: Part, kind: str, get: Callable[[str], Any], prefix: str = "") -> Any:
    """An instance of the part's In, Late, State or Out class with its values from ``get(public name)``."""
    cls = getattr(part, kind)
    values: dict[str, Any] = {}
    for f in dataclasses.fields(cls):
        spec = spec_of(f)
        if isinstance(spec, PartSpec):
            inner = getattr(part, f.name)
            down = prefix if spec.flat else f"{prefix}{f.name}."
            values[f.name] = bundle(inner, kind, get, down) if isinstance(inner, Part) else None
        else:
            values[f.name] = get(prefix + f.name) if present(part, spec) else None
    return cls(**values)


def zeros(part: Part) -> Any:
    """The part's State with a plain 0.0 in each compartment; the circuit gives each its shape and dtype."""
    return bundle(part, "State", lambda name: 0.0)


def dig(tree: Any, path: tuple[str, ...]) -> Any:
    """The value at an attribute path."""
    return functools.reduce(getattr, path, tree)


def put(tree: Any, path: tuple[str, ...], value: Any) -> Any:
    """A copy of `tree` with another value at an attribute path."""
    if not path:
        return value
    inner = put(getattr(tree, path[0]), path[1:], value)
    return tree._replace(**{path[0]: inner}) if hasattr(tree, "_replace") else changed(tree, {path[0]: inner})


def describe_class(cls: Any) -> dict[str, Any]:
    """A class or recipe as plain data: what `bouton components NAME --json` prints and the documentation shows."""
    cls = getattr(cls, "callback", cls)  # of a demo that is a click command
    described: dict[str, Any] = {"name": cls.__name__, "doc": inspect.getdoc(cls) or "", "parameters": [], "ports": {}}
    if not (isinstance(cls, type) and issubclass(cls, Module)):
        described["parameters"] = [
            {"name": p.name, "kind": "argument", "default": None if p.default is p.empty else repr(p.default)}
            | {"unit": None, "bounds": "", "dims": "", "doc": "", "required": p.default is p.empty}
            for p in inspect.signature(cls).parameters.values()
        ]
        return described
    for f in dataclasses.fields(cls):  # type: ignore[arg-type]
        spec = spec_of(f)
        entry = {
            "name": f.name,
            "kind": {StaticSpec: "static", ParameterSpec: "parameter"}.get(type(spec), "part"),
            "required": f.default is MISSING,
            "default": None if f.default is MISSING else repr(f.default),
            "unit": getattr(spec, "unit", None),
            "bounds": spec.bounds() if isinstance(spec, ParameterSpec) else _choices(hints(cls)[f.name]),
            "dims": getattr(spec, "dims", ""),
            "doc": getattr(spec, "doc", ""),
        }
        described["parameters"].append(entry)
    if issubclass(cls, Part):
        for kind in KINDS:
            described["ports"][kind] = [_describe_port(getattr(cls, kind), kind, f) for f in _ports(getattr(cls, kind))]
    return described


def _choices(hint: Any) -> str:
    """The legal values of a `Literal` in words; empty for other types."""
    options = typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()
    return f"one of {', '.join(map(repr, options))}" if options else ""


def _ports(cls: type[Ports]) -> tuple[Any, ...]:
    return dataclasses.fields(cls)  # type: ignore[arg-type]


def _describe_port(cls: type[Ports], phase: str, f: Any) -> dict[str, Any]:
    spec = spec_of(f)
    if isinstance(spec, PartSpec):
        return {"name": f.name, "dims": None, "dtype": None, "unit": None, "doc": f"ports of the part {f.name!r}"}
    kind, batch, names = _annotation(cls, f.name) or ("Any", False, ())
    described = {
        "name": f.name,
        "dims": " ".join((*(("*batch",) if batch else ()), *names)),
        "dtype": kind,
        "unit": spec.unit,
        "doc": spec.doc,
        "only_if": spec.only_if,
    }
    if phase in ("In", "Late"):
        described |= {"default": None if spec.default is MISSING else spec.default, "required": spec.default is MISSING}
        described["reduce"] = spec.reduce
    if phase == "State":
        described["persist"] = spec.persist
    if phase == "Out":
        described["spikes"] = spec.spikes
    return described
