"""Topologies without a map's geometry, and the dynamics of release and transmission, for bouton circuits."""

from typing import TYPE_CHECKING

from bouton import lazy

from ._plugin import NAMES

if TYPE_CHECKING:
    from .all_to_all import Dense as Dense
    from .axonal_delay import AxonalDelay as AxonalDelay
    from .axonal_delay import AxonalDelayPerEdge as AxonalDelayPerEdge
    from .connectivity import AllToAll as AllToAll
    from .connectivity import FanIn as FanIn
    from .connectivity import FanOut as FanOut
    from .connectivity import Pairs as Pairs
    from .connectivity import Probability as Probability
    from .connectivity import Total as Total
    from .dendritic_delay import DendriticDelay as DendriticDelay
    from .dendritic_inputs import BaseDendriticInput as BaseDendriticInput
    from .dendritic_inputs import One2OneDendriticInput as One2OneDendriticInput
    from .dendritic_inputs import SimpleDendriticInput as SimpleDendriticInput
    from .dendritic_inputs import SparseDendriticInput as SparseDendriticInput
    from .kernels import Alpha as Alpha
    from .kernels import DoubleExponential as DoubleExponential
    from .kernels import Exponential as Exponential
    from .low_rank import MPS as MPS
    from .one_to_one import OneToOne as OneToOne
    from .patched import Patched as Patched
    from .receptors import Receptors as Receptors
    from .recipes import AlphaSynapse as AlphaSynapse
    from .recipes import DenseSynapse as DenseSynapse
    from .recipes import DoubleExpSynapse as DoubleExpSynapse
    from .recipes import ExponentialSynapse as ExponentialSynapse
    from .recipes import PatchedSynapse as PatchedSynapse
    from .recipes import StaticPatchedSynapse as StaticPatchedSynapse
    from .recipes import StaticSynapse as StaticSynapse
    from .recipes import STPDenseSynapse as STPDenseSynapse
    from .short_term import TsodyksMarkram as TsodyksMarkram
    from .short_term import TsodyksMarkramPerEdge as TsodyksMarkramPerEdge
    from .sparse import Sparse as Sparse
    from .stochastic import StochasticRelease as StochasticRelease
    from .stochastic import StochasticReleasePerEdge as StochasticReleasePerEdge
else:
    __getattr__, __dir__, __all__ = lazy(__name__, *NAMES.values())
