"""Bounds of the rules: their factors, and what becomes of weights under them."""

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton_learning import (
    Bounds,
    HardBound,
    InhibitorySTDP,
    MagnitudeBound,
    SoftBound,
    TraceSTDP,
    TripletSTDP,
)

W = np.array([-0.5, 0.0, 0.25, 1.0, 2.0, 3.0])
ROOM = {
    "soft": (SoftBound(0.0, 2.0, 0.5), np.clip(2 - W, 0, None) ** 0.5, np.clip(W, 0, None) ** 0.5),
    "soft, above zero": (SoftBound(0.25, 2.0, 2.0), np.clip(2 - W, 0, None) ** 2, np.clip(W - 0.25, 0, None) ** 2),
    "soft, two-sided": (SoftBound(0.0, 2.0, two_sided=True), *[np.clip(2 - W, 0, None) * np.clip(W, 0, None)] * 2),
    "hard": (HardBound(0.0, 2.0), W < 2, W > 0),
    "hard, two-sided": (HardBound(0.0, 2.0, two_sided=True), *[(W < 2) & (W > 0)] * 2),
    "magnitude": (MagnitudeBound(2.0), *[np.clip(2 - abs(W), 0, None)] * 2),
    "one of each": (Bounds(SoftBound(0.0, 2.0), HardBound(0.0, 2.0)), np.clip(2 - W, 0, None), W > 0),
    "none above": (Bounds(negative=SoftBound()), np.ones(6), np.clip(W, 0, None)),
}


@pytest.mark.parametrize(("bound", "grow", "shrink"), ROOM.values(), ids=ROOM)
def test_factors(bound, grow, shrink):
    np.testing.assert_allclose(jnp.broadcast_to(bound.grow(jnp.asarray(W)), W.shape), grow, rtol=1e-6)
    np.testing.assert_allclose(jnp.broadcast_to(bound.shrink(jnp.asarray(W)), W.shape), shrink, rtol=1e-6)
    assert np.isfinite(jax.jacobian(bound.grow)(jnp.asarray(W))).all()


def test_one_event_at_the_lowest_weight_grows_by_all_the_room(weights, at):
    rule = TraceSTDP(a_plus=0.1, a_minus=0.1, read="after", bound=SoftBound(-1.0, 2.0, 1.5))
    up = weights(rule.replace(a_minus=0.0), at(1, 0), at(1, 0), w=-1.0)[0, 0, 0]
    down = weights(rule.replace(a_plus=0.0), at(1, 0), at(1, 0), w=2.0)[0, 0, 0]
    np.testing.assert_allclose([up, down], [-1 + 0.1 * 3**1.5, 2 - 0.1 * 3**1.5], rtol=1e-6)


ROOMY, SET = {"bound": SoftBound(0.2, 0.9)}, {"trace": "set"}
IN_RANGE = {
    "trace STDP, soft": (TraceSTDP(a_plus=0.2, a_minus=0.2, **ROOMY, **SET), 0.0),
    "trace STDP, hard": (TraceSTDP(a_plus=0.02, a_minus=0.02, bound=HardBound(0.2, 0.9), **SET), 0.04),
    "triplets, soft": (
        TripletSTDP(a2_plus=0.1, a3_plus=0.1, a2_minus=0.1, a3_minus=0.1, tau_x=50.0, tau_y=50.0, **ROOMY, **SET),
        0.0,
    ),
    "inhibition, soft": (InhibitorySTDP(eta=0.1, rho=80.0, **ROOMY, **SET), 0.0),
}


@pytest.mark.parametrize(("rule", "beyond"), IN_RANGE.values(), ids=IN_RANGE)
def test_weights_stay_in_range_and_leave_both_ends_again(rule, beyond, weights, poisson):
    """1e5 random events without any `Clip`; hard bounds let the last step through, which is `beyond` at most."""
    start = np.linspace(0.2, 0.9, 40).reshape(8, 5)
    start[0], start[-1] = 0.2, 0.9
    pre, post = poisson(0.2, 12_500, 8, 0), poisson(0.2, 12_500, 5, 1)
    assert pre.sum() * 5 + post.sum() * 8 > 1e5
    series = weights(rule, pre, post, w=start)
    assert series.min() >= np.float32(0.2) - beyond - 1e-6 and series.max() <= np.float32(0.9) + beyond + 1e-6
    assert (series[:, 0].max(0) > 0.5).all() and (series[:, -1].min(0) < 0.6).all()
    clipped = weights(rule, pre, post, w=start, constraints=[bouton.Clip(0.2, 0.9)])
    assert clipped.min() >= np.float32(0.2) and clipped.max() <= np.float32(0.9)


def test_two_sided_bounds_hold_what_has_reached_an_end(weights, at):
    for bound in (SoftBound(two_sided=True), HardBound(two_sided=True)):
        rule = TraceSTDP(a_plus=0.1, a_minus=0.3, read="after", bound=bound)
        for end in (0.0, 1.0):
            assert (weights(rule, at(4, 0, 2), at(4, 1, 3), w=end) == end).all()


def test_the_equilibrium_of_soft_bounds(weights):
    """With equal numbers of both events w rests at (A+ w_max + A- w_min) / (A+ + A-)."""
    busy = np.ones((3000, 1))
    rule = TraceSTDP(a_plus=0.03, a_minus=0.01, trace="set", read="after", bound=SoftBound(-1.0, 2.0))
    np.testing.assert_allclose(weights(rule, busy, busy)[-1], (0.03 * 2 - 0.01) / 0.04, rtol=1e-4)


def test_what_is_no_bound():
    with pytest.raises(
        bouton.CircuitError, match=r"^Bounds\.positive must be a bound such as SoftBound\(\), or None, got 3"
    ):
        Bounds(positive=3)  # type: ignore[reportArgumentType]
