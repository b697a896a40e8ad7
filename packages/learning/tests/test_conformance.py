"""What holds for every learning rule."""

from bouton.testing import RuleTests
from bouton_learning import TraceSTDP


class TestTraceSTDP(RuleTests):
    rule = TraceSTDP(mu=0.5)
