"""The rules against bouton's conformance tests, in each of their ways to be."""

from typing import ClassVar

import numpy as np
from bouton import InverseDecay
from bouton.testing import Full, RuleTests
from bouton_learning import (
    BCM,
    Averaged,
    Bounds,
    Decayed,
    Eligibility,
    EventSTDP,
    ExpSTDP,
    GerstnerHebbian,
    HardBound,
    Hebbian,
    InhibitorySTDP,
    MagnitudeBound,
    Modulated,
    Oja,
    Optimised,
    Prior,
    Scheduled,
    SoftBound,
    TraceSTDP,
    TripletSTDP,
    VoltageInhibitorySTDP,
)


class TestTraceSTDP(RuleTests):
    rule = TraceSTDP()


class TestTraceSTDPWithPower(RuleTests):
    rule = TraceSTDP(bound=SoftBound(high=0.9, mu=0.5), x_tar=0.3)


class TestTraceSTDPNearest(RuleTests):
    rule = TraceSTDP(trace="set", read="after", bound=Bounds(HardBound(high=0.7), SoftBound(two_sided=True)))


class TestTraceSTDPOfUnits(RuleTests):
    rule = TraceSTDP(tau_pre=np.array([5.0, 10.0, 20.0]), tau_post=np.array([10.0, 40.0, 5.0, 10.0]))
    topologies = (Full(3, 4),)


class TestTraceSTDPWithTracesFromOutside(RuleTests):
    rule = TraceSTDP(wired=True)
    inputs: ClassVar = {"plasticity.trace_pre": (0.0, 2.0), "plasticity.trace_post": (0.0, 2.0)}


class TestExpSTDP(RuleTests):
    rule = ExpSTDP(x_tar=0.2, beta=2.0)


class TestEventSTDP(RuleTests):
    rule = EventSTDP()


class TestTripletSTDP(RuleTests):
    rule = TripletSTDP(bound=SoftBound())


class TestInhibitorySTDP(RuleTests):
    rule = InhibitorySTDP(bound=SoftBound())


class TestExcitatoryFormOfInhibitorySTDP(RuleTests):
    rule = InhibitorySTDP(excitatory=True, read="after")


class TestVoltageInhibitorySTDP(RuleTests):
    rule = VoltageInhibitorySTDP(bound=SoftBound())
    inputs: ClassVar = {"plasticity.v": (-80.0, -40.0)}


class TestHebbian(RuleTests):
    rule = Hebbian(0.1, pre_factor=2.0, bound=MagnitudeBound())


class TestGerstnerHebbian(RuleTests):
    rule = GerstnerHebbian(c0=-0.1, c1_pre=0.2, c1_post=-0.3)
    skip: ClassVar = {"test_silence_changes_nothing": "weights decay at all times"}


class TestBCM(RuleTests):
    rule = BCM(bound=MagnitudeBound())


class TestScaledBCM(RuleTests):
    rule = BCM(scaled="theta", theta0=0.0)


class TestOja(RuleTests):
    rule = Oja()


class TestModulated(RuleTests):
    rule = Modulated(TraceSTDP(), tau_baseline=50.0)
    inputs: ClassVar = {"plasticity.modulator": (-1.0, 1.0)}


class TestModulatedUnits(RuleTests):
    rule = Modulated(TraceSTDP(), per_unit=True)
    inputs: ClassVar = {"plasticity.unit_modulator": (-1.0, 1.0)}


class TestEligibility(RuleTests):
    rule = Eligibility(TraceSTDP(bound=SoftBound()), tau=50.0, tau_baseline=10.0)
    inputs: ClassVar = {"plasticity.modulator": (-1.0, 1.0)}


class TestEligibilityOfUnits(RuleTests):
    rule = Eligibility(Hebbian(), tau=50.0, per_unit=True)
    topologies = (Full(3, 4),)
    inputs: ClassVar = {"plasticity.unit_modulator": (-1.0, 1.0)}


class TestEligibilityThatStartsElsewhere(RuleTests):
    rule = Eligibility(TraceSTDP(), tau=50.0, c0=0.1)
    topologies = (Full(3, 4),)
    inputs: ClassVar = {"plasticity.modulator": (-1.0, 1.0)}
    skip: ClassVar = {"test_silence_changes_nothing": "a trace that does not start at 0 becomes weight"}


class TestScheduled(RuleTests):
    rule = Scheduled(TraceSTDP(), InverseDecay(1.0, 20.0))


class TestDecayed(RuleTests):
    rule = Decayed(TraceSTDP(), tau=100.0)
    topologies = (Full(3, 4),)
    skip: ClassVar = {"test_silence_changes_nothing": "weights decay at all times"}


class TestPrior(RuleTests):
    rule = Prior(Hebbian(0.1), "elastic_net", 0.01)
    topologies = (Full(3, 4),)
    skip: ClassVar = {"test_silence_changes_nothing": "weights decay at all times"}


class TestAveraged(RuleTests):
    rule = Averaged(TraceSTDP())
    topologies = (Full(3, 4),)


class TestOptimised(RuleTests):
    rule = Optimised(Hebbian(), "nag", 0.1)
    skip: ClassVar = {
        "test_equals_loop_over_edges": "an optimiser moves the weights once, for all samples together",
        "test_per_sample_changes": "likewise",
    }
