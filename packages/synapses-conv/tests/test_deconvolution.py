"""Deconv and UpConv: the two maps that are called deconvolution, their sizes, dims and errors."""

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import Synapse
from bouton_synapses_conv import Conv, Deconv, UpConv
from jax import lax

from .edges import WINDOWS, arrays


@pytest.mark.parametrize("conv", WINDOWS.values(), ids=WINDOWS)
def test_a_deconvolution_is_the_same_edges_backwards(conv):
    back = Deconv(conv)
    w, x, y = map(jnp.asarray, arrays(conv))
    np.testing.assert_array_equal(back.transpose(w, x), conv.apply(w, x))
    np.testing.assert_array_equal(back.apply(w, y), conv.transpose(w, y))
    np.testing.assert_array_equal(back.outer(w, y, x), conv.outer(w, x, y))
    assert (back.size_in, back.size_out) == (back.size("pre"), back.size("post")) == (conv.size_out, conv.size_in)


def test_a_deconvolution_shares_its_weights_with_the_convolution():
    """Feedback through it is what the convolution projects backward."""
    conv = WINDOWS["2-D"]
    w, x, y = arrays(conv)
    circuit = bouton.Circuit(
        {"ff": Synapse(conv, w, backward=True), "fb": Synapse(Deconv(conv), w)},
    )
    state = circuit.init(key=jax.random.key(0), dt=1.0)
    _, out = circuit.step(state, bouton.Tick(step=0, dt=1.0), {"ff.pre": x, "ff.feedback": y, "fb.pre": y})
    np.testing.assert_array_equal(out["ff"].back, out["fb"].current)


def test_dims_of_a_deconvolution_are_named_by_what_they_are():
    assert Deconv(Conv((8, 6, 2), kernel=(3, 5), channels_out=4, stride=2, groups=2)).dims() == {
        "pre": {"pre_height": 4, "pre_width": 3, "pre_channel": 4},
        "post": {"height": 8, "width": 6, "channel": 2},
        "weights": {"ky": 3, "kx": 5, "channel_out": 1, "channel_in": 4},
        "bias": {"channel": 2},
    }


SIZES = [(padding, k, s) for padding in ("SAME", "VALID") for k in (1, 2, 3, 5) for s in (1, 2, 3, 4)]


@pytest.mark.parametrize(("padding", "kernel", "stride"), SIZES, ids=str)
def test_an_up_convolution_is_that_of_lax(padding, kernel, stride):
    up = UpConv((5, 3, 2), kernel, 3, stride, padding)
    w, x, _ = arrays(up, batch=(2,))
    np.testing.assert_allclose(up.apply(w, x), lax.conv_transpose(x, w, (stride, stride), padding), atol=1e-5)
    wanted = (n * stride if padding == "SAME" else (n - 1) * stride + max(kernel, stride) for n in (5, 3))
    assert up.size_out == (*wanted, 3)


def test_an_up_convolution_is_a_deconvolution_with_turned_kernels():
    """With as many places: a convolution from 6 x 8 to 3 x 4, backwards."""
    conv, up = Conv((6, 8, 2), 3, 4, stride=2), UpConv((3, 4, 4), 3, 2, stride=2)
    w, x, _ = arrays(up)
    turned = jnp.flip(w, (0, 1)).swapaxes(2, 3)
    np.testing.assert_allclose(Deconv(conv).apply(turned, jnp.asarray(x)), up.apply(w, x), atol=1e-5)
    assert np.abs(Deconv(conv).apply(w.swapaxes(2, 3), jnp.asarray(x)) - up.apply(w, x)).max() > 0.1


WRONG = [
    (
        lambda: Deconv((28, 28, 1)),
        r"Deconv\.conv must be the convolution whose transpose is meant, such as Conv\(.*\), got \(28, 28, 1\)\.",
    ),
    (lambda: Deconv(UpConv((4, 4, 1), 3, 1)), r"Deconv\.conv must be the convolution .*, got UpConv\("),
    (lambda: Deconv(), r"Deconv needs 'conv' as well\."),
    (lambda: UpConv((8,), 3, 1), r"UpConv\.size_in must be .* got \(8,\)\. For one channel write \(8, 1\)\."),
    (lambda: UpConv((8, 8, 1), 3, 0), r"UpConv\.channels_out must be a number >= 1, got 0"),
    (lambda: UpConv((8, 8, 1), 3, 1, stride=0), r"UpConv\.stride must be a number >= 1, or 2 of them, got 0"),
    (lambda: UpConv((8, 8, 3), 3, 2, groups=2), r"UpConv\.size_in\[-1\] must be a multiple of groups=2, got 3"),
    (
        lambda: UpConv((8, 8, 1), 3, 1, padding="full"),
        r"padding must be 'SAME', 'VALID' or a pair for each axis, got",
    ),
    (
        lambda: UpConv((2, 2, 1), 5, 1, stride=2, padding=((0, 1), (1, 1))),
        r"a kernel of 5 does not fit into a height of 3 with 0 \+ 1 of padding",
    ),
]


@pytest.mark.parametrize(("make", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_does_not_fit_is_said(make, message):
    with pytest.raises(bouton.CircuitError, match=message):
        make()
