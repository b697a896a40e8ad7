"""Runs on disk: what plain xarray sees, round trips, commits, interruptions, bounded memory."""

import hashlib
import json
import platform
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import xarray as xr
from bouton import Circuit, PluginSet, Record, RunError, Synapse, Trials, Uniform, delayed, open, simulate
from bouton import _store as store_module
from bouton._encode import to_dict
from bouton._store import ZarrStore
from bouton.testing import Full

from .tiny import N_IN, PLUGINS, RATES, Hebb, Leaky, N, Noise, assert_same, network, recorded

CIRCUIT = network()
RECORD = {
    "cell.s": [1, Record("sum", every=5)],
    "cell.v": [Record(every=3), Record("mean", every=7)],
    "ff.w": 10,
    "cell.count": 1,
    "cell.s~3ms.y": 1,
}
SAMPLES = {"src.x": (("trial", "unit"), np.random.default_rng(0).uniform(size=(5, N_IN)))}


@pytest.fixture(scope="module")
def path(tmp_path_factory: Any) -> Path:
    """A stored run."""
    to = tmp_path_factory.mktemp("runs") / "deep" / "run.zarr"
    with PLUGINS.use():
        simulate(CIRCUIT, 40, inputs=RATES, record=RECORD, to=to, chunk=12, seed=3)
    return to


@pytest.fixture(autouse=True)
def with_tiny_components() -> Any:
    with PLUGINS.use():
        yield


# ---- what is in it ---------------------------------------------------------------------------------------------------


def test_opens_in_plain_xarray(path: Path) -> None:
    kept = simulate(CIRCUIT, 40, inputs=RATES, record=RECORD, seed=3)
    with (
        xr.open_datatree(path, engine="zarr", chunks=None) as tree,
        xr.open_zarr(path, group="cell", chunks=None) as cell,
    ):
        assert {*tree.children} == {"cell", "ff", "circuit.arrays"}
        assert {*tree["cell"].children} == {"s~3ms"}
        for group in ("cell", "ff", "cell/s~3ms"):
            xr.testing.assert_identical(tree[group].to_dataset().compute(), kept.tree[group].to_dataset())
        assert cell["s"].dtype == bool and cell["count"].dtype == np.int32 and cell["v"].dtype == np.float32
        assert cell["v"].attrs == {"units": "mV", "long_name": "potential"}
        assert cell["v"].dims == ("time_3", "unit") and cell["time_3"].attrs["units"] == "ms"


def test_provenance(path: Path) -> None:
    about = open(path).tree.attrs
    assert (about["dt"], about["seed"], about["duration"], about["learn"]) == (1.0, 3, 40.0, True)
    assert about["committed_steps"] == 40 and about["bouton"] == 1
    assert about["schedule"] == CIRCUIT.schedule
    assert {"bouton", "jax", "jaxlib", "numpy", "xarray", "zarr"} <= json.loads(about["versions"]).keys()
    assert json.loads(about["circuit"]) == to_dict(CIRCUIT, defaults=True)
    record = json.loads(about["record"])
    assert list(record) == list(RECORD) and record["ff.w"] == [{"reduce": "last", "every": 10, "per": "step"}]
    assert [Record(**how) for how in record["cell.v"]] == RECORD["cell.v"]
    assert json.loads(about["versions"])["python"] == platform.python_version()
    assert about["x64"] is False and not {"batch", "batch_reduce"} & about.keys()
    batch = simulate(CIRCUIT, 2, inputs=RATES, batch=2, batch_reduce="sum").tree.attrs
    assert (batch["batch"], batch["batch_reduce"]) == (2, "sum")


def test_versions_name_the_distributions_that_took_part(site: Any) -> None:
    """Also of a part within a part."""
    site.dist("bouton-stranger", "4.5", entries={})
    ours = PluginSet.of({"component": {"Noise": Noise, "Leaky": Leaky}})
    theirs = PluginSet.of({"rule": {"Hebb": Hebb}}, dist="bouton-stranger")
    with (PluginSet.discover() | ours | theirs).use():
        run = simulate(CIRCUIT, 2, inputs=RATES)
    assert json.loads(run.tree.attrs["versions"])["bouton-stranger"] == "4.5"


