"""Run: what a simulation recorded, as labelled arrays, with its circuit and its last state."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import xarray as xr

from ._chunk import realised
from ._circuit import Circuit
from ._commit import ARRAYS, read_checkpoint, restored
from ._errors import RunError, nearest
from ._place import place_of
from ._provenance import is_random
from ._store import OWN, attach, open_tree


class Run:
    """One simulation.

    - ``run["exc.s"]``: a recorded variable as an `xarray.DataArray`, read lazily from a stored run;
    - `tree`: everything as an `xarray.DataTree`, one group per node;
    - `circuit`: what was simulated, with random parameters as they were drawn (unless the seed was swept);
    - `state`: that at its end (or last commit), to continue from or to test with; it has the axes of a sweep in front;
    - `path`: the folder or the URL, or None for a run in memory.
    """

    def __init__(
        self, tree: xr.DataTree, path: str | None = None, *, circuit: Circuit | None = None, state: Any = None
    ) -> None:
        self.tree, self.path = tree, path
        self._circuit, self._last = circuit, state

    @functools.cached_property
    def circuit(self) -> Circuit:
        """The circuit that was simulated."""
        if self._circuit is not None:
            return self._circuit
        about = self.tree.attrs
        if "circuit" not in about:
            raise RunError(f"{self.path} does not contain its circuit: {about.get('circuit_missing', 'it was lost.')}")
        arrays = {n: v.values for n, v in self._group(ARRAYS).items()}
        circuit = Circuit.from_dict(json.loads(about["circuit"]), arrays)
        if "seed" not in about or not is_random(circuit):
            return circuit
        check_precision(self.path, about, "its random parameters")
        return realised(circuit, {}, jax.random.key(about["seed"]))

    @functools.cached_property
    def state(self) -> Any:
        """The state at the end, or at the last commit: ``{node: its State}``, with steps counted anew from here."""
        last = self._last
        if last is None:
            if self.tree.attrs["x64"]:
                check_precision(self.path, self.tree.attrs, "its state")
            circuit, dt = self.circuit, self.tree.attrs["dt"]
            form = jax.eval_shape(lambda k: realised(circuit, {}, k).init(key=k, dt=dt), jax.random.key(0))
            last = restored(form, read_checkpoint(place_of(self.path, "open:"), self.tree.attrs), "state.")
        return rebased(self.circuit, last, self.tree.attrs["committed_steps"], len(self.tree.attrs.get("sweep", ())))

    def _group(self, name: str) -> dict[str, Any]:
        return {str(k): v for k, v in self.tree[name].data_vars.items()} if name in self.tree.children else {}

    def __getitem__(self, name: str) -> xr.DataArray:
        names = self.variables
        path = names.get(name) or names.get(name.replace("/", "."))
        if path is None:
            raise RunError(f"this run has no {name!r}.{nearest(name, names)}")
        group, _, variable = path.rpartition("/")
        return self.tree[group or "/"].dataset[variable]

    @property
    def variables(self) -> dict[str, str]:
        """Names of all variables, ``exc.s``, and where they are in the tree, ``/exc/s``."""
        return {
            f"{node.path}/{name}"[1:].replace("/", "."): f"{node.path}/{name}"
            for node in self.tree.subtree
            if node.path != "/" and not node.path.startswith(f"/{OWN}")
            for name in node.data_vars
        }

    def spikes(self, node: str, compartment: str = "s") -> xr.Dataset:
        """All spikes of a population: ``time`` [ms], ``unit``, and where there are several, trial, batch and sweep.

        They are in the order of these dims, in a plain run in that of time. `RunError` if the spikes were not recorded
        in every step.
        """
        data = self[f"{node}.{compartment}"]
        if data.dtype != bool:
            raise RunError(f"{node}.{compartment} holds {data.dtype}, not spikes.")
        if "time" not in data.dims:
            dims = [str(d) for d in data.dims if re.fullmatch(r"(time|trial)(_\d+)?", str(d))]
            along = dims[-1] if dims else "nothing"
            raise RunError(
                f"{node}.{compartment} was kept along {along!r} only: for every spike simulate with "
                f"record={{'{node}.{compartment}': 1}}."
            )
        where = np.nonzero(data.values)
        columns = {str(d): data[d].values[i] if d in data.coords else i for d, i in zip(data.dims, where, strict=True)}
        return xr.Dataset({n: ("spike", v, data[n].attrs if n in data.coords else {}) for n, v in columns.items()})

    def attach(self, name: str, dataset: xr.Dataset, *, overwrite: bool = False) -> None:
        """Keep a result of one's own with the run, as the group `name`."""
        if not isinstance(name, str) or not name or "/" in name or "." in name:
            raise RunError(f"{name!r} cannot name a group: use a non-empty string without '.' and '/'.")
        if name in self.tree.children and not overwrite:
            raise RunError(f"the run has a group {name!r} already: choose another name, or set overwrite=True.")
        if self.path is not None:
            attach(self.path, name, dataset)
        self.tree[name] = xr.DataTree(dataset)

    def __repr__(self) -> str:
        rows = [f"<bouton.Run {self.path or 'in memory'}>"]
        for name in self.variables:
            data = self[name]
            sizes = ", ".join(f"{d}: {n}" for d, n in data.sizes.items())
            rows.append(f"  {name:24} {data.dtype!s:8} ({sizes})  [{data.attrs.get('units', '')}]")
        return "\n".join(rows)


def check_precision(path: Any, about: Mapping[str, Any], what: str) -> None:
    """`RunError` if JAX calculates with another precision now than the run, of which `what` is wanted."""
    made, now = about["x64"], jax.config.jax_enable_x64
    if made != now:
        raise RunError(
            f"{path} was simulated {'with' if made else 'without'} 64 bits; for {what} set "
            f"jax_enable_x64: jax.config.update('jax_enable_x64', {made})."
        )


def rebased(circuit: Circuit, state: Any, steps: int, sweeps: int) -> Any:
    """The state as if steps were counted anew from here; it has `sweeps` axes in front."""

    def one(state: Any) -> Any:
        return {n: c.rebase(state[n], steps) for n, c in circuit.components.items()}

    for _ in range(sweeps):
        one = jax.vmap(one)
    return one(state)


def open(path: str | os.PathLike[str]) -> Run:
    """Open a stored run. Nothing is read before it is asked for, and no code in it is executed."""
    return Run(open_tree(path), os.fspath(path))
