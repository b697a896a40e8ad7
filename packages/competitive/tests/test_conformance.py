"""What holds for every component."""

from bouton.testing import ComponentTests
from bouton_competitive import SOMSynapse


class TestSOMSynapse(ComponentTests):
    component = SOMSynapse(3, (2, 3))
