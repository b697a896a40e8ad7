"""Where a run is kept: in memory, or as a zarr v3 store that plain xarray opens.

On disk there is one group per node, arrays with dimension names, units and coordinates, and the state at the end in the
group ``checkpoint``; the root's attributes say how the run was made. The root's consolidated metadata is written last at
each commit: it is what readers go by.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import warnings
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import numpy as np
import xarray as xr

from ._circuit import Circuit
from ._dataset import Variable
from ._errors import ModelError, PluginError, RunError
from ._model import to_dict

PROTOCOL = 1
CHUNK_BYTES = 4 * 2**20
COMMIT_SECONDS = 1.0


def provenance(circuit: Circuit, **how: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Attributes that say how a run was made, and the large arrays of its circuit."""
    arrays: dict[str, np.ndarray] = {}
    trials = how.pop("trials")
    about: dict[str, Any] = {"bouton": PROTOCOL, **{k: v for k, v in how.items() if v is not None}}
    if trials is not None:
        about |= {"trial_present": trials.present, "trial_rest": trials.rest}
    try:
        about["circuit"] = json.dumps(to_dict(circuit, arrays))
    except (ModelError, PluginError) as e:  # a class of a notebook: the run is worth keeping all the same
        about["circuit_missing"] = str(e)
        warnings.warn(f"the run will not contain its circuit: {e}", stacklevel=3)
    about["schedule"] = circuit.schedule
    about["versions"] = json.dumps(_versions(circuit))
    return about, arrays


def _versions(circuit: Circuit) -> dict[str, str]:
    """Versions of what took part: the base, and the distributions whose components are in the circuit."""
    from ._registry import current

    used = {"bouton", "jax", "jaxlib", "numpy", "xarray", "zarr"}
    for component in circuit.components.values():
        for part in (component, *vars(component).values()):
            try:
                used.add(current().entry_of(type(part)).plugin.dist)
            except (PluginError, AttributeError):
                continue
    found = {}
    for dist in sorted(used):
        try:
            found[dist] = metadata.version(dist)
        except metadata.PackageNotFoundError:
            continue
    return found


class MemoryStore:
    """Keeps all variables as NumPy arrays."""

    def __init__(self, variables: tuple[Variable, ...], about: tuple[dict[str, Any], Any]) -> None:
        self.variables, self.attrs = variables, about[0]
        self.arrays = {v.entry.name: np.empty(v.shape, v.dtype) for v in variables}

    def __enter__(self) -> MemoryStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        pass

    def write(self, v: Variable, start: int, block: np.ndarray) -> None:
        rows = slice(start, start + block.shape[v.grows])
        self.arrays[v.entry.name][(*[slice(None)] * v.grows, rows)] = block

    def commit(self, steps: int) -> None:
        """Nothing can be lost here."""

    def finish(self, state: Mapping[str, Any]) -> None:
        """The state stays with the run."""

    def tree(self) -> xr.DataTree:
        groups: dict[str, xr.Dataset] = {"/": xr.Dataset(attrs=self.attrs)}
        for v in self.variables:
            coords = {n: (d, values, attrs) for n, (d, values, attrs) in v.coords.items()}
            for n, (values, attrs) in v.labels(0, v.shape[v.grows]).items():
                coords[n] = (v.dims[v.grows], values, attrs)
            data = xr.DataArray(self.arrays[v.entry.name], coords=coords, dims=v.dims, attrs=v.attrs)
            group = groups.setdefault("/" + v.group, xr.Dataset())
            groups["/" + v.group] = group.assign({v.name: data})
        return xr.DataTree.from_dict(groups)


