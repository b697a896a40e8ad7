"""How the arrays of a run are coded: for zarr, which reads them, and the files of growing ones as bytes.

zarr's own way from rows to a file copies them several times and passes through a dozen threads, which together take
longer than to compress them. A file is a chunk, or a shard: chunks one after the other, then a table of where each
begins and how long it is, then its checksum; `specification
<https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed/index.html>`_.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import google_crc32c
import numcodecs
import numpy as np


def codecs(dtype: np.dtype) -> dict[str, Any]:
    """For zarr: filters and compressors of arrays of this dtype."""
    from zarr.codecs import BloscCodec
    from zarr.codecs.numcodecs import PackBits

    name, shuffle = _blosc(dtype)
    how: dict[str, Any] = {"compressors": [BloscCodec(cname=name, clevel=1, shuffle=shuffle)]}
    return how | {"filters": [PackBits()]} if dtype.kind == "b" else how


class Coder:
    """Codes as `codecs` say, for arrays of one dtype and one shape of chunks.

    Packed booleans (eight along the last axis in a byte, each row of a chunk in whole bytes) are given as they are,
    with the shape of chunks in bytes.
    """

    def __init__(self, dtype: np.dtype, chunks: tuple[int, ...], *, is_packed: bool) -> None:
        name, shuffle = _blosc(dtype)
        self.blosc = numcodecs.Blosc(name, clevel=1, shuffle=getattr(numcodecs.Blosc, shuffle.upper()))
        self.dtype, self.chunks, self.is_packed = dtype, chunks, is_packed
        if dtype.kind in "UT":
            return
        # memory is used again and again: new memory takes longer than the copy
        self.buffer = np.zeros(1 + np.prod(chunks, dtype=int), "u1") if is_packed else np.empty(chunks, self._little())
        self.place = self.buffer[1:].reshape(chunks) if is_packed else self.buffer

    def file(self, block: np.ndarray) -> Iterator[bytes]:
        """The parts of the file that holds these whole chunks."""
        if block.shape == self.chunks:
            yield self._chunk(block)
            return
        starts = (range(0, n, c) for n, c in zip(block.shape, self.chunks, strict=True))
        table, end = [], 0
        for at in itertools.product(*starts):
            part = self._chunk(block[tuple(slice(i, i + c) for i, c in zip(at, self.chunks, strict=True))])
            table += [end, len(part)]
            end += len(part)
            yield part
        index = np.array(table, "<u8").tobytes()
        yield index + google_crc32c.value(index).to_bytes(4, "little")

    def _little(self) -> np.dtype:
        return self.dtype.newbyteorder("<")

    def _chunk(self, chunk: np.ndarray) -> bytes:
        if self.dtype.kind in "UT":
            return self.blosc.encode(numcodecs.VLenUTF8().encode(np.asarray(chunk, object)))
        if self.dtype.kind == "b" and not self.is_packed:
            return self.blosc.encode(numcodecs.PackBits().encode(np.ascontiguousarray(chunk)))
        if chunk.flags.c_contiguous and self.place is self.buffer and chunk.dtype == self._little():
            return self.blosc.encode(chunk)
        np.copyto(self.place, chunk)
        return self.blosc.encode(self.buffer)  # of packed booleans with a byte in front: bits at the end without use


def _blosc(dtype: np.dtype) -> tuple[Any, Any]:
    """Of each kind what measured best: compressor and shuffle."""
    return "lz4" if dtype.kind == "f" else "zstd", "noshuffle" if dtype.kind == "b" else "shuffle"
