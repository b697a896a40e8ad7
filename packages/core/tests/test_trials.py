"""Trials: equal to a loop over renew, step and consolidate; moving samples, rest, batches with a remainder, records."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from bouton import Circuit, Record, Tick, Trials, simulate
from bouton._circuit import node_key

from .tiny import KEY, N_IN, STEP, Leaky, N, assert_same, network, recorded

CIRCUIT = network()
PRESENT, REST, COUNT = 6, 2, 7
SAMPLES = np.random.default_rng(0).uniform(0.0, 1.0, (COUNT, N_IN))
MOVIES = np.random.default_rng(1).uniform(0.0, 1.0, (COUNT, PRESENT, N_IN))
STILL = {"src.x": (("trial", "unit"), SAMPLES)}
TRIALS = Trials(PRESENT, REST, coords={"digit": np.arange(COUNT) % 3})
RECORD = {
    "cell.s": [1, Record("sum", per="trial")],
    "cell.v": [Record(every=3), Record("max", per="trial")],
    "cell.theta": Record(per="trial"),
    "ff.w": Record(every=2, per="trial"),
}


def by_hand(
    samples: np.ndarray, width: int | None = None, *, learn: bool = True, reduce: Any = "mean"
) -> dict[str, Any]:
    """A Python loop over trials; `samples` are (trial, time, unit)."""
    state = CIRCUIT.init(key=node_key(KEY, "init"), dt=1.0, batch=() if width is None else width)
    rows: dict[str, list[Any]] = {"cell.s": [], "cell.v": [], "cell.theta": [], "ff.w": []}
    for r, first in enumerate(range(0, len(samples), width or 1)):
        shown = samples[first : first + width] if width else samples[first]  # (*batch, time, unit)
        batch = (len(shown),) if width else ()
        key = node_key(jax.random.fold_in(KEY, r), "renew")
        state = CIRCUIT.renew(state, key=key, dt=1.0, batch=batch)
        s, v = [], []
        for i in range(PRESENT + REST):
            now = shown[..., i, :] if i < PRESENT else np.zeros_like(shown[..., 0, :])
            tick = Tick(r * (PRESENT + REST) + i, 1.0, KEY, batch, reduce)
            state, outs = STEP(CIRCUIT, state, tick, {"src.x": now}, learn=learn)
            s.append(np.asarray(outs["cell"].s))
            v.append(np.asarray(state["cell"].v))
        state = CIRCUIT.consolidate(state) if learn else state
        lanes = len(shown) if width else 1
        for name, values in (("cell.s", s), ("cell.v", v)):
            array = np.stack(values).reshape(PRESENT + REST, lanes, N)
            rows[name] += [array[:, lane] for lane in range(lanes)]
        rows["cell.theta"].append(np.asarray(state["cell"].theta))
        rows["ff.w"].append(np.asarray(state["ff"].w))
    return {"state": state, **{n: np.stack(v) for n, v in rows.items()}}


@pytest.mark.parametrize("chunk", [1, 2, None])
def test_equal_a_loop_over_trials(chunk: int | None) -> None:
    run = simulate(CIRCUIT, trials=TRIALS, inputs=STILL, record=RECORD, chunk=chunk)
    want = by_hand(np.repeat(SAMPLES[:, None], PRESENT, 1))
    assert want["cell.s"].sum() > 10
    np.testing.assert_array_equal(run["cell.s"], want["cell.s"] != 0)
    np.testing.assert_array_equal(run["cell.s_sum"], want["cell.s"].sum(1))
    np.testing.assert_allclose(run["cell.v"], want["cell.v"][:, [2, 5]], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(run["cell.v_max"], want["cell.v"].max(1), rtol=1e-5)
    np.testing.assert_allclose(run["cell.theta"], want["cell.theta"], rtol=1e-5)
    np.testing.assert_allclose(run["ff.w"], want["ff.w"][1::2], rtol=1e-5)
    np.testing.assert_allclose(run["ff.w"].sum("pre"), 2.0, rtol=1e-5)  # consolidated: the norm is restored
    np.testing.assert_allclose(run.state["ff"].w, want["ff.w"][-1], rtol=1e-5)


def test_labels() -> None:
    run = simulate(CIRCUIT, trials=TRIALS, inputs=STILL, record=RECORD)
    assert run["cell.s"].dims == ("trial", "time", "unit") and run["cell.s"].shape == (COUNT, PRESENT + REST, N)
    assert run["cell.v"].dims == ("trial", "time_3", "unit") and run["ff.w"].dims == ("trial_2", "pre", "post")
    np.testing.assert_array_equal(run["cell.s"]["time"], np.arange(8) + 1.0)
    np.testing.assert_array_equal(run["cell.v"]["time_3"], [3.0, 6.0])
    np.testing.assert_array_equal(run["cell.s_sum"]["digit"], np.arange(COUNT) % 3)
    np.testing.assert_array_equal(run["ff.w"]["trial_2"], [1, 3, 5])  # the last trial of each window


@pytest.mark.parametrize("chunk", [1, None])
def test_batches_with_a_remainder(chunk: int | None) -> None:
    """Seven trials in batches of three: the last batch has one."""
    record = RECORD | {"ff.w": Record(per="trial"), "cell.theta": 8}
    run = simulate(CIRCUIT, trials=TRIALS, inputs=STILL, record=record, batch=3, batch_reduce="sum", chunk=chunk)
    want = by_hand(np.repeat(SAMPLES[:, None], PRESENT, 1), 3, reduce="sum")
    np.testing.assert_array_equal(run["cell.s"], want["cell.s"] != 0)
    np.testing.assert_array_equal(run["cell.s_sum"], want["cell.s"].sum(1))
    np.testing.assert_allclose(run["cell.v"], want["cell.v"][:, [2, 5]], rtol=1e-5, atol=1e-6)
    assert run["ff.w"].dims == ("trial_3", "pre", "post")  # weights are common to a batch
    np.testing.assert_allclose(run["ff.w"], want["ff.w"][:2], rtol=1e-5)
    np.testing.assert_array_equal(run["ff.w"]["trial_3"], [2, 5])
    assert run["cell.theta"].dims == ("trial_3", "time_8", "unit")
    np.testing.assert_allclose(run["cell.theta"][:, 0], want["cell.theta"][:2], rtol=1e-5)
    np.testing.assert_allclose(run.state["ff"].w, want["ff.w"][-1], rtol=1e-5)


@pytest.mark.parametrize("batch", [None, 3])
def test_samples_that_move(batch: int | None) -> None:
    want = by_hand(MOVIES, batch)
    for given in (
        (("trial", "time", "unit"), MOVIES),
        (("unit", "trial", "time"), np.moveaxis(MOVIES, 2, 0)),
        xr.DataArray(MOVIES, dims=("trial", "time", "unit")),
    ):
        run = simulate(CIRCUIT, trials=TRIALS, inputs={"src.x": given}, record={"cell.s": 1}, batch=batch)
        np.testing.assert_array_equal(run["cell.s"], want["cell.s"] != 0)


def held(inputs: Any, **how: Any) -> np.ndarray:
    """What arrives in each step of each trial at cells that hold it."""
    c = Circuit(nodes={"cell": Leaky(N_IN, tau=1e9, growth=0.0)})
    run = simulate(c, inputs={"cell.j": inputs}, record={"cell.v": 1}, **how)
    return np.diff(run["cell.v"].values, axis=1, prepend=0.0)


@pytest.mark.parametrize("batch", [None, 4])
def test_one_number_for_a_sample_and_the_same_course_in_every_trial(batch: int | None) -> None:
    short = Trials(3, 1)
    numbers = 0.01 * np.arange(5.0)
    rest = [1.0, 1.0, 1.0, 0.0]
    want = numbers[:, None, None] * np.reshape(rest, (4, 1)) * np.ones(N_IN)
    np.testing.assert_allclose(held(("trial", numbers), trials=short, batch=batch), want, atol=1e-6)
    moving = 0.01 * np.arange(15.0).reshape(5, 3)
    padded = np.pad(moving, ((0, 0), (0, 1)))
    want = padded[:, :, None] * np.ones(N_IN)
    np.testing.assert_allclose(held((("trial", "time"), moving), trials=short, batch=batch), want, atol=1e-6)
    common = Trials(3, 1, coords={"sample": numbers})
    want = np.broadcast_to(padded[1][:, None], (5, 4, N_IN))
    np.testing.assert_allclose(held(("time", moving[1]), trials=common, batch=batch), want, atol=1e-6)
    want = np.full((5, 4, N_IN), 0.1)  # what does not belong to a trial goes on through the rest
    np.testing.assert_allclose(held(0.1, trials=common, batch=batch), want, atol=1e-6)
    np.testing.assert_allclose(held(lambda tick: jnp.full(N_IN, 0.1), trials=common, batch=batch), want, atol=1e-6)


@pytest.mark.parametrize("batch", [None, 2, 5])
def test_what_was_learned_is_tested_in_another_batch(batch: int | None) -> None:
    trained = simulate(CIRCUIT, trials=TRIALS, inputs=STILL, batch=3)
    test = simulate(
        CIRCUIT, trials=TRIALS, inputs=STILL, record={"ff.w": 1}, batch=batch, state=trained.state, learn=False, seed=1
    )
    assert_same(test.state["ff"].w, trained.state["ff"].w)
    assert_same(test.state["cell"].theta, trained.state["cell"].theta)
    assert (test["ff.w"].values == np.asarray(trained.state["ff"].w)).all()


def test_from_trials_into_a_plain_run() -> None:
    trained = simulate(CIRCUIT, trials=TRIALS, inputs=STILL)
    on = simulate(CIRCUIT, 4, inputs={"src.x": 0.5}, state=trained.state, learn=False)
    assert_same(on.state["ff"].w, trained.state["ff"].w)


def test_what_is_recorded_changes_nothing() -> None:
    want = simulate(CIRCUIT, trials=TRIALS, inputs=STILL, record=RECORD)
    bare = simulate(CIRCUIT, trials=TRIALS, inputs=STILL)
    assert_same(bare.state, want.state)
    some = simulate(CIRCUIT, trials=TRIALS, inputs=STILL, record={"ff.w": RECORD["ff.w"]})
    assert_same(recorded(some)["ff.w"], recorded(want)["ff.w"])
