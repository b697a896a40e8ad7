"""simulate over a duration: what it gives does not depend on chunk, store or record; continuing, inputs, batches."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from bouton import Circuit, Record, Trials, Uniform, _chunk, delayed, simulate
from bouton._chunk import Program, run_chunk, start
from bouton._memory import MemoryStore
from bouton._writer import WAITING
from bouton.testing._bench import Bench
from jaxtyping import Array, Float

from .tiny import KEY, N_IN, PLUGINS, RATES, Leaky, N, Noise, assert_same, loop, network, node_key, recorded

CIRCUIT = network()
STEPS = 40
RECORD = {
    "cell.s": [1, Record("sum", every=7)],
    "cell.v": [Record(every=3), Record("mean", every=9), Record("max", every=2), Record("min", every=50)],
    "cell.theta": 13,
    "ff.w": 20,
}


@pytest.fixture(scope="module")
def whole() -> Any:
    """The run in one chunk, in memory."""
    return simulate(CIRCUIT, STEPS, inputs=RATES, record=RECORD, chunk=STEPS)


@contextmanager
def no_compilation() -> Iterator[None]:
    """Fail if one of the two functions of a run is compiled anew."""
    before = start._cache_size(), run_chunk._cache_size()
    yield
    assert (start._cache_size(), run_chunk._cache_size()) == before


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_chunks_change_nothing(whole: Any, chunk: int, tmp_path: Path) -> None:
    for to in (None, tmp_path / "run.zarr"):
        with PLUGINS.use():
            run = simulate(CIRCUIT, STEPS, inputs=RATES, record=RECORD, chunk=chunk, to=to)
        assert_same(recorded(run), recorded(whole))
        assert_same(run.state, whole.state)


def test_recording_changes_nothing(whole: Any) -> None:
    for record in (None, {"cell.v": 3}, {"inh.current": 1, "cell.v": [3, Record("sum")]}):
        run = simulate(CIRCUIT, STEPS, inputs=RATES, record=record)
        assert_same(run.state, whole.state)
        if record:
            assert_same(run["cell.v"].values, whole["cell.v"].values)


def test_equals_a_python_loop_with_the_documented_keys(whole: Any) -> None:
    state, rows = loop(CIRCUIT, STEPS, RATES)
    assert rows["cell.s"].sum() > 10
    np.testing.assert_array_equal(whole["cell.s"].values, rows["cell.s"] != 0)
    np.testing.assert_allclose(whole["cell.v"].values, rows["cell.v"][2::3], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(whole["cell.v_mean"], rows["cell.v"][:36].reshape(4, 9, N).mean(1), rtol=1e-5)
    np.testing.assert_array_equal(whole["cell.s_sum"], rows["cell.s"][:35].reshape(5, 7, N).sum(1))
    np.testing.assert_allclose(whole["ff.w"].values, rows["ff.w"][19::20], rtol=1e-5)
    assert whole["cell.v_min"].shape == (0, N)  # its only window is not complete
    for name in ("w", "theta", "v"):
        node = "ff" if name == "w" else "cell"
        np.testing.assert_allclose(getattr(whole.state[node], name), getattr(state[node], name), rtol=1e-5, atol=1e-6)


def test_labels(whole: Any) -> None:
    assert whole["cell.s"].dims == ("time", "unit") and whole["cell.v"].dims == ("time_3", "unit")
    assert whole["ff.w"].dims == ("time_20", "pre", "post")
    np.testing.assert_array_equal(whole["cell.s"]["time"], np.arange(STEPS) + 1.0)  # at the end of the step
    np.testing.assert_array_equal(whole["cell.v"]["time_3"], np.arange(3, 40, 3))
    attrs = whole["cell.v_mean"].attrs, whole["cell.s_sum"].attrs, whole["cell.s"].coords["time"].attrs
    assert attrs == (
        {"units": "mV", "long_name": "mean of potential"},
        {"units": "count", "long_name": "sum of spikes"},
        {"units": "ms", "long_name": "time at the end of the step"},
    )


def test_time_is_counted_in_dt() -> None:
    run = simulate(network(), 2.0, dt=0.5, inputs=RATES, record={"cell.v": [1, Record("mean", every=2)]})
    np.testing.assert_array_equal(run["cell.v"].time, [0.5, 1.0, 1.5, 2.0])
    np.testing.assert_array_equal(run["cell.v_mean"].time_2, [1.0, 2.0])


def test_a_run_continues_another() -> None:
    """10 steps are no multiple of the delay line's 3 rows: the state says what is in flight, not where it was filed."""
    first = simulate(CIRCUIT, 10, inputs=RATES)
    on = simulate(CIRCUIT, 20, inputs=RATES, record={"cell.v": 1}, state=first.state, learn=False, seed=1)
    middle, _ = loop(CIRCUIT, 10, RATES)
    ring = middle["cell.s~3ms"].ring
    middle["cell.s~3ms"] = middle["cell.s~3ms"].replace(ring=jnp.stack([ring[(10 + lag) % 3] for lag in range(3)]))
    _, rows = loop(CIRCUIT, 20, RATES, key=jax.random.key(1), state=middle, learn=False)
    np.testing.assert_allclose(on["cell.v"], rows["cell.v"], rtol=1e-5, atol=1e-6)
    assert_same(on.state["ff"].w, first.state["ff"].w)
    assert_same(on.state["cell"].theta, first.state["cell"].theta)


