"""What this package registers. Imported whenever plugins are listed, so it imports nothing heavy."""

import bouton

NAMES = {"topology": {"Conv": "bouton_synapses_conv.convolution:Conv"}}


@bouton.hookimpl
def bouton_register():
    return NAMES
