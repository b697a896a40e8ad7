"""The labelled dataset of a run: which variables it has, with which dims, coordinates, units and shapes.

Dims are in the order sweeps, trial, time, batch, dims of the compartment. Samples of every step have the dim ``time``,
those of every k-th ``time_k`` (one name cannot have two lengths), likewise ``trial`` and ``trial_k``.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from ._circuit import Circuit
from ._errors import RunError
from ._record import Entry

_LONG = {"mean": "mean of", "sum": "sum of", "max": "maximum of", "min": "minimum of"}


@dataclasses.dataclass(frozen=True)
class Layout:
    """What the axes of a run are: how many steps (or trials) of which length, batch, sweep, labels of the trials."""

    dt: float
    count: int
    trial: int | None  # steps in one trial
    batch: int | None
    sweep: dict[str, np.ndarray]
    trial_coords: dict[str, np.ndarray]


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
    coords: dict[str, tuple[str, np.ndarray, dict[str, str]]]

    @property
    def bytes_per_unit(self) -> float:
        """Bytes for each step or trial."""
        rest = math.prod(self.shape[: self.grows] + self.shape[self.grows + 1 :])
        return rest * self.dtype.itemsize / self.stride

    def labels(self, start: int, stop: int) -> dict[str, tuple[np.ndarray, dict[str, str]]]:
        """Coordinates along the growing axis for the rows start to stop."""
        rows = np.arange(start, stop)
        if self.layout.trial is None:
            return {self.dims[self.grows]: ((rows + 1) * self.stride * self.layout.dt, _TIME)}
        last = (rows + 1) * self.stride - 1
        return {
            self.dims[self.grows]: (last, {"long_name": "number of the trial"}),
            **({n: (v[last], {}) for n, v in self.layout.trial_coords.items()} if self.stride == 1 else {}),
        }

    def arranged(self, array: np.ndarray, rows: int) -> np.ndarray:
        """What a chunk recorded, with its axes as in the dataset and only the rows that are complete."""
        axis = self.grows
        if self.layout.trial is not None and self.layout.batch and self.entry.compartment.batch:
            if self.entry.record.per == "step":
                array = np.moveaxis(array, axis + 2, axis + 1)
            array = array.reshape(*array.shape[:axis], -1, *array.shape[axis + 2 :])
        return array[(*[slice(None)] * axis, slice(0, rows))]


_TIME = {"units": "ms", "long_name": "time at the end of the step"}


def variables(circuit: Circuit, entries: tuple[Entry, ...], layout: Layout) -> tuple[Variable, ...]:
    """The variables of a run, in the order in which they were asked for."""
    return tuple(_variable(circuit, e, layout) for e in entries)


def _variable(circuit: Circuit, e: Entry, layout: Layout) -> Variable:
    c, k, n_batch = e.compartment, e.record.every, layout.batch or 1
    coords: dict[str, tuple[str, np.ndarray, dict[str, str]]] = {
        name: (name, values, {}) for name, values in layout.sweep.items()
    }
    coords |= {n: (d, np.asarray(v), {}) for n, (d, v) in circuit.components[e.node].coords().items() if d in c.dims}
    lead = tuple(layout.sweep)
    sizes = [len(v) for v in layout.sweep.values()]
    if layout.trial is None:
        stride = k
        inner = (("batch",), (layout.batch,)) if layout.batch and c.batch else ((), ())
        grow = _named("time", k)
    else:
        merged = c.batch or n_batch == 1
        stride = 1 if merged else n_batch
        inner = ((), ())
        if e.record.per == "trial":
            if k > 1 and c.batch and n_batch > 1:
                raise RunError(f"record: {e.ref!r} differs between the samples of a batch: record it in every trial.")
            stride *= k
        else:
            steps = layout.trial // k
            inner = ((_named("time", k),), (steps,))
            coords[_named("time", k)] = (_named("time", k), (np.arange(steps) + 1) * k * layout.dt, _TIME)
        grow = _named("trial", stride)
    attrs = {"units": "count" if e.record.reduce == "sum" and c.spec.spikes else c.unit, "long_name": _long_name(e)}
    return Variable(
        entry=e,
        layout=layout,
        group=e.node.replace(".", "/"),
        name=e.name[len(e.node) + 1 :],
        dims=(*lead, grow, *inner[0], *c.dims),
        shape=(*sizes, layout.count // stride, *inner[1], *c.shape),  # type: ignore[arg-type]
        grows=len(lead),
        stride=stride,
        dtype=np.dtype(bool) if e.as_spikes else jnp.dtype(c.dtype),
        attrs=attrs,
        coords=coords,
    )


def _named(dim: str, k: int) -> str:
    return dim if k == 1 else f"{dim}_{k}"


def _long_name(e: Entry) -> str:
    return " ".join(filter(None, [_LONG.get(e.record.reduce, ""), e.compartment.spec.doc or e.name]))
