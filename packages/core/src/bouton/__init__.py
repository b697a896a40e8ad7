"""bouton: spiking neural networks from parts that plug into each other, in JAX.

Public names are imported at first use, so that ``import bouton`` loads no JAX and listing plugins stays quick.
"""

from typing import TYPE_CHECKING

from ._lazy import lazy as lazy

if TYPE_CHECKING:
    from . import plot as plot
    from . import testing as testing
    from ._bound import Bound as Bound
    from ._circuit import Circuit as Circuit
    from ._compiler import COMPILER_OPTIONS as COMPILER_OPTIONS
    from ._component import Component as Component
    from ._connectivity import Connectivity as Connectivity
    from ._constraints import Clip as Clip
    from ._constraints import Constraint as Constraint
    from ._constraints import Normalise as Normalise
    from ._constraints import NormaliseFanOut as NormaliseFanOut
    from ._delay import Delay as Delay
    from ._dynamics import Arriving as Arriving
    from ._dynamics import Instant as Instant
    from ._dynamics import Release as Release
    from ._dynamics import Transmission as Transmission
    from ._dynamics import lanes as lanes
    from ._errors import BoutonError as BoutonError
    from ._errors import CircuitError as CircuitError
    from ._errors import ModelError as ModelError
    from ._errors import PluginError as PluginError
    from ._errors import RunError as RunError
    from ._hooks import hookimpl as hookimpl
    from ._initialisers import Bounded as Bounded
    from ._initialisers import Constant as Constant
    from ._initialisers import Eye as Eye
    from ._initialisers import FanInGaussian as FanInGaussian
    from ._initialisers import FanInUniform as FanInUniform
    from ._initialisers import Gaussian as Gaussian
    from ._initialisers import Given as Given
    from ._initialisers import Hollow as Hollow
    from ._initialisers import Initialiser as Initialiser
    from ._initialisers import LogNormal as LogNormal
    from ._initialisers import Scaled as Scaled
    from ._initialisers import Thinned as Thinned
    from ._initialisers import Triangle as Triangle
    from ._initialisers import Uniform as Uniform
    from ._initialisers import as_initialiser as as_initialiser
    from ._integrators import check_integration as check_integration
    from ._integrators import integrate as integrate
    from ._model import load as load
    from ._model import save as save
    from ._module import Module as Module
    from ._module import Param as Param
    from ._module import Part as Part
    from ._module import Ports as Ports
    from ._module import Tick as Tick
    from ._module import derived as derived
    from ._module import parameter as parameter
    from ._module import part as part
    from ._module import port as port
    from ._module import static as static
    from ._normalised_current import CurrentNormalised as CurrentNormalised
    from ._plasticity import Plasticity as Plasticity
    from ._plasticity import Rule as Rule
    from ._plasticity import Term as Term
    from ._plasticity import Weights as Weights
    from ._plasticity import learn as learn
    from ._recipe import recipe as recipe
    from ._record import Record as Record
    from ._registry import PluginSet as PluginSet
    from ._registry import components as components
    from ._registry import plugins as plugins
    from ._resume import branch as branch
    from ._resume import resume as resume
    from ._room import check_room_for as check_room_for
    from ._run import Run as Run
    from ._run import open as open
    from ._scan import scan as scan
    from ._schedules import ExponentialDecay as ExponentialDecay
    from ._schedules import InverseDecay as InverseDecay
    from ._schedules import LinearDecay as LinearDecay
    from ._schedules import Schedule as Schedule
    from ._schedules import Steady as Steady
    from ._schedules import as_schedule as as_schedule
    from ._simulate import Trials as Trials
    from ._simulate import simulate as simulate
    from ._surrogates import Arctan as Arctan
    from ._surrogates import FastSigmoid as FastSigmoid
    from ._surrogates import SecantLIF as SecantLIF
    from ._surrogates import StraightThrough as StraightThrough
    from ._surrogates import Surrogate as Surrogate
    from ._surrogates import Triangular as Triangular
    from ._surrogates import spike as spike
    from ._synapse import Synapse as Synapse
    from ._topology import Topology as Topology
    from ._wiring import delayed as delayed
else:
    _PUBLIC = {
        "_bound": "Bound",
        "_circuit": "Circuit",
        "_compiler": "COMPILER_OPTIONS",
        "_component": "Component",
        "_connectivity": "Connectivity",
        "_constraints": "Constraint Clip Normalise NormaliseFanOut",
        "_delay": "Delay",
        "_dynamics": "Transmission Release Instant Arriving lanes",
        "_errors": "BoutonError CircuitError ModelError PluginError RunError",
        "_hooks": "hookimpl",
        "_initialisers": (
            "Initialiser as_initialiser Constant Given Uniform Gaussian LogNormal FanInUniform FanInGaussian Eye "
            "Hollow Triangle Scaled Bounded Thinned"
        ),
        "_integrators": "check_integration integrate",
        "_lazy": "lazy",
        "_model": "load save",
        "_module": "Module static parameter derived port part Ports Param Part Tick",
        "_normalised_current": "CurrentNormalised",
        "_plasticity": "Plasticity Rule Term Weights learn",
        "_recipe": "recipe",
        "_record": "Record",
        "_registry": "PluginSet plugins components",
        "_resume": "resume branch",
        "_room": "check_room_for",
        "_run": "Run open",
        "_scan": "scan",
        "_schedules": "Schedule as_schedule Steady ExponentialDecay LinearDecay InverseDecay",
        "_simulate": "simulate Trials",
        "_surrogates": "Surrogate spike Arctan FastSigmoid Triangular SecantLIF StraightThrough",
        "_synapse": "Synapse",
        "_topology": "Topology",
        "_wiring": "delayed",
    }
    _TARGETS = {n: f"bouton.{module}:{n}" for module, names in _PUBLIC.items() for n in names.split()}
    _TARGETS |= {module: f"bouton.{module}" for module in ("plot", "testing")}
    __getattr__, __dir__, __all__ = lazy(__name__, _TARGETS)
