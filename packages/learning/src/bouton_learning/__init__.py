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
    from .gaussian_policy import GaussianPolicy as GaussianPolicy
    from .gerstner_hebbian import GerstnerHebbian as GerstnerHebbian
    from .hebbian import Hebbian as Hebbian
    from .inhibitory_stdp import InhibitorySTDP as InhibitorySTDP
    from .modulated import Modulated as Modulated
    from .oja import Oja as Oja
    from .optimised import Optimised as Optimised
    from .prior import Prior as Prior
    from .recipes import BCMSynapse as BCMSynapse
    from .recipes import Conv2dRSTDP as Conv2dRSTDP
    from .recipes import Conv2dSTDP as Conv2dSTDP
    from .recipes import EventSTDPSynapse as EventSTDPSynapse
    from .recipes import ExpSTDPSynapse as ExpSTDPSynapse
    from .recipes import GerstnerHebbianSynapse as GerstnerHebbianSynapse
    from .recipes import HebbianConvSynapse as HebbianConvSynapse
    from .recipes import HebbianDeconvSynapse as HebbianDeconvSynapse
    from .recipes import HebbianPatchedSynapse as HebbianPatchedSynapse
    from .recipes import HebbianSynapse as HebbianSynapse
    from .recipes import Local2dRSTDP as Local2dRSTDP
    from .recipes import Local2dSTDP as Local2dSTDP
    from .recipes import MPSSynapse as MPSSynapse
    from .recipes import MSTDPETSynapse as MSTDPETSynapse
    from .recipes import One2OneiSTDP as One2OneiSTDP
    from .recipes import One2OneRSTDP as One2OneRSTDP
    from .recipes import One2OneSTDP as One2OneSTDP
    from .recipes import SimpleiSTDP as SimpleiSTDP
    from .recipes import SimpleRSTDP as SimpleRSTDP
    from .recipes import SimpleSTDP as SimpleSTDP
    from .recipes import SparseiSTDP as SparseiSTDP
    from .recipes import SparseRSTDP as SparseRSTDP
    from .recipes import SparseSTDP as SparseSTDP
    from .recipes import STDPSynapse as STDPSynapse
    from .recipes import TraceSTDPConvSynapse as TraceSTDPConvSynapse
    from .recipes import TraceSTDPDeconvSynapse as TraceSTDPDeconvSynapse
    from .recipes import TraceSTDPSynapse as TraceSTDPSynapse
    from .reinforce import REINFORCESynapse as REINFORCESynapse
    from .scheduled import Scheduled as Scheduled
    from .trace_stdp import TraceSTDP as TraceSTDP
    from .triplet_stdp import TripletSTDP as TripletSTDP
    from .voltage_inhibitory_stdp import VoltageInhibitorySTDP as VoltageInhibitorySTDP
else:
    __getattr__, __dir__, __all__ = lazy(__name__, *NAMES.values())
