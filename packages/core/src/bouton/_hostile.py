"""A stored run may come from anywhere: what is looked at before zarr, xarray or NumPy see any of it.

Metadata name codecs and data types, which zarr looks up in a registry that any package extends: only those are let
through that bouton writes, none of which executes anything or unpacks to more than 2 GiB. Files are read within the
folder of the run only.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import stat
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ._errors import RunError
from ._room import host

PROTOCOL = 1
"""The form of store that this version reads and writes."""
CODECS = ("blosc", "bytes", "crc32c", "numcodecs.packbits", "sharding_indexed", "vlen-utf8")
"""Not zstd: what a file of a few bytes unpacks to has no limit there, with blosc it is 2 GiB."""
KINDS = ("bool", "int", "uint", "float", "complex", "string", "fixed_length_utf32", "numpy.datetime64")
MAX_ROOT, MAX_CHUNK, MAX_FILE, MAX_CHECKPOINT = 2**27, 2**31, 2**33, 2**40
_PATH = re.compile(r"[^/\\\x00]+(/[^/\\\x00]+)*")
_CHECKPOINT = re.compile(r"circuit\.state/\d{12}\.npz")


class _Refused(Exception):
    """Why."""


def checked_root(where: str, text: bytes) -> dict[str, Any]:
    """The root metadata of a run; `RunError` unless all that is in them is harmless."""
    try:
        root = json.loads(text)
        attrs = root["attributes"]
        if "bouton" not in attrs:
            raise _Refused
    except (ValueError, KeyError, TypeError, RecursionError, _Refused):
        raise RunError(f"{where!r} is not a run of bouton.") from None
    try:
        _check_version(attrs["bouton"])
        members = _mapping("consolidated_metadata", root.get("consolidated_metadata")).get("metadata")
        for path, doc in _mapping("consolidated_metadata", members).items():
            _check_member(path, _mapping(path, doc))
        checkpoint = attrs.get("checkpoint")
        if checkpoint is not None and not (isinstance(checkpoint, str) and _CHECKPOINT.fullmatch(checkpoint)):
            raise _Refused(f"its checkpoint {str(checkpoint)[:40]!r} is none of bouton's files")
    except _Refused as e:
        raise RunError(f"{where} is not opened: {e}.") from None
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as e:
        raise RunError(f"{where} is not opened: its metadata are damaged: {type(e).__name__}: {str(e)[:80]}.") from None
    return root


def _check_version(number: Any) -> None:
    if number != PROTOCOL:
        raise _Refused(f"it is a store of form {str(number)[:20]}, and this version of bouton reads form {PROTOCOL}")


def _mapping(path: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _Refused(f"{path} is damaged")
    return value


def _check_member(path: str, doc: Mapping[str, Any]) -> None:
    if not _PATH.fullmatch(path) or {".", ".."} & {*path.split("/")}:
        raise _Refused(f"the path {path[:80]!r} leads out of it")
    if doc.get("zarr_format") != 3:
        raise _Refused(
            f"{path} is of zarr format {str(doc.get('zarr_format'))[:20]}, and only format 3 is safe to read"
        )
    _mapping(f"the attributes of {path}", doc.get("attributes", {}))
    if doc.get("node_type") != "array":
        return
    if doc.get("storage_transformers"):
        raise _Refused(f"{path} has storage transformers")
    if _mapping(path, doc["chunk_key_encoding"])["name"] != "default" or doc["chunk_grid"]["name"] != "regular":
        raise _Refused(f"{path} has chunks of a kind that bouton does not write")
    inner = _check_codecs(path, doc["codecs"]) or doc["chunk_grid"]["configuration"]["chunk_shape"]
    size = _size_of(path, doc["data_type"])
    if size * math.prod(inner) > MAX_CHUNK:
        raise _Refused(f"a chunk of {path} has {size * math.prod(inner):,} bytes, and at most {MAX_CHUNK:,} are read")
    name, dims, free = path.rpartition("/")[2], doc.get("dimension_names"), host()
    if dims == [name] and free is not None and size * math.prod(doc["shape"]) > free:  # xarray reads these at once
        raise _Refused(f"the coordinate {path} would take {size * math.prod(doc['shape']):,} bytes of memory")


def _check_codecs(path: str, codecs: Any) -> list[int] | None:
    """The shape of the chunks within a shard, if there are any."""
    inner = None
    for codec in codecs:
        name = codec if isinstance(codec, str) else codec["name"]
        if name not in CODECS:
            raise _Refused(
                f"{path} is coded with {str(name)[:40]!r}, which may execute code or fill the memory. "
                f"Legal: {', '.join(CODECS)}"
            )
        if name == "sharding_indexed":
            how = codec["configuration"]
            inner = _check_codecs(path, how["codecs"]) or [int(n) for n in how["chunk_shape"]]
            _check_codecs(path, how["index_codecs"])
    return inner


def _size_of(path: str, kind: Any) -> int:
    """Bytes of one element."""
    name = kind if isinstance(kind, str) else kind["name"]
    plain = re.fullmatch(r"([a-z]+)(\d*)", name) or re.fullmatch(r"(.*)()", name)
    assert plain
    if plain[1] not in KINDS:
        raise _Refused(f"{path} holds {str(name)[:40]!r}, which is none of {', '.join(KINDS)}")
    if not isinstance(kind, str):
        return int(kind["configuration"].get("length_bytes", 8))
    return max(1, int(plain[2] or 8) // 8)


def check_file(root: Path, key: str, most: int = MAX_FILE) -> Path:
    """The path of a file in a run; `RunError` if it is a link that leads out, a pipe, or implausibly large."""
    path = root / key
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return path  # is not there; who reads it will say so
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        raise RunError(f"{path} is not read: it is a link that leads out of the run.")
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        raise RunError(f"{path} is not read: it is no plain file.")
    if found.st_size > most:
        raise RunError(f"{path} is not read: it has {found.st_size:,} bytes.")
    return path


def guarded(store: Any) -> Any:
    """A zarr store of a folder that reads by way of `check_file`; other stores as they are."""
    from zarr.abc.store import Store
    from zarr.storage import LocalStore, WrapperStore

    if not isinstance(store, LocalStore):
        return store

    class Guarded(WrapperStore[Store]):
        """Reads only what lies within its folder."""

        async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
            check_file(store.root, key)
            return await super().get(key, prototype, byte_range)

        async def get_partial_values(self, prototype: Any, key_ranges: Any) -> Any:
            wanted = list(key_ranges)
            for key, _ in wanted:
                check_file(store.root, key)
            return await super().get_partial_values(prototype, wanted)

        async def get_ranges(self, key: str, byte_ranges: Any, **how: Any) -> Any:
            check_file(store.root, key)
            async for part in super().get_ranges(key, byte_ranges, **how):
                yield part

        def get_sync(self, key: str, **how: Any) -> Any:
            check_file(store.root, key)
            return super().get_sync(key, **how)

    return Guarded(store)


def arrays_of(data: bytes) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays in the bytes of an ``.npz`` file that is not compressed; `ValueError` for any other."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as z:
            for member in z.infolist():
                # what is stored as it is cannot unpack to more than the file holds
                if member.compress_type != zipfile.ZIP_STORED or member.file_size > len(data):
                    raise ValueError(f"{member.filename[:40]} is compressed")
                array = np.lib.format.read_array(io.BytesIO(z.read(member)), allow_pickle=False)
                yield member.filename.removesuffix(".npy"), array
    except zipfile.BadZipFile as e:
        raise ValueError(str(e)) from None
