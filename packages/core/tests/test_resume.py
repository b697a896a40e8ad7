"""Runs that go on: resume, extend, branch; the writer thread; what is refused."""

import errno
import hashlib
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import bouton
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from bouton import PluginSet, Record, RunError, Trials, branch, resume, simulate
from bouton import _provenance as provenance_module
from bouton import _store as store_module
from bouton._store import ZarrStore
from bouton._writer import Writer

from .tiny import N_IN, PLUGINS, RATES, assert_same, network, recorded

CIRCUIT = network()
RECORD = {
    "cell.s": [1, Record("sum", every=5)],
    "src.s": Record(events=True),
    "cell.v": [Record(every=3), Record("mean", every=7)],
    "ff.w": 10,
}
SAMPLES = np.random.default_rng(0).uniform(size=(11, N_IN))
LABELS = [f"d{i}" for i in range(11)]
OF_TRIALS = {
    "cell.s": [1, Record("sum", per="trial")],
    "cell.v": 2,
    "ff.w": Record(per="trial", every=2),
    "cell.theta": Record(per="trial"),
}


@pytest.fixture(autouse=True)
def with_tiny_components() -> Any:
    with PLUGINS.use():
        yield


def files(path: Path) -> dict[str, str]:
    return {
        str(f.relative_to(path)): hashlib.sha256(f.read_bytes()).hexdigest() for f in path.rglob("*") if f.is_file()
    }


def interrupted(monkeypatch: pytest.MonkeyPatch, after: int, call: Any) -> None:
    """`call`, interrupted when so many boundaries have been passed."""
    boundary, seen = ZarrStore.boundary, []

    def stop(self: ZarrStore, steps: int, carry: Any) -> None:
        boundary(self, steps, carry)
        seen.append(steps)
        if len(seen) == after:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ZarrStore, "boundary", stop)
        with pytest.raises(KeyboardInterrupt):
            call()


def presented(n: int) -> dict[str, Any]:
    return {"trials": Trials(4, 1, {"digit": LABELS[:n]}), "inputs": {"src.x": (("trial", "unit"), SAMPLES[:n])}}


ROWS = {"src.x": (("time", "unit"), np.repeat(SAMPLES[:8], 3, 0))}
RISING = {"src.x": lambda tick: jnp.full(N_IN, tick.time / 30)}
BATCHED = {"cell.s": Record("sum", per="trial"), "cell.v": 2}
RUNS: dict[str, dict[str, Any]] = {
    "plain": {"duration": 40, "inputs": {"src.x": 0.5}, "record": RECORD, "shard": 8},
    "series": {"duration": 24, "inputs": ROWS, "record": {"cell.v": 5}, "shard": 8},
    "function": {"duration": 24, "inputs": RISING, "record": {"cell.v": 1}, "shard": 8},
    "sweep": {
        "duration": 24,
        "inputs": RATES,
        "record": RECORD,
        "shard": 8,
        "sweep": {"cell.tau": [5.0, 10.0], "seed": [1, 2]},
    },
    "trials": {**presented(11), "record": OF_TRIALS, "shard": 2},
    "batches": {**presented(11), "record": BATCHED, "shard": 1, "batch": 3},
}


