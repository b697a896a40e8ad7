"""Patched against the full matrix that its definition masks."""

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton_synapses_dense import Patched
from hypothesis import given, settings
from hypothesis import strategies as st

SHAPES = st.builds(
    lambda n, di, dj, si, sj: Patched(n * di + 2 * si, n * dj + 2 * sj, n, (si, sj)),
    *(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(0, 4), st.integers(0, 4)),
)


def full_mask(topology):
    """Blocks painted over each other, then the margins cut, as ngc-learn makes it."""
    (si, sj), n = topology.overlap, topology.n_blocks
    di, dj = (topology.n_pre - 2 * si) // n, (topology.n_post - 2 * sj) // n
    mask = np.zeros((topology.n_pre, topology.n_post), bool)
    for k in range(n):
        mask[k * di : (k + 1) * di + 2 * si, k * dj : (k + 1) * dj + 2 * sj] = True
    mask[:si] = mask[topology.n_pre - si :] = False
    mask[:, :sj] = mask[:, topology.n_post - sj :] = False
    return mask


@given(topology=SHAPES, batch=st.sampled_from([(), (2,), (2, 2)]), seed=st.integers(0, 1000))
@settings(max_examples=12, deadline=None)
def test_it_is_the_masked_matrix(topology, batch, seed):
    """Also where more than two blocks overlap; a pair of units has one weight."""
    r, mask = np.random.default_rng(seed), full_mask(topology)
    full = r.normal(size=mask.shape).astype(np.float32)
    x, y = (r.normal(size=(*batch, n)).astype(np.float32) for n in mask.shape)

    @jax.jit
    def made(topology, full, x, y):
        w = topology.from_matrix(full)
        return (
            topology.to_matrix(w),
            topology.apply(w, x),
            topology.transpose(w, y),
            topology.to_matrix(topology.outer(w, x, y)),
            topology.fan_in(w),
            topology.fan_in_count(),
            topology.largest(w),
            topology.largest(w, "pre"),
        )

    masked, outer = full * mask, (x.reshape(-1, len(mask)).T @ y.reshape(-1, mask.shape[1])) * mask
    want = (masked, x @ masked, y @ masked.T, outer, masked.sum(0), mask.sum(0).max())
    want += tuple(np.abs(masked).max(axis) for axis in (0, 1))
    for a, b in zip(made(topology, full, x, y), want, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    assert np.asarray(topology.mask).sum() == mask.sum()


def test_places_without_a_synapse_have_no_effect_and_no_change():
    topology = Patched(8, 10, 3, (1, 2))
    w, x, y = (jnp.ones(s) for s in (topology.size("weights"), (8,), (10,)))
    np.testing.assert_array_equal(topology.to_matrix(w), full_mask(topology))
    np.testing.assert_array_equal(topology.apply(w, x), full_mask(topology).sum(0))
    np.testing.assert_array_equal(topology.outer(w, x, y), topology.mask)


def test_weights_are_drawn_for_the_fan_in_of_each_unit_and_only_where_there_is_a_synapse():
    topology = Patched(2 * 500 + 2 * 250, 2 * 2 + 2, 2, (250, 1))
    full = np.asarray(topology.to_matrix(topology.draw(bouton.FanInGaussian(3.0), jax.random.key(0))))
    mask = full_mask(topology)
    assert ((full != 0) == mask).all()
    counts = mask.sum(0)
    assert sorted(set(counts)) == [0, 750, 1000]
    for j in np.flatnonzero(counts):
        np.testing.assert_allclose(full[mask[:, j], j].std(), 3 / np.sqrt(counts[j]), rtol=0.12)


def test_it_never_makes_the_full_matrix():
    """4000 blocks of 5 x 5: the full matrix would take 1.6 GB."""
    topology = Patched(20_000, 20_000, 4000)
    y = topology.apply(topology.draw(bouton.Constant(1.0), jax.random.key(0)), jnp.ones(20_000))
    assert topology.size("weights") == (4000, 5, 5) and (y == 5.0).all()


def test_a_dataset_says_which_units_a_block_connects():
    circuit = bouton.Circuit({"ff": bouton.Synapse(Patched(8, 10, 3, (1, 2)))})
    run = bouton.simulate(circuit, 1.0, inputs={"ff.pre": 1.0}, record={"ff.w": 1, "ff.current": 1}, progress=False)
    w = run["ff.w"]
    assert w.dims == ("time", "block", "pre_in_block", "post_in_block") and w.shape == (1, 3, 4, 6)
    assert w.pre_start.values.tolist() == [0, 2, 4] and w.pre_stop.values.tolist() == [4, 6, 8]
    assert w.post_start.values.tolist() == [0, 2, 4] and w.post_stop.values.tolist() == [6, 8, 10]
    assert run["ff.current"].dims == ("time", "post")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((10, 9, 3), r"Patched\.n_pre=10 3 blocks do not divide: the remainder is 1\."),
        (
            (9, 12, 3, (0, 2)),
            r"Patched\.n_post=12 without its margins of 2 x 2 is 8, which 3 blocks do not divide: the remainder is 2\.",
        ),
        ((4, 9, 3, (2, 0)), r"Patched\.n_pre=4 without its margins of 2 x 2 is 0, which is too small for 3 blocks\."),
        ((2, 9, 3), r"Patched\.n_pre=2 is too small for 3 blocks\."),
        (
            (9, 9, 3, (-1, 0)),
            r"Patched\.overlap must be two whole numbers of at least 0, \(pre, post\), got \(-1, 0\)\.",
        ),
        ((9, 9, 3, 1), r"Patched\.overlap must be two whole numbers of at least 0, \(pre, post\), got 1\."),
        ((9, 9, 0), r"Patched\.n_blocks must be a whole number of at least 1, got 0\."),
        ((2.5, 9, 3), r"Patched\.n_pre must be a whole number of at least 1, got 2\.5\."),
    ],
    ids=str,
)
def test_shapes_that_do_not_divide_are_said(arguments, message):
    with pytest.raises(bouton.CircuitError, match=message):
        Patched(*arguments)


def test_a_matrix_of_another_shape_is_refused():
    with pytest.raises(bouton.CircuitError, match=r"the matrix must have the shape \(6, 9\), got \(9, 6\)\."):
        Patched(6, 9, 3).from_matrix(np.zeros((9, 6)))
