"""Model files: circuits as text that people write and read, `save` and `load`.

The data in them are numbers, text, bools, None, lists and mappings; whatever has parameters is ``{type: name, field:
value}`` with a *registered* name, never an import path: a model executes nothing but installed plugins. In YAML::

    bouton: 1                                   # the number of this form
    nodes:
      ff:
        type: Synapse
        topology: {type: Dense, n_pre: 64, n_post: 100}
        weights: {type: Uniform, high: 0.3}     # what is left out has its default
      exc: {type: LIFCell, n_units: 100, tau_theta: inf, theta_plus: none}
    wires:
      ff.pre: exc.s
      exc.j: [ff.current, {delayed: exc.s, ms: 1.5}]
    start:
      exc.v: -60.0

- "inf", "-inf" and "none" mean the numbers and None wherever a field does not take text (JSON has no infinity, TOML no
  null).
- A nested circuit is ``{type: Circuit, nodes: ..., wires: ..., start: ...}``.
- A recipe's name is legal where a component's is; its fields are the arguments. It is saved as what it returns.
- An array of float64 is a list, any other ``{array: list, dtype: float32}``. One of more than 64 numbers is ``{array:
  "sha256:<hex>"}`` and kept beside the data under this hash of its dtype, shape and bytes; for a file that is
  ``<stem>.arrays.npz``.

The data themselves are made and read by `to_dict` (`_encode.py`) and `from_dict` (`_decode.py`), text by `_formats.py`.
"""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from ._circuit import Circuit
from ._decode import from_dict as from_dict
from ._encode import to_dict as to_dict
from ._errors import ModelError, nearest
from ._formats import FORMATS, MAX_BYTES, format_of, parse
from ._plain import check_plain, same


def save(circuit: Circuit, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a model file: JSON, YAML or TOML by its suffix (.json, .yaml or .yml, .toml).

    Large arrays go to ``<stem>.arrays.npz`` beside it, which has to be moved with it. The file appears complete or not
    at all, and only if reading it gives the same circuit again (in TOML wires and start values may change their order,
    which means nothing). An existing file is an error unless `overwrite`.
    """
    path = Path(path)
    form, side = format_of(path.suffix), _side(path)
    arrays: dict[str, np.ndarray] = {}
    data = to_dict(circuit, arrays)
    try:
        check_plain(data)
        text = form.write(data)
        if len(text.encode()) > MAX_BYTES:
            raise ModelError(f"a model file has at most {MAX_BYTES} bytes, and this one would have {len(text)}.")
        again = to_dict(from_dict(parse(text, path.suffix), arrays), {})
    except ModelError as e:
        raise ModelError(f"{path}: this circuit could not be loaded again: {e}") from None
    if not same(again, data, ordered=False):
        raise ModelError(f"{path}: {path.suffix} cannot hold this circuit exactly: use .yaml or .json.")
    for file in (path, side)[: 2 if arrays else 1]:
        if file.exists() and not overwrite:
            raise ModelError(f"{file} exists already: choose another name, or save with overwrite=True.")
    try:
        with _replacing(path) as model:
            model.write(text.encode())
            if arrays:  # in place before the model that needs them
                with _replacing(side) as f:
                    np.savez(f, **arrays)  # type: ignore[arg-type]
    except OSError as e:
        raise ModelError(f"{path} cannot be written: {e.strerror or e}.") from None


def load(path: str | os.PathLike[str]) -> Circuit:
    """The circuit in a model file. Executes no code of the file; `ModelError` for whatever is wrong with it."""
    path = Path(path)
    format_of(path.suffix)
    try:
        if not path.exists():
            models = [p.name for p in path.parent.iterdir() if p.suffix in FORMATS] if path.parent.is_dir() else []
            raise ModelError(f"there is no such file.{nearest(path.name, models)}")
        if not path.is_file():  # a pipe, for instance, would never end
            raise ModelError("is not a file.")
        if path.stat().st_size > MAX_BYTES:
            raise ModelError(f"a model file has at most {MAX_BYTES} bytes; large arrays are kept beside it.")
        return from_dict(parse(path.read_text(encoding="utf-8"), path.suffix), _SideFile(_side(path)))
    except UnicodeDecodeError as e:
        raise ModelError(f"{path}: is not text: byte {e.start} is not UTF-8.") from None
    except OSError as e:
        raise ModelError(f"{path}: cannot be read: {e.strerror or e}.") from None
    except ModelError as e:
        raise ModelError(f"{path}: {e}") from None


def _side(path: Path) -> Path:
    return path.with_name(path.stem + ".arrays.npz")


class _SideFile(dict[str, Any]):
    """The arrays of a side file by their hashes, each read when it is asked for."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file

    def __missing__(self, name: str) -> Any:
        if not self.file.is_file():
            raise ModelError(f"needs the file {self.file.name} beside the model, which is not there.")
        try:
            with zipfile.ZipFile(self.file) as z:
                if f"{name}.npy" not in z.namelist():
                    raise ModelError(f"{self.file.name} holds no array of this hash: it belongs to another model.")
                member = z.getinfo(f"{name}.npy")
                # what is stored as it is cannot unpack to more than the file holds
                if member.compress_type != zipfile.ZIP_STORED or member.file_size > self.file.stat().st_size:
                    raise ModelError(f"{self.file.name} is compressed: write it with bouton.save or numpy.savez.")
                return np.lib.format.read_array(io.BytesIO(z.read(member)), allow_pickle=False)
        except ModelError:
            raise
        except Exception as e:  # whatever zipfile and numpy raise for damaged data
            raise ModelError(f"{self.file.name} is damaged: {type(e).__name__}: {str(e)[:200]}") from None


@contextlib.contextmanager
def _replacing(file: Path) -> Iterator[IO[bytes]]:
    """A new file that takes the place of `file` once it is complete and on disk."""
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as f:
            yield f
            f.flush()
            os.fsync(f.fileno())
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)
