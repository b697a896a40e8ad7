"""Discovery and lookup: nothing a plugin does stops another, and every refusal says what to do."""

import pickle
import sys
from importlib import metadata

import bouton
import pytest
from bouton._errors import nearest
from bouton._lazy import lazy
from bouton._plugin import NAMES
from bouton._registry import KINDS, PluginSet

CELL = "class {name}:\n    'a cell'\n"


def plugin_of(found, key):
    return next(p for p in found.plugins if p.key == key)


def refused(site_set, key, status, reason):
    """The plugin takes no part for this reason, and a healthy neighbour does."""
    plugin = plugin_of(site_set, key)
    assert (plugin.status, plugin.reason) == (status, reason)
    assert plugin_of(site_set, "healthy:plugin").status == "ok"
    assert site_set.find("component", "Healthy").plugin.dist == "healthy"
    assert not [entry for entry in site_set.entries() if entry.plugin == plugin]
    return plugin


@pytest.fixture
def healthy(site):
    site.plugin("healthy", {"component": {"Healthy": "healthy_cells:Healthy"}})
    site.module("healthy_cells", CELL.format(name="Healthy"))
    return site


def test_core_registers_through_the_same_hook():
    found = PluginSet.discover()
    assert found.plugins[0].key == "bouton:bouton"
    assert {(e.kind, e.name) for e in found.entries() if e.plugin.dist == "bouton"} == {
        (kind, name) for kind, names in NAMES.items() for name in names
    }


def test_a_name_is_imported_when_it_is_asked_for(healthy):
    found = PluginSet.discover()
    entry = found.find("component", "Healthy")
    assert (entry.full_name, str(entry.plugin)) == ("healthy/Healthy", "healthy 1.0")
    assert "healthy_cells" not in sys.modules
    assert found.get("component", "Healthy") is sys.modules["healthy_cells"].Healthy


def test_two_distributions_with_the_same_entry_point_name(site):
    site.plugin("first", {"component": {"FirstCell": "first_cells:FirstCell"}}, entry="cells")
    site.plugin("second", {"component": {"SecondCell": "second_cells:SecondCell"}}, entry="cells")
    found = PluginSet.discover()
    assert found.find("component", "FirstCell").plugin.key == "first:cells"
    assert found.find("component", "SecondCell").plugin.key == "second:cells"


def test_one_module_in_two_entry_points_is_no_conflict(site):
    site.module(
        "twice_hook",
        "from bouton import hookimpl\n@hookimpl\ndef bouton_register():\n"
        "    return {'component': {'Twice': 'twice:Twice'}}\n",
    )
    site.dist("twice", entries={"a": "twice_hook", "b": "twice_hook"})
    assert PluginSet.discover().find("component", "Twice").plugin.key == "twice:a"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import a_module_that_nobody_has", "ModuleNotFoundError: No module named 'a_module_that_nobody_has'"),
        ("def broken(:", "SyntaxError: invalid syntax (bad_hook.py, line 1)"),
        ("raise SystemExit(3)", "SystemExit(3): it exits when it is loaded"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
    ids=["ImportError", "SyntaxError", "SystemExit", "any other error"],
)
def test_a_plugin_that_fails_on_import_is_shown_and_the_others_go_on(healthy, source, reason):
    healthy.module("bad_hook", source)
    healthy.dist("bad", entries={"plugin": "bad_hook"})
    plugin = refused(PluginSet.discover(), "bad:plugin", "FAILED", reason)
    assert type(plugin.error).__name__ == reason.partition(":")[0].partition("(")[0]


