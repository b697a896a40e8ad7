"""Values: frozen dataclasses that are JAX pytrees, and the specifiers by which a field is described once.

Components, their parts, their ports and circuits are all `Module`s. What a field *means* (a static choice, a traced
parameter, a port, a bundle of a part's ports) is written in the field itself; labels, checks, documentation and
model files are derived from it. What a field's description looks like from outside lives in `_describe.py`.
"""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from ._errors import CircuitError, nearest

Param: TypeAlias = Any
"""A traced parameter: a number, an array over the parameter's dims, or an `Initialiser` to draw one from."""

MISSING = dataclasses.MISSING
_M = TypeVar("_M", bound="Module")
_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True)
class StaticSpec:
    """A field that decides a shape or a branch; part of the compiled program's identity."""

    doc: str = ""
    dim: str | None = None


@dataclasses.dataclass(frozen=True)
class ParameterSpec:
    """A traced field: changing it never recompiles; it may be swept, vmapped and differentiated."""

    unit: str = "1"
    doc: str = ""
    dims: str = ""
    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None
    infinite: bool = False

    def bounds(self) -> str:
        """The legal range in words, e.g. ``> 0`` or ``>= 0 and <= 1``; empty when there is none."""
        signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
        return " and ".join(f"{s} {getattr(self, n):g}" for n, s in signs.items() if getattr(self, n) is not None)


@dataclasses.dataclass(frozen=True)
class PortSpec:
    """One compartment; its dims and dtype are the field's jaxtyping annotation."""

    default: Any
    unit: str = "1"
    doc: str = ""
    reduce: Literal["single", "sum"] = "single"
    persist: bool = False
    spikes: bool = False
    only_if: str | None = None


@dataclasses.dataclass(frozen=True)
class PartSpec:
    """The ports of the owner's field of the same name."""

    flat: bool = False


def _field(spec: Any, **keywords: Any) -> Any:
    return dataclasses.field(metadata={"bouton": spec}, **keywords)


def static(*, default: Any = MISSING, doc: str = "", dim: str | None = None, kw_only: bool = False) -> Any:
    """A field that decides a shape or a branch: int, float, str, bool, None or a tuple of these.

    `dim` names the dimension whose size (an int, or a tuple of ints for a map) the field gives.
    """
    return _field(StaticSpec(doc, dim), default=default, kw_only=kw_only)


def parameter(
    *,
    default: Any = MISSING,
    unit: str = "1",
    doc: str = "",
    dims: str = "",
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
    infinite: bool = False,
) -> Any:
    """A traced number: a scalar, or an array over `dims`. Bounds are checked when a circuit is built.

    NaN is never legal; infinity only with ``infinite=True``.
    """
    return _field(ParameterSpec(unit, doc, dims, gt, ge, lt, le, infinite), default=default)


def port(
    unit: str = "1",
    *,
    default: Any = MISSING,
    doc: str = "",
    reduce: Literal["single", "sum"] = "single",
    persist: bool = False,
    spikes: bool = False,
    only_if: str | None = None,
) -> Any:
    """One compartment of a component.

    - `unit`: checked on every wire; ``"{name}"`` stands for the component's attribute of that name.
    - `default`: the value of an input that nothing is wired to; without it the input must be fed.
    - `reduce`: ``"sum"`` lets several wires end here.
    - `persist`: for states: one copy for all batch lanes, survives a reset, kept when ``learn=False``.
    - `spikes`: for outputs: 0 or 1, stored as booleans.
    - `only_if`: the compartment exists only while the component's attribute of that name is neither None nor False.
    """
    return _field(PortSpec(default, unit, doc, reduce, persist, spikes, only_if), default=default)


def part(*, flat: bool = False) -> Any:
    """In a `Ports` class: the bundle of ports of the component's field of the same name.

    Its compartments are called ``<field>.<name>``, or just ``<name>`` with ``flat=True``.
    """
    return _field(PartSpec(flat), default=None)


def spec_of(field: dataclasses.Field[Any]) -> Any:
    """The specifier of a dataclass field, or None for a plain field (one that holds another module)."""
    return field.metadata.get("bouton")


def as_static(value: Any) -> Any:
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return tuple(as_static(v) for v in value)
    return value.item() if isinstance(value, np.generic) else value


