"""Stores from anywhere: what is in them is never executed, never read from elsewhere, never unpacked without limit."""

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bouton
import numpy as np
import pytest
import xarray as xr
from bouton import BoutonError, Record, RunError, resume, simulate

from .tiny import PLUGINS, RATES, network


@pytest.fixture(autouse=True)
def with_tiny_components() -> Any:
    with PLUGINS.use():
        yield


@pytest.fixture(scope="module")
def original(tmp_path_factory: Any) -> Path:
    to = tmp_path_factory.mktemp("hostile") / "run"
    with PLUGINS.use():
        record = {"cell.s": 1, "cell.v": 1, "src.s": Record(events=True)}
        simulate(network(), 20.0, inputs=RATES, record=record, to=to)
    return to


@pytest.fixture
def run(original: Path, tmp_path: Path) -> Path:
    for file in (f for f in original.rglob("*") if f.is_file()):
        copy = tmp_path / "run" / file.relative_to(original)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    return tmp_path / "run"


class Marks:
    """Unpickled, it leaves a file behind."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.marker),)


def edit(run: Path, change: Callable[[dict[str, Any]], None]) -> None:
    root = json.loads((run / "zarr.json").read_text())
    change(root)
    (run / "zarr.json").write_text(json.dumps(root))


def everything(run: Path) -> None:
    """All that can be done with a stored run."""
    opened = bouton.open(run)
    for name in opened.variables:
        _ = opened[name].values
    _ = opened.circuit, opened.state
    resume(run, 30.0)


def member(root: dict[str, Any], path: str = "cell/v") -> dict[str, Any]:
    return root["consolidated_metadata"]["metadata"][path]


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "pickle": (
        lambda r: member(r).update(codecs=[{"name": "numcodecs.pickle", "configuration": {}}]),
        "cell/v is coded with 'numcodecs.pickle', which may execute code or fill the memory. Legal: blosc, bytes,",
    ),
    "zstd": (
        lambda r: member(r).update(codecs=[{"name": "bytes"}, {"name": "zstd", "configuration": {"level": 1}}]),
        "cell/v is coded with 'zstd', which may execute code",
    ),
    "within a shard": (
        lambda r: member(r).update(
            codecs=[
                {
                    "name": "sharding_indexed",
                    "configuration": {"chunk_shape": [1, 1], "codecs": ["numcodecs.json2"], "index_codecs": []},
                }
            ]
        ),
        "cell/v is coded with 'numcodecs.json2'",
    ),
    "objects": (lambda r: member(r).update(data_type="numpy.object"), "cell/v holds 'numpy.object', which is none of"),
    "format 2": (lambda r: member(r).update(zarr_format=2), "cell/v is of zarr format 2, and only format 3 is safe"),
    "transformers": (lambda r: member(r).update(storage_transformers=[{}]), "cell/v has storage transformers"),
    "large chunks": (
        lambda r: member(r)["chunk_grid"]["configuration"].update(chunk_shape=[2**40, 3]),
        "a chunk of cell/v has 13,194,139,533,312 bytes, and at most 2,147,483,648 are read",
    ),
    "large coordinate": (
        lambda r: member(r, "cell/time").update(shape=[2**50]),
        "the coordinate cell/time would take 9,007,199,254,740,992 bytes of memory",
    ),
    "above": (
        lambda r: r["consolidated_metadata"]["metadata"].update({"../../etc": {"node_type": "group"}}),
        "the path '../../etc' leads out of it",
    ),
    "absolute": (
        lambda r: r["consolidated_metadata"]["metadata"].update({"/etc": {"node_type": "group"}}),
        "the path '/etc' leads out of it",
    ),
    "checkpoint": (
        lambda r: r["attributes"].update(checkpoint="../../secret.npz"),
        "its checkpoint '../../secret.npz' is none of bouton's files",
    ),
    "form": (
        lambda r: r["attributes"].update(bouton=7),
        "it is a store of form 7, and this version of bouton reads form",
    ),
    "damage": (lambda r: member(r).pop("codecs"), "its metadata are damaged: KeyError: 'codecs'"),
    "not consolidated": (lambda r: r.pop("consolidated_metadata"), "consolidated_metadata is damaged"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_metadata_are_refused_before_anything_is_read(run: Path, change: str) -> None:
    what, message = CHANGES[change]
    edit(run, what)
    for look in (bouton.open, resume):
        with pytest.raises(RunError) as caught:
            look(run)
        assert str(caught.value).startswith(f"{run} is not opened: {message}")


def test_names_in_a_circuit_are_those_of_components(run: Path) -> None:
    def name_another(root: dict[str, Any]) -> None:
        circuit = json.loads(root["attributes"]["circuit"])
        circuit["nodes"]["cell"]["type"] = "os:system"
        root["attributes"]["circuit"] = json.dumps(circuit)

    edit(run, name_another)
    for look in (resume, lambda path: bouton.open(path).circuit):
        with pytest.raises(BoutonError, match=r"nodes\.cell\.type: .*os:system"):
            look(run)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_checkpoint_holds_numbers_only(run: Path, tmp_path: Path, compression: int) -> None:
    file, marker = next((run / "circuit.state").iterdir()), tmp_path / "marker"
    with zipfile.ZipFile(file, "w", compression) as z:
        buffer = io.BytesIO()
        if compression == zipfile.ZIP_STORED:
            np.save(buffer, np.array([Marks(marker)], dtype=object), allow_pickle=True)
        else:  # a thousand times larger than the file
            np.save(buffer, np.zeros(10**7))
        z.writestr("state.cell.v.npy", buffer.getvalue())
    with pytest.raises(RunError, match=r"the checkpoint circuit.state/.* is damaged: ValueError: "):
        resume(run, 30.0)
    with pytest.raises(RunError, match=r"is damaged"):
        _ = bouton.open(run).state
    assert not marker.exists()


def test_a_chunk_of_pickles_is_just_bytes(run: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    for chunk in run.glob("cell/*/c/**/*"):
        if chunk.is_file():
            chunk.write_bytes(pickle.dumps(Marks(marker)))
    with pytest.raises(Exception):  # noqa: B017 whatever blosc says
        everything(run)
    assert not marker.exists()


def test_links_that_lead_out_are_not_followed(run: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    chunk = next(f for f in (run / "cell" / "v" / "c").rglob("*") if f.is_file())
    secret.write_bytes(chunk.read_bytes())
    chunk.unlink()
    chunk.symlink_to(secret)
    opened = bouton.open(run)
    with pytest.raises(RunError, match=r"is not read: it is a link that leads out of the run\."):
        _ = opened["cell.v"].values
    for write in (lambda: resume(run, 30.0), lambda: opened.attach("mine", xr.Dataset())):
        with pytest.raises(RunError, match=r"there are links in it, which may lead elsewhere\."):
            write()
    linked = tmp_path / "other"
    linked.symlink_to(run)  # the run itself may be somewhere else
    assert bouton.open(linked)["cell.s"].values.shape == (20, 3)


def test_a_pipe_or_a_huge_file_in_place_of_a_chunk(run: Path) -> None:
    chunk = next(f for f in (run / "cell" / "v" / "c").rglob("*") if f.is_file())
    chunk.unlink()
    os.mkfifo(chunk)
    with pytest.raises(RunError, match=r"is not read: it is no plain file\."):
        _ = bouton.open(run)["cell.v"].values
    chunk.unlink()
    with chunk.open("wb") as file:
        file.truncate(2**40)  # takes no room
    with pytest.raises(RunError, match=r"is not read: it has 1,099,511,627,776 bytes\."):
        _ = bouton.open(run)["cell.v"].values
    (run / "zarr.json").unlink()
    os.mkfifo(run / "zarr.json")
    with pytest.raises(RunError, match=r"is not read: it is no plain file\."):
        bouton.open(run)


def test_events_that_do_not_fit(run: Path) -> None:
    edit(run, lambda root: member(root, "src/s")["attributes"]["events"].update(shape=[0, 1]))
    with pytest.raises(RunError, match=r"a list of events is damaged: it does not fit to its shape\."):
        _ = bouton.open(run)["src.s"].values
    edit(run, lambda root: member(root, "src/s")["attributes"]["events"].update(shape="long"))
    with pytest.raises(RunError, match=r"the list of events /src/s is damaged"):
        bouton.open(run)


# ---- spikes ----------------------------------------------------------------------------------------------------------


def test_spikes_are_booleans_for_everyone_and_an_eighth_of_their_size(tmp_path: Path) -> None:
    run = simulate(network(), 64.0, inputs=RATES, record={"cell.s": 1}, to=tmp_path / "run")
    with xr.open_zarr(tmp_path / "run", group="cell", chunks=None) as plain:
        assert plain["s"].dtype == bool
        np.testing.assert_array_equal(plain["s"].values, run["cell.s"].values)
    doc = json.loads((tmp_path / "run" / "cell" / "s" / "zarr.json").read_text())
    assert [codec["name"] for codec in doc["codecs"]] == ["numcodecs.packbits", "bytes", "blosc"]


@pytest.mark.parametrize("how", [{}, {"batch": 2}, {"sweep": {"cell.tau": [5.0, 10.0]}}])
def test_events_are_the_same_booleans_read_in_parts(tmp_path: Path, how: dict[str, Any]) -> None:
    dense = simulate(network(), 30.0, inputs=RATES, record={"cell.s": 1}, **how)["cell.s"]
    simulate(network(), 30.0, inputs=RATES, record={"cell.s": Record(events=True)}, to=tmp_path / "run", shard=7, **how)
    lazy = bouton.open(tmp_path / "run")["cell.s"]
    xr.testing.assert_identical(lazy.compute(), dense)
    time = dense.dims.index("time")
    for rows in (slice(3, 20, 4), slice(20, 3, -3), 5, -1, slice(4, 4), [1, 9, 2], slice(None)):
        for unit in (slice(None), 1, [2, 0]):
            np.testing.assert_array_equal(
                bouton.open(tmp_path / "run")["cell.s"].isel(time=rows, unit=unit).values,
                dense.isel(time=rows, unit=unit).values,
                f"{time} {rows} {unit}",
            )
    assert bouton.open(tmp_path / "run").spikes("cell").identical(simulate(
        network(), 30.0, inputs=RATES, record={"cell.s": 1}, **how).spikes("cell"))  # fmt: skip


def test_only_spikes_are_events() -> None:
    with pytest.raises(RunError, match=r"record: 'cell.v' does not hold spikes, so it cannot be kept as events\."):
        simulate(network(), 5.0, inputs=RATES, record={"cell.v": Record(events=True)})
    with pytest.raises(RunError, match=r"Record.events must be True or False, got 1\."):
        Record(events=1)  # type: ignore[arg-type]
