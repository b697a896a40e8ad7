"""The cells against bouton's conformance tests, in each of their ways to be."""

from typing import ClassVar

import numpy as np
from bouton.testing import ComponentTests
from bouton_cells import Dendrite, IFCell, LIFCell, PoissonCell, QuadLIFCell

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
    component = LIFCell(4, k_winners=1)
    inputs = DRIVE


class TestLIFCellTwoWinnersOfEachRow(ComponentTests):
    component = LIFCell((2, 3), k_winners=2, winners_axis=1, wta_scope="state", integration_type="rk4")
    inputs = DRIVE


class TestIFCell(ComponentTests):
    component = IFCell(3, refract_time=2.0)
    inputs = DRIVE


class TestQuadLIFCell(ComponentTests):
    component = QuadLIFCell((2, 2), refractory="clamp", v_min=-80.0, integration_type="heun")
    inputs = DRIVE


class TestPoissonCell(ComponentTests):
    component = PoissonCell((2, 2), target_freq=500.0)


SITES = {"proximal": (-1.0, 1.0), "distal": (-2.0, 2.0), "apical": (-2.0, 2.0), "v": (-90.0, -50.0)}


class TestDendrite(ComponentTests):
    component = Dendrite((2, 2))
    inputs = SITES


class TestDendriteFiltered(ComponentTests):
    component = Dendrite(3, tau=5.0, apical_provocativeness=np.array([0.2, 0.5, 1.2]), distal_provocativeness=None)
    inputs: ClassVar = {name: SITES[name] for name in ("proximal", "apical", "v")}


class TestDendriteWithoutPriming(ComponentTests):
    component = Dendrite(3, tau=5.0, apical_provocativeness=None, distal_provocativeness=None)
