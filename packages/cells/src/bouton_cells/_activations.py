"""Activation functions of rates, by name; their derivatives are made of them."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
from bouton import CircuitError

Activation: TypeAlias = Callable[[jax.Array], jax.Array]

# The slope of the rectifiers at 0 is that on the right: a rate that starts at 0 must be able to leave it.
_FUNCTIONS: dict[str, Activation] = {
    "elu": jax.nn.elu,
    "identity": lambda z: z,
    "leaky_relu": jax.nn.leaky_relu,
    "relu": lambda z: jnp.where(z >= 0, z, 0.0),
    "relu6": lambda z: jnp.where(z >= 0, jnp.minimum(z, 6.0), 0.0),
    "sigmoid": jax.nn.sigmoid,
    "silu": jax.nn.silu,
    "sine": jnp.sin,
    "softplus": jax.nn.softplus,
    "tanh": jnp.tanh,
}


def activation(name: str) -> Activation:
    """The elementwise function of this name; `CircuitError` if there is none."""
    if name not in _FUNCTIONS:
        close = difflib.get_close_matches(name, _FUNCTIONS, 1)
        hint = f"Did you mean {close[0]!r}?" if close else f"Available: {', '.join(_FUNCTIONS)}."
        raise CircuitError(f"act_fx: there is no activation function {name!r}. {hint}")
    return _FUNCTIONS[name]


def derivative(f: Activation, z: jax.Array) -> jax.Array:
    """f'(z), of an elementwise function."""
    return jax.jvp(f, (z,), (jnp.ones_like(z),))[1]
