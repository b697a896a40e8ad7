"""to_dict: a circuit as plain data. The form is described in `_model.py`, the way back is `_decode.py`."""

from __future__ import annotations

import dataclasses
import math
import typing
from typing import Any

import numpy as np

from ._check import named
from ._circuit import Circuit
from ._describe import hints
from ._errors import ModelError, PluginError
from ._initialisers import Constant, Given
from ._module import MISSING, Module, ParameterSpec, StaticSpec, as_parameter, as_static, spec_of
from ._plain import DTYPES, FORM, MAX_INLINE, digest, join, same, shown
from ._registry import PluginSet, current
from ._values import Misfit, fit
from ._wiring import Delayed


def to_dict(circuit: Circuit, arrays: dict[str, np.ndarray] | None = None, *, defaults: bool = False) -> dict[str, Any]:
    """The circuit as plain data: numbers, text, bools, None, lists and dicts, which JSON can hold.

    Arrays of more than 64 numbers are put into `arrays`, ``{hex sha256: array}``; without it they are an error, as is a
    class that no plugin registers. Fields that have their default are left out, or, with `defaults`, written as well,
    so that the data mean the same when a plugin has changed a default.
    """
    return {"bouton": FORM, **_Writer(current(), arrays, defaults).circuit("", circuit)}


@dataclasses.dataclass
class _Writer:
    plugins: PluginSet
    arrays: dict[str, np.ndarray] | None
    defaults: bool

    def circuit(self, path: str, circuit: Circuit) -> dict[str, Any]:
        nodes: dict[str, Any] = {}
        sources: dict[str, list[Any]] = {}
        for name, node in circuit.nodes.items():
            at, nested = join(path, "nodes", name), isinstance(node, Circuit)
            nodes[name] = {"type": "Circuit", **self.circuit(at, node)} if nested else self.module(at, node)
        for target, of_target in circuit.wires:
            found = ({"delayed": s.source, "ms": s.ms} if isinstance(s, Delayed) else s for s in of_target)
            sources.setdefault(target, []).extend(found)
        wires = {target: s[0] if len(s) == 1 else s for target, s in sources.items()}
        start = {ref: self.part(join(path, "start", ref), v, plain=True) for ref, v in circuit.start.items()}
        return {"nodes": nodes} | ({"wires": wires} if wires else {}) | ({"start": start} if start else {})

    def module(self, path: str, module: Module) -> dict[str, Any]:
        cls = type(module)
        try:
            data: dict[str, Any] = {"type": self.plugins.name_of(cls)}
        except PluginError as e:
            raise ModelError(f"{path}: {e}") from None
        for f in dataclasses.fields(module):  # type: ignore[arg-type]
            at, how = join(path, f.name), (spec_of(f), hints(cls)[f.name])
            if f.name == "type":
                raise ModelError(f"{at}: a field of this name cannot be written; {cls.__name__} has to rename it.")
            value = self.field(at, getattr(module, f.name), *how)
            if self.defaults or not self.is_default(at, f, value, *how):
                data[f.name] = value
        return data

    def is_default(self, path: str, f: Any, value: Any, spec: Any, hint: Any) -> bool:
        default = f.default if f.default_factory is MISSING else f.default_factory()
        return default is not MISSING and same(value, self.field(path, default, spec, hint))

    def field(self, path: str, value: Any, spec: Any, hint: Any) -> Any:
        if isinstance(spec, StaticSpec):
            return _static(path, as_static(value), hint)
        if isinstance(spec, ParameterSpec):
            return self.part(path, as_parameter(value), dtype=np.float64)
        return self.part(path, value, plain=hint is Any or Any in typing.get_args(hint))

    def part(self, path: str, value: Any, *, plain: bool = False, dtype: Any = None) -> Any:
        """What is not static. `plain`: a number or an array is taken for an initialiser there."""
        if plain and type(value) is Constant and type(value.value) is float:
            value = value.value
        elif plain and type(value) is Given and getattr(value.values, "dtype", None) == np.float64:
            value = value.values
        if isinstance(value, Module):
            return self.module(path, value)
        if isinstance(value, (list, tuple)) and all(isinstance(v, Module) for v in value):
            return [self.module(join(path, i), v) for i, v in enumerate(value)]
        return (
            _number(path, value) if value is None or isinstance(value, (int, float)) else self.array(path, value, dtype)
        )

    def array(self, path: str, value: Any, dtype: Any) -> Any:
        try:
            array = np.asarray(value, dtype)
        except Exception:  # whatever the conversion of a foreign object raises, or of a tracer inside jit
            array = np.asarray(None)
        if array.dtype.name not in DTYPES:
            raise ModelError(f"{path}: {shown(value)} cannot be written as plain data.")
        if np.isnan(array).any():
            raise ModelError(f"{path}: nan cannot be written.")
        if array.size <= MAX_INLINE and (array.size or array.ndim == 1):
            numbers = _number(path, array.tolist())
            return numbers if array.dtype == np.float64 else {"array": numbers, "dtype": array.dtype.name}
        if self.arrays is None:
            raise ModelError(
                f"{path}: an array of the shape {array.shape} is kept beside the data: give a dict to put it into, "
                "to_dict(arrays={}), and the same to from_dict; or save to a file, which does so."
            )
        name = digest(array)
        self.arrays[name] = array
        return {"array": f"sha256:{name}"}


def _static(path: str, value: Any, hint: Any) -> Any:
    """A static value, an integer as a float where that is wanted; an error where reading would not give it again."""
    try:
        read = fit(_number(path, value), hint)
        data = _number(path, read)
        if read == as_static(value) and same(fit(data, hint), read):
            return data
    except (Misfit, TypeError):  # TypeError: not a value for JSON
        pass
    raise ModelError(f"{path}: {shown(value)} in a field of the type {named(hint)} cannot be written as plain data.")


def _number(path: str, value: Any) -> Any:
    """Numbers in lists in lists, with words for the infinities."""
    if isinstance(value, (list, tuple)):
        return [_number(path, v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            raise ModelError(f"{path}: nan cannot be written.")
        return "inf" if value > 0 else "-inf"
    return value