def line(ms: float) -> Circuit:
    """Cells that hold what they get, behind a delay."""
    nodes = {"a": Leaky(2, tau=1e9, growth=0.0), "b": Leaky(2, tau=1e9, growth=0.0)}
    return Circuit(nodes=nodes, wires={"b.j": delayed("a.s", ms)})


def test_what_is_in_a_delay_line_arrives_in_the_next_run() -> None:
    pulse = np.zeros((5, 2))
    pulse[4] = 1.5  # a spike in the last step, to arrive 3 steps later
    first = simulate(line(3.0), 5, inputs={"a.j": ("time", pulse[:, 0])}, record={"a.s": 1})
    assert first["a.s"].values[:, 0].tolist() == [False] * 4 + [True]
    second = simulate(line(3.0), 5, record={"b.v": 1}, state=first.state)
    assert np.diff(second["b.v"].values[:, 0], prepend=0.0).round(3).tolist() == [0.0, 0.0, 1.0, 0.0, 0.0]


# ---- inputs ----------------------------------------------------------------------------------------------------------


def fed(inputs: Any, n: Any = N_IN, **how: Any) -> np.ndarray:
    """What arrives at cells that hold it: the changes of their potential."""
    c = Circuit(nodes={"cell": Leaky(n, tau=1e9, growth=0.0)})
    run = simulate(c, 6, inputs={"cell.j": inputs}, record={"cell.v": 1}, chunk=4, **how)
    return np.diff(run["cell.v"].values, axis=0, prepend=0.0)


SERIES = 0.01 * np.arange(24.0).reshape(6, N_IN)


def test_inputs_vary_in_time() -> None:
    for given in (
        (("time", "unit"), SERIES),
        (("unit", "time"), SERIES.T),
        xr.DataArray(SERIES.T, dims=("unit", "time"), coords={"time": np.arange(6.0)}),
        lambda tick: jnp.asarray(SERIES, jnp.float32)[tick.step],
    ):
        np.testing.assert_allclose(fed(given), SERIES, atol=1e-6)
    np.testing.assert_allclose(fed(("time", SERIES[:, 1])), np.repeat(SERIES[:, 1:2], 4, 1), atol=1e-6)
    for unit in ("1", ""):
        given = xr.DataArray(SERIES, dims=("time", "unit"), attrs={"units": unit})
        np.testing.assert_allclose(fed(given), SERIES, atol=1e-6)
    np.testing.assert_allclose(fed(0.1), np.full((6, 4), 0.1), atol=1e-6)
    np.testing.assert_allclose(fed(("unit", SERIES[2])), np.repeat(SERIES[2:3], 6, 0), atol=1e-6)
    np.testing.assert_allclose(fed(SERIES[2].reshape(2, 2)), np.repeat(SERIES[2:3], 6, 0), atol=1e-6)  # a map, flat
    np.testing.assert_allclose(fed(jnp.asarray(SERIES[2], jnp.float32)), np.repeat(SERIES[2:3], 6, 0), atol=1e-6)


