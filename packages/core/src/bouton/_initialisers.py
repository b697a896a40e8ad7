"""Initialisers: how weights, start values and distributed parameters are drawn from a key and a shape."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from ._errors import CircuitError
from ._module import Module, Param, ParameterSpec, parameter, spec_of, static


class Initialiser(Module):
    """A frozen value that is called as ``initialiser(key, shape, fan_in=n)`` and returns an array of that shape.

    `fan_in` is known where weights are drawn, and is given to those that ask for it (`needs_fan_in`): for each weight
    the number of synapses that end on its post-synaptic unit, as a number or an array that broadcasts to `shape`.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        for f in dataclasses.fields(self):
            if isinstance(spec_of(f), ParameterSpec) and isinstance(getattr(self, f.name), Initialiser):
                raise CircuitError(f"{type(self).__name__}.{f.name} must be a number, got {getattr(self, f.name)!r}.")

    @property
    def needs_fan_in(self) -> bool:
        """Whether it is to be given `fan_in`."""
        return False

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
        check_order(self)

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


class _FanIn(Initialiser):
    @property
    def needs_fan_in(self) -> bool:
        return True

    def _root(self, fan_in: Any) -> jax.Array:
        if fan_in is None:
            raise CircuitError(f"{type(self).__name__} draws weights: no fan-in is known here.")
        return jnp.sqrt(jnp.maximum(fan_in, 1.0))


class FanInUniform(_FanIn):
    r"""Uniform on ``scale * [-1, 1) / sqrt(fan_in)``, with the number of synapses that end on the post-synaptic unit.

    .. math:: w_{ij} \sim \mathcal U\Bigl(-\frac{\text{scale}}{\sqrt{n_j}}, \frac{\text{scale}}{\sqrt{n_j}}\Bigr)

    :math:`n_j` is that of the very unit where the topology connects units unequally. A weight that many edges share,
    as in a convolution, takes the largest number of synapses of any unit. (Y. LeCun, L. Bottou, G. Orr and
    K.-R. Müller, "Efficient BackProp", 1998.)
    """

    scale: Param = parameter(default=1.0, gt=0, doc="half width at a fan-in of one")

    def __call__(self, key: Any, shape: tuple[int, ...], *, fan_in: Any = None) -> jax.Array:
        return self.scale * jax.random.uniform(key, shape, minval=-1.0) / self._root(fan_in)


class FanInGaussian(_FanIn):
    """Normal with mean 0 and standard deviation ``scale / sqrt(fan_in)``; the fan-in is that of `FanInUniform`."""

    scale: Param = parameter(default=1.0, gt=0, doc="standard deviation at a fan-in of one")

    def __call__(self, key: Any, shape: tuple[int, ...], *, fan_in: Any = None) -> jax.Array:
        return self.scale * jax.random.normal(key, shape) / self._root(fan_in)


class Eye(Initialiser):
    """One value on the diagonal of a matrix, another beside it; ``Eye(0.0, w)`` connects all but self."""

    diagonal: Param = parameter(default=1.0, doc="value on the diagonal")
    off_diagonal: Param = parameter(default=0.0, doc="value beside it")

    def __call__(self, key: Any, shape: tuple[int, ...], *, fan_in: Any = None) -> jax.Array:
        _check_matrix(self, shape)
        return jnp.where(jnp.eye(*shape, dtype=bool), self.diagonal, self.off_diagonal).astype(jnp.zeros(()).dtype)


class _Around(Initialiser):
    """What changes the values of another initialiser; a number or an array will do for that one, too."""

    inner: Initialiser | Any

    def __post_init__(self) -> None:
        super().__post_init__()
        vars(self)["inner"] = as_initialiser(self.inner, f"{type(self).__name__}.inner")

    @property
    def needs_fan_in(self) -> bool:
        return self.inner.needs_fan_in


class Hollow(_Around):
    """The values of another initialiser, with zeros on the diagonal ``w[i, i]`` of a matrix, square or not.

    These are start values: a rule may fill the diagonal. That no unit is ever connected with itself is a matter of the
    topology.
    """

    def __call__(self, key: Any, shape: tuple[int, ...], *, fan_in: Any = None) -> jax.Array:
        _check_matrix(self, shape)
        return jnp.where(jnp.eye(*shape, dtype=bool), 0.0, self.inner(key, shape, fan_in=fan_in))


class Triangle(_Around):
    """The values of another initialiser in one triangle of a matrix (pre, post), square or not, and zeros in the other.

    The lower triangle has the weights ``w[i, j]`` with i >= j, the upper one those with i <= j. As with `Hollow`, these
    are start values.
    """

    side: Literal["lower", "upper"] = static(default="lower", doc="which triangle has values")
    diagonal: bool = static(default=True, doc="whether the diagonal belongs to it")

    def __call__(self, key: Any, shape: tuple[int, ...], *, fan_in: Any = None) -> jax.Array:
        _check_matrix(self, shape)
        values = self.inner(key, shape, fan_in=fan_in)
        inward = 0 if self.diagonal else 1
        return jnp.tril(values, -inward) if self.side == "lower" else jnp.triu(values, inward)


