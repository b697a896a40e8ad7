"""What makes no sense is refused before anything is computed, in words that name it and say what to do."""

import errno
import os
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from bouton import (
    BoutonError,
    Circuit,
    Component,
    Param,
    Ports,
    Record,
    RunError,
    Tick,
    Trials,
    delayed,
    open,
    parameter,
    port,
    simulate,
    static,
)
from bouton import _store as store_module
from bouton._chunk import Program
from bouton._place import Folder
from bouton._store import ZarrStore
from jaxtyping import Array, Float, Int

from .tiny import N_IN, PLUGINS, RATES, Leaky, Noise, network

CIRCUIT = network()
IMAGES = (("trial", "unit"), np.zeros((4, N_IN)))


@pytest.fixture(autouse=True)
def with_tiny_components() -> Any:
    with PLUGINS.use():
        yield


def refused(message: str, **keywords: Any) -> None:
    """`simulate` raises this before it has computed anything."""
    how = {"circuit": CIRCUIT, "inputs": RATES} | ({} if "trials" in keywords else {"duration": 10.0}) | keywords
    with pytest.raises(BoutonError) as caught, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Program, "run", None)
        simulate(**how)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"circuit": None}, "simulate needs a bouton.Circuit, got None."),
        ({"duration": None}, "say how long: either duration= [ms], or trials=bouton.Trials(present=...)."),
        ({"duration": 10.0, "trials": Trials(5)}, "say how long: either duration= [ms], or trials="),
        ({"duration": 0.0}, "duration must be a number > 0 ms, got 0.0."),
        ({"duration": -5.0}, "duration must be a number > 0 ms, got -5.0."),
        ({"duration": float("nan")}, "duration must be a number > 0 ms, got nan."),
        ({"duration": float("inf")}, "duration must be a number > 0 ms, got inf."),
        ({"duration": "10"}, "duration must be a number > 0 ms, got '10'."),
        ({"duration": 10.5}, "duration of 10.5 ms is not a whole number of steps of 1 ms: 10 ms would be."),
        ({"duration": 1e10}, "10000000000 steps are too many for one run, which has at most 2147483647."),
        ({"dt": 0.0}, "dt must be a number > 0 ms, got 0.0."),
        ({"dt": float("nan")}, "dt must be a number > 0 ms, got nan."),
        ({"dt": True}, "dt must be a number > 0 ms, got True."),
        ({"dt": 3.0}, "duration of 10 ms is not a whole number of steps of 3 ms: 9 ms would be."),
        ({"dt": 2.0}, "cell.s~3ms: a delay of 3 ms is not a positive whole number of steps of 2 ms."),
        ({"seed": -1}, "seed must be a whole number from 0 to 2**32 - 1, got -1. Several go into sweep['seed']."),
        ({"seed": 2**32}, "seed must be a whole number from 0 to 2**32 - 1, got 4294967296."),
        ({"seed": [1, 2]}, "seed must be a whole number from 0 to 2**32 - 1, got [1, 2]."),
        ({"batch": 0}, "batch must be a whole number of at least 1, got 0."),
        ({"batch": 2.5}, "batch must be a whole number of at least 1, got 2.5."),
        ({"chunk": 0}, "chunk must be a whole number of at least 1, got 0."),
        ({"batch_reduce": "max"}, "batch_reduce must be 'mean' or 'sum', got 'max'."),
        ({"trials": 5}, "trials must be a bouton.Trials, got 5."),
    ],
)
def test_numbers(keywords: dict[str, Any], message: str) -> None:
    refused(message, **keywords)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (["cell.v"], "record must map names to how often, e.g. {'exc.s': 1}, got ['cell.v']."),
        ({"cell.vv": 1}, "record: unknown state or output 'cell.vv'. Did you mean 'cell.v'?"),
        ({"cel.v": 1}, "record: unknown state or output 'cel.v'. Did you mean 'cell.v'?"),
        ({"cell.v": 0}, "record['cell.v'] must be a number of steps, at least 1, or a bouton.Record, got 0."),
        ({"cell.v": True}, "record['cell.v'] must be a number of steps, at least 1, or a bouton.Record, got True."),
        ({"cell.v": 2.5}, "record['cell.v'] must be a number of steps, at least 1, or a bouton.Record, got 2.5."),
        ({"cell.v": [1, 10]}, "record: 'cell.v' is asked for twice with reduce='last'."),
        ({"cell.s~3ms.ring": 1}, "record: 'cell.s~3ms.ring' is not an array with named dims and cannot be recorded."),
        ({"cell.v": Record(per="trial")}, "Record(per='trial') needs trials=."),
        ({("cell", "v"): 1}, "record: a name such as 'exc.v' was expected, got ('cell', 'v')."),
    ],
)
def test_record(record: Any, message: str) -> None:
    refused(message, record=record)