def test_inputs_differ_over_a_batch() -> None:
    """As many samples as units, so that only the names of dims tell them apart."""
    samples = 0.01 * np.arange(16.0).reshape(4, 4)
    same = np.broadcast_to
    for given, want in (
        ((("batch", "unit"), samples), samples),
        ((("unit", "batch"), samples.T), samples),
        (("batch", samples[1]), samples[1][:, None]),
        (("unit", samples[1]), samples[1][None]),
        (samples[1], samples[1][None]),
        (samples, samples),
    ):
        np.testing.assert_allclose(fed(given, batch=4), same(want, (6, 4, 4)), atol=1e-6)
    moving = (("batch", "time"), SERIES.T)
    np.testing.assert_allclose(fed(moving, batch=4), same(SERIES[:, :, None], (6, 4, 4)), atol=1e-6)
    np.testing.assert_allclose(fed((("time", "unit"), SERIES), batch=4), same(SERIES[:, None], (6, 4, 4)), atol=1e-6)


def test_functions_of_the_tick_have_keys_of_their_own() -> None:
    def noise(tick: Any) -> Any:
        return jax.random.uniform(tick.key, (N_IN,))

    drawn = fed(noise, seed=3)
    key = jax.random.key(3)
    want = [jax.random.uniform(node_key(jax.random.fold_in(key, i), "input cell.j"), (N_IN,)) for i in range(6)]
    # a cell that spikes is halved, so only the first step shows what came
    np.testing.assert_allclose(drawn[0], want[0], rtol=1e-6)
    assert not np.allclose(drawn[1], drawn[0])


# ---- batches ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduce", ["mean", "sum"])
def test_a_batch_learns_together(reduce: Any) -> None:
    run = simulate(
        CIRCUIT, 15, inputs=RATES, batch=3, batch_reduce=reduce, record={"cell.s": 1, "cell.v": 5, "ff.w": 1}
    )
    assert run["cell.s"].dims == ("time", "batch", "unit") and run["ff.w"].dims == ("time", "pre", "post")
    _, rows = loop(CIRCUIT, 15, RATES, batch=(3,), batch_reduce=reduce)
    np.testing.assert_array_equal(run["cell.s"].values, rows["cell.s"] != 0)
    np.testing.assert_allclose(run["ff.w"], rows["ff.w"], rtol=1e-5)
    # by hand: each step adds rate * pre * post of the samples, their mean or sum; thresholds likewise
    sent = rows["src.s"][..., :, None] * rows["cell.s"][..., None, :]
    together = getattr(np, reduce)(0.05 * sent, axis=1)
    np.testing.assert_allclose(np.diff(rows["ff.w"], axis=0), together[1:], atol=1e-6)
    spikes = getattr(np, reduce)(0.01 * rows["cell.s"], axis=1)
    np.testing.assert_allclose(run.state["cell"].theta, spikes.sum(0), rtol=1e-5)


def test_without_learning_nothing_that_persists_changes() -> None:
    run = simulate(CIRCUIT, 15, inputs=RATES, learn=False, record={"cell.s": 1})
    begin = CIRCUIT.init(key=node_key(KEY, "init"), dt=1.0)
    assert run["cell.s"].values.any()
    np.testing.assert_allclose(run.state["ff"].w, begin["ff"].w, rtol=1e-6)
    assert not run.state["cell"].theta.any()


