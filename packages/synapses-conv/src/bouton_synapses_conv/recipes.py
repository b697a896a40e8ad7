"""The convolutional synapses of ngc-learn that do not learn, by their names there. Each returns a `Synapse`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from bouton import CircuitError, Param, Synapse, Uniform, recipe

from ._arguments import over_map, values
from .convolution import Conv
from .up_convolution import UpConv

_ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "batch_size": "The batch is given to the run: simulate(..., batch=...).",
        "g_conduct_factor": "It is called resist_scale here.",
        "key": "Random numbers come from the seed of the run: simulate(..., seed=...).",
        "name": "A synapse has its name from the circuit: Circuit(nodes={name: ...}).",
        "weight_init": "It is called filter_init here, as in ngc-learn.",
    }
)
_START = Uniform(0.025, 0.8)


@recipe(_ELSEWHERE)
def ConvSynapse(
    shape: tuple[int, int, int, int],
    x_shape: int | tuple[int, int],
    filter_init: Any = _START,
    bias_init: Param | None = None,
    stride: int | tuple[int, int] = 1,
    padding: Any = "SAME",
    resist_scale: Param = 1.0,
) -> Synapse:
    r"""Kernels that all positions of an image share: ngc-learn's ``ConvSynapse``.

    .. math:: \text{current}_{p,o} = R \sum_{k} \sum_{i} w_{k,i,o}\; \text{pre}_{p s + k - l,\; i} + b_o

    with `Conv`, where s is the stride and l the padding in front.

    - `shape`: (height and width of the kernels, input channels, output channels);
    - `x_shape`: height and width of the input map; one number for a square;
    - `filter_init`: weights, a number, an array of this shape or an initialiser;
    - `bias_init`: bias b, a number or an array (channel); None: no bias;
    - `stride`: places from one position to the next;
    - `padding`: "SAME", "VALID" or pairs (see `Conv`). ngc-learn has no default that works;
    - `resist_scale`: the factor R, a number or an array (channel) or (height, width, channel).

    It is ``Synapse(Conv((*x_shape, shape[2]), shape[:2], shape[3], stride, padding), filter_init)``, and
    ``.replace(...)`` adds other parts to it. Compartments, by their names in ngc-learn: ``inputs`` is ``pre``,
    ``outputs`` is ``current``, ``weights`` is ``w``, ``filters`` is ``w``, ``biases`` is ``b``.

    Raises `CircuitError` for what does not fit, and for ngc-learn's parameters that have another place in bouton.
    """
    return _synapse("ConvSynapse", Conv, shape, x_shape, filter_init, bias_init, stride, padding, resist_scale)


@recipe(_ELSEWHERE)
def StaticConvSynapse(
    shape: tuple[int, int, int, int],
    x_shape: int | tuple[int, int],
    filter_init: Any = _START,
    bias_init: Param | None = None,
    stride: int | tuple[int, int] = 1,
    padding: Any = "SAME",
    resist_scale: Param = 1.0,
) -> Synapse:
    r"""A convolution whose weights stay: ngc-learn's ``StaticConvSynapse``, another name for `ConvSynapse`.

    .. math:: \text{current}_{p,o} = R \sum_{k} \sum_{i} w_{k,i,o}\; \text{pre}_{p s + k - l,\; i} + b_o

    Parameters are those of `ConvSynapse`. Compartments, by their names in ngc-learn: ``inputs`` is ``pre``,
    ``outputs`` is ``current``, ``weights`` is ``w``, ``biases`` is ``b``.
    """
    return _synapse("StaticConvSynapse", Conv, shape, x_shape, filter_init, bias_init, stride, padding, resist_scale)


@recipe(_ELSEWHERE)
def DeconvSynapse(
    shape: tuple[int, int, int, int],
    x_shape: int | tuple[int, int],
    filter_init: Any = _START,
    bias_init: Param | None = None,
    stride: int | tuple[int, int] = 1,
    padding: Any = "SAME",
    resist_scale: Param = 1.0,
) -> Synapse:
    r"""From a map to one that is larger by the stride: ngc-learn's ``DeconvSynapse``.

    .. math:: \text{current}_{q,o} = R \sum_{k} \sum_{i} w_{k,i,o}\; \text{pre}_{p,i} + b_o
        \quad\text{over all}\; p\;\text{with}\; p s = q + k - l

    with `UpConv`: as in ngc-learn, kernels are not flipped, so it is not the adjoint of a `ConvSynapse` with the same
    weights. That is ``Synapse(Deconv(conv), weights)``.

    - `shape`: (height and width of the kernels, input channels, output channels);
    - `padding`: "SAME" (h by w places become h s by w s), "VALID" or pairs (see `UpConv`).

    The other parameters are those of `ConvSynapse`. Compartments, by their names in ngc-learn: ``inputs`` is ``pre``,
    ``outputs`` is ``current``, ``weights`` is ``w``, ``filters`` is ``w``, ``biases`` is ``b``.
    """
    return _synapse("DeconvSynapse", UpConv, shape, x_shape, filter_init, bias_init, stride, padding, resist_scale)


@recipe(_ELSEWHERE)
def StaticDeconvSynapse(
    shape: tuple[int, int, int, int],
    x_shape: int | tuple[int, int],
    filter_init: Any = _START,
    bias_init: Param | None = None,
    stride: int | tuple[int, int] = 1,
    padding: Any = "SAME",
    resist_scale: Param = 1.0,
) -> Synapse:
    r"""A deconvolution whose weights stay: ngc-learn's ``StaticDeconvSynapse``, another name for `DeconvSynapse`.

    .. math:: \text{current}_{q,o} = R \sum_{k} \sum_{i} w_{k,i,o}\; \text{pre}_{p,i} + b_o
        \quad\text{over all}\; p\;\text{with}\; p s = q + k - l

    Parameters are those of `DeconvSynapse`. Compartments, by their names in ngc-learn: ``inputs`` is ``pre``,
    ``outputs`` is ``current``, ``weights`` is ``w``, ``biases`` is ``b``.
    """
    who = "StaticDeconvSynapse"
    return _synapse(who, UpConv, shape, x_shape, filter_init, bias_init, stride, padding, resist_scale)


def _synapse(
    who: str,
    kind: type[Conv] | type[UpConv],
    shape: Any,
    x_shape: Any,
    filter_init: Any,
    bias_init: Any,
    stride: Any,
    padding: Any,
    resist_scale: Any,
) -> Synapse:
    if isinstance(shape, str):
        raise CircuitError(
            f"{who}.shape must be four sizes, got {shape!r}. A synapse has its name from the circuit: "
            f"Circuit(nodes={{{shape!r}: {who}((5, 5, 1, 8), (28, 28))}})."
        )
    *kernel, channels_in, channels_out = _sizes(
        f"{who}.shape", shape, 4, "(height, width, channels in, channels out), such as (5, 5, 1, 8)"
    )
    side = (x_shape, x_shape) if type(x_shape) is int else x_shape
    places = _sizes(f"{who}.x_shape", side, 2, "(height, width) of the input map, or one number")
    topology = kind((*places, channels_in), tuple(kernel), channels_out, stride, padding)
    return Synapse(
        topology,
        values(f"{who}.filter_init", filter_init),
        over_map(f"{who}.resist_scale", resist_scale, topology.size_out),
        None if bias_init is None else over_map(f"{who}.bias_init", bias_init, topology.size_out[-1:]),
    )


def _sizes(name: str, given: Any, n: int, wanted: str) -> tuple[int, ...]:
    found = tuple(given) if isinstance(given, (list, tuple)) else ()
    if len(found) != n or not all(type(size) is int and size > 0 for size in found):
        raise CircuitError(f"{name} must be {wanted}, got {given!r}.")
    return found
