"""A progress bar on standard error for runs that take long: how far, how many spikes, how much time is left."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import numpy as np

from ._dataset import Layout, Variable


class Progress:
    """A bar from step or trial `first` on; `shown` None: if there is a terminal."""

    def __init__(self, layout: Layout, plan: tuple[Variable, ...], shown: bool | None, first: int) -> None:
        self.first, self.committed, self.waited, self.begun = first, 0, 0.0, time.monotonic()
        self.count, self.layout, self.spikes = layout.count, layout, 0
        self.spiking = [v.entry.name for v in plan if v.is_raster]
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
            self.task = self.bar.add_task(self._text(self.first), total=self.count, completed=self.first)
        return self

    def to(self, n: int, recorded: Mapping[str, Any], committed: int, waited: float) -> None:
        """`n` steps or trials are done, of which the last gave `recorded`.

        `committed` steps are safe, and the run has `waited` so many seconds for those to be written.
        """
        if self.bar:
            self.committed, self.waited = committed, waited
            self.spikes += sum(int(np.bitwise_count(recorded[name]).sum(dtype=int)) for name in self.spiking)
            self.bar.update(self.task, completed=n, description=self._text(n))

    def _text(self, n: int) -> str:
        text = f", {self.spikes:,} spikes" if self.spiking else ""
        of_trial = self.layout.trial
        if self.committed:
            width = self.layout.batch or 1
            text += f", {self.committed // of_trial * width if of_trial else _seconds(self.committed, self)} stored"
        if self.waited > 0.5 * (time.monotonic() - self.begun):
            text += ", limited by storing"
        if of_trial is not None:
            return f"trial {n} of {self.count}{text}"
        return f"{_seconds(n, self)} of {_seconds(self.count, self)}{text}"

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self.bar:
            self.bar.stop()


def _seconds(steps: int, bar: Progress) -> str:
    return f"{steps * bar.layout.dt / 1000:.3g} s"
