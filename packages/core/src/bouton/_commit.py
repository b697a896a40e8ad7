"""How a run on disk grows: chunks first, then a checkpoint, and the root's ``zarr.json`` last, which is the commit.

The root holds the metadata of all groups and arrays (consolidated, as zarr and xarray prefer it), so a reader sees one
commit or the next. Each group holds that of its own members, for readers who open a group alone. What no root names has
not happened: whoever goes on removes it. Nothing in the files tells of the time or of the machine, so that equal runs
are equal files.

What the variables of a run are, and in which chunks, is `_store.py`; files and locks are `_place.py`.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Any

import jax
import numpy as np
from zarr.abc.store import Store
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import WrapperStore

from ._errors import RunError
from ._hostile import MAX_ROOT, arrays_of, checked_root
from ._place import PARTIAL, Bucket, Folder
from ._writer import Writer

ROOT, DOC = "zarr.json", "/zarr.json"
CHECKPOINTS, ARRAYS = "circuit.state", "circuit.arrays"
"""The folders of checkpoints, and of arrays by their hash; no node can be called so."""
ROWS = 2**40
"""How long a growing array is for who writes it, so that all its chunks are whole; readers see what is there."""


class _Uncommitted(WrapperStore[Store]):
    """Passes chunks on and notes their names; keeps metadata in memory, where commits find it.

    With a thread in `disk`, that writes and commits while the next chunk is coded, in the order in which it is told to.
    """

    def __init__(self, place: Folder | Bucket) -> None:
        super().__init__(place.zarr())
        self.place = place
        self.docs: dict[str, dict[str, Any]] = {}
        self.written: list[str] = []
        self.disk: Writer | None = None

    def _holds(self, key: str) -> bool:
        return key == ROOT or key.endswith(DOC)

    def _doc(self, key: str) -> Any:
        if key not in self.docs:
            return None
        return default_buffer_prototype().buffer.from_bytes(json.dumps(self.docs[key]).encode())

    def put(self, key: str, *parts: Any) -> None:
        """Write a chunk, or a shard of several."""
        self.do(partial(self._write, key, *parts))

    def _write(self, key: str, *parts: Any) -> None:
        self.place.write(key, *parts)
        self.written.append(key)

    def do(self, task: Callable[[], Any]) -> None:
        """Do a task after those that were given before."""
        if self.disk is None:
            task()
        else:
            self.disk.put(task)

    def set_sync(self, key: str, value: Any) -> None:
        if self._holds(key):
            self.docs[key] = json.loads(value.to_bytes())
        else:
            self.put(key, value.as_buffer_like())

    def wait(self) -> None:
        """Return when all that was given has been done."""
        if self.disk is not None:
            self.disk.call(lambda: None)

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        return self._doc(key) if self._holds(key) else await super().get(key, prototype, byte_range)

    async def set(self, key: str, value: Any) -> None:
        self.set_sync(key, value)

    def get_sync(self, key: str, *, prototype: Any = None, byte_range: Any = None) -> Any:
        return self._doc(key) if self._holds(key) else super().get_sync(key, prototype=prototype, byte_range=byte_range)

    async def set_if_not_exists(self, key: str, value: Any) -> None:
        if not await self.exists(key):
            await self.set(key, value)

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        inside = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
        for name in dict.fromkeys(k.removeprefix(inside).partition("/")[0] for k in self.docs if k.startswith(inside)):
            yield name

    async def exists(self, key: str) -> bool:
        return key in self.docs if self._holds(key) else await super().exists(key)


class Ledger:
    """All that is known of a store that is being written."""

    def __init__(self, place: Folder | Bucket, attrs: dict[str, Any]) -> None:
        self.place, self.attrs = place, attrs
        self.store = _Uncommitted(place)
        self.published: dict[str, bytes] = {}

    @classmethod
    def of(cls, place: Folder | Bucket) -> Ledger:
        """Of a store that is there, as its last commit left it; what was not committed is removed."""
        root = read_root(place)
        made = cls(place, root["attributes"])
        made.store.docs = {f"{path}{DOC}": doc for path, doc in root["consolidated_metadata"]["metadata"].items()}
        return made

    def moved(self) -> None:
        """The place has got its name."""
        self.store._store = self.place.zarr()

    # ---- members ---------------------------------------------------------------------------------------------------

    def doc(self, path: str) -> dict[str, Any]:
        """The metadata of a group or array; of a group they are made where there are none."""
        group = {"attributes": {}, "zarr_format": 3, "node_type": "group"}
        return self.store.docs.setdefault(f"{path}{DOC}", group)

    def array(self, path: str) -> Any:
        """An array of this store, to read and to write."""
        import zarr

        with quiet():
            return zarr.open_array(self.store, path=path, mode="r+", zarr_format=3, config=WRITE_ALL)

    def create(self, path: str, **how: Any) -> Any:
        """A new array; `how` as in `zarr.create_array`."""
        import zarr

        for i, letter in enumerate(path):
            if letter == "/":
                self.doc(path[:i])
        with quiet():
            return zarr.create_array(self.store, name=path, zarr_format=3, config=WRITE_ALL, **how)

    # ---- commits ---------------------------------------------------------------------------------------------------

    def commit(self, shapes: Mapping[str, tuple[int, ...]], checkpoint: Mapping[str, Any] | None = None) -> None:
        """All that was written becomes what readers see, arrays in `shapes` with these; by one replacement of a file.

        With a checkpoint, arrays by name, it takes the place of the last one.
        """
        before, attrs = self.attrs.get("checkpoint"), dict(self.attrs)
        if checkpoint is not None:
            name = attrs["checkpoint"] = f"{CHECKPOINTS}/{attrs['committed_steps']:012d}.npz"
            if name != before:
                self.place.write(name, packed(checkpoint))
                self.store.written.append(name)
        members = {key.removesuffix(DOC): dict(self.store.docs[key]) for key in sorted(self.store.docs) if key != ROOT}
        for path, shape in shapes.items():
            members[path]["shape"] = list(shape)
        self.place.sync(self.store.written)
        self.store.written.clear()
        groups = [path for path, doc in members.items() if doc["node_type"] == "group"]
        inner = {path: _with_members(members[path], path + "/", members) for path in groups}
        docs = {path: members[path] for path in members if path not in inner}
        docs |= {path: inner[path] for path in sorted(groups, key=lambda path: -path.count("/"))}
        texts = {path: _text(doc) for path, doc in docs.items()}
        changed = [path for path, text in texts.items() if self.published.get(path) != text]
        for path in changed:
            self.place.write(path + DOC, texts[path])
        self.place.sync(path + DOC for path in changed if path in inner)
        self.place.check_held()
        self.place.write(ROOT, _text(_with_members({**_GROUP, "attributes": attrs}, "", members)))
        self.place.sync([ROOT])
        self.published, self.attrs = texts, attrs
        if before is not None and before != attrs["checkpoint"]:
            self.place.remove([before])

    def clean(self, chunks: Mapping[str, tuple[int, int]]) -> None:
        """Remove what was written and not committed.

        `chunks`: of growing arrays the axis along which they grow, and how many chunks along it are committed.
        """

        def is_stray(key: str) -> bool:
            if key.endswith(PARTIAL):
                return True
            if key.startswith(CHECKPOINTS + "/"):
                return key != self.attrs.get("checkpoint")
            if key.startswith(ARRAYS + "/") and key.count("/") > 1:
                return f"{ARRAYS}/{key.split('/')[1]}{DOC}" not in self.store.docs
            path, found, place = key.partition("/c/")
            if not found or path not in chunks:
                return False
            axis, committed = chunks[path]
            return int(place.split("/")[axis]) >= committed

        self.place.remove(key for key in list(self.place.keys()) if is_stray(key))


WRITE_ALL: Any = {"write_empty_chunks": True}
"""A chunk that is not there would read as silence: each is written, also where there is silence."""
_GROUP = {"attributes": {}, "zarr_format": 3, "node_type": "group"}


def _with_members(doc: Mapping[str, Any], prefix: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of a group with those of all that is in it."""
    inside = {path.removeprefix(prefix): member for path, member in members.items() if path.startswith(prefix)}
    return {**doc, "consolidated_metadata": {"kind": "inline", "must_understand": False, "metadata": inside}}


