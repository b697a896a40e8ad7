"""What holds for every topology."""

from bouton.testing import TopologyTests
from bouton_synapses_conv import Conv


class TestConv(TopologyTests):
    make = staticmethod(
        lambda: [
            Conv((5, 4, 2), kernel=3, channels_out=2, stride=(2, 1)),
            Conv((7, 2), kernel=2, channels_out=2, groups=2, padding="VALID", dilation=2),
        ]
    )