def test_a_keyboard_interrupt_is_not_swallowed(site):
    site.module("slow_hook", "raise KeyboardInterrupt")
    site.dist("slow", entries={"plugin": "slow_hook"})
    with pytest.raises(KeyboardInterrupt):
        PluginSet.discover()


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (
            ["LIFCell"],
            "the return value of bouton_register must be {kind: {name: \"module:attribute\"}}, got ['LIFCell'].",
        ),
        (
            {"components": {"A": "a:A"}},
            "the return value of bouton_register has an unknown kind 'components'. Did you mean 'component'?",
        ),
        (
            {"component": ["a:A"]},
            "the return value of bouton_register: 'component' must be {name: \"module:attribute\"}, got ['a:A'].",
        ),
        (
            {"component": {"a/A": "a:A"}},
            "the return value of bouton_register: the component name 'a/A' is not an identifier.",
        ),
        (
            {"component": {"A": "a.A"}},
            "the return value of bouton_register: component 'A' must be \"module:attribute\", got 'a.A'.",
        ),
        (
            {"component": {"A": 1}},
            "the return value of bouton_register: component 'A' must be a string \"module:attribute\", "
            "so that listing plugins imports nothing; got 1.",
        ),
        (None, "bad_hook has no bouton_register that is marked with @bouton.hookimpl and returns."),
    ],
)
def test_a_hook_that_returns_something_else(healthy, names, reason):
    healthy.plugin("bad", names)
    refused(PluginSet.discover(), "bad:plugin", "FAILED", reason)


def test_a_module_without_the_hook(healthy):
    healthy.module("bad_hook", "def bouton_register():\n    return {}\n")
    healthy.dist("bad", entries={"plugin": "bad_hook"})
    reason = "bad_hook has no bouton_register that is marked with @bouton.hookimpl and returns."
    refused(PluginSet.discover(), "bad:plugin", "FAILED", reason)


def test_a_misspelt_hook(healthy):
    healthy.module("bad_hook", "from bouton import hookimpl\n@hookimpl\ndef bouton_registers():\n    return {}\n")
    healthy.dist("bad", entries={"plugin": "bad_hook"})
    plugin = plugin_of(PluginSet.discover(), "bad:plugin")
    assert plugin.status == "FAILED"
    assert "unknown hook 'bouton_registers'" in plugin.reason


def test_a_lazy_package_as_entry_point_is_not_imported_as_a_whole(site):
    site.module(
        "whole.__init__",
        "import bouton\nfrom bouton import hookimpl\nNAMES = {'component': {'WholeCell': 'whole.cell:WholeCell'}}\n"
        "__getattr__, __dir__, __all__ = bouton.lazy(__name__, *NAMES.values())\n"
        "@hookimpl\ndef bouton_register():\n    return NAMES\n",
    )
    site.module("whole.cell", CELL.format(name="WholeCell"))
    site.dist("whole", entries={"plugin": "whole"})
    assert PluginSet.discover().find("component", "WholeCell").plugin.status == "ok"
    assert "whole.cell" not in sys.modules


@pytest.mark.parametrize("requirement", ["bouton>=99", "bouton[plot]<0.0.1; python_version > '3'", "Bouton ==0.0.0"])
def test_an_incompatible_requirement_is_reported_and_nothing_is_loaded(healthy, requirement):
    healthy.module("newer_hook", "1 / 0")
    healthy.dist("newer", entries={"plugin": "newer_hook"}, requires=("numpy", requirement))
    specifier = requirement.replace(" ", "").partition(";")[0].lower().removeprefix("bouton").removeprefix("[plot]")
    reason = f"it needs bouton{specifier}, installed is {metadata.version('bouton')}"
    refused(PluginSet.discover(), "newer:plugin", "INCOMPATIBLE", reason)
    assert "newer_hook" not in sys.modules


@pytest.mark.parametrize(
    "requirement", ["bouton>=0.0.1", "bouton>=99; python_version < '3'", "bouton>=99; extra == 'x'", "bouton-x>=99"]
)
def test_a_requirement_that_holds_or_does_not_apply(site, requirement):
    site.plugin("fine", {}, requires=(requirement,))
    assert plugin_of(PluginSet.discover(), "fine:plugin").status == "ok"


