"""Compare how W3 fires in bouton and in Brian2: mean rate, and irregularity of each cell's intervals.

    python benchmarks/cuba_statistics.py --seconds 5 --seeds 20

The rates of two networks of 4,000 cells, drawn by the same rule, differ by about 4 percent (standard deviation), and
those of a network's seconds by about 1 percent: so the runs are many and short, each with a network of its own. Ends
with status 1 where the libraries differ by more than 5 percent, or are not known well enough to tell. Only the standard
library is used here, as in run.py.
"""

import argparse
import itertools
import json
import math
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import workloads
from compare import table
from environments import interpreter, variables

HERE = Path(__file__).resolve().parent
LIBRARIES = ("bouton", "brian2")
WORKLOAD = "W3-4000x80"
SETTLED = 0.5  # seconds after the start that are left out
FEWEST = 10  # spikes of a cell whose intervals are looked at
TOLERANCE = 0.05


class Firing(NamedTuple):
    """What is compared, of one run."""

    rate: float  # mean over all cells, Hz
    cv: float  # of the intervals, mean over cells with at least FEWEST spikes
    share: float  # of the cells that have so many


class Estimate(NamedTuple):
    """A mean over independent runs, and its standard error."""

    mean: float
    error: float

    def __str__(self) -> str:
        return f"{self.mean:.4g} +- {self.error:.1g}"


def firing(spikes: Iterable[tuple[int, float]], n: int, begin: float, end: float) -> Firing:
    """Statistics of the spikes (cell, second) of `n` cells between two times.

    The CV of a cell is the sample standard deviation of its intervals over their mean. A window catches long intervals
    less often than short ones, and slow cells are left out, so that the mean is somewhat below that of an endless run:
    alike in two libraries that are given the same window and have the same rates.
    """
    times: dict[int, list[float]] = defaultdict(list)
    for cell, time in spikes:
        if begin <= time < end:
            times[cell].append(time)
    cvs = [interval_cv(train) for train in times.values() if len(train) >= FEWEST]
    rate = sum(map(len, times.values())) / (n * (end - begin))
    return Firing(rate, statistics.fmean(cvs) if cvs else math.nan, len(cvs) / n)


def interval_cv(train: Iterable[float]) -> float:
    """Coefficient of variation of the intervals between at least three times: 0 of a clock, 1 of a Poisson process."""
    ordered = sorted(train)
    intervals = [after - before for before, after in itertools.pairwise(ordered)]
    return statistics.stdev(intervals) / statistics.fmean(intervals)


def estimate(values: Sequence[float]) -> Estimate:
    """From at least two runs: spikes within one run depend on each other, so only the runs are counted."""
    return Estimate(statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values)))


def difference(ours: Estimate, theirs: Estimate) -> Estimate:
    """(ours - theirs) / theirs, with the standard error to first order."""
    ratio = ours.mean / theirs.mean
    return Estimate(ratio - 1, abs(ratio) * math.hypot(ours.error / ours.mean, theirs.error / theirs.mean))


def verdict(apart: Estimate) -> str:
    """What is wrong with a relative difference; empty where the two agree."""
    if not abs(apart.mean) <= TOLERANCE:
        return f"more than {TOLERANCE:.0%} apart"
    if not 2 * apart.error <= TOLERANCE:
        return f"not known to {TOLERANCE:.0%}: more seeds or more seconds are needed"
    return ""


def runs(library: str, seconds: int, seeds: int) -> Iterator[Firing]:
    """One for each seed: another network, another start."""
    p = workloads.ALL[WORKLOAD]
    command = [interpreter(library), HERE / "cuba_spikes.py", WORKLOAD, library, str(seconds), str(seeds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables()) as process:
        assert process.stdout is not None
        for line in process.stdout:
            found = json.loads(line)
            times = (step * p.dt / 1000 for step in found["steps"])
            yield firing(zip(found["cells"], times, strict=True), p.n, SETTLED, seconds)
    if process.returncode:
        raise SystemExit(f"{library} ended with code {process.returncode}; its own message is above.")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5, metavar="S", help="of simulated time a run (default 5)")
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="runs of each library (default 20)")
    options = parser.parse_args(arguments)
    if options.seconds < 2 or options.seeds < 2:
        parser.error(f"--seconds and --seeds must be at least 2, got {options.seconds} and {options.seeds}.")
    return options


def main() -> int:
    options = parse()
    found = {library: list(runs(library, options.seconds, options.seeds)) for library in LIBRARIES}
    print(f"{WORKLOAD}: {options.seeds} runs of {options.seconds} s, the first {SETTLED} s left out; mean +- its error")
    rows, faults = [], []
    for name, text in (("rate", "rate (Hz)"), ("cv", "CV of intervals"), ("share", f"cells with {FEWEST} spikes")):
        ours, theirs = (estimate([getattr(run, name) for run in found[library]]) for library in LIBRARIES)
        apart = difference(ours, theirs)
        rows.append([text, str(ours), str(theirs), f"{apart.mean:+.1%} +- {apart.error:.1%}"])
        if name != "share" and (fault := verdict(apart)):
            faults.append(f"{text}: {fault}.")
    print(table(["", *LIBRARIES, "relative difference"], rows))
    print("\n".join(faults) if faults else f"They agree to {TOLERANCE:.0%}.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
