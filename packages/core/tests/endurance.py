"""What runs on disk must survive, as figures: ``nox -s endurance``, or ``python -m tests.endurance`` in this folder.

Each trial is a function that prints one line and returns whether all was well; `main` runs those that are named, with
``--short`` small ones. Processes that are to be killed are forked from one that has imported JAX and not used it yet.
"""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import os
import random
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import bouton
import jax
import numpy as np
import xarray as xr
from bouton import Record, _store
from bouton._writer import Writer

FORK = multiprocessing.get_context("fork")
RECORD = {
    "cell.s": [1, Record("sum", every=5)],
    "src.s": Record(events=True),
    "cell.v": [Record(every=2), Record("mean", every=7)],
    "ff.w": 10,
}
SHARD = 20


def small_files() -> None:
    """Chunks, shards and commits as small as can be, so that a short run has many."""
    _store.CHUNK_BYTES, _store.SMALL_BYTES, _store.EVENTS, _store.COMMIT_SECONDS = 64, 512, 64, 0.0


def start(path: Path, steps: int, **how: Any) -> Any:
    """The run of all trials, from the beginning or from where it was interrupted."""
    from tests.tiny import PLUGINS, RATES, network  # here, because it uses JAX: who has used it must not fork

    warnings.simplefilter("ignore")
    with PLUGINS.use():
        if path.exists():
            return bouton.resume(path, progress=False, **how)
        how = {"inputs": RATES, "record": RECORD, "seed": 3, "shard": SHARD, "progress": False} | how
        return bouton.simulate(network(), float(steps), to=path, **how)


def files(path: Path) -> dict[str, str]:
    return {
        file.relative_to(path).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in path.rglob("*")
        if file.is_file()
    }


def told(trial: str, passed: int, count: int, more: str = "") -> bool:
    print(f"{trial:58} {passed:>6} of {count:<6} {more}", flush=True)
    return passed == count > 0


# ---- processes -------------------------------------------------------------------------------------------------------


def forked(task: Callable[..., Any], *arguments: Any) -> Any:
    """A process that runs `task` and exits."""
    process = FORK.Process(target=task, args=arguments)
    process.start()
    return process


def compiled_once(folder: Path) -> None:
    """Programs are compiled by the first process and loaded by all others."""
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


OPERATIONS = ("write", "replace", "rename", "fsync", "unlink", "rmdir", "mkdir")
"""Of `os`: all by which bouton changes anything on a disk."""


def computing(path: Path, steps: int, began: int, at: int | None = None) -> None:
    """In a forked process: the run. A byte goes to `began` when it comes to the store; dies at operation `at` there."""
    small_files()
    real = {name: getattr(os, name) for name in OPERATIONS}
    count = itertools.count(1)

    def dying(name: str, *arguments: Any, **how: Any) -> Any:
        if next(count) == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return real[name](*arguments, **how)

    make = Writer.call

    def told(self: Writer, task: Any) -> Any:
        if self.rescue is None:  # the first thing that it does is to make the store
            real["write"](began, b"!")
            for name in OPERATIONS if at is not None else ():
                setattr(os, name, partial(dying, name))
        return make(self, task)

    Writer.call = told  # type: ignore[method-assign]
    start(path, steps)


class Child:
    """A process that computes a run and that may be killed."""

    def __init__(self, path: Path, steps: int, at: int | None = None) -> None:
        self.read, write = os.pipe()
        self.process = forked(computing, path, steps, write, at)
        os.close(write)

    def comes_to_the_store(self) -> None:
        if not select.select([self.read], [], [], 120)[0]:
            raise TimeoutError("a run did not begin within two minutes")

    def ends(self) -> int:
        self.process.join(300)
        if self.process.exitcode is None:
            self.process.kill()
            raise TimeoutError("a run did not end within five minutes")
        os.close(self.read)
        return self.process.exitcode


class Reader:
    """A process that looks into stores as a plain xarray user does, and compares with a finished run."""

    def __init__(self, reference: Path) -> None:
        self.here, there = FORK.Pipe()
        self.process = forked(self._serve, there, reference)

    def _serve(self, pipe: Any, reference: Path) -> None:
        warnings.simplefilter("ignore")
        whole: Any = None
        while (path := pipe.recv()) is not None:
            if whole is None:
                whole = xr.open_datatree(reference, engine="zarr", chunks=None).load()
            try:
                pipe.send(("", look(path, whole)))
            except Exception:
                pipe.send((traceback.format_exc(limit=-2), 0))

    def look(self, path: Path) -> tuple[str, int]:
        """What is wrong, and how many steps are committed."""
        self.here.send(path)
        return self.here.recv()

    def close(self) -> None:
        self.here.send(None)
        self.process.join()


