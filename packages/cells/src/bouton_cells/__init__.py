"""Neurons and spike encoders for bouton circuits."""

from typing import TYPE_CHECKING

from bouton import lazy

from ._plugin import NAMES

if TYPE_CHECKING:
    from .dendrite import Dendrite as Dendrite
    from .lif import LIFCell as LIFCell
    from .poisson import PoissonCell as PoissonCell
else:
    __getattr__, __dir__, __all__ = lazy(__name__, *NAMES.values())
