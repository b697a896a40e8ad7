"""Error cells: how far a prediction is from its target, as the gradients of a log-likelihood; and of a reward."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from bouton import Component, Param, Ports, Tick, parameter, port, static
from jaxtyping import Array, Float

LEAST_SPREAD = 1e-6
"""A variance or scale that is wired counts as this at least, so that no gradient is infinite."""

LEAST_PROBABILITY = 1e-6
"""Probabilities nearer to 0 or 1 count as if they were so near."""


def _counted(weight: Any, *values: Any) -> tuple[jax.Array, ...]:
    """Values times their weight; where that is 0, not even an infinite error counts."""
    return tuple(jnp.where(weight == 0, 0.0, weight * v) for v in values)


def _spread(wired: Any, own: Any) -> Any:
    """The variance or scale, wired or fixed."""
    return own if wired is None else jnp.maximum(wired, LEAST_SPREAD)


class GaussianErrorCell(Component):
    r"""The error of a prediction :math:`\mu` under a Gaussian with the variance :math:`\Sigma` (Rao & Ballard, 1999).

    .. math::
        L = -\sum_i g_i m_i \Big( \frac{(\text{target}_i - \mu_i)^2}{2 \Sigma_i} + \tfrac12 \ln \Sigma_i \Big), \qquad
        \text{dmu} = \frac{\partial L}{\partial \mu} = g\,m\,\frac{\text{target} - \mu}{\Sigma}, \qquad
        \text{dtarget} = -\text{dmu}

    L is the log-likelihood of each sample up to a constant, :math:`g` the modulator and :math:`m` the mask, both 1 if
    nothing is wired. All outputs are of this step, and all gradients point uphill. dSigma is that by the variance,
    :math:`((\text{target} - \mu)^2 / \Sigma - 1) / (2 \Sigma)` with the same factors, zero in the mean where
    :math:`\Sigma` is the mean square of the errors. A wired variance below 1e-6 counts as 1e-6.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    Sigma: Param = parameter(default=1.0, gt=0, dims="unit", doc="variance, where none is wired")

    class In(Ports):
        mu: Float[Array, "*batch unit"] = port(doc="prediction")
        target: Float[Array, "*batch unit"] = port(doc="what should have been predicted")
        Sigma: Float[Array, "*batch unit"] | None = port(default=None, doc="variance, instead of the fixed one")
        modulator: Float[Array, "*batch unit"] = port(default=1.0, doc="factor on the error")
        mask: Float[Array, "*batch unit"] = port(default=1.0, doc="1 where the error counts, 0 where it does not")

    class Out(Ports):
        dmu: Float[Array, "*batch unit"] = port(doc="gradient of L by mu: the error")
        dtarget: Float[Array, "*batch unit"] = port(doc="gradient of L by target")
        dSigma: Float[Array, "*batch unit"] = port(doc="gradient of L by Sigma")
        L: Float[Array, "*batch"] = port(doc="log-likelihood of the sample")

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        error, variance = x.target - x.mu, _spread(x.Sigma, self.Sigma)
        scaled = error / variance
        dmu, dsigma, of_units = _counted(
            x.modulator * x.mask,
            scaled,
            (scaled**2 - 1 / variance) / 2,
            -(error * scaled + jnp.log(variance)) / 2,
        )
        return s, self.Out(dmu=dmu, dtarget=-dmu, dSigma=dsigma, L=of_units.sum(-1))


