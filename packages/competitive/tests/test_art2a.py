"""ART2ASynapse: categories by a loop over samples, vigilance, order, batches, full and growing memories."""

import bouton
import jax
import numpy as np
import pytest
from bouton import Clip
from bouton_competitive import ART2ASynapse, SimpleART2ASynapse, grown

from .steps import digits, random, stepped


def positive(*shape, seed=0):
    return np.abs(random(*shape, seed=seed))


def by_hand(xs, eta, vigilance, places, theta=None):
    """Categories (place, pre), the category of each sample when it came, and how many found no place."""
    w, found, dropped = np.zeros((0, xs.shape[1])), [], 0
    for x in xs:
        if not x.any():
            found.append(-1)
            continue
        x = x / np.linalg.norm(x)
        if theta is not None:
            x = np.where(x > theta, x, 0)
            x = x / np.linalg.norm(x)
        best = int(np.argmax(w @ x)) if len(w) else -1
        if best >= 0 and w[best] @ x >= vigilance:
            w[best] = (1 - eta) * w[best] + eta * x
            w[best] /= np.linalg.norm(w[best])
            found.append(best)
        else:
            found.append(-1)
            if len(w) < places:
                w = np.vstack([w, x])
            else:
                dropped += 1
    return w, found, dropped


@pytest.mark.parametrize("theta", [None, 0.2])
def test_categories_by_a_loop_over_samples(theta):
    xs = positive(80, 6)
    xs[5] = 0
    w, found, dropped = by_hand(xs, 0.2, 0.92, 12, theta)
    state, out = stepped(ART2ASynapse(6, 12, 0.2, 0.92, theta), xs)
    assert dropped > 0 and state.n_dropped == dropped
    assert out.winner.tolist() == found
    assert state.n_used == len(w) == 12
    np.testing.assert_allclose(state.w.T, w, atol=1e-5)
    np.testing.assert_array_equal(out.z.sum(-1), np.array(found) >= 0)


def test_categories_have_unit_length_whatever_constrains_them():
    state, _ = stepped(ART2ASynapse(6, 40, 0.3, 0.8, constraints=Clip(0.0, 0.5)), positive(60, 4, 6))
    length = np.linalg.norm(state.w, axis=0)
    assert 0 < state.n_used < 40
    np.testing.assert_allclose(length, np.arange(40) < int(state.n_used), atol=1e-5)
    assert (np.asarray(state.w) >= 0).all()


def test_more_vigilance_makes_more_categories_of_digits():
    x, *_ = digits()
    arts = [ART2ASynapse(64, 800, 0.05, vigilance) for vigilance in (0.0, 0.5, 0.7, 0.8, 0.9, 1.0)]
    counts = [int(stepped(art, x[:700])[0].n_used) for art in arts]
    assert counts == sorted(counts)
    assert counts[0] == 1 and counts[1] < 10 and 100 < counts[4] < counts[5] == len(np.unique(x[:700], axis=0))


def test_equal_samples_found_one_category_one_by_one_and_in_one_batch():
    x = positive(1, 5)
    for xs in (np.tile(x, (9, 1)), np.tile(x, (1, 9, 1)), np.tile(2.5 * x, (2, 4, 1))):
        for vigilance in (0.5, 1.0):
            state, out = stepped(ART2ASynapse(5, 6, vigilance=vigilance), xs)
            assert state.n_used == 1 and state.n_dropped == 0
            assert (np.asarray(out.winner)[1:] == 0).all()
            np.testing.assert_allclose(state.w[:, 0], x[0] / np.linalg.norm(x[0]), atol=1e-5)


def test_a_batch_founds_categories_in_its_order_into_the_next_free_places():
    a, b, c = np.eye(3)
    near_a = a + 0.1 * b
    state, out = stepped(ART2ASynapse(3, 5, vigilance=0.9), [[a, b, near_a, b, 0 * a], [a, c, c, b, near_a]])
    assert out.winner.tolist() == [[-1] * 5, [0, -1, -1, 1, 0]]
    assert state.n_used == 3
    assert not state.dropped.any()
    np.testing.assert_allclose(state.w[:, 1:4].T, [b, c, 0 * c], atol=1e-6)


def test_the_order_of_samples_matters():
    a, middle, b = np.array([1.0, 0.0]), np.array([1.0, 1.0]), np.array([0.0, 1.0])
    one, _ = stepped(ART2ASynapse(2, 5, 0.001, 0.7), [a, middle, b])
    other, _ = stepped(ART2ASynapse(2, 5, 0.001, 0.7), [middle, a, b])
    assert (one.n_used, other.n_used) == (2, 1)


def test_a_batch_larger_than_the_memory_says_what_it_dropped():
    x = np.eye(6)[None]
    state, out = stepped(ART2ASynapse(6, 4, vigilance=0.5), x)
    assert state.n_used == 4 and state.n_dropped == 2
    assert state.dropped.tolist() == [False] * 4 + [True] * 2
    state, out = stepped(ART2ASynapse(6, 4, vigilance=0.5), x, state=state)
    assert out.winner[0].tolist() == [0, 1, 2, 3, -1, -1]
    assert state.n_dropped == 4
    state, _ = stepped(ART2ASynapse(6, 4, vigilance=0.5), x, state=state, learn=False)
    assert state.n_dropped == 4 and not state.dropped.any()


