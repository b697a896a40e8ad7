"""``python -m bouton`` is the command ``bouton``."""

from ._cli import main

main(prog_name="bouton")
