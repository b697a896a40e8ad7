"""Files of growing arrays: zarr reads from them what went in, whatever the dtype and the shape of chunks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from bouton._coding import Coder, codecs
from bouton._commit import WRITE_ALL, quiet

RNG = np.random.default_rng(0)
VALUES = {
    "float32": RNG.normal(size=(4, 12, 24)).astype(np.float32),
    "float64": np.where(RNG.uniform(size=(4, 12, 24)) < 0.1, np.nan, RNG.normal(size=(4, 12, 24))),
    "int32": RNG.integers(-9, 9, (4, 12, 24), dtype=np.int32),
    "uint64": RNG.integers(0, 2**63, (4, 12, 24), dtype=np.uint64),
    "big-endian": RNG.normal(size=(4, 12, 24)).astype(">f4"),
    "bool": RNG.uniform(size=(4, 12, 24)) < 0.3,
    "text": np.array(["", "a", "ä" * 40])[RNG.integers(0, 3, (4, 12, 24))],
}
CHUNKS = [(4, 12, 24), (2, 12, 24), (4, 4, 8), (1, 3, 16 // 2)]


@pytest.mark.parametrize("chunks", CHUNKS, ids=str)
@pytest.mark.parametrize("kind", [*VALUES, "packed"])
def test_zarr_reads_what_was_coded(kind: str, chunks: tuple[int, ...], tmp_path: Path) -> None:
    values = VALUES["bool" if kind == "packed" else kind]
    array, block = stored(tmp_path, values, chunks), values
    is_packed = kind == "packed"
    if is_packed:
        block, chunks = np.packbits(values, axis=-1), (*chunks[:-1], chunks[-1] // 8)
    coder = Coder(values.dtype, chunks, is_packed=is_packed)
    for part in (block, block[::-1], block):  # what is used again holds nothing of the block before
        write(tmp_path, coder, part)
        np.testing.assert_array_equal(array[...], values if part is block else values[::-1])
    written = (tmp_path / "c/0/0/0").read_bytes()
    with quiet():
        array[...] = values.astype(object) if kind == "text" else values
    if block.shape == chunks:  # the order of chunks in a shard is free
        assert written == (tmp_path / "c/0/0/0").read_bytes()
    else:
        assert len(written) == len((tmp_path / "c/0/0/0").read_bytes())


def test_zarr_sees_a_damaged_table(tmp_path: Path) -> None:
    values = VALUES["int32"]
    array = stored(tmp_path, values, (2, 12, 24))
    write(tmp_path, Coder(values.dtype, (2, 12, 24), is_packed=False), values)
    file = tmp_path / "c/0/0/0"
    data = bytearray(file.read_bytes())
    data[-8] ^= 1
    file.write_bytes(data)
    with pytest.raises(ValueError, match="checksum"):
        array[...]


def stored(folder: Path, values: np.ndarray, chunks: tuple[int, ...]) -> Any:
    """An array of one file."""
    text = values.dtype.kind == "U"
    with quiet():
        return zarr.create_array(
            folder,
            shape=values.shape,
            dtype=str if text else values.dtype.newbyteorder("="),
            chunks=chunks,
            shards=None if chunks == values.shape else values.shape,
            fill_value="" if text else 0,
            config=WRITE_ALL,
            **codecs(values.dtype),
        )


def write(folder: Path, coder: Coder, block: np.ndarray) -> None:
    file = folder / "c/0/0/0"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"".join(coder.file(block)))
