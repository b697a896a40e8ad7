"""Spikes stored as events: of each row where it ends in the list of all events, and of each event its flat index.

Opened, they are booleans like any others, made from events when they are read.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from ._errors import RunError


def end_and_index(rows: np.ndarray, axis: int, units: int, before: int) -> tuple[np.ndarray, np.ndarray]:
    """Events of spikes with time along `axis`: (events up to the end of each row, index in its row of each).

    Spikes are booleans, or bits, packed along the last axis, which has so many units. `before`: events before them.
    """
    flat = np.moveaxis(rows, axis, 0).reshape(rows.shape[axis], -1)
    if rows.dtype == bool:
        units, flat = flat.shape[1], np.packbits(flat, axis=1)
    ends = before + np.cumsum(np.bitwise_count(flat).sum(axis=1, dtype=np.int64))
    some = np.flatnonzero(flat != 0)  # bytes with a spike
    which, bit = np.nonzero(np.unpackbits(flat.reshape(-1)[some, None], axis=1))
    byte, wide = some[which] % max(flat.shape[1], 1), -(-units // 8)
    return ends, (byte // wide * units + byte % wide * 8 + bit).astype(np.uint64)


class _Booleans(BackendArray):
    """Dense booleans, of which rows are made when they are asked for."""

    def __init__(self, end: xr.Variable, index: xr.Variable, shape: tuple[int, ...], axis: int) -> None:
        self.end, self.index, self.shape, self.axis, self.dtype = end, index, shape, axis, np.dtype(bool)

    def __getitem__(self, key: Any) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._get)

    def _get(self, key: tuple[Any, ...]) -> np.ndarray:
        rows = key[self.axis]
        if isinstance(rows, slice):
            start, stop, step = rows.indices(self.shape[self.axis])
            low, high = (start, stop) if step > 0 else (stop + 1, start + 1)
            again = slice(None, None, step)
        else:
            low, high, again = int(rows), int(rows) + 1, 0
        dense = self._rows(low, max(low, high))
        return dense[(*key[: self.axis], again, *key[self.axis + 1 :])]

    def _rows(self, low: int, high: int) -> np.ndarray:
        ends = np.asarray(self.end[max(0, low - 1) : high].values)
        ends = ends if low else np.concatenate([[0], ends])
        within = (*self.shape[: self.axis], *self.shape[self.axis + 1 :])
        dense = np.zeros((high - low, math.prod(within)), bool)
        if high > low:
            index = np.asarray(self.index[int(ends[0]) : int(ends[-1])].values)
            counts = np.diff(ends)
            if (counts < 0).any() or (index >= dense.shape[1]).any():
                raise RunError("a list of events is damaged: it does not fit to its shape.")
            dense[np.repeat(np.arange(high - low), counts), index] = True
        return np.moveaxis(dense.reshape(high - low, *within), 0, self.axis)


def densified(tree: xr.DataTree) -> xr.DataTree:
    """A tree in which lists of events have become the variables that they are of."""
    for node in [n for n in tree.subtree if "events" in n.attrs and n.parent is not None]:
        how, data = node.attrs["events"], node.dataset
        try:
            shape = [int(n) for n in how["shape"]]
            shape[how["grows"]] = data["end"].shape[0]
            booleans = _Booleans(data["end"].variable, data["index"].variable, tuple(shape), how["grows"])
            variable = xr.Variable(how["dims"], indexing.LazilyIndexedArray(booleans), how["attrs"])
        except (KeyError, TypeError, ValueError, IndexError) as e:
            raise RunError(f"the list of events {node.path} is damaged: {e!r}.") from None
        parent, name = node.parent, node.name
        assert parent is not None and name is not None
        del parent[name]
        parent[name] = xr.DataArray(variable, coords={d: parent.coords[d] for d in how["dims"] if d in parent.coords})
    return tree
