"""RateCell against closed forms, an independent solver, brute-force minimisation, and gradients of a likelihood."""

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton.testing import ComponentTests, Full
from bouton_cells import GaussianErrorCell, RateCell
from scipy.integrate import solve_ivp
from scipy.special import expit, log_expit

INPUTS = {"j": (-1.0, 1.0), "j_td": (-1.0, 1.0)}


class TestRateCell(ComponentTests):
    component = RateCell((2, 2), act_fx="tanh", prior="cauchy", integration_type="rk4")
    inputs = INPUTS


class TestRateCellWithThreshold(ComponentTests):
    component = RateCell(3, tau_m=np.array([5.0, 10.0, 20.0]), prior="gaussian", threshold="cauchy", thr_lmbda=0.3)
    inputs = INPUTS


class TestRateCellWithoutMemory(ComponentTests):
    component = RateCell(3, tau_m=None, act_fx="relu", output_scale=2.0)
    inputs = INPUTS


def run(cell, *, z, steps, dt=1.0, **inputs):
    """z and zF after each step, from given start values and constant inputs."""
    circuit = bouton.Circuit({"c": cell}, start={"c.z": z})
    given = {f"c.{name}": jnp.asarray(value, float) for name, value in inputs.items()}

    def body(state, step):
        state, out = circuit.step(state, bouton.Tick(step=step, dt=dt), given)
        return state, (state["c"].z, out["c"].zF)

    @jax.jit
    def scan():
        return jax.lax.scan(body, circuit.init(key=jax.random.key(0), dt=dt), jnp.arange(steps))[1]

    return tuple(map(np.asarray, scan()))


# ---- the equation ----------------------------------------------------------------------------------------------------

GRID = np.array([-30.0, -2.0, -0.5, -1e-3, 1e-3, 0.3, 1.0, 7.0])
PENALTIES = {
    "gaussian": lambda z: z**2 / 2,
    "laplacian": jnp.abs,
    "cauchy": lambda z: jnp.log(1 + z**2),
    "exponential": lambda z: -jnp.exp(-(z**2)),
}


@pytest.mark.parametrize("prior", PENALTIES)
def test_a_leak_is_the_slope_of_the_penalty(prior):
    """One step of Euler: dt / tau = 1/4."""
    z, _ = run(RateCell(8, tau_m=8.0, prior=prior, gamma=0.7), z=GRID, steps=1, dt=2.0)
    slope = jax.vmap(jax.grad(PENALTIES[prior]))(GRID.astype(np.float32))
    np.testing.assert_allclose(z[0], GRID - 0.7 / 4 * slope, rtol=1e-5, atol=1e-7)


