"""Dopamine: exact decay, the step in which a reward counts, sums, and the prediction of rewards before it."""

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import Component, Ports, port
from bouton.testing import ComponentTests
from bouton_cells import Dopamine, RewardErrorCell
from jaxtyping import Array, Float


class TestDopamine(ComponentTests):
    component = Dopamine(3, tau=10.0)


def run(circuit, inputs, *, dt, batch=(), ref="d.d"):
    """One compartment after each step."""

    def body(state, at):
        state, out = circuit.step(state, bouton.Tick(step=at[0], dt=dt, batch=batch), at[1])
        return state, circuit.value(state, out, ref)

    @jax.jit
    def scan():
        state = circuit.init(key=jax.random.key(0), dt=dt, batch=batch)
        steps = len(next(iter(inputs.values())))
        return jax.lax.scan(body, state, (jnp.arange(steps), {k: jnp.asarray(v, float) for k, v in inputs.items()}))[1]

    return np.asarray(scan())


@pytest.mark.parametrize("dt", [2.0, 1.0, 0.25])
def test_rewards_count_at_once_and_fade_exactly(dt):
    """A reward of 1 at 8 ms and a punishment of 0.5 at 20 ms, in units of different time constants."""
    t = dt * np.arange(round(40 / dt))
    payoff = 1.0 * (t == 8) - 0.5 * (t == 20)
    d = run(bouton.Circuit({"d": Dopamine(2, tau=[5.0, 200.0])}), {"d.payoff": np.stack([payoff, payoff], 1)}, dt=dt)
    tau, since = np.array([5.0, 200.0]), t[:, None]
    want = np.where(since >= 8, np.exp(-(since - 8) / tau), 0) - np.where(
        since >= 20, 0.5 * np.exp(-(since - 20) / tau), 0
    )
    np.testing.assert_allclose(d, want, rtol=1e-5, atol=1e-6)


def test_payoffs_add_up_over_wires_and_samples_have_levels_of_their_own():
    nodes = {"a": Dopamine(1), "b": Dopamine(1), "d": Dopamine(1, tau=10.0)}
    circuit = bouton.Circuit(nodes, {"d.payoff": ["a.d", "b.d"]})
    pulse = np.zeros((3, 2, 1))
    pulse[0] = [[1.0], [0.0]]
    d = run(circuit, {"a.payoff": pulse, "b.payoff": 2 * pulse[:, ::-1], "d.payoff": 0.5 * pulse}, dt=1.0, batch=(2,))
    np.testing.assert_allclose(d[0, :, 0], [1.5, 2.0])
    left = np.exp(-1 / 200)
    np.testing.assert_allclose(d[1, :, 0], [1.5 * np.exp(-0.1) + left, 2 * np.exp(-0.1) + 2 * left], rtol=1e-6)


@pytest.mark.parametrize("dt", [1.0, 0.5])
def test_expected_rewards_release_none_in_the_mean(dt):
    """A pulse every 20 ms through a critic: the level swings around 0, without the critic around tau / 20 ms."""
    t = dt * np.arange(round(12_000 / dt))
    pulses = (1.0 * (t % 20 == 0))[:, None]
    critic = bouton.Circuit(
        {"critic": RewardErrorCell(tau_mu=1000.0), "d": Dopamine(tau=100.0)}, {"d.payoff": "critic.rpe"}
    )
    last = slice(round(-2000 / dt), None)
    alone = run(bouton.Circuit({"d": Dopamine(tau=100.0)}), {"d.payoff": pulses}, dt=dt)[last].mean()
    np.testing.assert_allclose(alone, 5.0, rtol=0.01)
    assert abs(run(critic, {"critic.reward": pulses}, dt=dt)[last].mean()) < 0.01 * alone


class Listener(Component):
    """Takes one number per sample, as rules do."""

    class In(Ports):
        reward: Float[Array, "*batch"] = port(doc="reward of each sample")

    class Out(Ports):
        heard: Float[Array, "*batch"] = port(doc="the same")

    def advance(self, s, x, tick):
        return s, self.Out(heard=x.reward)


def test_one_unit_can_be_wired_to_what_takes_one_number_per_sample():
    circuit = bouton.Circuit({"d": Dopamine(), "rule": Listener()}, {"rule.reward": "d.d"})
    heard = run(circuit, {"d.payoff": np.array([[[1.0], [2.0]]])}, dt=1.0, batch=(2,), ref="rule.heard")
    np.testing.assert_allclose(heard, [[1.0, 2.0]])


def test_a_time_constant_of_zero_is_refused():
    with pytest.raises(bouton.CircuitError, match=r"d\.tau must be > 0 ms, got 0"):
        bouton.Circuit({"d": Dopamine(tau=0)})
