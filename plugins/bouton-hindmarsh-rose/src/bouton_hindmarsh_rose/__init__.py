"""Bursting cells for bouton. The names in `_plugin.py`, imported at first use."""

from typing import TYPE_CHECKING

from bouton import lazy

from ._plugin import NAMES

if TYPE_CHECKING:
    from .cell import HindmarshRoseCell as HindmarshRoseCell
else:
    __getattr__, __dir__, __all__ = lazy(__name__, *NAMES.values())
