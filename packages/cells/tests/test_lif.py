"""LIFCell against closed forms, and against an independent solver where there is no spike."""

import math

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton_cells import LIFCell
from scipy import stats
from scipy.integrate import solve_ivp


def run(cell, j, *, steps=None, dt=1.0, batch=(), start=None, seed=0):
    """All states and outputs of a cell; j is constant, or has a first axis of steps."""
    circuit = bouton.Circuit(nodes={"exc": cell}, start={f"exc.{k}": v for k, v in (start or {}).items()})
    js = jnp.asarray(j, float) if steps is None else jnp.broadcast_to(jnp.asarray(j, float), (steps, *np.shape(j)))

    def body(state, at):
        tick = bouton.Tick(step=at[0], dt=dt, key=jax.random.key(seed), batch=batch)
        state, out = circuit.step(state, tick, {"exc.j": at[1]})
        return state, (state["exc"], out["exc"])

    @jax.jit
    def scan():
        state = circuit.init(key=jax.random.key(seed), dt=dt, batch=batch)
        return jax.lax.scan(body, state, (jnp.arange(len(js)), js))[1]

    return scan()


def spike_steps(out, unit=0):
    return np.flatnonzero(out.s.reshape(len(out.s), -1)[:, unit])


# ---- the membrane ----------------------------------------------------------------------------------------------------


def test_without_input_v_decays_to_rest_in_closed_form():
    t = np.arange(1, 101) * 0.5
    exact, _ = run(LIFCell(n_units=1, integration_type="exact"), 0.0, steps=100, dt=0.5, start={"v": -80.0})
    np.testing.assert_allclose(exact.v[:, 0], -65 - 15 * np.exp(-t / 20), rtol=1e-5)
    euler, _ = run(LIFCell(n_units=1), 0.0, steps=100, dt=0.5, start={"v": -80.0})
    np.testing.assert_allclose(euler.v[:, 0], -65 - 15 * (1 - 0.5 / 20) ** np.arange(1, 101), rtol=1e-5)


def test_subthreshold_potential_follows_an_independent_solver():
    """Current held constant over each step, as the solver is told: the exact integrator has no error but rounding."""
    drive, dt = np.random.default_rng(0).uniform(-30, 30, 40), 0.5
    cell = LIFCell(
        n_units=1, tau_m=7.0, resist_m=0.4, conduct_leak=1.3, v_rest=-70.0, thr=0.0, integration_type="exact"
    )
    states, out = run(cell, drive[:, None], dt=dt)
    v, expected = -70.0, []
    for j in drive:
        v = solve_ivp(lambda t, v, j=j: (1.3 * (-70 - v) + 0.4 * j) / 7, (0, dt), [v], rtol=1e-10, atol=1e-10).y[0, -1]
        expected.append(v)
    np.testing.assert_allclose(states.v[:, 0], expected, rtol=1e-5)
    assert not out.s.any()


def test_euler_is_of_first_order_against_an_independent_solver():
    def current(t):
        return 10 * np.sin(t / 3)

    solved = solve_ivp(lambda t, v: (-65 - v + current(t)) / 20, (0, 20), [-65.0], rtol=1e-10, atol=1e-10).y[0, -1]
    errors = []
    for dt in (0.5, 0.25, 0.125):
        drive = current(np.arange(0, 20, dt))[:, None]
        errors.append(abs(float(run(LIFCell(n_units=1), drive, dt=dt)[0].v[-1, 0]) - solved))
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 2, rtol=0.05)


def test_v_min_is_the_lowest_potential():
    states, _ = run(LIFCell(n_units=2, v_min=[-66.0, -80.0]), -40.0, steps=40)
    assert states.v[:, 0].min() == -66
    np.testing.assert_allclose(states.v[:, 1].min(), -80)
    assert run(LIFCell(n_units=1), -40.0, steps=40)[0].v.min() < -90


# ---- firing rates ----------------------------------------------------------------------------------------------------


