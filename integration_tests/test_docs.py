"""The examples of the README and of every page of the site run, one after another, as the site runs them."""

import re
import sys
from pathlib import Path

import bouton
import jax
import matplotlib.pyplot as plt
import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs" / "_ext"))

from session import Session, blocks  # noqa: E402

ELSEWHERE = {"balance", "distal-reward", "predictive-coding"}  # what comes out is looked at in test_experiments.py
PAGES = sorted(
    page
    for of in ("*.md", "rules/*.md")
    for page in (ROOT / "docs").glob(of)
    if blocks(page.read_text()) and page.stem not in ELSEWHERE
)


def test_the_pages_with_examples_are_found():
    assert {"start", "concepts", "simulate", "learning", "writing-a-plugin", "hooks"} <= {page.stem for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(page, tmp_path):
    session = Session(page.stem, tmp_path)
    with jax.numpy_dtype_promotion("standard"):  # as it is for readers
        for line, code in blocks(page.read_text()):
            session.run(code, line)
    plt.close("all")


@pytest.fixture
def readme():
    return blocks((ROOT / "README.md").read_text())


def test_the_circuit_of_the_readme_runs(readme, tmp_path):
    session = Session("README", tmp_path)
    session.run(readme[0][1])
    stored = bouton.open(tmp_path / "run.zarr")["exc.s"]
    assert stored.dims == ("time", "unit")
    assert session.namespace["spikes"].sizes["spike"] == int(stored.sum()) > 0


def test_the_plugin_of_the_readme_is_one(readme, tmp_path, monkeypatch):
    for _, code in readme[1:]:
        path = tmp_path / re.match(r"# (\S+\.py)", code)[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
    monkeypatch.syspath_prepend(tmp_path / "src")
    from bouton_leaky._plugin import bouton_register

    with bouton.PluginSet.of(bouton_register(), dist="bouton-leaky").use() as plugins:
        cell = plugins.get("component", "LeakyCell")(n_units=2)
        run = bouton.simulate(bouton.Circuit({"cell": cell}), 100.0, inputs={"cell.j": 3.0}, record={"cell.y": 1})
    assert float(run["cell.y"][-1, 0]) == pytest.approx(3.0 * (1 - 2.718281828 ** (-100 / 20)), rel=1e-4)


def test_the_reference_names_everything_public():
    text = "".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))
    registered = {entry.name for entry in bouton.components() if entry.plugin.dist == "bouton"}
    missing = [name for name in bouton.__all__ if name not in registered and f":: bouton.{name}\n" not in text]
    assert missing == []
