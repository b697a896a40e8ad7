"""What this package registers. Imported whenever plugins are listed, so it imports nothing heavy."""

import bouton

NAMES = {
    "component": {
        "Dendrite": "bouton_cells.dendrite:Dendrite",
        "LIFCell": "bouton_cells.lif:LIFCell",
        "PoissonCell": "bouton_cells.poisson:PoissonCell",
    },
}


@bouton.hookimpl
def bouton_register():
    return NAMES
