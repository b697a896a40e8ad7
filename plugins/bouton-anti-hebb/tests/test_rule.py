"""The conformance tests, then the truth: the formula edge by edge, and where weights stay."""

import bouton
import jax
import numpy as np
import pytest
from bouton.testing import Full, RuleTests
from bouton_anti_hebb import AntiHebbian

STEPS = 20_000


class TestAntiHebbian(RuleTests):
    rule = AntiHebbian()
    skip = {"test_silence_changes_nothing": "the term alpha p^2 acts in every step"}


def learned(activity, p, alpha=0.01, constraints=()):
    """Weights (pre, post) after units that hear from each other were active like this, (time, unit)."""
    n = activity.shape[1]
    synapse = bouton.Synapse(Full(n, n), weights=0.0, plasticity=AntiHebbian(alpha, p), constraints=constraints)
    given = {"lateral.pre": (("time", "pre"), activity), "lateral.post": (("time", "post"), activity)}
    circuit = bouton.Circuit({"lateral": synapse})
    start = circuit.init(key=jax.random.key(0), dt=1.0)
    state, _ = bouton.scan(circuit, start, steps=len(activity), dt=1.0, inputs=given)
    return np.asarray(state["lateral"].w)


def test_change_is_that_of_the_paper():
    activity = np.random.default_rng(0).random((50, 3)) < 0.4
    expected = -0.01 * sum(np.outer(y, y) - 0.3**2 for y in activity.astype(float))
    np.testing.assert_allclose(learned(activity, p=0.3), expected, atol=1e-5)


@pytest.mark.parametrize("p", [0.1, 0.3])
def test_weights_of_independent_units_stay_on_average(p):
    activity = np.random.default_rng(1).random((STEPS, 8)) < p
    w = learned(activity, p=p, alpha=1.0 / STEPS)
    beside = w[~np.eye(8, dtype=bool)]
    error = np.sqrt(p**2 * (1 - p**2) / STEPS)  # of one weight: its steps are independent Bernoulli draws
    assert np.abs(beside).max() < 4.5 * error


def test_units_that_fire_together_come_to_inhibit_each_other():
    rng = np.random.default_rng(2)
    activity = rng.random((STEPS, 3)) < 0.2
    activity[:, 1] = np.where(rng.random(STEPS) < 0.5, activity[:, 0], activity[:, 1])
    w = learned(activity, p=0.2, alpha=1.0 / STEPS)
    together = 0.5 * 0.2 + 0.5 * 0.2**2  # probability that units 0 and 1 are active in the same step
    np.testing.assert_allclose([w[0, 1], w[1, 0]], -(together - 0.2**2), atol=0.01)
    assert abs(w[0, 2]) < 0.01


def test_clipped_weights_only_inhibit():
    activity = np.random.default_rng(3).random((500, 4)) < 0.2
    w = learned(activity, p=0.4, constraints=(bouton.Clip(None, 0.0),))
    assert w.max() <= 0 and w.min() < 0
