"""The error cells against the densities of SciPy and gradients by automatic differentiation; rewards in closed form."""

from typing import ClassVar

import bouton
import jax
import numpy as np
import pytest
from bouton.testing import ComponentTests
from bouton_cells import BernoulliErrorCell, GaussianErrorCell, LaplacianErrorCell, RewardErrorCell
from scipy import stats
from scipy.special import expit

BOTH = {"modulator": (0.5, 2.0), "mask": (0.0, 1.0)}


class TestGaussianErrorCell(ComponentTests):
    component = GaussianErrorCell((2, 2))
    inputs: ClassVar = {"Sigma": (0.5, 2.0), **BOTH}


class TestLaplacianErrorCell(ComponentTests):
    component = LaplacianErrorCell(4)
    inputs: ClassVar = {"Scale": (0.5, 2.0), **BOTH}


class TestBernoulliErrorCell(ComponentTests):
    component = BernoulliErrorCell(4)
    inputs: ClassVar = {"p": (0.05, 0.95), **BOTH}


class TestRewardErrorCell(ComponentTests):
    component = RewardErrorCell(2, tau_mu=5.0)


def outputs(cell, **inputs):
    """The outputs of one step for a batch of samples."""
    batch = np.broadcast_shapes(*(np.shape(v) for v in inputs.values()))[:-1]
    circuit = bouton.Circuit({"e": cell})
    state = circuit.init(key=jax.random.key(0), dt=1.0, batch=batch)
    given = {f"e.{name}": value for name, value in inputs.items()}
    return circuit.step(state, bouton.Tick(step=0, dt=1.0, batch=batch), given)[1]["e"]


RNG = np.random.default_rng(0)
SHAPE = (7, 5)  # samples, units
TARGET, GUESS = RNG.normal(size=(2, *SHAPE))
SPREAD, MODULATOR = RNG.uniform(0.3, 3.0, (2, *SHAPE))
MASK = RNG.integers(0, 2, SHAPE).astype(float)
LABEL, P = RNG.integers(0, 2, SHAPE).astype(float), RNG.uniform(0.01, 0.99, SHAPE)
LOGIT = np.log(P / (1 - P))
# cell, its inputs, the density of each unit, the compartment of each gradient
CELLS = {
    "Gaussian": (
        GaussianErrorCell(5),
        {"mu": GUESS, "target": TARGET, "Sigma": SPREAD},
        stats.norm.logpdf(TARGET, GUESS, np.sqrt(SPREAD)) + np.log(2 * np.pi) / 2,
        {"mu": "dmu", "target": "dtarget", "Sigma": "dSigma"},
    ),
    "Laplacian": (
        LaplacianErrorCell(5),
        {"shift": GUESS, "target": TARGET, "Scale": SPREAD},
        stats.laplace.logpdf(TARGET, GUESS, SPREAD) + np.log(2),
        {"shift": "dshift", "target": "dtarget", "Scale": "dScale"},
    ),
    "Bernoulli": (
        BernoulliErrorCell(5),
        {"p": P, "target": LABEL},
        stats.bernoulli.logpmf(LABEL, P),
        {"p": "dp", "target": "dtarget"},
    ),
    "logits": (
        BernoulliErrorCell(5, input_logits=True),
        {"p": LOGIT, "target": LABEL},
        stats.bernoulli.logpmf(LABEL, P),
        {"p": "dp", "target": "dtarget"},
    ),
}


@pytest.mark.parametrize("name", CELLS)
def test_the_likelihood_is_that_of_the_density_and_the_errors_are_its_gradients(name):
    cell, inputs, density, gradients = CELLS[name]
    with jax.enable_x64(True):
        weights = {"modulator": MODULATOR, "mask": MASK}
        out = outputs(cell, **inputs, **weights)
        np.testing.assert_allclose(out.L, (MODULATOR * MASK * density).sum(-1), rtol=1e-9)
        slopes = jax.grad(lambda inputs: outputs(cell, **inputs, **weights).L.sum())(inputs)
        for source, gradient in gradients.items():
            np.testing.assert_allclose(getattr(out, gradient), slopes[source], rtol=1e-9, atol=1e-12)
        alone = outputs(cell, **inputs)
        np.testing.assert_allclose(alone.L, density.sum(-1), rtol=1e-9)


