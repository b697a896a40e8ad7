"""What the outside feeds into a circuit: constants, time series, DataArrays and functions of the tick, made uniform."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from ._describe import Compartment
from ._errors import CircuitError, RunError
from ._module import Tick
from ._wiring import unfed


@dataclasses.dataclass(frozen=True)
class Feed:
    """Inputs by how they vary: not at all, along a leading axis (``"time"`` or ``"trial"``), or as a function."""

    constant: dict[str, Any]
    series: dict[str, Any]
    per_trial: dict[str, Any]
    function: dict[str, Callable[[Tick], Any]]


def feed(
    circuit: Any,
    inputs: Mapping[str, Any] | None,
    *,
    dt: float,
    batch: tuple[int, ...] = (),
    steps: int | None = None,
    trials: int | None = None,
) -> Feed:
    """Check inputs against the circuit and bring labelled arrays into the order (trial, time, batch, dims of the port)."""
    made = Feed({}, {}, {}, {})
    for ref, value in (inputs or {}).items():
        try:
            _, c = circuit._plan.target(ref)
        except CircuitError as e:
            raise RunError(f"inputs: {e}") from None
        if callable(value) and not hasattr(value, "dims"):
            made.function[ref] = value
            continue
        dims, array = _labelled(ref, value, dt)
        if not np.issubdtype(array.dtype, np.number) and array.dtype != bool:
            raise RunError(f"inputs[{ref!r}] must hold numbers, got {array.dtype}.")
        if dims is None:
            made.constant[ref] = array
            continue
        array, lead = _ordered(ref, dims, array, c, batch, {"time": steps, "trial": trials})
        target = made.per_trial if "trial" in lead else made.series if "time" in lead else made.constant
        target[ref] = array
    missing = unfed(circuit._plan, inputs or {})
    if missing:
        raise RunError(f"nothing feeds {', '.join(map(repr, missing))}: wire it, or give it in inputs=.")
    return made


def _labelled(ref: str, value: Any, dt: float) -> tuple[tuple[str, ...] | None, Any]:
    if hasattr(value, "dims") and hasattr(value, "coords"):  # an xarray.DataArray, without importing xarray
        if "time" in value.coords and value.sizes["time"] > 1:
            spacing = np.diff(np.asarray(value.coords["time"], float))
            if not np.allclose(spacing, dt, rtol=1e-6):
                raise RunError(
                    f"inputs[{ref!r}]: its time coordinate has steps of {spacing[0]:g}, the run of {dt:g} ms."
                )
        return tuple(map(str, value.dims)), value.values
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], (str, tuple, list)):
        dims = (value[0],) if isinstance(value[0], str) else tuple(value[0])
        array = value[1] if isinstance(value[1], jax.Array) else np.asarray(value[1])
        if len(dims) != array.ndim:
            raise RunError(f"inputs[{ref!r}]: {len(dims)} dims {dims} for an array of shape {array.shape}.")
        return dims, array
    if isinstance(value, jax.Array):
        return None, value
    try:
        return None, np.asarray(value, float)
    except (TypeError, ValueError):
        raise RunError(
            f"inputs[{ref!r}] must be an array, (dims, array), a DataArray or a function, got {value!r}."
        ) from None


def _ordered(
    ref: str, dims: tuple[str, ...], array: Any, c: Compartment, batch: tuple[int, ...], lengths: dict[str, int | None]
) -> tuple[Any, tuple[str, ...]]:
    """The array with axes (trial, time, batch, *dims of the port), and which of trial and time it has."""
    legal = (*(d for d, n in lengths.items() if n is not None), *(("batch",) if batch else ()), *c.dims)
    for d in dims:
        if d not in legal:
            raise RunError(f"inputs[{ref!r}] has a dim {d!r}; here it may have {', '.join(legal)}.")
    sizes = dict(zip(dims, array.shape, strict=True))
    expected = lengths | {"batch": batch[0] if batch else None} | dict(zip(c.dims, c.shape, strict=True))
    for d, n in sizes.items():
        if n != expected[d]:
            raise RunError(f"inputs[{ref!r}] has {n} along {d!r}, expected {expected[d]}.")
    missing = [d for d in c.dims if d not in dims]
    if missing and len(missing) < len(c.dims):
        raise RunError(f"inputs[{ref!r}] lacks the dim {missing[0]!r}.")
    order = [d for d in ("trial", "time", "batch", *c.dims) if d in dims]
    return array.transpose([dims.index(d) for d in order]), tuple(d for d in ("trial", "time") if d in dims)