def as_parameter(value: Any) -> Any:
    """Python and NumPy numbers become floats (weakly typed under jit), sequences become float arrays."""
    if isinstance(value, (int, np.integer, np.floating)) and not isinstance(value, (bool, np.bool_)):
        return float(value)
    if isinstance(value, (list, tuple)):
        value = np.asarray(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "iuf":
        return float(value) if value.ndim == 0 else value.astype(np.float64)
    return value


class derived(functools.cached_property[_T]):
    """A method whose array is computed from the fields once and is a leaf of the module, beside its fields.

    For what is too large to be a constant of a compiled program, such as a list of edges. It is not written to model
    files, where the fields say it all, and it stays as it is when a parameter is replaced: it depends on none.
    """

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        with jax.ensure_compile_time_eval():  # a first use inside jit must not keep a tracer
            return super().__get__(instance, owner)


@typing.dataclass_transform(frozen_default=True, field_specifiers=(static, parameter, port, part))
class Module:
    """A frozen dataclass that is a pytree: static fields are its structure, all other fields its children.

    So are the arrays that `derived` methods compute from the fields.

    Flattening and unflattening never run `__init__`, so a module may hold tracers, gradients or `vmap` axes. Two are
    equal if they are of one class and structure with equal values; a tracer equals only itself.
    """

    def __init_subclass__(cls, kw_only: bool = False, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        writes_init = "__init__" in vars(cls)
        dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=kw_only)(cls)
        type.__setattr__(cls, "__setattr__", _refuse)
        if not writes_init:
            type.__setattr__(cls, "__init__", _explained(cls, vars(cls)["__init__"]))
        fields = dataclasses.fields(cls)  # type: ignore[arg-type]
        meta = tuple(f.name for f in fields if isinstance(spec_of(f), StaticSpec))
        data = tuple(f.name for f in fields if f.name not in meta) + _derived(cls)
        keys = tuple(jax.tree_util.GetAttrKey(n) for n in data)

        def flatten(m: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
            return tuple(getattr(m, n) for n in data), tuple(getattr(m, n) for n in meta)

        def flatten_with_keys(m: Any) -> Any:
            children, aux = flatten(m)
            return tuple(zip(keys, children, strict=True)), aux

        def unflatten(aux: Any, children: Any) -> Any:
            m = object.__new__(cls)
            vars(m).update(zip(data, children, strict=True))
            vars(m).update(zip(meta, aux, strict=True))
            return m

        jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)

    def __post_init__(self) -> None:
        for f in dataclasses.fields(self):  # type: ignore[arg-type]
            convert = {StaticSpec: as_static, ParameterSpec: as_parameter}.get(type(spec_of(f)))
            if convert:
                vars(self)[f.name] = convert(getattr(self, f.name))

    def replace(self: _M, **changes: Any) -> _M:
        """A copy with some fields changed. Where these are parameters, what `derived` methods have computed stays."""
        new = dataclasses.replace(self, **changes)  # type: ignore[type-var]
        specs = {f.name: spec_of(f) for f in dataclasses.fields(self)}  # type: ignore[arg-type]
        if all(isinstance(specs[name], ParameterSpec) for name in changes):
            vars(new).update({name: vars(self)[name] for name in _derived(type(self)) if name in vars(self)})
        return new

    def __eq__(self, other: object) -> bool:
        if self is other or type(self) is not type(other):
            return self is other
        (mine, form), (others, of_other) = jax.tree.flatten(self), jax.tree.flatten(other)
        return form == of_other and all(map(_equal, mine, others))

    def __hash__(self) -> int:
        return hash((type(self), jax.tree.structure(self)))

    def __repr__(self) -> str:
        shown = []
        for f in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, f.name, MISSING)
            if not (value is f.default or (isinstance(value, (int, float, str, tuple)) and value == f.default)):
                shown.append(f"{f.name}={_short(value)}")
        return f"{type(self).__name__}({', '.join(shown)})"


def changed(module: _M, changes: Mapping[str, Any]) -> _M:
    """A changed copy without running `__init__`: the values may be tracers. Cached properties are left behind."""
    new = object.__new__(type(module))
    kept = (*(f.name for f in dataclasses.fields(module)), *_derived(type(module)))
    vars(new).update({name: getattr(module, name) for name in kept} | dict(changes))
    return new


def _derived(cls: type) -> tuple[str, ...]:
    """Names of the `derived` methods of a class."""
    found = {name: value for base in reversed(cls.__mro__) for name, value in vars(base).items()}
    return tuple(name for name, value in found.items() if isinstance(value, derived))


def label(cls: type) -> str:
    """A class in a message; ports with the class that they belong to."""
    return cls.__qualname__.rpartition("<locals>.")[2] if issubclass(cls, Ports) else cls.__name__


def _explained(cls: type, init: Any) -> Any:
    """A generated `__init__` that says in bouton's words which argument is wrong."""

    @functools.wraps(init)
    def __init__(self: Any, *args: Any, **keywords: Any) -> None:
        try:
            init(self, *args, **keywords)
        except TypeError:
            if wrong := _misfit(cls, len(args), keywords):
                raise CircuitError(wrong) from None
            raise  # of the class's own __post_init__

    return __init__


