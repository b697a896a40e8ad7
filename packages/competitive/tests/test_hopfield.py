"""The two Hopfield networks: formulas by hand, energies, retrieval, capacities that are known, and learning."""

import bouton
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import Clip
from bouton_competitive import BinaryHopfieldSynapse, HopfieldSynapse, hopfield_energy

from .steps import digits, random, stepped


def softmax(a):
    e = np.exp(a - a.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def signs(*shape, seed=0):
    return np.random.default_rng(seed).choice([-1.0, 1.0], size=shape)


def energy_by_hand(xi, w, beta):
    lse = np.log(np.exp(beta * xi @ w).sum()) / beta
    return -lse + xi @ xi / 2 + np.log(w.shape[1]) / beta + (w**2).sum(0).max() / 2


# ---- the modern one ------------------------------------------------------------------------------------------------


def test_retrieval_and_energy_by_the_formulas_of_the_paper():
    w, xs, beta = random(5, 7), random(2, 3, 5, seed=1), 1.7
    _, out = stepped(HopfieldSynapse(5, 7, beta=beta, steps=3), xs, w=w, learn=False)
    xi = xs
    for _ in range(3):
        p = softmax(beta * xi @ w)
        xi = p @ w.T
    np.testing.assert_allclose(out.outputs, xi, atol=1e-5)
    np.testing.assert_allclose(out.p, p, atol=1e-5)
    by_hand = [[energy_by_hand(x, w, beta) for x in lane] for lane in xi]
    np.testing.assert_allclose(out.energy, by_hand, rtol=1e-5)


def test_one_stored_pattern_has_the_energy_of_the_paper():
    """For a pattern alone E is half the squared distance from it."""
    w, xi = random(4, 1), random(4, seed=1)
    found = hopfield_energy(jnp.asarray(xi, float), jnp.asarray(w, float), 2.0)
    np.testing.assert_allclose(found, ((xi - w[:, 0]) ** 2).sum() / 2, rtol=1e-5)


@pytest.mark.parametrize("beta", [0.1, 1.0, 8.0])
def test_energy_is_positive_and_never_rises(beta):
    w, xi, energies = random(6, 12), 3 * random(1, 40, 6, seed=1), []
    node = HopfieldSynapse(6, 12, beta=beta)
    for _ in range(12):
        energies.append(np.asarray(hopfield_energy(jnp.asarray(xi[0], float), jnp.asarray(w, float), beta)))
        _, out = stepped(node, xi, w=w, learn=False)
        np.testing.assert_array_equal(out.outputs.shape, xi.shape)
        xi = np.asarray(out.outputs)
    energies = np.stack(energies)
    assert (np.diff(energies, axis=0) <= 1e-5 * energies[:-1] + 1e-5).all()
    assert (energies >= -1e-5).all() and (energies[-1] < energies[0]).all()


def test_stored_digits_are_retrieved_from_their_upper_halves():
    x, *_ = digits()
    stored = 2 * x[:100] - 1
    probes = stored.copy()
    probes[:, 32:] = 0
    _, out = stepped(HopfieldSynapse(64, 100, beta=4.0, steps=3), probes[None], w=stored.T, learn=False)
    right = np.asarray(out.p[0]).argmax(-1) == np.arange(100)
    assert right.mean() > 0.85


def test_capacity_grows_exponentially_with_the_number_of_units():
    """Of 2^(d/2) random patterns (Demircigil et al., 2017) nearly all are retrieved; the classical bound is 0.138 d."""
    errors = {}
    for d in (8, 12, 16, 20):
        n = 2 ** (d // 2)
        w = signs(d, n, seed=d)
        _, out = stepped(HopfieldSynapse(d, n, beta=1.0), w.T[None], w=w, learn=False)
        errors[d] = (np.sign(np.asarray(out.outputs[0])) != w.T).mean()
    assert n == 1024 > 300 * 0.138 * d
    assert errors[20] < 0.01 and errors[20] <= errors[12] <= errors[8] < 0.1
    w = signs(8, 2**12, seed=3)  # far beyond: most of them are lost
    _, out = stepped(HopfieldSynapse(8, 2**12, beta=0.3), w.T[None], w=w, learn=False)
    assert np.abs(np.asarray(out.outputs[0]) - w.T).mean() > 0.3


@pytest.mark.parametrize("batch_reduce", ["mean", "sum"])
@pytest.mark.parametrize("rule", ["delta", "contrastive"])
def test_learning_by_the_formulas(rule, batch_reduce):
    xs, w, beta, eta = random(4, 3, 5), random(5, 6, seed=1), 1.3, 0.1
    node = HopfieldSynapse(5, 6, eta, beta, rule)
    state, _ = stepped(node, xs, w=w, batch_reduce=batch_reduce)
    for x in xs:
        p = softmax(beta * x @ w)
        recalled = p @ w.T
        again = softmax(beta * recalled @ w)
        change = (x - recalled).T @ p if rule == "delta" else x.T @ p - recalled.T @ again
        w = w + eta * change / (len(x) if batch_reduce == "mean" else 1)
    np.testing.assert_allclose(state.w, w, atol=1e-5)
    assert state.t == 4


@pytest.mark.parametrize("rule", ["delta", "contrastive"])
def test_learned_patterns_are_retrieved(rule):
    patterns = signs(5, 30)
    node = HopfieldSynapse(30, 10, 0.2, 0.5, rule, weights=bouton.Gaussian(0.0, 0.3))
    state, _ = stepped(node, np.tile(patterns, (200, 1)))
    noisy = np.where(np.random.default_rng(1).uniform(size=patterns.shape) < 0.1, -patterns, patterns)
    _, out = stepped(node.replace(steps=3), noisy[None], state=state, learn=False)
    assert (np.sign(np.asarray(out.outputs[0])) == patterns).mean() > 0.99


def test_zeros_retrieve_the_mean_of_all_memories():
    w = random(4, 3)
    _, out = stepped(HopfieldSynapse(4, 3), np.zeros((1, 4)), w=w, learn=False)
    np.testing.assert_allclose(out.outputs[0], w.mean(1), atol=1e-6)


def test_constraints_hold_for_memories():
    state, _ = stepped(HopfieldSynapse(4, 3, 1.0, constraints=Clip(0.0, 0.2)), random(5, 4))
    assert float(state.w.min()) >= 0 and float(state.w.max()) <= 0.2001


# ---- that of 1982 --------------------------------------------------------------------------------------------------


def test_storage_and_updates_by_loops():
    patterns, probe = signs(3, 7), signs(7, seed=1)
    state, _ = stepped(BinaryHopfieldSynapse(7), patterns)
    w = sum(np.outer(x, x) for x in patterns) / 7
    np.fill_diagonal(w, 0)
    np.testing.assert_allclose(state.w, w, atol=1e-6)
    together, _ = stepped(BinaryHopfieldSynapse(7), patterns[None], batch_reduce="sum")
    np.testing.assert_allclose(together.w, w, atol=1e-6)
    for update in ("asynchronous", "synchronous"):
        units = probe.copy()
        for _ in range(2):
            if update == "synchronous":
                units = np.where(units @ w == 0, units, np.sign(units @ w))
            else:
                for j in range(7):
                    field = round(float(units @ w[:, j]), 9)
                    units[j] = np.sign(field) if field else units[j]
        _, out = stepped(BinaryHopfieldSynapse(7, steps=2, update=update), probe[None], state=state, learn=False)
        np.testing.assert_array_equal(out.outputs[0], units)
        np.testing.assert_allclose(out.energy[0], -units @ w @ units / 2, rtol=1e-5)


def test_energy_never_rises_while_units_take_turns_but_may_when_all_act_at_once():
    w = random(12, 12)
    w, xi = w + w.T, signs(1, 30, 12, seed=1)
    energies = []
    for _ in range(6):
        _, out = stepped(BinaryHopfieldSynapse(12, steps=1, weights=w), xi, learn=False)
        energies.append(out.energy[0])
        xi = np.asarray(out.outputs)
    assert (np.diff(energies, axis=0) <= 1e-4).all() and (energies[-1] < energies[0]).any()
    pair = BinaryHopfieldSynapse(2, steps=1, update="synchronous", weights=np.array([[5.0, -1.0], [-1.0, 5.0]]))
    _, out = stepped(pair, [[1.0, 1.0], [-1.0, -1.0]], learn=False)
    assert out.outputs.tolist() == [[-1, -1], [1, 1]]  # a cycle of two; the diagonal does not hold it


def test_capacity_is_the_known_share_of_the_number_of_units():
    """Amit, Gutfreund & Sompolinsky (1987): up to 0.138 n patterns are recalled, there with an overlap of 0.97."""
    n, overlap = 1000, {}
    node = BinaryHopfieldSynapse(n, steps=12)
    for share in (0.12, 0.138, 0.20):
        patterns = signs(int(share * n), n)
        w = patterns.T @ patterns / n
        _, out = stepped(node, patterns[None, :40], w=w * (1 - np.eye(n)), learn=False)
        overlap[share] = (np.asarray(out.outputs[0]) * patterns[:40]).mean(1)
    assert (overlap[0.12] > 0.95).mean() > 0.95
    assert 0.95 < overlap[0.138].mean() < 0.99
    assert (overlap[0.20] > 0.95).mean() < 0.1


def test_half_a_pattern_is_completed_and_silence_stays():
    patterns = signs(4, 60)
    state, _ = stepped(BinaryHopfieldSynapse(60), patterns)
    probes = patterns.copy()
    probes[:, 30:] = 0
    _, out = stepped(BinaryHopfieldSynapse(60), probes[None], state=state, learn=False)
    np.testing.assert_array_equal(out.outputs[0], patterns)
    _, out = stepped(BinaryHopfieldSynapse(60), np.zeros((1, 60)), learn=False)
    assert not out.outputs.any() and not out.energy.any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HopfieldSynapse(3, 4, steps=0), r"HopfieldSynapse\.steps must be at least 1, got 0"),
        (lambda: HopfieldSynapse(3, 4, beta=0.0), r"hop\.beta must be > 0, got 0"),
        (lambda: HopfieldSynapse(3, 4, rule="hebb"), r"hop\.rule must be one of 'delta', 'contrastive', got 'hebb'"),
        (lambda: BinaryHopfieldSynapse(3, steps=0), r"BinaryHopfieldSynapse\.steps must be at least 1, got 0"),
        (
            lambda: BinaryHopfieldSynapse(3, update="async"),
            r"hop\.update must be one of 'asynchronous', 'synchronous', got 'async'",
        ),
    ],
)
def test_bad_parameters_are_said_when_built(make, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit(nodes={"hop": make()})
