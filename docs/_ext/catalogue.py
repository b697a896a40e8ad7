"""A page for every name that the family registers, written from what the class says about itself.

The registry is asked, so that a new component needs no edit here. Pages are written to ``generated/`` before the site
is read.
"""

from __future__ import annotations

import inspect
import re
import shutil
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import bouton
from bouton._describe import describe_class
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

HERE = Path(__file__).parents[1]
TITLES = {
    "component": "Components",
    "recipe": "Recipes",
    "topology": "Topologies",
    "connectivity": "Connectivities",
    "rule": "Learning rules",
    "transmission": "Transmissions",
    "release": "Releases",
    "initialiser": "Initialisers",
    "constraint": "Constraints",
    "schedule": "Schedules",
    "surrogate": "Surrogate gradients",
    "integrator": "Integrators",
    "demo": "Demos",
}
PHASES = {
    "In": "Inputs",
    "Late": "Late inputs (read after every node has advanced)",
    "State": "States",
    "Out": "Outputs",
}
USE = {"demo": "bouton demo {}", "integrator": 'integration_type="{}"'}  # of what is not imported


def write(app: Sphinx) -> None:
    """Write all pages anew."""
    folder = HERE / "generated"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if broken := [f"{p}: {p.reason}" for p in bouton.plugins() if p.status != "ok"]:
        raise ExtensionError(f"the pages of the components need every plugin: {'; '.join(broken)}")
    entries = [e for e in bouton.components() if e.plugin.dist in family()]
    for number, (kind, title) in enumerate(TITLES.items()):
        if mine := [e for e in entries if e.kind == kind]:
            (folder / kind).mkdir()
            described = [(e, describe(e)) for e in mine]
            for entry, about in described:
                (folder / kind / f"{entry.name}.rst").write_text(page(entry, about))
            (folder / f"{number:02}-{kind}.rst").write_text(overview(kind, title, described))


def describe(entry: Any) -> dict[str, Any]:
    """What there is to say about a name. What nobody calls in Python has no parameters to be shown."""
    target = entry.load()
    if entry.kind in USE:
        return {"doc": getattr(target, "help", None) or inspect.getdoc(target), "parameters": [], "ports": {}}
    return describe_class(target)


def family() -> set[str]:
    """The distributions of this repository."""
    projects = (HERE.parent / "packages").glob("*/pyproject.toml")
    return {tomllib.loads(path.read_text())["project"]["name"] for path in projects}


def overview(kind: str, title: str, described: Sequence[tuple[Any, dict[str, Any]]]) -> str:
    """All names of a kind with their first sentences."""
    rows = [(f":doc:`{kind}/{e.name}`", e.plugin.dist, first_sentence(about["doc"])) for e, about in described]
    inside = "".join(f"   {kind}/{e.name}\n" for e, _ in described)
    return f"{heading(title)}{table(('Name', 'Package', ''), rows)}\n.. toctree::\n   :hidden:\n\n{inside}"


def page(entry: Any, about: dict[str, Any]) -> str:
    """One name: what its docstring says, its parameters, its compartments."""
    package = entry.target.partition(".")[0]
    text = heading(entry.name)
    use = USE.get(entry.kind, f"from {package} import {{}}").format(entry.name)
    text += f"{entry.kind.capitalize()} of **{entry.plugin.dist}**: ``{use}``\n\n"
    text += escaped(about["doc"]) + "\n\n"
    if about["parameters"]:
        text += heading("Parameters", "-")
        text += table(("Name", "Default", "Unit", "Bounds", "Per", ""), map(parameter, about["parameters"]))
    for phase, title in PHASES.items():
        if ports := about["ports"].get(phase):
            text += heading(title, "-") + table(("Name", "Dims", "Unit", "", ""), map(port, ports))
    if (HERE / f"{entry.kind}s" / f"{entry.name}.md").exists():  # what is written by hand, with examples
        text += f".. include:: /{entry.kind}s/{entry.name}.md\n   :parser: myst_parser.sphinx_\n"
    return text


def parameter(about: dict[str, Any]) -> tuple[str, ...]:
    default = "required" if about["required"] else literal(about["default"])
    unit = "static" if about["kind"] == "static" else about["unit"] or ""
    doc = about["doc"] or ("another part" if about["kind"] == "part" else "")
    return literal(about["name"]), default, unit, about["bounds"], about["dims"], doc


def port(about: dict[str, Any]) -> tuple[str, ...]:
    notes = [note for note in ("persist", "spikes") if about.get(note)]
    notes += ["several wires sum"] if about.get("reduce") == "sum" else []
    notes += [f"only with ``{about['only_if']}``"] if about.get("only_if") else []
    if "required" in about:
        notes += ["required"] if about["required"] else [f"default {about['default']}"]
    dims = literal(about["dims"]) if about["dims"] else ""
    unit = re.sub(r"\{(\w+)\}", r"that of ``\1``", about["unit"] or "")
    return literal(about["name"]), dims, unit, ", ".join(notes), about["doc"]


def first_sentence(doc: str) -> str:
    return re.split(r"(?<=\.)\s|:\s*$|\n\n", doc.strip(), maxsplit=1)[0].replace("\n", " ")


def escaped(text: str) -> str:
    """Text in which ``(*batch, unit)`` stands for axes: that star begins no emphasis, unlike those of *this*."""
    return re.sub(r"``.*?``|(?<![*\w])\*(?=\w+\b[^*])", lambda m: m[0] if m[0] != "*" else "\\*", text)


def literal(text: str) -> str:
    return f"``{text}``"


def heading(title: str, line: str = "=") -> str:
    return f"{title}\n{line * len(title)}\n\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A list-table without the columns that are empty in all rows."""
    rows = list(rows)
    used = [i for i in range(len(head)) if any(row[i] for row in rows)]
    text = ".. list-table::\n   :header-rows: 1\n   :class: described\n\n"
    for row in (head, *rows):
        cells = (escaped(" ".join(str(row[i]).split())) for i in used)
        text += "   * - " + "\n     - ".join(cells) + "\n"
    return text + "\n"


def escape_lines(app: Sphinx, what: str, name: str, target: Any, options: Any, lines: list[str]) -> None:
    """The same for the docstrings in the Python reference."""
    lines[:] = map(escaped, lines)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write)
    app.connect("autodoc-process-docstring", escape_lines)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
