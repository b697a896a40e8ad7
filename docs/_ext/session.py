"""What runs the examples of a page: blocks of Python share a namespace, lines after ``$`` are commands of a shell.

Used when the site is built (`executed.py`) and by the tests, which also run the README this way. By hand,
``python docs/_ext/session.py docs/PAGE.md "CODE"`` runs the blocks of a page, and then code that uses their names.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import matplotlib

BLOCK = re.compile(r"^```(?:python|\{exec\})\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> list[tuple[int, str]]:
    """The executable blocks of a page in Markdown, each with the number of its first line; options are left out."""
    found = [(text.count("\n", 0, m.start(1)) + 1, m[1]) for m in BLOCK.finditer(text)]
    return [(line, re.sub(r"\A(:[\w-]+:.*\n)+", "", code)) for line, code in found]


class Session:
    """The examples of one page, executed one after another in a folder of their own."""

    def __init__(self, page: str, folder: Path) -> None:
        self.page, self.folder, self.namespace = page, folder, {"__name__": "__main__"}
        folder.mkdir(parents=True, exist_ok=True)
        matplotlib.use("Agg")

    def run(self, code: str, line: int = 0) -> str:
        """What a block prints and, as in a notebook, its last expression, unless ``;`` ends it."""
        with contextlib.chdir(self.folder):
            return self._commands(code) if code.lstrip().startswith("$ ") else self._python(code, line)

    def _python(self, code: str, line: int) -> str:
        tree = ast.parse("\n" * line + code, f"{self.page}.md")
        shows = tree.body and isinstance(tree.body[-1], ast.Expr) and not code.rstrip().endswith(";")
        last = tree.body.pop() if shows else None
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(self._compiled(tree, "exec"), self.namespace)
            if isinstance(last, ast.Expr):
                value: Any = eval(self._compiled(ast.Expression(last.value), "eval"), self.namespace)
                if value is not None:
                    print(value)
        return printed.getvalue()

    def _compiled(self, tree: Any, mode: str) -> Any:
        """Without the `__future__` imports of this file, which would make strings of the examples' annotations."""
        return compile(tree, f"{self.page}.md", mode, dont_inherit=True)

    def _commands(self, code: str) -> str:
        return "\n".join(f"{line}\n{self._command(line.removeprefix('$ '))}" for line in code.splitlines())

    def _command(self, command: str) -> str:
        program, *arguments = shlex.split(command)
        if program == "bouton":  # here, where everything is imported already
            (script,) = metadata.entry_points(group="console_scripts", name="bouton")
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                script.load()(arguments, standalone_mode=False)
            return printed.getvalue()
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            command, shell=True, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
        )
        if done.returncode:
            raise RuntimeError(f"{command}: {done.stderr or done.stdout}")
        return done.stdout


if __name__ == "__main__":
    import tempfile

    path, *more = sys.argv[1:]
    session = Session(Path(path).stem, Path(tempfile.mkdtemp()))
    for line, code in [*blocks(Path(path).read_text()), *((0, code) for code in more)]:
        print(session.run(code, line), end="")
