"""Plain data, of which model files consist: their limits, the paths by which errors name a place, exact comparison.

Shared by `_encode.py` and `_decode.py`.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import reprlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from ._errors import BoutonError, ModelError
from ._formats import MAX_DEPTH

FORM = 1
"""Number of the form of the data; a new one is needed when old readers would misread."""
MAX_INLINE = 64
"""Arrays of more numbers are kept beside the data."""
MAX_VALUES = 100_000
MAX_TEXT = 1_000
MAX_KEY = 200

WORDS = {"inf": math.inf, "-inf": -math.inf, "none": None}
"""What JSON or TOML cannot say, wherever a field does not take text."""
DTYPES = (
    *("float64", "float32", "float16", "int64", "int32", "int16", "int8"),
    *("uint64", "uint32", "uint16", "uint8", "bool"),
)


def check_plain(data: Any) -> None:
    """Only plain data, not too much and not too deep: what reads them recurses, and compares names."""
    if not isinstance(data, Mapping):
        raise ModelError(f"the model: must be a mapping with 'bouton', 'nodes' and 'wires', got {shown(data)}.")
    count, todo = 0, [("", data, 0)]
    while todo:
        path, value, depth = todo.pop()
        count += 1
        if wrong := _objection(value, depth, count):
            raise ModelError(f"{path or 'the model'}: {wrong}")
        if isinstance(value, (Mapping, list, tuple)):
            pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
            todo += [(join(path, key), inner, depth + 1) for key, inner in pairs]


def _objection(value: Any, depth: int, count: int) -> str:
    if count > MAX_VALUES:
        return f"there are more than {MAX_VALUES} values in one model. Keep large arrays beside it."
    if isinstance(value, (Mapping, list, tuple)):
        if depth >= MAX_DEPTH:
            return f"nested deeper than {MAX_DEPTH} levels."
        for key in value if isinstance(value, Mapping) else ():
            if not isinstance(key, str):
                return f"a key must be text, got {shown(key)}."
            if len(key) > MAX_KEY:
                return f"a key must not be longer than {MAX_KEY} characters, got {shown(key)}."
            if not _is_text(key):
                return f"a key must be text that can be written, got {shown(key)}."
    elif isinstance(value, str):
        if len(value) > MAX_TEXT:
            return f"text must not be longer than {MAX_TEXT} characters, got {len(value)}."
        if not _is_text(value):
            return f"must be text that can be written, got {shown(value)}."
    elif type(value) is int:
        if abs(value) >= 2**63:
            return f"an integer must lie within 64 bits, got {shown(value)}."
    elif type(value) is float:
        if math.isnan(value):
            return "must be a number, got nan."
    elif not (value is None or isinstance(value, bool)):
        return f"must be a number, text, true, false, a list or a mapping, got {shown(value)}."
    return ""


def _is_text(value: str) -> bool:
    """False for half a surrogate pair, which JSON can spell and no file can hold."""
    return not any("\ud800" <= c <= "\udfff" for c in value)


def join(path: str, *keys: str | int) -> str:
    """The path of an entry, with quotes where they are needed, as TOML has them: ``wires."exc.j"``."""
    for key in map(str, keys):
        shown = key if len(key) <= 80 else key[:80] + "..."
        word = shown if re.fullmatch(r"[\w~-]+", shown) else json.dumps(shown, ensure_ascii=False)
        path = f"{path}.{word}" if path else word
    return path


def shown(value: Any) -> str:
    """A value in a message, never long."""
    return reprlib.repr(value)


def reason(error: Exception) -> str:
    """An error in a message, with its type where it was not raised for the reader; never long."""
    text = str(error) if isinstance(error, BoutonError) else f"{type(error).__name__}: {error}"
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "..."


def same(a: Any, b: Any, *, ordered: bool = True) -> bool:
    """Whether data are equal, where 1, 1.0 and true differ, and so do 0.0 and -0.0."""
    return json.dumps(a, sort_keys=not ordered) == json.dumps(b, sort_keys=not ordered)


def digest(array: np.ndarray) -> str:
    """Hex sha256 of an array's dtype, shape and bytes, the same on machines of either byte order."""
    little = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
    return hashlib.sha256(f"{little.dtype.str}{list(little.shape)}".encode() + little.tobytes()).hexdigest()
