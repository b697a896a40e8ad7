"""What this package registers. Imported whenever plugins are listed, so it imports nothing heavy."""

import bouton

NAMES = {
    "topology": {"Dense": "bouton_synapses_dense.all_to_all:Dense"},
    "transmission": {"Exponential": "bouton_synapses_dense.kernels:Exponential"},
}


@bouton.hookimpl
def bouton_register():
    return NAMES
