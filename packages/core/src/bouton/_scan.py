"""Many steps in one compiled loop, with recording: pure functions for `jit`, `grad` and `vmap`.

Chunks, trials, stores and progress are `_simulate.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import lax

from ._circuit import Circuit, node_key
from ._inputs import feed
from ._module import Tick
from ._record import Entry, entries

_START = {"sum": 0.0, "mean": 0.0, "max": -jnp.inf, "min": jnp.inf}
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
    arrays that stay the same, ``(("time", ...), array)`` with one row per step, or functions of the tick. `record` is as
    in `simulate`; recorded arrays have time in front and keep their dtype. `start` is the number of the first step.
    """
    batch = (batch,) if isinstance(batch, int) else tuple(batch)
    given = feed(circuit, inputs, dt=dt, batch=batch, steps=steps)
    return windows(
        circuit,
        state,
        entries(circuit, record),
        steps=steps,
        ticks=Tick(start, dt, key, batch, batch_reduce),
        constant=given.constant,
        series=given.series,
        function=given.function,
        learn=learn,
    )


def windows(
    circuit: Circuit,
    state: Mapping[str, Any],
    series_of: tuple[Entry, ...],
    *,
    steps: int,
    ticks: Tick,
    offset: Any = None,
    constant: Mapping[str, Any],
    series: Mapping[str, Any],
    function: Mapping[str, Callable[[Tick], Any]],
    learn: bool,
    stored: bool = False,
) -> tuple[dict[str, Any], dict[str, jax.Array]]:
    """`scan` with everything checked. `ticks` is the first tick; `offset` its place in the grid of windows.

    Samples of every step are the scan's own output. A coarser series has a buffer in the carry, with a row for each
    window that may end within these steps; where `offset` is traced this can be one row more than there are windows.
    """
    offset = ticks.step if offset is None else offset
    plain = tuple(e for e in series_of if e.record.every == 1 and e.record.per == "step")
    coarse = tuple(e for e in series_of if e not in plain)
    length = {e.name: steps if e.record.per == "trial" else e.record.every for e in coarse}

    def rows(e: Entry) -> int:
        k = length[e.name]
        return (offset + steps) // k - offset // k if isinstance(offset, int) else -(-steps // k)

    def dtype(e: Entry) -> Any:
        return jnp.dtype(bool) if stored and e.as_spikes else e.compartment.dtype

    buffers = {
        e.name: jnp.full((rows(e), *e.shape(ticks.batch)), _START.get(e.record.reduce, 0), dtype(e)) for e in coarse
    }

    def body(carry: Any, x: Any) -> Any:
        state, buffers = carry
        i, row = x
        tick = ticks.replace(step=ticks.step + i)
        state, outputs = circuit.step(state, tick, {**constant, **row, **_called(function, tick)}, learn)

        def value(e: Entry) -> Any:
            v = circuit.value(state, outputs, e.ref)
            return v != 0 if stored and e.as_spikes else v

        kept = {}
        for e in coarse:
            k, buffer = length[e.name], buffers[e.name]
            slot = (offset + i) // k - offset // k
            if e.record.reduce == "last":
                kept[e.name] = lax.cond(
                    (offset + i) % k == k - 1,
                    lambda b, v, slot=slot: b.at[slot].set(v, mode="drop"),
                    lambda b, v: b,
                    buffer,
                    value(e),
                )
            else:
                kept[e.name] = buffer.at[slot].set(_ADD[e.record.reduce](buffer[slot], value(e)), mode="drop")
        return (state, kept), {e.name: value(e) for e in plain}

    (state, buffers), recorded = lax.scan(body, (dict(state), buffers), (jnp.arange(steps), dict(series)))
    for e in coarse:
        b = buffers[e.name]
        recorded[e.name] = b / length[e.name] if e.record.reduce == "mean" else b
    return state, recorded


def _called(function: Mapping[str, Callable[[Tick], Any]], tick: Tick) -> dict[str, Any]:
    """Inputs that are functions, each with a random key of its own."""
    if not function:
        return {}
    key = None if tick.key is None else jax.random.fold_in(tick.key, tick.step)
    return {
        ref: f(tick.replace(key=None if key is None else node_key(key, "input " + ref))) for ref, f in function.items()
    }