def test_an_empty_memory_knows_nothing_and_zeros_belong_nowhere():
    state, out = stepped(ART2ASynapse(3, 2, vigilance=0.0), [[1.0, 2.0, 3.0]], learn=False)
    assert (out.winner, out.similarity, state.n_used) == (-1, 0, 0)
    state, out = stepped(ART2ASynapse(3, 2, vigilance=0.0), np.zeros((2, 4, 3)))
    assert (np.asarray(out.winner) == -1).all() and (state.n_used, state.n_dropped) == (0, 0)
    assert np.isfinite(state.w).all()


def test_a_memory_grows_by_a_factor_and_keeps_what_it_knows():
    x = np.eye(6)
    circuit = bouton.Circuit({"art": ART2ASynapse(6, 2, vigilance=0.5), "other": ART2ASynapse(6, 2)})
    feeds = {"art.pre": (("time", "pre"), x), "other.pre": (("time", "pre"), x)}
    run = bouton.simulate(circuit, 6.0, dt=1.0, inputs=feeds, progress=False)
    assert run.state["art"].n_dropped == 4
    larger, state = grown(circuit, run.state, "art", 2.5)
    assert larger.nodes["art"].n_units == 5 and larger.nodes["other"].n_units == 2
    again = bouton.simulate(larger, 6.0, dt=1.0, inputs=feeds, state=state, record={"art.winner": 1}, progress=False)
    assert again["art.winner"].values.tolist() == [0, 1, -1, -1, -1, -1]
    assert (again.state["art"].n_used, again.state["art"].n_dropped) == (5, 5)
    np.testing.assert_allclose(again.state["art"].w.T, x[:5], atol=1e-6)


def test_states_with_batch_axes_grow_too():
    art = ART2ASynapse(6, 2, vigilance=0.5)
    state, _ = stepped(art, np.eye(6)[None])
    larger, after = grown(bouton.Circuit({"art": art}), {"art": state}, "art")
    after, out = stepped(larger.nodes["art"], np.eye(6)[None], state=after["art"])
    assert out.winner[0].tolist() == [0, 1, -1, -1, -1, -1] and after.n_used == 4


def test_the_simple_one_has_all_its_categories_from_the_start():
    start = positive(3, 4)
    art = SimpleART2ASynapse((3, 4), eta=0.5, vigilance=0.99, weight_init=start)
    state, out = stepped(art, [start[:, 2], np.array([1.0, 0.0, 0.0])])
    assert state.n_used == 4 and out.winner.tolist() == [2, -1] and state.n_dropped == 1
    np.testing.assert_allclose(state.w, start / np.linalg.norm(start, axis=0), atol=1e-5)


def test_some_categories_may_be_given():
    state, _ = stepped(ART2ASynapse(3, 4, weights=positive(3, 4), committed=2), np.zeros((1, 3)))
    assert state.n_used == 2
    np.testing.assert_allclose(np.linalg.norm(state.w, axis=0), [1, 1, 0, 0], atol=1e-6)


def test_a_run_records_categories():
    x, *_ = digits()
    circuit = bouton.Circuit({"art": ART2ASynapse(64, 100, vigilance=0.8)})
    run = bouton.simulate(
        circuit,
        50.0,
        dt=1.0,
        batch=4,
        inputs={"art.pre": (("time", "batch", "pre"), x[:200].reshape(50, 4, 64))},
        record={"art.winner": 1, "art.dropped": 1, "art.n_used": 10},
        progress=False,
    )
    used = run["art.n_used"].values
    assert (np.diff(used) >= 0).all() and used[-1] == run.state["art"].n_used
    assert run["art.dropped"].dtype == bool


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ART2ASynapse(3, 4, vigilance=1.5), r"art\.vigilance must be >= 0 and <= 1, got 1\.5"),
        (lambda: ART2ASynapse(3, 4, committed=5), r"committed must be from 0 to 4, the number of places, got 5"),
        (lambda: ART2ASynapse(3, 4, theta=0.0), r"art\.theta must be > 0 and < 1, got 0\. Use None to switch it off"),
        (lambda: SimpleART2ASynapse((3, 4), eta_decrement=0.1), r"The rate may be a schedule: eta=LinearDecay"),
        (lambda: SimpleART2ASynapse((3, 4), viligance=0.1), r"has no parameter 'viligance'\. Did you mean 'vigilance'"),
    ],
)
def test_bad_parameters_are_said_when_built(make, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit(nodes={"art": make()})


def test_what_cannot_grow():
    circuit = bouton.Circuit({"art": ART2ASynapse(3, 4)})
    state = circuit.init(key=jax.random.key(0), dt=1.0)
    with pytest.raises(bouton.CircuitError, match=r"needs the name of an ART2ASynapse in the circuit; 'arts' is None"):
        grown(circuit, state, "arts")
    with pytest.raises(bouton.CircuitError, match=r"factor must make more room than 4 places, got 1\.0"):
        grown(circuit, state, "art", 1.0)
