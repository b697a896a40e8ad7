"""Convolutional, local and lateral synapses for bouton circuits."""

from typing import TYPE_CHECKING

from bouton import lazy

from ._plugin import NAMES

if TYPE_CHECKING:
    from .convolution import Conv as Conv
else:
    __getattr__, __dir__, __all__ = lazy(__name__, *NAMES.values())
