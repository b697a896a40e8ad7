"""One chunk of a run as a compiled, pure function of the state, for all combinations of a sweep at once.

How steps are compiled and recorded is `_scan.py`; what happens between chunks is `_simulate.py`.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ._circuit import Circuit
from ._compiler import COMPILER_OPTIONS
from ._inputs import Feed
from ._keys import node_key
from ._module import Tick
from ._nans import bad_ones, not_finite, watched
from ._provenance import is_random
from ._record import Entry, Record, entries
from ._request import fitted
from ._scan import room_of, sums_of, windows


@dataclasses.dataclass(frozen=True)
class Job:
    """Everything that decides what the compiled programs of a run are, beside the shapes of their arguments."""

    dt: float
    batch: tuple[int, ...]
    batch_reduce: Literal["mean", "sum"]
    learn: bool
    sweep: tuple[str, ...]
    trial: tuple[int, int] | None  # steps of a trial: with its sample, in all
    records: tuple[tuple[str, tuple[Record, ...]], ...] = ()
    functions: tuple[tuple[str, Callable[[Tick], Any]], ...] = ()
    moving: tuple[str, ...] = ()  # samples with a row for each step

    def with_(self, asked: tuple[Entry, ...], given: Feed) -> Job:
        """The same, with what is recorded and fed."""
        refs = dict.fromkeys(e.ref for e in asked)
        records = tuple((ref, tuple(e.record for e in asked if e.ref == ref)) for ref in refs)
        return dataclasses.replace(self, records=records, functions=tuple(given.function.items()), moving=given.moving)

    def asked(self, circuit: Circuit) -> tuple[Entry, ...]:
        return entries(circuit, {ref: list(records) for ref, records in self.records})


@dataclasses.dataclass(frozen=True)
class Piece:
    """Which part of a run a chunk is: in units of work (steps or presentations), and in steps or trials."""

    first_unit: int
    units: int
    first: int
    count: int
    batch: tuple[int, ...]


class Carry(NamedTuple):
    """What goes from chunk to chunk."""

    state: Any
    sums: dict[str, Any]  # of windows that are not complete


class Done(NamedTuple):
    """A chunk that has been set going: its arrays arrive when they are asked for."""

    piece: Piece
    carry: Carry
    recorded: dict[str, Any]
    nans: Any


class Given(NamedTuple):
    """Inputs of one chunk."""

    constant: Mapping[str, Any]
    series: Mapping[str, Any]
    samples: Mapping[str, Any]  # (presentation, *batch, ...)


@dataclasses.dataclass(frozen=True)
class Program:
    """The compiled functions of a run with all their arguments but the state."""

    circuit: Circuit
    job: Job
    fed: Feed
    values: dict[str, Any]  # of swept parameters
    key: Any

    @classmethod
    def of(cls, circuit: Circuit, job: Job, fed: Feed, swept: Mapping[str, np.ndarray], seed: int) -> Program:
        numbers = {n: jnp.asarray(v, float) for n, v in swept.items() if n != "seed"}
        if "seed" in swept:
            key = jnp.stack([jax.random.key(int(s)) for s in swept["seed"]])
        else:
            key = jax.random.key(seed)
            circuit = realised(circuit, {}, key) if is_random(circuit) else circuit
        return cls(circuit, job, fed, numbers, key)

    @cached_property
    def sent(self) -> Circuit:
        """The circuit with its arrays on the device: not sent with each chunk, and of today's default precision."""

        def send(v: Any) -> Any:  # cast before JAX sees it: JAX 0.10.0 remembers arrays that it had in double precision
            return jnp.asarray(v.astype(jax.dtypes.canonicalize_dtype(v.dtype))) if isinstance(v, np.ndarray) else v

        return jax.tree.map(send, self.circuit)

    @cached_property
    def form(self) -> Carry:
        """Shapes and dtypes of what goes from chunk to chunk."""
        return start.eval_shape(self.sent, self.values, self.key, job=self.job)

    @cached_property
    def fresh(self) -> Carry:
        """The state before the first step."""
        return start(self.sent, self.values, self.key, job=self.job)

    @cached_property
    def infinite(self) -> tuple[bool, ...]:
        """Which of the watched states are infinite before the first step."""
        values = (self.circuit.value(self.fresh.state, {}, ref) for ref in watched(self.circuit))
        return tuple(bool(jnp.isinf(value).any()) for value in values)

    def start(self, state: Any) -> Carry:
        """What the first chunk starts from: a new state, or a given one."""
        if state is None:
            return self.fresh
        form = self.form
        sums = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), form.sums)
        return Carry(fitted(self.circuit, state, form.state, only_persistent=self.job.trial is not None), sums)

    def check(self, carry: Any, pieces: list[Piece]) -> None:
        """Trace the chunks, so that whatever is wrong with them is said before anything is computed or written."""
        for piece in {(p.units, p.batch): p for p in pieces}.values():
            how: Any = {"job": self._job(piece), "units": piece.units}
            carry = run_chunk.eval_shape(*self._arguments(carry, piece), self._room(piece), **how)[0]

    def run(self, carry: Carry, pieces: list[Piece], read: deque[dict[str, Any]]) -> Iterator[Done]:
        """Compute one piece after the other, not waiting for any of them.

        What was recorded and is `read` is overwritten: new memory for each chunk takes longer than to fill it.
        """
        for piece in pieces:
            form = self._room(piece)
            room = read.popleft() if read else {}
            if form != {name: jax.ShapeDtypeStruct(a.shape, a.dtype) for name, a in room.items()}:
                room = {name: jnp.zeros(a.shape, a.dtype) for name, a in form.items()}
            how: Any = {"job": self._job(piece), "units": piece.units}
            carry, recorded, nans = run_chunk(*self._arguments(carry, piece), room, **how)
            yield Done(piece, carry, recorded, nans)

    def _room(self, piece: Piece) -> dict[str, Any]:
        """Shapes and dtypes of what is recorded of a piece; of trials it has no room of its own."""
        if self.job.trial:
            return {}
        lanes = [len(self.key if name == "seed" else self.values[name]) for name in self.job.sweep]
        lengths = {e: e.record.every for e in self.job.asked(self.circuit)}
        form = room_of(lengths, piece.units, piece.batch, stored=True)
        return {name: jax.ShapeDtypeStruct((*lanes, *a.shape), a.dtype) for name, a in form.items()}

    def locate(self, piece: Piece, carry: Carry, ignored: tuple[bool, ...]) -> Any:
        """The first step of a piece after which something is not finite, and what; see `first_step`."""
        arguments = self._arguments(carry.state, piece)
        return first_step(*arguments, job=self._job(piece), units=piece.units, ignored=ignored)

    def _job(self, piece: Piece) -> Job:
        return dataclasses.replace(self.job, batch=piece.batch)

    def _arguments(self, carry: Any, piece: Piece) -> tuple[Any, ...]:
        rows = slice(piece.first, piece.first + piece.count)
        series = self.fed.series if self.job.trial else {ref: a[rows] for ref, a in self.fed.series.items()}
        samples = {ref: a[rows].reshape(piece.units, *piece.batch, *a.shape[1:]) for ref, a in self.fed.samples.items()}
        given = Given(self.fed.constant, series, samples)
        return self.sent, self.values, self.key, carry, np.int64(piece.first_unit), given


