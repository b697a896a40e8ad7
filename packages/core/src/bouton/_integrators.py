r"""Integrators: one step of :math:`\dot y = f(y)` for several coupled variables, and how long a step may be.

An integrator is a function ``(f, y, dt) -> y``, registered under the kind ``integrator`` and asked for by name:
`integrate`. It advances all variables together: y and f(y) are tuples of arrays of one shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer

from ._errors import CircuitError, PluginError
from ._initialisers import Initialiser
from ._module import Part
from ._registry import current

State: TypeAlias = tuple[Any, ...]
Slope: TypeAlias = Callable[[State], State]

SERIES = 0.02
"""Below this a difference quotient is the first terms of its series, which lose no digits there."""


def euler(f: Slope, y: State, dt: Any) -> State:
    r"""Euler's method, of order 1: :math:`y + h f(y)`."""
    return _moved(y, (dt, f(y)))


def midpoint(f: Slope, y: State, dt: Any) -> State:
    r"""The midpoint method, of order 2: :math:`y + h f(y + \frac h2 f(y))`."""
    return _moved(y, (dt, f(_moved(y, (dt / 2, f(y))))))


def heun(f: Slope, y: State, dt: Any) -> State:
    r"""Heun's method, of order 2: :math:`y + \frac h2 (k_1 + f(y + h k_1))`, :math:`k_1 = f(y)`."""
    k1 = f(y)
    k2 = f(_moved(y, (dt, k1)))
    return _moved(y, (dt / 2, k1), (dt / 2, k2))


def ralston(f: Slope, y: State, dt: Any) -> State:
    r"""Ralston's method, of order 2 with the least error bound (Ralston, 1962).

    .. math:: y + h (\tfrac13 k_1 + \tfrac23 f(y + \tfrac34 h k_1)), \quad k_1 = f(y)
    """
    k1 = f(y)
    k2 = f(_moved(y, (dt * 3 / 4, k1)))
    return _moved(y, (dt / 3, k1), (dt * 2 / 3, k2))


def rk4(f: Slope, y: State, dt: Any) -> State:
    """The classical method of Runge and Kutta, of order 4."""
    k1 = f(y)
    k2 = f(_moved(y, (dt / 2, k1)))
    k3 = f(_moved(y, (dt / 2, k2)))
    k4 = f(_moved(y, (dt, k3)))
    return _moved(y, (dt / 6, k1), (dt / 3, k2), (dt / 3, k3), (dt / 6, k4))


def exp_euler(f: Slope, y: State, dt: Any) -> State:
    r"""Exponential Euler, of order 1, and 2 for a single variable: each exactly, as if it were alone and linear.

    .. math:: y_i + h\,\varphi(h J_{ii})\,f_i(y), \qquad J_{ii} = \frac{\partial f_i}{\partial y_i},\quad
        \varphi(z) = \frac{e^z - 1}{z}

    Where each equation is linear in its own variable, as in the Hodgkin-Huxley equations, this is the method of Rush
    & Larsen (1978): no step is too long for it. Where :math:`h J_{ii} > 20`, the variable grows as if it were 20, so
    that no number overflows on the way to a spike. Units must not interact in f.
    """
    of_y, own = f(y), [_column(f, y, i)[i] for i in range(len(y))]
    return tuple(v + dt * _phi(jnp.minimum(dt * a, 20.0)) * b for v, a, b in zip(y, own, of_y, strict=True))


def exact(f: Slope, y: State, dt: Any) -> State:
    r"""The exact solution where f is linear, for one variable or two.

    .. math:: y + h\,\varphi(h J) f(y), \qquad \varphi(z) = \frac{e^z - 1}{z}

    with the Jacobian J. Units must not interact in f. `check_integration` refuses equations that are not linear.
    """
    if len(y) == 1:
        return exp_euler(f, y, dt)
    (b0, b1), (a, c), (b, d) = f(y), _column(f, y, 0), _column(f, y, 1)
    m, half = dt * (a + d) / 2, dt * (a - d) / 2  # h J = m + N, where N^2 = q
    even, odd = _phi_parts(m, half**2 + dt**2 * b * c)
    return (
        y[0] + dt * (even * b0 + odd * (half * b0 + dt * b * b1)),
        y[1] + dt * (even * b1 + odd * (dt * c * b0 - half * b1)),
    )


