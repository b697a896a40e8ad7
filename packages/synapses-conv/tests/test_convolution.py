"""Conv against explicit loops over edges, in all dimensions and geometries."""

import itertools
import math

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton_synapses_conv import Conv
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

GEOMETRIES = {
    "2-D": Conv((5, 4, 2), kernel=3, channels_out=3),
    "rectangular, strides, explicit padding": Conv(
        (7, 5, 1), kernel=(3, 2), channels_out=2, stride=(2, 1), padding=((1, 0), (2, 1))
    ),
    "dilated": Conv((7, 6, 1), kernel=2, channels_out=2, dilation=(3, 2), padding="VALID"),
    "groups": Conv((4, 4, 4), kernel=2, channels_out=6, groups=2, stride=2),
    "1-D": Conv((9, 2), kernel=4, channels_out=3, stride=3),
    "3-D": Conv((3, 4, 3, 1), kernel=(2, 3, 1), channels_out=2),
    "padding wider than the map": Conv((2, 2, 1), kernel=3, channels_out=1, padding=((3, 0), (0, 3))),
}
each_geometry = pytest.mark.parametrize("conv", GEOMETRIES.values(), ids=GEOMETRIES)


def edges(conv):
    """All synapses as (place in the pre map, place in the post map, index of the weight)."""
    n = len(conv.size_in) - 1
    strides, dilations, kernels = (
        v if isinstance(v, tuple) else (v,) * n for v in (conv.stride, conv.dilation, conv.kernel)
    )
    if conv.padding == "SAME":  # as lax documents it: the positions decide, an odd place goes behind
        fronts = []
        for size, k, s, d in zip(conv.size_in, kernels, strides, dilations, strict=False):
            total = (math.ceil(size / s) - 1) * s + (k - 1) * d + 1 - size
            fronts.append(max(total, 0) // 2)
    else:
        fronts = [0] * n if conv.padding == "VALID" else [front for front, _ in conv.padding]
    c_in, c_out = conv.size_in[-1] // conv.groups, conv.channels_out // conv.groups
    for at in itertools.product(*map(range, conv.size_out[:-1])):
        for tap in itertools.product(*map(range, kernels)):
            place = tuple(p * s + k * d - f for p, s, k, d, f in zip(at, strides, tap, dilations, fronts, strict=True))
            if all(0 <= p < size for p, size in zip(place, conv.size_in, strict=False)):
                for i, o in itertools.product(range(c_in), range(conv.channels_out)):
                    yield (*place, o // c_out * c_in + i), (*at, o), (*tap, i, o)


def arrays(conv, seed=0, batch=()):
    r = np.random.default_rng(seed)
    return (
        r.normal(size=s).astype(np.float32) for s in (conv.size("weights"), batch + conv.size_in, batch + conv.size_out)
    )


@each_geometry
def test_the_map_and_both_adjoints_are_sums_over_synapses(conv):
    w, x, y = arrays(conv)
    forward, back, outer = np.zeros_like(y), np.zeros_like(x), np.zeros_like(w)
    for i, j, k in edges(conv):
        forward[j] += w[k] * x[i]
        back[i] += w[k] * y[j]
        outer[k] += x[i] * y[j]
    for got, expected in (
        (conv.apply(w, x), forward),
        (conv.transpose(w, jnp.asarray(y)), back),
        (conv.outer(jnp.asarray(w), jnp.asarray(x), jnp.asarray(y)), outer),
    ):
        np.testing.assert_allclose(got, expected, atol=2e-5)


@each_geometry
def test_sizes_are_those_of_the_arrays(conv):
    w, x, _ = arrays(conv)
    assert jax.eval_shape(conv.apply, w, x).shape == conv.size("post") == conv.size_out
    assert conv.size("pre") == conv.size_in


@each_geometry
def test_fan_in_counts_the_synapses_of_one_unit(conv):
    counts = np.zeros(conv.size_out)
    for _, j, _ in edges(conv):
        counts[j] += 1
    assert conv.fan_in_count() == counts.max()
    np.testing.assert_array_equal(conv.fan_in(jnp.ones(conv.size("weights"))), counts)


@pytest.mark.parametrize("batch", [(1,), (3,), (2, 3)], ids=str)
def test_batch_axes_are_a_loop(batch):
    conv = GEOMETRIES["2-D"]
    w, x, y = map(jnp.asarray, arrays(conv, batch=batch))
    n = math.prod(batch)
    lanes = list(zip(x.reshape(n, *conv.size_in), y.reshape(n, *conv.size_out), strict=True))
    forward, back, outer = zip(
        *((conv.apply(w, a), conv.transpose(w, b), conv.outer(w, a, b)) for a, b in lanes), strict=True
    )
    np.testing.assert_allclose(conv.apply(w, x), np.stack(forward).reshape(y.shape), atol=1e-5)
    np.testing.assert_allclose(conv.transpose(w, y), np.stack(back).reshape(x.shape), atol=1e-5)
    np.testing.assert_allclose(conv.outer(w, x, y), np.sum(outer, 0), atol=1e-4)


@st.composite
def geometry(draw):
    n = draw(st.integers(1, 3))
    small = st.integers(1, 3)
    axes = st.tuples(*[small] * n)
    groups = draw(st.integers(1, 2))
    kernel, dilation = draw(axes), draw(axes)
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = tuple(e + draw(st.integers(0, 3)) for e in extent)
    padding = draw(st.one_of(st.sampled_from(["SAME", "VALID"]), st.tuples(*[st.tuples(*[st.integers(0, 2)] * 2)] * n)))
    return Conv(
        (*size, groups * draw(st.integers(1, 2))),
        kernel=kernel,
        channels_out=groups * draw(st.integers(1, 2)),
        stride=draw(axes),
        padding=padding,
        dilation=dilation,
        groups=groups,
    )


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(geometry())
def test_adjoint_identities_hold_in_any_geometry(conv):
    w, x, y = map(jnp.asarray, arrays(conv))
    product = jnp.vdot(conv.apply(w, x), y)
    np.testing.assert_allclose(jnp.vdot(w, conv.outer(w, x, y)), product, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(jnp.vdot(x, conv.transpose(w, y)), product, rtol=1e-3, atol=1e-3)
    assert conv.fan_in_count() == float(conv.fan_in(jnp.ones(conv.size("weights"))).max())


def test_dims_have_names():
    dims = Conv((8, 6, 2), kernel=(3, 5), channels_out=4, stride=2).dims()
    assert dims == {
        "pre": {"pre_height": 8, "pre_width": 6, "pre_channel": 2},
        "post": {"height": 4, "width": 3, "channel": 4},
        "weights": {"ky": 3, "kx": 5, "channel_in": 2, "channel_out": 4},
    }
    assert list(Conv((8, 1), kernel=3, channels_out=1).dims()["weights"]) == ["kx", "channel_in", "channel_out"]
    assert list(Conv((8, 8, 8, 1), kernel=3, channels_out=1).dims()["post"]) == ["depth", "height", "width", "channel"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size_in": (8,)}, r"Conv\.size_in must be \(width, channel\), .* got \(8,\)"),
        ({"size_in": 8}, r"Conv\.size_in must be .* got 8"),
        ({"size_in": (8, 0, 1)}, r"Conv\.size_in must be .*>= 1.* got \(8, 0, 1\)"),
        ({"channels_out": 0}, r"Conv\.channels_out must be a number >= 1, got 0"),
        ({"groups": 0}, r"Conv\.groups must be a number >= 1, got 0"),
        ({"kernel": (3, 3, 3)}, r"Conv\.kernel must be a number >= 1, or 2 of them, got \(3, 3, 3\)"),
        (
            {"size_in": (6, 6), "kernel": (3, 3), "channels_out": 4},
            r"Conv\.kernel must be a number >= 1, got \(3, 3\)\. size_in=\(6, 6\) is one axis of 6 with 6 channels\. "
            r"For one channel write \(6, 6, 1\)\.$",
        ),
        ({"kernel": 2.5}, r"Conv\.kernel must be a number >= 1, or 2 of them, got 2\.5"),
        ({"stride": 0}, r"Conv\.stride must be a number >= 1, or 2 of them, got 0"),
        ({"dilation": (1, 0)}, r"Conv\.dilation must be a number >= 1, or 2 of them, got \(1, 0\)"),
        ({"padding": "same"}, r"padding must be 'SAME', 'VALID' or a pair for each axis, got 'same'\. Did you mean"),
        ({"padding": ((1, 1),)}, r"Conv\.padding must be 'SAME', 'VALID' or a pair for each of height, width, got"),
        (
            {"size_in": (6, 6), "padding": ((1, 1), (1, 1))},
            r"a pair for each of width, got .*\. size_in=\(6, 6\) is one axis of 6 with 6 channels",
        ),
        ({"size_in": (4, 4, 4, 2), "stride": (1, 1, 1, 1)}, r"is a map of 4 x 4 x 4 with 2 channels\.$"),
        ({"padding": ((1, 1), (1, -1))}, r"padding along width must be two numbers .*>= 0, got \(1, -1\)"),
        ({"padding": 1}, r"padding along height must be two numbers .* got 1"),
        ({"groups": 2}, r"Conv\.size_in\[-1\] must be a multiple of groups=2, got 1"),
        (
            {"size_in": (8, 8, 2), "channels_out": 3, "groups": 2},
            r"Conv\.channels_out must be a multiple of groups=2, got 3",
        ),
        ({"kernel": 9, "padding": "VALID"}, r"a kernel of 9 does not fit into a height of 8\."),
        (
            {"kernel": 4, "dilation": 4, "padding": ((2, 2), (2, 1))},
            r"a kernel of 4 \(dilated to 13\) does not fit into a height of 8 with 2 \+ 2 of padding",
        ),
    ],
    ids=str,
)
def test_sizes_that_do_not_fit_are_said_when_built(arguments, message):
    with pytest.raises(bouton.CircuitError, match=message):
        Conv(**({"size_in": (8, 8, 1), "kernel": 3, "channels_out": 1} | arguments))


def test_in_a_circuit_a_flat_population_feeds_a_map_row_by_row():
    conv = Conv((3, 4, 1), kernel=2, channels_out=2, padding="VALID")
    w, x, _ = arrays(conv, batch=(5,))
    circuit = bouton.Circuit(
        nodes={"flat": bouton.Delay(shape=(12,), ms=1.0), "ff": bouton.Synapse(conv, weights=w)},
        wires={"ff.pre": "flat.y"},
    )
    tick = bouton.Tick(step=0, dt=1.0, batch=(5,))
    state = circuit.init(key=jax.random.key(0), dt=1.0, batch=5)
    state, _ = circuit.step(state, tick, {"flat.x": x.reshape(5, 12)})
    _, out = circuit.step(state, tick.replace(step=1), {"flat.x": x.reshape(5, 12)})
    np.testing.assert_allclose(out["ff"].current, conv.apply(w, x), atol=1e-6)


def test_normalised_kernels_have_the_given_norm_where_all_taps_count():
    conv = Conv((6, 6, 2), kernel=3, channels_out=4, padding="VALID")
    w = jnp.abs(next(arrays(conv)))
    np.testing.assert_allclose(bouton.Normalise(7.0)(conv, w).sum((0, 1, 2)), 7.0, rtol=1e-5)


def test_double_precision():
    with jax.enable_x64(True):
        conv = GEOMETRIES["2-D"]
        w, x, y = (jnp.asarray(a, jnp.float64) for a in arrays(conv))
        assert conv.apply(w, x).dtype == conv.outer(w, x, y).dtype == jnp.float64
        np.testing.assert_allclose(jnp.vdot(w, conv.outer(w, x, y)), jnp.vdot(conv.apply(w, x), y), rtol=1e-12)