class ZarrStore:
    """Writes variables chunk by chunk into a folder; what is committed can be read while the run goes on."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        variables: tuple[Variable, ...],
        about: tuple[dict[str, Any], dict[str, np.ndarray]],
        *,
        block: int,
        overwrite: bool,
    ) -> None:
        self.path, self.variables = Path(path), variables
        self.steps = self.committed = 0
        self.when = time.monotonic()
        self._make_room(overwrite)
        import zarr

        with self._errors("create"):
            attrs, arrays = about
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.root = zarr.create_group(str(self.path), zarr_format=3, attributes=attrs | {"committed_steps": 0})
            for name, array in arrays.items():
                self._array(f"arrays/{name}", array.shape, array.dtype, _own_dims(name, array.ndim))[...] = array
            for v in variables:
                self._create(v, block)
            self._commit(0)

    def _make_room(self, overwrite: bool) -> None:
        if not self.path.exists():
            return
        if not overwrite:
            raise RunError(f"{self.path} exists already: choose another path, or set overwrite=True.")
        if not _is_run(self.path):
            raise RunError(f"{self.path} exists and is not a run of bouton: it is not overwritten. Remove it yourself.")
        with self._errors("overwrite"):
            shutil.rmtree(self.path)

    def _create(self, v: Variable, block: int) -> None:
        rows = max(1, block // v.stride)
        rest = v.shape[: v.grows] + v.shape[v.grows + 1 :]
        fit = max(1, CHUNK_BYTES // max(1, int(np.prod(rest)) * v.dtype.itemsize))
        if rows > fit:  # several chunks to a block, all of one length
            rows = -(-rows // -(-rows // fit))
        chunks = (*v.shape[: v.grows], rows, *v.shape[v.grows + 1 :])
        start = (*v.shape[: v.grows], 0, *v.shape[v.grows + 1 :])
        aside = [n for n, (dim, _, _) in v.coords.items() if n != dim] + [*v.labels(0, 0)][1:]
        attrs = v.attrs | ({"coordinates": " ".join(aside)} if aside else {})
        self._array(f"{v.group}/{v.name}", start, v.dtype, v.dims, chunks=chunks, attributes=attrs)
        for n, (dim, values, note) in v.coords.items():
            if f"{v.group}/{n}" not in self.root:
                self._array(f"{v.group}/{n}", values.shape, values.dtype, (dim,), attributes=note)[...] = values
        for n, (values, note) in v.labels(0, v.shape[v.grows]).items():
            if f"{v.group}/{n}" not in self.root:
                size = max(1, len(values))
                self._array(f"{v.group}/{n}", (0,), values.dtype, (v.dims[v.grows],), chunks=(size,), attributes=note)

    def _array(self, name: str, shape: Any, dtype: Any, dims: Any, chunks: Any = "auto", attributes: Any = None) -> Any:
        from zarr.codecs import BloscCodec

        dtype = np.dtype(dtype)
        if dtype.kind in "OU":
            raise RunError(f"{name}: text cannot be stored as a label; use numbers.")
        is_float = dtype.kind == "f"
        return self.root.create_array(
            name,
            shape=tuple(shape),
            dtype=dtype,
            chunks=tuple(max(1, c) for c in chunks) if chunks != "auto" else tuple(max(1, n) for n in shape),
            compressors=[BloscCodec(cname="lz4", clevel=1, shuffle="shuffle")] if is_float else "auto",
            fill_value=np.nan if is_float else 0,
            dimension_names=tuple(dims),
            attributes=attributes or {},
        )

    def __enter__(self) -> ZarrStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if error is not None and self.steps > self.committed:
            with self._errors("commit"):
                self._commit(self.steps)

    def write(self, v: Variable, start: int, block: np.ndarray) -> None:
        stop = start + block.shape[v.grows]
        with self._errors("write"):
            array = self.root[f"{v.group}/{v.name}"]
            array.resize((*array.shape[: v.grows], stop, *array.shape[v.grows + 1 :]))
            array[(*[slice(None)] * v.grows, slice(start, stop))] = block
            for n, (values, _) in v.labels(start, stop).items():
                label = self.root[f"{v.group}/{n}"]
                if label.shape[0] < stop:
                    label.resize((stop,))
                    label[start:stop] = values

    def commit(self, steps: int) -> None:
        """`steps` steps are written; about once a second readers are told."""
        self.steps = steps
        if time.monotonic() - self.when >= COMMIT_SECONDS:
            with self._errors("commit"):
                self._commit(steps)

    def _commit(self, steps: int) -> None:
        import zarr

        self.root.attrs["committed_steps"] = steps
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # consolidated metadata are an extension of zarr v3, and meant
            zarr.consolidate_metadata(self.root.store, zarr_format=3)
        self.steps = self.committed = steps
        self.when = time.monotonic()

    def finish(self, state: Mapping[str, Any]) -> None:
        """The run is complete: store its last state and commit."""
        with self._errors("finish"):
            for name, value in flat_state(state).items():
                value = np.asarray(value)
                name = f"checkpoint/{name}"
                self._array(name, value.shape, value.dtype, _own_dims(name, value.ndim))[...] = value
            self._commit(self.steps)

    def tree(self) -> xr.DataTree:
        return open_tree(self.path)

    def _errors(self, doing: str) -> _OwnErrors:
        return _OwnErrors(doing, self)


class _OwnErrors:
    """Turns errors of the file system into ours, which say what is safe."""

    def __init__(self, doing: str, store: ZarrStore) -> None:
        self.doing, self.store = doing, store

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if isinstance(error, OSError):
            safe = self.store.committed
            kept = f" It holds everything up to step {safe}." if safe else ""
            raise RunError(
                f"cannot {self.doing} the run {self.store.path}: {error.strerror or error}.{kept}"
            ) from error


def _own_dims(name: str, n: int) -> tuple[str, ...]:
    return tuple(f"{name.replace('/', '.')}_{i}" for i in range(n))


def flat_state(state: Any) -> dict[str, Any]:
    """A state as arrays by path, e.g. ``exc.v``."""
    leaves = jax.tree_util.tree_flatten_with_path(state)[0]
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def _is_run(path: Path) -> bool:
    try:
        return "bouton" in json.loads((path / "zarr.json").read_text())["attributes"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def attach(path: str | os.PathLike[str], name: str, dataset: xr.Dataset) -> None:
    """Add a group to a stored run."""
    import zarr

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in _commit
        dataset.to_zarr(path, group=name, mode="w", consolidated=False)
        zarr.consolidate_metadata(os.fspath(path), zarr_format=3)


def open_tree(path: str | os.PathLike[str]) -> xr.DataTree:
    """The dataset of a stored run, read lazily."""
    if not Path(path).exists():
        raise RunError(f"there is no run at {os.fspath(path)!r}.")
    if not _is_run(Path(path)):
        raise RunError(f"{os.fspath(path)!r} is not a run of bouton.")
    return xr.open_datatree(path, engine="zarr", consolidated=True, chunks=None)