@pytest.mark.parametrize("word", ["other", "Other", "other:plugin"])
def test_disabling_by_the_environment(healthy, monkeypatch, word):
    healthy.module("other_hook", "1 / 0")
    healthy.dist("other", entries={"plugin": "other_hook"})
    monkeypatch.setenv("BOUTON_DISABLE_PLUGINS", word)
    refused(PluginSet.discover(), "other:plugin", "BLOCKED", "named in BOUTON_DISABLE_PLUGINS")


def test_only_some_by_the_environment(healthy, monkeypatch):
    healthy.plugin("other", {"component": {"Other": "other_cells:Other"}})
    monkeypatch.setenv("BOUTON_PLUGINS", "healthy, ")
    found = PluginSet.discover()
    refused(found, "other:plugin", "BLOCKED", "not named in BOUTON_PLUGINS")
    assert plugin_of(found, "bouton:bouton").status == "ok"


@pytest.mark.parametrize("variable", ["BOUTON_PLUGINS", "BOUTON_DISABLE_PLUGINS"])
def test_the_environment_names_what_is_not_installed(healthy, monkeypatch, variable):
    monkeypatch.setenv(variable, "helthy")
    with pytest.raises(bouton.PluginError) as raised:
        PluginSet.discover()
    assert str(raised.value) == f"{variable} names 'helthy', which is not installed. Did you mean 'healthy'?"


@pytest.fixture
def rivals(site):
    for dist, version in (("alpha", "1.0"), ("beta", "2.0")):
        site.plugin(dist, {"component": {"Cell": f"{dist}_cells:Cell"}}, version=version)
        site.module(f"{dist}_cells", CELL.format(name="Cell"))
    return PluginSet.discover()


def test_a_conflict_is_an_error_only_for_who_asks(rivals):
    with pytest.raises(bouton.PluginError) as raised:
        rivals.get("component", "Cell")
    assert str(raised.value) == (
        "the component 'Cell' is provided by alpha 1.0 and by beta 2.0. "
        "Ask for 'alpha/Cell' or 'beta/Cell', or set BOUTON_DISABLE_PLUGINS=beta."
    )
    assert len([entry for entry in rivals.entries("component") if entry.name == "Cell"]) == 2


def test_the_full_name_is_always_possible(rivals):
    alpha, beta = rivals.get("component", "alpha/Cell"), rivals.get("component", "Beta/Cell")
    assert (alpha.__module__, beta.__module__) == ("alpha_cells", "beta_cells")
    assert (rivals.name_of(alpha), rivals.name_of(beta)) == ("alpha/Cell", "beta/Cell")


def test_a_conflict_within_one_distribution(site):
    for entry in "ab":
        site.module(
            f"{entry}_hook",
            f"from bouton import hookimpl\n@hookimpl\ndef bouton_register():\n"
            f"    return {{'component': {{'Cell': '{entry}:Cell'}}}}\n",
        )
    site.dist("self", entries={"a": "a_hook", "b": "b_hook"})
    with pytest.raises(bouton.PluginError) as raised:
        PluginSet.discover().find("component", "Cell")
    assert str(raised.value) == (
        "the component 'Cell' is provided by self 1.0 and by self 1.0. "
        "Ask for 'self:a/Cell' or 'self:b/Cell', or set BOUTON_DISABLE_PLUGINS=self:b."
    )
    assert PluginSet.discover().find("component", "self:b/Cell").target == "b:Cell"


class Local:
    pass


def local_recipe():
    pass


