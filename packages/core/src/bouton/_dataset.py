"""The labelled dataset of a run: which variables it has, with which dims, coordinates, units and shapes.

Dims are in the order sweeps, trial, time, batch, dims of the compartment. Samples of every step have the dim ``time``,
those of every k-th ``time_k`` (one name cannot have two lengths), likewise ``trial`` and ``trial_k``.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np

from ._circuit import Circuit
from ._errors import RunError
from ._record import Entry, Record

_LONG = {"mean": "mean of", "sum": "sum of", "max": "maximum of", "min": "minimum of"}


class Coord(NamedTuple):
    """Labels: along which dims, their values, attributes."""

    dims: tuple[str, ...]
    values: np.ndarray
    attrs: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Layout:
    """What the axes of a run are: how many steps (or trials) of which length, batch, sweep, labels of the trials."""

    dt: float
    count: int
    trial: int | None  # steps in one trial
    batch: int | None
    sweep: dict[str, np.ndarray]
    trial_coords: dict[str, np.ndarray]
    start: int = 0  # the step (or trial) from which a run branched off another; counting goes on from there


@dataclasses.dataclass(frozen=True)
class Variable:
    """One recorded variable. It grows along the axis `grows`, one row for every `stride` steps (or trials)."""

    entry: Entry
    layout: Layout
    group: str
    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    grows: int
    stride: int
    dtype: Any
    attrs: dict[str, str]
    coords: dict[str, Coord]

    @property
    def bytes_per_unit(self) -> float:
        """Bytes for each step or trial, on the way to the store."""
        row = self.with_rows(1)
        if self.entry.packed:
            return math.prod(row[:-1]) * -(-row[-1] // 8) / self.stride
        return math.prod(row) * self.dtype.itemsize / self.stride

    @property
    def is_raster(self) -> bool:
        """Whether it holds every spike."""
        return self.entry.as_spikes and dataclasses.replace(self.entry.record, events=False) == Record()

    @property
    def as_events(self) -> bool:
        """Whether a store holds a list of its spikes."""
        return self.entry.record.events

    @property
    def first_row(self) -> int:
        """The number of its first row: in a run that branched off another, counting goes on."""
        return self.layout.start // self.stride

    def with_rows(self, rows: int) -> tuple[int, ...]:
        """The shape of so many rows."""
        return (*self.shape[: self.grows], rows, *self.shape[self.grows + 1 :])

    def at(self, start: int, stop: int) -> tuple[slice, ...]:
        """The index of the rows `start` to `stop`."""
        return (*[slice(None)] * self.grows, slice(start, stop))

    def labels(self, start: int, stop: int) -> dict[str, Coord]:
        """Coordinates along the growing axis for the rows `start` to `stop`."""
        rows, dim = np.arange(start, stop), (self.dims[self.grows],)
        if self.layout.trial is None:
            return {dim[0]: Coord(dim, (rows + 1) * self.stride * self.layout.dt, _TIME)}
        last = (rows + 1) * self.stride - 1
        return {
            dim[0]: Coord(dim, last, {"long_name": "number of the trial"}),
            **({n: Coord(dim, v[last], {}) for n, v in self.layout.trial_coords.items()} if self.stride == 1 else {}),
        }

    def arranged(self, array: np.ndarray, rows: int) -> np.ndarray:
        """What a chunk recorded, with its axes as in the dataset and only the rows that are complete; spikes packed."""
        axis = self.grows
        if self.layout.trial is not None and self.layout.batch and self.entry.compartment.batch:
            if not self.entry.per_trial:
                array = np.moveaxis(array, axis + 2, axis + 1)
            array = array.reshape(*array.shape[:axis], -1, *array.shape[axis + 2 :])
        return array[self.at(0, rows)]

    def unpacked(self, rows: np.ndarray) -> np.ndarray:
        """Rows as `arranged` makes them, spikes as booleans."""
        if not self.entry.packed:
            return rows
        return np.unpackbits(rows, axis=-1, count=self.shape[-1]).view(bool)


_TIME = {"units": "ms", "long_name": "time at the end of the step"}


def variables(circuit: Circuit, entries: tuple[Entry, ...], layout: Layout) -> tuple[Variable, ...]:
    """The variables of a run, in the order in which they were asked for."""
    if layout.trial is None and any(e.per_trial for e in entries):
        raise RunError("Record(per='trial') needs trials=.")
    made = tuple(_variable(circuit, e, layout) for e in entries)
    sizes: dict[tuple[str, str], tuple[int, str]] = {}
    for v in made:
        labels = {d for w in made if w.group == v.group for d in (*w.dims, *w.coords, *w.labels(0, 0))}
        if v.name in labels:
            raise RunError(f"record: {v.entry.name!r} has the name of a dim or a coordinate of its node: rename it.")
        for d, n in zip(v.dims, v.shape, strict=True):
            other, name = sizes.setdefault((v.group, d), (n, v.entry.name))
            if other != n:
                raise RunError(
                    f"record: the dim {d!r} of {name!r} has {other}, that of {v.entry.name!r} {n}: rename one."
                )
    return made


def _variable(circuit: Circuit, e: Entry, layout: Layout) -> Variable:
    c, k, n_batch = e.compartment, e.record.every, layout.batch or 1
    coords: dict[str, Coord] = {}
    for n, values in layout.sweep.items():
        coords[n] = Coord((n,), values if values.ndim == 1 else np.arange(len(values)), {})
        if values.ndim > 1:  # per unit: the dim has numbers, the values lie beside it
            axes = (n, *(f"{n}_{i}" for i in range(1, values.ndim)))
            coords[f"{n}_values"] = Coord(axes, values, {})
    for n, (d, values) in circuit.components[e.node].coords().items():
        if d in c.dims:
            coords[n] = Coord((d,), np.asarray(values), {})
    inner: dict[str, int] = {}
    stride = k
    if layout.trial is None:
        grow = _named("time", k)
        inner = {"batch": layout.batch} if layout.batch and c.batch else {}
    else:
        stride = 1 if c.batch else n_batch
        if e.per_trial:
            if k > 1 and c.batch and n_batch > 1:
                raise RunError(f"record: {e.ref!r} differs between the samples of a batch: record it in every trial.")
            stride *= k
        else:
            time = _named("time", k)
            inner = {time: layout.trial // k}
            coords[time] = Coord((time,), (np.arange(inner[time]) + 1) * k * layout.dt, _TIME)
        grow = _named("trial", stride)
    counts = e.record.reduce == "sum" and c.spec.spikes
    rows = layout.count // stride - layout.start // stride
    return Variable(
        entry=e,
        layout=layout,
        group=_group(e.node),
        name=e.name[len(e.node) + 1 :],
        dims=(*layout.sweep, grow, *inner, *c.dims),
        shape=(*(len(v) for v in layout.sweep.values()), rows, *inner.values(), *c.shape),
        grows=len(layout.sweep),
        stride=stride,
        dtype=np.dtype(e.dtype(stored=True)),
        attrs={"units": "count" if counts else c.unit, "long_name": _long_name(e)},
        coords=coords,
    )


def _group(node: str) -> str:
    """``column/exc`` for ``column.exc``; in the name of a delay line, ``exc.s~1.5ms``, the number stays whole."""
    head, tilde, rest = node.partition("~")
    return head.replace(".", "/") + tilde + rest


def _named(dim: str, k: int) -> str:
    return dim if k == 1 else f"{dim}_{k}"


def _long_name(e: Entry) -> str:
    return " ".join(filter(None, [_LONG.get(e.record.reduce, ""), e.compartment.spec.doc or e.name]))
