"""simulate: a run from start to end, in compiled chunks, with trials, sweeps, progress and a labelled dataset.

What is asked for is checked in `_request.py` and `_inputs.py`; a chunk is compiled in `_chunk.py`; what the dataset
looks like is `_dataset.py`; it is kept by `_memory.py` or `_store.py`. Here is what happens between chunks.
"""

from __future__ import annotations

import dataclasses
import math
import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Literal, TypeVar

import jax
import numpy as np

from ._check import check_named
from ._chunk import Carry, Job, Piece, Program
from ._circuit import Circuit
from ._dataset import Layout, Variable, variables
from ._inputs import feed
from ._memory import MemoryStore
from ._nans import watch
from ._progress import Progress
from ._provenance import provenance
from ._record import Entry, entries
from ._request import Length, Request, check_arguments, length_of, swept
from ._request import Trials as Trials
from ._room import check_records, check_states
from ._run import Run
from ._store import ZarrStore, check_free, check_room
from ._writer import WAITING, Writer

SHARD_BYTES = 16 * 2**20
SHARD_STEPS = 20_000
SHARD_WORK = 2e9
"""How many numbers of the state a shard goes through: a second or two, so that progress and commits are not late."""

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
    shard: int | None = None,
    progress: bool | None = None,
    overwrite: bool = False,
) -> Run:
    """Run a circuit for `duration` ms, or over `trials`, and return what was recorded as a labelled dataset.

    - `seed`: of everything random: start values, parameters given as distributions, noise; below 2**32.
    - `inputs`: ``{"image.x": value}``: an array that stays the same, ``(dims, array)`` or a DataArray with a dim
      ``time`` (a row per step) or ``trial``, or a function of the tick.
    - `record`: ``{"exc.s": 1, "exc.v": 10}``: every n steps, or a `Record`, or a list of these.
    - `to`: the folder of the run (zarr) or its URL, e.g. ``s3://bucket/run.zarr``; without it the run stays in memory.
    - `state`: start from this state (e.g. ``other_run.state``) instead of a new one, with steps counted from 0; what
      does not persist is kept in a plain run and renewed by each trial. Noise repeats unless `seed` is another;
      parameters given as distributions are drawn anew then, so hand on ``other_run.circuit`` as well.
    - `learn`: without it no persistent state changes.
    - `batch`: how many samples one organism sees at once; `batch_reduce`: how their changes of persistent states are
      brought together. For several organisms sweep over ``seed``.
    - `sweep`: ``{"exc.tau_m": [10, 20], "seed": range(5)}``: all combinations at once by `vmap`; each becomes a dim.
    - `chunk`: steps (or presentations) in one compiled call; by default a shard, or what divides it.
    - `shard`: after how many steps (or presentations) a stored run may commit, and how many a file of it holds; by
      default a second or two of work, and at most 16 MB of records. A chunk is at most a shard.
    - `progress`: a progress bar on standard error; by default when that is a terminal.

    Results depend neither on the chunk, nor on what is recorded. Of random keys: ``key = jax.random.key(seed)`` is that
    of every tick; with ``node_key(k, name) = fold_in(k, crc32(name))`` parameters are drawn by ``node_key(key,
    "parameters")``, the first state by ``node_key(key, "init")``, and presentation r begins with a state renewed by
    ``node_key(fold_in(key, r), "renew")``.

    Raises `RunError` or `CircuitError` before anything is computed if the request makes no sense, or if the disk has no
    room for it; an existing run is only overwritten if `overwrite` is set.
    """
    asked = Request(circuit, duration, dt, seed, inputs, trials, record, bool(learn), batch, batch_reduce, sweep)
    check_arguments(asked, chunk=chunk, shard=shard)
    if to is not None:
        check_free(to, overwrite)
    work = Work.of(asked)
    shard = shard or _shard(work.plan, work.length, work.program.form.state)
    about, arrays = provenance(asked, work.layout, work.entries, first=0, steps=work.length.steps, shard=shard)
    if to is not None:
        check_space(work, shard, to, arrays)
    begin = work.program.start(state)
    pieces = work.pieces(shard, chunk)
    work.program.check(begin, pieces)
    if to is not None and "circuit_missing" in about:
        warnings.warn(f"the run will not contain its circuit: {about['circuit_missing']}", stacklevel=2)

    def store() -> Any:
        if to is None:
            return MemoryStore(work.plan, about)
        return ZarrStore.create(to, work.plan, about, arrays, begin, shard=shard, overwrite=overwrite)

    return run(work, begin, pieces, shard, store, progress)


