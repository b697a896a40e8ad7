"""What a figure shows of a run: a variable by its name, with one trial, batch lane and sweep value, between two times.

Nothing here draws; that is `plot.py`.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr

from ._errors import RunError, nearest
from ._run import Run

BLOCK_BYTES = 32 * 2**20


@dataclasses.dataclass
class Series:
    """A variable along time (or trials), with nothing else but its own dims; read in blocks."""

    name: str
    data: xr.DataArray
    along: str
    own: tuple[str, ...]
    step: float  # time between two samples [ms]
    notes: list[str]

    def __post_init__(self) -> None:
        self.times = np.asarray(self.data[self.along].values, float)
        is_long = self.is_time and self.times[-1] - self.times[0] >= 10_000
        self.scale, self.unit = (1e-3, "s") if is_long else (1.0, "ms")
        self.x = self.times * self.scale

    @property
    def is_time(self) -> bool:
        return self.along.startswith("time")

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.data.sizes[d] for d in self.own)

    def units(self, units: Any, most: int | None = None) -> tuple[np.ndarray, list[str]]:
        """The chosen units as row-major indices, and what to call each."""
        if len(self.own) > 1 and units is not None and not isinstance(units, slice):
            given = np.asarray(units)
            if given.ndim != 2 or given.shape[1] != len(self.own) or given.dtype.kind not in "iu":
                example = f"units=[{(0,) * len(self.own)}]"
                raise RunError(f"{self.name} has the dims {', '.join(self.own)}: choose {example}, for instance.")
            inside = (given >= 0) & (given < np.array(self.shape))
            if not inside.all():
                strange = tuple(given[~inside.all(axis=1)][0].tolist())
                raise RunError(f"units: {strange} is not within the shape {self.shape} of {self.name}.")
            flat = np.asarray(np.ravel_multi_index(tuple(given.T), self.shape))
        else:
            total = math.prod(self.shape)
            flat = indices(units, total, self.name, most=most)
            if units is None and len(flat) < total:
                self.notes.append(f"the first {len(flat)} of {total}")
        places = zip(*np.unravel_index(flat, self.shape), strict=True) if self.own else [()]
        return flat, [", ".join(f"{d} {i}" for d, i in zip(self.own, at, strict=True)) for at in places]

    def blocks(self, flat: np.ndarray, multiple: int = 1) -> Iterator[tuple[int, np.ndarray]]:
        """(first sample, values (sample, chosen unit)), block by block; all but the last hold a multiple of samples."""
        row = max(1, math.prod(self.shape) * self.data.dtype.itemsize)
        size = max(1, BLOCK_BYTES // row // multiple) * multiple
        for first in range(0, len(self.times), size):
            block = self.data.isel({self.along: slice(first, first + size)}).transpose(self.along, *self.own)
            values = block.values
            yield first, values.reshape(len(values), -1)[:, flat]


def series_of(run: Any, name: str | None, start: float | None, stop: float | None, select: dict[str, int]) -> Series:
    """What lies between two times of a variable of which one element is chosen along each further dim."""
    name, data = _variable(run, name)
    along = _along(data)
    if along is None:
        raise RunError(f"{name} has neither a dim 'time' nor 'trial', but {', '.join(map(str, data.dims)) or 'none'}.")
    dims = [str(d) for d in data.dims]
    own = tuple(d for d in dims[dims.index(along) + 1 :] if d != "batch" and d not in select)
    data, notes = _one(data, name, (along, *own), select)
    times = np.asarray(data[along].values, float)
    step = float(times[1] - times[0] if len(times) > 1 else times.sum())  # a single one has lasted since 0
    if along.startswith("time"):  # the time of a step is its end: one that ends at `start` lies before it
        slack = 1e-6 * step
        shown = (times > (-math.inf if start is None else start + slack)) & (
            times <= (math.inf if stop is None else stop + slack)
        )
    else:
        shown = (times >= (-math.inf if start is None else start)) & (times <= (math.inf if stop is None else stop))
    where = np.nonzero(shown)[0]
    if len(where) == 0:
        ends = f"{times[0]:g} to {times[-1]:g}" if len(times) else "nothing"
        raise RunError(f"start={start}, stop={stop}: {name} has no value there; along {along!r} it holds {ends}.")
    return Series(name, data.isel({along: slice(where[0], where[-1] + 1)}), along, own, step, notes)


def spikes_of(
    run: Any, node: str | None, compartment: str, start: float | None, stop: float | None, select: dict[str, int]
) -> Series:
    """The same of the spikes of a node, of which none may be missing."""
    series = series_of(run, None if node is None else f"{node}.{compartment}", start, stop, select)
    if series.data.dtype != bool:
        raise RunError(f"{series.name} holds {series.data.dtype}, not spikes.")
    if series.along != "time":
        name, along = series.name, series.along
        raise RunError(f"{name} was kept along {along!r} only: for every spike simulate with record={{{name!r}: 1}}.")
    return series


def matrix_of(
    run: Any, name: str | None, at: int, select: dict[str, int]
) -> tuple[np.ndarray, tuple[str, str], str, str]:
    """(values, their dims, label of the colours, title) of a variable with two dims of its own."""
    name, data = _variable(run, name)
    along, notes = _along(data), []
    dims = [str(d) for d in data.dims if d not in select]
    own = dims[dims.index(along) + 1 :] if along in dims else dims
    if along in dims:
        data, notes = _one(data, name, (along, *own), select)
        if not -data.sizes[along] <= at < data.sizes[along]:
            raise RunError(f"at={at}: {name} has {data.sizes[along]} samples along {along!r}.")
        when = float(data[along].values[at])
        notes.append(f"at {when:g} ms" if along.startswith("time") else f"after trial {when:g}")
        data = data.isel({along: at})
    else:
        data, notes = _one(data, name, own, select)
    if len(own) == 1 and {"pre_index", "post_index"} <= set(data.coords):
        return _of_edges(data, name), ("pre", "post"), quantity(data), ", ".join([name, *notes])
    if len(own) != 2:
        raise RunError(f"{name} is no matrix (pre, post): it has the dims {', '.join(own) or 'none'}.")
    return np.asarray(data.values, float), (own[0], own[1]), quantity(data), ", ".join([name, *notes])


def _of_edges(data: xr.DataArray, name: str) -> np.ndarray:
    """A list of edges as a matrix, up to the last unit that has one; 0 where there is none."""
    pre, post = (np.asarray(data[side].values) for side in ("pre_index", "post_index"))
    matrix_shape = (int(pre.max()) + 1, int(post.max()) + 1)
    if matrix_shape[0] * matrix_shape[1] > 25_000_000:
        raise RunError(f"{name} joins {matrix_shape[0]:,} to {matrix_shape[1]:,} units: too many for a matrix.")
    matrix = np.zeros(matrix_shape)
    np.add.at(matrix, (pre, post), np.asarray(data.values, float))
    return matrix


def _variable(run: Any, name: str | None) -> tuple[str, xr.DataArray]:
    if isinstance(run, xr.DataArray):
        return name or str(run.name or run.attrs.get("long_name", "values")), run
    if not isinstance(run, Run):
        raise RunError(f"a figure needs a bouton.Run or an xarray.DataArray, got {run!r}.")
    if name is None:
        raise RunError(f"say what to draw of the run.{nearest('', run.variables)}")
    if name not in run.variables:
        raise RunError(
            f"{name!r} was not recorded: simulate with record={{{name!r}: 1}}.{nearest(name, run.variables)}"
        )
    return name, run[name]


def _along(data: xr.DataArray) -> str | None:
    """The dim along which a variable grew: its time, or the trial where it was kept once in each."""
    for kind in ("time", "trial"):
        for dim in map(str, data.dims):
            if re.fullmatch(rf"{kind}(_\d+)?", dim):
                return dim
    return None


def _one(data: xr.DataArray, name: str, keep: Sequence[str], select: dict[str, int]) -> tuple[xr.DataArray, list[str]]:
    """`data` with one element chosen along each dim that is not kept, and what was chosen in words."""
    others = {str(d): n for d, n in data.sizes.items() if d not in keep}
    for dim in select:
        if dim not in others:
            raise RunError(f"{name} has no dim {dim!r} to choose from.{nearest(dim, others)}")
    chosen = {dim: select.get(dim, 0) for dim in others}
    for dim, n in others.items():
        if dim not in select and n > 1:
            raise RunError(f"{name} has {n} elements along {dim!r}: choose one by its index, e.g. {_keyword(dim)}.")
        if isinstance(chosen[dim], bool) or not isinstance(chosen[dim], (int, np.integer)):
            raise RunError(f"{dim}={chosen[dim]!r}: choose one by its index, a whole number.")
        if not -n <= chosen[dim] < n:
            raise RunError(f"{dim}={chosen[dim]}: {name} has {n} elements along {dim!r}.")
    notes = [f"{dim} {_short(data[dim].values[i])}" for dim, i in chosen.items() if others[dim] > 1]
    return data.isel(chosen), notes


def indices(units: Any, total: int, name: str, most: int | None = None) -> np.ndarray:
    """The chosen ones of `total` units; without a choice all, or the first so many."""
    if units is None:
        return np.arange(total if most is None else min(total, most))
    flat = np.arange(total)[units] if isinstance(units, slice) else np.asarray(units)
    if flat.ndim != 1 or len(flat) == 0 or flat.dtype.kind not in "iu":
        raise RunError(f"units must be a list of whole numbers or a slice of the {total} there are, got {units!r}.")
    for unit in flat[(flat < 0) | (flat >= total)]:
        raise RunError(f"units: there is no {unit}, {name} has {total} (0 to {total - 1}).")
    return flat


def _keyword(dim: str) -> str:
    return f"{dim}=0" if dim.isidentifier() else f"**{{{dim!r}: 0}}"


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, np.number) else str(value)


def quantity(data: xr.DataArray) -> str:
    """What is measured, and its unit."""
    units = data.attrs.get("units", "1")
    return data.attrs.get("long_name", str(data.name or "")) + ("" if units == "1" else f" [{units}]")
