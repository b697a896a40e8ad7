"""Bringing values into the shape and dtype that a compartment declares, or saying why they cannot be brought there."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from ._describe import Compartment
from ._errors import CircuitError
from ._module import Tick
from ._wiring import fits


def deliver(
    value: Any,
    c: Compartment,
    batch: tuple[int, ...],
    outside: str | None = None,
    leads: tuple[tuple[int, ...], ...] | None = None,
) -> Any:
    """A value as the input port wants it: of its dtype and full shape, a flat axis reshaped into a map or back.

    `leads` are the batch axes that it may have in front. Of a value from outside they are not known: where there are as
    many samples as units, an array of that length holds one value per unit.
    """
    value = jnp.asarray(value)
    if c.dtype is not None:
        value = value.astype(c.dtype)
    lead = batch if c.batch else ()
    for front in ((), lead) if leads is None else leads:
        own = value.shape[len(front) :]
        if value.shape[: len(front)] == front and fits(own, c.shape):
            if own == ():
                value = value.reshape(front + (1,) * len(c.shape))
            elif own != c.shape:
                value = value.reshape(front + c.shape)
            return jnp.broadcast_to(value, lead + c.shape)
    raise CircuitError(
        f"{outside or 'a wire'} brings an array of shape {value.shape}; expected {c.shape} {c.dims}"
        + (f", or that with the batch axes {lead} in front." if lead else ".")
    )


def conformed(value: Any, c: Compartment, lead: tuple[int, ...], name: str, who: str) -> Any:
    """What a component made, in full; numbers and arrays without batch axes are spread out. `who` is for messages."""
    if value is None:
        raise CircuitError(f"{who} gave no {name}.")
    is_number = isinstance(value, (bool, int, float))  # of Python; it takes the declared dtype
    value = jnp.asarray(value)
    if c.dtype is not None:
        if value.dtype != c.dtype and not is_number:
            raise CircuitError(f"{who} gave {name} as {value.dtype}, declared {c.kind} ({c.dtype}).")
        value = value.astype(c.dtype)
    if value.shape not in ((), c.shape, lead + c.shape):
        raise CircuitError(
            f"{who} gave {name} the shape {value.shape}, declared {lead + c.shape} "
            f"({', '.join((*('batch' for _ in lead), *c.dims)) or 'a single number'})."
        )
    return jnp.broadcast_to(value, lead + c.shape)


def gathered(old: Any, new: Any, tick: Tick) -> Any:
    """One value for all lanes: a persistent state that came back with batch axes is averaged, or its changes summed."""
    old, new = jnp.asarray(old), jnp.asarray(new)
    extra = new.ndim - old.ndim
    if extra <= 0:
        return new
    if new.shape != tick.batch + old.shape or not jnp.issubdtype(old.dtype, jnp.floating):
        return new
    axes = tuple(range(extra))
    return new.mean(axes) if tick.batch_reduce == "mean" else old + (new - old).sum(axes)