def test_the_words_of_a_record() -> None:
    for make, message in (
        (lambda: Record("avg"), "Record.reduce: unknown 'avg'. Available: last, mean, sum, max, min."),
        (lambda: Record("men"), "Record.reduce: unknown 'men'. Did you mean 'mean'?"),
        (lambda: Record(every=0), "Record.every must be a whole number of at least 1, got 0."),
        (lambda: Record(per="epoch"), "Record.per must be 'step' or 'trial', got 'epoch'."),
        (
            lambda: Record("sum", every=2, per="trial"),
            "Record: a reduction per trial covers one trial; leave `every` out.",
        ),
    ):
        with pytest.raises(RunError, match=re.escape(message)):
            make()


NAN = np.array([0.1, 0.2, np.nan, 0.4])
INF = np.array([0.1, -np.inf, np.inf, 0.4])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([1.0], "inputs must map names to values, e.g. {'image.x': rates}, got [1.0]."),
        ({}, "nothing feeds 'src.x': wire it, or give it in inputs=."),
        (RATES | {"src.y": 1.0}, "inputs: unknown input 'src.y'. Did you mean 'src.x'?"),
        ({3: 1.0}, "inputs: a name such as 'exc.v' was expected, got 3."),
        (RATES | {"ff.pre": 1.0}, "inputs['ff.pre'] is wired already and takes one value only."),
        ({"src.x": "0.5"}, "inputs['src.x'] must hold numbers, got an array of <U3."),
        ({"src.x": None}, "inputs['src.x'] must be an array, (dims, array), a DataArray or a function, got None."),
        ({"src.x": 1j}, "inputs['src.x'] holds complex128, but the input is Float (float32)."),
        ({"src.x": np.zeros(5)}, "inputs['src.x'] has the shape (5,), expected (4,) (unit 4). An array that varies is"),
        ({"src.x": np.zeros((10, 4))}, "An array that varies is given with its dims, e.g. (('time', 'unit'), array)."),
        ({"src.x": (("time", "units"), np.zeros((10, 4)))}, "has a dim 'units'; here it may have time, unit."),
        ({"src.x": (("trial", "unit"), np.zeros((10, 4)))}, "has a dim 'trial'; here it may have time, unit."),
        ({"src.x": (("time", "unit"), np.zeros((9, 4)))}, "inputs['src.x'] has 9 along 'time', expected 10."),
        ({"src.x": (("time", "unit"), np.zeros(10))}, "the dims ('time', 'unit') do not name the axes of an array of"),
        ({"src.x": (("unit", "unit"), np.zeros((4, 4)))}, "the dims ('unit', 'unit') do not name the axes of an array"),
        (
            {"src.x": xr.DataArray(np.zeros((10, 4)), dims=("time", "unit"), coords={"time": 0.5 * np.arange(10)})},
            "inputs['src.x']: its rows are 0.5 ms apart, the steps of the run 1 ms.",
        ),
        ({"src.x": NAN}, "inputs['src.x'][2] is nan."),
        ({"src.x": jnp.asarray(NAN, jnp.float32)}, "inputs['src.x'][2] is nan."),
        ({"src.x": INF}, "inputs['src.x'][1] is -inf."),
        ({"src.x": jnp.asarray(INF[2:], jnp.float32)[0]}, "inputs['src.x'] is inf."),
        ({"src.x": (("time", "unit"), np.tile(INF, (10, 1)))}, "inputs['src.x'][0, 1] is -inf."),
        (
            {"src.x": xr.DataArray(np.zeros(4), dims="unit", attrs={"units": "mV"})},
            "inputs['src.x'] is in [mV], src.x in [1]: the units differ.",
        ),
        ({"src.x": float("nan")}, "inputs['src.x'] is nan."),
        ({"src.x": (("time", "unit"), np.tile(NAN, (10, 1)))}, "inputs['src.x'][0, 2] is nan."),
        ({"src.x": lambda tick: jnp.zeros(7)}, "src.x brings an array of shape (7,); expected (4,) ('unit',)."),
    ],
)
def test_inputs(inputs: Any, message: str) -> None:
    refused(message, inputs=inputs)


