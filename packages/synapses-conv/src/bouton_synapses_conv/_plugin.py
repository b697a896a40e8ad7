"""What this package registers. Imported whenever plugins are listed, so it imports nothing heavy."""

import bouton

NAMES = {
    "recipe": {
        "AveragePool2D": "bouton_synapses_conv.dendritic_inputs:AveragePool2D",
        "Conv2dDendriticInput": "bouton_synapses_conv.dendritic_inputs:Conv2dDendriticInput",
        "ConvSynapse": "bouton_synapses_conv.recipes:ConvSynapse",
        "DeconvSynapse": "bouton_synapses_conv.recipes:DeconvSynapse",
        "LateralDendriticInput": "bouton_synapses_conv.dendritic_inputs:LateralDendriticInput",
        "Local2dDendriticInput": "bouton_synapses_conv.dendritic_inputs:Local2dDendriticInput",
        "StaticConvSynapse": "bouton_synapses_conv.recipes:StaticConvSynapse",
        "StaticDeconvSynapse": "bouton_synapses_conv.recipes:StaticDeconvSynapse",
    },
    "topology": {
        "Conv": "bouton_synapses_conv.convolution:Conv",
        "Deconv": "bouton_synapses_conv.deconvolution:Deconv",
        "Lateral": "bouton_synapses_conv.lateral:Lateral",
        "Local2d": "bouton_synapses_conv.local:Local2d",
        "Pool2d": "bouton_synapses_conv.pooling:Pool2d",
        "UpConv": "bouton_synapses_conv.up_convolution:UpConv",
    },
}
"""What is found by name, in model files and on the command line."""

FUNCTIONS = {
    "calc_dK_conv": "bouton_synapses_conv.functions:calc_dK_conv",
    "calc_dK_deconv": "bouton_synapses_conv.functions:calc_dK_deconv",
    "calc_dX_conv": "bouton_synapses_conv.functions:calc_dX_conv",
    "calc_dX_deconv": "bouton_synapses_conv.functions:calc_dX_deconv",
    "conv2d": "bouton_synapses_conv.functions:conv2d",
    "deconv2d": "bouton_synapses_conv.functions:deconv2d",
    "get_same_conv_padding": "bouton_synapses_conv.functions:get_same_conv_padding",
}
"""What only Python calls."""


@bouton.hookimpl
def bouton_register():
    return NAMES