LOCAL = PluginSet.of({"component": {"Local": Local}, "recipe": {"Renamed": local_recipe}}, dist="My_Lab")


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("component", "Lokal", "no installed plugin provides the component 'Lokal'. Did you mean 'Local'?"),
        (
            "component",
            "Renamed",
            "no installed plugin provides the component 'Renamed'. 'Renamed' is of the kind 'recipe'.",
        ),
        (
            "component",
            "my-lab/Lokal",
            "no installed plugin provides the component 'my-lab/Lokal'. Did you mean 'Local'?",
        ),
        (
            "component",
            "bouton-zoo/Local",
            "no installed plugin provides the component 'bouton-zoo/Local'. bouton-zoo is not installed.",
        ),
        (
            "component",
            "pluggy/Local",
            "no installed plugin provides the component 'pluggy/Local'. pluggy is not a plugin in use.",
        ),
        ("components", "Local", "'components' is not a kind of name. Did you mean 'component'?"),
    ],
)
def test_missing_names(kind, name, message):
    with pytest.raises(bouton.PluginError) as raised:
        LOCAL.get(kind, name)
    assert str(raised.value).splitlines()[0] == message


def test_a_missing_name_shows_plugins_that_take_no_part(healthy, monkeypatch):
    healthy.module("bad_hook", "raise SystemExit(3)")
    healthy.dist("bad", entries={"plugin": "bad_hook"})
    healthy.plugin("off", {})
    monkeypatch.setenv("BOUTON_DISABLE_PLUGINS", "off")
    with pytest.raises(bouton.PluginError) as raised:
        PluginSet.discover().get("component", "BadCell")
    lines = str(raised.value).splitlines()
    assert "  bad 1.0 takes no part: FAILED, SystemExit(3): it exits when it is loaded." in lines
    assert "  off 1.0 takes no part: BLOCKED, named in BOUTON_DISABLE_PLUGINS." in lines


def test_a_missing_name_shows_the_absent_family(site):
    """What ``bouton[all]`` would bring is read from core's metadata, not from a list that could grow old."""
    needs = [f'{name}; extra == "all"' for name in ("bouton-zoo>=1", "bouton_moon", "bouton-sun", "numpy")]
    site.dist("bouton", entries={}, requires=(*needs, "bouton-dev; extra == 'dev'"))
    site.plugin("bouton-sun", {})
    with pytest.raises(bouton.PluginError) as raised:
        LOCAL.get("component", "SOMSynapse")
    assert str(raised.value).splitlines()[-1] == (
        "  Not installed of the family: bouton-moon, bouton-zoo "
        "(pip install bouton-moon bouton-zoo, or from a clone ./packages/moon ./packages/zoo)."
    )
    with pytest.raises(bouton.PluginError) as raised:
        LOCAL.get("demo", "digit")
    assert "of the family" not in str(raised.value)


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        ("import a_module_that_nobody_has", "C", "ModuleNotFoundError: No module named 'a_module_that_nobody_has'"),
        ("raise SystemExit('bye')", "C", "SystemExit(bye): it exits when it is loaded"),
        ("class Cell: ...", "Cel", "broken_cells has no 'Cel'. Did you mean 'Cell'?"),
    ],
)
def test_a_name_that_cannot_be_loaded(site, source, target, reason):
    site.plugin("broken", {"component": {"C": f"broken_cells:{target}"}}, version="0.3")
    site.module("broken_cells", source)
    with pytest.raises(bouton.PluginError) as raised:
        PluginSet.discover().get("component", "C")
    assert str(raised.value) == (
        f"component 'C' of the plugin 'plugin' (broken 0.3) cannot be loaded from 'broken_cells:{target}': {reason}"
    )
    assert raised.value.__cause__ is not None


def test_the_inverse_of_get(site):
    assert LOCAL.name_of(Local) == "Local"
    assert LOCAL.name_of(local_recipe) == "Renamed"
    assert LOCAL.entry_of(Local).plugin.dist == "my-lab"
    site.plugin("shown", {"component": {"Old": "shown:Cell", "Cell": "shown:Cell"}})
    site.module("shown", "from shown_private import Cell")
    site.module("shown_private", CELL.format(name="Cell"))
    found = PluginSet.discover()
    assert found.name_of(found.get("component", "Old")) == "Cell"


