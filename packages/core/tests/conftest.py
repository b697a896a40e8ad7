"""Fixtures of core's tests: `site`, a folder in which a test makes up installed plugins."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

REGISTER = """
from bouton import hookimpl

@hookimpl
def bouton_register():
    return {names}
"""


class Site:
    """A folder on the import path, for modules and for the metadata of distributions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def module(self, name: str, source: str) -> None:
        path = self.folder.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)

    def dist(
        self, name: str, version: str = "1.0", *, entries: Mapping[str, str], requires: tuple[str, ...] = ("bouton",)
    ) -> None:
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        metadata = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}"]
        metadata += [f"Requires-Dist: {requirement}" for requirement in requires]
        (info / "METADATA").write_text("\n".join(metadata) + "\n")
        points = [f"{entry} = {target}" for entry, target in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(["[bouton]", *points]) + "\n")

    def plugin(self, name: str, names: Any, *, entry: str = "plugin", **of_dist: Any) -> None:
        """A distribution whose one module returns `names` from the hook."""
        module = name.replace("-", "_") + "_hook"
        self.module(module, REGISTER.format(names=repr(names)))
        self.dist(name, entries={entry: module}, **of_dist)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty `Site`; what was imported from it is forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("BOUTON_PLUGINS", raising=False)
    monkeypatch.delenv("BOUTON_DISABLE_PLUGINS", raising=False)
    yield Site(tmp_path)
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
