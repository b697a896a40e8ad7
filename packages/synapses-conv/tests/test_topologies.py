"""Every topology against a loop over its synapses, and its adjoints in random geometries."""

import math

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton_synapses_conv import Conv, Deconv, Lateral, Local2d, Pool2d, UpConv
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .edges import TOPOLOGIES, arrays, each_topology, each_weighted, edges


def all_three(topology, w, x, y):
    return topology.apply(w, x), topology.transpose(w, y), topology.outer(w, x, y)


@each_topology
def test_the_map_and_both_adjoints_are_sums_over_synapses(topology):
    w, x, y = arrays(topology)
    forward, back = np.zeros_like(y), np.zeros_like(x)
    outer = None if w is None else np.zeros_like(w)
    for i, j, k, factor in edges(topology):
        weight = factor if w is None else factor * w[k]
        forward[j] += weight * x[i]
        back[i] += weight * y[j]
        if outer is not None:
            outer[k] += factor * x[i] * y[j]
    got = jax.jit(all_three, static_argnums=0)(topology, w, x, y)
    for made, wanted in zip(got, (forward, back, outer), strict=True):
        if wanted is None:
            assert made is None
        else:
            np.testing.assert_allclose(made, wanted, atol=2e-5)


@each_weighted
def test_counts_of_synapses(topology):
    per_unit, per_weight = np.zeros(topology.size("post")), np.zeros(topology.size("weights"))
    for _, j, k, factor in edges(topology):
        per_unit[j] += factor
        per_weight[k] += factor

    @jax.jit
    def counts():
        return topology.fan_in(jnp.ones(topology.size("weights"))), topology.multiplicity(), topology.fan_in_count()

    units, weights, most = counts()
    np.testing.assert_array_equal(units, per_unit)
    np.testing.assert_array_equal(weights, per_weight)
    assert most == abs(per_unit).max()


ABSENT = ["Local2d", "Local2d, padding wider than the map", "Lateral, wider than the map"]


@pytest.mark.parametrize("name", ABSENT)
def test_synapses_that_do_not_exist_start_at_zero(name):
    """A window over padding, a centre that is cut, a distance beyond the map."""
    topology = TOPOLOGIES[name]
    exists = np.zeros(topology.size("weights"), bool)
    for _, _, k, _ in edges(topology):
        exists[k] = True
    drawn = jax.jit(lambda: topology.draw(bouton.Constant(2.0), jax.random.key(0)))()
    np.testing.assert_array_equal(drawn, 2.0 * exists)
    assert not exists.all()


@st.composite
def windows(draw, kind, n=None):
    n = n or draw(st.integers(1, 3))
    small = st.integers(1, 3)
    axes = st.tuples(*[small] * n)
    groups = draw(st.integers(1, 2))
    kernel, dilation = draw(axes), draw(axes)
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = tuple((1 if kind is UpConv else e) + draw(st.integers(0, 3)) for e in extent)
    low = [e - 1 for e in extent] if kind is UpConv else [0] * n  # so that a kernel fits
    pairs = st.tuples(*[st.tuples(st.integers(0, 2), st.integers(e, e + 2)) for e in low])
    return kind(
        (*size, groups * draw(st.integers(1, 2))),
        kernel=kernel,
        channels_out=groups * draw(st.integers(1, 2)),
        stride=draw(axes),
        padding=draw(st.one_of(st.sampled_from(["SAME", "VALID"]), pairs)),
        dilation=dilation,
        groups=groups,
    )


@st.composite
def laterals(draw):
    size = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    kernel = tuple(draw(st.sampled_from([1, 3, 5])) for _ in size)
    centre = max(kernel) == 1 or draw(st.booleans())
    return Lateral(size, kernel, centre, draw(st.sampled_from([1, -1])))


sizes = st.tuples(st.integers(1, 7), st.integers(1, 7))
GEOMETRIES = {
    "Conv": windows(Conv),
    "Deconv": windows(Conv).map(Deconv),
    "UpConv": windows(UpConv),
    "Local2d": windows(Local2d, 2),
    "Lateral": laterals(),
    "Pool2d": st.builds(
        lambda n, m, c, r: Pool2d((*n, c), m, r), sizes, sizes, st.integers(1, 2), st.sampled_from(["mean", "sum"])
    ),
}


@pytest.mark.parametrize("kind", GEOMETRIES)
def test_adjoint_identities_hold_in_any_geometry(kind):
    @settings(
        max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
    )
    @given(GEOMETRIES[kind])
    def check(topology):
        w, x, y = arrays(topology)
        made, back, outer = jax.jit(all_three, static_argnums=0)(topology, w, x, y)
        assert made.shape == topology.size("post") and back.shape == topology.size("pre")
        product = np.vdot(made, y)
        np.testing.assert_allclose(np.vdot(x, back), product, rtol=1e-3, atol=1e-3)
        if w is not None:
            np.testing.assert_allclose(np.vdot(w, outer), product, rtol=1e-3, atol=1e-3)

    check()


@pytest.mark.parametrize("name", ["Conv, 2-D", "Local2d, groups", "Lateral, 1-D", "Pool2d, bins that overlap"])
@pytest.mark.parametrize("batch", [(1,), (3,), (2, 3)], ids=str)
def test_batch_axes_are_a_loop(name, batch):
    topology = TOPOLOGIES[name]
    w, x, y = arrays(topology, batch=batch)
    n, of = math.prod(batch), jax.jit(all_three, static_argnums=0)
    lanes = zip(x.reshape(n, *topology.size("pre")), y.reshape(n, *topology.size("post")), strict=True)
    forward, back, outer = zip(*(of(topology, w, a, b) for a, b in lanes), strict=True)
    got = of(topology, w, x, y)
    np.testing.assert_allclose(got[0], np.stack(forward).reshape(y.shape), atol=1e-5)
    np.testing.assert_allclose(got[1], np.stack(back).reshape(x.shape), atol=1e-5)
    if w is not None:
        np.testing.assert_allclose(got[2], np.sum(outer, 0), atol=1e-4)


@pytest.mark.parametrize("name", ["Conv, 2-D", "Deconv, groups", "UpConv", "Local2d", "Lateral", "Pool2d"])
def test_double_precision(name):
    with jax.enable_x64(True):
        topology = TOPOLOGIES[name]
        w, x, y = (None if a is None else a.astype(np.float64) for a in arrays(topology))
        made, back, outer = jax.jit(all_three, static_argnums=0)(topology, w, x, y)
        assert made.dtype == back.dtype == np.float64
        np.testing.assert_allclose(np.vdot(x, back), np.vdot(made, y), rtol=1e-12)
        if w is not None:
            assert outer.dtype == np.float64
            np.testing.assert_allclose(np.vdot(w, outer), np.vdot(made, y), rtol=1e-12)