@pytest.mark.parametrize("name", RUNS)
def test_an_interrupted_run_is_resumed_to_the_same_files(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how, again = RUNS[name], {"inputs": RISING} if name == "function" else {}
    whole = simulate(CIRCUIT, **how, to=tmp_path / "whole", seed=3)
    interrupted(monkeypatch, 2, lambda: simulate(CIRCUIT, **how, to=tmp_path / "run", seed=3, chunk=1))
    assert 0 < bouton.open(tmp_path / "run").tree.attrs["committed_steps"] < whole.tree.attrs["total_steps"]
    run = resume(tmp_path / "run", **again)
    assert files(tmp_path / "run") == files(tmp_path / "whole")
    assert_same(recorded(run), recorded(simulate(CIRCUIT, **{k: v for k, v in how.items() if k != "shard"}, seed=3)))
    assert_same(run.state, whole.state)
    assert files(tmp_path / "run") == files(tmp_path / "whole"), "resuming a finished run changes nothing"


def test_a_finished_run_becomes_longer(tmp_path: Path) -> None:
    whole = {"inputs": RATES, "record": RECORD, "shard": 8, "seed": 3}
    simulate(CIRCUIT, 40, **whole, to=tmp_path / "whole")
    simulate(CIRCUIT, 13, **whole, to=tmp_path / "run")  # in the middle of a shard, and of windows
    run = resume(tmp_path / "run", 40)
    assert files(tmp_path / "run") == files(tmp_path / "whole")
    with pytest.raises(RunError, match=r"holds 40 steps already, so it cannot become a run of 30\."):
        resume(run.path, 30)  # type: ignore[arg-type]


def test_more_trials(tmp_path: Path) -> None:
    how = {"record": OF_TRIALS, "shard": 2}
    simulate(CIRCUIT, **presented(11), **how, to=tmp_path / "whole")
    simulate(CIRCUIT, **presented(5), **how, to=tmp_path / "run")
    with pytest.raises(RunError, match=r"Trials.coords\['digit'\] must begin with the labels of the trials"):
        more = presented(11)
        resume(tmp_path / "run", trials=Trials(4, 1, {"digit": LABELS[::-1]}), inputs=more["inputs"])
    with pytest.raises(RunError, match=r"Trials.present and Trials.rest cannot change in a run that goes on\."):
        resume(tmp_path / "run", trials=Trials(5, 1, {"digit": LABELS}))
    resume(tmp_path / "run", **presented(11))
    assert files(tmp_path / "run") == files(tmp_path / "whole")
    simulate(CIRCUIT, **presented(5), batch=3, to=tmp_path / "batches")
    with pytest.raises(RunError, match=r"the last batch of .*batches was smaller than the others: it cannot become"):
        resume(tmp_path / "batches", **presented(11))


def test_series_are_given_for_the_whole_run_and_their_past_cannot_change(tmp_path: Path) -> None:
    rows = np.repeat(SAMPLES, 2, 0)

    def fed(n: int, first: float = 0.0) -> dict[str, Any]:
        return {"src.x": (("time", "unit"), np.concatenate([rows[:1] * 0 + first, rows[1:n]]))}

    simulate(CIRCUIT, 20, inputs=fed(20), record={"cell.s": 1}, to=tmp_path / "whole")
    simulate(CIRCUIT, 11, inputs=fed(11), record={"cell.s": 1}, to=tmp_path / "run")
    with pytest.raises(RunError, match=r"inputs\['src.x'\] has 11 along 'time', expected 20\."):
        resume(tmp_path / "run", 20)
    with pytest.raises(
        RunError, match=r"inputs\['src.x'\] differs from what .* has been fed up to here.*bouton.branch"
    ):
        resume(tmp_path / "run", 20, inputs=fed(20, 1.0))
    assert files(tmp_path / "run") != files(tmp_path / "whole")
    resume(tmp_path / "run", 20, inputs=fed(20))
    assert files(tmp_path / "run") == files(tmp_path / "whole")


# ---- branches --------------------------------------------------------------------------------------------------------


def test_a_branch_without_changes_is_what_would_have_come(tmp_path: Path) -> None:
    whole = simulate(CIRCUIT, 40, inputs=RATES, record=RECORD, seed=3)
    simulate(CIRCUIT, 13, inputs=RATES, record=RECORD, seed=3, shard=8, to=tmp_path / "run")
    before = files(tmp_path / "run")
    made = branch(tmp_path / "run", tmp_path / "new", 40)
    assert files(tmp_path / "run") == before
    for name in made.variables:
        data, along = made[name], str(made[name].dims[0])
        np.testing.assert_array_equal(data.values, whole[name].values[-len(data) :], name)
        np.testing.assert_array_equal(data[along].values, whole[name][along].values[-len(data) :], name)
        assert len(data) == len(whole[name]) - 13 // int(along.partition("_")[2] or 1)
    assert_same(made.state, whole.state)
    parent = json.loads(made.tree.attrs["parent"])
    assert (parent["path"], parent["step"], parent["changed"]) == (str(tmp_path / "run"), 13, {})
    assert len(parent["sha256"]) == 64 and made.tree.attrs["first_step"] == 13


def test_a_branch_with_changes_can_be_resumed_and_branched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulate(CIRCUIT, 20, inputs=RATES, record=RECORD, seed=3, shard=8, to=tmp_path / "run")

    def changed(to: str) -> Any:
        return branch(tmp_path / "run", tmp_path / to, 60, parameters={"cell.tau": 3.0}, learn=False, chunk=5)

    made = changed("whole")
    assert json.loads(made.tree.attrs["parent"])["changed"] == {"cell.tau": 3.0, "learn": False}
    assert float(made.circuit.components["cell"].tau) == 3.0 and made.tree.attrs["learn"] is False
    assert (np.diff(made["ff.w"].values, axis=0) == 0).all()
    again = simulate(
        CIRCUIT.with_parameters({"cell.tau": 3.0}), 60, inputs=RATES, record={"cell.v": 1}, seed=3, learn=False
    )
    assert not np.array_equal(again["cell.v"].values[22:60:3], made["cell.v"].values[1:]), "it went on from the state"
    interrupted(monkeypatch, 2, lambda: changed("run2"))
    resume(tmp_path / "run2")
    assert files(tmp_path / "run2") == files(tmp_path / "whole")
    twice = branch(tmp_path / "whole", tmp_path / "twice", 70)
    assert twice["cell.s"]["time"].values.tolist() == list(range(61, 71))


def test_branches_of_trials(tmp_path: Path) -> None:
    whole = simulate(CIRCUIT, **presented(11), record=OF_TRIALS)
    simulate(CIRCUIT, **presented(5), record=OF_TRIALS, to=tmp_path / "run", shard=2)
    made = branch(tmp_path / "run", tmp_path / "new", **presented(11))
    for name in made.variables:
        data = made[name]
        np.testing.assert_array_equal(data.values, whole[name].values[-len(data) :], name)
    assert made["cell.s"]["digit"].values.tolist() == LABELS[5:]


def test_what_cannot_branch(tmp_path: Path) -> None:
    simulate(CIRCUIT, 10, inputs=RATES, to=tmp_path / "run", sweep={"cell.tau": [1.0, 2.0]})
    with pytest.raises(RunError, match=r"is at 10 ms, and the branch would end there or before: set a later end"):
        branch(tmp_path / "run", tmp_path / "new")
    with pytest.raises(RunError, match=r"'cell.tau' is swept in .*run: its values cannot be changed\."):
        branch(tmp_path / "run", tmp_path / "new", 20, parameters={"cell.tau": 1.0})
    with pytest.raises(RunError, match=r"run exists already: choose another path, or set overwrite=True\."):
        branch(tmp_path / "run", tmp_path / "run", 20)
    assert not (tmp_path / "new").exists()


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_what_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"there is no run at '.*nothing'\."):
        resume(tmp_path / "nothing")
    simulate(CIRCUIT, 5, inputs={"src.x": lambda tick: jnp.full(N_IN, 0.5)}, to=tmp_path / "function")
    with pytest.raises(
        RunError, match=r"was fed by a function at 'src.x', which no store can hold: give it again, inputs=\{'src.x': "
    ):
        resume(tmp_path / "function", 10)
    simulate(CIRCUIT, 5, inputs=RATES, to=tmp_path / "run")
    with pytest.raises(RunError, match=r"is a run without trials: it stays one\."):
        resume(tmp_path / "run", trials=Trials(5))
    with pytest.raises(RunError, match=r"chunk must be a whole number of at least 1, got 0\."):
        resume(tmp_path / "run", 10, chunk=0)
    (tmp_path / "run" / "link").symlink_to(tmp_path)
    with pytest.raises(RunError, match=r"run is not written to: there are links in it, which may lead elsewhere\."):
        resume(tmp_path / "run", 10)
    with PluginSet.discover().use(), pytest.warns(UserWarning, match="will not contain its circuit"):
        simulate(CIRCUIT, 5, inputs=RATES, to=tmp_path / "lacking")
    with pytest.raises(RunError, match=r"cannot be resumed, because it does not contain its circuit: .*registered"):
        resume(tmp_path / "lacking")


