"""The directive ``{exec}``: a block of Python or of shell commands that is executed when the page is built.

What it prints is shown below it, and its matplotlib figures as images. Blocks of a page share a namespace; an exception
fails the build. Options: ``:hide:`` shows the results only; ``:caption:`` stands below the figures.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from session import Session
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective


class Exec(SphinxDirective):
    has_content = True
    option_spec: ClassVar[Any] = {"hide": directives.flag, "caption": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        code, page = "\n".join(self.content) + "\n", self.env.docname
        sessions: dict[str, Session] = self.env.app.sessions  # type: ignore[attr-defined]
        if page not in sessions:
            sessions[page] = Session(page, Path(self.env.app.workplace) / page)  # type: ignore[attr-defined]
        try:
            printed = sessions[page].run(code, self.content_offset)
        except Exception as e:
            raise ExtensionError(f"{page}, line {self.lineno}: the example fails: {type(e).__name__}: {e}", e) from e
        if code.lstrip().startswith("$ "):
            return [nodes.literal_block(printed, printed, language="console")]
        shown: list[nodes.Node] = []
        if "hide" not in self.options:
            code = code.rstrip()
            shown.append(nodes.literal_block(code, code, language="python"))
        if printed := printed.rstrip():
            shown.append(nodes.literal_block(printed, printed, language="none", classes=["printed"]))
        return shown + self._figures(page)

    def _figures(self, page: str) -> list[nodes.Node]:
        import matplotlib.pyplot as plt

        folder = Path(self.env.srcdir) / "generated" / "figures"
        folder.mkdir(parents=True, exist_ok=True)
        shown: list[nodes.Node] = []
        for number in plt.get_fignums():
            name = f"{page.replace('/', '-')}-{self.lineno}-{number}.png"
            plt.figure(number).savefig(folder / name, dpi=130, bbox_inches="tight")
            caption = self.options.get("caption", "")
            figure = nodes.figure(
                "", nodes.image(uri=f"/generated/figures/{name}", alt=caption or "figure", width="80%")
            )
            if caption:
                figure += nodes.caption("", caption)
            shown.append(figure)
        plt.close("all")
        return shown


def _start(app: Sphinx) -> None:
    app.sessions = {}  # type: ignore[attr-defined]
    app.workplace = tempfile.mkdtemp(prefix="bouton-docs-")  # type: ignore[attr-defined]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("exec", Exec)
    app.connect("builder-inited", _start)
    app.connect("build-finished", lambda app, error: shutil.rmtree(app.workplace))
    return {"parallel_read_safe": False, "parallel_write_safe": True}
