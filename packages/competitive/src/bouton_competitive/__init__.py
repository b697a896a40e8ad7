"""Competitive and associative memories for bouton circuits."""

from typing import TYPE_CHECKING

from bouton import lazy

from ._plugin import NAMES

if TYPE_CHECKING:
    from .som import SOMSynapse as SOMSynapse
else:
    __getattr__, __dir__, __all__ = lazy(__name__, *NAMES.values())
