"""ngc-learn's functions for convolutions of images and their gradients, by their names and parameters there.

Images are (batch, height, width, channel), kernels (height, width, channel in, channel out). `Conv` and `UpConv` are
the same maps for circuits, in 1 to 3 dimensions.
"""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
from bouton import CircuitError
from jax import lax

from ._geometry import Axis, per_axis
from ._windows import kernels_of

Pairs = tuple[tuple[int, int], tuple[int, int]]
Padding = Literal["SAME", "VALID"] | Pairs
FORMS = ("NHWC", "HWIO", "NHWC")


def conv2d(
    inputs: Any,
    filters: Any,
    stride_size: int | tuple[int, int] = 1,
    rhs_dilation: tuple[int, int] = (1, 1),
    lhs_dilation: tuple[int, int] = (1, 1),
    padding: Padding = ((0, 0), (0, 0)),
) -> jax.Array:
    r"""The convolution (a correlation: kernels are not flipped) of images.

    .. math:: y_{p,o} = \sum_{k} \sum_{i} w_{k,i,o}\; x_{p s + k d - l,\; i}

    with stride s, dilation d of the kernels (`rhs_dilation`) and l places of padding in front. `lhs_dilation` moves the
    places of the images apart first.
    """
    x, K = _arrays(inputs, filters)
    return lax.conv_general_dilated(x, K, _pair(stride_size), padding, lhs_dilation, rhs_dilation, FORMS)


def deconv2d(
    inputs: Any,
    filters: Any,
    stride_size: int | tuple[int, int] = 1,
    rhs_dilation: tuple[int, int] = (1, 1),
    padding: Padding = ((0, 0), (0, 0)),
) -> jax.Array:
    """The fractionally strided convolution of images, ``lax.conv_transpose``: see `UpConv`.

    Kernels are neither flipped nor are their channels exchanged, so it is not the adjoint of `conv2d` with the same
    kernels: that is `calc_dX_conv`.
    """
    x, K = _arrays(inputs, filters)
    return lax.conv_transpose(x, K, _pair(stride_size), padding, rhs_dilation, FORMS)


def get_same_conv_padding(
    lhs: Any,
    rhs: Any,
    stride_size: int | tuple[int, int] = 1,
    rhs_dilation: tuple[int, int] = (1, 1),
    lhs_dilation: tuple[int, int] = (1, 1),
) -> Pairs:
    """The pairs that "SAME" stands for in `conv2d`: as many positions as places by the stride, rounded up.

    `lhs` and `rhs` are images and kernels, of which only the shapes count. Places are counted after they have been
    moved apart by `lhs_dilation`.
    """
    sizes = ((n - 1) * apart + 1 for n, apart in zip(jnp.shape(lhs)[1:3], lhs_dilation, strict=True))
    kernel, stride = jnp.shape(rhs)[:2], _pair(stride_size)
    axes = map(Axis.derived, ("height", "width"), sizes, kernel, stride, rhs_dilation, ("SAME", "SAME"))
    (above, below), (left, right) = ((axis.before, axis.after) for axis in axes)
    return (above, below), (left, right)


