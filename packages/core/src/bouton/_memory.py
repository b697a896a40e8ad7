"""A run that stays in memory; it is used as the one on disk, `_store.py`, is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr

from ._dataset import Variable
from ._errors import RunError
from ._room import host


class MemoryStore:
    """Keeps all variables as NumPy arrays."""

    def __init__(self, variables: tuple[Variable, ...], about: dict[str, Any]) -> None:
        self.variables, self.attrs = variables, about
        self.where, self.committed = None, 0
        sizes = {v.entry.name: math.prod(v.shape) * v.dtype.itemsize for v in variables}
        free = host()
        try:
            if free is not None and sum(sizes.values()) > free:  # many systems promise more than they have
                raise MemoryError
            self.arrays = {v.entry.name: np.empty(v.shape, v.dtype) for v in variables}
        except (MemoryError, ValueError):
            largest = max(sizes, key=sizes.__getitem__)
            size = sizes[largest] / 2**30
            raise RunError(
                f"{largest} would take {size:.3g} GiB of memory: record it less often, or to a folder by to=."
            ) from None

    def write(self, v: Variable, start: int, rows: np.ndarray) -> None:
        n, kept = rows.shape[v.grows], self.arrays[v.entry.name]
        few = max(1, n * 2**20 // max(kept[v.at(start, start + n)].nbytes, 1))  # unpacked where they stay in the cache
        for i in range(0, n, few):
            part = rows[v.at(i, i + few)]
            kept[v.at(start + i, start + i + part.shape[v.grows])] = v.unpacked(part)

    def boundary(self, steps: int, carry: Any) -> None:
        self.attrs["committed_steps"] = steps

    def finish(self) -> None:
        """There is nothing to finish."""

    def keep(self) -> None:
        """There is nothing to keep."""

    def survives(self) -> str:
        """Nothing does."""
        return ""

    def close(self) -> None:
        """There is nothing to close."""

    def tree(self) -> xr.DataTree:
        groups: dict[str, xr.Dataset] = {"/": xr.Dataset(attrs=self.attrs)}
        for v in self.variables:
            coords = v.coords | v.labels(0, v.shape[v.grows])
            dataset = xr.Dataset({v.name: (v.dims, self.arrays[v.entry.name], v.attrs)}, coords)
            path = "/" + v.group
            old = groups.get(path, xr.Dataset())
            groups[path] = old.assign_coords(dataset.coords).assign(dataset.data_vars)
        return xr.DataTree.from_dict(groups)
