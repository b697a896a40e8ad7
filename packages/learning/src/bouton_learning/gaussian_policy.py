"""GaussianPolicy: actions that are drawn, and by how much each parameter would have made them more likely."""

from __future__ import annotations

import math
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from bouton import CircuitError, Component, Param, Ports, Tick, parameter, port, static
from jaxtyping import Array, Float

_LOW, _HIGH = -10.0, 2.0
"""The range of log_std."""
_FUNCTIONS = {"identity": lambda z: z, "sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh}


class GaussianPolicy(Component):
    r"""Actions from a normal distribution, and their scores (Williams, 1992).

    .. math::
        a = \mu + \sigma\,\varepsilon, \qquad \mu = f(m), \qquad
        \frac{\partial \ln p(a)}{\partial m} = \frac{a - \mu}{\sigma^2} f'(m), \qquad
        \frac{\partial \ln p(a)}{\partial \ln \sigma} = \frac{(a - \mu)^2}{\sigma^2} - 1

    with :math:`\varepsilon` drawn in each step, for each unit and each sample. :math:`\ln \sigma` is an input, clipped
    to [-10, 2], beyond which its score is 0; or :math:`\sigma` is given and is not learned. A synapse that learns
    `score_mu` times a reward, by `Hebbian` in `Modulated`, follows the gradient of the mean reward: see
    `REINFORCESynapse`.

    `low` and `high` clip the action, not what the scores are of, which stay those of the action that was drawn: so the
    gradient is not biased.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="number of actions, or the sizes of a map")
    sigma: Param | None = parameter(
        default=None, gt=0, dims="unit", doc="standard deviation; None: exp(log_std), an input"
    )
    low: Param | None = parameter(default=None, dims="unit", doc="lowest action; None: no limit")
    high: Param | None = parameter(default=None, dims="unit", doc="highest action; None: no limit")
    mean_fx: Literal["identity", "sigmoid", "tanh"] = static(default="identity", doc="f, from the input to the mean")

    class In(Ports):
        mu: Float[Array, "*batch unit"] = port(reduce="sum", doc="m, of which the mean is a function")
        log_std: Float[Array, "*batch unit"] = port(
            reduce="sum", only_if="learns_std", doc="logarithm of the standard deviation"
        )

    class Out(Ports):
        a: Float[Array, "*batch unit"] = port(doc="action")
        score_mu: Float[Array, "*batch unit"] = port(doc="derivative of the log-probability by the input mu")
        score_log_std: Float[Array, "*batch unit"] = port(
            only_if="learns_std", doc="derivative of the log-probability by the input log_std"
        )
        log_prob: Float[Array, "*batch unit"] = port(doc="log-probability of the action that was drawn")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mean_fx not in _FUNCTIONS:
            raise CircuitError(
                f"GaussianPolicy.mean_fx must be one of {', '.join(map(repr, _FUNCTIONS))}, got {self.mean_fx!r}."
            )
        known = all(isinstance(limit, (int, float, np.number, np.ndarray)) for limit in (self.low, self.high))
        if known and np.any(np.asarray(self.low) > np.asarray(self.high)):
            raise CircuitError(
                f"GaussianPolicy.low must not be above GaussianPolicy.high, got {self.low!r} and {self.high!r}."
            )

    @property
    def learns_std(self) -> bool:
        """Whether the standard deviation is an input."""
        return self.sigma is None

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        mean, slope = jax.jvp(_FUNCTIONS[self.mean_fx], (x.mu,), (jnp.ones_like(x.mu),))
        log_std = jnp.clip(x.log_std, _LOW, _HIGH) if self.sigma is None else jnp.log(self.sigma)
        std = jnp.exp(log_std)
        e = jax.random.normal(tick.key, mean.shape, mean.dtype)
        a = mean + std * e
        if self.low is not None or self.high is not None:
            a = jnp.clip(a, self.low, self.high)
        of_std: Any = None
        if self.sigma is None:
            of_std = jnp.where((x.log_std > _LOW) & (x.log_std < _HIGH), e**2 - 1.0, 0.0)
        log_prob = -0.5 * (e**2 + math.log(2.0 * math.pi)) - log_std
        return s, self.Out(a=a, score_mu=slope * e / std, score_log_std=of_std, log_prob=log_prob)
