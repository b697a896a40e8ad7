"""Topologies without a map's geometry, and the dynamics of release and transmission, for bouton circuits."""

from typing import TYPE_CHECKING

from bouton import lazy

from ._plugin import NAMES

if TYPE_CHECKING:
    from .all_to_all import Dense as Dense
    from .kernels import Exponential as Exponential
else:
    __getattr__, __dir__, __all__ = lazy(__name__, *NAMES.values())
