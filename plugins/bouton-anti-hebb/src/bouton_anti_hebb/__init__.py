"""An anti-Hebbian learning rule for bouton. The names in `_plugin.py`, imported at first use."""

from typing import TYPE_CHECKING

from bouton import lazy

from ._plugin import NAMES

if TYPE_CHECKING:
    from .rule import AntiHebbian as AntiHebbian
else:
    __getattr__, __dir__, __all__ = lazy(__name__, *NAMES.values())
