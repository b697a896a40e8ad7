"""What this package registers with bouton. It imports only the hook, so that listing plugins stays quick."""

from bouton import hookimpl

NAMES = {"component": {"TemplateCell": "bouton_template.cell:TemplateCell"}}


@hookimpl
def bouton_register():
    return NAMES
