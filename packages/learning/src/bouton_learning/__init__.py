"""Learning rules for bouton synapses: each rule once, on every topology."""

from typing import TYPE_CHECKING

from bouton import lazy

from ._plugin import NAMES

if TYPE_CHECKING:
    from .trace_stdp import TraceSTDP as TraceSTDP
else:
    __getattr__, __dir__, __all__ = lazy(__name__, *NAMES.values())
