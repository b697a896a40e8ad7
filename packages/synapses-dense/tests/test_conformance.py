"""Topologies and dynamics of this package against bouton's conformance tests."""

from typing import ClassVar

from bouton import Synapse, Uniform
from bouton.testing import ComponentTests, TopologyTests
from bouton_synapses_dense import Dense, Exponential


class TestDense(TopologyTests):
    make = staticmethod(lambda: [Dense(3, 4), Dense(1, 5), Dense(6, 1)])


class TestExponentialCurrent(ComponentTests):
    component = Synapse(Dense(3, 4), weights=Uniform(0.0, 0.3), transmission=Exponential(tau=3.0, unit="pA"))


class TestExponentialConductance(ComponentTests):
    component = Synapse(
        Dense(3, 4), weights=Uniform(0.0, 0.3), transmission=Exponential(tau=3.0, reversal=-90.0), backward=True
    )
    inputs: ClassVar = {"transmission.v": (-70.0, -50.0)}
