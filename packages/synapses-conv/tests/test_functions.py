"""ngc-learn's functions against `jax.vjp` and SciPy, and what they say of arguments that do not fit."""

import itertools

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton_synapses_conv import (
    Conv,
    UpConv,
    calc_dK_conv,
    calc_dK_deconv,
    calc_dX_conv,
    calc_dX_deconv,
    conv2d,
    deconv2d,
    get_same_conv_padding,
)
from scipy.signal import correlate

CASES = list(itertools.product(("SAME", "VALID"), (1, 2, 3), ((2, 2), (3, 3), (5, 3)), ((7, 8), (6, 9))))
each_case = pytest.mark.parametrize(("padding", "stride", "kernel", "size"), CASES[::3], ids=str)
BATCH, C_IN, C_OUT = 2, 2, 3


def random(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def test_a_convolution_is_scipys_correlation():
    x, K = random(1, 7, 6, 2), random(3, 2, 2, 1)
    wanted = sum(correlate(x[0, :, :, i], K[:, :, i, 0], "valid") for i in range(2))
    np.testing.assert_allclose(conv2d(x, K)[0, :, :, 0], wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(conv2d(x, K, 2)[0, :, :, 0], wanted[::2, ::2], rtol=1e-5, atol=1e-5)
    full = sum(correlate(x[0, :, :, i], K[:, :, i, 0], "full") for i in range(2))
    np.testing.assert_allclose(conv2d(x, K, padding=((2, 2), (1, 1)))[0, :, :, 0], full, rtol=1e-5, atol=1e-5)
    spread = np.zeros((5, 3, 2, 1), np.float32)
    spread[::2, ::2] = K
    np.testing.assert_allclose(conv2d(x, K, rhs_dilation=(2, 2)), conv2d(x, spread), rtol=1e-5, atol=1e-5)


def test_a_deconvolution_correlates_what_is_moved_apart():
    x, K = random(1, 3, 4, 2), random(3, 2, 2, 1)
    apart = np.zeros((7, 8, 2), np.float32)
    apart[1:-1:2, :7:2] = x[0]  # ((1, 1), (0, 1)) around, as the example asks for
    wanted = sum(correlate(apart[:, :, i], K[:, :, i, 0], "valid") for i in range(2))
    got = deconv2d(x, K, 2, padding=((1, 1), (0, 1)))
    np.testing.assert_allclose(got[0, :, :, 0], wanted, rtol=1e-5, atol=1e-5)


@each_case
def test_they_are_the_topologies_of_the_same_options(padding, stride, kernel, size):
    x, K = random(BATCH, *size, C_IN), random(*kernel, C_IN, C_OUT)
    conv, up = (kind((*size, C_IN), kernel, C_OUT, stride, padding) for kind in (Conv, UpConv))
    np.testing.assert_allclose(conv2d(x, K, stride, padding=padding), conv.apply(K, x), atol=1e-5)
    made = deconv2d(x, K, stride, padding=padding)
    np.testing.assert_allclose(made, up.apply(K, x), atol=1e-5)
    beyond = [
        n * stride if padding == "SAME" else (n - 1) * stride + max(k, stride)
        for n, k in zip(size, kernel, strict=True)
    ]
    assert made.shape == (BATCH, *beyond, C_OUT)


@each_case
def test_gradients_of_a_convolution_are_those_of_jax(padding, stride, kernel, size):
    x, K = random(BATCH, *size, C_IN), random(*kernel, C_IN, C_OUT)
    pads = get_same_conv_padding(x, K, stride) if padding == "SAME" else ((0, 0), (0, 0))
    made, back = jax.vjp(lambda x, K: conv2d(x, K, stride, padding=padding), jnp.asarray(x), jnp.asarray(K))
    d = random(*made.shape)
    d_x, d_K = back(jnp.asarray(d))
    delta = tuple(
        n + sum(pad) - k - (out - 1) * stride
        for n, pad, k, out in zip(size, pads, kernel, made.shape[1:], strict=False)
    )
    anti = tuple((k - 1 - a, k - 1 - b + rest) for k, (a, b), rest in zip(kernel, pads, delta, strict=True))
    np.testing.assert_allclose(calc_dK_conv(x, d, delta, stride, pads), d_K, atol=2e-5)
    np.testing.assert_allclose(calc_dX_conv(K, d, delta, stride, anti), d_x, atol=2e-5)
    np.testing.assert_allclose(calc_dX_conv(K, d, stride_size=stride, anti_padding=anti), d_x, atol=2e-5)
    if stride == 1:
        np.testing.assert_allclose(calc_dK_conv(x, d, padding=pads), d_K, atol=2e-5)
    if padding == "VALID":
        np.testing.assert_allclose(calc_dX_conv(K, d, delta, stride), d_x, atol=2e-5)
    elif all(n % stride == 0 for n in size):
        np.testing.assert_allclose(calc_dX_conv(K, d, None, stride, "SAME"), d_x, atol=2e-5)


@each_case
def test_gradients_of_a_deconvolution_are_those_of_jax(padding, stride, kernel, size):
    x, K = random(BATCH, *size, C_IN), random(*kernel, C_IN, C_OUT)
    made, back = jax.vjp(lambda x, K: deconv2d(x, K, stride, padding=padding), jnp.asarray(x), jnp.asarray(K))
    d = random(*made.shape)
    d_x, d_K = back(jnp.asarray(d))
    np.testing.assert_allclose(calc_dK_deconv(x, d, (0, 0), stride, kernel, padding), d_K, atol=5e-5)
    np.testing.assert_allclose(calc_dX_deconv(K, d, (0, 0), stride, padding), d_x, atol=5e-5)
    if padding == "VALID" and min(kernel) > stride:
        np.testing.assert_allclose(calc_dK_deconv(x, d, None, stride, padding=padding), d_K, atol=5e-5)


def test_padding_by_pairs():
    """Places behind that no window reaches, and padding behind them."""
    x, K, pads = random(2, 8, 6, 1), random(3, 2, 1, 2), ((0, 2), (1, 2))
    made, back = jax.vjp(lambda x, K: conv2d(x, K, (3, 2), padding=pads), jnp.asarray(x), jnp.asarray(K))
    d = random(*made.shape)
    d_x, d_K = back(jnp.asarray(d))
    np.testing.assert_allclose(calc_dK_conv(x, d, (1, 1), (3, 2), pads), d_K, atol=2e-5)
    np.testing.assert_allclose(calc_dX_conv(K, d, (1, 1), (3, 2), ((2, 1), (0, 0))), d_x, atol=2e-5)

    made, back = jax.vjp(lambda x, K: deconv2d(x, K, 2, padding=pads), jnp.asarray(x), jnp.asarray(K))
    d = random(*made.shape)
    d_x, d_K = back(jnp.asarray(d))
    np.testing.assert_allclose(calc_dK_deconv(x, d, None, 2, padding=pads), d_K, atol=5e-5)
    np.testing.assert_allclose(calc_dX_deconv(K, d, None, 2, ((2, 0), (0, -1))), d_x, atol=5e-5)


@pytest.mark.parametrize(("stride", "dilation"), [(1, (1, 1)), (2, (1, 2)), ((3, 1), (2, 3))], ids=str)
def test_same_padding_in_numbers(stride, dilation):
    x, K = random(1, 9, 8, 1), random(3, 2, 1, 1)
    pads = get_same_conv_padding(x, K, stride, dilation)
    same = conv2d(x, K, stride, dilation, padding="SAME")
    np.testing.assert_array_equal(conv2d(x, K, stride, dilation, padding=pads), same)
    s = stride if isinstance(stride, tuple) else (stride, stride)
    assert same.shape[1:3] == (-(-9 // s[0]), -(-8 // s[1]))


def test_same_padding_of_places_that_are_moved_apart():
    x, K = random(1, 4, 5, 1), random(3, 4, 1, 1)
    pads = get_same_conv_padding(x, K, 2, lhs_dilation=(3, 2))
    assert conv2d(x, K, 2, lhs_dilation=(3, 2), padding=pads).shape == (1, 5, 5, 1)  # of 10 and 9 places


X, D, K = random(1, 7, 7, 1), random(1, 3, 3, 2), random(3, 3, 1, 2)
WRONG = {
    "dK_conv, delta": (
        lambda: calc_dK_conv(X, D, stride_size=2),
        r"calc_dK_conv\.delta_shape is needed with stride_size=2: kernels of several sizes have an output of this size",
    ),
    "dK_conv, delta of the stride": (
        lambda: calc_dK_conv(X, D, (2, 0), 2),
        r"calc_dK_conv\.delta_shape must be between \(0, 0\) and \(1, 1\), got \(2, 0\)\.",
    ),
    "dK_conv, delta at stride 1": (
        lambda: calc_dK_conv(X, D, (0, 1)),
        r"must be between \(0, 0\) and \(0, 0\), got \(0, 1",
    ),
    "dK_conv, delta of three": (
        lambda: calc_dK_conv(X, D, (0, 0, 0)),
        r"between \(0, 0\) and \(0, 0\), got \(0, 0, 0\)",
    ),
    "dK_conv, padding": (
        lambda: calc_dK_conv(X, D, padding="SAME"),
        r"calc_dK_conv\.padding must be pairs of places in front and behind, got 'SAME': get_same_conv_padding gives",
    ),
    "dK_conv, positions": (
        lambda: calc_dK_conv(X, random(1, 8, 3, 2)),
        r"calc_dK_conv\.d_out of shape \(1, 8, 3, 2\) has too many positions for x of shape \(1, 7, 7, 1\) with "
        r"stride_size=1, padding=\(\(0, 0\), \(0, 0\)\) and delta_shape=\(0, 0\): kernels would be \(0, 5\)\.",
    ),
    "dX_conv, delta": (
        lambda: calc_dX_conv(K, D, (1, 0)),
        r"calc_dX_conv\.delta_shape must be between .*, got \(1, 0\)",
    ),
    "dX_conv, both": (
        lambda: calc_dX_conv(K, D, (0, 0), 2, ((2, 3), (2, 2))),
        r"calc_dX_conv\.delta_shape=\(0, 0\) does not fit anti_padding=\(\(2, 3\), \(2, 2\)\), where windows of 3 "
        r"leave at least 1 places\. Leave it out",
    ),
    "dK_deconv, delta": (
        lambda: calc_dK_deconv(X, D, (1, 1)),
        r"calc_dK_deconv\.delta_shape must be between \(0, 0\) and",
    ),
    "dX_deconv, delta": (
        lambda: calc_dX_deconv(K, D, (0, 1)),
        r"calc_dX_deconv\.delta_shape must be between \(0, 0\) and",
    ),
    "dK_deconv, size": (
        lambda: calc_dK_deconv(X, D, stride_size=2),
        r"calc_dK_deconv\.out_size is needed with padding='SAME': kernels of several sizes have an output of this size",
    ),
    "dK_deconv, valid": (
        lambda: calc_dK_deconv(D, random(1, 6, 6, 1), None, 2, padding="VALID"),
        r"calc_dK_deconv\.out_size is needed with padding='VALID'",
    ),
    "dK_deconv, other size": (
        lambda: calc_dK_deconv(D, X, None, 2, 3),
        r"calc_dK_deconv\.d_out must have the shape \(1, 6, 6, 1\) for x of shape \(1, 3, 3, 2\) with "
        r"out_size=\(3, 3\), stride_size=2 and padding='SAME', got \(1, 7, 7, 1\)\.",
    ),
    "out_size": (lambda: calc_dK_deconv(X, D, None, 1, 0), r"out_size must be a number >= 1, or 2 of them, got 0"),
    "stride_size": (lambda: conv2d(X, K, 0), r"stride_size must be a number >= 1, or 2 of them, got 0"),
    "no batch": (
        lambda: conv2d(X[0], K),
        r"images are \(batch, height, width, channel\) and kernels .* shape \(7, 7, 1\)",
    ),
}


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_said(call, message):
    with pytest.raises(bouton.CircuitError, match=message):
        call()
