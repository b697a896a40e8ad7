"""What holds for every topology, and for a synapse that a recipe makes."""

from bouton.testing import ComponentTests, TopologyTests
from bouton_synapses_conv import (
    Conv,
    ConvSynapse,
    Deconv,
    Lateral,
    Local2d,
    Pool2d,
    UpConv,
)


class TestConv(TopologyTests):
    topology = Conv((5, 4, 2), kernel=3, channels_out=2, stride=(2, 1), groups=2)


class TestDeconv(TopologyTests):
    topology = Deconv(Conv((5, 4, 2), kernel=3, channels_out=2, stride=(2, 1), groups=2))


class TestUpConv(TopologyTests):
    topology = UpConv((3, 2, 2), kernel=3, channels_out=2, stride=(2, 1), groups=2)


class TestLocal2d(TopologyTests):
    topology = Local2d((4, 3, 2), kernel=2, channels_out=2, stride=(2, 1), groups=2)


class TestLateral(TopologyTests):
    topology = Lateral((3, 4, 2), kernel=3, centre=False, sign=-1)


class TestPool2d(TopologyTests):
    topology = Pool2d((5, 4, 2), (2, 2))


class TestConvSynapse(ComponentTests):
    component = ConvSynapse((3, 3, 1, 2), (4, 3), bias_init=[0.1, 0.2])
