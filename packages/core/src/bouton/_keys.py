"""Random keys by name: what a node draws depends on its name, the step and the run's key alone."""

from __future__ import annotations

import zlib
from typing import Any

import jax


def node_key(key: Any, name: str) -> Any:
    """The key of a node; crc32 because Python's own hash of a string differs between processes."""
    return jax.random.fold_in(key, zlib.crc32(name.encode()))
