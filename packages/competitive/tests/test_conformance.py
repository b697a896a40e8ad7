"""What holds for every component and rule of this package."""

from typing import ClassVar

from bouton import Clip, InverseDecay
from bouton.testing import ComponentTests, RuleTests
from bouton_competitive import (
    ART2ASynapse,
    BinaryHopfieldSynapse,
    HopfieldSynapse,
    Instar,
    SOMSynapse,
    Storage,
    VectorQuantizeSynapse,
)


class TestSOMSynapse(ComponentTests):
    component = SOMSynapse(3, (2, 3), InverseDecay(0.5, 10.0), grid="hexagonal", periodic=True, constraints=Clip())


class TestVectorQuantizeSynapse(ComponentTests):
    component = VectorQuantizeSynapse(3, 4, distance="minkowski", p=3.0, temperature=0.1)


class TestLearningVectorQuantization(ComponentTests):
    component = VectorQuantizeSynapse(3, 4, 2, "lvq2.1", distance="cosine")
    inputs: ClassVar = {"label": (-1, 2)}


class TestART2ASynapse(ComponentTests):
    component = ART2ASynapse(3, 4, vigilance=0.95, theta=0.1)


class TestHopfieldSynapse(ComponentTests):
    component = HopfieldSynapse(3, 4, rule="contrastive", steps=3)


class TestBinaryHopfieldSynapse(ComponentTests):
    component = BinaryHopfieldSynapse(4, steps=2)
    inputs: ClassVar = {"pre": (-1.0, 1.0)}


class TestInstar(RuleTests):
    rule = Instar(0.3)


class TestStorage(RuleTests):
    rule = Storage()
