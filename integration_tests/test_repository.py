"""What holds between the packages as files: who may depend on whom, and what each of them brings along."""

import json
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import bouton
import pytest
from bouton._registry import FAMILY_KINDS
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))
PROJECTS = {folder.name: tomllib.loads((folder / "pyproject.toml").read_text())["project"] for folder in PACKAGES}
DISTS = {project["name"] for project in PROJECTS.values()}
SIBLINGS = {
    "bouton": set(),
    "bouton-cells": {"bouton"},
    "bouton-synapses-dense": {"bouton"},
    "bouton-synapses-conv": {"bouton"},
    "bouton-learning": {"bouton"},
    "bouton-competitive": {"bouton", "bouton-synapses-dense"},
}

each_package = pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: folder.name)


def import_name(folder):
    return PROJECTS[folder.name]["name"].replace("-", "_")


def family(requirements):
    return {name for name in (Requirement(line).name for line in requirements) if name in DISTS}


def test_there_are_the_packages_that_the_rules_below_speak_of():
    assert DISTS == SIBLINGS.keys()


@each_package
def test_a_package_depends_on_no_sibling_that_it_may_do_without(folder):
    project = PROJECTS[folder.name]
    allowed = SIBLINGS[project["name"]]
    assert family(project["dependencies"]) <= allowed
    assert family(project["optional-dependencies"]["test"]) <= allowed | {"bouton"}


def test_all_brings_the_whole_family():
    assert family(PROJECTS["core"]["optional-dependencies"]["all"]) == DISTS - {"bouton"}


def test_a_missing_name_points_to_the_family_for_the_kinds_that_it_provides():
    entries = bouton.components()
    assert {e.kind for e in entries if e.plugin.dist in DISTS - {"bouton"}} == set(FAMILY_KINDS)


@each_package
def test_a_package_requires_a_family_of_its_own_version(folder):
    project = PROJECTS[folder.name]
    declared = [*project["dependencies"], *project["optional-dependencies"].get("all", [])]
    for requirement in map(Requirement, declared):
        if requirement.name in DISTS:
            assert project["version"] in requirement.specifier
            assert "1000.0" not in requirement.specifier, f"{requirement} has no upper end"


def test_all_packages_have_one_version():
    assert len({project["version"] for project in PROJECTS.values()}) == 1


@each_package
def test_the_folder_the_distribution_and_the_import_have_one_name(folder):
    dist = PROJECTS[folder.name]["name"]
    assert dist == ("bouton" if folder.name == "core" else f"bouton-{folder.name}")
    assert [path.name for path in (folder / "src").iterdir() if path.name[0] not in "._"] == [import_name(folder)]


@each_package
def test_the_entry_point_names_the_light_module(folder):
    assert PROJECTS[folder.name]["entry-points"]["bouton"] == {import_name(folder): f"{import_name(folder)}._plugin"}


@each_package
def test_what_is_installed_is_what_the_folder_declares(folder):
    project = PROJECTS[folder.name]
    installed = metadata.distribution(project["name"])
    assert installed.version == project["version"]
    assert {(point.name, point.value) for point in installed.entry_points if point.group == "bouton"} == set(
        project["entry-points"]["bouton"].items()
    )


@each_package
def test_a_package_brings_its_licence_types_and_tests(folder):
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (folder / "src" / import_name(folder) / "py.typed").is_file()
    assert list((folder / "tests").rglob("test_*.py"))


@each_package
def test_the_readme_says_how_to_install_the_package(folder):
    text = (folder / "README.md").read_text()
    project = PROJECTS[folder.name]
    assert text.startswith(f"# {project['name']}\n")
    command = next(line for line in text.splitlines() if line.startswith("pip install "))
    declared = family(project["dependencies"]) | {project["name"]}
    assert set(command.split()[2:]) == {f"./packages/{name}" for name in PROJECTS if PROJECTS[name]["name"] in declared}


def test_nox_tests_each_package_on_two_stacks():
    listed = json.loads(subprocess.check_output([sys.executable, "-m", "nox", "--list", "--json"], cwd=ROOT))
    tested = [(session["call_spec"]["package"], session["python"]) for session in listed if session["name"] == "tests"]
    stacks = {python for _, python in tested}
    assert len(stacks) == 2
    assert sorted(tested) == sorted((package, python) for package in PROJECTS for python in stacks)


def test_the_ci_runs_the_test_command_of_the_readme():
    steps = ["python3 -m venv .venv", ".venv/bin/pip install nox uv", ".venv/bin/nox"]
    assert f"\n{' && '.join(steps)}\n" in (ROOT / "README.md").read_text()
    script = (ROOT / ".ci" / "run").read_text()
    assert [step for step in steps if f"\n{step}" not in script.replace("\n  ", "\n")] == []