def integrate(method: str, f: Slope, y: State, dt: Any) -> State:
    r"""y after one step of :math:`\dot y = f(y)`, by the integrator that is registered as `method`.

    Raises `CircuitError` for an unknown name.
    """
    return _integrator(method)(f, y, dt)


def check_integration(part: Part, slope: Callable[[Any, State], State], *states: State, dt: float) -> None:
    r"""Raise `CircuitError` if `part.integration_type` is unknown, or if a step of `dt` is too long for it.

    Call it in `Part.check`. `slope` is the function ``(part, y)`` that gives :math:`f(y)`, and `states` are those in
    which y changes fastest, the resting state among them. There f is made linear, and one step of the integrator is
    looked at: what decays must not overshoot its goal, and what swings must not grow of itself.

    Parameters that are traced, or still to be drawn, are not looked at.
    """
    method = part.integration_type  # type: ignore[attr-defined]
    _integrator(method)
    if any(map(_is_open, jax.tree.leaves((part, states), is_leaf=_is_open))):
        return
    with jax.ensure_compile_time_eval():
        jacobians = _jacobians(part, slope, states)
        if method != "exact" and _is_safe(method, jacobians, dt):
            return
        elsewhere = _jacobians(part, slope, tuple(tuple(v + 1.0 for v in y) for y in states))
        is_linear = jacobians.shape[-1] <= 2 and np.array_equal(jacobians, elsewhere)
        if method == "exact" and not is_linear:
            raise CircuitError(
                "integration_type='exact' is for linear equations of one or two variables; these are not. "
                "Use 'exp_euler', or 'rk4'."
            )
        if method != "exact":
            better = "exact" if is_linear else "exp_euler" if method != "exp_euler" else "rk4"
            raise CircuitError(
                f"a step of {dt:g} ms is too long for integration_type={method!r}: use "
                f"{_longest(method, jacobians, dt)}another integrator, such as {better!r}."
            )


def _integrator(method: str) -> Callable[[Slope, State, Any], State]:
    try:
        return current().get("integrator", method)
    except PluginError as error:
        raise CircuitError(f"integration_type: {error}") from None


def _moved(y: State, *along: tuple[Any, State]) -> State:
    """y + the sum of h k."""
    for h, k in along:
        y = tuple(v + h * slope for v, slope in zip(y, k, strict=True))
    return y


def _column(f: Slope, y: State, i: int) -> State:
    """The derivatives of f by the variable i, of each unit by its own."""
    return jax.jvp(lambda v: f((*y[:i], v, *y[i + 1 :])), (y[i],), (jnp.ones_like(y[i]),))[1]


@jax.custom_jvp
def _phi(z: Any) -> Any:
    """(e^z - 1) / z."""
    small = jnp.abs(z) < 1e-30
    return jnp.where(small, 1.0, jnp.expm1(z) / jnp.where(small, 1.0, z))


@_phi.defjvp
def _(primals: Any, tangents: Any) -> tuple[Any, Any]:
    (z,), (dz,) = primals, tangents
    phi, small = _phi(z), jnp.abs(z) < SERIES
    series = 1 / 2 + z * (1 / 3 + z * (1 / 8 + z * (1 / 30 + z * (1 / 144 + z / 840))))
    return phi, jnp.where(small, series, (jnp.exp(z) - phi) / jnp.where(small, 1.0, z)) * dz


