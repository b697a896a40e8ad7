"""The rules against bouton's conformance tests, in each of their ways to be."""

import numpy as np
from bouton.testing import Full, RuleTests
from bouton_learning import TraceSTDP


class TestTraceSTDP(RuleTests):
    rule = TraceSTDP()


class TestTraceSTDPWithPower(RuleTests):
    rule = TraceSTDP(mu=0.5, w_max=0.9, x_tar=0.3)


class TestTraceSTDPNearest(RuleTests):
    rule = TraceSTDP(trace="set", read="after", mu=2.0)


class TestTraceSTDPOfUnits(RuleTests):
    rule = TraceSTDP(tau_pre=np.array([5.0, 10.0, 20.0]), tau_post=np.array([10.0, 40.0, 5.0, 10.0]))
    topologies = (Full(3, 4),)
