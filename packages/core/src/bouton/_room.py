"""Room in memory: what does not fit is refused before anything is allocated."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path

import jax

from ._errors import CircuitError, RunError

MEMINFO = Path("/proc/meminfo")
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where Linux tells what a container may take."""


def check_room_for(name: str, size: int) -> None:
    """`CircuitError` if `name` would take more bytes than are free.

    For what a topology is about to make with NumPy, in the memory of the machine itself: a list of edges, a mask.
    """
    if (free := host()) is not None and size > free:
        raise CircuitError(f"{name} would take {_exact(size)}, but {_short(free)} of memory are free: make it smaller.")


def check_records(sizes: Mapping[str, float]) -> None:
    """`RunError` if what is recorded, ``{variable: bytes}``, does not fit into memory while it waits to be written."""
    if (free := host()) is not None and (total := sum(sizes.values())) > free:
        largest = max(sizes, key=sizes.__getitem__)
        raise RunError(
            f"what is recorded between two commits would take {_short(total)} of memory, {largest} alone "
            f"{_short(sizes[largest])}, but {_short(free)} are free: record it in every k-th step, or set shard=."
        )


def check_states(sizes: Mapping[str, Mapping[str, int]], *, free: bool = True) -> None:
    """`CircuitError` if states, ``{node: {compartment: bytes}}``, do not fit; it names the largest.

    They are compared with the memory that is free, or with all that there is.
    """
    limit = room(free=free)
    total = sum(size for of_node in sizes.values() for size in of_node.values())
    if limit is None or total <= limit:
        return
    name = max(sizes, key=lambda n: sum(sizes[n].values()))
    largest = max(sizes[name], key=sizes[name].__getitem__)
    raise CircuitError(
        f"{name} would take {_exact(sum(sizes[name].values()))}, its {largest} alone {_short(sizes[name][largest])}, "
        f"and all states of the circuit {_short(total)}, but {_short(limit)} of memory are "
        f"{'free' if free else 'there'}: use fewer units, a sparse topology, a smaller batch, or a sweep over "
        "fewer values at once."
    )


def room(*, free: bool = True) -> int | None:
    """Bytes that new arrays may take where JAX puts them, or all that there are; None if nobody tells."""
    default = jax.config.jax_default_device  # type: ignore[attr-defined]
    device = default if isinstance(default, jax.Device) else jax.local_devices(backend=default)[0]
    if device.platform == "cpu":
        return host(free=free)
    stats = device.memory_stats() or {}
    if "bytes_limit" not in stats:
        return None
    if free:
        return stats["bytes_limit"] - stats.get("bytes_in_use", 0)
    return stats["bytes_limit"] * jax.device_count()  # arrays may be spread over all


def host(*, free: bool = True) -> int | None:
    """`room` of the machine itself."""
    found = [int(text) for path in LIMITS if (text := _read(path).strip()).isdigit()]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for line in _read(MEMINFO).splitlines() if free else ():
        if line.startswith("MemAvailable:"):
            found.append(int(line.split()[1]) * 1024)
    return min(found, default=None)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _exact(size: int) -> str:
    return f"{size:,} bytes ({_short(size)})"


def _short(size: float) -> str:
    power = min(int(math.log10(size) // 3), 6) if size >= 1 else 0
    return f"{size / 1000**power:.3g} {('bytes', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB')[power]}"