def realised(circuit: Circuit, values: Mapping[str, Any], key: Any) -> Circuit:
    """The circuit with its random parameters drawn, then those of a sweep set."""
    circuit = circuit.realise(node_key(key, "parameters"))
    return circuit.with_parameters(values) if values else circuit


def over_sweep(f: Callable[..., Any], job: Job, *, carried: int = 0, shared: int = 0) -> Callable[..., Any]:
    """``f(values, key, *carried, *shared)`` for all combinations; the axes of a sweep come first, in its order."""
    names = [n for n in job.sweep if n != "seed"]
    for name in reversed(job.sweep):
        values = {n: 0 if n == name else None for n in names}
        f = jax.vmap(f, in_axes=(values, 0 if name == "seed" else None, *[0] * carried, *[None] * shared))
    return f


@partial(jax.jit, static_argnames="job", compiler_options=COMPILER_OPTIONS)
def start(circuit: Circuit, values: Mapping[str, Any], key: Any, *, job: Job) -> Carry:
    """The state before the first step."""

    def one(values: Any, key: Any) -> Carry:
        c = realised(circuit, values, key)
        sums = {} if job.trial else sums_of(job.asked(c), job.batch, stored=True)
        return Carry(c.init(key=node_key(key, "init"), dt=job.dt, batch=job.batch), sums)

    return over_sweep(one, job)(dict(values), key)


