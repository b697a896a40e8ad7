"""Schedules: numbers that change as learning goes on, in closed form, such as rates and radii."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._errors import CircuitError
from ._module import Module, Param, parameter


class Schedule(Module):
    """A frozen value that is called with the time t of learning so far, and returns a number.

    Whoever has a schedule says what t counts: steps, samples or ms.
    """

    def __call__(self, t: Any) -> jax.Array:
        raise NotImplementedError(f"{type(self).__name__} does not define __call__(t).")


class Steady(Schedule):
    """The same number throughout; where a schedule is wanted, a number alone will do, too."""

    value: Param = parameter(default=1.0, doc="the number")

    def __call__(self, t: Any) -> jax.Array:
        return jnp.asarray(self.value, float)


class ExponentialDecay(Schedule):
    r"""The same share less in equal times, down to an end.

    .. math:: \max(\text{start}\;e^{-t / \tau},\ \text{end})
    """

    start: Param = parameter(default=1.0, doc="value at the start")
    tau: Param = parameter(default=1000.0, gt=0, doc="time until 1/e of it is left")
    end: Param = parameter(default=0.0, doc="the lowest value")

    def __call__(self, t: Any) -> jax.Array:
        return jnp.maximum(self.start * jnp.exp(-_number(t) / self.tau), self.end)


class LinearDecay(Schedule):
    r"""A straight line from start to end, which may be above it, and level from then on.

    .. math:: \text{start} + (\text{end} - \text{start})\,\min(t / \text{steps},\ 1)
    """

    start: Param = parameter(default=1.0, doc="value at the start")
    end: Param = parameter(default=0.0, doc="value at the end")
    steps: Param = parameter(default=1000.0, gt=0, doc="time between them")

    def __call__(self, t: Any) -> jax.Array:
        return self.start + (self.end - self.start) * jnp.minimum(_number(t) / self.steps, 1.0)


class InverseDecay(Schedule):
    r"""Falls as one over time, as a rate has to for a running mean (Robbins & Monro, 1951), down to an end.

    .. math:: \max\Bigl(\frac{\text{start}}{1 + t / \tau},\ \text{end}\Bigr)
    """

    start: Param = parameter(default=1.0, doc="value at the start")
    tau: Param = parameter(default=1.0, gt=0, doc="time until half of it is left")
    end: Param = parameter(default=0.0, doc="the lowest value")

    def __call__(self, t: Any) -> jax.Array:
        return jnp.maximum(self.start / (1.0 + _number(t) / self.tau), self.end)


def as_schedule(value: Any, name: str) -> Schedule:
    """Numbers and schedules alike; `name` is for the message."""
    if isinstance(value, Schedule):
        return value
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        return Steady(value)
    raise CircuitError(f"{name} must be a number or a schedule such as ExponentialDecay(0.5, 1000), got {value!r}.")


def _number(t: Any) -> jax.Array:
    return jnp.asarray(t, float)