def _text(doc: Mapping[str, Any]) -> bytes:
    return json.dumps(doc, indent=1, allow_nan=False).encode()


def read_root(place: Folder | Bucket) -> dict[str, Any]:
    """The root of a run; `RunError` if there is none, or none of bouton's."""
    text = place.read(ROOT, most=MAX_ROOT)
    if text is None:
        raise RunError(
            f"{str(place)!r} is not a run of bouton." if place.exists() else f"there is no run at {str(place)!r}."
        )
    return checked_root(str(place), text)


class quiet(warnings.catch_warnings):
    """Without zarr's remarks on what no specification holds yet: consolidated metadata, packed bits."""

    def __enter__(self) -> Any:
        entered = super().__enter__()
        warnings.filterwarnings("ignore", "Numcodecs codecs are not in the Zarr version 3 specification")
        warnings.filterwarnings("ignore", "Consolidated metadata is currently not part in the Zarr format 3")
        return entered


# ---- checkpoints ---------------------------------------------------------------------------------------------------


def flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    """A tree of arrays by path, e.g. ``exc.v``."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {prefix + jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def packed(arrays: Mapping[str, Any]) -> bytes:
    """Arrays as the bytes of an ``.npz`` file; dtypes that NumPy does not know by their bits, keys by their data."""
    plain = {}
    for name, value in arrays.items():
        if jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
            value = jax.random.key_data(value)
        array = np.asarray(value)
        plain[name] = array if array.dtype.isbuiltin == 1 else array.view(f"u{array.dtype.itemsize}")
    file = io.BytesIO()
    np.savez(file, **plain)  # type: ignore[arg-type]
    return file.getvalue()


def read_checkpoint(place: Folder | Bucket, attrs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of the checkpoint that the attributes of a run name."""
    key = attrs.get("checkpoint")
    data = place.read(key) if key else None
    if data is None:
        raise RunError(f"{place} has gone on since it was opened, or its checkpoint is lost: open it again.")
    try:
        return dict(arrays_of(data))
    except (ValueError, KeyError, TypeError, EOFError, NotImplementedError, RuntimeError) as e:
        raise RunError(f"the checkpoint {key} of {place} is damaged: {type(e).__name__}: {str(e)[:200]}") from None


def restored(form: Any, arrays: Mapping[str, np.ndarray], prefix: str = "") -> Any:
    """A tree of this form, of whatever shapes, from arrays by path; `RunError` where one has another dtype."""

    def one(path: str, want: Any) -> Any:
        if path not in arrays:
            raise RunError(f"the checkpoint does not hold {path}: it is of another circuit.")
        array = arrays[path]
        if jax.dtypes.issubdtype(want.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(jax.numpy.asarray(array), impl=jax.random.key_impl(want))
        if array.dtype != want.dtype and (array.dtype.itemsize != want.dtype.itemsize or want.dtype.isbuiltin == 1):
            raise RunError(f"the checkpoint holds {path} as {array.dtype}, expected {want.dtype}.")
        return jax.numpy.asarray(array.view(want.dtype))

    leaves = [one(path, want) for path, want in flat(form, prefix).items()]
    return jax.tree.unflatten(jax.tree.structure(form), leaves)
