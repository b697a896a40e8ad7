"""The three compartments of a dendrite: the steady state of primed cells, bounds, time constants."""

import bouton
import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton_cells import Dendrite, LIFCell

REST, FLOOR, THR, TAU = -65.0, -80.0, -52.0, 10.0


def cell(n=1, **options):
    """A leaky cell whose threshold is out of reach, so that its potential shows what the dendrite does."""
    return LIFCell(n, tau_m=TAU, v_rest=REST, thr=1e6, theta_plus=None, refract_time=0.0, **options)


def potentials(dendrite, inputs, *, dt, steps, soma=None, start=REST):
    """Potentials (step, unit) of the cell behind a dendrite that is fed with constants or rows of inputs."""
    circuit = bouton.Circuit(
        nodes={"dendrite": dendrite, "soma": cell() if soma is None else soma},
        wires={"soma.j": "dendrite.j", "dendrite.v": "soma.v"},
        start={"soma.v": start},
    )
    rows = {f"dendrite.{n}": jnp.asarray(np.broadcast_to(v, (steps,)), float) for n, v in inputs.items()}

    @jax.jit
    def series():
        def body(state, at):
            state, _ = circuit.step(state, bouton.Tick(step=at[0], dt=dt), at[1])
            return state, state["soma"].v

        return jax.lax.scan(body, circuit.init(key=jax.random.key(0), dt=dt), (jnp.arange(steps), rows))[1]

    return np.asarray(series())


def dendrite(n=1, **options):
    return Dendrite(n, tau_m=TAU, v_rest=REST, thr=THR, v_floor=FLOOR, **options)


