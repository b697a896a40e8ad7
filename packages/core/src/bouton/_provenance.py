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
from ._hostile import PROTOCOL
from ._initialisers import Initialiser
from ._inputs import labelled
from ._module import Module, ParameterSpec, spec_of
from ._plain import digest
from ._record import Entry, Record
from ._registry import current
from ._request import Request, Trials

BASE = ("bouton", "jax", "jaxlib", "numpy", "xarray", "zarr")


def provenance(
    request: Request, layout: Layout, asked: tuple[Entry, ...], *, first: int, steps: int, shard: int
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """How a run is made, from step `first` to `steps`: attributes, and by their hash the arrays that these refer to.

    ``circuit_missing`` says why the circuit is not among them, where that is so: a class of a notebook, for instance.
    """
    arrays: dict[str, np.ndarray] = {}

    def kept(array: Any) -> str:
        arrays[name := digest(array)] = np.asarray(array)
        return name

    about: dict[str, Any] = {
        "bouton": PROTOCOL,
        "dt": layout.dt,
        "learn": request.learn,
        "x64": jax.config.jax_enable_x64,
        "platform": jax.default_backend(),
        "total_steps": steps,
        "committed_steps": first,
        "shard": shard,
    }
    if first:
        about["first_step"] = first
    if request.duration is not None:
        about["duration"] = float(request.duration)
    if (trials := request.trials) is not None:
        about |= {"trial_present": float(trials.present), "trial_rest": float(trials.rest)}
        about["trial_coords"] = json.dumps({n: kept(v) for n, v in trials.labels().items()})
    if layout.batch is not None:
        about |= {"batch": layout.batch, "batch_reduce": request.batch_reduce}
    if layout.sweep:
        about["sweep"] = list(layout.sweep)
        about["sweep_values"] = json.dumps({n: kept(v) for n, v in layout.sweep.items()})
    if "seed" not in layout.sweep:
        about["seed"] = int(request.seed)
    record: dict[str, list[dict[str, Any]]] = {}
    for e in asked:
        how = dataclasses.asdict(e.record)
        record.setdefault(e.ref, []).append({k: v for k, v in how.items() if k != "events" or v})
    about["record"] = json.dumps(record)
    inputs: dict[str, Any] = {}
    for ref, value in (request.inputs or {}).items():
        if callable(value) and not hasattr(value, "dims"):
            inputs[ref] = None  # a function
        else:
            dims, array = labelled(ref, value)
            inputs[ref] = {"dims": list(dims), "array": kept(array)}
    about["inputs"] = json.dumps(inputs)
    try:
        large: dict[str, np.ndarray] = {}
        about["circuit"] = json.dumps(to_dict(request.circuit, large, defaults=True))
        arrays |= large
    except (ModelError, PluginError) as e:
        about["circuit_missing"] = str(e)
    about["schedule"] = request.circuit.schedule
    about["versions"] = json.dumps(versions(request.circuit))
    return about, arrays


def requested(about: Mapping[str, Any], arrays: Mapping[str, np.ndarray], circuit: Circuit, start: int) -> Request:
    """The request that attributes of a run tell of; inputs that were functions are missing."""
    trials = None
    if "trial_present" in about:
        labels = {n: arrays[name] for n, name in json.loads(about["trial_coords"]).items()}
        trials = Trials(about["trial_present"], about["trial_rest"], labels)
    inputs = {}
    for ref, how in json.loads(about["inputs"]).items():
        if how is not None:
            array = arrays[how["array"]]
            inputs[ref] = array if how["dims"] == ["?"] else (tuple(how["dims"]), array)
    return Request(
        circuit=circuit,
        duration=about.get("duration"),
        dt=about["dt"],
        seed=about.get("seed", 0),
        inputs=inputs,
        trials=trials,
        record={ref: [Record(**how) for how in hows] for ref, hows in json.loads(about["record"]).items()},
        learn=about["learn"],
        batch=about.get("batch"),
        batch_reduce=about.get("batch_reduce", "mean"),
        sweep={n: arrays[name] for n, name in json.loads(about["sweep_values"]).items()} if "sweep" in about else None,
        start=start,
    )


def is_random(circuit: Circuit) -> bool:
    """Whether parameters are given as distributions."""
    return any(
        isinstance(spec_of(f), ParameterSpec) and isinstance(getattr(module, f.name), Initialiser)
        for module in _modules(circuit)
        for f in dataclasses.fields(module)  # type: ignore[arg-type]
    )


def versions(circuit: Circuit) -> dict[str, str]:
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