def interval(j, tau=20.0, refract=5.0, rest=-65.0, reset=-60.0, thr=-52.0):
    """The closed form of the class's documentation."""
    return refract + tau * np.log((j + rest - reset) / (j + rest - thr))


def test_rate_against_current_in_closed_form():
    j = np.array([13.5, 15.0, 20.0, 40.0, 100.0])
    dt = 0.05
    cell = LIFCell(n_units=5, theta_plus=None, refractory="clamp", integration_type="exact")
    _, out = run(cell, j, steps=8000, dt=dt)
    for unit, expected in enumerate(interval(j)):
        gaps = np.diff(spike_steps(out, unit)) * dt
        assert len(gaps) > 2
        assert (gaps > expected - 1e-3).all()
        assert (gaps < expected + dt + 1e-3).all()  # a crossing is seen at the end of its step
    assert len(spike_steps(run(LIFCell(n_units=1, integration_type="exact"), 12.9, steps=2000)[1])) == 0


@pytest.mark.parametrize("dt", [1.0, 0.5, 0.1])
def test_refractory_time_is_part_of_the_interval_in_whole_steps(dt):
    """From v_reset to threshold the exact integrator takes ceil(tau ln(...) / dt) steps; blocked ones come on top."""
    for refract in (0.0, 2.0, 5.0):
        cell = LIFCell(n_units=1, theta_plus=None, refract_time=refract, refractory="clamp", integration_type="exact")
        gaps = np.diff(spike_steps(run(cell, 40.0, steps=round(100 / dt), dt=dt)[1]))
        np.testing.assert_array_equal(gaps, math.ceil(interval(40.0, refract=0.0) / dt) + round(refract / dt))


def test_interval_of_euler_approaches_the_closed_form_from_above_in_first_order():
    errors = []
    for dt in (0.8, 0.2, 0.05):
        cell = LIFCell(n_units=1, theta_plus=None, refractory="clamp", refract_time=0.0)
        n = np.log((15.0 - 13) / (15.0 - 5)) / np.log1p(-dt / 20)  # steps of Euler from v_reset to threshold
        gaps = np.diff(spike_steps(run(cell, 15.0, steps=round(120 / dt), dt=dt)[1]))
        np.testing.assert_array_equal(gaps, math.ceil(n))
        errors.append(interval(15.0, refract=0.0) - n * dt)
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 4, rtol=0.05)


def test_an_integrator_without_leak_fires_every_distance_over_drive():
    for kind in ("euler", "exact"):
        cell = LIFCell(
            n_units=1,
            conduct_leak=0.0,
            theta_plus=None,
            resist_m=2.0,
            integration_type=kind,
            refract_time=3.0,
            tau_m=10.0,
        )
        gaps = np.diff(spike_steps(run(cell, 7.9, steps=2000, dt=0.1)[1]))
        np.testing.assert_array_equal(gaps, math.ceil(10 * 8 / (2 * 7.9) / 0.1) + 30)


# ---- refractoriness --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refract", "dt", "steps"),
    [
        (5.0, 1.0, 5),
        (5.0, 0.5, 10),
        (5.0, 0.1, 50),
        (0.3, 0.1, 3),
        (0.25, 0.1, 3),
        (0.0, 1.0, 0),
        (100.0, 0.1, 1000),
        (2.5, 1.0, 3),
    ],
)
def test_refractory_time_blocks_exactly_so_many_steps(refract, dt, steps):
    """A current that would make the cell fire in every step."""
    cell = LIFCell(n_units=1, refract_time=refract, theta_plus=None)
    at = spike_steps(run(cell, 1e5, steps=2 * steps + 3, dt=dt)[1])
    np.testing.assert_array_equal(np.diff(at), steps + 1)
    assert at[0] == 0


def test_while_current_is_blocked_the_leak_goes_on():
    states, out = run(LIFCell(n_units=1, integration_type="exact", theta_plus=None), 1e3, steps=6)
    assert out.s[:, 0].tolist() == [1, 0, 0, 0, 0, 0]
    np.testing.assert_allclose(states.v[:, 0], -65 + 5 * np.exp(-np.arange(6) / 20), rtol=1e-6)


