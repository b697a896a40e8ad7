"""Where the units of a map lie, and how far they are from each other on it."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from bouton import CircuitError

Grid: TypeAlias = Literal["rectangular", "hexagonal"]
_HEIGHT = np.sqrt(3) / 2
"""Of a row of a hexagonal grid."""


def places(n_units: int | tuple[int, ...], grid: Grid) -> np.ndarray:
    """Coordinates (unit, axis) of units at a distance of 1 from their neighbours, row-major."""
    at = np.indices(_sizes(n_units)).reshape(len(_sizes(n_units)), -1).T.astype(float)
    if grid == "hexagonal":
        at[:, 1] += 0.5 * (at[:, 0] % 2)
        at[:, 0] *= _HEIGHT
    return at


def squared_distances(
    n_units: int | tuple[int, ...], grid: Grid, periodic: bool | tuple[bool, ...], winner: jax.Array
) -> jax.Array:
    """Squared distances (*batch, unit) of all units from the winners (*batch), the shorter way where ends meet."""
    sizes = _sizes(n_units)
    around = periodic if isinstance(periodic, tuple) else (periodic,) * len(sizes)
    total = jnp.zeros((), float)
    for axis, at in enumerate(places(n_units, grid).T):
        at = jnp.asarray(at, float)
        apart = jnp.abs(at[winner][..., None] - at)
        if around[axis]:  # an even number of rows: shifted ones meet those that are not
            length = sizes[axis] * (_HEIGHT if grid == "hexagonal" and axis == 0 else 1.0)
            apart = jnp.minimum(apart, float(length) - apart)
        total = total + apart**2
    return total


def check_grid(owner: str, n_units: Any, grid: Any, periodic: Any) -> None:
    """Raise `CircuitError` for a grid that there is not."""
    sizes = _sizes(n_units)
    if grid == "hexagonal" and len(sizes) != 2:
        raise CircuitError(f"{owner}.grid='hexagonal' is of two axes: n_units=(rows, columns), got {n_units!r}.")
    if isinstance(periodic, tuple) and len(periodic) != len(sizes):
        raise CircuitError(
            f"{owner}.periodic must be True, False or one of these for each of {len(sizes)} axes, got {periodic!r}."
        )
    of_rows = periodic[0] if isinstance(periodic, tuple) else periodic
    if grid == "hexagonal" and of_rows and sizes[0] % 2:
        raise CircuitError(
            f"{owner}: the first and the last row of a hexagonal grid meet only where the number of rows is even, got "
            f"n_units={n_units!r}. Take another row, or periodic=(False, True)."
        )


def _sizes(n_units: int | tuple[int, ...]) -> tuple[int, ...]:
    return n_units if isinstance(n_units, tuple) else (n_units,)
