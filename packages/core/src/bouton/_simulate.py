"""simulate: a run from start to end, in compiled chunks, with trials, sweeps, progress and a labelled dataset.

One chunk is a pure function of the state; everything that touches the outside (files, progress) happens between chunks.
How steps are compiled and recorded is `_scan.py`; what the dataset looks like is `_dataset.py`.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ._circuit import Circuit, node_key
from ._dataset import Layout, variables
from ._errors import CircuitError, RunError
from ._inputs import Feed, feed
from ._module import Tick
from ._progress import Progress
from ._record import Entry, Record, entries
from ._run import Run
from ._scan import windows
from ._store import MemoryStore, ZarrStore, provenance

CHUNK_BYTES = 32 * 2**20
CHUNK_STEPS = 20_000


@dataclasses.dataclass(frozen=True)
class Trials:
    """A dataset presented sample by sample.

    In each trial the circuit starts anew (except for what persists), is fed its sample for `present` ms and nothing for
    `rest` ms; then persistent states are consolidated. Inputs with a dim ``trial`` hold the samples; they may have a
    dim ``time`` as well. With ``batch=n`` n samples are presented at once.

    `coords` are labels along ``trial`` for the dataset, e.g. ``{"digit": labels}``.
    """

    present: float
    rest: float = 0.0
    coords: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class _Job:
    """Everything that decides what a chunk's compiled program is, beside the shapes of its arguments."""

    units: int  # steps, or presentations of a batch of trials
    dt: float
    batch: tuple[int, ...]
    batch_reduce: Literal["mean", "sum"]
    learn: bool
    records: tuple[tuple[str, tuple[Record, ...]], ...]
    functions: tuple[tuple[str, Callable[[Tick], Any]], ...]
    sweep: tuple[str, ...]
    trial: tuple[int, int] | None  # steps of a trial: with input, in all

    @property
    def steps(self) -> int:
        """Steps in one unit."""
        return self.trial[1] if self.trial else 1


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

    - `inputs`: ``{"image.x": value}``: an array that stays the same, ``(dims, array)`` or a DataArray with a dim
      ``time`` (a row per step) or ``trial``, or a function of the tick.
    - `record`: ``{"exc.s": 1, "exc.v": 10}``: every n steps, or a `Record`, or a list of these.
    - `to`: the folder of the run (zarr); without it the run stays in memory.
    - `state`: start from this state (e.g. ``other_run.state``) instead of a new one; what does not persist is kept in a
      plain run and renewed by each trial.
    - `learn`: without it no persistent state changes.
    - `batch`: how many samples one organism sees at once; `batch_reduce`: how their changes of persistent states are
      brought together. For several organisms sweep over ``seed``.
    - `sweep`: ``{"exc.tau_m": [10, 20], "seed": range(5)}``: all combinations at once by `vmap`; each becomes a dim.
    - `chunk`: steps (or trials) in one compiled call; by default as many as fill 32 MB.
    - `progress`: a progress bar on standard error; by default when that is a terminal.

    Results depend neither on the chunk, nor on what is recorded. Raises `RunError` or `CircuitError` before anything is
    computed if the request makes no sense; an existing run is only overwritten if `overwrite` is set.
    """
    _check(circuit, duration, dt, trials, batch, batch_reduce, sweep, chunk)
    swept = {name: _swept(name, values) for name, values in (sweep or {}).items()}
    lanes = () if batch is None else (batch,)
    if trials is None:
        given = feed(circuit, inputs, dt=dt, batch=lanes, steps=_whole(duration, dt, "duration"))
        count, trial = _whole(duration, dt, "duration"), None
    else:
        given, count, trial = _presented(circuit, inputs, trials, dt)
    asked = entries(circuit, record)
    if trials is None and any(e.record.per == "trial" for e in asked):
        raise RunError("Record(per='trial') needs trials=.")
    records = tuple(
        (ref, tuple(e.record for e in asked if e.ref == ref)) for ref in dict.fromkeys(e.ref for e in asked)
    )
    job = _Job(0, dt, lanes, batch_reduce, learn, records, tuple(given.function.items()), tuple(swept), trial)
    key = jax.random.key(swept.pop("seed") if "seed" in swept else seed)
    layout = Layout(
        dt=dt,
        count=count,
        trial=None if trial is None else trial[1],
        batch=batch,
        sweep={n: np.asarray(v) for n, v in (sweep or {}).items()},
        trial_coords={} if trials is None else {n: np.asarray(v) for n, v in trials.coords.items()},
    )
    first_state = _initial(circuit, job, swept, key, state)
    plan = variables(circuit, asked, layout)
    size = _chunk_size(plan, job, count // (batch or 1) if trials else count, chunk, asked)
    about = provenance(circuit, dt=dt, seed=seed, duration=duration, trials=trials, learn=learn, batch=batch)
    store = MemoryStore(plan, about) if to is None else ZarrStore(to, plan, about, block=size, overwrite=overwrite)
    with store, Progress(count, layout, progress) as bar:
        final = first_state
        pending: tuple[int, int, dict[str, Any]] | None = None
        for first, n, lanes in _chunks(count, size, job):
            final, out = _run_chunk(
                circuit,
                swept,
                key,
                final,
                jnp.asarray(first // (batch or 1) if trials else first),
                given.constant,
                {ref: a[first : first + n] for ref, a in given.series.items()},
                {ref: _grouped(a[first : first + n], lanes) for ref, a in given.per_trial.items()},
                job=dataclasses.replace(job, units=n // (lanes[0] if trials and lanes else 1), batch=lanes),
            )
            if pending:  # written while the next chunk is being computed
                _write(store, plan, job, pending)
                bar.to(pending[0] + pending[1])
            _no_nan(circuit, final, first * job.steps * dt, (first + n) * job.steps * dt)
            pending = first, n, out
        if pending:
            _write(store, plan, job, pending)
            bar.to(count)
        store.finish(final)
    return Run(store.tree(), circuit, final, None if to is None else os.fspath(to))


# ---- what is asked for -------------------------------------------------------------------------------------------


def _check(
    circuit: Any, duration: Any, dt: Any, trials: Any, batch: Any, batch_reduce: Any, sweep: Any, chunk: Any
) -> None:
    if not isinstance(circuit, Circuit):
        raise RunError(f"simulate needs a bouton.Circuit, got {circuit!r}.")
    if isinstance(dt, bool) or not isinstance(dt, (int, float)) or not (math.isfinite(dt) and dt > 0):
        raise RunError(f"dt must be a number > 0 ms, got {dt!r}.")
    if (duration is None) == (trials is None):
        raise RunError("say how long: either duration= [ms], or trials=bouton.Trials(present=...).")
    if trials is not None and not isinstance(trials, Trials):
        raise RunError(f"trials must be a bouton.Trials, got {trials!r}.")
    for name, value in (("batch", batch), ("chunk", chunk)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise RunError(f"{name} must be a whole number of at least 1, got {value!r}.")
    if batch_reduce not in ("mean", "sum"):
        raise RunError(f"batch_reduce must be 'mean' or 'sum', got {batch_reduce!r}.")
    if sweep is not None and not isinstance(sweep, Mapping):
        raise RunError(f"sweep must map parameters to their values, got {sweep!r}.")
    for name in sweep or {}:
        if name != "seed":
            try:
                circuit.with_parameters({name: 0.0})
            except CircuitError as e:
                raise RunError(f"sweep: {e}") from None


def _whole(ms: Any, dt: float, what: str) -> int:
    if isinstance(ms, bool) or not isinstance(ms, (int, float)) or not (math.isfinite(ms) and ms > 0):
        raise RunError(f"{what} must be a number > 0 ms, got {ms!r}.")
    steps = round(ms / dt)
    if steps < 1 or abs(ms / dt - steps) > 1e-6 * max(1, steps):
        raise RunError(f"{what} of {ms:g} ms is not a whole number of steps of {dt:g} ms.")
    return steps


def _swept(name: str, values: Any) -> Any:
    array = np.asarray(list(values) if isinstance(values, range) else values)
    if array.ndim == 0 or len(array) == 0 or array.dtype.kind not in "iuf":
        raise RunError(f"sweep[{name!r}] must be a list of numbers, got {values!r}.")
    return array.astype(np.int64 if name == "seed" else float)


def _presented(circuit: Circuit, inputs: Any, trials: Trials, dt: float) -> tuple[Feed, int, tuple[int, int]]:
    present = _whole(trials.present, dt, "Trials.present")
    total = present + (_whole(trials.rest, dt, "Trials.rest") if trials.rest else 0)
    counts = {f"coords[{n!r}]": len(np.asarray(v)) for n, v in trials.coords.items()}
    for ref, value in (inputs or {}).items():
        dims = getattr(value, "dims", value[0] if isinstance(value, tuple) and len(value) == 2 else ())
        if "trial" in dims:
            array = value if hasattr(value, "dims") else np.asarray(value[1])
            counts[f"inputs[{ref!r}]"] = array.shape[list(dims).index("trial")]
    if not counts:
        raise RunError("trials= needs an input with a dim 'trial', e.g. {'image.x': (('trial', 'unit'), images)}.")
    if len(set(counts.values())) > 1 or 0 in counts.values():
        raise RunError(f"the number of trials is not the same everywhere: {counts}.")
    count = next(iter(counts.values()))
    return feed(circuit, inputs, dt=dt, steps=present, trials=count), count, (present, total)


def _initial(circuit: Circuit, job: _Job, swept: Mapping[str, Any], key: Any, state: Any) -> Any:
    """The state before the first chunk, with the axes of the sweep in front."""

    def fresh(values: Any, key: Any) -> Any:
        c = circuit.realise(node_key(key, "parameters")).with_parameters(values)
        return c.init(key=node_key(key, "init"), dt=job.dt, batch=job.batch)

    fresh = _over_sweep(fresh, job, swept, 0)
    if state is None:
        return jax.jit(fresh)(dict(swept), key) if job.sweep else fresh(dict(swept), key)
    expected = jax.eval_shape(fresh, dict(swept), key)
    if jax.tree.structure(state) != jax.tree.structure(expected):
        raise RunError("state= belongs to another circuit: its nodes or compartments are not those of this one.")

    def fitted(path: Any, given: Any, want: Any) -> Any:
        persistent = job.trial is not None  # what does not persist is renewed by each trial, whatever its batch was
        if given.shape == want.shape or (persistent and given.ndim != want.ndim):
            return given
        if want.shape[len(want.shape) - given.ndim :] == given.shape:
            return jnp.broadcast_to(given, want.shape)
        if persistent:
            return jnp.zeros(want.shape, want.dtype)
        where = jax.tree_util.keystr(path)
        raise RunError(f"state{where} has the shape {given.shape}, expected {want.shape}.")

    return jax.tree_util.tree_map_with_path(fitted, dict(state), expected)


def _chunk_size(plan: Any, job: _Job, count: int, asked: int | None, series: tuple[Entry, ...]) -> int:
    """Units in one chunk: about 32 MB of records and some seconds of work, whole windows, if possible a divisor."""
    align = math.lcm(*(e.record.every for e in series if e.record.reduce != "last" and e.record.per == "step"))
    align = 1 if job.trial else align
    if asked is not None:
        return max(align, asked // align * align)
    rate = sum(v.bytes_per_unit for v in plan)
    most = min(count, max(1, min(CHUNK_STEPS // job.steps, int(CHUNK_BYTES / max(rate, 1e-9)))))
    for n in range(most, most // 2, -1):
        if count % n == 0 and n % align == 0:
            return n
    return max(align, most // align * align)


def _chunks(count: int, size: int, job: _Job) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """(first, how many, batch shape) of each chunk; in trials with a batch the last one may be a smaller batch."""
    width = job.batch[0] if job.trial and job.batch else 1
    whole = count // width * width
    for first in range(0, whole, size * width):
        yield first, min(size * width, whole - first), job.batch
    if whole < count:
        yield whole, count - whole, (count - whole,)


def _grouped(array: Any, lanes: tuple[int, ...]) -> Any:
    """Samples (trial, ...) as (presentation, batch, ...)."""
    return array.reshape(-1, *lanes, *array.shape[1:])


# ---- one chunk ---------------------------------------------------------------------------------------------------


def _over_sweep(f: Callable[..., Any], job: _Job, swept: Mapping[str, Any], rest: int, state: bool = False) -> Any:
    """`f(values, key[, state], ...)` over all combinations; the axes of state and results are in the sweep's order."""
    for name in reversed(job.sweep):
        values = {n: 0 if n == name else None for n in swept}
        f = jax.vmap(f, in_axes=(values, 0 if name == "seed" else None, *((0,) if state else ()), *([None] * rest)))
    return f


