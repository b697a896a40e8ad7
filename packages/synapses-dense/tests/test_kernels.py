"""Transmission kernels against their closed forms, at any step length."""

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton_synapses_dense import Dense, Exponential
from jaxtyping import Array, Float


def currents(kernel, spikes, *, dt, weights=1.0, v=None):
    """Currents (step, post) that spikes (step, pre) make; `v` (step, post) where the kernel is a conductance."""
    spikes = jnp.asarray(spikes, float)
    n_post = 1 if v is None else v.shape[1]
    circuit = bouton.Circuit(
        nodes={"ff": bouton.Synapse(Dense(spikes.shape[1], n_post), weights=weights, transmission=kernel)}
    )
    feeds = {"ff.pre": spikes} | ({} if v is None else {"ff.transmission.v": jnp.asarray(v, float)})

    @jax.jit
    def run():
        def body(state, at):
            state, out = circuit.step(state, bouton.Tick(step=at[0], dt=dt), at[1])
            return state, out["ff"].current

        state = circuit.init(key=jax.random.key(0), dt=dt)
        return jax.lax.scan(body, state, (jnp.arange(len(spikes)), feeds))[1]

    return run()


def train(steps, *at):
    spikes = np.zeros((steps, 1))
    spikes[list(at)] = 1
    return spikes


@pytest.mark.parametrize("dt", [0.05, 0.1, 0.5, 1.0])
def test_a_spike_makes_the_exponential_at_any_step_length(dt):
    """At the step of the spike the current has its full height; t ms later exp(-t / tau) of it."""
    steps, first = round(20 / dt), round(3 / dt)
    got = currents(Exponential(tau=4.0, g_bar=2.5), train(steps, first), dt=dt, weights=0.8)
    t = (np.arange(steps) - first) * dt
    np.testing.assert_allclose(got[:, 0], np.where(t >= 0, 2.0 * np.exp(-t / 4), 0), rtol=2e-5, atol=1e-7)


def test_spikes_superpose():
    kernel, at = Exponential(tau=4.0), (2, 3, 9)
    together = currents(kernel, train(40, *at), dt=0.5)
    np.testing.assert_allclose(together, sum(currents(kernel, train(40, n), dt=0.5) for n in at), rtol=1e-5, atol=1e-7)


def test_under_a_regular_train_the_current_settles():
    """A spike every 5 steps: just after one, 1 + q + q^2 + ... = 1 / (1 - q)."""
    got = currents(Exponential(tau=10.0), train(400, *range(0, 400, 5)), dt=1.0)
    np.testing.assert_allclose(got[395, 0], 1 / (1 - np.exp(-5 / 10)), rtol=1e-5)


def test_time_constants_and_jumps_of_each_unit():
    spikes = train(10, 0)
    kernel = Exponential(tau=[2.0, 8.0], g_bar=[1.0, 3.0], reversal=1.0)
    got = currents(kernel, spikes, dt=1.0, v=np.zeros((10, 2)))
    np.testing.assert_allclose(got[9], [np.exp(-9 / 2), 3 * np.exp(-9 / 8)], rtol=1e-5)


def test_a_conductance_drives_towards_its_reversal_potential():
    v = np.array([[-65.0], [-65.0], [0.0], [10.0]])
    got = currents(Exponential(tau=5.0, reversal=0.0), train(4, 0), dt=1.0, weights=0.2, v=v)
    g = 0.2 * np.exp(-np.arange(4) / 5)
    np.testing.assert_allclose(got[:, 0], g * (0 - v[:, 0]), rtol=1e-5, atol=1e-7)


class Membrane(bouton.Component):
    """v' = (v_rest - v + j) / tau by Euler."""

    class In(bouton.Ports):
        j: Float[Array, "*batch unit"] = bouton.port(doc="current")

    class State(bouton.Ports):
        v: Float[Array, "*batch unit"] = bouton.port("mV", doc="potential")

    def dims(self):
        return {"unit": 1}

    def init(self, *, key, dt, batch=()):
        return self.State(v=-65.0)

    def advance(self, s, x, tick):
        return self.State(v=s.v + tick.dt / 20 * (-65 - s.v + x.j)), self.Out()


def test_under_a_steady_conductance_a_membrane_settles_between_rest_and_reversal():
    """v' = ((v_rest - v) + g (E - v)) / tau has the fixed point (v_rest + g E) / (1 + g)."""
    kernel = Exponential(tau=5.0, reversal=0.0)
    circuit = bouton.Circuit(
        nodes={"ff": bouton.Synapse(Dense(1, 1), weights=0.3, transmission=kernel), "cell": Membrane()},
        wires={"cell.j": "ff.current", "ff.transmission.v": "cell.v"},
    )

    @jax.jit
    def settled():
        def body(state, step):
            return circuit.step(state, bouton.Tick(step=step, dt=0.1), {"ff.pre": jnp.ones(1)})[0], None

        return jax.lax.scan(body, circuit.init(key=jax.random.key(0), dt=0.1), jnp.arange(3000))[0]["cell"].v

    g = 0.3 / (1 - np.exp(-0.1 / 5))
    np.testing.assert_allclose(settled(), -65 / (1 + g), rtol=1e-4)


def test_a_conductance_must_be_told_the_potential():
    circuit = bouton.Circuit(nodes={"ff": bouton.Synapse(Dense(1, 1), transmission=Exponential(reversal=0.0))})
    state = circuit.init(key=jax.random.key(0), dt=1.0)
    with pytest.raises(bouton.CircuitError, match=r"nothing feeds 'ff\.transmission\.v'"):
        circuit.step(state, bouton.Tick(step=0, dt=1.0), {"ff.pre": jnp.ones(1)})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tau": 0.0}, r"ff\.transmission\.tau must be > 0 ms, got 0"),
        ({"tau": [1.0, -1.0]}, r"ff\.transmission\.tau\[1\] must be > 0 ms, got -1"),
        ({"g_bar": -1.0}, r"ff\.transmission\.g_bar must be >= 0, got -1"),
    ],
    ids=str,
)
def test_bad_parameters_are_said_when_built(arguments, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit(nodes={"ff": bouton.Synapse(Dense(1, 2), transmission=Exponential(**arguments))})