def test_whole_numbers_are_not_made_of_fractions() -> None:
    class Gate(Component):
        class In(Ports):
            which: Int[Array, " gate"] = port()

        def dims(self) -> Any:
            return {"gate": 2}

        def advance(self, s: Any, x: Any, tick: Tick) -> Any:
            return s, self.Out()

    refused(
        "inputs['gate.which'] holds float64, but the input is Int (int32).",
        circuit=Circuit(nodes={"gate": Gate()}),
        inputs={"gate.which": [0.5, 1.0]},
    )


@pytest.mark.parametrize(
    ("trials", "inputs", "message"),
    [
        (Trials(0.0), IMAGES, "Trials.present must be a number > 0 ms, got 0.0."),
        (Trials(2.5), IMAGES, "Trials.present of 2.5 ms is not a whole number of steps of 1 ms: 2 ms would be."),
        (Trials(5, rest=-1.0), IMAGES, "Trials.rest must be a number > 0 ms, got -1.0."),
        (Trials(5, rest=float("nan")), IMAGES, "Trials.rest must be a number > 0 ms, got nan."),
        (Trials(5, rest=0.5), IMAGES, "Trials.rest of 0.5 ms is not a whole number of steps of 1 ms: 1 ms would be."),
        (Trials(5), np.zeros(N_IN), "trials= needs an input with a dim 'trial', e.g. {'image.x': (('trial', 'unit')"),
        (
            Trials(5, coords={"digit": [1, 2, 3]}),
            IMAGES,
            "the number of trials is not the same everywhere: 3 for coords['digit'], 4 for inputs['src.x'].",
        ),
        (Trials(5), (("trial", "unit"), np.zeros((0, N_IN))), "there are no trials: the inputs have a length of 0"),
        (
            Trials(5),
            (("trial", "time", "unit"), np.zeros((4, 7, N_IN))),
            "inputs['src.x'] has 7 along 'time', expected 5.",
        ),
        (Trials(5, coords={"a": np.zeros((4, 2))}), IMAGES, "Trials.coords['a'] must be a list of numbers or of text"),
        (Trials(5, coords=[1] * 4), IMAGES, "Trials.coords must map names to labels, e.g. {'digit': digits}, got ["),
        (Trials(5, coords={"a": [None] * 4}), IMAGES, "Trials.coords['a'] must be a list of numbers or of text, got ["),
        (Trials(5, coords={"trial": [1] * 4}), IMAGES, "Trials.coords: 'trial' cannot name labels: use an identifier"),
    ],
)
def test_trials(trials: Trials, inputs: Any, message: str) -> None:
    refused(message, trials=trials, inputs={"src.x": inputs})


