"""The sign of pre-synaptic units, where a topology has one (Dale's law)."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from bouton import CircuitError, Initialiser
from jax.core import Tracer


def check_sign(owner: str, sign: Any) -> None:
    """Raise `CircuitError` for a sign that is neither +1 nor -1; `owner` is the topology's name."""
    if isinstance(sign, Initialiser):
        raise CircuitError(f"{owner}.sign must be +1 or -1 for each pre-synaptic unit, got {sign!r}.")
    if isinstance(sign, (float, np.ndarray, jax.Array)) and not isinstance(sign, Tracer):
        values = np.atleast_1d(np.asarray(sign))
        for at in np.argwhere(np.abs(values) != 1)[:1]:
            where = f"{at.tolist()}" if np.ndim(sign) else ""
            raise CircuitError(f"{owner}.sign{where} must be +1 or -1, got {values[tuple(at)]:g}.")
