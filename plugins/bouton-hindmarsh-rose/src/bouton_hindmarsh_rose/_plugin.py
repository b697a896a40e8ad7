"""What this package registers with bouton. It imports only the hook, so that listing plugins stays quick."""

from bouton import hookimpl

NAMES = {"component": {"HindmarshRoseCell": "bouton_hindmarsh_rose.cell:HindmarshRoseCell"}}


@hookimpl
def bouton_register():
    return NAMES
