"""What the outside feeds into a circuit: constants, time series, samples and functions of the tick, made uniform."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from ._describe import Compartment
from ._errors import CircuitError, RunError
from ._module import Tick
from ._wiring import fits, unfed


@dataclasses.dataclass(frozen=True)
class Feed:
    """Inputs by how they vary. The axes of arrays are trial, time, batch, dims of the port, those that they have."""

    constant: dict[str, Any] = dataclasses.field(default_factory=dict)
    series: dict[str, Any] = dataclasses.field(default_factory=dict)  # a row for each step, of the run or of each trial
    samples: dict[str, Any] = dataclasses.field(default_factory=dict)  # one for each trial
    moving: tuple[str, ...] = ()  # those of the samples that have a row for each step
    function: dict[str, Callable[[Tick], Any]] = dataclasses.field(default_factory=dict)


def feed(
    circuit: Any,
    inputs: Mapping[str, Any] | None,
    *,
    dt: float,
    batch: tuple[int, ...] = (),
    steps: int,
    trials: int | None = None,
) -> Feed:
    """Check inputs against the circuit and sort them by how they vary. `steps`: of the run, or of each presentation."""
    if inputs is not None and not isinstance(inputs, Mapping):
        raise RunError(f"inputs must map names to values, e.g. {{'image.x': rates}}, got {inputs!r}.")
    check_names("inputs", inputs)
    made = Feed()
    for ref, value in (inputs or {}).items():
        try:
            port, c = circuit._plan.target(ref)
        except CircuitError as e:
            raise RunError(f"inputs: {e}") from None
        if port in circuit._plan.wires and c.spec.reduce != "sum":
            raise RunError(f"inputs[{ref!r}] is wired already and takes one value only.")
        if callable(value) and not hasattr(value, "dims"):
            made.function[ref] = value
            continue
        dims, array = labelled(ref, value)
        if "time" in dims:
            _same_step(ref, value, dt)
        _same_unit(ref, value, c)
        _check_numbers(ref, array, c)
        if dims == ("?",):
            made.constant[ref] = _fitting(ref, array, c, batch)
            continue
        array, lead = _ordered(ref, dims, array, c, batch, {"time": steps, "trial": trials})
        target = made.samples if "trial" in lead else made.series if "time" in lead else made.constant
        target[ref] = array
        if lead == ("trial", "time"):
            made = dataclasses.replace(made, moving=(*made.moving, ref))
    missing = unfed(circuit._plan, inputs or {})
    if missing:
        raise RunError(f"nothing feeds {', '.join(map(repr, missing))}: wire it, or give it in inputs=.")
    return made


def check_names(what: str, given: Any) -> None:
    """The names in `inputs`, `record` and `sweep` are text."""
    for name in given if isinstance(given, Mapping) else ():
        if not isinstance(name, str):
            raise RunError(f"{what}: a name such as 'exc.v' was expected, got {name!r}.")


def labelled(ref: str, value: Any) -> tuple[tuple[str, ...], Any]:
    """The dims of an input and its array; ``("?",)`` where the dims were left out."""
    if hasattr(value, "dims") and hasattr(value, "coords"):  # an xarray.DataArray, without importing xarray
        return tuple(map(str, value.dims)), value.values
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], (str, tuple, list)):
        dims = (value[0],) if isinstance(value[0], str) else tuple(value[0])
        array = value[1] if isinstance(value[1], jax.Array) else np.asarray(value[1])
        if len(dims) != array.ndim or len(set(dims)) != len(dims):
            raise RunError(f"inputs[{ref!r}]: the dims {dims} do not name the axes of an array of shape {array.shape}.")
        return dims, array
    try:
        array = value if isinstance(value, jax.Array) else np.asarray(value)
    except ValueError as e:
        raise RunError(f"inputs[{ref!r}]: {e}") from None
    if array.dtype == object:
        raise RunError(f"inputs[{ref!r}] must be an array, (dims, array), a DataArray or a function, got {value!r}.")
    return ("?",), array


def _same_step(ref: str, value: Any, dt: float) -> None:
    """A DataArray may say at which times its rows are."""
    if "time" in getattr(value, "coords", ()) and value.sizes["time"] > 1:
        spacing = np.diff(np.asarray(value.coords["time"], float))
        if not np.allclose(spacing, dt, rtol=1e-6):
            raise RunError(f"inputs[{ref!r}]: its rows are {spacing[0]:g} ms apart, the steps of the run {dt:g} ms.")


def _same_unit(ref: str, value: Any, c: Compartment) -> None:
    """A DataArray may say in which unit it is; no unit is ``1``."""
    given = getattr(value, "attrs", {}).get("units")
    if given is not None and (given or "1") != c.unit:
        raise RunError(f"inputs[{ref!r}] is in [{given}], {ref} in [{c.unit}]: the units differ.")


def _check_numbers(ref: str, array: Any, c: Compartment) -> None:
    if not (array.dtype == bool or np.issubdtype(array.dtype, np.number)):
        raise RunError(f"inputs[{ref!r}] must hold numbers, got an array of {array.dtype}.")
    if c.dtype is not None and not np.can_cast(array.dtype, c.dtype, "same_kind"):
        raise RunError(f"inputs[{ref!r}] holds {array.dtype}, but the input is {c.kind} ({c.dtype}).")
    if isinstance(array, Tracer) or not (np.issubdtype(array.dtype, np.floating) and array.size):
        return
    array = np.asarray(array)  # also inside jit, where jnp would trace
    with jax.ensure_compile_time_eval():  # an array from outside a jit has values there too
        extremes = float(array.min()), float(array.max())
    if not np.isfinite(extremes).all():
        values = np.asarray(array)
        first = tuple(np.argwhere(~np.isfinite(values))[0])
        at = f"[{', '.join(map(str, first))}]" if first else ""
        raise RunError(f"inputs[{ref!r}]{at} is {values[first]:g}.")


def _fitting(ref: str, array: Any, c: Compartment, batch: tuple[int, ...]) -> Any:
    """An array without labels: as the port is, or a single number, with or without the batch in front."""
    lead = batch if c.batch else ()
    if fits(array.shape, c.shape) or (array.shape[: len(lead)] == lead and fits(array.shape[len(lead) :], c.shape)):
        return array
    wanted = ", ".join(f"{d} {n}" for d, n in zip(c.dims, c.shape, strict=True)) or "a single number"
    raise RunError(
        f"inputs[{ref!r}] has the shape {array.shape}, expected {c.shape} ({wanted}). "
        "An array that varies is given with its dims, e.g. (('time', 'unit'), array)."
    )


def _ordered(
    ref: str, dims: tuple[str, ...], array: Any, c: Compartment, batch: tuple[int, ...], lengths: dict[str, int | None]
) -> tuple[Any, tuple[str, ...]]:
    """The array with its axes in order, and which of trial and time it has."""
    lead = batch if c.batch else ()
    legal = (*(d for d, n in lengths.items() if n is not None), *(("batch",) if lead else ()), *c.dims)
    for d in dims:
        if d not in legal:
            raise RunError(f"inputs[{ref!r}] has a dim {d!r}; here it may have {', '.join(legal)}.")
    expected = lengths | {"batch": lead[0] if lead else None} | dict(zip(c.dims, c.shape, strict=True))
    for d, n in zip(dims, array.shape, strict=True):
        if n != expected[d]:
            raise RunError(f"inputs[{ref!r}] has {n} along {d!r}, expected {expected[d]}.")
    missing = [d for d in c.dims if d not in dims]
    if missing and len(missing) < len(c.dims):
        raise RunError(f"inputs[{ref!r}] lacks the dim {missing[0]!r}.")
    order = [d for d in ("trial", "time", "batch", *c.dims) if d in dims]
    array = array.transpose([dims.index(d) for d in order])
    if missing and {"batch", "trial"} & {*dims}:  # one number for each sample: not to be taken for one for each unit
        array = np.broadcast_to(array.reshape(array.shape + (1,) * len(c.shape)), array.shape + c.shape)
    return array, tuple(d for d in ("trial", "time") if d in dims)