@partial(
    jax.jit,
    static_argnames=("job", "units"),
    donate_argnames="room",
    keep_unused=True,
    compiler_options=COMPILER_OPTIONS,
)
def run_chunk(
    circuit: Circuit,
    values: Mapping[str, Any],
    key: Any,
    carry: Carry,
    first: Any,
    given: Given,
    room: dict[str, Any],
    *,
    job: Job,
    units: int,
) -> tuple[Carry, dict[str, Any], Any]:
    """``(carry, recorded, where states are nan)`` after `units` units of work from number `first`.

    What is recorded takes the memory of `room`.
    """

    def one(values: Any, key: Any, carry: Carry, room: dict[str, Any], first: Any, given: Given) -> Any:
        c = realised(circuit, values, key)
        ticks = Tick(first, job.dt, key, job.batch, job.batch_reduce)
        run = partial(windows, c, asked=job.asked(c), constant=given.constant, learn=job.learn, stored=True)
        functions = dict(job.functions)
        if job.trial:
            return _trials(run, c, carry.state, ticks, given, functions, job, units)
        state, sums, recorded = run(
            carry.state,
            steps=units,
            ticks=ticks,
            place=first,
            sums=carry.sums,
            room=room,
            series=given.series,
            function=functions,
        )
        return Carry(state, sums), recorded, not_finite(c, state)

    return over_sweep(one, job, carried=2, shared=2)(dict(values), key, carry, room, first, given)


