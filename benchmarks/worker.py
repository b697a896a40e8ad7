"""The worker's side of the conversation with run.py: lines of JSON on stdout, one repetition per line on stdin.

A worker imports its library, builds and compiles the workload, and says so; from then on each line it reads is an order
for one measured repetition. It stays alive between repetitions, so that compilation is paid once and the processes of
all peers can take turns.
"""

import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Callable
from typing import NamedTuple, TextIO, TypeVar

T = TypeVar("T")


class Setup(NamedTuple):
    """What happens once. Seconds to build the model and to compile it; `repeat` runs and measures one repetition."""

    build_s: float
    compile_s: float
    repeat: Callable[[], tuple[float, int]]  # (seconds of the simulation alone, spikes of the cells)


def serve(prepare: Callable[[], Setup], packages: tuple[str, ...]) -> None:
    """Prepare once, then answer orders until stdin ends. The versions of `packages` (distributions) are reported."""
    answers = channel()
    setup = prepare()
    versions = {"python": ".".join(map(str, sys.version_info[:3]))}
    versions |= {name: importlib.metadata.version(name) for name in packages}
    print(json.dumps({"build_s": setup.build_s, "compile_s": setup.compile_s, "versions": versions}), file=answers)
    for _ in sys.stdin:
        seconds, spikes = setup.repeat()
        print(json.dumps({"seconds": seconds, "spikes": spikes}), file=answers)


def channel() -> TextIO:
    """Where answers go: the stdout there was. What libraries print from now on goes to stderr, and is not an answer."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return answers


def asked() -> tuple[str, str]:
    """What run.py named: the workload, and the variant of the library (``"1.5ms"`` of ``nest-1.5ms``), else ``""``."""
    workload, library = sys.argv[1:]
    return workload, library.partition("-")[2]


def timed(function: Callable[[], T]) -> tuple[float, T]:
    """Seconds that a call took, and its result."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result
