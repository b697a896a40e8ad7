"""What the conformance classes have in common: opting out with a reason, comparing, running without pytest.

Checks fail with an `AssertionError` that says what is wrong; `unittest.SkipTest`, which pytest knows, leaves one out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, ClassVar, Literal, NoReturn
from unittest import SkipTest

import jax
import numpy as np

from .._describe import KINDS
from .._errors import BoutonError, nearest
from .._module import Module, ParameterSpec, Part, PartSpec, StaticSpec, spec_of


@dataclasses.dataclass(frozen=True)
class Result:
    """How one check of one subject ended. `message` is the failure, or the reason why it was skipped."""

    name: str
    status: Literal["ok", "failed", "skipped"]
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong, as far as could be checked."""
        return self.status != "failed"


class Checks:
    """Base of the conformance classes: each method ``test_...`` is one check.

    `skip` leaves checks out: ``{"test_time_step_matters": "tau is read by another component"}``.
    """

    skip: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for name, reason in vars(cls).get("skip", {}).items():
            if name not in (known := [n for n in dir(cls) if n.startswith("test_")]):
                raise TypeError(f"{cls.__name__}.skip names no check: {name!r}.{nearest(name, known)}")
            setattr(cls, name, _skipping(reason))

    @classmethod
    def results(cls, subject: str, without: Collection[str] = ()) -> Iterator[Result]:
        """Run the checks without pytest, but for some."""
        methods = {n: None for base in reversed(cls.__mro__) for n in vars(base) if n.startswith("test_")}
        for method in (m for m in methods if m not in without):
            yield run_check(f"{subject}: {method[5:].replace('_', ' ')}", getattr(cls(), method))


def _skipping(reason: str) -> Callable[[Any], NoReturn]:
    def skipped(self: Any) -> NoReturn:
        raise SkipTest(reason)

    return skipped


def run_check(name: str, check: Callable[[], Any]) -> Result:
    """The result of calling `check`."""
    try:
        check()
    except SkipTest as reason:
        return Result(name, "skipped", str(reason))
    except (AssertionError, BoutonError) as error:
        return Result(name, "failed", str(error))
    except Exception as error:  # whatever a stranger's code does, the other checks go on
        return Result(name, "failed", f"{type(error).__name__}: {error}")
    return Result(name, "ok")


def require(holds: Any, message: str) -> None:
    """An assertion that ``python -O`` does not remove and that pytest need not rewrite."""
    if not holds:
        raise AssertionError(message)


def require_equal(
    got: Mapping[str, Any], want: Mapping[str, Any], what: str, *, rtol: float = 0.0, atol: float = 0.0
) -> None:
    """The same arrays under the same names; NaN equals nothing, infinity equals itself."""
    for name in want:
        a, b = np.asarray(got[name]), np.asarray(want[name])
        require(a.shape == b.shape, f"{name}: {what}: the shapes are {a.shape} and {b.shape}.")
        wrong = ~np.isclose(a, b, rtol=rtol, atol=atol)
        if wrong.any():
            at = tuple(np.argwhere(wrong)[0].tolist())
            raise AssertionError(f"{name}: {what}: {a[at]} against {b[at]} at {list(at)}.")


def require_pytree(value: Module, again: Module) -> None:
    """`value` is a well-behaved pytree; `again` is the same value, made anew."""
    leaves, structure = jax.tree.flatten(value)
    name = type(value).__name__
    rebuilt = jax.tree.unflatten(structure, leaves)
    same = all(a is b for a, b in zip(jax.tree.leaves(rebuilt), leaves, strict=True))
    require(jax.tree.structure(rebuilt) == structure and same, f"{name}: unflattening gives another value.")
    for what, f in (("None", lambda _: None), ("vmap axes", lambda _: 0), ("tracers", lambda _: object())):
        try:
            jax.tree.map(f, value)
        except Exception as e:
            raise AssertionError(f"{name} cannot hold {what} instead of numbers (no check may run there): {e}") from e
    require(
        jax.tree.structure(again) == structure,
        f"{name}: two that were made alike have different structures: jit would compile each of them.",
    )
    for path, module in modules(value):
        for f in dataclasses.fields(module):  # type: ignore[arg-type]
            if isinstance(spec_of(f), StaticSpec):
                field = getattr(module, f.name)
                require(
                    _is_plain(field),
                    f"{path}{f.name} is static and holds {field!r}: only int, float, str, bool, None and tuples of "
                    "these go into a model file and decide whether to compile anew.",
                )


def _is_plain(value: Any) -> bool:
    if type(value) is tuple:
        return all(map(_is_plain, value))
    return value is None or type(value) in (int, float, str, bool)


def modules(value: Any, path: str = "") -> Iterator[tuple[str, Module]]:
    """A module and all modules in its fields, each with the path that leads to its fields (``"rule."``)."""
    if isinstance(value, Module):
        yield path, value
        for f in dataclasses.fields(value):  # type: ignore[arg-type]
            yield from modules(getattr(value, f.name), f"{path}{f.name}.")
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from modules(item, f"{path}{i}.")


def parameters(value: Any, path: str = "", env: Mapping[str, Any] | None = None) -> Iterator[tuple[str, Any, Any, Any]]:
    """``(path, spec, value, sizes of dims)`` of every parameter of a module and of those in its fields."""
    if isinstance(value, Module):
        own = getattr(value, "dims", dict)  # parts and topologies have sizes of their own
        env = {**(env or {}), **own()}
        for f in dataclasses.fields(value):  # type: ignore[arg-type]
            spec, field = spec_of(f), getattr(value, f.name)
            if isinstance(spec, ParameterSpec):
                yield path + f.name, spec, field, env
            else:
                yield from parameters(field, f"{path}{f.name}.", env)
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from parameters(item, f"{path}{i}.", env)


def require_documented(cls: type[Module]) -> None:
    """The class, its parameters and its compartments say what they are and in which unit."""
    require_doc(cls)
    for f in dataclasses.fields(cls):  # type: ignore[arg-type]
        spec, name = spec_of(f), f"{cls.__name__}.{f.name}"
        if isinstance(spec, (StaticSpec, ParameterSpec)):
            require(spec.doc.strip(), f"{name} has no doc: say what it is in doc=.")
        if isinstance(spec, ParameterSpec):
            require(spec.unit.strip(), f"{name} has no unit: give one, or '1' for a plain number.")
    for kind in KINDS if issubclass(cls, Part) else ():
        for f in dataclasses.fields(getattr(cls, kind)):
            spec, name = spec_of(f), f"{cls.__name__}.{kind}.{f.name}"
            if isinstance(spec, PartSpec):
                continue
            require(spec.unit.strip(), f"{name} has no unit: give one, or '1' for a plain number.")
            require(spec.doc.strip(), f"{name} has no doc: say what it is in doc=.")


def require_doc(target: Any) -> None:
    """A docstring somebody wrote (a dataclass makes one up from the signature)."""
    target = getattr(target, "callback", target)  # a click command holds the function
    doc = (target.__doc__ or "").strip()
    made_up = isinstance(target, type) and doc.startswith(f"{target.__name__}(")
    require(doc and not made_up, f"{target.__name__} has no docstring: say what it does, with equation and units.")


def with_leaves(module: Any, dtype: Any) -> Any:
    """A module whose float arrays have this dtype."""

    def cast(leaf: Any) -> Any:
        is_array = isinstance(leaf, (np.ndarray, jax.Array))
        return jax.numpy.asarray(leaf, dtype) if is_array and np.issubdtype(leaf.dtype, np.floating) else leaf

    return jax.tree.map(cast, module)
