"""Lines of code per package: what is neither blank nor a comment, in its sources and in its tests (docstrings count).

python benchmarks/lines.py
"""

import io
import tokenize
from pathlib import Path

from compare import table

PACKAGES = Path(__file__).resolve().parent.parent / "packages"
IGNORED = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def lines_of_code(source: str) -> int:
    """Lines on which a token of the program stands."""
    used = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in IGNORED:
            used.update(range(token.start[0], token.end[0] + 1))
    return len(used)


def count(folder: Path) -> int:
    return sum(lines_of_code(path.read_text(encoding="utf-8")) for path in folder.rglob("*.py"))


if __name__ == "__main__":
    packages = sorted(path.parent for path in PACKAGES.glob("*/pyproject.toml"))
    rows = [(package.name, count(package / "src"), count(package / "tests")) for package in packages]
    rows.append(("all", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    print(table(["package", "source", "tests"], [(name, f"{a:,}", f"{b:,}") for name, a, b in rows]))
