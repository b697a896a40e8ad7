"""What this package registers with bouton. It imports only the hook, so that listing plugins stays quick."""

from bouton import hookimpl

NAMES = {"rule": {"AntiHebbian": "bouton_anti_hebb.rule:AntiHebbian"}}


@hookimpl
def bouton_register():
    return NAMES
