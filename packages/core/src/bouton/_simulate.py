"""simulate: a run from start to end, in compiled chunks, with trials, sweeps, progress and a labelled dataset.

What is asked for is checked in `_request.py` and `_inputs.py`; a chunk is compiled in `_chunk.py`; what the dataset
looks like is `_dataset.py`; it is kept by `_memory.py` or `_store.py`. Here is what happens between chunks.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypeVar

import jax
import numpy as np

from ._check import check_named
from ._chunk import Job, Piece, Program
from ._circuit import Circuit
from ._dataset import Layout, Variable, variables
from ._inputs import feed
from ._memory import MemoryStore
from ._nans import check_nans
from ._progress import Progress
from ._provenance import provenance
from ._record import entries
from ._request import Length, check_arguments, length_of, swept
from ._request import Trials as Trials
from ._room import check_states
from ._run import Run
from ._store import ZarrStore, check_free, check_room

CHUNK_BYTES = 32 * 2**20
CHUNK_STEPS = 20_000
CHUNK_WORK = 2e9
"""How many numbers of the state a chunk goes through: a second or two, so that progress and commits are not late."""

_T = TypeVar("_T")


def simulate(
    circuit: Circuit,
    duration: float | None = None,
    *,
    dt: float = 1.0,
    seed: int = 0,
    inputs: Mapping[str, Any] | None = None,
    trials: Trials | None = None,
    record: Mapping[str, Any] | None = None,
    to: str | os.PathLike[str] | None = None,
    state: Mapping[str, Any] | None = None,
    learn: bool = True,
    batch: int | None = None,
    batch_reduce: Literal["mean", "sum"] = "mean",
    sweep: Mapping[str, Any] | None = None,
    chunk: int | None = None,
    progress: bool | None = None,
    overwrite: bool = False,
) -> Run:
    """Run a circuit for `duration` ms, or over `trials`, and return what was recorded as a labelled dataset.

    - `seed`: of everything random: start values, parameters given as distributions, noise; below 2**32.
    - `inputs`: ``{"image.x": value}``: an array that stays the same, ``(dims, array)`` or a DataArray with a dim
      ``time`` (a row per step) or ``trial``, or a function of the tick.
    - `record`: ``{"exc.s": 1, "exc.v": 10}``: every n steps, or a `Record`, or a list of these.
    - `to`: the folder of the run (zarr); without it the run stays in memory.
    - `state`: start from this state (e.g. ``other_run.state``) instead of a new one, with steps counted from 0; what
      does not persist is kept in a plain run and renewed by each trial. Noise repeats unless `seed` is another;
      parameters given as distributions are drawn anew then, so hand on ``other_run.circuit`` as well.
    - `learn`: without it no persistent state changes.
    - `batch`: how many samples one organism sees at once; `batch_reduce`: how their changes of persistent states are
      brought together. For several organisms sweep over ``seed``.
    - `sweep`: ``{"exc.tau_m": [10, 20], "seed": range(5)}``: all combinations at once by `vmap`; each becomes a dim.
    - `chunk`: steps (or presentations) in one compiled call; by default a second or two of work, and at most 32 MB of
      records.
    - `progress`: a progress bar on standard error; by default when that is a terminal.

    Results depend neither on the chunk, nor on what is recorded. Of random keys: ``key = jax.random.key(seed)`` is that
    of every tick; with ``node_key(k, name) = fold_in(k, crc32(name))`` parameters are drawn by ``node_key(key,
    "parameters")``, the first state by ``node_key(key, "init")``, and presentation r begins with a state renewed by
    ``node_key(fold_in(key, r), "renew")``.

    Raises `RunError` or `CircuitError` before anything is computed if the request makes no sense, or if the disk has no
    room for it; an existing run is only overwritten if `overwrite` is set.
    """
    check_arguments(
        circuit,
        dt,
        duration,
        trials,
        seed,
        record=record,
        batch=batch,
        batch_reduce=batch_reduce,
        sweep=sweep,
        chunk=chunk,
    )
    if to is not None:
        check_free(to, overwrite)
    lanes = () if batch is None else (batch,)
    values = swept(circuit, sweep)
    length = length_of(duration, trials, inputs, dt, batch)
    given = feed(circuit, inputs, dt=dt, batch=() if trials else lanes, steps=length.fed, trials=length.trials)
    check_states(circuit._sizes(lanes, copies=math.prod(len(v) for v in values.values())))
    asked = entries(circuit, record)
    layout = Layout(float(dt), length.count, length.of_trial, batch, values, {} if trials is None else trials.labels())
    plan = variables(circuit, asked, layout)
    if to is not None:
        check_room(to, plan)
    job = Job(layout.dt, lanes, batch_reduce, bool(learn), tuple(values), length.trial).with_(asked, given)
    program = Program.of(circuit, job, given, values, seed)
    check_named(program.circuit.components, layout.dt)  # here, because a compiled function sees no values to check
    begin = program.start(state)
    pieces = _pieces(length, chunk or _chunk_size(plan, length, begin.state), lanes)
    program.check(begin, pieces)
    about, arrays = provenance(
        circuit,
        layout,
        asked,
        seed=seed,
        duration=duration,
        trials=trials,
        learn=job.learn,
        batch_reduce=batch_reduce,
    )
    if to is None:
        store: Any = MemoryStore(plan, about)
    else:
        store = ZarrStore(to, plan, about, arrays, block=pieces[0].count, overwrite=overwrite)
    final = begin.state
    with store, Progress(layout, plan, progress) as bar:
        for done in _one_behind(program.run(begin, pieces)):
            piece, final, recorded = done.piece, done.carry.state, done.recorded
            check_nans(program.circuit, done.nans, layout, first=piece.first, count=piece.count, batch=piece.batch)
            _write(store, plan, piece, recorded)
            store.commit((piece.first_unit + piece.units) * length.steps_of_unit)
            bar.to(piece.first + piece.count, recorded)
        store.finish(final)
    return Run(store.tree(), None if to is None else os.fspath(to), circuit=program.circuit, state=final)


def _chunk_size(plan: tuple[Variable, ...], length: Length, state: Any) -> int:
    """Units of work in one chunk: at most so many bytes, steps and numbers; if possible a divisor of all."""
    bytes_of_unit = sum(v.bytes_per_unit for v in plan) * length.width
    numbers = length.width * sum(np.size(leaf) for leaf in jax.tree.leaves(state))
    limits = (
        CHUNK_BYTES / max(bytes_of_unit, 1e-9),
        CHUNK_STEPS / length.steps_of_unit,
        CHUNK_WORK / max(numbers, 1) / length.steps_of_unit,
    )
    most = min(length.units, max(1, int(min(limits))))
    return next((n for n in range(most, most // 2, -1) if length.units % n == 0), most)


def _pieces(length: Length, size: int, lanes: tuple[int, ...]) -> list[Piece]:
    """The chunks of a run; the last batch of trials may be smaller and is then one of its own."""
    width = length.width
    whole = length.count // width
    pieces = [
        Piece(first, n, first * width, n * width, lanes)
        for first in range(0, whole, size)
        for n in (min(size, whole - first),)
    ]
    if rest := length.count - whole * width:
        pieces.append(Piece(whole, 1, whole * width, rest, (rest,)))
    return pieces


def _one_behind(items: Iterable[_T]) -> Iterator[_T]:
    """Each item after the next one was begun: JAX computes that in the background while this one is written."""
    waiting: list[_T] = []
    for item in items:
        waiting.append(item)
        if len(waiting) > 1:
            yield waiting.pop(0)
    yield from waiting


def _write(store: Any, plan: tuple[Variable, ...], piece: Piece, recorded: Mapping[str, Any]) -> None:
    for v in plan:
        start, stop = piece.first // v.stride, (piece.first + piece.count) // v.stride
        if stop > start:
            store.write(v, start, v.arranged(np.asarray(recorded[v.entry.name]), stop - start))