def test_coordinates_of_maps_and_of_one_name_in_a_group(tmp_path: Path) -> None:
    c = Circuit(nodes={"src": Noise((2, 3)), "cell": Leaky((2, 3))}, wires={"cell.j": "src.s"})
    record = {"cell.v": 1, "cell.theta": 1, "cell.s": [1, Record("sum", every=2)]}
    simulate(c, 4, inputs={"src.x": np.full((2, 3), 0.5)}, record=record, to=tmp_path / "run.zarr")
    with xr.open_datatree(tmp_path / "run.zarr", engine="zarr", chunks=None) as tree:
        for name in ("v", "theta", "s", "s_sum"):
            assert tree["cell"][name].coords["height"].values.tolist() == [0, 0, 0, 1, 1, 1]
        assert tree["cell"]["s"].where(tree["cell"]["width"] == 2, drop=True).sizes["unit"] == 2


def test_labels_of_trials_are_numbers_or_text(tmp_path: Path) -> None:
    labels = {"digit": [3, 1, 4, 1, 5], "name": ["ada", "b", "ada", "Ωmega", ""], "weight": np.linspace(0, 1, 5)}
    for to in (None, tmp_path / "run.zarr"):
        trials = Trials(4, coords=labels)
        record = {"cell.s": Record("sum", per="trial"), "ff.w": Record(per="trial", every=2)}
        simulate(CIRCUIT, trials=trials, inputs=SAMPLES, record=record, to=to, chunk=2)
    with xr.open_zarr(to, group="cell", chunks=None) as cell:
        assert cell["s_sum"].dims == ("trial", "unit")
        assert cell["name"].values.tolist() == labels["name"] and cell["digit"].values.tolist() == labels["digit"]
        assert cell["s_sum"].set_xindex("name").sel(name="ada").sizes["trial"] == 2


def test_nested_circuits_become_nested_groups(tmp_path: Path) -> None:
    column = Circuit(nodes={"src": Noise(2), "cell": Leaky(2)}, wires={"cell.j": delayed("src.s", 1.5)})
    both = Circuit(nodes={"one": column, "two": column})
    inputs = {"one.src.x": 0.5, "two.src.x": 0.5}
    record = {"one.cell.v": 1, "two.cell.v": 2, "one.src.s~1.5ms.y": 1}
    run = simulate(both, 6, dt=0.5, inputs=inputs, record=record, to=tmp_path / "run.zarr")
    assert {*run.variables} == {*record}
    with xr.open_datatree(tmp_path / "run.zarr", engine="zarr", chunks=None) as tree:
        assert tree["one/cell"]["v"].sizes == {"time": 12, "unit": 2}
        assert tree["one/src/s~1.5ms"]["y"].sizes == {"time": 12, "axis_0": 2}


# ---- round trips -----------------------------------------------------------------------------------------------------


def test_state_and_circuit_come_back(path: Path) -> None:
    kept = simulate(CIRCUIT, 40, inputs=RATES, record=RECORD, seed=3)
    again = open(path)
    assert_same(again.state, kept.state)  # with what is on its way through the delay line
    assert again.circuit.to_dict() == CIRCUIT.to_dict()
    assert_same(recorded(again), recorded(kept))
    on = [simulate(r.circuit, 9, inputs=RATES, record={"cell.v": 1}, state=r.state) for r in (kept, again)]
    assert_same(recorded(on[0]), recorded(on[1]))


def test_large_arrays_and_drawn_parameters_come_back(tmp_path: Path) -> None:
    weights = np.random.default_rng(0).uniform(size=(20, 10))
    c = Circuit(
        nodes={
            "src": Noise(20),
            "syn": Synapse(Full(20, 10), weights=weights),
            "cell": Leaky(10, tau=Uniform(5.0, 50.0)),
        },
        wires={"syn.pre": "src.s", "cell.j": "syn.current"},
    )
    run = simulate(c, 5, inputs={"src.x": 0.5}, to=tmp_path / "run.zarr", seed=4)
    again = open(tmp_path / "run.zarr")
    np.testing.assert_array_equal(again.circuit.components["syn"].weights.values, weights)
    assert_same(again.circuit.components["cell"].tau, run.circuit.components["cell"].tau)
    assert again.state["cell"].v.shape == (10,)


