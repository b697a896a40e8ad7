"""States that have become nan or infinite: seen on the device at the end of a chunk, then looked for step by step.

A state that is infinite before the first step (the time since a spike that never was) may be so at any time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from ._circuit import Circuit
from ._dataset import Layout
from ._errors import RunError

if TYPE_CHECKING:
    from ._chunk import Carry, Done, Program


def not_finite(circuit: Circuit, state: Any) -> Any:
    """For each of the watched states the flat index of its first nan, and of its first infinity; -1 for none."""
    flat = [circuit.value(state, {}, ref).reshape(-1) for ref in watched(circuit)]
    if not flat:
        return jnp.full((0, 2), -1, jnp.int32)

    def first(is_bad: Any) -> Any:
        return jnp.where(is_bad.any(), jnp.argmax(is_bad), -1).astype(jnp.int32)

    def found(f: Any) -> Any:
        return jnp.stack([first(jnp.isnan(f)), first(jnp.isinf(f))])

    def none(f: Any) -> Any:
        return jnp.full(2, -1, jnp.int32)

    # each for itself: a search takes much longer than a look, and some states are infinite at most times
    return jnp.stack([lax.cond(jnp.isfinite(f).all(), none, found, f) for f in flat])


def bad_ones(found: Any, ignored: tuple[bool, ...]) -> Any:
    """`not_finite` without the infinities that may be."""
    return jnp.where(np.stack([np.zeros_like(ignored), ignored], -1), -1, found) if ignored else found


def watch(program: Program, done: Done, before: Carry, layout: Layout) -> None:
    """Raise if a state is not finite after a chunk that began from `before`: which one, where, and since when."""
    found = np.asarray(done.nans)
    if (found < 0).all():
        return
    refs, ignored = watched(program.circuit), program.infinite
    if (np.asarray(bad_ones(found, ignored)) < 0).all():
        return
    steps, found = (np.asarray(a) for a in program.locate(done.piece, before, ignored))
    is_bad = (found >= 0).any(axis=(-2, -1))
    lanes = np.unravel_index(np.argmin(np.where(is_bad, steps, np.iinfo(steps.dtype).max)), steps.shape)
    which, kind = np.argwhere(found[lanes] >= 0)[0]
    ref, batch, c = refs[which], done.piece.batch, program.circuit.compartment(refs[which])
    index = list(np.unravel_index(found[lanes][which, kind], (batch if c.batch else ()) + c.shape))
    step, what = int(steps[lanes]), ("nan", "infinite")[kind]
    if layout.trial is None:
        when = f"at {(done.piece.first + step + 1) * layout.dt:g} ms"
    else:
        trial = done.piece.first + step // layout.trial * (batch[0] if batch else 1)
        when = f"in trial {trial}"
        if batch:
            when = f"in trial {trial + index.pop(0)}" if c.batch else f"in the trials {trial} to {trial + batch[0] - 1}"
        when += f" at {(step % layout.trial + 1) * layout.dt:g} ms"
    unit = f"[{', '.join(map(str, index))}]" if index else ""
    where = "".join(f", {n} number {i}" for n, i in zip(layout.sweep, lanes, strict=True))
    raise RunError(f"{ref}{unit} became {what} {when}{where}.")


def watched(circuit: Circuit) -> list[str]:
    """The states that hold floats."""
    return [
        f"{node}.{name}"
        for node, ports in circuit._plan.ports.items()
        for name, c in ports["State"].items()
        if not c.opaque and (c.dtype is None or jnp.issubdtype(c.dtype, jnp.floating))
    ]
