"""What runs on disk must survive, as figures: ``nox -s endurance``, or ``python -m tests.endurance`` in this folder.

Each trial is a function that prints one line and returns whether all was well; `main` runs those that are named, with
``--short`` small ones. Processes that are to be killed are forked from one that has imported JAX and not used it yet.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import multiprocessing
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
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
from bouton import Record, RunError, _simulate, _store
from bouton._store import ZarrStore
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
    _store.SLOW_SECONDS = float("inf")


def start(path: Path, steps: int, **how: Any) -> Any:
    """The run of all trials, from the beginning or from where it was interrupted."""
    from tests.tiny import PLUGINS, network  # here, because it uses JAX: who has used it must not fork

    warnings.simplefilter("ignore")
    with PLUGINS.use():
        if path.exists():
            return bouton.resume(path, progress=False, **how)
        how = {"inputs": {"src.x": 0.5}, "record": RECORD, "seed": 3, "shard": SHARD, "progress": False} | how
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


def computing(path: Path, steps: int, began: int, at: int | None = None, small: bool = True) -> None:
    """In a forked process: the run. A byte goes to `began` when it comes to the store; dies at operation `at` there."""
    if small:
        small_files()
    else:
        _store.COMMIT_SECONDS = 0.0
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

    def __init__(self, path: Path, steps: int, at: int | None = None, small: bool = True) -> None:
        self.read, write = os.pipe()
        self.process = forked(computing, path, steps, write, at, small)
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
    """A process that looks into stores as a plain xarray user does, compares with a finished run, and goes on."""

    def __init__(self, reference: Path) -> None:
        self.here, there = FORK.Pipe()
        self.process = forked(self._serve, there, reference)

    def _serve(self, pipe: Any, reference: Path) -> None:
        warnings.simplefilter("ignore")
        small_files()
        whole: Any = None
        while (asked := pipe.recv()) is not None:
            path, steps = asked
            if whole is None:
                whole = xr.open_datatree(reference, engine="zarr", chunks=None).load()
            try:
                if steps is None:
                    look(path, whole)
                else:
                    start(path, steps)
                pipe.send("")
            except Exception:
                pipe.send(traceback.format_exc(limit=-2))

    def look(self, path: Path) -> str:
        """What is wrong with what is committed; nothing is also right."""
        return self._asked(path, None) if path.exists() else ""

    def resume(self, path: Path, steps: int) -> str:
        """What goes wrong when the run is finished, by a process that has run others."""
        return self._asked(path, steps)

    def _asked(self, *task: Any) -> str:
        self.here.send(task)
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


def kills(folder: Path, *, random_kills: int, steps: int) -> bool:
    """kill -9 at random times, also of what resumes."""
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
            if killed % 100 == 0:
                print(f"  {killed} kills, {len(problems)} problems", flush=True)
            if path.exists():
                opened += 1
                why = reader.look(path)
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
    return told("runs killed so and resumed: every file identical", same, runs, f"{killed} kills") and good


def kills_at_each(folder: Path, *, steps: int, every: int) -> bool:
    """kill -9 at each operation on files, or at each `every`-th."""
    compiled_once(folder / "compiled")
    reader = Reader(folder / "short")
    Child(folder / "short", steps).ends()
    reference, path = files(folder / "short"), folder / "victim"
    readable = same = count = 0
    for at in itertools.count(1, every):
        shutil.rmtree(path, ignore_errors=True)
        if (code := Child(path, steps, at).ends()) == 0:
            break
        assert code == -signal.SIGKILL, code
        count += 1
        why = reader.look(path)
        readable += not why
        why = why or reader.resume(path, steps)
        is_same = files(path) == reference
        same += is_same
        if why or not is_same:
            print(at, why or "other files", flush=True)
        elif count % 100 == 0:
            print(f"  {count} kills", flush=True)
    left = [p.name for p in folder.glob(".victim*")]
    reader.close()
    good = told("kill -9 at each operation on files: readable", readable, count)
    return told("resumed: every file identical", same, count, f"left behind: {left or 'nothing'}") and good


# ---- work that is lost -----------------------------------------------------------------------------------------------


def loss(folder: Path, *, count: int) -> bool:
    """How much had been computed and was lost, in seconds, with the usual shards and commits about once a second."""
    worst, kept, chance = 0.0, 0, random.Random(1)
    for _ in range(count):
        path, log = folder / "victim", folder / "log"
        shutil.rmtree(path, ignore_errors=True)
        log.unlink(missing_ok=True)
        process = forked(_logged, path, log)
        while not log.exists() or not log.stat().st_size:
            time.sleep(0.05)
        time.sleep(chance.uniform(2.0, 5.0))
        process.kill()
        now = time.time()
        process.join()
        rows = [line.split() for line in log.read_text().splitlines() if line.count(" ") == 1 and line[-1].isdigit()]
        when = {0: float(rows[0][1])} | {int(step): float(at) for step, at in rows[1:]}
        with xr.open_datatree(path, engine="zarr", chunks=None) as tree:
            lost = now - when[tree.attrs["committed_steps"]]
        longest = max(b - a for a, b in itertools.pairwise(when.values())) if len(when) > 1 else 0.0
        kept += lost <= max(2.0, longest)
        worst = max(worst, lost)
    return told("kill -9 loses at most two seconds or a shard", kept, count, f"worst: {worst:.2f} s")


def _logged(path: Path, log: Path) -> None:
    """The run, with a line for each chunk when it has been computed."""
    from bouton._chunk import Program

    run, file = Program.run, os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def noted(self: Any, *arguments: Any) -> Any:
        os.write(file, f"0 {time.time()}\n".encode())
        for done in run(self, *arguments):
            jax.block_until_ready(done.carry)
            os.write(file, f"{done.piece.first + done.piece.count} {time.time()}\n".encode())
            yield done

    Program.run = noted  # type: ignore[method-assign]
    start(path, 50_000_000, record={"cell.s": 1, "cell.v": 1}, shard=None)


# ---- errors of the file system ---------------------------------------------------------------------------------------


def faults(folder: Path, *, steps: int, every: int) -> bool:
    """Each `every`-th operation on files fails once, for want of room or by an error of the disk."""
    small_files()
    start(folder / "reference", steps)
    reference = files(folder / "reference")
    whole = xr.open_datatree(folder / "reference", engine="zarr", chunks=None).load()
    kept = {name: getattr(os, name) for name in OPERATIONS}
    real = kept | {"fsync": lambda file: None}  # to be quick
    ours = intact = same = count = 0
    path, said = folder / "victim", None
    calls, hit = itertools.count(1), list[str]()
    code, at = errno.EIO, 1

    def failing(name: str, *arguments: Any, **how: Any) -> Any:
        if next(calls) == at:
            hit.append(name)
            raise OSError(code, os.strerror(code))
        return real[name](*arguments, **how)

    for code in (errno.EIO, errno.ENOSPC):
        for at in itertools.count(1, every):
            shutil.rmtree(path, ignore_errors=True)
            calls, hit, said = itertools.count(1), [], None
            for name in OPERATIONS:
                setattr(os, name, partial(failing, name))
            try:
                start(path, steps)
            except Exception as e:
                said = e
            finally:
                for name in OPERATIONS:
                    setattr(os, name, kept[name])
            if not hit:
                break
            count += 1
            own = isinstance(said, RunError) and os.strerror(code) in str(said)
            ours += own or (said is None and hit[0] in ("rmdir", "unlink", "mkdir"))  # what is not needed
            try:
                if path.exists():
                    look(path, whole)
                intact += 1
                start(path, steps)
                same += files(path) == reference
            except Exception as e:
                print(at, hit, repr(said)[:200], repr(e)[:300])
    good = told("every k-th operation fails: an error of our own", ours, count)
    good &= told("the last commit is intact", intact, count)
    return told("resumed: every file identical", same, count) and good


def full_disk(folder: Path, *, megabytes: int) -> bool:
    """A file system runs full; then it becomes larger, and the run goes on."""
    how: Any = {"record": {"cell.v": 1}, "shard": 10_000}
    steps = megabytes * 300_000
    _store.COMMIT_SECONDS = 0.0
    disk = folder / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", disk], capture_output=True
    ).returncode:
        print("a full disk: not tried, because nothing may be mounted here")
        return True
    try:
        start(folder / "reference", steps, **how)
        whole = xr.open_datatree(folder / "reference", engine="zarr", chunks=None).load()
        _store.check_room = _simulate.check_room = lambda *_: None  # which would have refused it at once
        try:
            start(disk / "run", steps, **how)
            said = ""
        except RunError as e:
            said = str(e)
        held = look(disk / "run", whole)
        subprocess.run(["mount", "-o", f"remount,size={20 * megabytes}m", disk], check=True)
        start(disk / "run", steps)
        same = files(disk / "run") == files(folder / "reference")
        return told(
            "a disk runs full, gets room, the run is resumed: identical",
            same and "No space left" in said,
            1,
            f"{held} of {steps} steps were safe",
        )
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


# ---- others at the same time -----------------------------------------------------------------------------------------


def second_writer(folder: Path, *, count: int) -> bool:
    child = Child(folder / "run", 10_000_000)
    child.comes_to_the_store()
    while not (folder / "run").exists():
        time.sleep(0.1)
    refused = 0
    for i in range(count):
        try:
            start(folder / "run", 40) if i % 2 else bouton.open(folder / "run").attach("mine", xr.Dataset())
        except RunError as e:
            refused += "is being written by another process" in str(e)
    child.process.kill()
    child.ends()
    bouton.open(folder / "run").attach("mine", xr.Dataset())  # who was killed leaves no lock
    return told("a second writer is refused", refused, count)


def readers(folder: Path, *, count: int, steps: int) -> bool:
    """A plain xarray reader opens a run again and again while it is computed."""
    child = Child(folder / "run", steps, small=False)
    child.comes_to_the_store()
    kept = start_in_memory(steps)
    while not (folder / "run").exists():
        time.sleep(0.01)
    consistent = opened = last = 0
    commits = set()
    begun = time.monotonic()
    while opened < count and child.process.exitcode is None:
        opened += 1
        try:
            tree = xr.open_datatree(folder / "run", engine="zarr", chunks=None)
            done = tree.attrs["committed_steps"]
            assert done >= last, "commits went back"
            last = done
            commits.add(done)
            for node in tree.subtree:
                for name, data in node.data_vars.items():
                    for dim, size in data.sizes.items():
                        if str(dim).startswith("time"):
                            assert size == done // int(str(dim).partition("_")[2] or 1), (name, size, done)
            for name, every in (("s", 1), ("v", 2), ("v_mean", 7), ("s_sum", 5)):
                rows = slice(max(0, done // every - 30), done // every)
                np.testing.assert_array_equal(
                    tree["cell"][name].values[rows] if opened % 50 == 0 else tree["cell"][name][rows].values,
                    kept[f"cell.{name}"].values[rows],
                )
            assert int(tree["src/s"]["end"][-1]) == tree["src/s"].sizes["event"] if done else True
            consistent += 1
        except Exception:
            print(traceback.format_exc(limit=-2))
    seconds = time.monotonic() - begun
    child.process.kill()
    child.process.join()
    good = told(
        "opened while it is computed: consistent, never going back",
        consistent,
        opened,
        f"{len(commits)} commits seen, {seconds:.0f} s",
    )
    return good and opened == count


def start_in_memory(steps: int) -> Any:
    from tests.tiny import network

    return bouton.simulate(network(), float(steps), inputs={"src.x": 0.5}, record=RECORD, seed=3, progress=False)


# ---- the same bytes --------------------------------------------------------------------------------------------------


def same_bytes(folder: Path, *, steps: int, chunks: tuple[int, ...]) -> bool:
    """Whatever the chunk, the cadence of commits, and who writes."""
    small_files()
    put = Writer.put
    found, count = set(), 0
    for chunk, seconds, threaded in itertools.product(chunks, (0.0, 0.02, 1e9), (True, False)):
        _store.COMMIT_SECONDS = seconds

        def at_once(self: Writer, task: Any) -> None:
            put(self, task)
            done = threading.Event()
            put(self, done.set)
            done.wait()

        Writer.put = put if threaded else at_once  # type: ignore[method-assign]
        start(path := folder / f"{chunk}-{seconds}-{threaded}", steps, chunk=chunk)
        found.add(hashlib.sha256(repr(sorted(files(path).items())).encode()).hexdigest())
        count += 1
    Writer.put = put  # type: ignore[method-assign]
    return told("one hash whatever chunk, cadence, thread", count if len(found) == 1 else len(found), count)


# ---- files from anywhere ---------------------------------------------------------------------------------------------


def mutants(folder: Path, *, count: int) -> bool:
    """Model files with something changed at random: they load, or a `ModelError` names the field."""
    import json

    from tests.tiny import PLUGINS, network

    chance = random.Random(0)
    junk: list[Any] = [None, True, -1, 0, 2**80, 1e308, "inf", "", "x" * 2000, "../..", "os:system", [], [[[]]], {}]
    junk += [{"type": "Leaky"}, {"array": "sha256:0"}, {"type": "__import__('os')"}, [0] * 1000]
    with PLUGINS.use():
        bouton.save(network(), folder / "model.json")
        data = json.loads((folder / "model.json").read_text())
        good = own = 0
        slowest, loaded = 0.0, 0
        for i in range(count):
            text = json.dumps(_mutated(json.loads(json.dumps(data)), chance, junk))
            if i % 4 == 0:
                at = chance.randrange(len(text))
                text = (
                    text[:at]
                    + chance.choice(["", "}", '"', "\\", "\x00", "[" * 500])
                    + text[at + chance.randrange(3) :]
                )
            path = folder / f"m{i}{chance.choice(['.json', '.yaml'])}"
            path.write_text(text)
            begun = time.monotonic()
            try:
                bouton.load(path)
                own, loaded = own + 1, loaded + 1
            except bouton.ModelError as e:
                where = str(e).removeprefix(f"{path}: ")
                is_named = where != str(e) and (i % 4 == 0 or bool(re.match(r"[\w.\[\]'\"~{} -]+[:.]", where)))
                own += is_named
                if not is_named:
                    print(where[:100])
            except Exception as e:
                print(repr(e)[:200])
            slowest = max(slowest, time.monotonic() - begun)
            good += time.monotonic() - begun < 2
    told("mutated model files: loaded, or a named error with the path", own, count, f"{loaded} were still models")
    return told("none takes over two seconds", good, count, f"slowest {slowest:.2f} s") and own == count


def _mutated(value: Any, chance: random.Random, junk: list[Any]) -> Any:
    """One change somewhere."""
    spots: list[tuple[Any, Any]] = []

    def visit(node: Any) -> None:
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            spots.append((node, key))
            if isinstance(node[key], (dict, list)):
                visit(node[key])

    visit(value)
    node, key = chance.choice(spots)
    if (kind := chance.randrange(4)) == 0 and isinstance(node, dict):
        del node[key]
    elif kind == 1 and isinstance(node, dict):
        node[str(key) + chance.choice("xyz.~ ")] = node.pop(key)
    else:
        node[key] = chance.choice(junk)
    return value


def flat(folder: Path, *, steps: int, tenths: int) -> bool:
    """Memory and open files at a tenth of a run and at its end."""
    boundary, seen = ZarrStore.boundary, []

    def noted(self: Any, at: int, carry: Any) -> None:
        boundary(self, at, carry)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        seen.append((at, pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir("/proc/self/fd"))))

    ZarrStore.boundary = noted  # type: ignore[method-assign]
    how: Any = {"record": {"cell.s": 1, "cell.v": 1, "cell.count": 1}, "shard": steps // 100}
    start(folder / "run", steps * tenths // 10, **how)
    begin = [row for row in seen if row[0] <= steps // 10][-3:]
    end = seen[-3:]
    memory = [float(np.median([r[1] for r in rows])) for rows in (begin, end)]
    handles = [min(r[2] for r in rows) for rows in (begin, end)]  # one may be open to be written
    is_flat = memory[1] < 1.05 * memory[0] and handles[1] <= 1.05 * handles[0]
    return told(
        "memory and open files over a tenfold duration: flat",
        is_flat,
        1,
        f"{memory[0] / 1e6:.0f} to {memory[1] / 1e6:.0f} MB, {handles[0]} to {handles[1]} files",
    )


TRIALS: dict[str, tuple[Callable[..., bool], dict[str, Any], dict[str, Any]]] = {
    "kills": (kills, {"random_kills": 500, "steps": 1200}, {"random_kills": 2, "steps": 300}),
    "kills_at_each": (kills_at_each, {"steps": 60, "every": 1}, {"steps": 40, "every": 150}),
    "loss": (loss, {"count": 20}, {"count": 1}),
    "faults": (faults, {"steps": 60, "every": 5}, {"steps": 40, "every": 120}),
    "full_disk": (full_disk, {"megabytes": 2}, {"megabytes": 1}),
    "second_writer": (second_writer, {"count": 100}, {"count": 4}),
    "readers": (readers, {"count": 10_000, "steps": 400_000}, {"count": 40, "steps": 20_000}),
    "same_bytes": (same_bytes, {"steps": 200, "chunks": (1, 3, 7, 13, 20)}, {"steps": 40, "chunks": (3, 20)}),
    "mutants": (mutants, {"count": 1000}, {"count": 50}),
    "flat": (flat, {"steps": 10_000_000, "tenths": 10}, {"steps": 400_000, "tenths": 10}),
}
"""Each with what it is given, in full and with ``--short``."""


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