def test_other_versions_are_told_and_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = simulate(CIRCUIT, 5, inputs=RATES, record={"cell.v": 1}, to=tmp_path / "run")
    made = json.loads(run.tree.attrs["versions"])
    monkeypatch.setattr(provenance_module, "_version", lambda dist: "99" if dist == "numpy" else made.get(dist))
    with pytest.warns(
        UserWarning, match=rf"was made with numpy {made['numpy']} \(now 99\): what comes next may differ"
    ):
        run = resume(tmp_path / "run", 10)
    about = run.tree.attrs
    assert json.loads(about["versions"]) == made
    assert json.loads(about["resumed"]) == [{"step": 5, "versions": made | {"numpy": "99"}}]
    resume(tmp_path / "run", 12)  # says nothing: these are those that it was resumed with


def test_what_a_run_needs_to_go_on_is_checked(tmp_path: Path) -> None:
    simulate(CIRCUIT, 5, inputs={"src.x": 0.5}, to=tmp_path / "run")
    (chunk,) = (f for f in (tmp_path / "run" / "circuit.arrays").rglob("*") if f.is_file() and f.suffix != ".json")
    chunk.unlink()  # reads as nan
    with pytest.raises(RunError, match=r"run cannot be resumed: its array \w{12} is damaged\."):
        resume(tmp_path / "run", 10)


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    simulate(CIRCUIT, 5, inputs=RATES, to=tmp_path / "run")
    with bouton._place.Folder(tmp_path / "run").lock():  # type: ignore[attr-defined]
        message = r"run is being written by another process: wait until it is done\."
        with pytest.raises(RunError, match=message):
            resume(tmp_path / "run", 10)
        with pytest.raises(RunError, match=message):
            simulate(CIRCUIT, 5, inputs=RATES, to=tmp_path / "run", overwrite=True)
        with pytest.raises(RunError, match=message):
            bouton.open(tmp_path / "run").attach("mine", xr.Dataset())
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    resume(tmp_path / "run", 10)


