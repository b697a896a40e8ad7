"""A run on disk: a zarr v3 store that plain xarray opens.

There is one group per node, arrays with dimension names, units and coordinates; the root's attributes say how the run
was made. ``circuit.state`` holds the last state, ``circuit.arrays`` large arrays of the circuit (no node can be called
so). The root's consolidated metadata is written last at each commit: it is what readers go by.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import shutil
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr

from ._dataset import Coord, Variable
from ._errors import RunError

ARRAYS, STATE = "circuit.arrays", "circuit.state"
CHUNK_BYTES = 4 * 2**20
COMMIT_SECONDS = 1.0
SMALLER = {"spikes": 40, "whole numbers": 5, "floats": 1.3}
"""How many times smaller the store is than what it holds, as measured."""


class ZarrStore(contextlib.AbstractContextManager["ZarrStore", None]):
    """Writes variables block by block into a folder; what is committed can be read while the run goes on.

    `block` is how many steps (or trials) come at once: a block is never split along time, so that each chunk on disk is
    written once. Where a run is interrupted, what was written up to then is committed.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        variables: tuple[Variable, ...],
        about: dict[str, Any],
        arrays: Mapping[str, np.ndarray],
        *,
        block: int,
        overwrite: bool,
    ) -> None:
        import zarr

        self.path, self.variables = check_free(path, overwrite), variables
        self.steps = self.committed = 0
        self.when = time.monotonic()
        self.arrays: dict[str, Any] = {}
        self.complete: dict[str, tuple[int, ...]] = {}  # shapes after the last block of which all is written
        if "circuit_missing" in about:
            warnings.warn(f"the run will not contain its circuit: {about['circuit_missing']}", stacklevel=3)
        with self._reporting("create"):
            if overwrite and _is_run(self.path):
                shutil.rmtree(self.path)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.root = zarr.create_group(str(self.path), zarr_format=3, attributes=about)
            for name, array in arrays.items():
                self._whole(f"{ARRAYS}/{name}", array)
            for v in variables:
                self._create(v, block)
            self._commit()

    def _create(self, v: Variable, block: int) -> None:
        rows = max(1, block // v.stride)
        labels = v.labels(0, 0)
        aside = [n for n, c in (v.coords | labels).items() if (n,) != c.dims and {*c.dims} <= {*v.dims}]
        attrs = v.attrs | ({"coordinates": " ".join(aside)} if aside else {})
        shape = v.with_rows(0)
        self._array(f"{v.group}/{v.name}", shape, v.dtype, v.dims, chunks=_chunks(v, rows), attrs=attrs)
        for n, c in v.coords.items():
            if f"{v.group}/{n}" not in self.arrays:
                self._whole(f"{v.group}/{n}", c.values, c.dims, c.attrs)
        if beside := [n for n, c in v.coords.items() if not {*c.dims} <= {*v.dims}]:
            self.root[v.group].attrs["coordinates"] = " ".join(beside)  # as xarray notes those of no variable
        for n, c in labels.items():
            if f"{v.group}/{n}" not in self.arrays:
                self._array(f"{v.group}/{n}", (0,), c.values.dtype, c.dims, chunks=(rows,), attrs=c.attrs)

    def _whole(self, name: str, values: np.ndarray, dims: tuple[str, ...] | None = None, attrs: Any = None) -> None:
        own = tuple(f"{name.rpartition('/')[2]}_{i}" for i in range(values.ndim))
        chunks = tuple(max(1, n) for n in values.shape)
        self._array(name, values.shape, values.dtype, dims or own, chunks=chunks, attrs=attrs)[...] = values

    def _array(
        self, name: str, shape: tuple[int, ...], dtype: Any, dims: tuple[str, ...], *, chunks: Any, attrs: Any = None
    ) -> Any:
        from zarr.codecs import BloscCodec

        fill: Any = {"f": np.nan, "b": False, "U": "", "T": ""}.get(dtype.kind, 0)
        self.arrays[name] = self.root.create_array(
            name,
            shape=shape,
            dtype=str if dtype.kind in "UT" else dtype,
            chunks=chunks,
            compressors=[BloscCodec(cname="lz4", clevel=1, shuffle="shuffle")] if dtype.kind == "f" else "auto",
            fill_value=fill,
            dimension_names=dims,
            attributes=attrs or {},
        )
        return self.arrays[name]

    def write(self, v: Variable, start: int, rows: np.ndarray) -> None:
        stop = start + rows.shape[v.grows]
        with self._reporting("write"):
            self._extend(f"{v.group}/{v.name}", v.with_rows(stop), v.at(start, stop), rows)
            for n, c in v.labels(start, stop).items():
                if self.arrays[f"{v.group}/{n}"].shape[0] < stop:  # else written with another variable of this group
                    self._extend(f"{v.group}/{n}", (stop,), (slice(start, stop),), _storable(c))

    def _extend(self, name: str, shape: tuple[int, ...], at: tuple[slice, ...], values: np.ndarray) -> None:
        self.arrays[name].resize(shape)
        self.arrays[name][at] = values

    def commit(self, steps: int) -> None:
        """`steps` steps are written; about once a second readers are told."""
        self.steps = steps
        self.complete = {name: array.shape for name, array in self.arrays.items()}
        if time.monotonic() - self.when >= COMMIT_SECONDS:
            with self._reporting("write"):
                self._commit()

    def _commit(self) -> None:
        """Two replacements of one file, each of which leaves a store that opens."""
        consolidate(self.path)
        root = self.path / "zarr.json"
        about = json.loads(root.read_text())
        about["attributes"]["committed_steps"] = self.steps
        new = root.with_suffix(".new")
        new.write_text(json.dumps(about, indent=2))
        new.replace(root)
        self.committed, self.when = self.steps, time.monotonic()

    def finish(self, state: Mapping[str, Any]) -> None:
        """The run is complete: store its last state and commit."""
        with self._reporting("write"):
            for name, value in flat_state(state).items():
                self._whole(f"{STATE}/{name}", np.asarray(value))
            self._commit()

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is not None:
            self._keep()

    def _keep(self) -> None:
        """Commit the blocks that are complete, as well as may be."""
        if self.steps > self.committed:
            with contextlib.suppress(OSError):  # the reason why we are here matters more
                for name, shape in self.complete.items():
                    if self.arrays[name].shape != shape:
                        self.arrays[name].resize(shape)
                self._commit()

    def tree(self) -> xr.DataTree:
        return open_tree(self.path)

    @contextlib.contextmanager
    def _reporting(self, doing: str) -> Iterator[None]:
        """Turns errors of the file system into ours, which say what is safe."""
        try:
            yield
        except OSError as e:
            self._keep()
            kept = f" It holds everything up to step {self.committed}." if self.committed else ""
            raise RunError(f"cannot {doing} the run {self.path}: {e.strerror or e}.{kept}") from e


def check_free(to: str | os.PathLike[str], overwrite: bool) -> Path:
    """The path of a new run; `RunError` if it is none, or if something is in the way that may not be overwritten."""
    path = _folder(to, "to=")
    if Path.cwd().is_relative_to(path.resolve()):
        raise RunError(f"{path} is the working folder, or one above it: choose a path of its own for the run.")
    if os.path.lexists(path):
        if not overwrite:
            raise RunError(f"{path} exists already: choose another path, or set overwrite=True.")
        if not _is_run(path):
            raise RunError(f"{path} exists and is not a run of bouton: it is not overwritten. Remove it yourself.")
    return path


def check_room(path: str | os.PathLike[str], variables: tuple[Variable, ...]) -> None:
    """`RunError` if a run will not fit on its disk; an old one that it replaces makes room."""
    sizes = {v.entry.name: math.prod(v.shape) * v.dtype.itemsize / SMALLER[_sort(v)] for v in variables}
    path = Path(path).absolute()
    try:
        free = shutil.disk_usage(next(p for p in (path, *path.parents) if p.exists())).free
        free += sum(f.stat().st_size for f in path.rglob("*") if f.is_file()) if _is_run(path) else 0
    except OSError:
        return
    if (total := sum(sizes.values())) > free:
        largest = max(sizes, key=sizes.__getitem__)
        raise RunError(
            f"the run would take about {total / 1e9:.3g} GB, {largest} alone {sizes[largest] / 1e9:.3g} GB, but "
            f"{path.parent} has {free / 1e9:.3g} GB free: record it in every k-th step, record fewer compartments, "
            "or choose another disk."
        )


def _sort(v: Variable) -> str:
    if v.dtype.kind == "b":
        return "spikes"
    return "whole numbers" if v.dtype.kind in "iu" or v.attrs["units"] == "count" else "floats"


def _folder(path: Any, what: str) -> Path:
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise RunError(f"{what} must be the path of a folder for the run, got {path!r}.")
    if re.match(r"[\w+.:-]{2,}:/", os.fspath(path)):  # a Path has lost one of the slashes; C:/ is a drive
        raise RunError(f"{what} {os.fspath(path)!r} is a URL: stores by URL are not supported yet, give a folder.")
    return Path(path)


def _chunks(v: Variable, rows: int) -> tuple[int, ...]:
    """All rows of a block, other axes halved until a chunk is small enough to read a part quickly."""
    chunks = [max(1, n) for n in v.with_rows(rows)]
    while math.prod(chunks) * v.dtype.itemsize > CHUNK_BYTES:
        largest = max((n, i) for i, n in enumerate(chunks) if i != v.grows)[1] if len(chunks) > 1 else v.grows
        if chunks[largest] == 1 or largest == v.grows:
            break
        chunks[largest] = -(-chunks[largest] // 2)
    return tuple(chunks)


def _storable(c: Coord) -> np.ndarray:
    return c.values.astype(object) if c.values.dtype.kind == "U" else c.values


def flat_state(state: Any) -> dict[str, Any]:
    """A state as arrays by path, e.g. ``exc.v``."""
    leaves = jax.tree_util.tree_flatten_with_path(state)[0]
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def _is_run(path: Path) -> bool:
    try:
        return "bouton" in json.loads((path / "zarr.json").read_text())["attributes"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def consolidate(path: str | os.PathLike[str]) -> None:
    """Write the metadata of all groups and arrays into the root's, by which readers go."""
    import zarr

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Consolidated metadata is currently not part")  # of zarr v3; it is meant
        zarr.consolidate_metadata(os.fspath(path), zarr_format=3)


def attach(path: str | os.PathLike[str], name: str, dataset: xr.Dataset) -> None:
    """Add a group to a stored run."""
    dataset.to_zarr(path, group=name, mode="w", consolidated=False, zarr_format=3)
    consolidate(path)


def open_tree(path: str | os.PathLike[str]) -> xr.DataTree:
    """The dataset of a stored run, read lazily."""
    folder = _folder(path, "open:")
    if not folder.exists():
        raise RunError(f"there is no run at {os.fspath(path)!r}.")
    if not _is_run(folder):
        raise RunError(f"{os.fspath(path)!r} is not a run of bouton.")
    return xr.open_datatree(path, engine="zarr", consolidated=True, chunks=None)
