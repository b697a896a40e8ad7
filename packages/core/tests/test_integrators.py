"""Integrators beside closed forms, SciPy's solver and matrix exponential; steps that are too long are refused."""

import re
from typing import Any

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import CircuitError, PluginSet, check_integration, integrate, static
from scipy.integrate import solve_ivp
from scipy.linalg import expm

ORDERS = {"euler": 1, "exp_euler": 1, "midpoint": 2, "rk2": 2, "heun": 2, "ralston": 2, "rk4": 4}
METHODS = (*ORDERS, "exact")


def run(method, f, y, steps, dt):
    """y after so many steps; steps and dt may be traced, so that each method is compiled once."""
    y = tuple(jnp.asarray(v, float) for v in y)
    return jax.lax.fori_loop(0, steps, lambda _, y: integrate(method, f, y, dt), y)


# ---- one step --------------------------------------------------------------------------------------------------------


def test_all_are_registered_under_their_names():
    assert {e.name for e in bouton.components("integrator")} >= set(METHODS)
    assert PluginSet.discover().get("integrator", "rk2") is PluginSet.discover().get("integrator", "midpoint")


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("euler", 1.5),
        ("midpoint", 1 + 1.25**2 / 2),
        ("heun", 1 + (1 + 1.5**2) / 4),
        ("ralston", 1 + (1 / 3 + 2 / 3 * 1.375**2) / 2),
        ("rk4", 1 + (1 + 2 * 1.25**2 + 2 * (k3 := 1 + 1.25**2 / 4) ** 2 + (1 + k3**2 / 2) ** 2) / 12),
        ("exp_euler", 1 + (np.e - 1) / 2),
    ],
)
def test_one_step_of_a_parabola_by_hand(method, expected):
    """y' = y^2 from 1, with a step of 1/2."""
    np.testing.assert_allclose(integrate(method, lambda y: (y[0] ** 2,), (jnp.ones(()),), 0.5)[0], expected, rtol=1e-6)


def test_orders_beside_an_independent_solver():
    """FitzHugh and Nagumo's equations: all variables of a step advance together, or the order would be 1."""

    def f(y):
        return (3 * (y[0] - y[0] ** 3 / 3 - y[1] + 0.4), y[0] + 0.7 - 0.8 * y[1])

    solved = solve_ivp(lambda t, y: f(y), (0, 2), [-1.0, 1.0], rtol=1e-12, atol=1e-12, method="DOP853").y[:, -1]
    with jax.enable_x64(True):
        for method, order in ORDERS.items():
            advance = jax.jit(lambda steps, dt, method=method: run(method, f, (-1.0, 1.0), steps, dt))
            errors = [np.abs(np.array(advance(n, 2 / n)) - solved).max() for n in (50, 100, 200)]
            assert errors[0] < 0.1, method
            np.testing.assert_allclose(np.log2(np.divide(errors[:-1], errors[1:])), order, atol=0.15, err_msg=method)


def test_exp_euler_is_exact_for_variables_that_are_linear_each_on_its_own():
    """Whatever the step, for decay, growth and none of both; within a step the other variables stand still."""
    rates, goals = np.array([-100.0, -1.0, -1e-9, 0.0, 0.5]), np.array([3.0, -2.0, 1.0, 4.0, 1.0])

    def f(y):
        return jnp.asarray(rates, y[0].dtype) * (y[0] - goals), -2.0 * y[1]

    t = 3.0
    got = run("exp_euler", f, (np.ones(5), np.ones(5)), 2, t / 2)
    np.testing.assert_allclose(got[0], goals + (1 - goals) * np.exp(rates * t), rtol=1e-6)
    np.testing.assert_allclose(got[1], np.exp(-6.0), rtol=1e-5)


def test_exp_euler_grows_without_overflow():
    y = run("exp_euler", lambda y: (1e3 * y[0],), (np.array([0.0, 1.0, -1.0, 1e28]),), 1, 1.0)[0]
    np.testing.assert_allclose(y, np.array([0, 1, -1, 1e28]) * (1 + 50 * (np.exp(20) - 1)), rtol=1e-5)


# ---- exact -----------------------------------------------------------------------------------------------------------