def test_a_circuit_that_no_plugin_registers_is_missed_but_not_the_run(tmp_path: Path) -> None:
    with PluginSet.discover().use():
        with pytest.warns(
            UserWarning, match="the run will not contain its circuit: .*Noise is not registered by any plugin"
        ):
            run = simulate(CIRCUIT, 5, inputs=RATES, record={"cell.v": 1}, to=tmp_path / "run.zarr")
        assert run.circuit is CIRCUIT
        again = open(tmp_path / "run.zarr")
        assert_same(recorded(again), recorded(run))
        with pytest.raises(RunError, match=r"does not contain its circuit: .*Noise is not registered"):
            _ = again.circuit
        simulate(CIRCUIT, 5, inputs=RATES)  # in memory nothing is lost, and nothing is said


def test_what_was_simulated_with_64_bits_is_not_continued_with_32(tmp_path: Path) -> None:
    with jax.enable_x64(True):
        for name, tau in (("plain", 10.0), ("random", Uniform(5.0, 50.0))):
            simulate(network(tau=tau), 5, inputs=RATES, record={"cell.v": 1}, to=tmp_path / name)
    plain, random = open(tmp_path / "plain"), open(tmp_path / "random")
    assert plain["cell.v"].dtype == np.float64 and plain.circuit.to_dict() == CIRCUIT.to_dict()
    message = r" was simulated with 64 bits; for {} set jax_enable_x64: jax.config.update\('jax_enable_x64', True\)\."
    with pytest.raises(RunError, match="plain" + message.format("its state")):
        _ = plain.state
    with pytest.raises(RunError, match="random" + message.format("its random parameters")):
        _ = random.circuit
    with jax.enable_x64(True):
        assert plain.state["cell"].v.dtype == np.float64
        assert random.circuit.components["cell"].tau.dtype == np.float64
    simulate(network(tau=Uniform(5.0, 50.0)), 5, inputs=RATES, to=tmp_path / "single")
    with jax.enable_x64(True), pytest.raises(RunError, match=r"single was simulated without 64 bits; for its random"):
        _ = open(tmp_path / "single").circuit


def test_attach(path: Path, tmp_path: Path) -> None:
    run = simulate(CIRCUIT, 5, inputs=RATES, record={"cell.v": 1}, to=tmp_path / "run.zarr")
    made = xr.Dataset({"label": ("unit", np.arange(N), {"units": "1"})})
    run.attach("result", made)
    for seen in (run, open(tmp_path / "run.zarr")):
        xr.testing.assert_identical(seen["result.label"].compute(), made["label"])
    with pytest.raises(
        RunError, match="the run has a group 'result' already: choose another name, or set overwrite=True"
    ):
        run.attach("result", made)
    run.attach("result", made + 1, overwrite=True)
    assert open(tmp_path / "run.zarr")["result.label"].values.tolist() == [1, 2, 3]
    with pytest.raises(RunError, match=r"'a/b' cannot name a group"):
        run.attach("a/b", made)