def test_records_that_trials_cannot_give() -> None:
    record = {"cell.v": Record(every=2, per="trial")}
    message = "record: 'cell.v' differs between the samples of a batch: record it in every trial."
    refused(message, trials=Trials(5), inputs={"src.x": IMAGES}, record=record, batch=2)


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ([1, 2], "sweep must map parameters to their values, got [1, 2]."),
        ({"cell.taum": [1.0]}, "sweep: 'cell.taum' names no parameter: no field 'taum'. Did you mean 'tau'?"),
        ({"cel.tau": [1.0]}, "sweep: 'cel.tau' names no parameter: no node 'cel'. Did you mean 'cell'?"),
        ({"cell.n": [1, 2]}, "sweep: 'cell.n' is static (it decides a shape or a branch)"),
        ({"cell.tau": 5.0}, "sweep['cell.tau'] must be a list of numbers, got 5.0."),
        ({"cell.tau": []}, "sweep['cell.tau'] must be a list of numbers, got []."),
        ({"cell.tau": ["a"]}, "sweep['cell.tau'] must be a list of numbers, got ['a']."),
        ({"cell.tau": [1.0, -2.0]}, "sweep: cell.tau must be > 0 ms, got -2."),
        (
            {"cell.tau": [[1.0, 2.0]]},
            "sweep: cell.tau must be a single number or an array of shape (3,) (unit), got an",
        ),
        ({"ff.plasticity.rate": [float("nan")]}, "sweep: ff.plasticity.rate must be a number, got nan."),
        ({"seed": [0.5]}, "sweep['seed'] must be a list of whole numbers from 0 to 2**32 - 1, got [0.5]."),
        (
            {"seed": [0, 2**32]},
            "sweep['seed'] must be a list of whole numbers from 0 to 2**32 - 1, got [0, 4294967296].",
        ),
        ({3: [1.0]}, "sweep: a name such as 'exc.v' was expected, got 3."),
    ],
)
def test_sweep(sweep: Any, message: str) -> None:
    refused(message, sweep=sweep)


def test_state() -> None:
    plain = simulate(CIRCUIT, 2.0, inputs=RATES)
    refused("state= must be a state such as run.state, got Run.", state=plain)
    other = Circuit(nodes={"src": Noise(N_IN), "cell": Leaky(3)})
    refused(
        "state= belongs to another circuit: only one of them has cell.s~3ms, ff, inh.",
        state=other.init(key=jax.random.key(0), dt=1.0),
    )
    message = "state['cell.s~3ms'].ring has the shape (3, 3), expected (3, 2, 3). For another batch: state=circuit."
    with pytest.raises(RunError, match=re.escape(message)):
        simulate(CIRCUIT, 2.0, inputs=RATES, state={**plain.state}, batch=2)
    wrong = {**plain.state, "ff": plain.state["ff"].replace(w=jnp.zeros((4, 4)))}
    with pytest.raises(RunError, match=re.escape("state['ff'].w has the shape (4, 4), expected (4, 3).")):
        simulate(CIRCUIT, trials=Trials(5), inputs={"src.x": IMAGES}, state=wrong)


# ---- where the run should go -----------------------------------------------------------------------------------------


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    to = tmp_path / "run.zarr"
    simulate(CIRCUIT, 5.0, inputs=RATES, record={"cell.v": 1}, to=to)
    refused(f"{to} exists already: choose another path, or set overwrite=True.", to=to)
    refused("unknown state or output 'cell.vv'", record={"cell.vv": 1}, to=to, overwrite=True)
    assert open(to)["cell.v"].sizes["time"] == 5  # a request that makes no sense has cost nothing
    simulate(CIRCUIT, 3.0, inputs=RATES, record={"cell.v": 1}, to=to, overwrite=True)
    assert open(to)["cell.v"].sizes["time"] == 3


def test_only_runs_are_overwritten(tmp_path: Path) -> None:
    folder, file = tmp_path / "thesis", tmp_path / "thesis.txt"
    folder.mkdir()
    (folder / "chapter").write_text("one")
    file.write_text("two")
    for to in (folder, file):
        refused(f"{to} exists already: choose another path", to=to)
        refused(
            f"{to} exists and is not a run of bouton: it is not overwritten. Remove it yourself.", to=to, overwrite=True
        )
    assert (folder / "chapter").read_text() == "one" and file.read_text() == "two"
    dangling = tmp_path / "link"
    dangling.symlink_to(tmp_path / "nowhere")
    refused(f"{dangling} exists already", to=dangling)


def failed(message: str, **keywords: Any) -> None:
    with pytest.raises(RunError) as caught:
        simulate(CIRCUIT, 10.0, inputs=RATES, record={"cell.v": 1}, **keywords)
    assert str(caught.value).startswith(message)


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    to = tmp_path / "file" / "run.zarr"
    failed(f"cannot create the run {to}: ", to=to)


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "mkdir", refuse)  # root may write everywhere, whatever the mode of a folder
    to = tmp_path / "sub" / "run.zarr"
    failed(f"cannot create the run {to}: Permission denied.", to=to)