RANDOM = np.random.default_rng(0).normal(size=(40, 2, 2))
SYSTEMS = np.array(
    [
        *RANDOM,
        *(RANDOM[:10] * 1e-3),
        *(RANDOM[:10] * 3 - 5 * np.eye(2)),
        [[0, 0], [0, 0]],
        [[0, 2], [0, 0]],  # defective
        [[-1, 1], [0, -1]],
        [[-1e-4, 5], [0, -1e-4]],
        [[-0.5, 0], [0, -0.5]],  # equal eigenvalues
        [[-0.5, 1e-5], [1e-5, -0.5]],
        [[-1, 1], [1, -1]],  # singular
        [[-1, 0], [0, -1e-6]],
        [[0, -3], [3, 0]],  # rotation
        [[0, -40], [40, 0]],
        [[0, -1e-3], [1e-3, 0]],
        [[-2000, 1], [1, -0.1]],  # stiff
        [[-2000, 300], [-400, -3000]],
    ],
    float,
)


def linear(a, u):
    """y' = a y + u, for many systems at once."""
    return lambda y: (a[:, 0, 0] * y[0] + a[:, 0, 1] * y[1] + u[0], a[:, 1, 0] * y[0] + a[:, 1, 1] * y[1] + u[1])


U, START = np.array([0.3, -0.7]), np.array([1.0, 2.0])


def solution(a, t):
    """y(t), by the exponential of the matrix that has u as a third column."""
    whole = np.zeros((3, 3))
    whole[:2, :2], whole[:2, 2] = a, U
    return (expm(t * whole) @ [*START, 1.0])[:2]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_exact_is_the_matrix_exponential(dtype):
    """To rounding, which grows with the stiffness."""
    expected = np.array([solution(a, 0.7) for a in SYSTEMS])
    with jax.enable_x64(dtype == "float64"):
        y = tuple(jnp.full(len(SYSTEMS), v, dtype) for v in START)
        step = jax.jit(lambda a: integrate("exact", linear(a, U.tolist()), y, 0.7))
        got = np.stack(step(jnp.asarray(SYSTEMS, float)), axis=-1)
    errors = np.abs(got - expected).max(-1) / np.maximum(np.abs(expected).max(-1), 1)
    allowed = 10 * np.finfo(dtype).eps * np.maximum(0.7 * np.abs(SYSTEMS).max((-1, -2)), 1) + 1e-13  # as SciPy's own
    assert (errors < allowed).all(), SYSTEMS[(errors / allowed).argmax()]


@pytest.mark.parametrize(("x64", "tolerance"), [(False, 1e-3), (True, 1e-7)])
def test_gradients_of_exact_beside_finite_differences_also_where_eigenvalues_coincide(x64, tolerance):
    def differences(a, h=1e-5):
        ups = [h * np.eye(4)[k].reshape(2, 2) for k in range(4)]
        return np.reshape([(solution(a + up, 0.7).sum() - solution(a - up, 0.7).sum()) / (2 * h) for up in ups], (2, 2))

    expected = np.array([differences(a) for a in SYSTEMS])
    with jax.enable_x64(x64):
        y = tuple(jnp.full(len(SYSTEMS), v, float) for v in START)
        slope = jax.jit(jax.grad(lambda a: sum(map(jnp.sum, integrate("exact", linear(a, U.tolist()), y, 0.7)))))
        got = np.asarray(slope(jnp.asarray(SYSTEMS, float)))
    errors = np.abs(got - expected).max((-1, -2)) / np.maximum(np.abs(expected).max((-1, -2)), 1)
    assert errors.max() < tolerance, SYSTEMS[errors.argmax()]


