"""Initialisers: how weights, start values and distributed parameters are drawn from a key and a shape."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._errors import CircuitError
from ._module import Module, Param, parameter


class Initialiser(Module):
    """A frozen value that is called as ``initialiser(key, shape, fan_in=n)`` and returns an array of that shape.

    `fan_in`, the number of synapses that end on one post-synaptic unit, is known where weights are drawn.
    """

    def __call__(self, key: Any, shape: tuple[int, ...], *, fan_in: Any = None) -> jax.Array:
        raise NotImplementedError(f"{type(self).__name__} does not define __call__(key, shape, fan_in=).")


class Constant(Initialiser):
    """The same value everywhere."""

    value: Param = parameter(default=0.0, doc="the value")

    def __call__(self, key: Any, shape: tuple[int, ...], *, fan_in: Any = None) -> jax.Array:
        return jnp.broadcast_to(jnp.asarray(self.value, float), shape)


class Given(Initialiser):
    """A given array; it must have the shape that is asked for."""

    values: Any

    def __call__(self, key: Any, shape: tuple[int, ...], *, fan_in: Any = None) -> jax.Array:
        values = jnp.asarray(self.values)
        if not shape[len(shape) - values.ndim :] == values.shape:
            raise CircuitError(f"given values have the shape {values.shape}, expected {shape}.")
        return jnp.broadcast_to(values.astype(jnp.zeros(()).dtype), shape)


class Uniform(Initialiser):
    """Uniform on [low, high)."""

    low: Param = parameter(default=0.0, doc="lower end")
    high: Param = parameter(default=1.0, doc="upper end")

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.low, float) and isinstance(self.high, float) and self.low > self.high:
            raise CircuitError(f"Uniform.low must not be above Uniform.high, got {self.low:g} and {self.high:g}.")

    def __call__(self, key: Any, shape: tuple[int, ...], *, fan_in: Any = None) -> jax.Array:
        return self.low + (self.high - self.low) * jax.random.uniform(key, shape)


class Gaussian(Initialiser):
    """Normal with the given mean and standard deviation."""

    mean: Param = parameter(default=0.0, doc="mean")
    std: Param = parameter(default=1.0, ge=0, doc="standard deviation")

    def __call__(self, key: Any, shape: tuple[int, ...], *, fan_in: Any = None) -> jax.Array:
        return self.mean + self.std * jax.random.normal(key, shape)


class LogNormal(Initialiser):
    """``exp(z)`` with z normal of the given mean and standard deviation (those of the logarithm)."""

    mean: Param = parameter(default=0.0, doc="mean of the logarithm")
    std: Param = parameter(default=1.0, ge=0, doc="standard deviation of the logarithm")

    def __call__(self, key: Any, shape: tuple[int, ...], *, fan_in: Any = None) -> jax.Array:
        return jnp.exp(self.mean + self.std * jax.random.normal(key, shape))


class FanInUniform(Initialiser):
    """Uniform on ``scale * [-1, 1) / sqrt(fan_in)``, with the number of synapses that end on one unit."""

    scale: Param = parameter(default=1.0, gt=0, doc="half width at a fan-in of one")

    def __call__(self, key: Any, shape: tuple[int, ...], *, fan_in: Any = None) -> jax.Array:
        return self.scale * jax.random.uniform(key, shape, minval=-1.0) / _root(self, fan_in)


class FanInGaussian(Initialiser):
    """Normal with mean 0 and standard deviation ``scale / sqrt(fan_in)``."""

    scale: Param = parameter(default=1.0, gt=0, doc="standard deviation at a fan-in of one")

    def __call__(self, key: Any, shape: tuple[int, ...], *, fan_in: Any = None) -> jax.Array:
        return self.scale * jax.random.normal(key, shape) / _root(self, fan_in)


class Eye(Initialiser):
    """One value on the diagonal of a matrix, another beside it; ``Eye(0.0, w)`` connects all but self."""

    diagonal: Param = parameter(default=1.0, doc="value on the diagonal")
    off_diagonal: Param = parameter(default=0.0, doc="value beside it")

    def __call__(self, key: Any, shape: tuple[int, ...], *, fan_in: Any = None) -> jax.Array:
        if len(shape) != 2:
            raise CircuitError(f"Eye makes a matrix (pre, post), but the weights have the shape {shape}.")
        return jnp.where(jnp.eye(*shape, dtype=bool), self.diagonal, self.off_diagonal).astype(jnp.zeros(()).dtype)


def _root(initialiser: Initialiser, fan_in: Any) -> jax.Array:
    if fan_in is None:
        raise CircuitError(f"{type(initialiser).__name__} draws weights: no fan-in is known here.")
    return jnp.sqrt(fan_in)


def as_initialiser(value: Any, name: str) -> Initialiser:
    """Numbers, arrays and initialisers alike; `name` is for the message."""
    if isinstance(value, Initialiser):
        return value
    if isinstance(value, (np.ndarray, jax.Array, list, tuple)) and np.ndim(value):  # type: ignore[arg-type]
        return Given(value if isinstance(value, jax.Array) else np.asarray(value, float))
    if isinstance(value, (int, float, np.number, jax.Array)) and not isinstance(value, bool):
        return Constant(value)
    raise CircuitError(f"{name} must be a number, an array or an initialiser, got {value!r}.")