class LaplacianErrorCell(Component):
    r"""The error of a prediction under a Laplace distribution: its sign, so that outliers count no more than others.

    .. math::
        L = -\sum_i g_i m_i \Big( \frac{|\text{target}_i - \text{shift}_i|}{b_i} + \ln b_i \Big), \qquad
        \text{dshift} = \frac{\partial L}{\partial\,\text{shift}} = g\,m\,\frac{\mathrm{sign}(\text{target} -
        \text{shift})}{b}, \qquad \text{dtarget} = -\text{dshift}

    with the scale b, :math:`g` the modulator and :math:`m` the mask, as in `GaussianErrorCell`. dScale is the gradient
    by b, zero in the mean where b is the mean absolute error. The sign of no error is 0, and a wired scale below 1e-6
    counts as 1e-6.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    Scale: Param = parameter(default=1.0, gt=0, dims="unit", doc="scale b, where none is wired")

    class In(Ports):
        shift: Float[Array, "*batch unit"] = port(doc="prediction")
        target: Float[Array, "*batch unit"] = port(doc="what should have been predicted")
        Scale: Float[Array, "*batch unit"] | None = port(default=None, doc="scale, instead of the fixed one")
        modulator: Float[Array, "*batch unit"] = port(default=1.0, doc="factor on the error")
        mask: Float[Array, "*batch unit"] = port(default=1.0, doc="1 where the error counts, 0 where it does not")

    class Out(Ports):
        dshift: Float[Array, "*batch unit"] = port(doc="gradient of L by shift: the error")
        dtarget: Float[Array, "*batch unit"] = port(doc="gradient of L by target")
        dScale: Float[Array, "*batch unit"] = port(doc="gradient of L by Scale")
        L: Float[Array, "*batch"] = port(doc="log-likelihood of the sample")

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        error, scale = x.target - x.shift, _spread(x.Scale, self.Scale)
        scaled = jnp.abs(error) / scale
        dshift, dscale, of_units = _counted(
            x.modulator * x.mask,
            jnp.sign(error) / scale,
            (scaled - 1) / scale,
            -(scaled + jnp.log(scale)),
        )
        return s, self.Out(dshift=dshift, dtarget=-dshift, dScale=dscale, L=of_units.sum(-1))


class BernoulliErrorCell(Component):
    r"""The error of a predicted probability of a binary target.

    .. math::
        L = \sum_i g_i m_i \big( x_i \ln p_i + (1 - x_i) \ln(1 - p_i) \big), \qquad
        \text{dp} = \frac{\partial L}{\partial p} = g\,m \Big( \frac{x}{p} - \frac{1 - x}{1 - p} \Big), \qquad
        \text{dtarget} = g\,m \ln \frac{p}{1 - p}

    with the target x, :math:`g` the modulator and :math:`m` the mask, as in `GaussianErrorCell`. A p nearer to 0 or
    1 than 1e-6 counts as if it were 1e-6 away. With ``input_logits=True`` what comes in at `p` are logits a with
    :math:`p = 1 / (1 + e^{-a})`, of any size, and dp is the gradient by them: :math:`g\,m\,(x - p)`.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    input_logits: bool = static(default=False, doc="whether logits come in, rather than probabilities")

    class In(Ports):
        p: Float[Array, "*batch unit"] = port(doc="predicted probability of a 1, or its logit")
        target: Float[Array, "*batch unit"] = port(doc="what should have been predicted, 0 to 1")
        modulator: Float[Array, "*batch unit"] = port(default=1.0, doc="factor on the error")
        mask: Float[Array, "*batch unit"] = port(default=1.0, doc="1 where the error counts, 0 where it does not")

    class Out(Ports):
        dp: Float[Array, "*batch unit"] = port(doc="gradient of L by p: the error")
        dtarget: Float[Array, "*batch unit"] = port(doc="gradient of L by target")
        L: Float[Array, "*batch"] = port(doc="log-likelihood of the sample")

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        if self.input_logits:
            dp, logit = x.target - jax.nn.sigmoid(x.p), x.p
            of_one, of_zero = jax.nn.log_sigmoid(x.p), jax.nn.log_sigmoid(-x.p)
        else:
            p = jnp.clip(x.p, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
            dp, of_one, of_zero = x.target / p - (1 - x.target) / (1 - p), jnp.log(p), jnp.log1p(-p)
            logit = of_one - of_zero
        dp, dtarget, of_units = _counted(x.modulator * x.mask, dp, logit, x.target * of_one + (1 - x.target) * of_zero)
        return s, self.Out(dp=dp, dtarget=dtarget, L=of_units.sum(-1))


class RewardErrorCell(Component):
    r"""The reward prediction error: how much better it went than usual.

    .. math::
        \text{rpe} = m\,(r - \mu), \qquad \tau_\mu \frac{d\mu}{dt} = m\,(r - \mu)

    with the reward r of this step, the mask m (1 if nothing is wired), and the prediction :math:`\mu`: the running mean
    of what came before. It is one for all samples of a batch, their mean, and persists: it survives a reset, and stays
    as it is without learning.

    Rewards may be a course over time, or pulses of one step. If rewards are due in some steps only, say so by the mask:
    in the others there is no error, and the prediction stays as it is. To release `Dopamine` by what is better than
    usual, wire ``{"dopamine.payoff": "critic.rpe"}``.
    """

    n_units: int | tuple[int, ...] = static(default=1, dim="unit", doc="number of reward signals")
    tau_mu: Param = parameter(default=1000.0, unit="ms", gt=0, dims="unit", doc="time constant of the prediction")

    class In(Ports):
        reward: Float[Array, "*batch unit"] = port(reduce="sum", doc="reward of this step")
        mask: Float[Array, "*batch unit"] = port(default=1.0, doc="1 where a reward is due, 0 where none is")

    class State(Ports):
        mu: Float[Array, " unit"] = port(persist=True, doc="predicted reward")

    class Out(Ports):
        rpe: Float[Array, "*batch unit"] = port(doc="reward prediction error")

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        rpe = x.mask * (x.reward - s.mu)
        change = rpe.mean(tuple(range(len(tick.batch))))
        return self.State(mu=s.mu - jnp.expm1(-tick.dt / self.tau_mu) * change), self.Out(rpe=rpe)