def _trials(
    run: Any,
    c: Circuit,
    state: Any,
    ticks: Tick,
    given: Given,
    functions: Mapping[str, Any],
    job: Job,
    units: int,
) -> Any:
    """A loop over presentations: renew, present and rest, consolidate."""
    assert job.trial is not None
    total, first = job.trial[1], ticks.step
    asked = job.asked(c)
    seldom = [e for e in asked if e.per_trial and e.record.every > 1]

    renewed = partial(_renewed, c, ticks, job)

    def trial(carry: Any, x: Any) -> Any:
        (state, buffers), (r, samples) = carry, x
        begin = r * total
        shows = _shows(job, samples, given.series, begin)
        state, _, recorded = run(
            renewed(state, r), steps=total, ticks=ticks.replace(step=begin), series={}, function={**functions, **shows}
        )
        if job.learn:
            state = c.consolidate(state)
        rows = {e.name: _of_trial(e, c, state, recorded) for e in asked}
        for e in seldom:
            k = e.record.every

            def put(b: Any, v: Any, slot: Any = r // k - first // k) -> Any:
                return b.at[slot].set(v, mode="drop")

            kept = lax.cond(r % k == k - 1, put, lambda b, v: b, buffers[e.name], rows.pop(e.name))
            buffers = {**buffers, e.name: kept}
        return (state, buffers), (rows, not_finite(c, state))

    room = room_of({e: e.record.every for e in seldom}, units, job.batch, stored=True)
    buffers = {name: jnp.zeros(a.shape, a.dtype) for name, a in room.items()}
    # renewed before the loop as well, because the last batch may be smaller than the one that the state comes from
    work = first + jnp.arange(units), {ref: _time_first(v, job, ref) for ref, v in given.samples.items()}
    (state, buffers), (rows, nans) = lax.scan(trial, (renewed(state, first), buffers), work)
    return Carry(state, {}), rows | buffers, nans


def _renewed(c: Circuit, ticks: Tick, job: Job, state: Any, r: Any) -> Any:
    """The state with which presentation `r` begins."""
    key = node_key(jax.random.fold_in(ticks.key, r), "renew")
    return c.renew(state, key=key, dt=job.dt, batch=job.batch)


def _shows(job: Job, samples: Mapping[str, Any], series: Mapping[str, Any], begin: Any) -> dict[str, Any]:
    """What a presentation that begins at a step is fed, as functions of the tick."""
    assert job.trial is not None
    present = job.trial[0]

    def shown(rows: Any, moves: bool, tick: Tick) -> Any:
        i = tick.step - begin
        now = rows[jnp.minimum(i, present - 1)] if moves else rows
        return jnp.where(i < present, now, jnp.zeros_like(now))

    shows = {ref: partial(shown, jnp.asarray(v), ref in job.moving) for ref, v in samples.items()}
    return shows | {ref: partial(shown, jnp.asarray(v), True) for ref, v in series.items()}


@partial(jax.jit, static_argnames=("job", "units", "ignored"), compiler_options=COMPILER_OPTIONS)
def first_step(
    circuit: Circuit,
    values: Mapping[str, Any],
    key: Any,
    state: Any,
    first: Any,
    given: Given,
    *,
    job: Job,
    units: int,
    ignored: tuple[bool, ...],
) -> tuple[Any, Any]:
    """`run_chunk` once more, step by step: (number of the step within it, what is not finite after it)."""
    total = job.trial[1] if job.trial else 1

    def one(values: Any, key: Any, state: Any, first: Any, given: Given) -> Any:
        c = realised(circuit, values, key)
        ticks = Tick(first * total, job.dt, key, job.batch, job.batch_reduce)
        samples = {ref: _time_first(v, job, ref) for ref, v in given.samples.items()}

        def step(carry: Any) -> Any:
            state, i, _ = carry
            tick, functions, series = ticks.replace(step=first * total + i), dict(job.functions), given.series
            if job.trial:
                r = i // total
                state = lax.cond(i % total == 0, partial(_renewed, c, ticks, job), lambda s, _: s, state, first + r)
                now = {ref: v[r] for ref, v in samples.items()}
                functions, series = functions | _shows(job, now, series, (first + r) * total), {}
            series = {ref: lax.dynamic_slice_in_dim(jnp.asarray(a), i, 1) for ref, a in series.items()}
            how: Any = {"constant": given.constant, "series": series, "function": functions, "learn": job.learn}
            state, _, _ = windows(c, state, (), steps=1, ticks=tick, stored=True, **how)
            if job.trial and job.learn:
                state = lax.cond(i % total == total - 1, c.consolidate, lambda s: s, state)
            return state, i + 1, bad_ones(not_finite(c, state), ignored)

        def goes_on(carry: Any) -> Any:
            return (carry[1] < units * total) & (carry[2] < 0).all()

        i = jnp.zeros((), first.dtype)
        _, i, found = lax.while_loop(goes_on, step, (state, i, jnp.full_like(not_finite(c, state), -1)))
        return i - 1, found

    return over_sweep(one, job, carried=1, shared=2)(dict(values), key, state, first, given)


def _time_first(samples: Any, job: Job, ref: str) -> Any:
    """(presentation, *batch, time, ...) as (presentation, time, *batch, ...)."""
    return jnp.moveaxis(jnp.asarray(samples), 1 + len(job.batch), 1) if ref in job.moving else samples


def _of_trial(e: Entry, c: Circuit, state: Any, recorded: Mapping[str, Any]) -> Any:
    if not e.per_trial:
        return recorded[e.name]
    if e.record.reduce == "last" and e.compartment.spec.persist:
        return e.kept(e.sample(c.value(state, {}, e.ref), stored=True), stored=True)
    return recorded[e.name][0]
