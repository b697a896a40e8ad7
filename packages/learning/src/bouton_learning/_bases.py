"""The recipes of other packages to which those of this one add a rule."""

from __future__ import annotations

from typing import Any

from bouton import FanInGaussian, Gaussian, Synapse, Uniform

from ._making import Base

_DENSE, _CONV = "bouton_synapses_dense", "bouton_synapses_conv"
_START = Uniform(0.025, 0.8)


def _low_rank(package: Any, shape: Any, bond_dim: Any, **others: Any) -> Synapse:
    made = package.DenseSynapse(shape, **others)
    return made.replace(topology=package.MPS(*shape, bond_dim))


DENSE = Base(
    _DENSE,
    "DenseSynapse",
    ("shape",),
    {"weight_init": _START, "bias_init": None, "resist_scale": 1.0, "p_conn": 1.0, "mask": None, "seed": 0},
    "- `shape`: number of pre- and of post-synaptic units;\n"
    "- `weight_init`, `bias_init`, `resist_scale`, `p_conn`, `mask`, `seed`: as in `DenseSynapse`;",
)
MPS = Base(
    _DENSE,
    "MPS",
    ("shape",),
    {"bond_dim": 16, "weight_init": Gaussian(0.0, 0.01), "bias_init": None, "resist_scale": 1.0},
    "- `shape`: number of pre- and of post-synaptic units;\n"
    "- `bond_dim`: rank of the matrix, K;\n"
    "- `weight_init`: the matrix of which the cores are the product, as in `MPS`: an array (pre, post) or an\n"
    "  initialiser;\n"
    "- `bias_init`, `resist_scale`: as in `DenseSynapse`;",
    make=_low_rank,
)
PATCHED = Base(
    _DENSE,
    "PatchedSynapse",
    ("shape",),
    {
        "n_sub_models": 1,
        "stride_shape": (0, 0),
        "weight_init": FanInGaussian(),
        "bias_init": None,
        "resist_scale": 1.0,
        "p_conn": 1.0,
        "seed": 0,
    },
    "- `shape`: number of pre- and of post-synaptic units, without margins;\n"
    "- `n_sub_models`, `stride_shape`, `weight_init`, `bias_init`, `resist_scale`, `p_conn`, `seed`: as in\n"
    "  `PatchedSynapse`;",
)
_OF_KERNELS = {"filter_init": _START, "bias_init": None, "stride": 1, "padding": "SAME", "resist_scale": 1.0}
_ABOUT_KERNELS = (
    "- `shape`: (height and width of the kernels, input channels, output channels);\n"
    "- `x_shape`: height and width of the input map; one number for a square;\n"
    "- `filter_init`, `bias_init`, `stride`, `padding`, `resist_scale`: as in `{}`. A bias is one for each output\n"
    "  channel, and learns the sum over its positions;"
)
CONV = Base(_CONV, "ConvSynapse", ("shape", "x_shape"), _OF_KERNELS, _ABOUT_KERNELS.format("ConvSynapse"))
DECONV = Base(_CONV, "DeconvSynapse", ("shape", "x_shape"), _OF_KERNELS, _ABOUT_KERNELS.format("DeconvSynapse"))

_COEF: dict[str, Any] = {"current_coef": 1.0, "sign": 1}
_SIGN = "1 where the source excites, -1 where it inhibits. The rule changes magnitudes;"
SIMPLE = Base(
    _DENSE,
    "SimpleDendriticInput",
    ("shape", "weights"),
    _COEF,
    "- `shape`: number of pre- and of post-synaptic units;\n"
    "- `weights`: magnitudes, a number, an array (pre, post) or an initialiser;\n"
    "- `current_coef`: a factor on the current, a number or an array over the post-synaptic units;\n"
    f"- `sign`: {_SIGN}",
)
SPARSE = Base(
    _DENSE,
    "SparseDendriticInput",
    ("shape", "connect", "weights"),
    {**_COEF, "seed": 0},
    "- `shape`: number of pre- and of post-synaptic units;\n"
    "- `connect`: which pairs are joined, ``Total(1000)`` for instance;\n"
    "- `seed`: of that draw;\n"
    "- `weights`: magnitudes, a number, an array (edge) or an initialiser;\n"
    "- `current_coef`: a factor on the current, a number or an array over the post-synaptic units;\n"
    f"- `sign`: {_SIGN}",
)
ONE_TO_ONE = Base(
    _DENSE,
    "One2OneDendriticInput",
    ("n_units", "weights"),
    _COEF,
    "- `n_units`: number of units on either side;\n"
    "- `weights`: magnitudes, a number, an array (post) or an initialiser;\n"
    "- `current_coef`: a factor on the current, a number or an array over the post-synaptic units;\n"
    f"- `sign`: {_SIGN}",
)
_OF_MAPS = {**_COEF, "stride": 1, "padding": 0}
_ABOUT_MAPS = (
    "- `size_in`: (height, width, channel) of the source;\n"
    "- `kernel`, `channels_out`: size of the kernels, and how many there are;\n"
    "- `weights`, `current_coef`, `stride`, `padding`: as in `{}`;\n"
    f"- `sign`: {_SIGN}"
)
CONV_2D = Base(
    _CONV,
    "Conv2dDendriticInput",
    ("size_in", "kernel", "channels_out", "weights"),
    _OF_MAPS,
    _ABOUT_MAPS.format("Conv2dDendriticInput"),
    averaged=True,
)
LOCAL_2D = Base(
    _CONV,
    "Local2dDendriticInput",
    ("size_in", "kernel", "channels_out", "weights"),
    _OF_MAPS,
    _ABOUT_MAPS.format("Local2dDendriticInput"),
)
