"""A ring of past values, which all delays of this package are made of: its length, writing, reading, checks.

The ring has a row for each step back to the longest delay, filed by the number of the step modulo the number of rows.
It is written first and read then, an order that lets XLA update it in place, and that makes a delay of 0 no delay.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from bouton import Bounded, CircuitError, Constant, Given, Initialiser, Tick, Uniform
from jax import lax
from jax.core import Tracer


def longest_of(who: str, ms: Any, longest: float | None) -> float | None:
    """`longest` if it is given, otherwise the largest of the delays `ms`, as far as these are known."""
    if longest is not None:
        if isinstance(longest, (int, float)) and not (math.isfinite(longest) and longest >= 0):
            raise CircuitError(f"{who}.longest must be a finite number >= 0 ms, got {longest:g}.")
        return longest
    known = _known(ms)
    if known is None:
        given = "traced" if isinstance(ms, Tracer) else f"drawn from {ms!r}"
        raise CircuitError(
            f"{who}.ms is {given}, so its largest value is not known: give longest=, the longest delay [ms] to keep "
            "values for."
        )
    return float(known.max(initial=0.0)) if known.dtype.kind == "f" else None  # no numbers: an error of the circuit


def check_delays(ms: Any, longest: Any) -> None:
    """Raise `CircuitError` for delays that are longer than the ring."""
    known = _known(ms)
    if known is not None and known.max(initial=0.0) > longest * (1 + 1e-6):  # they may be rounded to float32
        raise CircuitError(
            f"a delay of {known.max():g} ms is longer than longest = {longest:g} ms, for which values are kept: give a "
            "larger longest=."
        )


def empty(longest: Any, dt: float, shape: tuple[int, ...]) -> jax.Array:
    """A ring of zeros for delays of up to `longest` ms."""
    return jnp.zeros((math.ceil(longest / dt - 1e-6) + 1, *shape))


def written(ring: jax.Array, value: Any, tick: Tick) -> jax.Array:
    """The ring with this step's value in it."""
    return lax.dynamic_update_index_in_dim(ring, value, tick.step % ring.shape[0], 0)


def slot(ring: jax.Array, ms: Any, tick: Tick) -> jax.Array:
    """The rows that hold what was written `ms` ago, to the nearest step; beyond the ring for what it does not reach."""
    rows, lag = ring.shape[0], jnp.floor(ms / tick.dt + 0.5).astype(int)
    return jnp.where(lag < rows, (jnp.asarray(tick.step, lag.dtype) - lag) % rows, rows)


def read(ring: jax.Array, ms: Any, tick: Tick) -> jax.Array:
    """What was written `ms` ago, a number or an array over the last axes; NaN where the ring does not reach back."""
    at = slot(ring, ms, tick)
    if at.ndim == 0:
        row = lax.dynamic_index_in_dim(ring, jnp.minimum(at, ring.shape[0] - 1), 0, keepdims=False)
        return jnp.where(at < ring.shape[0], row, jnp.nan)
    at = at.reshape((1,) * (ring.ndim - at.ndim) + at.shape)
    return jnp.take_along_axis(ring, at, 0, mode="fill", fill_value=jnp.nan)[0]


def turned(ring: jax.Array, steps: int) -> jax.Array:
    """The ring as it would be if steps were counted anew after `steps` of them."""
    return jnp.roll(ring, -(steps % ring.shape[0]), 0)


def _known(ms: Any) -> np.ndarray | None:
    """The delays, or bounds of what will be drawn; None where nothing is known before."""
    if isinstance(ms, Uniform) or (isinstance(ms, Bounded) and ms.high is not None):
        ms = ms.high
    elif isinstance(ms, Constant):
        ms = ms.value
    elif isinstance(ms, Given):
        ms = ms.values
    return None if isinstance(ms, (Initialiser, Tracer)) else np.asarray(ms)
