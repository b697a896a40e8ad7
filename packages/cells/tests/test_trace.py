"""Trace against closed forms for regular, random and given spikes."""

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton.testing import ComponentTests
from bouton_cells import Trace


class TestTrace(ComponentTests):
    component = Trace((2, 2))


class TestTraceNearest(ComponentTests):
    component = Trace(3, tau_tr=np.array([5.0, 10.0, 20.0]), n_nearest=2.0, a_delta=0.5, read="after")


def run(trace, spikes, *, dt=1.0):
    """The outputs (step, unit) for spikes (step, unit)."""
    circuit = bouton.Circuit({"t": trace})

    def body(state, at):
        state, out = circuit.step(state, bouton.Tick(step=at[0], dt=dt), {"t.s": at[1]})
        return state, (out["t"].trace, state["t"].x)

    @jax.jit
    def scan():
        state = circuit.init(key=jax.random.key(0), dt=dt)
        return jax.lax.scan(body, state, (jnp.arange(len(spikes)), jnp.asarray(spikes, float)))[1]

    return tuple(map(np.asarray, scan()))


@pytest.mark.parametrize("dt", [1.0, 0.5])
@pytest.mark.parametrize("n_nearest", [None, 1.0, 3.0])
def test_a_regular_train_leads_to_the_fixed_point(n_nearest, dt):
    """x = a / (1 - (1 - 1/n) D) after each spike, and D times that before it, with D = e^(-T / tau)."""
    period, tau, a = np.array([5.0, 10.0, 40.0]), 20.0, 1.5
    spikes = (np.arange(round(800 / dt))[:, None] + 1) % (period / dt) == 0
    decay = np.exp(-period / tau)
    top = a / (1 - (0 if n_nearest == 1 else 1 if n_nearest is None else 2 / 3) * decay)
    for read, want in (("before", decay * top), ("after", top)):
        seen, state = run(Trace(3, tau_tr=tau, a_delta=a, n_nearest=n_nearest, read=read), spikes, dt=dt)
        np.testing.assert_allclose(seen[-1], want, rtol=1e-4)
        np.testing.assert_allclose(state[-1], top, rtol=1e-4)


RNG = np.random.default_rng(0)
SPIKES = RNG.random((300, 4)) < [0.02, 0.1, 0.5, 1.0]


def test_the_additive_trace_is_the_sum_over_all_spikes():
    tau = np.array([3.0, 10.0, 50.0, 7.0])
    age = np.arange(300)[:, None] - np.arange(300)
    for read, counts in (("before", age > 0), ("after", age >= 0)):
        kernel = np.where(counts[..., None], np.exp(-np.maximum(age, 0)[..., None] / tau), 0)
        want = 0.3 * np.einsum("tfu,fu->tu", kernel, 1.0 * SPIKES)
        got, state = run(Trace(4, tau_tr=tau, a_delta=0.3, read=read), SPIKES)
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-7)
    np.testing.assert_array_equal(got, state)


def test_the_nearest_trace_is_the_age_of_the_last_spike():
    for read, ends in (("before", 0), ("after", 1)):
        want = np.zeros((300, 4))
        for step, unit in np.ndindex(300, 4):
            past = np.flatnonzero(SPIKES[: step + ends, unit])
            want[step, unit] = 2 * np.exp(-(step - past[-1]) / 10) if len(past) else 0
        got, _ = run(Trace(4, tau_tr=10.0, a_delta=2.0, n_nearest=1, read=read), SPIKES)
        np.testing.assert_allclose(got, want, rtol=1e-4)


def test_a_trace_of_n_saturates_at_n_times_a():
    got, _ = run(Trace(4, tau_tr=np.inf, a_delta=0.5, n_nearest=4.0, read="after"), np.ones((100, 4)))
    np.testing.assert_allclose(got[:, 0], 2 - 2 * 0.75 ** np.arange(1, 101), rtol=1e-5)


@pytest.mark.parametrize("dt", [1.0, 0.5])
def test_the_mean_at_a_poisson_rate(dt):
    """a f tau, in the mean over 400 units and 2 s, within four standard errors; its variance is a^2 f tau / 2."""
    rate, tau, a = 0.04, 20.0, 1.5  # per ms
    spikes = np.random.default_rng(1).random((round(2000 / dt), 400)) < rate * dt
    got, _ = run(Trace(400, tau_tr=tau, a_delta=a, read="after"), spikes, dt=dt)
    settled = got[round(200 / dt) :]
    # Of a process in steps, the mean after a spike is a p / (1 - e^(-dt / tau)).
    mean, error = a * rate * dt / -np.expm1(-dt / tau), a * tau * np.sqrt(rate / (1800 * 400))
    assert abs(mean - a * rate * tau) < 0.03 * mean
    assert abs(settled.mean() - mean) < 4 * error
    np.testing.assert_allclose(settled.var(), a**2 * rate * tau / 2, rtol=0.06)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tau_tr": 0.0}, r"t\.tau_tr must be > 0 ms, got 0"),
        ({"n_nearest": 0}, r"t\.n_nearest must be >= 1, got 0\. Use None to switch it off"),
        ({"read": "later"}, r"t\.read must be one of 'before', 'after', got 'later'"),
    ],
    ids=str,
)
def test_bad_parameters_are_said_when_built(arguments, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit({"t": Trace(2, **arguments)})