def test_clamped_the_potential_stays_at_reset():
    states, _ = run(LIFCell(n_units=1, refractory="clamp"), 1e3, steps=6)
    np.testing.assert_array_equal(states.v[:, 0], -60)


def test_the_last_spike_and_the_time_since():
    states, out = run(LIFCell(n_units=1), np.array([[0.0], [1e3], [0.0], [0.0]]), dt=0.5)
    np.testing.assert_allclose(states.rfr[:, 0], [np.inf, 0, 0.5, 1.0])
    np.testing.assert_allclose(out.tols[:, 0], [-np.inf, 0.5, 0.5, 0.5])


def test_the_threshold_can_be_shifted_from_outside():
    circuit = bouton.Circuit(nodes={"exc": LIFCell(n_units=2, theta_plus=None)})
    state = circuit.init(key=jax.random.key(0), dt=1.0)
    given = {"exc.j": jnp.full(2, 300.0), "exc.thr_shift": jnp.array([0.0, 3.0])}  # v reaches -50
    _, out = circuit.step(state, bouton.Tick(step=0, dt=1.0, key=jax.random.key(0)), given)
    np.testing.assert_array_equal(out["exc"].s, [1, 0])
    np.testing.assert_array_equal(out["exc"].v_thr, [-52, -49])


# ---- adaptation ------------------------------------------------------------------------------------------------------


def test_adaptation_is_the_sum_of_what_each_spike_left():
    cell = LIFCell(n_units=1, tau_theta=50.0, theta_plus=0.8, refract_time=2.0)
    states, out = run(cell, 40.0, steps=400, dt=0.5)
    at = spike_steps(out)
    assert len(at) > 10
    n = np.arange(400)
    left = np.where(n[:, None] >= at, 0.8 * np.exp(-(n[:, None] - at) * 0.5 / 50), 0).sum(1)
    np.testing.assert_allclose(states.thr_theta[:, 0], left, rtol=1e-4)
    np.testing.assert_allclose(out.v_thr[1:, 0], -52 + left[:-1], rtol=1e-6)
    np.testing.assert_allclose(out.v_thr[0, 0], -52)


def test_adaptation_may_last_for_ever_or_be_off():
    states, out = run(LIFCell(n_units=1, tau_theta=math.inf), 40.0, steps=300)
    assert out.s.sum() > 3
    np.testing.assert_allclose(states.thr_theta[:, 0], 0.05 * out.s.cumsum(0)[:, 0], rtol=1e-5)
    states, out = run(LIFCell(n_units=1, theta_plus=None), 40.0, steps=300)
    assert states.thr_theta is None and (out.v_thr == -52.0).all()


def test_adaptation_is_shared_by_a_batch_and_survives_a_reset():
    circuit = bouton.Circuit(nodes={"exc": LIFCell(n_units=2, tau_theta=math.inf, theta_plus=1.0)})
    state = circuit.init(key=jax.random.key(0), dt=1.0, batch=4)
    drive = 1e4 * jnp.array([[1.0, 0], [0, 0], [1, 1], [0, 0]])
    state, _ = circuit.step(state, bouton.Tick(step=0, dt=1.0, key=jax.random.key(0), batch=(4,)), {"exc.j": drive})
    np.testing.assert_allclose(state["exc"].thr_theta, [0.5, 0.25])
    state = circuit.reset(state, key=jax.random.key(1), dt=1.0, batch=3)
    np.testing.assert_allclose(state["exc"].thr_theta, [0.5, 0.25])
    np.testing.assert_allclose(state["exc"].v, np.full((3, 2), -65.0))


# ---- one spike -------------------------------------------------------------------------------------------------------


