"""States that have become nan: found on the device along with each chunk, reported by name, unit and time."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from ._circuit import Circuit
from ._dataset import Layout
from ._errors import RunError


def first_nans(circuit: Circuit, state: Any) -> Any:
    """For each of the watched states the flat index of its first nan, or -1."""
    flat = [jnp.isnan(circuit.value(state, {}, ref)).reshape(-1) for ref in _watched(circuit)]
    if not flat:
        return jnp.full((0,), -1)

    def found() -> Any:
        return jnp.stack([jnp.where(f.any(), jnp.argmax(f), -1) for f in flat])

    any_nan = jnp.stack([f.any() for f in flat]).any()
    return lax.cond(any_nan, found, lambda: jnp.full((len(flat),), -1, jnp.argmax(flat[0]).dtype))


def check_nans(circuit: Circuit, nans: Any, layout: Layout, *, first: int, count: int, batch: tuple[int, ...]) -> None:
    """Raise if there are any in `count` steps or trials; the axes of `nans` are sweep, presentation, state."""
    nans = np.asarray(nans)
    if (nans < 0).all():
        return
    if layout.trial is not None:  # the earliest presentation comes first
        nans = np.moveaxis(nans, len(layout.sweep), 0)
    at = tuple(np.argwhere(nans >= 0)[0])
    lanes, flat = list(at[:-1]), int(nans[at])
    if layout.trial is None:
        when = f"between {first * layout.dt:g} and {(first + count) * layout.dt:g} ms"
    else:
        first += lanes.pop(0) * (batch[0] if batch else 1)
        when = f"in trial {first}" if not batch else f"in the trials {first} to {first + batch[0] - 1}"
    c = circuit.compartment(ref := _watched(circuit)[at[-1]])
    index = np.unravel_index(flat, (batch if c.batch else ()) + c.shape) if c.shape or (batch and c.batch) else ()
    unit = f"[{', '.join(map(str, index))}]" if index else ""
    where = "".join(f", {n} number {i}" for n, i in zip(layout.sweep, lanes, strict=True))
    raise RunError(f"{ref}{unit} became nan {when}{where}.")


def _watched(circuit: Circuit) -> list[str]:
    return [
        f"{node}.{name}"
        for node, ports in circuit._plan.ports.items()
        for name, c in ports["State"].items()
        if not c.opaque and (c.dtype is None or jnp.issubdtype(c.dtype, jnp.floating))
    ]
