"""Schedules in closed form."""

import math

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import ExponentialDecay, InverseDecay, LinearDecay, Schedule, Steady, as_schedule

FORMULAS = {
    Steady(0.3): lambda t: 0.3,
    ExponentialDecay(0.5, 100.0, 0.1): lambda t: max(0.5 * math.exp(-t / 100), 0.1),
    LinearDecay(0.5, 0.2, 50): lambda t: 0.5 - 0.3 * min(t / 50, 1),
    LinearDecay(0.1, 0.9, 10): lambda t: 0.1 + 0.8 * min(t / 10, 1),
    InverseDecay(): lambda t: 1 / (1 + t),
    InverseDecay(0.5, 30.0, 0.05): lambda t: max(0.5 / (1 + t / 30), 0.05),
}


@pytest.mark.parametrize("schedule", FORMULAS, ids=repr)
def test_a_number_for_each_step(schedule: Schedule) -> None:
    t = jnp.array([0, 1, 7, 60, 10**6])
    expected = [FORMULAS[schedule](int(k)) for k in t]
    np.testing.assert_allclose(jnp.broadcast_to(schedule(t), t.shape), expected, rtol=1e-5)
    assert schedule(0).dtype == jnp.float32
    with jax.enable_x64(True):
        assert schedule(0).dtype == jnp.float64


def test_a_schedule_is_a_value_whose_numbers_are_traced() -> None:
    assert LinearDecay(0.5, 0.2, 50) == LinearDecay(0.5, 0.2, 50) != LinearDecay(0.5, 0.2, 60)
    slope = jax.grad(lambda s: s(50))(ExponentialDecay(0.5, 100.0))
    np.testing.assert_allclose(slope.start, math.exp(-0.5), rtol=1e-5)


def test_numbers_will_do() -> None:
    assert as_schedule(0.2, "x.eta") == Steady(0.2)
    assert as_schedule(np.float32(1.0), "x.eta") == Steady(1.0)
    assert as_schedule(InverseDecay(), "x.eta") == InverseDecay()
    for wrong in (True, "0.2", None, np.zeros(2)):
        with pytest.raises(
            bouton.CircuitError, match=r"x\.eta must be a number or a schedule such as ExponentialDecay"
        ):
            as_schedule(wrong, "x.eta")
