"""The judge: every check of the repository, each in a fresh environment.

Packages and plugins are found by their pyproject.toml, so a new one needs no edit here. `nox` alone runs what a
contributor needs before a commit; `nox -t release` runs the rest, and `.ci/run` both, on two stacks.
"""

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import nox
from packaging.requirements import Requirement

ROOT = Path(__file__).parent
DIST = ROOT / "dist"


def project(folder: Path) -> dict[str, Any]:
    """The [project] table of the distribution in `folder`."""
    return nox.project.load_toml(folder / "pyproject.toml")["project"]


def group(*names: str) -> tuple[str, ...]:
    """The requirements in dependency groups of the repository."""
    return nox.project.dependency_groups(nox.project.load_toml(ROOT / "pyproject.toml"), *names)


def folders(pattern: str) -> dict[str, Path]:
    """Folders with a distribution, by name."""
    return {path.parent.name: path.parent for path in sorted(ROOT.glob(f"{pattern}/pyproject.toml"))}


PACKAGES = folders("packages/*")
SIBLINGS = [name for name in PACKAGES if name != "core"]
PLUGINS = folders("plugins/*")
FAMILY = {project(folder)["name"]: folder for folder in PACKAGES.values()}


def needs(folder: Path, seen: frozenset[Path] = frozenset()) -> frozenset[Path]:
    """The packages of this repository which the one in `folder` declares, and which those declare."""
    table = project(folder)
    declared = [*table["dependencies"], *table.get("optional-dependencies", {}).get("test", [])]
    names = {Requirement(line).name for line in declared}
    found = frozenset(FAMILY[name] for name in names & FAMILY.keys()) - seen - {folder}
    return found.union(*(needs(other, seen | {folder}) for other in found))


def editable(*folders: Path, extra: str = "[test]") -> list[str]:
    """Arguments that install the packages in `folders` and what they declare, by default also for their tests."""
    below = frozenset[Path]().union(*map(needs, folders)) - set(folders)
    targets = [*map(str, sorted(below)), *(f"{folder}{extra}" for folder in folders)]
    return [argument for target in targets for argument in ("--editable", target)]


def stack(session: nox.Session) -> list[str]:
    """An argument for the oldest Python, on which the lowest versions are tested that the packages declare."""
    return ["--resolution=lowest-direct"] if session.python == OLDEST and session.venv_backend == "uv" else []


def everything() -> list[str]:
    """Arguments that install all packages and plugins with all that any test needs."""
    every = editable(*PACKAGES.values(), *PLUGINS.values())
    return [*every, "--editable", f"{PACKAGES['core']}[demo,remote]", *group("integration")]


def pytest(session: nox.Session, *arguments: str) -> None:
    """Tests, spread over the processors; `nox -- -n0 --pdb` stops at a failure, in one process.

    On the oldest Python one case of each, compiled without optimisation: does it work with the lowest versions?
    """
    session.install(*group("pytest"))
    env = {}
    if session.python == OLDEST:
        env = {"XLA_FLAGS": "--xla_backend_optimization_level=0"}
        arguments = ("--one-case", "--ignore-glob=*/test_conformance.py", *arguments)
    how = ("--numprocesses=auto", "--maxprocesses=8", "--dist=worksteal")
    session.run("pytest", *how, *arguments, *session.posargs, env=env)


def runs(version: str) -> bool:
    """Whether `pythonX.Y` starts: version managers leave commands on the path that only print an error."""
    command = shutil.which(f"python{version}")
    return bool(command) and subprocess.run([command, "-c", ""], capture_output=True).returncode == 0


def newest() -> str:
    """The newest Python at hand; where there is none after the oldest, the one whose absence nox is to report."""
    mine = f"{sys.version_info.major}.{sys.version_info.minor}"
    return next((version for version in ("3.14", "3.13", "3.12") if version == mine or runs(version)), "3.12")


OLDEST, NEWEST = "3.11", newest()

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each process compiles all of JAX and xarray once more

nox.needs_version = ">=2025.10.14"
nox.options.tags = ["commit"]
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"