def test_a_disk_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, calls = ZarrStore.write, []

    def full(self: ZarrStore, *arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 3:  # in the third shard
            self.ledger.store.wait()  # the second one is committed
            monkeypatch.setattr(Folder, "write", no_room)
        write(self, *arguments)

    def no_room(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(ZarrStore, "write", full)
    monkeypatch.setattr(store_module, "COMMIT_SECONDS", 0.0)
    monkeypatch.setattr(store_module, "SLOW_SECONDS", float("inf"))  # also on a machine that is busy
    to = tmp_path / "run.zarr"
    failed(f"cannot write the run {to}: No space left on device. {to} holds everything up to step 4", to=to, shard=2)
    left = open(to)
    assert left.tree.attrs["committed_steps"] == 4 and left["cell.v"].sizes["time"] == 4


def free(monkeypatch: pytest.MonkeyPatch, n: float) -> list[Path]:
    """Every disk has `n` bytes left; returns which folders were asked about."""
    asked: list[Path] = []

    def usage(path: Path) -> Any:
        asked.append(path)
        return SimpleNamespace(free=int(n))

    monkeypatch.setattr(shutil, "disk_usage", usage)
    return asked


def test_a_disk_on_which_the_run_will_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    to = tmp_path / "deep" / "er" / "run.zarr"
    record = {"cell.v": 1, "cell.s": 1, "cell.count": 1, "cell.theta": 4}
    need = 2e9 * 3 * (4 / 1.3 + 1 / 40 + 4 / 5 + 4 / 4 / 1.3)
    assert need == pytest.approx(28.0e9, rel=1e-2)
    asked = free(monkeypatch, 5e9)
    refused(
        f"the run would take about 28 GB, cell.v alone 18.5 GB, but {to.parent} has 5 GB free: record it in every k-th "
        "step, record fewer compartments, or choose another disk.",
        duration=2e9,
        record=record,
        to=to,
    )
    assert asked == [tmp_path] and not any(tmp_path.iterdir())
    free(monkeypatch, 1.001 * need)
    with pytest.raises(TypeError):  # so much room is enough: it goes on to compute
        monkeypatch.setattr(Program, "start", None)
        simulate(CIRCUIT, 2e9, inputs=RATES, record=record, to=to)


def test_counts_take_less_room_than_other_floats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 0)
    record = {"cell.s": Record("sum", every=2)}
    refused("cell.s_sum alone 2.4 GB", duration=2e9, record=record, to=tmp_path / "run.zarr")


def test_the_run_that_is_replaced_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    to, record = tmp_path / "run.zarr", {"cell.v": 1}
    simulate(CIRCUIT, 1000.0, inputs=RATES, record=record, to=to)
    size = sum(f.stat().st_size for f in to.rglob("*") if f.is_file())
    free(monkeypatch, 0)
    refused("the run would take about 9.23e-05 GB", duration=10_000.0, record=record, to=to, overwrite=True)
    assert size < 92_300 and open(to)["cell.v"].sizes["time"] == 1000  # still there
    simulate(CIRCUIT, 500.0, inputs=RATES, record=record, to=to, overwrite=True)
    assert open(to)["cell.v"].sizes["time"] == 500


def test_a_disk_that_does_not_say_how_much_room_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(path: Path) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(shutil, "disk_usage", unknown)
    simulate(CIRCUIT, 5.0, inputs=RATES, record={"cell.v": 1}, to=tmp_path / "run.zarr")


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("no://bucket/run.zarr", ". For s3:// install bouton[remote]; other object stores need their own package of"),
        (
            Path("gs://bucket/run"),
            "{what} 'gs:/bucket/run': a Path loses one of the slashes of a URL: give it as text.",
        ),
        ("simplecache::s3://b/run", "{what} 'simplecache::s3://b/run' is a chain of URLs, to which a run cannot be"),
    ],
)
def test_urls_that_cannot_be_used(to: Any, message: str) -> None:
    refused(message.format(what="to="), to=to)
    with pytest.raises(RunError, match=re.escape(message.format(what="open:"))):
        open(to)


def test_a_run_too_large_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(np, "empty", none_left)
    with pytest.raises(
        RunError, match=r"cell.v would take 22.4 GiB of memory: record it less often, or to a folder by to="
    ):
        simulate(CIRCUIT, 2e9, inputs=RATES, record={"cell.v": 1})


