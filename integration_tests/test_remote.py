"""Runs in an object store: bouton over fsspec and s3fs, against moto's server on this machine."""

from collections.abc import Iterator
from typing import Any

import bouton
import numpy as np
import pytest
from bouton import Circuit, RunError, _place
from bouton_cells import LIFCell, PoissonCell
from bouton_synapses_dense import Dense

pytestmark = pytest.mark.filterwarnings("ignore")  # of botocore, moto and their servers


@pytest.fixture(scope="session")  # tests of other modules may come between, and fsspec remembers where a server was
def bucket() -> Iterator[str]:
    fsspec = pytest.importorskip("fsspec")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        fsspec.filesystem("s3").mkdir("bucket")
        yield "s3://bucket"
    server.stop()


CIRCUIT = Circuit(
    nodes={
        "image": PoissonCell(n_units=5),
        "ff": bouton.Synapse(Dense(5, 4), weights=bouton.Uniform(0.0, 80.0)),
        "exc": LIFCell(n_units=4),
    },
    wires={"ff.pre": "image.s", "exc.j": "ff.current"},
)


def simulate(to: Any, duration: float = 60.0, **how: Any) -> Any:
    record = {"exc.s": 1, "exc.v": 10, "image.s": bouton.Record(events=True)}
    return bouton.simulate(CIRCUIT, duration, inputs={"image.x": 0.8}, record=record, to=to, shard=16, **how)


def test_a_run_in_a_bucket(bucket: str) -> None:
    import fsspec

    whole = simulate(None, 100.0)
    fs, to = fsspec.filesystem("s3"), f"{bucket}/a/run.zarr"
    simulate(to)
    opened = bouton.open(to)
    assert opened["exc.s"].dtype == bool and opened["exc.s"].sizes["time"] == 60
    bouton.resume(to, 100.0)
    branch = bouton.branch(to, f"{bucket}/branch.zarr", 120.0)
    for name in whole.variables:
        np.testing.assert_array_equal(bouton.open(to)[name].values, whole[name].values)
    assert branch["exc.s"].sizes["time"] == 20
    with pytest.raises(RunError, match=r"s3://bucket/a/run.zarr exists already: choose another path, or set overwrite"):
        simulate(to)
    fs.invalidate_cache()
    assert not fs.find("bucket/a/run.zarr.lock"), "the lock is given back"
    assert [k for k in fs.find("bucket/a/run.zarr") if "circuit.state" in k] == [
        "bucket/a/run.zarr/circuit.state/000000000100.npz"
    ]
    simulate(to, overwrite=True)
    assert bouton.open(to)["exc.s"].sizes["time"] == 60


def test_one_writer_at_a_time_and_the_lock_of_a_dead_one_ends(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    to = f"{bucket}/locked.zarr"
    simulate(to)
    with _place.Bucket(to).lock():
        with pytest.raises(
            RunError, match=r"locked.zarr is being written by another process: wait until it is done, or"
        ):
            bouton.resume(to, 100.0)
    dead = _place.Bucket(to)
    held = dead.lock()
    dead.lease.done.set()  # stops to renew, as one that is killed
    fsspec.filesystem("s3").pipe_file(dead.lease._path(dead.lease.number), b'{"until": 0}')
    bouton.resume(to, 100.0)
    with pytest.raises(RunError, match=r"locked.zarr has been taken over by another process, or may have been"):
        dead.check_held()
    held.close()


def test_who_was_away_for_too_long_writes_nothing_any_more(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    to = f"{bucket}/slept.zarr"
    slept = _place.Bucket(to)
    with monkeypatch.context() as patch:
        patch.setattr(_place, "LEASE_SECONDS", 3.0)  # it looks after a second whether it is to renew
        held = slept.lock()
        slept.lease.until = 0.0  # as if it had been suspended
        slept.lease.thread.join(30)
    assert not slept.lease.thread.is_alive()
    fsspec.filesystem("s3").pipe_file(slept.lease._path(slept.lease.number), b'{"until": 0}')
    simulate(to)
    before = bouton.open(to)["exc.v"].values
    for write in (lambda: slept.write("zarr.json", b"{}"), slept.check_held):
        with pytest.raises(RunError, match=r"slept.zarr has been taken over by another process, or may have been"):
            write()
    held.close()
    np.testing.assert_array_equal(bouton.open(to)["exc.v"].values, before)


def test_an_old_run_of_which_a_part_is_removed_is_none(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than silence where its chunks were."""
    to, remove, calls = f"{bucket}/half.zarr", _place.Bucket.remove, []
    simulate(to)

    def stops(self: Any, keys: Any) -> None:
        calls.append(keys)
        if len(calls) > 1:
            raise OSError("gone")
        remove(self, keys)

    monkeypatch.setattr(_place.Bucket, "remove", stops)
    with pytest.raises(RunError, match=r"cannot create the run s3://bucket/half.zarr: gone\."):
        simulate(to, overwrite=True)
    with pytest.raises(RunError, match=r"there is no run at 's3://bucket/half.zarr'\."):
        bouton.open(to)
    monkeypatch.undo()
    simulate(to)
    assert bouton.open(to)["exc.s"].sizes["time"] == 60


def test_what_cannot_be_reached(bucket: str) -> None:
    with pytest.raises(RunError, match=r"there is no run at 's3://bucket/nothing'\."):
        bouton.open(f"{bucket}/nothing")
    with pytest.raises(RunError, match=r"cannot create the run s3://elsewhere/run.zarr: .*bucket does not exist"):
        simulate("s3://elsewhere/run.zarr")
