"""The recipes where the packages of the topologies are missing: they are listed, described and refused."""

import inspect
import sys

import bouton
import bouton_learning
import pytest

NAMES = sorted(e.name for e in bouton.components("recipe") if e.plugin.dist == "bouton-learning")
ON_MAPS = {n for n in NAMES if "onv" in n or n.startswith("Local2d")}


@pytest.fixture
def alone(monkeypatch):
    """As if no other package were installed."""
    for package in ("bouton_synapses_dense", "bouton_synapses_conv"):
        monkeypatch.setitem(sys.modules, package, None)


def arguments(recipe):
    """Something for each argument that it needs."""
    needed = [p.name for p in inspect.signature(recipe).parameters.values() if p.default is p.empty]
    return dict.fromkeys(needed, 1)


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_says_which_package_it_needs_and_how_to_install_it(name, alone):
    recipe = getattr(bouton_learning, name)
    package = "bouton_synapses_conv" if name in ON_MAPS else "bouton_synapses_dense"
    command = f"pip install {package.replace('_', '-')}"
    with pytest.raises(bouton.CircuitError, match=f"^{name} needs {package}: {command}$"):
        recipe(**arguments(recipe))
    assert package.replace("_", "-") in recipe.__doc__


def test_a_package_that_is_broken_says_so_itself(monkeypatch):
    """What is missing is not the package but something that it needs."""

    def broken(name):
        raise ModuleNotFoundError("No module named 'numba'", name="numba")

    monkeypatch.setattr("bouton_learning._making.importlib.import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="numba"):
        bouton_learning.HebbianSynapse((3, 4))
