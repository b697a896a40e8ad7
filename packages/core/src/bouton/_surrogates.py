"""Spikes that can be differentiated: a step forward, a smooth slope of one's choice backward."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ._module import Module, Param, parameter


class Surrogate(Module):
    """The slope that stands for the derivative of the step function. Called with ``u``, the distance to threshold."""

    def __call__(self, u: jax.Array) -> jax.Array:
        raise NotImplementedError(f"{type(self).__name__} does not define __call__(u).")


class Arctan(Surrogate):
    r""":math:`\frac{1}{\pi} \frac{1}{1 + (\pi \alpha u / 2)^2}` (Fang et al., 2021)."""

    alpha: Param = parameter(default=2.0, gt=0, doc="steepness [1 / unit of u]")

    def __call__(self, u: jax.Array) -> jax.Array:
        return 1.0 / jnp.pi / (1.0 + (jnp.pi / 2 * self.alpha * u) ** 2)


class FastSigmoid(Surrogate):
    r""":math:`\frac{1}{(1 + \beta |u|)^2}` (Zenke & Ganguli, 2018)."""

    beta: Param = parameter(default=10.0, gt=0, doc="steepness [1 / unit of u]")

    def __call__(self, u: jax.Array) -> jax.Array:
        return 1.0 / (1.0 + self.beta * jnp.abs(u)) ** 2


class Triangular(Surrogate):
    r""":math:`\max(0, 1 - \alpha |u|)` (Esser et al., 2016)."""

    alpha: Param = parameter(default=1.0, gt=0, doc="steepness [1 / unit of u]")

    def __call__(self, u: jax.Array) -> jax.Array:
        return jnp.maximum(0.0, 1.0 - self.alpha * jnp.abs(u))


class SecantLIF(Surrogate):
    r""":math:`c_1 c_2\,\mathrm{sech}^2(c_2 u)` for :math:`u > 0`, else 0 (Samadi, Lillicrap & Tweed, 2017).

    The slope of :math:`c_1 \tanh(c_2 u)`, about the firing rate of leaky integrate-and-fire cells. In the paper, and in
    `SLIFCell` of bouton-cells, u is the input current.
    """

    c1: Param = parameter(default=0.82, gt=0, doc="highest rate")
    c2: Param = parameter(default=0.08, gt=0, doc="steepness [1 / unit of u]")

    def __call__(self, u: jax.Array) -> jax.Array:
        e = jnp.exp(-2.0 * self.c2 * jnp.maximum(u, 0.0))  # sech^2(x) = 4 e^(-2 x) / (1 + e^(-2 x))^2 overflows nowhere
        return jnp.where(u > 0, 4.0 * self.c1 * self.c2 * e / (1.0 + e) ** 2, 0.0)


class StraightThrough(Surrogate):
    """A slope of one everywhere (Bengio et al., 2013)."""

    def __call__(self, u: jax.Array) -> jax.Array:
        return jnp.ones_like(u)


def spike(u: jax.Array, surrogate: Surrogate | None = None) -> Any:
    """1.0 where ``u > 0``, else 0.0; differentiates (any order, any direction) as if its slope were `surrogate(u)`.

    `surrogate` defaults to `Arctan()`.
    """
    u = jnp.asarray(u)
    return _step(u, (surrogate or Arctan())(u))


@jax.custom_jvp
def _step(u: jax.Array, slope: jax.Array) -> jax.Array:
    return (u > 0).astype(u.dtype)


@_step.defjvp
def _(primals: Any, tangents: Any) -> tuple[Any, Any]:
    u, slope = primals
    return _step(u, slope), slope * tangents[0]