# ---- parameters, precision, overhead ---------------------------------------------------------------------------------


def test_random_parameters_are_drawn_once_and_handed_on() -> None:
    c = network(tau=Uniform(5.0, 50.0))
    first = simulate(c, 5, inputs=RATES, seed=1, record={"cell.v": 1})
    drawn = c.realise(node_key(jax.random.key(1), "parameters"))
    assert_same(first.circuit.components["cell"].tau, drawn.components["cell"].tau)
    again = simulate(first.circuit, 5, inputs=RATES, seed=2, state=first.state)
    assert_same(again.circuit.components["cell"].tau, first.circuit.components["cell"].tau)
    by_hand = simulate(drawn, 5, inputs=RATES, seed=1, record={"cell.v": 1})
    assert_same(by_hand["cell.v"].values, first["cell.v"].values)


def test_float64() -> None:
    with jax.enable_x64(True):
        run = simulate(CIRCUIT, 20, inputs=RATES, record={"cell.v": [1, Record("mean", every=5)], "cell.count": 1})
        _, rows = loop(CIRCUIT, 20, RATES)
        assert run["cell.v"].dtype == run["cell.v_mean"].dtype == np.float64 and run["cell.count"].dtype == np.int64
        np.testing.assert_allclose(run["cell.v"], rows["cell.v"], rtol=1e-13)


def test_an_array_that_was_a_constant_in_double_precision_can_be_run_in_single() -> None:
    class Cell(bouton.Component):
        n_units: int = bouton.static(dim="unit")
        v0: bouton.Param = bouton.parameter(default=0.0, dims="unit")

        class State(bouton.Ports):
            v: Float[Array, " unit"] = bouton.port()

        def init(self, *, key: Any, dt: float, batch: tuple[int, ...] = ()) -> Any:
            return self.State(v=self.v0 + jax.random.uniform(key, (self.n_units,)))

        def advance(self, s: Any, x: Any, tick: bouton.Tick) -> Any:
            return s, self.Out()

    def run(cell: Cell) -> Any:
        circuit = Circuit({"Cell": cell}).realise(KEY)
        run = simulate(circuit, 3, record={"Cell.v": 1})
        assert run.circuit.components["Cell"].v0 is circuit.components["Cell"].v0
        return run["Cell.v"].values

    run(Cell(4))
    cell = Cell(3, v0=np.arange(3.0))
    with jax.enable_x64(True):
        Bench(cell, {}, dt=1.0, steps=6).init()
    np.testing.assert_array_equal(np.floor(run(cell)[-1]), [0, 1, 2])


def test_calls_of_one_shape_compile_once() -> None:
    def run(**how: Any) -> None:
        circuit = how.pop("circuit", CIRCUIT)
        simulate(circuit, 12, inputs=how.pop("inputs", RATES), record={"cell.s": 1}, chunk=4, **how)

    run()
    with no_compilation():
        run(seed=5)
        run(inputs={"src.x": np.full(N_IN, 0.3)})
        run(circuit=network())
        run(circuit=network(growth=0.5))
    before = run_chunk._cache_size()
    run(learn=False)
    assert run_chunk._cache_size() == before + 1
    with no_compilation():
        run(learn=False, seed=2)
        run(learn=True)


def test_a_chunk_is_computed_while_the_one_before_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    run, write = Program.run, MemoryStore.write

    def begin(self: Program, *arguments: Any) -> Iterator[Any]:
        for done in run(self, *arguments):
            events.append(f"begin {done.piece.first}")
            yield done

    def note(self: MemoryStore, v: Any, first: int, rows: Any) -> None:
        events.append(f"write {first}")
        write(self, v, first, rows)

    monkeypatch.setattr(Program, "run", begin)
    monkeypatch.setattr(MemoryStore, "write", note)
    simulate(CIRCUIT, 12, inputs=RATES, record={"cell.s": 1}, chunk=4)
    assert [e for e in events if e.startswith("begin")] == ["begin 0", "begin 4", "begin 8"]
    assert [e for e in events if e.startswith("write")] == ["write 0", "write 4", "write 8"]
    assert events.index("begin 4") < events.index("write 0") and events.index("begin 8") < events.index("write 4")


