"""Conv: its equals, its dims and its errors. That it is a sum over its synapses is in `test_topologies.py`."""

import functools

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton_synapses_conv import Conv, Local2d

from .edges import WINDOWS, arrays


@pytest.mark.parametrize("conv", WINDOWS.values(), ids=WINDOWS)
def test_it_is_a_matrix_with_tied_weights(conv):
    """The matrix is unrolled from its definition with NumPy: row by row, as a flat population is."""
    w, x, y = arrays(conv)
    n_pre, n_post = x.size, y.size
    matrix, which = np.zeros((n_pre, n_post)), {}
    padding = [(a.before, a.after) for a in conv.axes]
    numbers = np.pad(np.arange(1, n_pre + 1).reshape(x.shape), [*padding, (0, 0)])  # 0 is no place
    group_in, group_out = w.shape[-2], w.shape[-1] // conv.groups
    for post, (*at, o) in enumerate(np.ndindex(y.shape)):
        window = tuple(
            slice(p * a.stride, p * a.stride + (a.kernel - 1) * a.dilation + 1, a.dilation)
            for p, a in zip(at, conv.axes, strict=True)
        )
        first = o // group_out * group_in
        seen = numbers[window][..., first : first + group_in]
        for k in np.ndindex(seen.shape):
            if seen[k]:
                matrix[seen[k] - 1, post] += w[(*k, o)]
                which.setdefault((*k, o), []).append((seen[k] - 1, post))
    np.testing.assert_allclose(np.ravel(conv.apply(w, x)), x.ravel() @ matrix, atol=2e-5)
    np.testing.assert_allclose(np.ravel(conv.transpose(w, jnp.asarray(y))), matrix @ y.ravel(), atol=2e-5)
    change = np.outer(x.ravel(), y.ravel())  # what Dense learns, summed over tied weights
    outer = conv.outer(jnp.asarray(w), jnp.asarray(x), jnp.asarray(y))
    for k in np.ndindex(w.shape):
        np.testing.assert_allclose(outer[k], sum(change[e] for e in which.get(k, [])), atol=2e-5)


@pytest.mark.parametrize("name", [name for name, conv in WINDOWS.items() if len(conv.size_in) == 3])
def test_it_is_a_local_topology_with_the_same_kernels_everywhere(name):
    conv = WINDOWS[name]
    local = Local2d(conv.size_in, conv.kernel, conv.channels_out, conv.stride, conv.padding, conv.dilation, conv.groups)
    w, x, y = map(jnp.asarray, arrays(conv))
    repeated = jnp.broadcast_to(w, local.size("weights"))

    @functools.partial(jax.jit, static_argnums=0)
    def all_three(t, w):
        return t.apply(w, x), t.transpose(w, y), t.outer(w, x, y)

    forward, back, outer = all_three(local, repeated)
    for got, wanted in zip((forward, back, outer.sum((0, 1))), all_three(conv, w), strict=True):
        np.testing.assert_allclose(got, wanted, atol=2e-5)


def test_dims_have_names():
    dims = Conv((8, 6, 2), kernel=(3, 5), channels_out=4, stride=2).dims()
    assert dims == {
        "pre": {"pre_height": 8, "pre_width": 6, "pre_channel": 2},
        "post": {"height": 4, "width": 3, "channel": 4},
        "weights": {"ky": 3, "kx": 5, "channel_in": 2, "channel_out": 4},
        "bias": {"channel": 4},
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
    w = abs(arrays(conv)[0])
    np.testing.assert_allclose(bouton.Normalise(7.0)(conv, w).sum((0, 1, 2)), 7.0, rtol=1e-5)
