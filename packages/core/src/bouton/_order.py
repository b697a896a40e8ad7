"""The order of what is computed, where XLA would not see it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


def behind(values: Any, first: Any) -> Any:
    """`values`, computed only when `first` is: what `first` was made from may then be overwritten in place.

    A compiler that does not know which of two results is computed first keeps a copy of what one reads and the other
    writes. So the values are made to depend on one bit of the first array, which no compiler knows to be zero. Barriers
    do not help: they are gone when copies are made.
    """
    arrays = [a for a in jax.tree.leaves(first) if jnp.issubdtype(a.dtype, jnp.floating) and a.size]
    if not arrays:
        return values
    number = lax.stop_gradient(arrays[0].reshape(-1)[0]).astype(jnp.float32)
    zero = lax.population_count(lax.bitcast_convert_type(number, jnp.uint32)) >> 6  # of a count up to 32
    return jax.tree.map(lambda v: jnp.where(zero == 0, v, jnp.zeros_like(v)), values)
