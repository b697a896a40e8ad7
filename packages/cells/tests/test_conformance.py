"""The cells against bouton's conformance tests, in each of their ways to be."""

import numpy as np
from bouton.testing import ComponentTests
from bouton_cells import LIFCell, PoissonCell

DRIVE = {"j": (0.0, 600.0)}  # spikes within a few steps


class TestLIFCell(ComponentTests):
    component = LIFCell(4)
    inputs = DRIVE


class TestLIFCellExact(ComponentTests):
    component = LIFCell((2, 2), integration_type="exact", refractory="clamp", refract_time=2.0, v_min=-70.0)
    inputs = DRIVE


class TestLIFCellWithoutAdaptation(ComponentTests):
    component = LIFCell(4, theta_plus=None, conduct_leak=0.0, refract_time=0.0)
    inputs = DRIVE


class TestLIFCellOfUnits(ComponentTests):
    component = LIFCell(3, tau_m=np.array([10.0, 20.0, 40.0]), tau_theta=100.0, integration_type="exact")
    inputs = DRIVE
    dt = 0.5


class TestLIFCellOneSpike(ComponentTests):
    component = LIFCell(4, one_spike=True)
    inputs = DRIVE


class TestLIFCellMaxOneSpike(ComponentTests):
    component = LIFCell(4, max_one_spike=True)
    inputs = DRIVE


class TestPoissonCell(ComponentTests):
    component = PoissonCell((2, 2), target_freq=500.0)
