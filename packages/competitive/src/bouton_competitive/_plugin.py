"""What this package registers. Imported whenever plugins are listed, so it imports nothing heavy."""

import bouton

NAMES = {"component": {"SOMSynapse": "bouton_competitive.som:SOMSynapse"}}


@bouton.hookimpl
def bouton_register():
    return NAMES
