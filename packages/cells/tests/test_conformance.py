"""What holds for every component."""

from bouton.testing import ComponentTests
from bouton_cells import LIFCell, PoissonCell


class TestLIFCell(ComponentTests):
    component = LIFCell(n_units=4)
    inputs = {"j": (0.0, 300.0)}


class TestLIFCellWithOneSpike(ComponentTests):
    component = LIFCell(n_units=(2, 2), one_spike=True, refractory="clamp", integration_type="exact", v_min=-66.0)
    inputs = {"j": (0.0, 300.0)}


class TestPoissonCell(ComponentTests):
    component = PoissonCell(n_units=4)
