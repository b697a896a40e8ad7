"""Run workloads in bouton and in its peers, taking turns on this machine, and print the ratios.

    python benchmarks/run.py W1 W2 --peers ngclearn brian2 --repeats 5

Only the standard library is used here: each library runs in a process and an environment of its own.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import workloads
from compare import disagreement, ratios, spread, table
from environments import NEWEST, interpreter, variables

HERE = Path(__file__).resolve().parent
PEERS = {  # of each workload, in the order of the table; what follows the dash is a variant that the worker knows
    "W1": ("ngclearn", "brian2"),
    "W2": ("ngclearn", "brian2"),
    "W3": ("brian2", "brian2-2", "nest", "nest-1.5ms", "brainpy"),
    "W4": ("ngclearn", "brian2", "brian2-2", "brainpy"),
    "W5": ("bouton-fixed", "brian2"),
    "W6": ("ngclearn", "minisom"),
    "W7": ("ngclearn",),
}
TOLERANCE = 0.1  # of the mean spike count: beyond it two libraries do not simulate the same thing


class Worker:
    """A process that has built and compiled one workload and waits for orders (see worker.py)."""

    def __init__(self, process: subprocess.Popen[str], script: Path):
        self._process = process
        self._script = script
        self.setup = self._answer()

    def measure(self) -> dict[str, Any]:
        """One repetition: seconds and spikes."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self._script.name} ended with code {self._process.wait()}; its own message is above.")
        return json.loads(line)


@contextmanager
def started(workload: str, library: str, python: str) -> Iterator[Worker]:
    """A worker of that workload; it leaves by itself when its stdin is closed."""
    script = HERE / f"{workloads.family(workload).lower()}_{workloads.family(library)}.py"
    with subprocess.Popen(
        [interpreter(workloads.family(library), python), script, workload, library],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=variables(),
    ) as process:
        yield Worker(process, script)


def measure(
    workload: str, libraries: list[str], repeats: int, python: str
) -> tuple[dict[str, dict[str, Any]], dict[str, list[dict[str, Any]]]]:
    """Prepare the libraries one after the other; then, in each round, every library runs one repetition.

    Returns what each said of its set-up, and its repetitions in the order of the rounds.
    """
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for library in libraries:
            tell(f"{workload}: preparing {library}")
            workers[library] = stack.enter_context(
                started(workload, library, python if workloads.family(library) == "bouton" else NEWEST)
            )
        answers: dict[str, list[dict[str, Any]]] = {library: [] for library in libraries}
        for number in range(repeats):
            tell(f"{workload}: round {number + 1} of {repeats}")
            for library, worker in workers.items():
                answers[library].append(worker.measure())
        return {library: worker.setup for library, worker in workers.items()}, answers


def report(workload: str, setups: dict[str, dict[str, Any]], answers: dict[str, list[dict[str, Any]]]) -> bool:
    """Print the table of one workload. False when the libraries' spike counts differ too much to be compared."""
    constants = workloads.ALL[workload]
    images = getattr(constants, "n_images", None)
    seconds = {library: [answer["seconds"] for answer in rounds] for library, rounds in answers.items()}
    spikes = {library: [answer["spikes"] for answer in rounds] for library, rounds in answers.items()}
    first = next(iter(answers))
    rounds = len(seconds[first])
    counted = getattr(constants, "counted", "spikes")
    rows = []
    for library, times in seconds.items():
        row = [library, str(spread([time / constants.steps * 1e6 for time in times]))]
        if images:
            row.append(str(spread([images / time for time in times])))
        row.append("1" if library == first else str(ratios(times, seconds[first])))
        row.append(f"{statistics.fmean(spikes[library]):,.0f}")
        row += [f"{setups[library][name]:.1f}" for name in ("build_s", "compile_s")]
        rows.append(row)
    header = ["", "us per step", *(["images a second"] if images else []), f"time / {first}'s", counted]
    print(f"\n{workload}: {constants.steps:,} steps a repetition, {rounds} rounds; median (min - max)")
    print(table([*header, "build s", "compile s"], rows))
    for library, setup in setups.items():
        print(f"{library}: {', '.join(f'{name} {version}' for name, version in setup['versions'].items())}")
    same, tolerance = True, getattr(constants, "tolerance", TOLERANCE)
    for library in answers:
        if (apart := disagreement(spikes[library], spikes[first])) > tolerance:
            same = False
            print(f"{library} and {first} differ by {apart:.0%} in their {counted}: these times do not compare.")
    return same


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    peers = list(dict.fromkeys(name for names in PEERS.values() for name in names))
    parser.add_argument(
        "workloads",
        nargs="+",
        choices=dict.fromkeys([*PEERS, *workloads.ALL]),
        metavar="WORKLOAD",
        help=f"{', '.join(workloads.ALL)}; W3 means all its sizes, W4 all its cells, W6 both its batches",
    )
    parser.add_argument("--peers", nargs="*", choices=peers, default=peers, help="default: all that the workload has")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="rounds (default 5)")
    parser.add_argument("--python", default=NEWEST, help=f"of bouton's environment (default {NEWEST}, the peers' own)")
    parser.add_argument("--without-bouton", action="store_true", help="the first peer takes its place")
    parser.add_argument("--to", type=Path, default=HERE / "results", metavar="FOLDER", help="of the JSON lines")
    options = parser.parse_args(arguments)
    options.workloads = list(dict.fromkeys(name for given in options.workloads for name in workloads.named(given)))
    own = [] if options.without_bouton else ["bouton"]
    options.libraries = {
        name: [*own, *(peer for peer in options.peers if peer in PEERS[workloads.family(name)])]
        for name in options.workloads
    }
    if options.repeats < 1:
        parser.error(f"--repeats must be at least 1, got {options.repeats}.")
    for name, libraries in options.libraries.items():
        if not libraries:
            those = ", ".join(PEERS[workloads.family(name)])
            parser.error(f"{name}: nothing to run. Name one of {those} with --peers, or leave out --without-bouton.")
    return options


def main() -> int:
    options = parse()
    started_at = datetime.datetime.now(datetime.UTC)
    machine = {
        "when": started_at.isoformat(timespec="seconds"),
        "machine": platform.machine(),
        "system": platform.system(),
        "cpus": os.cpu_count(),
        "load_before": os.getloadavg()[0],
    }
    options.to.mkdir(parents=True, exist_ok=True)
    log = options.to / f"{started_at:%Y-%m-%dT%H%M%SZ}.jsonl"
    comparable = True
    for workload, libraries in options.libraries.items():
        setups, answers = measure(workload, libraries, options.repeats, options.python)
        with log.open("a") as file:
            for library, rounds in answers.items():
                for number, answer in enumerate(rounds):
                    line = {"workload": workload, "library": library, "round": number, **answer}
                    print(json.dumps({**line, **setups[library], **machine}), file=file)
        comparable &= report(workload, setups, answers)
    print(f"\nload before the start: {machine['load_before']:.2f} on {machine['cpus']} CPUs; every repetition: {log}")
    return 0 if comparable else 1


if __name__ == "__main__":
    sys.exit(main())