def test_the_errors_in_closed_form():
    """With one variance or scale for each unit, and for all samples."""
    error, spread = TARGET - GUESS, SPREAD[0]
    out = outputs(GaussianErrorCell(5, Sigma=spread), mu=GUESS, target=TARGET, modulator=MODULATOR, mask=MASK)
    np.testing.assert_allclose(out.dmu, MODULATOR * MASK * error / spread, rtol=1e-5)
    np.testing.assert_array_equal(out.dtarget, -out.dmu)
    np.testing.assert_allclose(
        out.dSigma, MODULATOR * MASK * (error**2 / spread - 1) / (2 * spread), rtol=1e-4, atol=1e-6
    )
    out = outputs(LaplacianErrorCell(5, Scale=spread), shift=GUESS, target=TARGET)
    np.testing.assert_allclose(out.dshift, np.sign(error) / spread, rtol=1e-6)
    np.testing.assert_array_equal(out.dtarget, -out.dshift)
    np.testing.assert_allclose(out.dScale, (np.abs(error) / spread - 1) / spread, rtol=1e-4, atol=1e-6)
    out = outputs(BernoulliErrorCell(5), p=P, target=LABEL)
    np.testing.assert_allclose(out.dp, LABEL / P - (1 - LABEL) / (1 - P), rtol=1e-4)
    np.testing.assert_allclose(out.dtarget, LOGIT, rtol=1e-4, atol=1e-5)
    out = outputs(BernoulliErrorCell(5, input_logits=True), p=LOGIT, target=LABEL, mask=MASK)
    np.testing.assert_allclose(out.dp, MASK * (LABEL - expit(LOGIT)), rtol=1e-4)


def test_the_gradient_by_a_spread_vanishes_where_the_spread_is_that_of_the_errors():
    with jax.enable_x64(True):
        error = TARGET - GUESS
        out = outputs(GaussianErrorCell(5, Sigma=(error**2).mean(0)), mu=GUESS, target=TARGET)
        np.testing.assert_allclose(out.dSigma.mean(0), 0, atol=1e-12)
        out = outputs(LaplacianErrorCell(5, Scale=np.abs(error).mean(0)), shift=GUESS, target=TARGET)
        np.testing.assert_allclose(out.dScale.mean(0), 0, atol=1e-12)


def test_without_an_error_there_is_none():
    for cell, guess in ((GaussianErrorCell(5), "mu"), (LaplacianErrorCell(5), "shift")):
        out = outputs(cell, **{guess: TARGET}, target=TARGET)
        for values in (getattr(out, f"d{guess}"), out.dtarget, out.L):
            np.testing.assert_array_equal(values, 0)


@pytest.mark.parametrize("name", CELLS)
def test_nothing_makes_a_nan_and_what_is_masked_does_not_count(name):
    """Huge and equal values, spreads and probabilities of 0 and below: all with all. A binary target is 0 to 1."""
    cell, inputs, _, gradients = CELLS[name]
    extremes = np.array([-1e30, -1.0, 0.0, 1.0, 1e30])
    of_inputs = [
        np.linspace(0, 1, 5) if name in ("Bernoulli", "logits") and i == "target" else extremes for i in inputs
    ]
    grid = np.stack(np.meshgrid(*of_inputs, indexing="ij")).reshape(len(inputs), -1, 5)
    for mask in (1.0, 0.0):
        out = outputs(cell, **dict(zip(inputs, grid, strict=True)), mask=mask)
        for values in (out.L, *(getattr(out, g) for g in gradients.values())):
            assert not np.isnan(values).any()
            assert mask or not np.asarray(values).any()


