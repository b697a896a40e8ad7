"""Conformance: what every component, topology and rule must do, as tests that a plugin's test file subclasses.

    from bouton.testing import ComponentTests

    class TestMyCell(ComponentTests):
        component = MyCell(n_units=4)
        inputs = {"j": (0.0, 30.0)}

`check` runs the same tests on everything that an installed plugin registers. Nothing here needs pytest.
"""

from ._check import check as check
from ._checks import Checks as Checks
from ._checks import Result as Result
from ._components import ComponentTests as ComponentTests
from ._reference import Full as Full
from ._reference import Grid as Grid
from ._reference import Shared as Shared
from ._rules import RuleTests as RuleTests
from ._topologies import TopologyTests as TopologyTests

__all__ = ["Checks", "ComponentTests", "Full", "Grid", "Result", "RuleTests", "Shared", "TopologyTests", "check"]