_FUNCTIONS = {
    "identity": lambda values: values,
    "abs": jnp.abs,
    "ceil": jnp.ceil,
    "exp": jnp.exp,
    "floor": jnp.floor,
    "relu": jax.nn.relu,
    "round": jnp.round,
    "sigmoid": jax.nn.sigmoid,
    "square": jnp.square,
    "tanh": jnp.tanh,
}


class Scaled(_Around):
    r"""The values of another initialiser, through a function, stretched and shifted.

    .. math:: w = \text{scale} \cdot f(\text{inner}) + \text{offset}

    Functions have names, so that a model file stays data. To have no weights at all beside the shifted ones, thin out
    last: ``Thinned(Scaled(...), density)``.
    """

    scale: Param = parameter(default=1.0, doc="factor")
    offset: Param = parameter(default=0.0, doc="what is added in the end")
    function: Literal["identity", "abs", "ceil", "exp", "floor", "relu", "round", "sigmoid", "square", "tanh"] = static(
        default="identity", doc="f, applied first"
    )

    def __call__(self, key: Any, shape: tuple[int, ...], *, fan_in: Any = None) -> jax.Array:
        return self.scale * _FUNCTIONS[self.function](self.inner(key, shape, fan_in=fan_in)) + self.offset


class Bounded(_Around):
    """The values of another initialiser, those beyond a bound set to it; None leaves that side open."""

    low: Param | None = parameter(default=None, doc="lowest value")
    high: Param | None = parameter(default=None, doc="highest value")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_order(self)

    def __call__(self, key: Any, shape: tuple[int, ...], *, fan_in: Any = None) -> jax.Array:
        return jnp.clip(self.inner(key, shape, fan_in=fan_in), self.low, self.high)


class Thinned(_Around):
    """The values of another initialiser in a random part of the entries, zeros in all others.

    Of n entries ``int(n * density)`` are kept, drawn without replacement; with ``exact=False`` each is kept with the
    probability `density`. A fan-in counts those that are kept on average.

    These are start values: a rule may fill the zeros, and they take memory and time as all others do. A structure
    that stays belongs to the topology.
    """

    density: float = static(default=0.1, doc="part of the entries that are kept, 0 to 1")
    exact: bool = static(default=True, doc="whether just so many are kept, rather than each with this probability")

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.density, (int, float)) and not 0 <= self.density <= 1:
            raise CircuitError(f"Thinned.density must be a number from 0 to 1, got {self.density:g}.")

    def __call__(self, key: Any, shape: tuple[int, ...], *, fan_in: Any = None) -> jax.Array:
        of_values, of_places = jax.random.split(key)
        values = self.inner(of_values, shape, fan_in=None if fan_in is None else self.density * fan_in)
        if self.exact:
            n = math.prod(shape)
            count = int(round(n * self.density, 6))  # 0.29 of 100 are 29, and not 28.999999999999996
            kept = jax.random.permutation(of_places, n).reshape(shape) < count
        else:
            kept = jax.random.bernoulli(of_places, self.density, shape)
        return jnp.where(kept, values, 0.0)


def check_order(module: Any) -> None:
    """Raise `CircuitError` where `low` is above `high`; None and tracers pass."""
    low, high = module.low, module.high
    known = (float, np.ndarray, jax.Array)
    if any(isinstance(v, jax.core.Tracer) or not isinstance(v, known) for v in (low, high)):
        return
    wrong = np.argwhere(np.asarray(low > high))
    if len(wrong):
        name, at = type(module).__name__, tuple(wrong[0])
        low, high = (np.broadcast_to(v, np.broadcast_shapes(np.shape(low), np.shape(high)))[at] for v in (low, high))
        raise CircuitError(f"{name}.low must not be above {name}.high, got {low:g} and {high:g}.")


def _check_matrix(initialiser: Initialiser, shape: tuple[int, ...]) -> None:
    if len(shape) != 2:
        name = type(initialiser).__name__
        raise CircuitError(f"{name} makes a matrix (pre, post), but the weights have the shape {shape}.")


def as_initialiser(value: Any, name: str) -> Initialiser:
    """Numbers, arrays and initialisers alike; `name` is for the message."""
    if isinstance(value, Initialiser):
        return value
    if isinstance(value, (np.ndarray, jax.Array, list, tuple)) and np.ndim(value):  # type: ignore[arg-type]
        return Given(value if isinstance(value, jax.Array) else np.asarray(value, float))
    if isinstance(value, (int, float, np.number, np.ndarray, jax.Array)) and not isinstance(value, bool):
        return Constant(value)
    raise CircuitError(f"{name} must be a number, an array or an initialiser, got {value!r}.")