def test_what_is_no_run_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"there is no run at '.*nowhere'\."):
        open(tmp_path / "nowhere")
    with pytest.raises(RunError, match=r"is not a run of bouton\."):
        open(tmp_path)
    with pytest.raises(RunError, match=r"open: must be the path of a folder for the run, or a URL, got 3\."):
        open(3)  # type: ignore[arg-type]


# ---- what turns out while it runs ------------------------------------------------------------------------------------


class Fuse(Component):
    """Counts steps, and becomes nan in the unit and step that are asked for."""

    n: int = static(dim="unit")
    step: Param = parameter(default=12.0)
    unit: Param = parameter(default=2.0)

    class In(Ports):
        x: Float[Array, "*batch unit"] = port(default=0.0)

    class State(Ports):
        v: Float[Array, "*batch unit"] = port()

    def advance(self, s: Any, x: Any, tick: Tick) -> Any:
        blown = (jnp.asarray(tick.step, float) == self.step) & (jnp.arange(float(self.n)) == self.unit)
        return self.State(v=jnp.where(blown, jnp.nan, s.v + 1.0)), self.Out()


def test_nan_is_reported_with_unit_and_time(tmp_path: Path) -> None:
    c = Circuit(nodes={"fuse": Fuse(4)})

    def blows(message: str, **keywords: Any) -> None:
        with pytest.raises(RunError, match=re.escape(message) + "(\n|$)"):
            simulate(c, **({"duration": 40.0, "record": {"fuse.v": 1}} | keywords))

    blows("fuse.v[2] became nan at 13 ms.", chunk=10)
    blows("fuse.v[0, 2] became nan at 13 ms.", chunk=5, batch=2)
    blows("fuse.v[2] became nan at 13 ms, fuse.step number 1.", chunk=20, sweep={"fuse.step": [99, 12, 11 + 1]})
    blows("fuse.v[2] became nan at 12 ms, fuse.step number 2.", chunk=20, sweep={"fuse.step": [99, 12, 11]})
    trials = {"duration": None, "trials": Trials(5, 1, coords={"label": np.arange(7)})}
    blows("fuse.v[2] became nan in trial 2 at 1 ms.", **trials, chunk=3)
    blows("fuse.v[2] became nan in trial 4 at 1 ms.", **trials, batch=2)
    with PLUGINS.of({"component": {"Fuse": Fuse}}).use():
        blows("fuse.v[2] became nan at 13 ms.", chunk=5, shard=10, to=tmp_path / "run.zarr")
    assert open(tmp_path / "run.zarr")["fuse.v"].values[:, 0].tolist() == list(range(1, 11))  # what came before


def test_two_compartments_of_one_name_or_two_lengths() -> None:
    class Odd(Component):
        class Out(Ports):
            time: Float[Array, ""] = port()

        def advance(self, s: Any, x: Any, tick: Tick) -> Any:
            return s, self.Out(time=0.0)

    c = Circuit(nodes={"odd": Odd(), "cell": Leaky(2)}, wires={"cell.j": delayed("odd.time", 1.0)})
    refused(
        "record: 'odd.time' has the name of a dim or a coordinate of its node: rename it.",
        circuit=c,
        inputs=None,
        record={"odd.time": 1},
    )


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_working_folder_and_those_above_it_are_never_touched(tmp_path, monkeypatch, overwrite):
    simulate(CIRCUIT, 5.0, inputs=RATES, to=tmp_path / "run.zarr")  # even where the folder is a run
    (tmp_path / "run.zarr" / "inside").mkdir()
    (tmp_path / "run.zarr" / "inside" / "precious").write_text("mine")
    monkeypatch.chdir(tmp_path / "run.zarr" / "inside")
    for to in (".", "..", "../../run.zarr", tmp_path, tmp_path / "run.zarr"):
        refused(f"{Path(to)} is the working folder, or one above it", to=to, overwrite=overwrite)
    for to in ("", 3):
        refused(f"to= must be the path of a folder for the run, or a URL, got {to!r}.", to=to, overwrite=overwrite)
    assert (tmp_path / "run.zarr" / "inside" / "precious").read_text() == "mine"