@dataclasses.dataclass(frozen=True)
class Work:
    """A request, checked and ready to be run."""

    asked: Request
    length: Length
    layout: Layout
    entries: tuple[Entry, ...]
    plan: tuple[Variable, ...]
    program: Program

    @classmethod
    def of(cls, asked: Request) -> Work:
        circuit, trials = asked.circuit, asked.trials
        lanes = () if asked.batch is None else (asked.batch,)
        values = swept(circuit, asked.sweep)
        length = length_of(asked.duration, trials, asked.inputs, asked.dt, asked.batch)
        alone = () if trials else lanes
        given = feed(circuit, asked.inputs, dt=asked.dt, batch=alone, steps=length.fed, trials=length.trials)
        check_states(circuit._sizes(lanes, copies=math.prod(len(v) for v in values.values())))
        wanted = entries(circuit, asked.record)
        labels = {} if trials is None else trials.labels()
        layout = Layout(float(asked.dt), length.count, length.of_trial, asked.batch, values, labels, asked.start)
        plan = variables(circuit, wanted, layout)
        job = Job(layout.dt, lanes, asked.batch_reduce, asked.learn, tuple(values), length.trial).with_(wanted, given)
        program = Program.of(circuit, job, given, values, asked.seed)
        check_named(program.circuit.components, layout.dt)  # here, because a compiled function sees no values to check
        return cls(asked, length, layout, wanted, plan, program)

    def pieces(self, shard: int, chunk: int | None, first: int = 0) -> list[Piece]:
        """The chunks from unit of work `first` on; the last batch of trials may be smaller and is then one of its own.

        Each shard ends with a chunk.
        """
        length, width, lanes = self.length, self.length.width, self.program.job.batch
        origin = self.layout.start // width
        whole = length.count // width
        size = min(chunk or _common(shard, whole - origin), shard)
        pieces = []
        while first < whole:
            boundary = origin + ((first - origin) // shard + 1) * shard
            n = min(size, boundary - first, whole - first)
            pieces.append(Piece(first, n, first * width, n * width, lanes))
            first += n
        if rest := length.count - whole * width:
            pieces.append(Piece(whole, 1, whole * width, rest, (rest,)))
        return pieces


def run(
    work: Work, begin: Carry, pieces: list[Piece], shard: int, make: Callable[[], Any], progress: bool | None
) -> Run:
    """Compute the pieces, while a thread writes them to the store that `make` returns."""
    length, plan, program = work.length, work.plan, work.program
    final, origin = begin, work.layout.start // length.width
    read: deque[dict[str, Any]] = deque()
    store: Any = None

    def made() -> None:
        nonlocal store
        store = make()
        writer.rescue, writer.close = store.keep, store.close

    def write(piece: Piece, recorded: dict[str, Any], rows: dict[str, np.ndarray], steps: int, carry: Any) -> None:
        for v in plan:
            start, stop = piece.first // v.stride, (piece.first + piece.count) // v.stride
            if stop > start:
                store.write(v, start, v.arranged(rows[v.entry.name], stop - start))
        rows.clear()  # views, for which JAX would keep the memory
        read.append(recorded)
        if carry is not None:
            store.boundary(steps, carry)

    try:
        with Writer() as writer:
            writer.call(made)
            with Progress(work.layout, plan, progress, pieces[0].first if pieces else length.count) as bar:
                for done in _one_behind(program.run(begin, pieces, read)):
                    piece, before, final = done.piece, final, done.carry
                    watch(program, done, before, work.layout)
                    rows = {v.entry.name: np.asarray(done.recorded[v.entry.name]) for v in plan}
                    upto = piece.first_unit + piece.units
                    carry = final if (upto - origin) % shard == 0 or piece is pieces[-1] else None
                    bar.to(piece.first + piece.count, rows, store.committed, writer.waited)
                    writer.put(partial(write, piece, done.recorded, rows, upto * length.steps_of_unit, carry))
            writer.call(store.finish)
    except BaseException as error:
        if store is not None and (text := store.survives()) and text not in str(error):
            error.add_note(text)
        raise
    return Run(store.tree(), store.where, circuit=program.circuit, state=final.state)


def check_space(work: Work, shard: int, to: Any, arrays: Mapping[str, np.ndarray], done: float = 0.0) -> None:
    """`RunError` if what is stored does not fit into memory while it waits, or on the disk in the end."""
    at_once = min(work.length.count, shard * work.length.width * 2 * (WAITING + 3))  # as rows, and coded
    check_records({v.entry.name: v.bytes_per_unit * at_once for v in work.plan})
    check_room(to, work.plan, sum(array.nbytes for array in arrays.values()), done)


def _shard(plan: tuple[Variable, ...], length: Length, state: Any) -> int:
    """After how many units of work a commit may be: at most so many bytes, steps and numbers, whatever the duration.

    A round number, and if possible a multiple of each stride, so that variables grow by whole rows.
    """
    bytes_of_unit = sum(v.bytes_per_unit for v in plan) * length.width
    numbers = length.width * sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(state))
    limits = (
        SHARD_BYTES / max(bytes_of_unit, 1e-9),
        SHARD_STEPS / length.steps_of_unit,
        SHARD_WORK / max(numbers, 1) / length.steps_of_unit,
    )
    most, common = max(1, int(min(limits))), 1
    for stride in sorted({-(-v.stride // length.width) for v in plan}):
        together = math.lcm(common, stride)
        common = together if together <= most else common
    power = 10 ** (len(str(most // common)) - 1)
    return common * power * max(n for n in (1, 2, 5) if n * power <= most // common)


def _common(shard: int, units: int) -> int:
    """A size of chunks that divides the shard and the last one, unless it is tiny: then one program is enough."""
    if units <= shard:
        return units
    common = math.gcd(shard, units)
    return common if common * 8 >= shard else shard


def _one_behind(items: Iterable[_T]) -> Iterator[_T]:
    """Each item after the next one was begun: JAX computes that in the background while this one is written."""
    waiting: list[_T] = []
    for item in items:
        waiting.append(item)
        if len(waiting) > 1:
            yield waiting.pop(0)
    yield from waiting