def test_a_call_costs_little() -> None:
    def call() -> float:
        begin = time.perf_counter()
        simulate(CIRCUIT, 12, inputs=RATES, record={"cell.s": 1})
        return time.perf_counter() - begin

    call()
    assert min(call() for _ in range(10)) < 0.1  # measured: 0.01 s


def test_progress_is_shown_where_it_is_wanted(capfd: pytest.CaptureFixture[str]) -> None:
    simulate(CIRCUIT, 12, inputs=RATES, progress=True, chunk=4)
    assert "0.012 s of 0.012 s" in capfd.readouterr().err
    run = simulate(CIRCUIT, 40, inputs=RATES, progress=True, chunk=7, record={"cell.s": [1, Record("max")], "src.s": 1})
    spikes = int(run["cell.s"].sum() + run["src.s"].sum())
    assert spikes > 50 and f"0.04 s of 0.04 s, {spikes} spikes" in capfd.readouterr().err
    trials = {"trials": Trials(2), "inputs": {"src.x": (("trial", "unit"), np.ones((3, N_IN)))}}
    simulate(CIRCUIT, **trials, progress=True, record={"src.s": 1}, batch=2)
    assert "trial 3 of 3, 24 spikes" in capfd.readouterr().err
    simulate(CIRCUIT, **trials, progress=True, record={"src.s": [2, Record("sum", every=1)]})
    assert "spikes" not in capfd.readouterr().err
    simulate(CIRCUIT, **trials, progress=True)
    assert "trial 3 of 3" in capfd.readouterr().err
    simulate(CIRCUIT, 12, inputs=RATES, progress=False)
    assert capfd.readouterr() == ("", "")


def test_maps_have_coordinates() -> None:
    c = Circuit(nodes={"cell": Leaky((2, 3)), "src": Noise((2, 3))}, wires={"cell.j": "src.s"})
    run = simulate(c, 3, inputs={"src.x": np.full((2, 3), 0.5)}, record={"cell.v": 1})
    assert run["cell.v"].dims == ("time", "unit")
    assert run["cell.v"].coords["height"].values.tolist() == [0, 0, 0, 1, 1, 1]
    assert run["cell.v"].coords["width"].values.tolist() == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("to", [None, "run"])
def test_later_chunks_take_the_memory_of_what_has_been_written(tmp_path: Any, monkeypatch: Any, to: str | None) -> None:
    """JAX deletes an array whose memory it takes, and leaves one that somebody still looks at."""
    given: list[Any] = []
    rows: list[Any] = []

    def noting(*arguments: Any, **how: Any) -> Any:
        done = run_chunk(*arguments, **how)
        given.extend(arguments[-1].values())
        rows.extend(done[1].values())
        return done

    noting.eval_shape = run_chunk.eval_shape  # type: ignore[attr-defined]
    monkeypatch.setattr(_chunk, "run_chunk", noting)
    record = {"cell.s": 1, "cell.v": [1, Record("mean", every=4)]}
    with PLUGINS.use():
        run = simulate(CIRCUIT, 400, inputs=RATES, record=record, chunk=20, to=to and tmp_path / to)
    assert len(given) == 3 * 20 and all(array.is_deleted() for array in given)
    again = {id(array) for array in rows} & {id(array) for array in given}
    assert len(again) >= 3 * (20 - WAITING - 4)
    monkeypatch.undo()
    whole = simulate(CIRCUIT, 400, inputs=RATES, record=record)
    for name in ("cell.s", "cell.v", "cell.v_mean"):
        np.testing.assert_array_equal(run[name].values, whole[name].values)
