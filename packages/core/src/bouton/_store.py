"""A run on disk: a zarr v3 store that plain xarray opens.

There is one group per node, arrays with dimension names, units and coordinates; the root's attributes say how the run
was made. ``circuit.arrays`` and the like hold what the run needs to go on, ``circuit.state`` its checkpoint (no node
can be called so). In which order things are written so that a run survives is `_commit.py`; who calls is `_writer.py`.
"""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ._coding import Coder, codecs
from ._commit import ARRAYS, ROOT, ROWS, Ledger, flat, quiet, read_root
from ._dataset import Variable
from ._errors import RunError
from ._events import densified, end_and_index
from ._hostile import guarded
from ._place import Bucket, Folder, place_of
from ._writer import Writer

OWN = "circuit."
"""How the groups begin that are not nodes."""
CHUNK_BYTES = 4 * 2**20
SMALL_BYTES = 2**20
EVENTS = 2**18
"""Spikes in a chunk of those that are stored as events."""
COMMIT_SECONDS, COMMIT_BYTES = 1.0, 64 * 2**20
SLOW_SECONDS = 0.5
"""A commit that takes longer than this is made at most half of the time: a state of gigabytes, a slow disk."""
SMALLER = {"spikes": 40, "whole numbers": 5, "floats": 1.3}
"""How many times smaller the store is than what it holds, as measured."""