def test_certain_predictions_have_finite_errors():
    out = outputs(BernoulliErrorCell(4), p=[[0.0, 1.0, 0.0, 1.0]], target=[[1.0, 0.0, 0.0, 1.0]])
    np.testing.assert_allclose(out.dp, [[1e6, -1e6, -1, 1]], rtol=0.1)
    logits = [[-1e4, 1e4, -1e4, 1e4]]
    out = outputs(BernoulliErrorCell(4, input_logits=True), p=logits, target=[[1.0, 0.0, 0.0, 1.0]])
    np.testing.assert_allclose(out.dp, [[1, -1, 0, 0]])
    np.testing.assert_allclose(out.L, [-2e4])


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (GaussianErrorCell(2, Sigma=0.0), r"e\.Sigma must be > 0, got 0"),
        (LaplacianErrorCell(2, Scale=[1.0, -2.0]), r"e\.Scale\[1\] must be > 0, got -2"),
        (RewardErrorCell(tau_mu=0.0), r"e\.tau_mu must be > 0 ms, got 0"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_bad_parameters_are_said_when_built(cell, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit({"e": cell})


# ---- rewards ---------------------------------------------------------------------------------------------------------


def play(circuit, state, rewards, *, dt=1.0, batch=(), mask=None, learn=True):
    """State and errors (step, *batch, unit) for rewards of each step."""
    errors = []
    step = jax.jit(circuit.step, static_argnums=3)
    for i, reward in enumerate(rewards):
        given = {"e.reward": np.broadcast_to(reward, (*batch, 2))}
        if mask is not None:
            given["e.mask"] = mask[i]
        state, out = step(state, bouton.Tick(step=i, dt=dt, batch=batch), given, learn)
        errors.append(out["e"].rpe)
    return state, np.array(errors)


@pytest.mark.parametrize("dt", [2.0, 0.5])
def test_what_is_always_so_is_soon_expected(dt):
    """The error of a constant reward r fades as r e^(-t / tau)."""
    circuit = bouton.Circuit({"e": RewardErrorCell(2, tau_mu=[30.0, 5.0])})
    n = round(20 / dt)
    _, errors = play(circuit, circuit.init(key=jax.random.key(0), dt=dt), [np.array([3.0, -1.0])] * n, dt=dt)
    t = dt * np.arange(n)[:, None]
    np.testing.assert_allclose(errors, [3.0, -1.0] * np.exp(-t / [30.0, 5.0]), rtol=1e-5)


def test_where_no_reward_is_due_there_is_no_error_and_the_prediction_stays():
    circuit = bouton.Circuit({"e": RewardErrorCell(2, tau_mu=4.0)})
    state = circuit.init(key=jax.random.key(0), dt=1.0)
    mask = np.array([1.0, 0, 0, 1, 0, 1])
    _, errors = play(circuit, state, mask, mask=mask)
    np.testing.assert_allclose(errors[:, 0], [1, 0, 0, np.exp(-0.25), 0, np.exp(-0.5)], rtol=1e-5)


def test_the_prediction_is_one_for_a_batch_and_persists():
    circuit = bouton.Circuit({"e": RewardErrorCell(2, tau_mu=1.0)})
    state = circuit.init(key=jax.random.key(0), dt=1.0, batch=3)
    rewards = np.array([[1.0, 0.0], [2.0, 0.0], [6.0, -3.0]])
    tick = bouton.Tick(step=0, dt=1.0, batch=(3,), batch_reduce="sum")
    state, out = circuit.step(state, tick, {"e.reward": rewards})
    np.testing.assert_allclose(out["e"].rpe, rewards)
    expected = (1 - np.exp(-1)) * np.array([3.0, -1.0])
    np.testing.assert_allclose(state["e"].mu, expected, rtol=1e-5)
    state = circuit.reset(state, key=jax.random.key(1), dt=1.0, batch=2)
    state, errors = play(circuit, state, [0.0, 0.0], batch=(2,), learn=False)
    np.testing.assert_allclose(errors, np.broadcast_to(-expected, (2, 2, 2)), rtol=1e-5)