def test_exact_of_one_variable():
    rates = np.array([-30.0, -1.0, -1e-7, 0.0, 2.0])
    y = integrate("exact", lambda y: (jnp.asarray(rates, y[0].dtype) * y[0] + 1.0,), (jnp.ones(5),), 0.5)[0]
    growth = np.exp(rates * 0.5)
    gain = np.array([(g - 1) / r if abs(r) > 1e-3 else 0.5 for g, r in zip(growth, rates, strict=True)])
    np.testing.assert_allclose(y, growth + gain, rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_gradients_are_finite_and_those_of_the_solution(method):
    """By the entries of the matrix, through ten short steps: near those of the solution."""
    a = SYSTEMS[-13:-4]  # degenerate ones

    @jax.jit
    @jax.grad
    def slope(a):
        return sum(map(jnp.sum, run(method, linear(a, U.tolist()), np.ones((2, len(a))) * START[:, None], 10, 0.01)))

    h = 1e-3
    got = np.asarray(slope(jnp.asarray(a, float)))
    for k in range(4):
        up = h * np.eye(4)[k].reshape(2, 2)
        expected = [(solution(m + up, 0.1).sum() - solution(m - up, 0.1).sum()) / (2 * h) for m in a]
        np.testing.assert_allclose(got.reshape(-1, 4)[:, k], expected, rtol=0.1, atol=0.01)


# ---- names -----------------------------------------------------------------------------------------------------------


class Flow(bouton.Component):
    """y' = matrix y, with a matrix of numbers, or of arrays that hold one number for each unit."""

    matrix: Any
    integration_type: str = static(default="euler", doc="integrator")

    def slope(self, y):
        return tuple(sum(a * v for a, v in zip(row, y, strict=True)) for row in self.matrix)


def checked(matrix, method, dt, states=None):
    check_integration(Flow(matrix, method), Flow.slope, *(states or [(0.0,) * len(matrix)]), dt=dt)


def refusal(*args, **keywords):
    with pytest.raises(CircuitError) as raised:
        checked(*args, **keywords)
    return str(raised.value)


def backward(f, y, dt):
    """Euler's implicit method by Newton's, for one linear variable."""
    slope = jax.jvp(lambda v: f((v,))[0], (y[0],), (jnp.ones_like(y[0]),))[1]
    return (y[0] + dt * f(y)[0] / (1 - dt * slope),)


def test_an_unknown_name_is_an_error_with_the_nearest_one():
    for act in (
        lambda: integrate("rk3", lambda y: y, (jnp.ones(()),), 0.1),
        lambda: checked([[-1.0]], "rk3", 0.1),
        lambda: jax.jit(lambda a: checked([[a]], "rk3", 0.1))(-1.0),
    ):
        with pytest.raises(CircuitError) as raised:
            act()
        expected = "integration_type: no installed plugin provides the integrator 'rk3'. Did you mean 'rk"
        assert str(raised.value).startswith(expected)


def test_somebody_elses_integrator_is_used_and_checked_like_all_others():
    with (PluginSet.discover() | PluginSet.of({"integrator": {"backward": backward}})).use():
        y = integrate("backward", lambda y: (-3.0 * y[0],), (jnp.ones(2),), 2.0)
        np.testing.assert_allclose(y[0], 1 / 7, rtol=1e-6)
        checked([[-3.0]], "backward", 1e3)
        assert "'euler': use dt <= 0.333, or" in refusal([[-3.0]], "euler", 1e3)
    with pytest.raises(CircuitError, match="no installed plugin provides the integrator 'backward'"):
        checked([[-3.0]], "backward", 1e3)


def test_another_plugin_set_may_give_a_name_to_another_integrator():
    for integrator, safe in ((backward, True), (lambda f, y, dt: (y[0] + dt * f(y)[0],), False)):
        with PluginSet.of({"integrator": {"mine": integrator}}).use():
            if safe:
                checked([[-3.0]], "mine", 1.0)
            else:
                assert "a step of 1 ms is too long for integration_type='mine'" in refusal([[-3.0]], "mine", 1.0)


# ---- the longest step ------------------------------------------------------------------------------------------------


def longest(matrix, method, dt=50.0, **keywords):
    """The step that the message names."""
    found = re.fullmatch(
        rf"a step of {dt:g} ms is too long for integration_type='{method}': use dt <= (\S+), or another integrator, "
        f"such as '{'exact' if len(matrix) < 3 else 'exp_euler'}'.",
        refusal(matrix, method, dt, **keywords),
    )
    assert found
    return float(found[1])


SPIRAL = [[-0.1, -1.0], [1.0, -0.1]]  # eigenvalues -0.1 +- i
CHAIN = [[-0.2, 0.0, 0.0], [1.0, -0.5, 0.0], [3.0, -1.0, -2.0]]  # eigenvalues -0.2, -0.5, -2
COUPLED = [[-1.0, 0.5, 0.0], [0.5, -2.0, 0.3], [0.0, 0.3, -3.0]]


@pytest.mark.parametrize(
    ("matrix", "method", "expected"),
    [
        # what decays must not change its sign: 1 + h l >= 0
        ([[-0.05]], "euler", 20),
        ([[-0.4]], "euler", 2.5),
        (CHAIN, "euler", 0.5),
        (COUPLED, "euler", -1 / np.linalg.eigvalsh(COUPLED)[0]),
        ([[-1000.0, 0], [0, -1e-3]], "euler", 1e-3),
        # what swings must not grow: |1 + h l| <= 1
        (SPIRAL, "euler", 2 * 0.1 / 1.01),
        # polynomials that stay above zero: they must stay below 1
        ([[-0.05]], "midpoint", 40),
        ([[-0.05]], "rk2", 40),
        ([[-0.05]], "heun", 40),
        ([[-0.05]], "ralston", 40),
        (CHAIN, "heun", 1),
        ([[-0.08]], "rk4", 2.7852936 / 0.08),
        (CHAIN, "rk4", 2.7852936 / 2),
        ([[0.0, -1.0], [1.0, 0.0]], "rk4", np.sqrt(8)),
    ],
)
def test_the_longest_step_in_closed_form(matrix, method, expected):
    """Named to three digits, rounded down; a step up to one in a thousand longer may be taken for rounding."""
    named = longest(matrix, method)
    assert expected * 0.99 < named <= expected * 1.006
    checked(matrix, method, named)
    checked(matrix, method, expected * 0.9999)
    refusal(matrix, method, expected * 1.01)


def test_no_decay_is_too_fast_for_exponential_euler_and_the_exact_solution():
    for method in ("exp_euler", "exact"):
        checked([[-1e4, 0.0], [0.0, -1e-3]], method, 1e3)
        checked([[-0.2]], method, 1e4)
    checked(SPIRAL, "exact", 1e3)


def test_growth_that_the_equations_themselves_have_is_legal():
    for method in ORDERS:
        checked([[0.3]], method, 1.0)


def test_the_fastest_unit_counts():
    """Units whose neighbours are slow, as per-unit parameters make them."""
    assert longest([[np.array([-0.1, -4.0, -0.01])]], "euler") == 0.25


def test_the_state_in_which_it_is_fastest_counts():
    """y' = -y^3 has the slope -3 y^2: 1/3 ms is the longest step at y = 1, 1/12 at 2, and at 0 any will do."""
    part = Flow([[0.0]], "euler")

    def falls(part, y):
        return (-(y[0] ** 3),)

    check_integration(part, falls, (0.0,), dt=1.0)
    check_integration(part, falls, (0.0,), (1.0,), dt=0.33)
    with pytest.raises(CircuitError, match=r"use dt <= 0\.0833, or"):
        check_integration(part, falls, (0.0,), (2.0,), (1.0,), dt=0.33)


def test_where_no_step_is_short_enough_none_is_named():
    with PluginSet.of({"integrator": {"wild": lambda f, y, dt: (2.0 * y[0],)}}).use():
        message = refusal([[-1.0]], "wild", 1.0)
    expected = "a step of 1 ms is too long for integration_type='wild': use another integrator, such as 'exact'."
    assert message == expected


def test_exact_is_for_two_linear_variables_at_most():
    expected = (
        "integration_type='exact' is for linear equations of one or two variables; these are not. "
        "Use 'exp_euler', or 'rk4'."
    )
    assert refusal(CHAIN, "exact", 0.1) == expected
    with pytest.raises(CircuitError) as raised:
        check_integration(Flow([[0.0]], "exact"), lambda part, y: (-(y[0] ** 3),), (0.0,), dt=0.1)
    assert str(raised.value) == expected


def test_what_is_traced_or_not_drawn_yet_is_not_looked_at():
    checked([[bouton.Uniform(-9.0, -8.0)]], "euler", 1.0)
    assert "use dt <= 0.111, or" in refusal([[-9.0]], "euler", 1.0)

    @jax.jit
    def inside(a):
        checked([[a]], "euler", 1.0)  # unknown while this is compiled
        assert "use dt <= 0.111, or" in refusal([[-9.0]], "euler", 1.0)  # known all the same
        return a

    inside(-9.0)
    jax.vmap(inside)(jnp.array([-9.0, -1.0]))