def test_a_lock_is_of_the_folder_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    place, flock = bouton._place.Folder(tmp_path / "run"), fcntl.flock  # type: ignore[attr-defined]
    place.path.mkdir()

    def replaced(handle: int, how: int) -> None:
        place.path.rename(tmp_path / "old")
        place.path.mkdir()
        flock(handle, how)

    with monkeypatch.context() as patch, pytest.raises(RunError, match="is being written by another process"):
        patch.setattr(fcntl, "flock", replaced)
        place.lock()
    place.lock().close()


def test_a_disk_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network disks have none: there a run is not protected, but it runs."""
    code = errno.ENOLCK

    def flock(handle: int, how: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("fcntl.flock", flock)
    simulate(CIRCUIT, 5, inputs=RATES, to=tmp_path / "run")
    resume(tmp_path / "run", 10)
    code = errno.EIO
    with pytest.raises(RunError, match=r"cannot create the run .*/other: Input/output error\."):
        simulate(CIRCUIT, 5, inputs=RATES, to=tmp_path / "other")


def test_a_run_that_becomes_longer_must_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulate(CIRCUIT, 100, inputs=RATES, record={"cell.v": 1}, to=tmp_path / "run")
    monkeypatch.setattr(bouton._place.Folder, "free", lambda self: 20_000)  # type: ignore[attr-defined]
    resume(tmp_path / "run", 2000)  # 1,900 rows of 12 bytes, which take 17,500
    with pytest.raises(RunError, match=r"the run would take about 2\.\d+e-05 GB, cell\.v alone .* free: record it in"):
        resume(tmp_path / "run", 5000)
    assert bouton.open(tmp_path / "run")["cell.v"].sizes["time"] == 2000


def test_runs_that_died_before_they_began_leave_nothing(tmp_path: Path) -> None:
    for name in ("run", "run[1]"):
        left = tmp_path / f".{name}.12345678.partial"
        left.mkdir()
        (left / "something").write_text("")
        simulate(CIRCUIT, 5, inputs=RATES, to=tmp_path / name)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run", "run[1]"]


@pytest.mark.parametrize("key", ["circuit.state/000000000016.npz", "cell/s/c/0/0", "zarr.json"])
def test_one_write_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """What is rescued then is right."""
    how: Any = {"inputs": RATES, "record": RECORD, "seed": 3, "shard": 8}
    simulate(CIRCUIT, 40, **how, to=tmp_path / "whole")
    write, seen = bouton._place.Folder.write, []  # type: ignore[attr-defined]

    def once(self: Any, name: str, *parts: Any) -> None:
        seen.append(name)
        if name == key and seen.count(key) == (1 if "state" in key else 2):
            raise OSError(errno.EIO, "Input/output error")
        write(self, name, *parts)

    monkeypatch.setattr(bouton._place.Folder, "write", once)  # type: ignore[attr-defined]
    monkeypatch.setattr(store_module, "COMMIT_SECONDS", 0.0)
    monkeypatch.setattr(store_module, "SLOW_SECONDS", float("inf"))  # also on a machine that is busy
    with pytest.raises(
        RunError, match=r"cannot write the run .*run: Input/output error\. .* holds everything up to step"
    ):
        simulate(CIRCUIT, 40, **how, to=tmp_path / "run")
    resume(tmp_path / "run")
    assert files(tmp_path / "run") == files(tmp_path / "whole")


def test_an_interruption_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = store_module.ZarrStore.write

    def interrupt(self: ZarrStore, v: Any, start: int, rows: Any) -> None:
        if start >= 16:
            raise KeyboardInterrupt
        write(self, v, start, rows)

    monkeypatch.setattr(ZarrStore, "write", interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        simulate(CIRCUIT, 40, inputs=RATES, record={"cell.s": 1}, to=tmp_path / "run", shard=8)
    to = tmp_path / "run"
    told = (
        f"{to} holds everything up to step 16: go on with bouton.resume({str(to)!r}), or otherwise with bouton.branch."
    )
    assert caught.value.__notes__ == [told]


def test_rows_that_were_written_and_not_committed_do_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = ZarrStore.write

    def interrupt(self: ZarrStore, v: Any, start: int, rows: Any) -> None:
        if start >= 16 and v.name == "v":
            raise KeyboardInterrupt
        write(self, v, start, rows)

    how: Any = {"inputs": RATES, "record": {"cell.s": 1, "cell.v": 1}, "shard": 8}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ZarrStore, "write", interrupt)
        simulate(CIRCUIT, 40, **how, to=tmp_path / "run")
    resume(tmp_path / "run", 16)
    simulate(CIRCUIT, 16, **how, to=tmp_path / "whole")
    assert files(tmp_path / "run") == files(tmp_path / "whole")


def test_what_fails_to_go_on_gives_back_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    simulate(CIRCUIT, 5, inputs=RATES, to=tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(bouton._place.Folder, "sync", full)  # type: ignore[attr-defined]
        with pytest.raises(RunError, match=r"cannot go on with the run .*run: No space left on device\."):
            resume(tmp_path / "run", 10)
    assert resume(tmp_path / "run", 10).tree.attrs["committed_steps"] == 10


def test_no_file_is_replaced_by_one_that_has_not_reached_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut it would be empty. Nor is one committed whose name has not: it would be missing."""
    flushed, replaced, replace, fsync = set(), 0, os.replace, os.fsync
    unnamed: set[int] = set()  # folders with new chunks and checkpoints

    def flush(file: int) -> None:
        fsync(file)
        flushed.add(os.fstat(file).st_ino)
        unnamed.discard(os.fstat(file).st_ino)

    def put(source: Any, target: Any) -> None:
        nonlocal replaced
        assert os.stat(source).st_ino in flushed
        is_commit = target.name == "zarr.json" and (target.parent / "circuit.state").exists()
        assert not is_commit or not unnamed
        if target.name != "zarr.json":
            unnamed.add(target.parent.stat().st_ino)
        replaced += 1
        replace(source, target)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "replace", put)
    monkeypatch.setattr(store_module, "COMMIT_SECONDS", 0.0)
    monkeypatch.setattr(store_module, "SLOW_SECONDS", float("inf"))  # also on a machine that is busy
    simulate(CIRCUIT, 40, inputs=RATES, record=RECORD, to=tmp_path / "run", shard=8)
    assert replaced > 50 and tmp_path.stat().st_ino in flushed