def test_the_inverse_passes_over_a_broken_namesake(site):
    """A class exists, so a plugin that cannot be imported did not define it."""
    site.plugin("broken", {"component": {"Local": "broken_cells:Local"}})
    site.module("broken_cells", "1 / 0")
    with pytest.raises(bouton.PluginError, match=r"test_registry:Local is not registered by any plugin"):
        PluginSet.discover().name_of(Local)


def test_a_class_that_nobody_registers():
    with pytest.raises(bouton.PluginError) as raised:
        PluginSet.of({}).name_of(Local)
    assert str(raised.value) == (
        f"{__name__}:Local is not registered by any plugin, so that nothing can refer to it by name. Register it in a "
        "plugin (`bouton new-plugin` writes one), or here: "
        "with (PluginSet.discover() | PluginSet.of({kind: {'Local': Local}})).use(): ..."
    )


def test_sets_are_values():
    both = PluginSet.discover() | LOCAL
    assert both.get("component", "Local") is Local
    assert both.find("component", "Synapse").plugin.dist == "bouton"
    with pytest.raises(TypeError):
        both.table["component"]["Local"] = ()
    with pytest.raises(bouton.PluginError, match=r"PluginSet.of has an unknown kind 'cell'"):
        PluginSet.of({"cell": {}})


def test_another_set_for_a_block():
    before = bouton.plugins()
    assert before[0].key == "bouton:bouton"
    with LOCAL.use():
        assert [entry.full_name for entry in bouton.components()] == ["my-lab/Local", "my-lab/Renamed"]
        with PluginSet.of({}).use():
            assert bouton.components() == ()
        assert [entry.name for entry in bouton.components("recipe")] == ["Renamed"]
    assert bouton.plugins() is before


def test_errors_are_ordinary_exceptions():
    for error in (bouton.CircuitError, bouton.ModelError, bouton.PluginError, bouton.RunError):
        assert issubclass(error, bouton.BoutonError)
        assert str(pickle.loads(pickle.dumps(error("what to do")))) == "what to do"


def test_nearest():
    assert nearest("LIFCel", ["AdExCell", "LIFCell"]) == " Did you mean 'LIFCell'?"
    assert nearest("x", ["alpha", "beta"]) == " Available: alpha, beta."
    assert nearest("x", map(str, range(100, 120)), show=2) == " Available: 100, 101, ... (20 in all)."
    assert nearest("x", []) == ""


def test_lazy_names(site):
    site.module(
        "late", "import bouton\n__getattr__, __dir__, __all__ = bouton.lazy(__name__, {'One': 'late_one:One'})\n"
    )
    site.module("late_one", CELL.format(name="One"))
    import late

    assert "One" in dir(late) and late.__all__ == ["One"]
    assert "late_one" not in sys.modules
    assert late.One is sys.modules["late_one"].One is vars(late)["One"]
    with pytest.raises(AttributeError, match=r"^module 'late' has no attribute 'one'\. Did you mean 'One'\?$"):
        _ = late.one


def test_lazy_refuses_names_that_would_be_hidden():
    with pytest.raises(ValueError, match=r"^p\.A is both 'p\.x:A' and 'p\.y:A': give one of them another name\.$"):
        lazy("p", {"A": "p.x:A"}, {"A": "p.y:A"})
    assert lazy("p", {"conv": "p.conv"})[2] == ["conv"]  # the module itself
    with pytest.raises(ValueError, match=r"^p\.conv is also the name of its own module: rename the module to _conv\.$"):
        lazy("p", {"conv": "p.conv:conv"})


def test_what_core_registers_is_public_under_the_same_name_but_for_what_is_asked_for_in_words():
    for kind in NAMES.keys() - {"demo", "integrator"}:
        for name, target in NAMES[kind].items():
            assert bouton._TARGETS[name] == target
    assert set(NAMES) <= set(KINDS)
