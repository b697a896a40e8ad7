"""``bouton new-plugin`` and ``bouton check``: for those who write a plugin."""

from __future__ import annotations

import re
from pathlib import Path

import click

from .._discovery import normalised
from .._errors import PluginError, nearest
from .._registry import current

# A plugin that works, in the names that are replaced; also installed and tested as it is.
_TEMPLATE = Path(__file__).parent.parent / "_template"


@click.command("new-plugin")
@click.argument("name")
@click.option(
    "--to",
    "parent",
    type=click.Path(path_type=Path, file_okay=False),
    default=".",
    help="Folder in which the new one is made (here).",
)
def new_plugin(name: str, parent: Path) -> None:
    """Write a package with one cell, its registration and its tests, to be changed into your own.

    NAME is lower-case words joined by hyphens: "my-cells" makes the folder and distribution bouton-my-cells with the
    module bouton_my_cells.
    """
    dist = name if name.startswith("bouton-") else f"bouton-{name}"
    if not re.fullmatch(r"bouton(-[a-z][a-z0-9]*)+", dist):
        raise click.BadParameter(f"{name!r} must be lower-case words joined by hyphens, such as 'my-cells'.")
    folder = parent / dist
    if folder.exists():
        raise click.ClickException(f"{folder} exists already and is left as it is: choose another name, or --to.")
    for source in sorted(_TEMPLATE.rglob("*")):
        if source.is_file() and not {"__pycache__", ".pytest_cache"} & set(source.parts):
            target = folder / render(str(source.relative_to(_TEMPLATE)), dist)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(render(source.read_text("utf-8"), dist), "utf-8")
    steps = f"pip install -e '{folder}[test]'", f"pytest {folder}", "bouton plugins", f"bouton check {dist}"
    click.echo("\n  ".join([f"{folder} is ready. Now:", *steps]))


def render(text: str, dist: str) -> str:
    """The template's names replaced by those that belong to a distribution."""
    words = dist.split("-")[1:]
    names = {
        "bouton-template": dist,
        "bouton_template": dist.replace("-", "_"),
        "TemplateCell": "".join(word.capitalize() for word in words if word not in ("cell", "cells")) + "Cell",
    }
    for old, new in names.items():
        text = text.replace(old, new)
    return text


@click.command()
@click.argument("dist")
def check(dist: str) -> None:
    """Check that everything an installed plugin registers keeps the rules of bouton.

    Ends with exit code 1 if something does not.
    """
    mine = [plugin for plugin in current().plugins if plugin.dist == normalised(dist)]
    if not mine:
        raise PluginError(f"no plugin {dist!r} is installed.{nearest(dist, [p.dist for p in current().plugins])}")
    for plugin in mine:
        if plugin.status != "ok":
            raise PluginError(f"{plugin} takes no part: {plugin.status}, {plugin.reason}.")
    from .. import testing  # loads JAX and pytest

    failed = 0
    for result in testing.check(normalised(dist)):
        failed += not result.ok
        status = result.status if result.ok else "FAILED"
        click.echo(f"{status:7}  {result.name}" + (f": {result.message}" if result.message else ""))
    if failed:
        raise click.ClickException(f"{failed} of the checks failed.")
