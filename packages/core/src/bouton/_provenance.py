"""How a run was made: the circuit, its schedule, the seed, and the versions of all that took part."""

from __future__ import annotations

import dataclasses
import functools
import json
import platform
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

import jax
import numpy as np

from ._circuit import Circuit
from ._dataset import Layout
from ._encode import to_dict
from ._errors import ModelError, PluginError
from ._initialisers import Initialiser
from ._module import Module, ParameterSpec, spec_of
from ._record import Entry
from ._registry import current

PROTOCOL = 1
BASE = ("bouton", "jax", "jaxlib", "numpy", "xarray", "zarr")


def provenance(
    circuit: Circuit,
    layout: Layout,
    asked: tuple[Entry, ...],
    *,
    seed: int,
    duration: float | None,
    trials: Any,
    learn: bool,
    batch_reduce: str,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Attributes that say how a run was made, and the large arrays of its circuit.

    ``circuit_missing`` says why the circuit is not among them, where that is so: a class of a notebook, for instance.
    """
    arrays: dict[str, np.ndarray] = {}
    about: dict[str, Any] = {"bouton": PROTOCOL, "dt": layout.dt, "learn": learn, "x64": jax.config.jax_enable_x64}
    if duration is not None:
        about["duration"] = float(duration)
    if trials is not None:
        about |= {"trial_present": float(trials.present), "trial_rest": float(trials.rest)}
    if layout.batch is not None:
        about |= {"batch": layout.batch, "batch_reduce": batch_reduce}
    if layout.sweep:
        about["sweep"] = list(layout.sweep)
    if "seed" not in layout.sweep:
        about["seed"] = int(seed)
    record: dict[str, list[dict[str, Any]]] = {}
    for e in asked:
        record.setdefault(e.ref, []).append(dataclasses.asdict(e.record))
    about["record"] = json.dumps(record)
    try:
        about["circuit"] = json.dumps(to_dict(circuit, arrays, defaults=True))
    except (ModelError, PluginError) as e:
        about["circuit_missing"] = str(e)
        arrays = {}
    about["schedule"] = circuit.schedule
    about["versions"] = json.dumps(_versions(circuit))
    return about, arrays


def is_random(circuit: Circuit) -> bool:
    """Whether parameters are given as distributions."""
    return any(
        isinstance(spec_of(f), ParameterSpec) and isinstance(getattr(module, f.name), Initialiser)
        for module in _modules(circuit)
        for f in dataclasses.fields(module)  # type: ignore[arg-type]
    )


def _versions(circuit: Circuit) -> dict[str, str]:
    """Of Python, the base, and the distributions whose components, topologies, rules, ... are in the circuit."""
    used: set[str] = set(BASE)
    for cls in {type(module) for module in _modules(circuit)}:
        try:
            used.add(current().entry_of(cls).plugin.dist)
        except PluginError:
            continue
    return {dist: v for dist in sorted(used) if (v := _version(dist))} | {"python": platform.python_version()}


@functools.cache
def _version(dist: str) -> str | None:
    try:
        return metadata.version(dist)
    except metadata.PackageNotFoundError:
        return None


def _modules(value: Any) -> Iterator[Module]:
    """A module and all modules in its fields."""
    if isinstance(value, Module):
        yield value
        value = [getattr(value, f.name) for f in dataclasses.fields(value)]  # type: ignore[arg-type]
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, (tuple, list)) else ()
    for item in items:
        yield from _modules(item)
