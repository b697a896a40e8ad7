"""A progress bar on standard error for runs that take long: how far, how much time is left."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from ._dataset import Layout


class Progress:
    """``with Progress(layout, shown) as bar: bar.to(n)``; `shown` None means: when there is a terminal."""

    def __init__(self, layout: Layout, shown: bool | None) -> None:
        self.count, self.layout = layout.count, layout
        self.bar: Any = None
        self.shown = sys.stderr.isatty() if shown is None else shown

    def __enter__(self) -> Progress:
        if self.shown:
            from rich import progress
            from rich.console import Console

            self.bar = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.TaskProgressColumn(),
                progress.TimeElapsedColumn(),
                progress.TextColumn("left"),
                progress.TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self.bar.start()
            self.task = self.bar.add_task(self._text(0), total=self.count)
        return self

    def to(self, n: int) -> None:
        """`n` steps or trials are done."""
        if self.bar:
            self.bar.update(self.task, completed=n, description=self._text(n))

    def _text(self, n: int) -> str:
        if self.layout.trial is not None:
            return f"trial {n} of {self.count}"
        return f"{n * self.layout.dt / 1000:.3g} s of {self.count * self.layout.dt / 1000:.3g} s"

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self.bar:
            self.bar.stop()
