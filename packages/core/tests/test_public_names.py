"""``import bouton``: quick, and the same names for people as for type checkers."""

import ast
import subprocess
import sys
from pathlib import Path

import bouton
import pytest


def test_importing_bouton_loads_nothing_heavy():
    code = "import sys, bouton, bouton._plugin\nprint(*{'jax', 'xarray', 'zarr', 'numpy'} & sys.modules.keys())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


def test_type_checkers_see_the_names_that_exist():
    tree = ast.parse(Path(bouton.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname: f"bouton.{statement.module}:{alias.name}" if statement.module else f"bouton.{alias.name}"
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    seen["lazy"] = "bouton._lazy:lazy"
    assert seen == bouton._TARGETS


@pytest.mark.parametrize("name", bouton.__all__)
def test_every_public_name_is_there(name):
    assert getattr(bouton, name) is vars(bouton)[name]


@pytest.mark.parametrize("name", ["plot", "testing"])
def test_modules_are_there_at_first_use(name):
    code = f"import sys, bouton\nassert 'bouton.{name}' not in sys.modules\nprint(bouton.{name}.__name__)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == f"bouton.{name}"


def test_an_unknown_name():
    with pytest.raises(AttributeError, match=r"^module 'bouton' has no attribute 'Circit'\. Did you mean 'Circuit'\?$"):
        _ = bouton.Circit