def calc_dK_conv(
    x: Any,
    d_out: Any,
    delta_shape: tuple[int, int] | None = None,
    stride_size: int | tuple[int, int] = 1,
    padding: Pairs = ((0, 0), (0, 0)),
) -> jax.Array:
    r"""The gradient :math:`\partial \langle d, \text{conv2d}(x, K) \rangle / \partial K` by the kernels.

    - `x`: the images, `d_out`: d, the gradient by the output;
    - `delta_shape`: how many places at the end of each axis no window reaches, (height, width). With a stride of 1
      there is none, and it may be left out. With a larger stride kernels of several sizes go with the same maps, and
      it says which one is meant;
    - `padding`: pairs of places in front and behind (`get_same_conv_padding` gives those of "SAME").

    Raises `CircuitError` where sizes do not fit.
    """
    x, d_out = _arrays(x, d_out)
    stride, pads = _pair(stride_size), _explicit("calc_dK_conv", padding)
    if delta_shape is None and max(stride) > 1:
        raise CircuitError(
            f"calc_dK_conv.delta_shape is needed with stride_size={stride_size}: kernels of several sizes have an "
            "output of this size. It is the number of places behind that no window reaches, (0, 0) if all are."
        )
    delta = (0, 0) if delta_shape is None else tuple(delta_shape)
    _check_delta("calc_dK_conv", delta, stride)
    sizes = zip(x.shape[1:3], d_out.shape[1:3], pads, stride, delta, strict=True)
    kernel = [n + sum(pad) - (out - 1) * s - rest for n, out, pad, s, rest in sizes]
    if min(kernel) < 1:
        raise CircuitError(
            f"calc_dK_conv.d_out of shape {d_out.shape} has too many positions for x of shape {x.shape} with "
            f"stride_size={stride_size}, padding={padding} and delta_shape={delta}: kernels would be {tuple(kernel)}."
        )
    axes = zip(("height", "width"), x.shape[1:3], kernel, stride, (1, 1), *zip(*pads, strict=True), strict=True)
    return kernels_of(x, d_out, tuple(Axis(*axis) for axis in axes))


def calc_dX_conv(
    K: Any,
    d_out: Any,
    delta_shape: tuple[int, int] | None = None,
    stride_size: int | tuple[int, int] = 1,
    anti_padding: Padding | None = None,
) -> jax.Array:
    r"""The gradient :math:`\partial \langle d, \text{conv2d}(x, K) \rangle / \partial x` by the images.

    - `K`: the kernels, `d_out`: d, the gradient by the output;
    - `delta_shape`: how many places at the end of each axis no window reaches, (height, width); left out: none, or as
      `anti_padding` says;
    - `anti_padding`: pairs of places around d after its places have been moved apart. For a convolution with a kernel
      of k places and padding (a, b) it is ``(k - 1 - a, k - 1 - b + delta)``; left out: that of one without padding.
      "SAME" is that of one with padding "SAME" whose images have a multiple of the stride.

    Raises `CircuitError` where sizes do not fit.
    """
    K, d_out = _arrays(K, d_out)
    stride, delta = _pair(stride_size), (0, 0) if delta_shape is None else tuple(delta_shape)
    _check_delta("calc_dX_conv", delta, stride)
    if anti_padding is None:
        above, left = K.shape[0] - 1, K.shape[1] - 1
        anti_padding = (above, above + delta[0]), (left, left + delta[1])
    elif delta_shape is not None and not isinstance(anti_padding, str):
        for k, (_, behind), rest in zip(K.shape, anti_padding, delta, strict=False):
            if behind > k - 1 + rest:
                raise CircuitError(
                    f"calc_dX_conv.delta_shape={delta} does not fit anti_padding={anti_padding}, where windows of {k} "
                    f"leave at least {behind - k + 1} places. Leave it out: anti_padding says it all."
                )
    return deconv2d(d_out, _turned(K), stride_size, padding=anti_padding)


def calc_dK_deconv(
    x: Any,
    d_out: Any,
    delta_shape: tuple[int, int] | None = None,
    stride_size: int | tuple[int, int] = 1,
    out_size: int | tuple[int, int] | None = None,
    padding: Padding = "SAME",
) -> jax.Array:
    r"""The gradient :math:`\partial \langle d, \text{deconv2d}(x, K) \rangle / \partial K` by the kernels.

    - `x`: the images, `d_out`: d, the gradient by the output;
    - `delta_shape`: always (0, 0), as `deconv2d` uses all places; may be left out;
    - `out_size`: size of the kernels, one number or (height, width). It may be left out where the sizes of the maps
      tell it: with pairs for `padding`, and with "VALID" where kernels are larger than the stride.

    Raises `CircuitError` where sizes do not fit.
    """
    x, d_out = _arrays(x, d_out)
    _check_delta("calc_dK_deconv", delta_shape or (0, 0), (1, 1))
    stride = _pair(stride_size)
    kernel = _kernel_of(x, d_out, stride, padding) if out_size is None else _pair(out_size, "out_size")
    filters = jnp.zeros((*kernel, x.shape[-1], d_out.shape[-1]), d_out.dtype)
    out, back = jax.vjp(lambda K: deconv2d(x, K, stride, padding=padding), filters)
    if out.shape != d_out.shape:
        raise CircuitError(
            f"calc_dK_deconv.d_out must have the shape {out.shape} for x of shape {x.shape} with out_size={kernel}, "
            f"stride_size={stride_size} and padding={padding!r}, got {d_out.shape}."
        )
    return back(d_out)[0]


