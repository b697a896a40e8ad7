"""Bounds of the rules: soft, hard, symmetric around zero, or another one for each direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from bouton import Bound, CircuitError, Param, parameter, static


class SoftBound(Bound):
    r"""The less room there is, the smaller the change (van Rossum, Bi & Turrigiano, 2000; Gütig et al., 2003).

    .. math:: f_+(w) = (w_\max - w)_+^{\mu}, \qquad f_-(w) = (w - w_\min)_+^{\mu}

    Beyond a bound nothing pushes further out, and what pushes back has its full effect. ``two_sided=True`` multiplies
    both by :math:`f_+ f_-`, as CoNeX's ``soft_bound`` does: then a weight that has reached an end stays there.
    """

    low: Param = parameter(default=0.0, doc="lowest weight")
    high: Param = parameter(default=1.0, doc="highest weight")
    mu: Param = parameter(default=1.0, gt=0, doc="exponent")
    two_sided: bool = static(default=False, doc="whether both ends slow both directions")

    def grow(self, w: Any) -> Any:
        up = power(self.high - w, self.mu)
        return up * power(w - self.low, self.mu) if self.two_sided else up

    def shrink(self, w: Any) -> Any:
        return self.grow(w) if self.two_sided else power(w - self.low, self.mu)


class HardBound(Bound):
    r"""No change in the direction of a bound that is reached: :math:`f_+ = [w < w_\max]`, :math:`f_- = [w > w_\min]`.

    A step may still end beyond the bound, unless there is a `Clip`. ``two_sided=True`` stops both directions at either
    end, as CoNeX's ``hard_bound`` does.
    """

    low: Param = parameter(default=0.0, doc="lowest weight")
    high: Param = parameter(default=1.0, doc="highest weight")
    two_sided: bool = static(default=False, doc="whether either end stops both directions")

    def grow(self, w: Any) -> Any:
        below = jnp.where(w < self.high, 1.0, 0.0)
        return jnp.where(w > self.low, below, 0.0) if self.two_sided else below

    def shrink(self, w: Any) -> Any:
        return self.grow(w) if self.two_sided else jnp.where(w > self.low, 1.0, 0.0)


class MagnitudeBound(Bound):
    r"""The range is symmetric: :math:`f_+(w) = f_-(w) = (w_\max - |w|)_+`, as in ngc-learn's Hebbian synapse."""

    high: Param = parameter(default=1.0, gt=0, doc="largest magnitude")

    def grow(self, w: Any) -> Any:
        return jnp.maximum(self.high - jnp.abs(w), 0.0)

    def shrink(self, w: Any) -> Any:
        return self.grow(w)


class Bounds(Bound):
    """One bound for potentiation, another one for depression; None: no bound in that direction."""

    positive: Bound | None = None
    negative: Bound | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("positive", "negative"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, Bound):
                raise CircuitError(f"Bounds.{name} must be a bound such as SoftBound(), or None, got {value!r}.")

    def grow(self, w: Any) -> Any:
        return 1.0 if self.positive is None else self.positive.grow(w)

    def shrink(self, w: Any) -> Any:
        return 1.0 if self.negative is None else self.negative.shrink(w)


def gates(up: Any, down: Any, bound: Bound | None) -> tuple[Any, Any]:
    """The gates of terms that add `up` and take `down` away: numbers without a bound, else functions of the weight."""
    if bound is None:
        return up, -down
    return _scaled(up, bound.grow), _scaled(-down, bound.shrink)


def power(room: jax.Array, mu: Any) -> jax.Array:
    """``room ** mu``, and 0 where there is no room; its gradient is finite there, too."""
    some = room > 0
    return jnp.where(some, jnp.where(some, room, 1.0) ** mu, 0.0)


def _scaled(factor: Any, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda w: factor * f(w)
