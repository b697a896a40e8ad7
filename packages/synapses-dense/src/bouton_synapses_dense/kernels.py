"""Transmission with a time course: kernels that are exact for any step length."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from bouton import Arriving, CircuitError, Initialiser, Param, Ports, Tick, Transmission, parameter, port, static
from jax.core import Tracer
from jaxtyping import Array, Float


class Kernel(Transmission, kw_only=True):
    r"""What all kernels share: a current, or a conductance g, which each spike sets going.

    .. math:: g(t) = \bar g \sum_k w_k\,\kappa(t - t_k)

    The current is :math:`g` itself, or with a reversal potential :math:`g\,(E - v)`, where v is the post-synaptic
    potential: wire the cell's state to ``<synapse>.transmission.v``.

    A step first decays what was there, then adds what arrives. So at the end of the step n steps after a spike's
    arrival, g is exactly :math:`\kappa(n\,dt)`, whatever the length of the step; n = 0 is the step of the arrival.

    A subclass declares its `State`, with a ``g``, and writes `moved`.
    """

    g_bar: Param = parameter(
        default=1.0, ge=0, dims="post", doc="size of the response to a spike, through a weight of 1"
    )
    reversal: Param | None = parameter(
        default=None, unit="mV", dims="post", doc="reversal potential E; None: current-based"
    )

    class In(Ports):
        v: Float[Array, "*batch post"] = port("mV", only_if="reversal", doc="post-synaptic potential")

    def moved(self, s: Any, arriving: Arriving, dt: float) -> Any:
        """The state `dt` later, with `g_bar` times what arrives added then."""
        raise NotImplementedError(f"{type(self).__name__} does not define moved(s, arriving, dt).")

    def advance(self, s: Any, arriving: Arriving, x: Any, tick: Tick) -> tuple[Any, Any]:
        s = self.moved(s, arriving, tick.dt)
        return s, s.g if self.reversal is None else s.g * (self.reversal - x.v)


class Exponential(Kernel):
    r"""A current, or a conductance, that jumps with each spike and decays exponentially.

    .. math:: \tau\,\frac{dg}{dt} = -g + \tau\,\bar g \sum_k \delta(t - t_k), \qquad g(t) = \bar g\,e^{-(t - t_k)/\tau}

    The peak is :math:`\bar g`, in the step of the arrival, and the area :math:`\bar g\,\tau`. With `reversal` the
    current is :math:`g\,(E - v)`, see `Kernel`.
    """

    tau: Param = parameter(default=5.0, unit="ms", gt=0, dims="post", doc="decay time constant")

    class State(Ports):
        g: Float[Array, "*batch post"] = port(doc="conductance, or current")

    def moved(self, s: Any, arriving: Arriving, dt: float) -> Any:
        return self.State(g=arriving(s.g * jnp.exp(-dt / self.tau), self.g_bar))


class Alpha(Kernel):
    r"""A current, or a conductance, that rises and falls with one time constant: the alpha function.

    .. math:: \tau\,\frac{dg}{dt} = h - g, \qquad \tau\,\frac{dh}{dt} = -h + \tau\,\bar g \sum_k \delta(t - t_k), \qquad
        g(t) = \bar g\,\frac{t - t_k}{\tau}\,e^{-(t - t_k)/\tau}

    That is ``normalize="area"``: the area is :math:`\bar g\,\tau`, as that of `Exponential`, and the peak, at
    :math:`t = \tau`, is :math:`\bar g / e`. With ``normalize="peak"`` the peak is :math:`\bar g`.
    The step is the exact propagator of Rotter & Diesmann (1999). With `reversal` the current is :math:`g\,(E - v)`, see
    `Kernel`.
    """

    tau: Param = parameter(default=5.0, unit="ms", gt=0, dims="post", doc="time constant of rise and decay")
    normalize: Literal["area", "peak"] = static(default="area", doc="whether the area is g_bar tau, or the peak g_bar")

    class State(Ports):
        g: Float[Array, "*batch post"] = port(doc="conductance, or current")
        h: Float[Array, "*batch post"] = port(doc="what drives g")

    def moved(self, s: Any, arriving: Arriving, dt: float) -> Any:
        decay = jnp.exp(-dt / self.tau)
        size = math.e if self.normalize == "peak" else 1.0
        return self.State(g=decay * (s.g + dt / self.tau * s.h), h=arriving(decay * s.h, size * self.g_bar))


class DoubleExponential(Kernel):
    r"""A current, or a conductance, that rises with one time constant and decays with another, longer one.

    .. math:: \tau_d\,\frac{dg}{dt} = \frac{\tau_d}{\tau_r} h - g, \qquad
        \tau_r\,\frac{dh}{dt} = -h + \tau_r\,A\,\bar g \sum_k \delta(t - t_k), \qquad
        g(t) = \frac{A\,\bar g\,\tau_d}{\tau_d - \tau_r} \left(e^{-(t - t_k)/\tau_d} - e^{-(t - t_k)/\tau_r}\right)

    - ``normalize="peak"``: the peak, at :math:`t_p = \frac{\tau_d \tau_r}{\tau_d - \tau_r}
      \ln\frac{\tau_d}{\tau_r}`, is :math:`\bar g` (Roth & van Rossum, 2009), by
      :math:`A = \frac{\tau_r}{\tau_d}\,e^{t_p / \tau_r}`;
    - ``"area"``: the area is :math:`\bar g\,\tau_d`, as that of `Exponential`; A = 1;
    - ``"none"``: the plain difference, :math:`\bar g` times what is in the brackets; :math:`A = 1 - \tau_r / \tau_d`.

    Where both time constants are equal it is the `Alpha` kernel of that normalisation (and with ``"none"`` zero, as the
    difference is). Nothing is lost where they are nearly equal: no step subtracts one exponential from the other.

    Raises `CircuitError` where `tau_rise` is longer than `tau_decay`. With `reversal` the current is :math:`g\,(E -
    v)`, see `Kernel`.
    """

    tau_rise: Param = parameter(default=1.0, unit="ms", gt=0, dims="post", doc="time constant of the rise")
    tau_decay: Param = parameter(default=5.0, unit="ms", gt=0, dims="post", doc="time constant of the decay")
    normalize: Literal["peak", "area", "none"] = static(
        default="peak", doc="whether the peak is g_bar, the area g_bar tau_decay, or neither"
    )

    class State(Ports):
        g: Float[Array, "*batch post"] = port(doc="conductance, or current")
        h: Float[Array, "*batch post"] = port(doc="what drives g")

    def check(self, *, dt: float) -> None:
        rise, decay = self.tau_rise, self.tau_decay
        if isinstance(rise, Tracer | Initialiser) or isinstance(decay, Tracer | Initialiser):
            return
        rise, decay = np.broadcast_arrays(rise, decay)
        if (wrong := rise > decay).any():
            raise CircuitError(
                f"tau_rise must not be longer than tau_decay, got {rise[wrong][0]:g} and {decay[wrong][0]:g} ms: "
                "the longer of the two is that of the decay."
            )

    def moved(self, s: Any, arriving: Arriving, dt: float) -> Any:
        rise, decay = jnp.exp(-dt / self.tau_rise), jnp.exp(-dt / self.tau_decay)
        apart = (1.0 / self.tau_rise - 1.0 / self.tau_decay) * dt
        passed = dt / self.tau_rise * decay * _over(_grown, _GROWN, apart)  # of h into g during the step
        return self.State(g=decay * s.g + passed * s.h, h=arriving(rise * s.h, self._size() * self.g_bar))

    def _size(self) -> Any:
        """The factor A of the normalisation."""
        shorter = (self.tau_decay - self.tau_rise) / self.tau_decay
        if self.normalize == "peak":
            return self.tau_rise / self.tau_decay * jnp.exp(_over(_logarithm, _LOGARITHM, shorter))
        return 1.0 if self.normalize == "area" else shorter


def _grown(z: Any) -> Any:
    return -jnp.expm1(-z)


def _logarithm(z: Any) -> Any:
    return -jnp.log1p(-z)


_GROWN = [(-1) ** n / math.factorial(n + 1) for n in range(11)]
_LOGARITHM = [1 / (n + 1) for n in range(17)]


def _over(f: Callable[[Any], Any], series: Sequence[float], z: Any) -> Any:
    """``f(z) / z`` for an f with f(0) = 0; near 0, where derivatives of the quotient lose all digits, by its series."""
    small = jnp.abs(z) < 0.1
    near, far = jnp.where(small, z, 0.0), jnp.where(small, 1.0, z)  # nothing infinite may reach a derivative
    return jnp.where(small, functools.reduce(lambda sum, c: sum * near + c, reversed(series)), f(far) / far)
