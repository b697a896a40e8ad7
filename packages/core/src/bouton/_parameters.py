"""Changing the parameters of a circuit that exists: replacing some of them, drawing those given as distributions."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from ._check import parameter_shape
from ._errors import CircuitError, nearest
from ._initialisers import Initialiser
from ._keys import node_key
from ._module import Module, ParameterSpec, StaticSpec, as_parameter, changed, spec_of


def replaced(module: Any, full: str, path: list[str], value: Any) -> Any:
    """`module` with the parameter at `path` replaced; `full` is for messages."""
    head, *rest = path
    if isinstance(getattr(module, "nodes", None), OrderedDict):
        if head not in module.nodes or not rest:
            raise CircuitError(f"{full!r} names no parameter: no node {head!r}.{nearest(head, list(module.nodes))}")
        nodes = OrderedDict(module.nodes)
        nodes[head] = replaced(nodes[head], full, rest, value)
        return changed(module, {"nodes": nodes})
    if isinstance(module, tuple):
        if not head.isdigit() or int(head) >= len(module):
            raise CircuitError(f"{full!r} names no parameter: {head!r} is not an index below {len(module)}.")
        inner = replaced(module[int(head)], full, rest, value)
        return (*module[: int(head)], inner, *module[int(head) + 1 :])
    fields = {f.name: spec_of(f) for f in dataclasses.fields(module)} if isinstance(module, Module) else {}  # type: ignore[arg-type]
    if head not in fields:
        raise CircuitError(f"{full!r} names no parameter: no field {head!r}.{nearest(head, list(fields))}")
    if isinstance(fields[head], StaticSpec):
        raise CircuitError(f"{full!r} is static (it decides a shape or a branch): build another circuit to change it.")
    if rest:
        value = replaced(getattr(module, head), full, rest, value)
    elif isinstance(fields[head], ParameterSpec):
        value = as_parameter(value)
    return changed(module, {head: value})


def realised(module: Any, name: str, env: dict[str, Any], key: Any) -> Any:
    """`module` with every parameter that is an initialiser drawn. `env`: sizes of dims; `name` makes the keys."""
    if not isinstance(module, Module) or isinstance(module, Initialiser):
        return module
    env = {**env, **(module.dims() if hasattr(module, "dims") else {})}  # type: ignore[attr-defined]
    changes: dict[str, Any] = {}
    for f in dataclasses.fields(module):  # type: ignore[arg-type]
        spec, value, path = spec_of(f), getattr(module, f.name), f"{name}.{f.name}"
        if isinstance(spec, ParameterSpec) and isinstance(value, Initialiser):
            changes[f.name] = value(node_key(key, path), parameter_shape(spec, env))
        elif isinstance(value, OrderedDict):  # the nodes of a circuit
            changes[f.name] = OrderedDict((n, realised(v, f"{name}.{n}", {}, key)) for n, v in value.items())
        elif isinstance(value, tuple) and spec is None:
            changes[f.name] = tuple(realised(v, f"{path}.{i}", env, key) for i, v in enumerate(value))
        elif spec is None:
            changes[f.name] = realised(value, path, env, key)
    return changed(module, changes)


def undrawn(module: Any, name: str) -> Iterator[str]:
    """The names of the parameters of a component and of its parts that are still initialisers."""
    if isinstance(module, tuple):
        for i, item in enumerate(module):
            yield from undrawn(item, f"{name}.{i}")
    if not isinstance(module, Module) or isinstance(module, Initialiser):
        return
    for f in dataclasses.fields(module):  # type: ignore[arg-type]
        value, path = getattr(module, f.name), f"{name}.{f.name}"
        if isinstance(spec_of(f), ParameterSpec):
            if isinstance(value, Initialiser):
                yield path
        else:
            yield from undrawn(value, path)