def test_one_of_the_spikes_comes_out_each_as_often():
    """Three of four units fire in all of 3,000 samples; each is chosen in about a third of them."""
    drive = np.array([[1e4, 0, 1e4, 1e4]])
    states, out = run(LIFCell(n_units=4, one_spike=True), np.broadcast_to(drive, (1, 3000, 4)), batch=(3000,))
    np.testing.assert_array_equal(out.s[0].sum(-1), 1)
    np.testing.assert_array_equal(out.s_raw[0], np.broadcast_to(drive > 0, (3000, 4)))
    np.testing.assert_array_equal(states.v[0] == -60, out.s_raw[0] > 0)
    chosen = out.s[0].sum(0)
    assert chosen[1] == 0
    assert stats.chisquare(chosen[jnp.array([0, 2, 3])]).pvalue > 1e-3


def test_of_no_spikes_none_comes_out():
    for option in ({"one_spike": True}, {"k_winners": 1}):
        _, out = run(LIFCell(n_units=3, **option), np.zeros((2, 5, 3)), batch=(5,))
        assert not out.s.any()


def test_the_spike_furthest_above_its_own_threshold_comes_out():
    cell = LIFCell(n_units=3, k_winners=1, thr=[-52.0, -20.0, -52.0])
    _, out = run(cell, np.array([[[1000.0, 1500.0, 900.0], [900.0, 1500.0, 1000.0], [0, 1500.0, 0]]]), batch=(3,))
    np.testing.assert_array_equal(out.s[0], [[1, 0, 0], [0, 0, 1], [0, 1, 0]])
    np.testing.assert_array_equal(out.s_raw[0], [[1, 1, 1], [1, 1, 1], [0, 1, 0]])


@pytest.mark.parametrize("k", [1, 2])
def test_of_equals_the_first_wins(k):
    _, out = run(LIFCell(n_units=4, k_winners=k), np.full((1, 2, 4), 1000.0), batch=(2,))
    np.testing.assert_array_equal(out.s[0], np.tile(np.arange(4) < k, (2, 1)))


@pytest.mark.parametrize(
    ("options", "axis"),
    [
        ({"k_winners": 1}, (0, 1)),
        ({"k_winners": 1, "winners_axis": 0}, 0),
        ({"k_winners": 2}, (0, 1)),
        ({"k_winners": 2, "winners_axis": 0}, 0),
        ({"k_winners": 9}, (0, 1)),
    ],
)
def test_k_winners_of_the_population_or_along_an_axis_of_a_map(options, axis):
    """Beside a sort: who is among the k furthest above threshold, and above it at all."""
    drive = np.random.default_rng(0).uniform(0, 1000, (1, 5, 12))
    states, out = run(LIFCell(n_units=(4, 3), wta_scope="state", **options), drive, batch=(5,))
    over = (drive[0] / 20 - 13).reshape(5, 4, 3)
    for lane, values in enumerate(over):
        rows = [values.ravel()] if axis == (0, 1) else list(values.T)
        least = [np.sort(row)[-min(options["k_winners"], len(row))] for row in rows]
        chosen = (values >= (least[0] if axis == (0, 1) else np.array(least))) & (values > 0)
        np.testing.assert_array_equal(out.s[0, lane], chosen.ravel())
        np.testing.assert_array_equal(out.s_raw[0, lane], values.ravel() > 0)
    np.testing.assert_array_equal(states.v[0] == -60, out.s[0] > 0)
    assert 0 < out.s[0].sum() <= out.s_raw[0].sum()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"one_spike": True, "k_winners": 1}, "one_spike and k_winners exclude each other: choose one."),
        ({"k_winners": 0}, "k_winners must be at least 1, got 0. Use None to let all spikes out."),
        ({"k_winners": 1, "winners_axis": 1}, "winners_axis must be an axis of n_units=2, one of 0, got 1."),
    ],
)
def test_winners_that_cannot_be_chosen(options, message):
    with pytest.raises(bouton.CircuitError) as raised:
        run(LIFCell(n_units=2, **options), 0.0, steps=1)
    assert str(raised.value) == f"exc: {message}"


