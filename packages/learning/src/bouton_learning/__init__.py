"""Learning rules for bouton synapses: each rule once, on every topology."""

from typing import TYPE_CHECKING

from bouton import lazy

from ._plugin import NAMES

if TYPE_CHECKING:
    from .averaged import Averaged as Averaged
    from .bcm import BCM as BCM
    from .bounds import Bounds as Bounds
    from .bounds import HardBound as HardBound
    from .bounds import MagnitudeBound as MagnitudeBound
    from .bounds import SoftBound as SoftBound
    from .decayed import Decayed as Decayed
    from .eligibility import Eligibility as Eligibility
    from .event_stdp import EventSTDP as EventSTDP
    from .exp_stdp import ExpSTDP as ExpSTDP
    from .gerstner_hebbian import GerstnerHebbian as GerstnerHebbian
    from .hebbian import Hebbian as Hebbian
    from .inhibitory_stdp import InhibitorySTDP as InhibitorySTDP
    from .modulated import Modulated as Modulated
    from .oja import Oja as Oja
    from .optimised import Optimised as Optimised
    from .prior import Prior as Prior
    from .trace_stdp import TraceSTDP as TraceSTDP
    from .triplet_stdp import TripletSTDP as TripletSTDP
    from .voltage_inhibitory_stdp import VoltageInhibitorySTDP as VoltageInhibitorySTDP
else:
    __getattr__, __dir__, __all__ = lazy(__name__, *NAMES.values())
