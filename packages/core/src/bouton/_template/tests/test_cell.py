"""bouton's conformance tests on the cell; tests of its equation belong beside them."""

from bouton.testing import ComponentTests
from bouton_template import TemplateCell


class TestTemplateCell(ComponentTests):
    component = TemplateCell(n_units=3)
