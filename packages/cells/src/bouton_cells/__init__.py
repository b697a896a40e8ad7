"""Neurons and spike encoders for bouton circuits."""

from typing import TYPE_CHECKING

from bouton import lazy

from ._plugin import NAMES

if TYPE_CHECKING:
    from .adex import AdExCell as AdExCell
    from .bernoulli import BernoulliCell as BernoulliCell
    from .dendrite import Dendrite as Dendrite
    from .errors import BernoulliErrorCell as BernoulliErrorCell
    from .errors import GaussianErrorCell as GaussianErrorCell
    from .errors import LaplacianErrorCell as LaplacianErrorCell
    from .errors import RewardErrorCell as RewardErrorCell
    from .exponential_kernel import ExponentialKernel as ExponentialKernel
    from .exponential_lif import AELIF as AELIF
    from .exponential_lif import ELIF as ELIF
    from .firing_types import AdEx as AdEx
    from .firing_types import Izhikevich as Izhikevich
    from .fitzhugh_nagumo import FitzhughNagumoCell as FitzhughNagumoCell
    from .ganglion import RetinalGanglionCell as RetinalGanglionCell
    from .hodgkin_huxley import HodgkinHuxleyCell as HodgkinHuxleyCell
    from .homeostasis import ActivityHomeostasis as ActivityHomeostasis
    from .homeostasis import VoltageHomeostasis as VoltageHomeostasis
    from .integrate_and_fire import IFCell as IFCell
    from .izhikevich import IzhikevichCell as IzhikevichCell
    from .latency import LatencyCell as LatencyCell
    from .leaky_noise import LeakyNoiseCell as LeakyNoiseCell
    from .lif import LIFCell as LIFCell
    from .map_winners import MapWinners as MapWinners
    from .modulators import Dopamine as Dopamine
    from .ornstein_uhlenbeck import OrnsteinUhlenbeckCurrent as OrnsteinUhlenbeckCurrent
    from .phasor import PhasorCell as PhasorCell
    from .playback import SpikePlayback as SpikePlayback
    from .poisson import PoissonCell as PoissonCell
    from .quad_lif import QuadLIFCell as QuadLIFCell
    from .raf import RAFCell as RAFCell
    from .ramp_current import RampCurrent as RampCurrent
    from .rate import RateCell as RateCell
    from .sine_current import SineCurrent as SineCurrent
    from .slif import SLIFCell as SLIFCell
    from .step_current import PiecewiseCurrent as PiecewiseCurrent
    from .step_current import StepCurrent as StepCurrent
    from .time_to_first_spike import TTFSCell as TTFSCell
    from .trace import Trace as Trace
    from .wtas import WTASCell as WTASCell
else:
    __getattr__, __dir__, __all__ = lazy(__name__, *NAMES.values())
