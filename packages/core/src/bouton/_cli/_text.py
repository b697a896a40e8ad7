"""How commands print tables and plain data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click


def echo_json(value: Any) -> None:
    """Plain data, indented; what JSON does not know (an array as a default) as its text."""
    click.echo(json.dumps(value, indent=2, default=str))


def echo_table(rows: Iterable[Sequence[str]], *, indent: int = 0) -> None:
    """Left-aligned columns; a column that is empty in all rows takes no room."""
    rows = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width)
        click.echo((" " * indent + "  ".join(cells)).rstrip())