def test_spikes(path: Path) -> None:
    run = open(path)
    spikes, raster = run.spikes("cell"), run["cell.s"].values
    assert spikes["time"].attrs["units"] == "ms" and raster.sum() > 5
    again = np.zeros_like(raster)
    again[spikes["time"].values.astype(int) - 1, spikes["unit"].values] = True
    np.testing.assert_array_equal(again, raster)
    assert (np.diff(spikes["time"]) >= 0).all()
    batch = simulate(CIRCUIT, 5, inputs=RATES, record={"cell.s": 1}, batch=2).spikes("cell")
    assert list(batch) == ["time", "batch", "unit"]
    trials = simulate(CIRCUIT, trials=Trials(5), inputs=SAMPLES, record={"cell.s": 1}).spikes("cell")
    assert list(trials) == ["trial", "time", "unit"] and trials["trial"].values.max() <= 4
    with pytest.raises(RunError, match=r"cell.count holds int32, not spikes\."):
        run.spikes("cell", "count")
    with pytest.raises(RunError, match=r"this run has no 'cel.s'\. Did you mean 'cell.s'\?"):
        run.spikes("cel")
    for record, trials, along in (
        ({"cell.s": 2}, None, "time_2"),
        ({"cell.s": 2}, Trials(5), "time_2"),
        ({"cell.s": Record("max", per="trial")}, Trials(5), "trial"),
    ):
        how: Any = {"trials": trials, "inputs": SAMPLES} if trials else {"duration": 10, "inputs": RATES}
        compartment = "s_max" if trials and along == "trial" else "s"
        with pytest.raises(
            RunError, match=rf"cell.{compartment} was kept along '{along}' only: for every spike simulate with record="
        ):
            simulate(CIRCUIT, record=record, **how).spikes("cell", compartment)
    assert "cell.v_mean" in repr(run) and "[mV]" in repr(run)