def _phi_parts(m: Any, q: Any) -> tuple[Any, Any]:
    """even and odd with ``phi(m + N) = even + odd N`` where ``N^2 = q``, smooth also where eigenvalues coincide.

    odd is the difference quotient of phi between the eigenvalues, far and near. That of exp is even + m odd, and also
    phi(near) + far odd, because ``z phi(z) = e^z - 1``.
    """
    m, q = jnp.broadcast_arrays(m, q)
    least = jnp.finfo(q.dtype).eps
    q = jnp.where(jnp.abs(q) < least, q + lax.stop_gradient(least - q), q)  # no slope of the root is infinite
    root, sign = jnp.sqrt(_complex(q)), jnp.where(m < 0, -1.0, 1.0)
    far, near = lax.complex(m + sign * root.real, root.imag), lax.complex(m - sign * root.real, -root.imag)
    gap = far - near
    close, tiny = jnp.abs(gap) < SERIES, jnp.abs(far) < SERIES
    apart = ((jnp.exp(far) - jnp.exp(near)) / jnp.where(close, 1.0, gap)).real
    of_exp = jnp.where(close, jnp.exp(m) * (1 + q / 6 * (1 + q / 20 * (1 + q / 42))), apart)
    odd = ((_complex(of_exp) - _phi(near)) / jnp.where(tiny, 1.0, far)).real
    series = 1 / 2 + m / 3 + (3 * m**2 + q) / 24 + m * (m**2 + q) / 30 + (5 * m**4 + 10 * m**2 * q + q**2) / 720
    odd = jnp.where(tiny, series, odd)
    return of_exp - m * odd, odd


def _complex(x: Any) -> Any:
    return lax.complex(x, jnp.zeros_like(x))


def _is_open(value: Any) -> bool:
    return isinstance(value, (Tracer, Initialiser))


def _jacobians(part: Part, slope: Any, states: tuple[State, ...]) -> np.ndarray:
    """The different Jacobians of all units in some states, of shape (n, k, k)."""
    k = len(states[0])
    found = [np.asarray(_jacobian(part, slope, y)).reshape(-1, k, k) for y in states]
    return np.unique(np.concatenate(found), axis=0)


@partial(jax.jit, static_argnames="slope")
def _jacobian(part: Part, slope: Any, y: State) -> jax.Array:
    y = tuple(jnp.asarray(v, float) for v in y)
    columns = [_column(partial(slope, part), y, i) for i in range(len(y))]
    entries = jnp.broadcast_arrays(*(column[i] for i in range(len(y)) for column in columns))
    return jnp.stack(entries, axis=-1)


@partial(jax.jit, static_argnames="integrator")
def _step_matrices(integrator: Callable[[Slope, State, Any], State], jacobians: jax.Array, dt: Any) -> jax.Array:
    """What one step of an integrator does to each unit vector, where f is linear."""
    n, k, _ = jacobians.shape

    def f(y: State) -> State:
        return tuple(sum(jacobians[:, i, j] * y[j] for j in range(k)) for i in range(k))

    unit_vectors = (tuple(jnp.full(n, float(i == j)) for j in range(k)) for i in range(k))
    return jnp.stack([jnp.stack(integrator(f, y, dt), axis=-1) for y in unit_vectors], axis=-1)


def _is_safe(method: str, jacobians: np.ndarray, dt: float) -> bool:
    """Whether in one step nothing grows that should decay, and nothing that decays changes its sign."""
    steps = np.asarray(_step_matrices(_integrator(method), jacobians, dt))
    if not np.isfinite(steps).all():
        return False
    factors, rates = np.linalg.eigvals(steps), np.linalg.eigvals(jacobians)
    growth = np.exp(np.minimum(dt * np.real(rates).max(axis=-1), 80.0))
    grows = np.abs(factors).max(axis=-1) > np.maximum(growth, 1.0) * (1 + 1e-4)
    overshoots = (np.abs(np.imag(factors)) < 1e-6) & (np.real(factors) < -1e-4)
    return not (grows.any() or overshoots.any())


def _longest(method: str, jacobians: np.ndarray, dt: float) -> str:
    """The longest safe step below `dt`, to three digits, in a message; empty if there is none worth naming."""
    safe, unsafe = dt / 2, dt
    while not _is_safe(method, jacobians, safe):
        safe, unsafe = safe / 2, safe
        if safe < 1e-6 * dt:
            return ""
    while unsafe > 1.00001 * safe:
        middle = (safe + unsafe) / 2
        safe, unsafe = (middle, unsafe) if _is_safe(method, jacobians, middle) else (safe, middle)
    digit = 10.0 ** (math.floor(math.log10(safe)) - 2)
    return f"dt <= {math.floor(safe / digit * (1 + 1e-9)) * digit:.3g}, or "
