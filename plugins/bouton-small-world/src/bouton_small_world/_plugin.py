"""What this package registers with bouton. It imports only the hook, so that listing plugins stays quick."""

from bouton import hookimpl

NAMES = {"topology": {"SmallWorld": "bouton_small_world.ring:SmallWorld"}}


@hookimpl
def bouton_register():
    return NAMES