@nox.session(tags=["commit"])
def lint(session: nox.Session) -> None:
    """Style and formatting (ruff)."""
    session.install(*group("lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")


@nox.session(tags=["commit"])
def types(session: nox.Session) -> None:
    """Static types (pyright)."""
    session.install(*everything(), *group("types"))
    session.run("pyright", *session.posargs)


@nox.session(python=[OLDEST, NEWEST], tags=["commit"])
@nox.parametrize("package", list(PACKAGES), ids=list(PACKAGES))
def tests(session: nox.Session, package: str) -> None:
    """A package's own tests, beside nothing but what it declares."""
    session.install(*stack(session), *editable(PACKAGES[package]))
    pytest(session, f"packages/{package}/tests")


@nox.session(python=[OLDEST, NEWEST], tags=["commit"])
def integration(session: nox.Session) -> None:
    """What crosses packages, with all of them."""
    session.install(*stack(session), *everything())
    pytest(session, "integration_tests", "--deselect=integration_tests/test_docs.py::test_the_examples_of_a_page_run")


@nox.session(python=NEWEST, tags=["release"])
@nox.parametrize("package", SIBLINGS, ids=SIBLINGS)
def subsets(session: nox.Session, package: str) -> None:
    """The core and a single sibling without any extras: it is imported, registers, and runs one circuit."""
    session.install(*editable(PACKAGES[package], extra=""))
    session.run("python", "-W", "error", "integration_tests/subsets/check.py", package)


@nox.session
def build(session: nox.Session) -> None:
    """All distributions into dist/, each wheel made from its own source archive."""
    session.install("build[uv]")
    shutil.rmtree(DIST, ignore_errors=True)
    for folder in PACKAGES.values():
        session.run("python", "-m", "build", "--installer=uv", f"--outdir={DIST}", str(folder), silent=True)


@nox.session(python=NEWEST, tags=["release"], requires=["build"])
def wheels(session: nox.Session) -> None:
    """The wheels hold what they should, and work where there is no repository."""
    files = {path.name.split("-")[0]: path for path in sorted(DIST.glob("*.whl"))}
    for name, path in files.items():
        inside = zipfile.ZipFile(path).namelist()
        strangers = [entry for entry in inside if entry.split("/")[0] != name and ".dist-info/" not in entry]
        if f"{name}/py.typed" not in inside or strangers:
            session.error(f"{path.name} should hold {name}/ with a py.typed and nothing beside it; it holds {inside}")
    session.install(*map(str, files.values()))
    session.chdir(session.create_tmp())
    session.run("python", "-c", f"import {', '.join(files)}")
    shown = str(session.run("bouton", "plugins", silent=True))
    session.log(shown)
    if missing := [name for name in FAMILY if name not in shown]:
        session.error(f"`bouton plugins` does not show {', '.join(missing)}")
    if "FAILED" in shown:
        session.error("`bouton plugins` shows a package that cannot be used")


@nox.session(python=NEWEST, tags=["release"])
@nox.parametrize("plugin", list(PLUGINS), ids=list(PLUGINS))
def plugins(session: nox.Session, plugin: str) -> None:
    """A third party's package: public API only, and its own tests."""
    for path in sorted(PLUGINS[plugin].rglob("*.py")):
        if private := private_imports(path):
            session.error(f"{path.relative_to(ROOT)} is to use public names only, and imports {', '.join(private)}")
    session.install(*editable(PLUGINS[plugin]))
    pytest(session, f"plugins/{plugin}")


def private_imports(path: Path) -> list[str]:
    """What a file imports from the family although the name begins with an underscore."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    family = {name.replace("-", "_") for name in FAMILY}
    return [name for name in names if name.split(".")[0] in family and "._" in name]


@nox.session(python=NEWEST, tags=["release"])
def template(session: nox.Session) -> None:
    """What `bouton new-plugin` writes is installed by pip and passes the tests that it comes with."""
    session.install("pip", *editable(PACKAGES["core"]))
    session.chdir(session.create_tmp())
    shutil.rmtree("bouton-newcomer", ignore_errors=True)
    session.run("bouton", "new-plugin", "bouton-newcomer")
    session.run("python", "-m", "pip", "install", "./bouton-newcomer[test]")
    session.run("pytest", "bouton-newcomer")


@nox.session(python=NEWEST, tags=["release"])
def differential(session: nox.Session) -> None:
    """The cells beside those of ngc-learn: equal where it is right, and where it is not, the difference."""
    session.install(*editable(PACKAGES["cells"]), "ngclearn==3.2.3", "ngcsimlib==3.1.1", "jax==0.12.0.1")
    pytest(session, "integration_tests/peers/ngclearn_cells.py")


@nox.session(python=NEWEST)
def endurance(session: nox.Session) -> None:
    """Figures of what runs survive: kill -9, full disks, second writers, hostile files. Half an hour and more."""
    session.install(*editable(PACKAGES["core"]))
    session.chdir(PACKAGES["core"])
    session.run("python", "-m", "tests.endurance", *session.posargs)
    session.run("pytest", "-q", "tests/test_hostile.py", "tests/test_registry.py")  # files and plugins from anywhere


@nox.session(tags=["commit"])
def docs(session: nox.Session) -> None:
    """The site, with every warning an error; its examples are executed."""
    session.install(*everything(), *group("docs"))
    session.run("sphinx-build", "-W", "--keep-going", "docs", "docs/_build/html", *session.posargs)