class ZarrStore:
    """Takes the variables of a run block by block; what is committed can be read while the run goes on.

    `shard`: after how many steps (or trials) a commit may be. A large array has one file for each shard; of others a
    file holds the rows of many, and is replaced until it is full.
    """

    def __init__(self, ledger: Ledger, plan: tuple[Variable, ...], shard: int, held: contextlib.ExitStack) -> None:
        self.ledger, self.plan, self.shard, self.held = ledger, plan, shard, held
        self.place = ledger.place
        ledger.store.disk = held.enter_context(Writer())
        self.where = str(self.place)
        self.series: dict[str, _Series] = {}
        self.committed: int = ledger.attrs["committed_steps"]
        self.latest: tuple[int, Any] = self.committed, None
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.when, self.took = time.monotonic(), 0.0

    @classmethod
    def create(
        cls,
        to: Any,
        plan: tuple[Variable, ...],
        about: dict[str, Any],
        arrays: Mapping[str, np.ndarray],
        carry: Any,
        *,
        shard: int,
        overwrite: bool,
    ) -> ZarrStore:
        """A new run, which appears with its first checkpoint; `arrays` by their hash are what `about` refers to."""
        place = check_free(to, overwrite)
        with _reporting(place, "create"):
            new, held = place.begin()
            with _closed_on_error(held, new):
                store = cls(Ledger(new, about), plan, shard, held)
                if isinstance(place, Bucket) and check_free(to, overwrite).exists():
                    place.remove([ROOT])  # first, since what is lacking would read as silence
                    place.remove(list(place.keys()))
                for name, array in arrays.items():
                    store._whole(f"{ARRAYS}/{name}", array)
                for v in plan:
                    store._create(v)
                store._mark(about["committed_steps"], carry)
                store._settle()
                place.take(new)  # type: ignore[arg-type]
            store.ledger.moved()
            store.where = str(place)
        return store

    @classmethod
    def reopen(
        cls,
        place: Folder | Bucket,
        plan: tuple[Variable, ...],
        changes: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray],
        held: contextlib.ExitStack,
    ) -> ZarrStore:
        """A run that is there, to go on from its last commit, with changed attributes; `held` is its lock."""
        with _reporting(place, "go on with"), _closed_on_error(held):
            ledger = Ledger.of(place)
            store = cls(ledger, plan, ledger.attrs["shard"], held)
            packed = {f"{v.group}/{v.name}" for v in plan if v.entry.packed}
            for path, axis in {p: axis for v in plan for p, axis in store._paths(v).items()}.items():
                store.series[path] = _Series.recalled(ledger, path, axis, is_packed=path in packed)
            ledger.clean({path: (s.axis, -(-s.rows // s.depth)) for path, s in store.series.items()})
            store._mark(store.committed, None)
            docs = ledger.store.docs
            stored = {key.split("/")[1] for key in docs if key.startswith(ARRAYS + "/") and key.count("/") == 2}
            if changes != {k: ledger.attrs.get(k) for k in changes} or stored != arrays.keys():
                for name in arrays.keys() - stored:
                    store._whole(f"{ARRAYS}/{name}", arrays[name])
                for name in stored - arrays.keys():
                    del docs[f"{ARRAYS}/{name}/{ROOT}"]
                ledger.attrs |= changes
                store._settle()
                ledger.clean({})
        return store

    # ---- arrays ----------------------------------------------------------------------------------------------------

    def _paths(self, v: Variable) -> dict[str, int]:
        """The growing arrays of a variable, and along which axis they grow."""
        path = f"{v.group}/{v.name}"
        own = {f"{path}/end": 0, f"{path}/index": 0} if v.as_events else {path: v.grows}
        return own | {f"{v.group}/{n}": 0 for n in v.labels(0, 0)}

    def _create(self, v: Variable) -> None:
        path, labels = f"{v.group}/{v.name}", v.labels(0, 0)
        aside = [n for n, c in (v.coords | labels).items() if (n,) != c.dims and {*c.dims} <= {*v.dims}]
        attrs = v.attrs | ({"coordinates": " ".join(aside)} if aside else {})
        grown = v.dims[v.grows]
        if v.as_events:
            self._grow(f"{path}/end", (0,), np.dtype(np.int64), (grown,), 0, v.stride)
            self._grow(f"{path}/index", (0,), np.dtype(np.uint64), ("event",), 0, None)
            self.ledger.doc(path)["attributes"] = {
                "events": {"dims": list(v.dims), "shape": list(v.with_rows(0)), "grows": v.grows, "attrs": v.attrs}
            }
        else:
            self._grow(path, v.with_rows(0), v.dtype, v.dims, v.grows, v.stride, attrs, is_packed=v.entry.packed)
        docs = self.ledger.store.docs
        for n, c in v.coords.items():
            if f"{v.group}/{n}/{ROOT}" not in docs:
                self._whole(f"{v.group}/{n}", c.values, c.dims, c.attrs)
        if beside := [n for n, c in v.coords.items() if not {*c.dims} <= {*v.dims}]:
            self.ledger.doc(v.group)["attributes"]["coordinates"] = " ".join(beside)  # as xarray notes those of none
        for n, c in labels.items():
            if f"{v.group}/{n}" not in self.series:
                self._grow(f"{v.group}/{n}", (0,), c.values.dtype, c.dims, 0, v.stride, c.attrs)

    def _grow(
        self,
        path: str,
        shape: tuple[int, ...],
        dtype: Any,
        dims: tuple[str, ...],
        axis: int,
        stride: int | None,
        attrs: Any = None,
        *,
        is_packed: bool = False,
    ) -> None:
        """A growing array; of `stride` None it has no fixed number of rows in a shard."""
        wide, itemsize = (8, 1) if is_packed else (1, _bytes(dtype))
        row = (*shape[:-1], -(-shape[-1] // wide))
        size = math.prod(row[:axis] + row[axis + 1 :]) * itemsize
        depth, whole = _depth(size, None if stride is None else self.shard / stride)
        of_shard = (*row[:axis], depth, *row[axis + 1 :])
        shards, chunks = _chunks(of_shard, axis, itemsize) if whole else (None, of_shard)
        endless = (*shape[:axis], ROWS, *shape[axis + 1 :])
        chunks, shards = (s and (*s[:-1], s[-1] * wide) for s in (chunks, shards))
        self._array(path, endless, dtype, dims, chunks=chunks, shards=shards, attrs=attrs)
        self.series[path] = _Series(self.ledger, path, axis, 0, is_packed=is_packed)

    def _whole(self, path: str, values: np.ndarray, dims: tuple[str, ...] | None = None, attrs: Any = None) -> None:
        """An array that is there from the beginning."""
        own = tuple(f"{path.rpartition('/')[2][:12]}_{i}" for i in range(values.ndim))
        rows = max(1, CHUNK_BYTES // max(1, values.nbytes // max(1, len(values)))) if values.ndim else 1
        chunks = tuple(max(1, n if i else min(n, rows)) for i, n in enumerate(values.shape))
        array = self._array(path, values.shape, values.dtype, dims or own, chunks=chunks, attrs=attrs)
        array[...] = _storable(values)

    def _array(
        self, path: str, shape: tuple[int, ...], dtype: Any, dims: Any, *, chunks: Any, shards: Any = None, attrs: Any
    ) -> Any:
        fill: Any = {"f": np.nan, "b": False, "U": "", "T": ""}.get(dtype.kind, 0)
        with quiet():
            return self.ledger.create(
                path,
                shape=shape,
                dtype=str if dtype.kind in "UT" else dtype,
                chunks=chunks,
                shards=shards,
                fill_value=fill,
                dimension_names=dims,
                attributes=attrs or {},
                **codecs(dtype),
            )

    # ---- blocks and commits ----------------------------------------------------------------------------------------

    def write(self, v: Variable, start: int, rows: np.ndarray) -> None:
        """The rows of a variable from number `start` on."""
        path, stop = f"{v.group}/{v.name}", start + rows.shape[v.grows]
        with self._reporting():
            if v.as_events:
                before = self.series[f"{path}/index"].rows
                ends, index = end_and_index(rows, v.grows, v.shape[-1], before)
                self.series[f"{path}/end"].add(ends)
                self.series[f"{path}/index"].add(index)
            else:
                self.series[path].add(rows)
            for n, c in v.labels(start, stop).items():
                labels = self.series[f"{v.group}/{n}"]
                if labels.rows < stop - v.first_row:  # else written with another variable of this group
                    labels.add(_storable(c.values))

    def boundary(self, steps: int, carry: Any) -> None:
        """All is written up to `steps`, and the run goes on from `carry`; from time to time readers are told."""
        self._mark(steps, carry)
        waited = time.monotonic() - self.when
        is_due = waited >= COMMIT_SECONDS or sum(s.bytes for s in self.series.values()) >= COMMIT_BYTES
        if is_due and (waited >= 2 * self.took or self.took < SLOW_SECONDS):
            with self._reporting():
                self._commit()

    def _mark(self, steps: int, carry: Any) -> None:
        self.latest = steps, carry
        self.shapes = {path: s.shape for path, s in self.series.items()}

    def _commit(self) -> None:
        """Have what is marked committed, after all that was written before."""
        self.place.check_held()
        for s in self.series.values():
            s.flush()
            s.bytes = 0
        self.when = time.monotonic()
        self.ledger.store.do(partial(self._publish, *self.latest, self.shapes))

    def _publish(self, steps: int, carry: Any, shapes: dict[str, tuple[int, ...]]) -> None:
        begun, before = time.monotonic(), self.ledger.attrs["committed_steps"]
        self.ledger.attrs["committed_steps"] = steps
        try:
            self.ledger.commit(shapes, None if carry is None else flat(carry))
        except BaseException:
            self.ledger.attrs["committed_steps"] = before
            raise
        self.committed, self.took = steps, time.monotonic() - begun

    def finish(self) -> None:
        """Nothing more comes."""
        with self._reporting():
            self._settle()

    def _settle(self) -> None:
        """Return when all is committed."""
        self._commit()
        self.ledger.store.wait()

    def keep(self) -> None:
        """Something went wrong: commit what is complete, as well as may be."""
        with contextlib.suppress(Exception):  # the reason why we are here matters more
            self.ledger.store.wait()
            if self.latest[0] > self.committed:
                self._settle()

    def survives(self) -> str:
        """What is left of a run that ends early, and how to go on."""
        return (
            f"{self.place} holds everything up to step {self.committed}: go on with bouton.resume({self.where!r}), "
            "or otherwise with bouton.branch."
        )

    def close(self) -> None:
        with contextlib.suppress(Exception):  # of writing, which has been told before
            self.held.close()

    def tree(self) -> xr.DataTree:
        return open_tree(self.place)

    def _reporting(self) -> contextlib.AbstractContextManager[None]:
        return _reporting(self.place, "write", self)


@contextlib.contextmanager
def _reporting(place: Folder | Bucket, doing: str, store: ZarrStore | None = None) -> Iterator[None]:
    """Turns errors of the file system into ours, which say what is safe."""
    try:
        yield
    except RunError:
        raise
    except Exception as e:
        if isinstance(place, Folder) and not isinstance(e, OSError):
            raise  # only clients of object stores have errors of their own
        why = getattr(e, "strerror", None) or e
        if store is None:
            raise RunError(f"cannot {doing} the run {place}: {why}.") from e
        raise RunError(f"cannot {doing} the run {place}: {why}. {store.survives()}") from e


@contextlib.contextmanager
def _closed_on_error(held: contextlib.ExitStack, new: Folder | Bucket | None = None) -> Iterator[None]:
    """On an error gives back the lock, and removes a folder that has just been made."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):  # of writing, which is being told
            held.close()
        if isinstance(new, Folder):
            shutil.rmtree(new.path, ignore_errors=True)
        raise


class _Series:
    """A growing array. Rows are gathered until those of a file are complete, and files are written whole."""

    def __init__(self, ledger: Ledger, path: str, axis: int, rows: int, *, is_packed: bool) -> None:
        array = ledger.array(path)
        self.store, self.path, self.axis, self.rows = ledger.store, path, axis, rows
        self.within, self.fill = array.shape, array.fill_value
        self.of_file, self.chunks, self.dtype = array.shards or array.chunks, array.chunks, array.dtype
        self.depth: int = self.of_file[axis]
        if is_packed:
            self.of_file, self.chunks = ((*shape[:-1], shape[-1] // 8) for shape in (self.of_file, self.chunks))
            self.dtype = np.dtype(np.uint8)
        self.coder = Coder(array.dtype, self.chunks, is_packed=is_packed)
        self.block: np.ndarray | None = None
        self.is_stale = False
        self.bytes = 0  # since the last commit

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.within[: self.axis], self.rows, *self.within[self.axis + 1 :])

    def _at(self, start: int, stop: int) -> tuple[slice, ...]:
        return (*[slice(None)] * self.axis, slice(start, stop))

    @classmethod
    def recalled(cls, ledger: Ledger, path: str, axis: int, *, is_packed: bool) -> _Series:
        """One that is there, with the rows of the file that is not full."""
        doc = ledger.doc(path)
        rows = doc["shape"][axis]
        stored = ledger.array(path)
        doc["shape"][axis] = ROWS
        made = cls(ledger, path, axis, rows, is_packed=is_packed)
        if n := rows % made.depth:
            held = np.asarray(stored[made._at(rows - n, rows)])
            made.rows -= n
            made.add(np.packbits(held, axis=-1) if is_packed else held)
        return made

    def add(self, values: np.ndarray) -> None:
        done, n = 0, values.shape[self.axis]
        while done < n:
            at = self.rows % self.depth
            more = min(self.depth - at, n - done)
            part = values[self._at(done, done + more)]
            if part.shape == self.of_file:
                block = part
            else:
                block, starts = self._block(), [0] * part.ndim
                starts[self.axis] = at
                block[tuple(slice(i, i + size) for i, size in zip(starts, part.shape, strict=True))] = part
            self.rows, done = self.rows + more, done + more
            self.is_stale = self.rows % self.depth > 0
            if not self.is_stale:
                self._write(self.rows - self.depth, block)

    def _block(self) -> np.ndarray:
        """Where the rows of a file are gathered."""
        if self.block is None:
            self.block = np.full(self.of_file, self.fill, object if self.dtype.kind in "UT" else self.dtype)
        return self.block

    def flush(self) -> None:
        """Write the file that is not full, filled up."""
        if self.is_stale:
            held = self.rows % self.depth
            self._block()[self._at(held, self.depth)] = self.fill
            self._write(self.rows - held, self._block())
            self.is_stale = False

    def _write(self, first: int, block: np.ndarray) -> None:
        place = [first // self.depth if axis == self.axis else 0 for axis in range(block.ndim)]
        parts = list(self.coder.file(block))
        self.bytes += sum(map(len, parts))
        self.store.put("/".join(map(str, [self.path, "c", *place])), *parts)


# ---- shapes and sizes ----------------------------------------------------------------------------------------------


def _bytes(dtype: Any) -> float:
    """Of one element, before it is compressed; text is as long as labels are."""
    return {"b": 1 / 8, "U": 16, "T": 16}.get(dtype.kind, dtype.itemsize)


def _depth(row_bytes: float, of_shard: float | None) -> tuple[int, bool]:
    """(rows in a file, whether that is one shard): those of a shard where they are many bytes, or else some more."""
    rows = int(of_shard) if of_shard is not None and of_shard.is_integer() else 0
    if rows and rows * row_bytes >= SMALL_BYTES // 4:
        return rows, True
    if of_shard is None:
        return EVENTS, False
    most = max(1, int(SMALL_BYTES / max(row_bytes, 1)))
    return (max(1, most // rows) * rows if rows else min(most, 1000)), False


def _chunks(shape: tuple[int, ...], axis: int, itemsize: float) -> tuple[tuple[int, ...] | None, tuple[int, ...]]:
    """(shape of a shard, shape of a chunk): axes other than time halved until a part of the units is read quickly."""
    chunks = [max(1, n) for n in shape]
    while math.prod(chunks) * itemsize > CHUNK_BYTES and len(chunks) > 1:
        largest = max((n, i) for i, n in enumerate(chunks) if i != axis)[1]
        if chunks[largest] == 1:
            break
        chunks[largest] = -(-chunks[largest] // 2)
    shards = tuple(-(-max(1, n) // c) * c for n, c in zip(shape, chunks, strict=True))
    return (None if list(shards) == chunks else shards), tuple(chunks)


def _storable(values: np.ndarray) -> np.ndarray:
    return values.astype(object) if values.dtype.kind == "U" else values


def check_free(to: Any, overwrite: bool) -> Folder | Bucket:
    """The place of a new run; `RunError` if it is none, or if something is in the way that may not be overwritten."""
    place = place_of(to, "to=")
    if isinstance(place, Folder) and Path.cwd().is_relative_to(place.path.resolve()):
        raise RunError(f"{place} is the working folder, or one above it: choose a path of its own for the run.")
    with _reporting(place, "create"):
        if place.exists():
            if not overwrite:
                raise RunError(f"{place} exists already: choose another path, or set overwrite=True.")
            if not _is_run(place):
                raise RunError(f"{place} exists and is not a run of bouton: it is not overwritten. Remove it yourself.")
    return place


def check_room(to: Any, plan: tuple[Variable, ...], others: int, done: float = 0.0) -> None:
    """`RunError` if a run will not fit on its disk; an old one that it replaces makes room.

    `others`: more bytes; `done`: which part of it is there.
    """
    place = place_of(to, "to=")
    if (free := place.free()) is None:
        return
    sizes = {v.entry.name: (1 - done) * math.prod(v.shape) * v.dtype.itemsize / SMALLER[_sort(v)] for v in plan}
    sizes["its inputs and arrays"] = others
    with _reporting(place, "create"):
        free += sum(place.sizes().values()) if not done and place.exists() and _is_run(place) else 0
    if (total := sum(sizes.values())) > free:
        largest = max(sizes, key=sizes.__getitem__)
        raise RunError(
            f"the run would take about {total / 1e9:.3g} GB, {largest} alone {sizes[largest] / 1e9:.3g} GB, but "
            f"{Path(str(place)).absolute().parent} has {free / 1e9:.3g} GB free: record it in every k-th step, record "
            "fewer compartments, or choose another disk."
        )


def _sort(v: Variable) -> str:
    if v.dtype.kind == "b":
        return "spikes"
    return "whole numbers" if v.dtype.kind in "iu" or v.attrs["units"] == "count" else "floats"


def _is_run(place: Folder | Bucket) -> bool:
    try:
        return "bouton" in json.loads(place.read(ROOT) or b"")["attributes"]
    except (ValueError, KeyError, TypeError, RunError, OSError):
        return False


# ---- reading -------------------------------------------------------------------------------------------------------


def open_tree(where: Any) -> xr.DataTree:
    """The dataset of a stored run, read lazily, without what it needs to go on."""
    place = place_of(where, "open:")
    read_root(place)
    try:
        with quiet():
            tree = xr.open_datatree(guarded(place.zarr()), engine="zarr", consolidated=True, chunks=None)
    except RunError:
        raise
    except Exception as e:  # whatever zarr and xarray raise for damaged data
        raise RunError(f"{place} cannot be opened: {type(e).__name__}: {str(e)[:200]}") from e
    return densified(tree)


def attach(where: Any, name: str, dataset: xr.Dataset) -> None:
    """Add a group to a stored run, or replace it."""
    from zarr.codecs import BloscCodec

    place = place_of(where, "attach:")
    with _reporting(place, "write"), place.lock():
        place.check_links()
        ledger = Ledger.of(place)
        docs = ledger.store.docs
        if name in docs or f"{name}/{ROOT}" in docs:
            for key in [key for key in docs if key.startswith(f"{name}/")]:
                del docs[key]
            ledger.commit({})
            place.remove([key for key in place.keys() if key.startswith(f"{name}/")])
        how = {str(n): {"compressors": [BloscCodec(cname="zstd", clevel=1)]} for n in dataset.variables}
        with quiet():
            dataset.to_zarr(ledger.store, group=name, mode="a", consolidated=False, zarr_format=3, encoding=how)
        ledger.commit({})