@partial(jax.jit, static_argnames="job")
def _run_chunk(
    circuit: Circuit,
    swept: Mapping[str, Any],
    key: Any,
    state: Any,
    first: Any,
    constant: Mapping[str, Any],
    series: Mapping[str, Any],
    per_trial: Mapping[str, Any],
    *,
    job: _Job,
) -> Any:
    def one(values: Any, key: Any, state: Any, first: Any) -> Any:
        c = circuit.realise(node_key(key, "parameters")).with_parameters(values)
        asked = entries(c, {ref: list(records) for ref, records in job.records})
        run = partial(windows, c, learn=job.learn, stored=True)
        ticks = Tick(first, job.dt, key, job.batch, job.batch_reduce)
        if job.trial is None:
            functions = dict(job.functions)
            return run(state, asked, steps=job.units, ticks=ticks, constant=constant, series=series, function=functions)
        return _run_trials(run, c, asked, ticks, state, constant, per_trial, job)

    return _over_sweep(one, job, swept, 1, state=True)(dict(swept), key, state, first)


def _run_trials(
    run: Any, c: Circuit, asked: tuple[Entry, ...], ticks: Tick, state: Any, constant: Any, per_trial: Any, job: _Job
) -> Any:
    assert job.trial is not None
    present, total = job.trial
    first = ticks.step
    every = {e.name: e.record.every for e in asked if e.record.per == "trial"}

    def trial(carry: Any, x: Any) -> Any:
        state, buffers = carry
        r, samples = x
        start = r * total
        state = c.renew(state, key=node_key(jax.random.fold_in(ticks.key, r), "renew"), dt=job.dt, batch=job.batch)

        def fed(sample: Any, ref: str) -> Callable[[Tick], Any]:
            port = c._plan.target(ref)[1]
            has_time = sample.ndim > len(job.batch) + len(port.shape)

            def at(tick: Tick) -> Any:
                i = tick.step - start
                now = jnp.take(sample, jnp.minimum(i, present - 1), axis=len(job.batch)) if has_time else sample
                return jnp.where(i < present, now, jnp.zeros_like(now))

            return at

        functions = dict(job.functions) | {ref: fed(a, ref) for ref, a in samples.items()}
        now = ticks.replace(step=start)
        state, out = run(
            state, asked, steps=total, ticks=now, offset=0, constant=constant, series={}, function=functions
        )
        if job.learn:
            state = c.consolidate(state)
        rows = {}
        for e in asked:
            if e.record.per == "step":
                rows[e.name] = out[e.name]
                continue
            after = e.record.reduce == "last" and e.compartment.spec.persist
            value = c.value(state, {}, e.ref) if after else out[e.name][0]
            if every[e.name] == 1:
                rows[e.name] = value
            else:
                k, buffer = every[e.name], buffers[e.name]
                put = lambda b, v, slot=r // k - first // k: b.at[slot].set(v, mode="drop")  # noqa: E731
                buffers = buffers | {e.name: lax.cond(r % k == k - 1, put, lambda b, v: b, buffer, value)}
        return (state, buffers), rows

    buffers = {
        e.name: jnp.zeros(
            (-(-job.units // every[e.name]), *e.shape(job.batch)), bool if e.as_spikes else e.compartment.dtype
        )
        for e in asked
        if every.get(e.name, 1) > 1
    }
    # of the batch that it comes with, the carried state must have the shapes
    state = c.renew(state, key=ticks.key, dt=job.dt, batch=job.batch)
    (state, buffers), rows = lax.scan(trial, (state, buffers), (first + jnp.arange(job.units), dict(per_trial)))
    return state, rows | buffers


# ---- between chunks ----------------------------------------------------------------------------------------------


def _write(store: Any, plan: Any, job: _Job, pending: tuple[int, int, dict[str, Any]]) -> None:
    first, n, out = pending
    for v in plan:
        start, stop = first // v.stride, (first + n) // v.stride
        if stop > start:
            store.write(v, start, v.arranged(np.asarray(out[v.entry.name]), stop - start))
    store.commit((first + n) * job.steps)


def _no_nan(circuit: Circuit, state: Any, begin: float, end: float) -> None:
    for node, ports in circuit._plan.ports.items():
        for name, c in ports["State"].items():
            if not c.opaque and c.kind == "Float":
                value = circuit.value(state, {}, f"{node}.{name}")
                if jnp.isnan(value).any():
                    at = tuple(int(i) for i in np.argwhere(np.isnan(value))[0])
                    raise RunError(
                        f"{node}.{name}{list(at) if at else ''} became nan between {begin:g} and {end:g} ms."
                    )
