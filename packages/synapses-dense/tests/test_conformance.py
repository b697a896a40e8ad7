"""What holds for every topology, and for every component: here synapses with a transmission of this package."""

from bouton import Synapse
from bouton.testing import ComponentTests, Full, TopologyTests
from bouton_synapses_dense import Dense, Exponential


class TestDense(TopologyTests):
    topology = Dense(4, 3)


class TestCurrent(ComponentTests):
    component = Synapse(Full(4, 3), transmission=Exponential())


class TestConductance(ComponentTests):
    component = Synapse(Full(4, 3), transmission=Exponential(reversal=0.0))
    inputs = {"transmission.v": (-70.0, -50.0)}