@pytest.mark.parametrize(
    ("parameters", "dt", "shown"),
    [
        ({}, 50.0, "a step of 50 ms is too long for integration_type='euler': use dt <= 20, or"),
        ({"tau_m": [20.0, 0.5]}, 1.0, "a step of 1 ms is too long for integration_type='euler': use dt <= 0.5, or"),
        ({"conduct_leak": [0.0, 10.0]}, 4.0, ": use dt <= 2, or"),
        ({"integration_type": "rk4"}, 70.0, "for integration_type='rk4': use dt <= 55.7, or"),  # 2.785 tau
    ],
)
def test_a_step_too_long_for_euler_is_refused(parameters, dt, shown):
    circuit = bouton.Circuit(nodes={"exc": LIFCell(n_units=2, **parameters)})
    for begin in (
        lambda: circuit.init(key=jax.random.key(0), dt=dt),
        lambda: bouton.simulate(circuit, 10 * dt, dt=dt),
    ):
        with pytest.raises(bouton.CircuitError) as raised:
            begin()
        assert str(raised.value).startswith("exc: a step of ") and shown in str(raised.value)
        assert str(raised.value).endswith(" or another integrator, such as 'exact'.")


def test_the_longest_step_of_euler_and_any_of_the_exact_integration_are_taken():
    run(LIFCell(n_units=1, tau_m=np.float32(0.7)), 0.0, steps=1, dt=0.7)
    run(LIFCell(n_units=1, conduct_leak=0.0), 0.0, steps=1, dt=100.0)
    run(LIFCell(n_units=1, integration_type="exact"), 0.0, steps=1, dt=100.0)


# ---- gradients -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drive", [200.0, 300.0], ids=["silent", "spiking"])
def test_the_gradient_of_a_spike_is_the_surrogates(drive):
    """One Euler step from rest: u = v_rest + dt/tau R j - thr, and ds/dp = surrogate(u) du/dp."""
    circuit = bouton.Circuit(nodes={"exc": LIFCell(n_units=1, surrogate=bouton.FastSigmoid(beta=2.0))})

    def spikes(p):
        c = circuit.with_parameters({f"exc.{name}": p[name] for name in ("tau_m", "resist_m", "thr")})
        state = c.init(key=jax.random.key(0), dt=1.0)
        return c.step(state, bouton.Tick(step=0, dt=1.0, key=jax.random.key(0)), {"exc.j": p["j"]})[1]["exc"].s[0]

    p = {"tau_m": 20.0, "resist_m": 1.0, "thr": -52.0, "j": drive}
    s, gradient = jax.jit(jax.value_and_grad(spikes))(p)
    u = -65 + drive / 20 + 52
    slope = 1 / (1 + 2 * abs(u)) ** 2
    assert bool(s) == (u > 0)
    expected = {"tau_m": -slope * drive / 20**2, "resist_m": slope * drive / 20, "thr": -slope, "j": slope / 20}
    for name, value in expected.items():
        np.testing.assert_allclose(gradient[name], value, rtol=1e-4, err_msg=name)


def test_gradients_through_time_pass_through_potential_and_end_at_a_spike():
    """Where the cell has been reset, what came before the spike reaches the potential no more."""
    circuit = bouton.Circuit(nodes={"exc": LIFCell(n_units=1, theta_plus=None, refract_time=0.0)})

    def last_v(js):
        def body(state, at):
            tick = bouton.Tick(step=at[0], dt=1.0, key=jax.random.key(0))
            return circuit.step(state, tick, {"exc.j": at[1]})[0], None

        state = circuit.init(key=jax.random.key(0), dt=1.0)
        return jax.lax.scan(body, state, (jnp.arange(4), js))[0]["exc"].v[0]

    gradient = jax.jit(jax.grad(last_v))
    np.testing.assert_allclose(gradient(jnp.zeros(4)), 0.05 * 0.95 ** np.arange(3, -1, -1), rtol=1e-5)
    np.testing.assert_allclose(gradient(jnp.array([0.0, 1e3, 0, 0])), [0, 0, 0.05 * 0.95, 0.05], rtol=1e-5)
