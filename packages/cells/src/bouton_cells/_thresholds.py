"""Thresholds of single units: jitter at the start, and the rule that keeps a population at one spike a millisecond."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

LEAST = 0.025
"""What the rule leaves of a threshold at least."""


def jittered(thr: Any, jitter: Any, n: int, key: Any) -> jax.Array:
    """n thresholds, uniform within `jitter` of `thr`."""
    return thr + jitter * jax.random.uniform(key, (n,), minval=-1.0)


def balanced(thr: jax.Array, fired: jax.Array, rate: Any, dt: float) -> jax.Array:
    """The thresholds after this step: all fall by `rate` in each ms, and rise by `rate` with each spike of any unit."""
    spikes = fired.sum(axis=-1, keepdims=True).astype(thr.dtype)
    return jnp.maximum(thr + (spikes - dt) * rate, LEAST)