def calc_dX_deconv(
    K: Any,
    d_out: Any,
    delta_shape: tuple[int, int] | None = None,
    stride_size: int | tuple[int, int] = 1,
    padding: Padding = ((0, 0), (0, 0)),
) -> jax.Array:
    r"""The gradient :math:`\partial \langle d, \text{deconv2d}(x, K) \rangle / \partial x` by the images.

    - `K`: the kernels, `d_out`: d, the gradient by the output;
    - `delta_shape`: always (0, 0), as `deconv2d` uses all places; may be left out;
    - `padding`: that of this convolution of d: "SAME" and "VALID" as in `deconv2d`, and where that has pairs (a, b),
      with a kernel of k places, ``(k - 1 - a, k - 1 - b)``.

    Raises `CircuitError` for another `delta_shape`.
    """
    K, d_out = _arrays(K, d_out)
    _check_delta("calc_dX_deconv", delta_shape or (0, 0), (1, 1))
    return conv2d(d_out, _turned(K), stride_size, padding=padding)


def _arrays(*given: Any) -> tuple[jax.Array, ...]:
    arrays = tuple(map(jnp.asarray, given))
    for array in arrays:
        if array.ndim != 4:
            raise CircuitError(
                "images are (batch, height, width, channel) and kernels (height, width, channel in, channel out), got "
                f"an array of shape {array.shape}."
            )
    return arrays


def _pair(given: int | tuple[int, int], name: str = "stride_size") -> tuple[int, int]:
    height, width = per_axis(name, given, 2)
    return height, width


def _explicit(who: str, padding: Any) -> Any:
    if isinstance(padding, str):
        raise CircuitError(
            f"{who}.padding must be pairs of places in front and behind, got {padding!r}: get_same_conv_padding gives "
            "those of 'SAME', and 'VALID' is ((0, 0), (0, 0))."
        )
    return padding


def _check_delta(who: str, delta: Any, stride: tuple[int, int]) -> None:
    most = tuple(s - 1 for s in stride)
    if len(delta) != 2 or not all(0 <= rest <= n for rest, n in zip(delta, most, strict=True)):
        raise CircuitError(f"{who}.delta_shape must be between (0, 0) and {most}, got {delta}.")


def _kernel_of(x: jax.Array, d_out: jax.Array, stride: tuple[int, int], padding: Any) -> tuple[int, int]:
    """The size of the kernels of a deconvolution, where the sizes of its maps tell it."""
    reach = [out - (n - 1) * s for n, out, s in zip(x.shape[1:3], d_out.shape[1:3], stride, strict=True)]
    if not isinstance(padding, str):
        height, width = (1 + sum(pad) + 1 - r for r, pad in zip(reach, padding, strict=True))
        return height, width
    if padding == "VALID" and all(r > s for r, s in zip(reach, stride, strict=True)):
        return reach[0], reach[1]
    raise CircuitError(
        f"calc_dK_deconv.out_size is needed with padding={padding!r}: kernels of several sizes have an output of this "
        "size. It is the size of the kernels."
    )


def _turned(K: jax.Array) -> jax.Array:
    """Kernels turned by 180 degrees, with input and output channels exchanged."""
    return jnp.flip(K, (0, 1)).swapaxes(2, 3)