@pytest.mark.parametrize("dt", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("site", ["apical", "distal"])
@pytest.mark.parametrize("amount", [5.0, 0.3, -0.3, -5.0])
def test_a_constant_input_primes_the_cell_up_to_the_steady_state(site, amount, dt):
    """v* = (v_rest / tau + a v_lim) / (1 / tau + a) with a = |tanh I|; v_lim is the floor for inhibition."""
    v = potentials(dendrite(**{f"{site}_provocativeness": 0.6}), {site: amount}, dt=dt, steps=round(150 / dt))[-1, 0]
    a, limit = abs(np.tanh(amount)), REST + 0.6 * (THR - REST) if amount > 0 else FLOOR
    np.testing.assert_allclose(v, (REST / TAU + a * limit) / (1 / TAU + a), rtol=1e-5)


def test_the_worked_example():
    """Threshold 100 above a rest at 0, P = 0.5, input 5, tau = 10 ms, steps of 1 ms: 45.454."""
    soma = LIFCell(1, tau_m=10.0, v_rest=0.0, thr=100.0, v_reset=0.0, theta_plus=None)
    primed = Dendrite(1, tau_m=10.0, v_rest=0.0, thr=100.0, v_floor=-10.0)
    got = potentials(primed, {"apical": 5.0}, dt=1.0, steps=100, soma=soma, start=0.0)[-1, 0]
    a = np.tanh(5.0)
    np.testing.assert_allclose(got, a * 50 / (0.1 + a), rtol=1e-5)
    assert abs(got - 45.454) < 1e-3


@hypothesis.settings(max_examples=25, deadline=None)
@hypothesis.given(
    apical=st.floats(-1e6, 1e6),
    distal=st.floats(-1e6, 1e6),
    dt=st.sampled_from([0.1, 1.0, 5.0]),
    exact=st.booleans(),
    start=st.floats(0, 1),
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_no_distal_or_apical_input_carries_the_cell_beyond_the_limits(apical, distal, dt, exact, start, shares):
    """Not even steps of half the cell's time constant; a strong inhibition does not run away either."""
    primed = dendrite(apical_provocativeness=shares[0], distal_provocativeness=shares[1])
    highest = REST + max(shares) * (THR - REST)
    soma = cell(integration_type="exact" if exact else "euler")
    inputs = {"apical": apical, "distal": distal}
    v = potentials(primed, inputs, dt=dt, steps=60, soma=soma, start=FLOOR + start * (highest - FLOOR))
    assert (v >= FLOOR - 1e-3).all() and (v <= highest + 1e-3).all()


def test_priming_alone_never_fires_a_cell_and_helps_a_proximal_pulse_to():
    """A pulse too weak to fire the cell from rest does so where apical input has primed it."""
    soma = LIFCell(1, tau_m=TAU, v_rest=REST, thr=THR, theta_plus=None, refract_time=0.0)
    pulse = np.where(np.arange(200) == 100, 100.0, 0.0)

    def fires(**inputs):
        v = potentials(dendrite(apical_provocativeness=0.9), inputs, dt=0.5, steps=200, soma=soma)
        return bool((np.diff(v[:, 0]) < -2.0).any())  # a reset

    assert not fires(apical=1e6) and not fires(proximal=pulse) and fires(proximal=pulse, apical=1e6)


@pytest.mark.parametrize("dt", [0.1, 0.5, 2.0])
def test_proximal_input_is_low_pass_filtered_exactly_and_priming_is_not(dt):
    """t ms after a pulse exp(-t / tau) of it is left; an apical pulse leaves nothing behind."""
    filtered = dendrite(tau=7.0)
    circuit = bouton.Circuit({"d": filtered})
    pulse = np.zeros(20)
    pulse[3] = 2.0
    inputs = {"d.proximal": (("time",), pulse), "d.apical": (("time",), pulse), "d.v": REST}
    run = bouton.simulate(circuit, 20 * dt, dt=dt, inputs=inputs, record={"d.j": 1, "d.i": 1}, progress=False)
    t = (np.arange(20) - 3) * dt
    want = np.where(t >= 0, 2 * np.exp(-np.maximum(t, 0) / 7.0), 0.0)
    np.testing.assert_allclose(run["d.i"].values[:, 0], want, rtol=1e-5)
    np.testing.assert_allclose(np.delete(run["d.j"].values[:, 0], 3), np.delete(want, 3), rtol=1e-5)
    assert run["d.j"].values[3, 0] > want[3]


def test_compartments_sum_their_wires():
    nodes = {"a": Dendrite(2, apical_provocativeness=None, distal_provocativeness=None), "b": dendrite(2)}
    circuit = bouton.Circuit(nodes, {"b.proximal": ["a.j", "a.j"]})
    inputs = {"a.proximal": [1.0, 2.0], "b.v": REST}
    run = bouton.simulate(circuit, 2.0, dt=1.0, inputs=inputs, record={"b.j": 1}, progress=False)
    np.testing.assert_allclose(run["b.j"].values, [[2.0, 4.0]] * 2)


def test_parameters_of_each_unit():
    shares = np.array([0.2, 0.8])
    primed = dendrite(2, apical_provocativeness=shares)
    v = potentials(primed, {"apical": 0.5}, dt=0.5, steps=300, soma=cell(2))[-1]
    a = np.tanh(0.5)
    np.testing.assert_allclose(v, (REST / TAU + a * (REST + shares * (THR - REST))) / (1 / TAU + a), rtol=1e-5)


def test_a_compartment_that_is_switched_off_cannot_be_wired():
    message = r"unknown input 'd\.apical': it is there only where d\.apical_provocativeness is given"
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit({"d": Dendrite(1, apical_provocativeness=None), "c": cell()}, {"d.apical": "d.j"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tau": 0.0}, r"d\.tau must be > 0 ms, got 0\. Use None to switch it off"),
        ({"tau_m": -1.0}, r"d\.tau_m must be > 0 ms, got -1"),
        ({"apical_provocativeness": -0.5}, r"d\.apical_provocativeness must be >= 0, got -0\.5"),
        ({"distal_provocativeness": np.inf}, r"d\.distal_provocativeness must be finite, got inf"),
    ],
    ids=str,
)
def test_bad_parameters_are_said_when_built(arguments, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit({"d": Dendrite(1, **arguments)})


def test_levels_in_the_wrong_order_are_refused():
    circuit = bouton.Circuit({"d": Dendrite(2, v_floor=[-80.0, -60.0])})
    message = r"d: v_floor <= v_rest <= thr must hold, got -60, -65 and -52 mV"
    with pytest.raises(bouton.CircuitError, match=message):
        circuit.init(key=jax.random.key(0), dt=1.0)
