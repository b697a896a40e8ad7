"""Competitive and associative memories for bouton circuits."""

from typing import TYPE_CHECKING

from bouton import lazy

from ._plugin import FUNCTIONS, NAMES

if TYPE_CHECKING:
    from .art2a import ART2ASynapse as ART2ASynapse
    from .art2a import SimpleART2ASynapse as SimpleART2ASynapse
    from .binary_hopfield import BinaryHopfieldSynapse as BinaryHopfieldSynapse
    from .growth import grown as grown
    from .hopfield import HopfieldSynapse as HopfieldSynapse
    from .hopfield import hopfield_energy as hopfield_energy
    from .instar import Instar as Instar
    from .maps import topographic_error as topographic_error
    from .maps import u_matrix as u_matrix
    from .som import SOMSynapse as SOMSynapse
    from .storage import Storage as Storage
    from .vector_quantize import VectorQuantizeSynapse as VectorQuantizeSynapse
else:
    __getattr__, __dir__, __all__ = lazy(__name__, *NAMES.values(), FUNCTIONS)
