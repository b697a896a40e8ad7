"""What this package registers. Imported whenever plugins are listed, so it imports nothing heavy."""

import bouton

NAMES = {
    "component": {
        "ART2ASynapse": "bouton_competitive.art2a:ART2ASynapse",
        "BinaryHopfieldSynapse": "bouton_competitive.binary_hopfield:BinaryHopfieldSynapse",
        "HopfieldSynapse": "bouton_competitive.hopfield:HopfieldSynapse",
        "SOMSynapse": "bouton_competitive.som:SOMSynapse",
        "VectorQuantizeSynapse": "bouton_competitive.vector_quantize:VectorQuantizeSynapse",
    },
    "recipe": {"SimpleART2ASynapse": "bouton_competitive.art2a:SimpleART2ASynapse"},
    "rule": {
        "Instar": "bouton_competitive.instar:Instar",
        "Storage": "bouton_competitive.storage:Storage",
    },
}
"""What is found by name, in model files and on the command line."""

FUNCTIONS = {
    "grown": "bouton_competitive.growth:grown",
    "hopfield_energy": "bouton_competitive.hopfield:hopfield_energy",
    "topographic_error": "bouton_competitive.maps:topographic_error",
    "u_matrix": "bouton_competitive.maps:u_matrix",
}
"""What only Python calls."""


@bouton.hookimpl
def bouton_register():
    return NAMES