TRIALS = {"trials": Trials(8, rest=2)}
LAYOUTS: dict[str, tuple[int, dict[str, Any]]] = {
    "one": (1, {"duration": 20}),
    "a byte": (8, {"duration": 20, "batch": 2}),
    "sweep": (3, {"duration": 20, "sweep": {"seed": range(3)}, "batch": 2}),
    "trials": (21, TRIALS),
    "trials in batches": (21, TRIALS | {"batch": 2, "sweep": {"seed": range(3)}}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_spikes_of_any_number_of_units(layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are packed; counts are not, and tell the same."""
    if layout == "trials":
        monkeypatch.setattr(store_module, "CHUNK_BYTES", 1)  # a chunk is a byte wide
        monkeypatch.setattr(store_module, "SMALL_BYTES", 0)
    n, how = LAYOUTS[layout]
    p = np.linspace(0.1, 0.6, n)
    inputs = {"src.x": (("trial", "unit"), np.tile(p, (4, 1))) if "trials" in how else p}
    for events in (False, True):
        record = {"src.s": [Record(events=events), Record("max", every=2, events=events), Record("sum", every=2)]}
        if "trials" in how and not events:
            record["src.s"][1:] = [Record("max", per="trial"), Record("sum", per="trial")]
        circuit, to = Circuit(nodes={"src": Noise(n)}), tmp_path / str(events)
        kept = simulate(circuit, **how, inputs=inputs, record=record)
        simulate(circuit, **how, inputs=inputs, record=record, to=to, shard=2)
        for run in (kept, open(to)):
            spikes, counts = run["src.s"], run["src.s_sum"]
            assert spikes.dtype == bool and 0 < (counts > 0).mean() and (counts == 0).any()
            along = {"time": 10 if record["src.s"][1].per == "trial" else 2}
            np.testing.assert_array_equal(spikes.coarsen(along).sum().squeeze(), counts.squeeze())
            xr.testing.assert_equal(run["src.s_max"], counts > 0)
    with xr.open_datatree(tmp_path / "False", engine="zarr", chunks=None) as tree:
        xr.testing.assert_equal(tree["src"]["s"].drop_attrs(), kept["src.s"].drop_attrs())


# ---- commits and interruptions ---------------------------------------------------------------------------------------


def digest(path: Path) -> dict[str, str]:
    return {
        str(f.relative_to(path)): hashlib.sha256(f.read_bytes()).hexdigest() for f in path.rglob("*") if f.is_file()
    }


def test_two_runs_are_the_same_files(path: Path, tmp_path: Path) -> None:
    simulate(CIRCUIT, 40, inputs=RATES, record=RECORD, to=tmp_path / "run.zarr", chunk=12, seed=3)
    assert digest(tmp_path / "run.zarr") == digest(path)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupted_run_keeps_what_was_written(error: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = simulate(CIRCUIT, 40, inputs=RATES, record=RECORD)
    write, blocks = ZarrStore.write, []
    monkeypatch.setattr(store_module, "COMMIT_SECONDS", 1e9)  # there has been no commit since the beginning

    def fail_in_the_third_chunk(self: ZarrStore, v: Any, start: int, rows: Any) -> None:
        if v.entry.name == "cell.v":
            blocks.append(start)
            if len(blocks) == 5:
                raise error("stop")
        write(self, v, start, rows)

    monkeypatch.setattr(ZarrStore, "write", fail_in_the_third_chunk)
    with pytest.raises(error):
        simulate(CIRCUIT, 40, inputs=RATES, record=RECORD, to=tmp_path / "run.zarr", chunk=5, shard=10)
    with xr.open_datatree(tmp_path / "run.zarr", engine="zarr", chunks=None) as tree:
        assert tree.attrs["committed_steps"] == 20
    left = open(tmp_path / "run.zarr")
    assert left["cell.v"].sizes["time_3"] == 6 and left["cell.s_sum"].sizes["time_5"] == 4
    for name in left.variables:
        got = left[name].values
        np.testing.assert_array_equal(got, whole[name].values[: len(got)])
    first = simulate(CIRCUIT, 20, inputs=RATES)
    assert_same(left.state, first.state)  # that of the last commit


def test_what_is_committed_can_be_read_while_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "COMMIT_SECONDS", 0.0)
    monkeypatch.setattr(store_module, "SLOW_SECONDS", float("inf"))  # also on a machine that is busy
    boundary, seen = ZarrStore.boundary, []

    def look(self: ZarrStore, steps: int, carry: Any) -> None:
        boundary(self, steps, carry)
        self.ledger.store.wait()
        with xr.open_datatree(self.where, engine="zarr", chunks=None) as tree:
            seen.append((tree.attrs["committed_steps"], tree["cell"].sizes["time"], int(tree["cell"]["s"].sum())))

    monkeypatch.setattr(ZarrStore, "boundary", look)
    run = simulate(CIRCUIT, 40, inputs=RATES, record={"cell.s": 1}, to=tmp_path / "run.zarr", chunk=10, shard=10)
    raster = run["cell.s"].values
    assert seen == [(n, n, int(raster[:n].sum())) for n in (10, 20, 30, 40)]


def test_commits_are_about_a_second_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, commit, commits = [0.0], ZarrStore._commit, []
    monkeypatch.setattr(store_module.time, "monotonic", lambda: now[0])

    def count(self: ZarrStore) -> None:
        commits.append(self.latest[0])
        commit(self)

    def pass_time(self: ZarrStore, v: Any, start: int, rows: Any, write: Any = ZarrStore.write) -> None:
        now[0] += 0.3
        write(self, v, start, rows)

    monkeypatch.setattr(ZarrStore, "_commit", count)
    monkeypatch.setattr(ZarrStore, "write", pass_time)
    simulate(CIRCUIT, 40, inputs=RATES, record={"cell.s": 1}, to=tmp_path / "run.zarr", shard=4)
    assert commits == [0, 16, 32, 40]


MEMORY = """
    import resource, sys
    import numpy as np
    from bouton import Circuit, Component, Ports, PluginSet, port, simulate, static
    from jaxtyping import Array, Float

    class Ramp(Component):
        n: int = static(dim="unit")

        class Out(Ports):
            y: Float[Array, "*batch unit"] = port()

        def advance(self, s, x, tick):
            import jax.numpy as jnp
            return s, self.Out(y=jnp.arange(float(self.n)) * jnp.asarray(tick.step, float))

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    circuit, record = Circuit(nodes={"ramp": Ramp(2500)}), {"ramp.y": 1}
    with (PluginSet.discover() | PluginSet.of({"component": {"Ramp": Ramp}})).use():
        simulate(circuit, 2000, record=record, to=sys.argv[1] + "/short.zarr", chunk=50)
        before = peak()
        run = simulate(circuit, 20_000, record=record, to=sys.argv[1] + "/long.zarr", chunk=50)
        print(peak() - before)
        assert float(run["ramp.y"][-1, -1]) == np.float32(2499.0) * np.float32(19_999)
"""


def test_memory_is_bounded_by_the_chunk(tmp_path: Path) -> None:
    """A run ten times as long, of 200 MB, takes less than a tenth of these more."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MEMORY), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 20e6
