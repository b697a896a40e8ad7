"""Many steps in one compiled loop, with recording: pure functions for `jit`, `grad` and `vmap`.

Chunks, trials and sweeps are `_chunk.py`; stores and progress are `_simulate.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import lax

from ._circuit import Circuit
from ._errors import RunError
from ._inputs import check_names, feed
from ._keys import node_key
from ._module import Tick
from ._once import once
from ._record import Entry, entries

_ADD: dict[str, Callable[[Any, Any], Any]] = {"sum": jnp.add, "mean": jnp.add, "max": jnp.maximum, "min": jnp.minimum}


def scan(
    circuit: Circuit,
    state: Mapping[str, Any],
    *,
    steps: int,
    dt: float,
    key: Any = None,
    start: int = 0,
    batch: tuple[int, ...] | int = (),
    inputs: Mapping[str, Any] | None = None,
    record: Mapping[str, Any] | None = None,
    learn: bool = True,
    batch_reduce: Literal["mean", "sum"] = "mean",
) -> tuple[dict[str, Any], dict[str, jax.Array]]:
    """Run `steps` steps of `dt` ms from a state: ``(state, {name: recorded array})``.

    A pure function: wrap it in `jax.jit`, differentiate it, vmap it over states, keys or parameters. `inputs` are
    arrays that stay the same, ``(("time", ...), array)`` with one row per step, or functions of the tick. `record` is
    as in `simulate`; recorded arrays have time in front and keep their dtype, and their windows begin at `start`, the
    number of the first step (which matters to random keys and to delays).
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise RunError(f"steps must be a whole number of at least 1, got {steps!r}.")
    batch = (batch,) if isinstance(batch, int) else tuple(batch)
    given = feed(circuit, inputs, dt=dt, batch=batch, steps=steps)
    check_names("record", record)
    asked = entries(circuit, record)
    if any(e.per_trial for e in asked):
        raise RunError("Record(per='trial') is for simulate(trials=...); a scan has no trials.")
    try:
        state, _, recorded = windows(
            circuit,
            state,
            asked,
            steps=steps,
            ticks=Tick(start, dt, key, batch, batch_reduce),
            constant=given.constant,
            series=given.series,
            function=given.function,
            learn=learn,
        )
    except TypeError as e:
        if key is None and "PRNG key" in str(e):
            raise RunError("a component or an input draws random numbers: give key=, e.g. jax.random.key(0).") from e
        raise
    return state, recorded


def windows(
    circuit: Circuit,
    state: Mapping[str, Any],
    asked: tuple[Entry, ...],
    *,
    steps: int,
    ticks: Tick,
    place: Any = 0,
    sums: Mapping[str, Any] | None = None,
    room: Mapping[str, Any] | None = None,
    constant: Mapping[str, Any],
    series: Mapping[str, Any],
    function: Mapping[str, Callable[[Tick], Any]],
    learn: bool,
    stored: bool = False,
) -> tuple[dict[str, Any], dict[str, Any], dict[str, jax.Array]]:
    """`scan` with everything checked: ``(state, sums, recorded)``.

    `ticks` is the first tick, `place` its place in the grid of windows, `sums` (from `sums_of`) what the window that is
    open there has gathered. Samples of every step are the scan's own output. A coarser series has a buffer in the carry
    with a row for each window that may end here; where `place` is traced that can be one row too many. With `room`
    (arrays as `room_of` says, whatever they hold) all series are written into those.
    """
    sums = sums_of(asked, ticks.batch, stored=stored) if sums is None else dict(sums)
    plain = () if room else tuple(e for e in asked if e.record.every == 1 and not e.per_trial)
    coarse = {e: steps if e.per_trial else e.record.every for e in asked if e not in plain}
    forms = {} if room else room_of(coarse, steps, ticks.batch, stored=stored)
    buffers = dict(room) if room else {name: jnp.zeros(a.shape, a.dtype) for name, a in forms.items()}

    def body(carry: Any, x: Any) -> Any:
        state, sums, buffers = carry
        i, row = x
        tick, at = ticks.replace(step=ticks.step + i), place + i
        state, outputs = circuit.step(state, tick, {**constant, **row, **_called(function, tick)}, learn)

        def sample(e: Entry) -> Any:
            return e.sample(circuit.value(state, outputs, e.ref), stored=stored)

        kept = partial(Entry.kept, stored=stored)
        for e, k in coarse.items():
            v = sample(e)
            if k == 1:
                buffers = {**buffers, e.name: lax.dynamic_update_index_in_dim(buffers[e.name], kept(e, v), i, 0)}
                continue
            if e.name in sums:
                v = jnp.where(at % k == 0, v, _ADD[e.record.reduce](sums[e.name], v))
                sums = {**sums, e.name: v}
            slot = at // k - place // k

            def put(b: Any, v: Any, e: Entry = e, slot: Any = slot) -> Any:
                return b.at[slot].set(kept(e, v), mode="drop")

            buffer = lax.cond(at % k == k - 1, put, lambda b, v: b, buffers[e.name], v)
            buffers = {**buffers, e.name: buffer}
        return (state, sums, buffers), {e.name: kept(e, sample(e)) for e in plain}

    carry, recorded = lax.scan(once(body), (dict(state), sums, buffers), (jnp.arange(steps), dict(series)))
    state, sums, buffers = carry
    for e, k in coarse.items():
        complete = buffers[e.name][: steps // k] if isinstance(place, int) and place == 0 else buffers[e.name]
        recorded[e.name] = complete / k if e.record.reduce == "mean" else complete
    return state, sums, recorded


def room_of(
    lengths: Mapping[Entry, int], steps: int, batch: tuple[int, ...], *, stored: bool
) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes and dtypes of all that is recorded in so many steps, wherever they begin, by the lengths of windows."""
    forms = {e: e.form(batch, stored=stored) for e in lengths}
    return {e.name: jax.ShapeDtypeStruct((-(-steps // k), *forms[e].shape), forms[e].dtype) for e, k in lengths.items()}


def sums_of(asked: tuple[Entry, ...], batch: tuple[int, ...], *, stored: bool) -> dict[str, Any]:
    """Where windows gather what they reduce."""
    reduced = (e for e in asked if e.record.reduce != "last" and (e.per_trial or e.record.every > 1))
    return {e.name: jnp.zeros(e.shape(batch), e.dtype(stored=stored)) for e in reduced}


def _called(function: Mapping[str, Callable[[Tick], Any]], tick: Tick) -> dict[str, Any]:
    """Inputs that are functions, each with a random key of its own."""
    if not function:
        return {}
    key = None if tick.key is None else jax.random.fold_in(tick.key, tick.step)
    return {
        ref: f(tick.replace(key=None if key is None else node_key(key, "input " + ref))) for ref, f in function.items()
    }
