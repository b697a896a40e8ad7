"""GaussianPolicy: its distribution, its scores by autodiff, and its limits."""

from typing import ClassVar

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import CircuitError
from bouton.testing import ComponentTests
from bouton_learning import GaussianPolicy


class TestGaussianPolicy(ComponentTests):
    component = GaussianPolicy(3)
    inputs: ClassVar = {"mu": (-2.0, 2.0), "log_std": (-12.0, 4.0)}


class TestGaussianPolicyWithinLimits(ComponentTests):
    component = GaussianPolicy((2, 2), sigma=0.5, low=-0.5, high=0.5, mean_fx="tanh")
    inputs: ClassVar = {"mu": (-2.0, 2.0)}


def act(policy, **inputs):
    """Outputs of one step; the first axis of each input is the batch."""
    circuit = bouton.Circuit({"policy": policy})
    batch = (len(inputs["mu"]),)
    state = circuit.init(key=jax.random.key(0), dt=1.0, batch=batch)
    feeds = {f"policy.{name}": jnp.asarray(value, float) for name, value in inputs.items()}
    return circuit.step(state, bouton.Tick(step=0, dt=1.0, key=jax.random.key(1), batch=batch), feeds)[1]["policy"]


def test_actions_have_the_mean_and_the_standard_deviation():
    """Of 40,000 samples: three standard errors, which are sigma / 200 of the mean and sigma / 283 of the deviation."""
    out = act(GaussianPolicy(2), mu=np.tile([1.0, -2.0], (40_000, 1)), log_std=np.tile([0.0, -1.0], (40_000, 1)))
    sigma = np.exp([0.0, -1.0])
    np.testing.assert_array_less(abs(np.mean(out.a, 0) - np.array([1.0, -2.0])), 3 * sigma / 200)
    np.testing.assert_array_less(abs(np.std(out.a, 0) - sigma), 3 * sigma / 283)
    assert abs(np.corrcoef(np.asarray(out.a).T)[0, 1]) < 3 / 200


@pytest.mark.parametrize("fx", ["identity", "sigmoid", "tanh"])
def test_scores_are_the_gradient_of_the_log_probability(fx):
    """By autodiff, at the action that was drawn; the score of log_std is 0 outside of [-10, 2]."""
    f = {"identity": lambda z: z, "sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh}[fx]
    m, log_std = np.meshgrid([-1.0, 0.0, 0.7], [-11.0, -1.0, 0.0, 1.5, 2.5])
    m, log_std = (jnp.asarray(v.reshape(-1, 1), float) for v in (m, log_std))
    out = act(GaussianPolicy(1, mean_fx=fx), mu=m, log_std=log_std)
    inside = np.asarray(log_std > -5.0)  # below, the action minus the mean has no digits left in float32

    def log_p(m, log_std):
        return jax.scipy.stats.norm.logpdf(out.a, f(m), jnp.exp(jnp.clip(log_std, -10.0, 2.0)))

    by_m, by_std = jax.grad(lambda *x: log_p(*x).sum(), (0, 1))(m, log_std)
    np.testing.assert_allclose(out.log_prob[inside], log_p(m, log_std)[inside], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(out.score_mu[inside], by_m[inside], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(out.score_log_std[inside], by_std[inside], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(out.score_log_std[np.asarray((log_std < -10.0) | (log_std > 2.0))], 0.0)


def test_limits_clip_the_action_and_not_its_score():
    mu = np.zeros((200, 1))
    free, within = (act(GaussianPolicy(1, sigma=2.0, **limits), mu=mu) for limits in ({}, {"low": -1.0, "high": 0.5}))
    np.testing.assert_array_equal(within.a, np.clip(free.a, -1.0, 0.5))
    np.testing.assert_allclose(within.score_mu, free.a / 4.0, rtol=1e-5)
    np.testing.assert_array_equal(act(GaussianPolicy(1, sigma=2.0, low=0.0), mu=mu).a, np.maximum(free.a, 0.0))


def test_absurd_inputs_make_no_nan():
    out = act(GaussianPolicy(4, mean_fx="tanh"), mu=[[1e30, -1e30, 0.0, 0.0]], log_std=[[0.0, 0.0, 1e30, -1e30]])
    for values in (out.a, out.score_mu, out.score_log_std, out.log_prob):
        assert np.isfinite(values).all()


def test_an_unknown_function_of_the_mean():
    with pytest.raises(CircuitError, match=r"mean_fx must be one of 'identity', 'sigmoid', 'tanh', got 'relu'"):
        GaussianPolicy(1, mean_fx="relu")


def test_limits_in_the_wrong_order():
    with pytest.raises(CircuitError, match=r"GaussianPolicy\.low must not be above GaussianPolicy\.high"):
        GaussianPolicy(1, low=1.0, high=0.0)
