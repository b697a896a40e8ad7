"""``bouton plugins``, ``components``, ``new-plugin`` and ``check``: what they print, and what they refuse."""

import json
import subprocess
import sys
import types

import bouton
import pytest
from bouton._cli import main
from bouton._registry import PluginSet
from click.testing import CliRunner


@pytest.fixture
def run():
    """The exit code and the output of one command in what is installed now."""

    def run(*arguments):
        with PluginSet.discover().use():
            result = CliRunner().invoke(main, [str(a) for a in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output

    return run


CELL = """
from typing import Literal

import bouton
from bouton import Param, Ports, parameter, port, static
from jaxtyping import Array, Float

class LeakCell(bouton.Component):
    '''A leak, dv/dt = -v / tau.'''

    n_units: int = static(dim="unit", doc="population size")
    method: Literal["euler", "exact"] = static(default="euler", doc="how v is advanced")
    unit: str = static(default="mV", doc="of what leaks")
    noisy: bool = static(default=False, doc="whether there is noise")
    tau: Param = parameter(default=5.0, unit="ms", gt=0, dims="unit", doc="time constant")

    class In(Ports):
        j: Float[Array, "*batch unit"] = port("mV", reduce="sum", default=0.0, doc="input")
        noise: Float[Array, "*batch unit"] = port("{unit}", default=0.0, only_if="noisy", doc="noise")

    class State(Ports):
        v: Float[Array, "*batch unit"] = port("mV", persist=True, doc="potential")

    class Out(Ports):
        s: Float[Array, "*batch unit"] = port(spikes=True, doc="spikes")
"""


@pytest.fixture
def leaky(site):
    site.plugin("leaky", {"component": {"LeakCell": "leaky_cells:LeakCell"}, "recipe": {"Leak": "leaky_cells:Leak"}})
    site.module("leaky_cells", CELL + "\ndef Leak(shape, tau=5.0):\n    'A leak of some shape.'\n")
    return site


def test_plugins_as_text(leaky, run, monkeypatch):
    leaky.module("bad_hook", "import a_module_that_nobody_has")
    leaky.dist("bad", entries={"plugin": "bad_hook"})
    leaky.plugin("newer", {}, requires=("bouton>=99",))
    leaky.plugin("off", {})
    monkeypatch.setenv("BOUTON_DISABLE_PLUGINS", "off")
    code, output = run("plugins")
    lines = [" ".join(line.split()) for line in output.splitlines()]
    assert code == 0
    assert "leaky 1.0 plugin ok component: 1, recipe: 1" in lines
    assert "bad 1.0 plugin FAILED ModuleNotFoundError: No module named 'a_module_that_nobody_has'" in lines
    assert "off 1.0 plugin BLOCKED named in BOUTON_DISABLE_PLUGINS" in lines
    newer = next(line for line in lines if line.startswith("newer"))
    assert newer.startswith("newer 1.0 plugin INCOMPATIBLE it needs bouton>=99, installed is ")


def test_plugins_as_json(leaky, run):
    code, output = run("plugins", "--json")
    assert code == 0
    found = {p["dist"]: p for p in json.loads(output)}
    assert found["leaky"] == {
        "dist": "leaky", "version": "1.0", "entry": "plugin", "status": "ok", "reason": "",
        "names": {"component": 1, "recipe": 1},
    }  # fmt: skip
    assert found["bouton"]["names"]["component"] == len(
        [e for e in bouton.components("component") if e.plugin.dist == "bouton"]
    )


def test_components_as_text(leaky, run):
    leaky.plugin("rival", {"component": {"LeakCell": "rival_cells:LeakCell"}})
    lines = [" ".join(line.split()) for line in run("components")[1].splitlines()]
    assert {"component leaky/LeakCell leaky 1.0", "component rival/LeakCell rival 1.0"} < set(lines)
    assert "recipe Leak leaky 1.0" in lines
    assert "initialiser Uniform bouton " + bouton.plugins()[0].version in lines
    lines = run("components", "--kind", "recipe")[1].splitlines()
    assert lines and all(line.startswith("recipe") for line in lines)


def test_components_as_json(leaky, run):
    code, output = run("components", "--kind", "recipe", "--json")
    assert code == 0
    leak = {"kind": "recipe", "name": "Leak", "dist": "leaky", "version": "1.0", "target": "leaky_cells:Leak"}
    assert leak in json.loads(output)


def test_one_component_as_text(leaky, run):
    code, output = run("components", "LeakCell")
    assert code == 0
    assert [" ".join(line.split()) for line in output.splitlines()] == [
        "LeakCell component of leaky 1.0",
        "",
        "A leak, dv/dt = -v / tau.",
        "",
        "parameters",
        "n_units static required population size",
        "method static = 'euler' one of 'euler', 'exact' how v is advanced",
        "unit static = 'mV' of what leaks",
        "noisy static = False whether there is noise",
        "tau parameter = 5.0 [ms] > 0 (unit) time constant",
        "In",
        "j Float (*batch unit) [mV] sum input",
        "noise Float (*batch unit) as its `unit` only with noisy noise",
        "State",
        "v Float (*batch unit) [mV] persist potential",
        "Out",
        "s Float (*batch unit) [1] spikes spikes",
    ]


def test_one_component_as_json(leaky, run):
    code, output = run("components", "leaky/LeakCell", "--json")
    (described,) = json.loads(output)
    assert code == 0
    assert (described["name"], described["dist"], described["kind"]) == ("LeakCell", "leaky", "component")
    assert [p["name"] for p in described["parameters"]] == ["n_units", "method", "unit", "noisy", "tau"]
    assert [p["bounds"] for p in described["parameters"]] == ["", "one of 'euler', 'exact'", "", "", "> 0"]
    assert [port["only_if"] for port in described["ports"]["In"]] == [None, "noisy"]
    assert described["ports"]["State"][0]["persist"] is True


def test_a_recipe(leaky, run):
    code, output = run("components", "Leak")
    assert code == 0
    assert "A leak of some shape." in output
    assert [" ".join(line.split()) for line in output.splitlines()][-2:] == [
        "shape argument required", "tau argument = 5.0",
    ]  # fmt: skip


def test_a_component_that_is_missing(leaky, run):
    code, output = run("components", "Leek")
    assert code == 1
    assert output.startswith("Error: no installed plugin provides the recipe 'Leek'. Did you mean 'Leak'?\n")


def test_a_component_of_another_kind(leaky, run):
    code, output = run("components", "Leak", "--kind", "component")
    assert code == 1
    assert output.startswith("Error: no installed plugin provides the component 'Leak'. 'Leak' is of the kind")


@pytest.mark.parametrize("command", ["plugins", "plugins --json", "components", "components --json", "--help"])
def test_listing_loads_nothing_heavy(command):
    code = (
        "import sys\nfrom bouton._cli import main\n"
        f"main({command.split()!r}, standalone_mode=False)\n"
        "loaded = {'jax', 'xarray', 'zarr', 'numpy', 'bouton.testing'} & sys.modules.keys()\n"
        "sys.exit(f'loaded {loaded}' if loaded else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout


def test_a_new_plugin_is_complete_and_registers(site, run, tmp_path):
    code, output = run("new-plugin", "hindmarsh-rose", "--to", tmp_path)
    folder = tmp_path / "bouton-hindmarsh-rose"
    assert code == 0
    assert output.startswith(f"{folder} is ready.")
    assert output.endswith("  bouton check bouton-hindmarsh-rose\n")
    assert {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()} == {
        "pyproject.toml",
        "README.md",
        "src/bouton_hindmarsh_rose/__init__.py",
        "src/bouton_hindmarsh_rose/_plugin.py",
        "src/bouton_hindmarsh_rose/cell.py",
        "src/bouton_hindmarsh_rose/py.typed",
        "tests/test_cell.py",
    }
    for file in folder.rglob("*.*"):
        assert "template" not in file.read_text().lower(), file
    sys.path.insert(0, str(folder / "src"))
    try:
        site.dist("bouton-hindmarsh-rose", entries={"plugin": "bouton_hindmarsh_rose._plugin"})
        found = PluginSet.discover()
        assert found.find("component", "HindmarshRoseCell").full_name == "bouton-hindmarsh-rose/HindmarshRoseCell"
        assert found.get("component", "HindmarshRoseCell")(n_units=2).dims() == {"unit": 2}
    finally:
        sys.path.remove(str(folder / "src"))


def test_a_new_plugin_of_a_given_prefix_is_made_here(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("new-plugin", "bouton-my-cells")[0] == 0
    assert "class MyCell(bouton.Component)" in (tmp_path / "bouton-my-cells/src/bouton_my_cells/cell.py").read_text()


def test_a_new_plugin_never_overwrites(run, tmp_path):
    (tmp_path / "bouton-mine").mkdir()
    code, output = run("new-plugin", "mine", "--to", tmp_path)
    assert code == 1
    assert output == (
        f"Error: {tmp_path / 'bouton-mine'} exists already and is left as it is: choose another name, or --to.\n"
    )


@pytest.mark.parametrize("name", ["My-Cells", "my_cells", "../x", "2d", "a--b", ""])
def test_a_new_plugin_with_an_impossible_name(run, tmp_path, name):
    code, output = run("new-plugin", name, "--to", tmp_path)
    assert code == 2
    assert output.endswith(f"{name!r} must be lower-case words joined by hyphens, such as 'my-cells'.\n")
    assert not list(tmp_path.iterdir())


def test_check_runs_the_conformance_of_an_installed_plugin(leaky, run, monkeypatch):
    results = [types.SimpleNamespace(name="LeakCell: purity", ok=True, status="ok", message="")]
    testing = types.ModuleType("bouton.testing")
    monkeypatch.setattr(testing, "check", lambda dist: results if dist == "leaky" else [], raising=False)
    monkeypatch.setitem(sys.modules, "bouton.testing", testing)
    monkeypatch.setattr(bouton, "testing", testing, raising=False)
    assert run("check", "Leaky") == (0, "ok       LeakCell: purity\n")
    results += [
        types.SimpleNamespace(name="LeakCell: dt", ok=True, status="skipped", message="nothing in ms"),
        types.SimpleNamespace(name="LeakCell: batch", ok=False, status="failed", message="lanes leak into each other"),
    ]
    code, output = run("check", "leaky")
    assert code == 1
    assert output.splitlines()[1:] == [
        "skipped  LeakCell: dt: nothing in ms",
        "FAILED   LeakCell: batch: lanes leak into each other",
        "Error: 1 of the checks failed.",
    ]


def test_check_of_what_is_not_there_or_does_not_work(leaky, run):
    assert run("check", "leeky") == (1, "Error: no plugin 'leeky' is installed. Did you mean 'leaky'?\n")
    leaky.module("bad_hook", "raise SystemExit(3)")
    leaky.dist("bad", entries={"plugin": "bad_hook"})
    code, output = run("check", "bad")
    assert (code, output) == (
        1,
        "Error: bad 1.0 takes no part: FAILED, SystemExit(3): it exits when it is loaded.\n",
    )