# ---- the thread ------------------------------------------------------------------------------------------------------


def test_work_is_done_in_turn_and_little_waits() -> None:
    done: list[int] = []
    gate = threading.Event()
    with Writer() as writer:
        writer.put(gate.wait)
        writer.put(lambda: done.append(1))
        writer.put(lambda: done.append(2))
        threading.Timer(0.2, gate.set).start()
        writer.put(lambda: done.append(3))  # waits for room
        assert writer.waited > 0.1
        assert writer.call(lambda: len(done)) == 3
    assert done == [1, 2, 3]


def test_the_first_error_of_the_thread_stops_the_work() -> None:
    done: list[str] = []

    def fail() -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"), Writer() as writer:
        writer.rescue = lambda: done.append("rescued")
        writer.put(fail)
        while writer.error is None:
            time.sleep(0.01)
        with pytest.raises(OSError, match="no"):
            writer.put(lambda: done.append("after"))
    assert done == ["rescued"]
    with pytest.raises(ValueError, match="mine"), Writer() as writer:
        writer.rescue = lambda: done.append("rescued again")
        writer.put(lambda: done.append("before"))
        raise ValueError("mine")
    assert done == ["rescued", "before", "rescued again"]


def test_a_second_interruption_leaves_the_thread_to_finish(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    gate = threading.Event()

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Writer() as writer:
        writer.rescue, writer.close = lambda: done.append("rescued"), lambda: done.append("closed")
        writer.put(gate.wait)
        join = writer.thread.join
        monkeypatch.setattr(writer.thread, "join", interrupt)
        raise KeyboardInterrupt
    assert not done
    gate.set()
    join()
    assert done == ["rescued", "closed"]
