"""Convolutional, local and lateral synapses for bouton circuits."""

from typing import TYPE_CHECKING

from bouton import lazy

from ._plugin import FUNCTIONS, NAMES

if TYPE_CHECKING:
    from .convolution import Conv as Conv
    from .deconvolution import Deconv as Deconv
    from .dendritic_inputs import AveragePool2D as AveragePool2D
    from .dendritic_inputs import Conv2dDendriticInput as Conv2dDendriticInput
    from .dendritic_inputs import LateralDendriticInput as LateralDendriticInput
    from .dendritic_inputs import Local2dDendriticInput as Local2dDendriticInput
    from .functions import calc_dK_conv as calc_dK_conv
    from .functions import calc_dK_deconv as calc_dK_deconv
    from .functions import calc_dX_conv as calc_dX_conv
    from .functions import calc_dX_deconv as calc_dX_deconv
    from .functions import conv2d as conv2d
    from .functions import deconv2d as deconv2d
    from .functions import get_same_conv_padding as get_same_conv_padding
    from .lateral import Lateral as Lateral
    from .local import Local2d as Local2d
    from .pooling import Pool2d as Pool2d
    from .recipes import ConvSynapse as ConvSynapse
    from .recipes import DeconvSynapse as DeconvSynapse
    from .recipes import StaticConvSynapse as StaticConvSynapse
    from .recipes import StaticDeconvSynapse as StaticDeconvSynapse
    from .up_convolution import UpConv as UpConv
else:
    __getattr__, __dir__, __all__ = lazy(__name__, *NAMES.values(), FUNCTIONS)
