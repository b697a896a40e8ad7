"""Spikes of cells whose own equations make them: the step in which v comes to lie above its threshold."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from bouton import Surrogate, spike


def up_crossing(before: jax.Array, after: jax.Array, thr: Any, surrogate: Surrogate) -> jax.Array:
    """1.0 where v is above `thr` after the step and was not before; however long v stays there, that is one spike.

    Gradients pass by the surrogate, save where v was above `thr` already: no change of v makes a spike there.
    """
    return jnp.where(before <= thr, spike(after - thr, surrogate), 0.0)