def _misfit(cls: type, count: int, keywords: Mapping[str, Any]) -> str:
    """Why so many positional arguments and these keywords do not fit the fields of a class; empty where they do."""
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    places = [n for n, f in fields.items() if not f.kw_only]
    given = {*places[:count], *keywords}
    required = [n for n, f in fields.items() if f.default is MISSING and f.default_factory is MISSING]
    missing = [n for n in required if n not in given]
    for name in keywords:
        if name not in fields:
            kind = "" if issubclass(cls, Ports) else "parameter "
            return f"{label(cls)} has no {kind}{name!r}.{nearest(name, fields)}"
        if name in places[:count]:
            return f"{label(cls)} is given {name!r} twice: by its place and by name."
    if count > len(places):
        return f"{label(cls)} takes {len(places) or 'no'} arguments by their places, got {count}."
    return f"{label(cls)} needs {', '.join(map(repr, missing))} as well." if missing else ""


def _refuse(self: Any, name: str, value: Any) -> None:
    """`__setattr__` of what is frozen."""
    known = name in {f.name for f in dataclasses.fields(self)}
    what = f": make a copy with .replace({name}=...)." if known else f" and has no field {name!r}."
    raise dataclasses.FrozenInstanceError(f"{label(type(self))} is frozen{what}")


def _equal(a: Any, b: Any) -> bool:
    if a is b or isinstance(a, jax.core.Tracer) or isinstance(b, jax.core.Tracer):
        return a is b
    return np.array_equal(*(jax.random.key_data(v) if _is_key(v) else v for v in (a, b)))


def _is_key(value: Any) -> bool:
    return isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key)


def _short(value: Any) -> str:
    if isinstance(value, (np.ndarray, jax.Array)):
        return f"{value.dtype}{list(value.shape)}"
    return repr(value)


@typing.dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(static, parameter, port, part))
class Ports(Module):
    """A bundle of compartments: declare fields with `port()` and `part()`; all are given by keyword."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(kw_only=True, **keywords)
        for f in dataclasses.fields(cls):  # type: ignore[arg-type]
            if not isinstance(spec_of(f), (PortSpec, PartSpec)):
                raise CircuitError(f"{label(cls)}.{f.name} is declared without port(...).")

    if not TYPE_CHECKING:  # type checkers know the fields

        def __getattr__(self, name: str) -> Any:
            near = "" if name.startswith("_") else nearest(name, [f.name for f in dataclasses.fields(self)])
            raise AttributeError(f"{label(type(self))} has no {name!r}.{near}")


class Part(Module):
    """Anything with ports of its own: a component, or a synapse's release, transmission or plasticity.

    `In` are the inputs of `advance`, `Late` those of `evolve` (read after every node has advanced), `State` is what is
    carried from tick to tick, `Out` what other nodes may read in the same tick. Their names are disjoint.
    """

    In: ClassVar[type[Ports]] = Ports
    Late: ClassVar[type[Ports]] = Ports
    State: ClassVar[type[Ports]] = Ports
    Out: ClassVar[type[Ports]] = Ports

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for kind in ("In", "Late", "State", "Out"):
            if kind in vars(cls) and not (isinstance(ports := vars(cls)[kind], type) and issubclass(ports, Ports)):
                raise CircuitError(f"{cls.__name__}.{kind} must be a subclass of bouton.Ports.")

    def dims(self) -> dict[str, Any]:
        """Sizes of the dims in the port annotations.

        A name maps to an int; to ``{label: size}`` where it stands for several axes; to ``{field: {label: size}}`` when
        the compartment is a bundle of arrays, or to None when it is no array at all.
        """
        return {
            spec.dim: int(np.prod(getattr(self, f.name)))
            for f in dataclasses.fields(self)  # type: ignore[arg-type]
            if isinstance(spec := spec_of(f), StaticSpec) and spec.dim
        }

    def rebase(self, s: Any, steps: int) -> Any:
        """The state after `steps` steps as it would be if steps were counted anew from here.

        Only for what files values by the number of the step, as a ring does; runs that go on from a state begin at 0.
        """
        return s

    def check(self, *, dt: float) -> None:
        """Raise `CircuitError` if these parameters cannot work together, or not with this step length [ms]."""


class Tick(Module):
    """What every component is told about the present step.

    - `step`: the number of the step, an integer that never loses digits;
    - `dt`: its length [ms];
    - `key`: random key of this node at this step, independent of all other nodes and steps;
    - `batch`: shape of the batch axes (samples that one organism sees at once);
    - `batch_reduce`: how changes of persistent states are brought together over lanes, ``"mean"`` or ``"sum"``.
    """

    step: Any
    dt: float = static()
    key: Any = None
    batch: tuple[int, ...] = static(default=())
    batch_reduce: Literal["mean", "sum"] = static(default="mean")

    @property
    def time(self) -> Any:
        """Time at the start of the step [ms]; in float32 good to one step only up to 1.6e7 steps."""
        return jnp.asarray(self.step, float) * self.dt