def look(path: Path, whole: Any) -> int:
    """How many steps are committed; `AssertionError` unless all that is committed is there, and right."""
    tree = xr.open_datatree(path, engine="zarr", chunks=None)
    steps = tree.attrs["committed_steps"]
    for node in tree.subtree:
        for name, data in node.data_vars.items():
            assert node.path.startswith("/circuit.") or "event" in data.dims or len(data.dims) > 0
            full = whole[f"{node.path}/{name}"]
            for dim, size in data.sizes.items():
                if str(dim).startswith("time"):
                    assert size == steps // int(str(dim).partition("_")[2] or 1), (node.path, name, size, steps)
            same = tuple(slice(0, n) for n in data.shape)
            np.testing.assert_array_equal(data.values, full.values[same], f"{node.path}/{name}")
    return steps


# ---- kill -9 ---------------------------------------------------------------------------------------------------------


def kills(folder: Path, *, random_kills: int, steps: int, every: int | None) -> bool:
    """kill -9 at random times, and (of a run of `every` steps) at each operation on files."""
    compiled_once(folder / "compiled")
    reader = Reader(folder / "reference")
    first = Child(folder / "reference", steps)
    first.comes_to_the_store()
    begun = time.monotonic()
    first.ends()
    lasts = time.monotonic() - begun
    reference = files(folder / "reference")
    assert reference, "the reference was not computed"
    chance = random.Random(0)
    killed = readable = opened = absent = runs = same = 0
    problems: list[str] = []
    begun = time.monotonic()
    while killed < random_kills:
        runs, path = runs + 1, folder / "victim"
        shutil.rmtree(path, ignore_errors=True)
        while True:
            child = Child(path, steps)
            child.comes_to_the_store()
            child.process.join(chance.uniform(0, 0.7 * lasts))
            if child.process.exitcode is None:
                child.process.kill()
            if (code := child.ends()) != -signal.SIGKILL:
                break
            killed += 1
            if path.exists():
                opened += 1
                why, _ = reader.look(path)
                readable += not why
                problems += [why] if why else []
            else:
                absent += 1  # there is nothing yet that could be wrong
        if code == 0 and files(path) == reference:
            same += 1
        else:
            problems.append(f"exit {code}, or other files")
    reader.close()
    seconds = time.monotonic() - begun
    for problem in problems[:5]:
        print(problem)
    print(f"  one uninterrupted run takes {lasts:.1f} s, {steps // SHARD} commits; {seconds:.0f} s in all")
    good = told(
        "kill -9 at random times: readable by plain xarray", readable, opened, f"{absent} more had not appeared"
    )
    good &= told("runs killed so and resumed: every file identical", same, runs, f"{killed} kills")
    return good & (every is None or _kills_at_each(folder, every))


def _kills_at_each(folder: Path, steps: int) -> bool:
    reader = Reader(folder / "short")
    Child(folder / "short", steps).ends()
    reference, path = files(folder / "short"), folder / "victim"
    readable = same = count = 0
    for at in itertools.count(1):
        shutil.rmtree(path, ignore_errors=True)
        if (code := Child(path, steps, at).ends()) == 0:
            break
        assert code == -signal.SIGKILL, code
        count += 1
        why = reader.look(path)[0] if path.exists() else ""
        readable += not why
        Child(path, steps).ends()
        same += files(path) == reference
        if why or files(path) != reference:
            print(at, why)
    left = [p.name for p in folder.glob(".victim*")]
    reader.close()
    good = told("kill -9 at each operation on files: readable", readable, count)
    return told("resumed: every file identical", same, count, f"left behind: {left or 'nothing'}") and good


TRIALS: dict[str, tuple[Callable[..., bool], dict[str, Any], dict[str, Any]]] = {
    "kills": (
        kills,
        {"random_kills": 500, "steps": 1200, "every": 60},
        {"random_kills": 4, "steps": 400, "every": None},
    ),
}


def main(names: list[str], short: bool) -> int:
    good = True
    for name in names or TRIALS:
        trial, long, brief = TRIALS[name]
        with tempfile.TemporaryDirectory(prefix="bouton-endurance-") as folder:
            process = forked(_exit_with, trial, Path(folder), brief if short else long)
            process.join()
            good &= process.exitcode == 0
    return 0 if good else 1


def _exit_with(trial: Callable[..., bool], folder: Path, how: dict[str, Any]) -> None:
    sys.exit(0 if trial(folder, **how) else 1)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    sys.exit(main([a for a in arguments if not a.startswith("-")], "--short" in arguments))