ACTIVATIONS = {
    "elu": (lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))), lambda z: np.exp(np.minimum(z, 0))),
    "identity": (lambda z: z, np.ones_like),
    "leaky_relu": (lambda z: np.maximum(z, 0.01 * z), lambda z: np.where(z >= 0, 1, 0.01)),
    "relu": (lambda z: np.maximum(z, 0), lambda z: 1.0 * (z >= 0)),
    "relu6": (lambda z: np.clip(z, 0, 6), lambda z: 1.0 * ((z >= 0) & (z < 6))),
    "sigmoid": (expit, lambda z: expit(z) * expit(-z)),
    "silu": (lambda z: z * expit(z), lambda z: expit(z) * (1 + z * expit(-z))),
    "sine": (np.sin, np.cos),
    "softplus": (lambda z: -log_expit(-z), expit),
    "tanh": (np.tanh, lambda z: np.cosh(z) ** -2.0),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_slope_of_the_activation_function_scales_j_alone(name):
    """Also at 0, which a rectified cell has to be able to leave."""
    phi, slope = ACTIVATIONS[name]
    start = np.append(GRID, 0.0)
    cell = RateCell(9, tau_m=4.0, act_fx=name, resist_scale=3.0, output_scale=0.5)
    z, rate = run(cell, z=start, steps=1, j=2.0, j_td=-0.25)
    np.testing.assert_allclose(z[0], start + (3 * 2 * slope(start) - 0.25) / 4, rtol=2e-6, atol=1e-7)
    np.testing.assert_allclose(rate[0], 0.5 * phi(z[0].astype(float)), rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("method", ["exact", "exp_euler"])
def test_a_leaky_cell_relaxes_exactly(method):
    t = 0.5 * np.arange(1, 81)
    cell = RateCell(2, tau_m=7.0, prior="gaussian", gamma=1.3, integration_type=method)
    z, _ = run(cell, z=[4.0, -1.0], steps=80, dt=0.5, j=2.6)
    np.testing.assert_allclose(z, 2 + np.array([2.0, -3.0]) * np.exp(-1.3 * t / 7)[:, None], rtol=1e-5)


@pytest.mark.parametrize(
    ("method", "order"), [("euler", 1), ("rk2", 2), ("heun", 2), ("ralston", 2), ("exp_euler", 2), ("rk4", 4)]
)
def test_integrators_have_their_order(method, order):
    """A driven cell with a non-linear leak and rate, against an independent solver."""
    j, td = np.array([2.0, -0.5]), np.array([0.1, 0.7])

    def slope(t, z):
        return (-0.8 * 2 * z / (1 + z**2) + j * np.cosh(z) ** -2.0 + td) / 5

    want = solve_ivp(slope, (0, 8), [0.4, -1.0], rtol=1e-10, atol=1e-12).y[:, -1]
    cell = RateCell(2, tau_m=5.0, prior="cauchy", gamma=0.8, act_fx="tanh", integration_type=method)
    with jax.enable_x64(True):
        ends = [run(cell, z=[0.4, -1.0], steps=n, dt=8 / n, j=j, j_td=td)[0][-1] for n in (16, 32)]
    coarse, fine = (np.abs(end - want).max() for end in ends)
    assert abs(np.log2(coarse / fine) - order) < 0.35


# ---- thresholds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dt", [2.0, 0.5])
def test_the_soft_threshold_leads_to_shrunken_input_whatever_the_step(dt):
    u = np.array([-3.0, -0.41, -0.3, 0.0, 0.39, 0.41, 1.0, 50.0])
    cell = RateCell(8, tau_m=8.0, prior="gaussian", gamma=0.5, threshold="soft", thr_lmbda=0.4)
    z, _ = run(cell, z=1.0, steps=round(300 / dt), dt=dt, j=u)
    np.testing.assert_allclose(z[-1], np.sign(u) * np.maximum(np.abs(u) - 0.4, 0) / 0.5, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(z[-1][2:5], 0)


def test_the_cauchy_threshold_is_the_minimum_it_is_defined_by():
    """The real root of the cubic equation of the minimum, from 2e-4 to the largest shrinkage that is taken, 1/4."""
    start = np.array([-100.0, -1.5, -0.2, 0.0, 1e-3, 0.7, 1.0, 3.0])
    for k in (2e-4, 0.1, 0.25):
        z, _ = run(RateCell(8, tau_m=4.0, threshold="cauchy", thr_lmbda=4 * k), z=start, steps=1)
        for got, x in zip(z[0], start, strict=True):
            roots = np.roots([1, -x, 1 + 2 * k, -x])
            np.testing.assert_allclose(got, roots[np.abs(roots.imag).argmin()].real, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dt", [2.0, 0.5])
def test_the_cauchy_threshold_leads_where_its_prior_does(dt):
    """u = gamma z + lambda l(z), whatever the step."""
    u = np.array([-2.0, 0.3, 1.0, 4.0])
    cell = RateCell(4, tau_m=8.0, prior="gaussian", threshold="cauchy", thr_lmbda=0.6)
    z = run(cell, z=1.0, steps=round(300 / dt), dt=dt, j=u)[0][-1]
    np.testing.assert_allclose(z + 0.6 * 2 * z / (1 + z**2), u, rtol=1e-5)


# ---- without memory --------------------------------------------------------------------------------------------------


def test_without_memory_layers_follow_each_other_within_a_step():
    circuit = bouton.Circuit(
        {
            "a": RateCell(3, tau_m=None, act_fx="relu", output_scale=2.0),
            "b": RateCell(3, tau_m=None, act_fx="tanh"),
        },
        {"b.j": "a.zF", "b.j_td": "a.z"},
    )
    state = circuit.init(key=jax.random.key(0), dt=1.0)
    x = np.array([-1.0, 0.2, 0.5])
    _, out = circuit.step(state, bouton.Tick(step=0, dt=1.0), {"a.j": x, "a.j_td": 0.1})
    z = x + 0.1
    np.testing.assert_allclose(out["a"].z, z, rtol=1e-6)
    np.testing.assert_allclose(out["b"].zF, np.tanh(2 * np.maximum(z, 0) + z), rtol=1e-6)
    assert not jax.tree.leaves(state)


# ---- predictive coding -----------------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
W, ABOVE, X = RNG.normal(size=(3, 5)), RNG.normal(size=(2, 3)), RNG.normal(size=5)


def test_a_step_of_predictive_coding_is_one_of_gradient_ascent():
    """Two hidden layers above data x; F is the sum of both likelihoods as functions of both states."""
    circuit = bouton.Circuit(
        {
            "top": RateCell(2, tau_m=10.0, act_fx="sigmoid", prior="gaussian", gamma=0.2),
            "mid": RateCell(3, tau_m=10.0, act_fx="tanh"),
            "rate_top": RateCell(2, tau_m=None, act_fx="sigmoid"),
            "rate_mid": RateCell(3, tau_m=None, act_fx="tanh"),
            "down": bouton.Synapse(Full(3, 5), weights=bouton.Given(W)),
            "up": bouton.Synapse(Full(5, 3), weights=bouton.Given(W.T)),
            "down_top": bouton.Synapse(Full(2, 3), weights=bouton.Given(ABOVE)),
            "up_top": bouton.Synapse(Full(3, 2), weights=bouton.Given(ABOVE.T)),
            "e_x": GaussianErrorCell(5, Sigma=0.5),
            "e_mid": GaussianErrorCell(3, Sigma=2.0),
        },
        {
            "rate_top.j": "top.z",
            "rate_mid.j": "mid.z",
            "down.pre": "rate_mid.zF",
            "down_top.pre": "rate_top.zF",
            "e_x.mu": "down.current",
            "e_mid.mu": "down_top.current",
            "e_mid.target": "mid.z",
            "up.pre": "e_x.dmu",
            "up_top.pre": "e_mid.dmu",
            "mid.j": "up.current",
            "mid.j_td": "e_mid.dtarget",
            "top.j": "up_top.current",
        },
        start={"top.z": [0.3, -0.6], "mid.z": [0.5, -1.0, 0.1]},
    )

    def likelihood(top, mid):
        of_x = -((X - jnp.tanh(mid) @ W) ** 2 / 0.5 + np.log(0.5)).sum() / 2
        of_mid = -((mid - jax.nn.sigmoid(top) @ ABOVE) ** 2 / 2.0 + np.log(2.0)).sum() / 2
        return of_x + of_mid

    def objective(top, mid):
        return likelihood(top, mid) - 0.2 * (top**2).sum() / 2

    with jax.enable_x64(True):
        state = circuit.init(key=jax.random.key(0), dt=0.5)
        top, mid = jnp.array([0.3, -0.6]), jnp.array([0.5, -1.0, 0.1])
        step = jax.jit(lambda state: circuit.step(state, bouton.Tick(step=0, dt=0.5), {"e_x.target": X}))
        rise = jax.jit(jax.grad(objective, (0, 1)))
        for _ in range(3):
            state, out = step(state)
            np.testing.assert_allclose(out["e_x"].L + out["e_mid"].L, likelihood(top, mid), rtol=1e-9)
            g_top, g_mid = rise(top, mid)
            top, mid = top + 0.05 * g_top, mid + 0.05 * g_mid
            np.testing.assert_allclose(state["top"].z, top, rtol=1e-9)
            np.testing.assert_allclose(state["mid"].z, mid, rtol=1e-9)


def test_errors_that_return_through_the_same_weights_lead_to_the_ridge_solution():
    circuit = bouton.Circuit(
        {
            "z": RateCell(3, tau_m=10.0, prior="gaussian", gamma=0.3),
            "w": bouton.Synapse(Full(3, 5), weights=bouton.Given(W), backward=True),
            "e": GaussianErrorCell(5),
        },
        {"w.pre": "z.z", "e.mu": "w.current", "w.feedback": bouton.delayed("e.dmu", 0.5), "z.j": "w.back"},
    )
    run = bouton.simulate(circuit, 500.0, dt=0.5, inputs={"e.target": X}, record={"z.z": 1000}, progress=False)
    want = np.linalg.solve(W @ W.T + 0.3 * np.eye(3), W @ X)
    np.testing.assert_allclose(run["z.z"].values[-1], want, rtol=1e-4)


# ---- robustness and errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act_fx", "prior"), [*((name, "gaussian") for name in ACTIVATIONS), *(("tanh", name) for name in PENALTIES)]
)
def test_no_input_makes_a_nan(act_fx, prior):
    """Each start value with each input; that of exponential Euler is bounded, as it grows with the slope's slope."""
    start, j = map(np.ravel, np.meshgrid([-1e30, -1e3, -1.0, 0.0, 6.0, 1e12, 1e30], [-1.0, -1e-3, 0.0, 1.0]))
    for method, largest in (("rk4", 1e30), ("exp_euler", 20.0)):
        cell = RateCell(28, act_fx=act_fx, prior=prior, integration_type=method)
        for values in run(cell, z=start, steps=3, j=largest * j, j_td=-largest * j):
            assert not np.isnan(values).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"act_fx": "tan"}, "c: act_fx: there is no activation function 'tan'. Did you mean 'tanh'?"),
        ({"act_fx": "cube"}, "c: act_fx: there is no activation function 'cube'. Available: elu, identity, leaky_relu"),
        ({"integration_type": "rk5"}, "c: integration_type: no installed plugin provides the integrator 'rk5'"),
        (
            {"integration_type": "rk5", "tau_m": None},
            "c: integration_type: no installed plugin provides the integrator",
        ),
        (
            {"integration_type": "exact", "act_fx": "tanh"},
            "c: integration_type='exact' is for linear equations: act_fx='identity', and the Gaussian prior or none.",
        ),
        ({"integration_type": "exact", "prior": "laplacian"}, "c: integration_type='exact' is for linear equations"),
        (
            {"tau_m": None, "prior": "cauchy"},
            "c: prior acts on a state, and with tau_m=None there is none: give tau_m, or leave it out.",
        ),
        ({"tau_m": None, "threshold": "soft"}, "c: threshold acts on a state, and with tau_m=None there is none"),
        (
            {"prior": "cauchy", "gamma": 20.0},
            "c: a step of 1 ms is too long for integration_type='euler': use dt <= 0.5, or",
        ),
        (
            {"threshold": "cauchy", "thr_lmbda": [1.0, 8.0]},
            "c: a step of 1 ms is too long for the Cauchy threshold: use dt <= tau_m / (4 thr_lmbda) = 0.625 ms.",
        ),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused(arguments, message):
    circuit = bouton.Circuit({"c": RateCell(2, **arguments)})
    with pytest.raises(bouton.CircuitError) as raised:
        circuit.init(key=jax.random.key(0), dt=1.0)
    assert str(raised.value).startswith(message)


def test_an_unknown_prior_is_refused():
    with pytest.raises(bouton.CircuitError, match=r"c\.prior must be .*'gaussian'.* got 'normal'"):
        bouton.Circuit({"c": RateCell(2, prior="normal")})
