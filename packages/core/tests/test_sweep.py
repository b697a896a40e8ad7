"""Sweeps: every combination equals the single run; per-unit values, states and trials of several organisms."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import xarray as xr
from bouton import Record, Run, Trials, Uniform, open, simulate

from .tiny import N_IN, PLUGINS, RATES, N, assert_same, network

CIRCUIT = network()
RECORD = {"cell.s": 1, "cell.v": Record("mean", every=4), "ff.w": 5}
TAUS, SEEDS, RATE = [5.0, 20.0], range(3), [0.0, 0.1]


def assert_lane(run: Run, at: dict[str, int], single: Run) -> None:
    for name in single.variables:
        got = run[name].isel(at)
        assert got.dims == single[name].dims
        np.testing.assert_allclose(got.values.astype(float), single[name].values.astype(float), rtol=1e-5, atol=1e-6)


def test_two_parameters_and_seeds_equal_single_runs() -> None:
    sweep = {"cell.tau": TAUS, "seed": SEEDS, "ff.plasticity.rate": RATE}
    run = simulate(CIRCUIT, 13, inputs=RATES, record=RECORD, sweep=sweep, chunk=6)
    assert run["cell.s"].dims == ("cell.tau", "seed", "ff.plasticity.rate", "time", "unit")
    assert run["cell.s"].shape == (2, 3, 2, 13, N)
    assert run["cell.s"].coords["cell.tau"].values.tolist() == TAUS
    assert run["cell.s"].coords["seed"].values.tolist() == [0, 1, 2]
    for i, j, k in [(0, 0, 0), (1, 2, 0), (0, 1, 1), (1, 0, 1)]:
        one = CIRCUIT.with_parameters({"cell.tau": TAUS[i], "ff.plasticity.rate": RATE[k]})
        single = simulate(one, 13, inputs=RATES, record=RECORD, seed=SEEDS[j])
        assert_lane(run, {"cell.tau": i, "seed": j, "ff.plasticity.rate": k}, single)
        for a, b in zip(jax.tree.leaves(run.state), jax.tree.leaves(single.state), strict=True):
            np.testing.assert_allclose(a[i, j, k], b, rtol=1e-5, atol=1e-6)


def test_seeds_draw_organisms(tmp_path: Path) -> None:
    """Also with random parameters, the largest seed, and from disk."""
    c, seeds = network(tau=Uniform(5.0, 50.0)), [7, 2**32 - 1]
    with PLUGINS.use():
        run = simulate(c, 9, inputs=RATES, record=RECORD, sweep={"seed": seeds}, to=tmp_path / "run.zarr")
        assert_same(open(tmp_path / "run.zarr").state, run.state)
    for i, seed in enumerate(seeds):
        assert_lane(run, {"seed": i}, simulate(c, 9, inputs=RATES, record=RECORD, seed=seed))


def test_values_per_unit(tmp_path: Path) -> None:
    taus = [[5.0, 10.0, 20.0], [9.0, 9.0, 9.0]]
    for to in (None, tmp_path / "run.zarr"):
        with PLUGINS.use():
            run = simulate(CIRCUIT, 9, inputs=RATES, record={"cell.v": 1}, sweep={"cell.tau": taus}, to=to)
        assert run["cell.v"].coords["cell.tau"].values.tolist() == [0, 1]
        assert run.tree["cell"].coords["cell.tau_values"].values.tolist() == taus
        for i, tau in enumerate(taus):
            one = CIRCUIT.with_parameters({"cell.tau": np.asarray(tau)})
            assert_lane(run, {"cell.tau": i}, simulate(one, 9, inputs=RATES, record={"cell.v": 1}))


@pytest.mark.parametrize("batch", [None, 2])
def test_with_trials(batch: int | None) -> None:
    samples = np.random.default_rng(0).uniform(size=(5, N_IN))
    inputs = {"src.x": (("trial", "unit"), samples)}
    record = {"cell.s": [1, Record("sum", per="trial")], "ff.w": Record(per="trial")}

    def run(circuit: Any = CIRCUIT, **how: Any) -> Run:
        return simulate(circuit, trials=Trials(5, 2), inputs=inputs, record=record, batch=batch, **how)

    swept = run(sweep={"cell.tau": TAUS, "seed": SEEDS})
    assert swept["cell.s"].dims == ("cell.tau", "seed", "trial", "time", "unit")
    for i, j in [(1, 2)]:
        assert_lane(
            swept, {"cell.tau": i, "seed": j}, run(CIRCUIT.with_parameters({"cell.tau": TAUS[i]}), seed=SEEDS[j])
        )


def test_states_go_on_lane_by_lane() -> None:
    sweep = {"seed": SEEDS}
    first = simulate(CIRCUIT, 10, inputs=RATES, sweep=sweep)
    on = simulate(CIRCUIT, 7, inputs=RATES, record={"cell.v": 1}, sweep=sweep, state=first.state)
    for j in SEEDS:
        lane = simulate(CIRCUIT, 10, inputs=RATES, seed=j).state
        assert_lane(on, {"seed": j}, simulate(CIRCUIT, 7, inputs=RATES, record={"cell.v": 1}, seed=j, state=lane))
    one = simulate(CIRCUIT, 10, inputs=RATES).state  # a single state is where all lanes start
    fan = simulate(CIRCUIT, 7, inputs=RATES, record={"cell.v": 1}, sweep=sweep, state=one)
    assert_lane(fan, {"seed": 1}, simulate(CIRCUIT, 7, inputs=RATES, record={"cell.v": 1}, seed=1, state=one))


def test_round_trip_on_disk(tmp_path: Path) -> None:
    with PLUGINS.use():
        sweep = {"cell.tau": TAUS, "seed": SEEDS}
        run = simulate(CIRCUIT, 10, inputs=RATES, record=RECORD, sweep=sweep, to=tmp_path / "run.zarr")
        again = open(tmp_path / "run.zarr")
        assert again.tree.attrs["sweep"] == ["cell.tau", "seed"] and "seed" not in again.tree.attrs
        for a, b in zip(jax.tree.leaves(again.state), jax.tree.leaves(run.state), strict=True):
            np.testing.assert_array_equal(a, b)
        xr.testing.assert_identical(again["cell.v_mean"].compute(), run["cell.v_mean"].compute())
        spikes = again.spikes("cell")
        assert list(spikes) == ["cell.tau", "seed", "time", "unit"]
        assert spikes.sizes["spike"] == int(run["cell.s"].sum())
        assert set(spikes["cell.tau"].values) <= set(TAUS)
