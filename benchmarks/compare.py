"""The table and its arithmetic: medians with their range, ratios pair by pair, and whether two peers did the same."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Spread(NamedTuple):
    """Median, smallest and largest of some measurements."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{_digits(self.median)} ({_digits(self.low)} - {_digits(self.high)})"


def spread(values: Sequence[float]) -> Spread:
    """Median and range of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def ratios(peer: Sequence[float], ours: Sequence[float]) -> Spread:
    """Peer's time over ours, round by round: above 1 we are faster. The median of the ratios, not the ratio of medians.

    Both repetitions of a round ran one right after the other, so that what slows the machine for a while slows both.
    """
    return spread([theirs / own for theirs, own in zip(peer, ours, strict=True)])


def disagreement(peer: Sequence[float], ours: Sequence[float]) -> float:
    """How far the peer's mean spike count is from ours, as a fraction of the larger."""
    a, b = statistics.fmean(peer), statistics.fmean(ours)
    return abs(a - b) / max(a, b) if max(a, b) else 0.0


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of text, the first flush left and the others flush right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True))])
        for line in lines
    )


def _digits(value: float) -> str:
    """At least three digits: 0.123, 4.57, 78.9, 123, 12346."""
    decimals = 3 if value < 1 else max(0, 3 - len(str(int(value))))
    return f"{value:.{decimals}f}"
