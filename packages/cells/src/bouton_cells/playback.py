"""SpikePlayback: spikes at given times."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from bouton import CircuitError, Component, Module, Ports, Tick, derived, port, static
from jax import lax
from jax.core import Tracer
from jaxtyping import Array, Float, Int32

_PS = 10**9  # in a millisecond
_LONGEST = 2.0e9  # ms: what is counted in 32 bits


class Timetable(Module):
    """Spikes in the order of their times, whole milliseconds and picoseconds, each in 32 bits.

    ``spans[i]`` is the shortest time [ps] in which there are ``2**i`` spikes: it tells how many a step of any length
    can have at most.
    """

    unit: Any
    ms: Any
    ps: Any
    spans: tuple[int, ...] = static()

    def most(self, step: int) -> int:
        """No step of so many picoseconds has more spikes than this."""
        return min(self.unit.size, 2 ** sum(span < step for span in self.spans) - 1)


class SpikePlayback(Component):
    r"""Units that fire at given times: spike number i is of the unit ``units[i]``, ``times[i]`` ms after the start.

    A spike comes out in the step that contains it, number :math:`\lfloor t / dt + 0.001 \rfloor`: one that lies less
    than a thousandth of a step before a step is taken for rounded, and belongs to it (as in Brian2's
    ``SpikeGeneratorGroup``). Spikes may be given in any order. Times count from the start of the run, or of each trial,
    in whole picoseconds, so that their digits do not run out in a long run. With `period` all of them come again and
    again, each time `period` ms later.

    All samples of a batch see the same spikes. The work of a step does not grow with the number of spikes, only with
    how many there are at once.

    To play what a run has recorded: its times are those of the *ends* of the steps, so
    ``SpikePlayback(n, found.unit.values, found.time.values - dt)`` for ``found = run.spikes("exc")``.

    Raises `CircuitError` for units out of range, for times that are no number, below 0, above 2e9 ms or not before the
    end of the period, for lists of different lengths, for a period that is not a whole number of steps, and where one
    unit would have to fire twice within a step.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    units: Any
    times: Any
    period: float | None = static(default=None, doc="after so many ms all spikes come again; None: they come once")

    class State(Ports):
        ms: Int32[Array, ""] = port("ms", doc="time since the start, or the last repetition")
        ps: Int32[Array, ""] = port("ps", doc="the rest of that time, below a millisecond")
        played: Int32[Array, ""] = port(doc="how many spikes have come out since then")

    class Out(Ports):
        s: Float[Array, "*batch unit"] = port(spikes=True, doc="emitted spikes")

    def __post_init__(self) -> None:
        super().__post_init__()
        vars(self)["units"] = _units(self.units)
        vars(self)["times"] = _times(self.times)
        if len(self.units) != len(self.times):
            raise CircuitError(
                f"SpikePlayback.units and SpikePlayback.times must be of one length, got {len(self.units)} and "
                f"{len(self.times)}."
            )

    @derived
    def timetable(self) -> Timetable:
        """The spikes in the form in which they are played."""
        n = super().dims()["unit"]
        if (wrong := self.units >= n).any():
            at = int(wrong.argmax())
            raise CircuitError(
                f"units[{at}] must be an index within 0 ... {n - 1}, as there are {n} units, got {self.units[at]}."
            )
        if self.period is not None and (wrong := self.times >= self.period).any():
            at = int(wrong.argmax())
            raise CircuitError(
                f"times[{at}] must be before the period of {self.period:g} ms ends, got {self.times[at]:g}."
            )
        order = np.argsort(self.times, kind="stable")
        at = _picoseconds(self.times[order])
        sizes = (2**i for i in range(len(at).bit_length()))
        ms, ps = (jnp.asarray(part, jnp.int32) for part in np.divmod(at, _PS))
        return Timetable(
            jnp.asarray(self.units[order], jnp.int32),
            ms,
            ps,
            tuple(int((at[k - 1 :] - at[: len(at) - k + 1]).min()) for k in sizes),
        )

    def dims(self) -> dict[str, Any]:
        _ = self.timetable  # what is wrong with the spikes is said as soon as anything is asked
        return super().dims()

    def check(self, *, dt: float) -> None:
        steps = None if self.period is None else self.period / dt
        if steps is not None and not (0.5 < steps < 2**31 and abs(steps - round(steps)) <= 1e-6 * steps):
            raise CircuitError(f"a period of {self.period:g} ms is not a positive whole number of steps of {dt:g} ms.")
        t = self.timetable
        if isinstance(t.unit, Tracer):
            return
        (step, early), unit = _step(dt), np.asarray(t.unit)
        at = np.asarray(t.ms, np.int64) * _PS + np.asarray(t.ps)
        of_step = (at + early) // step
        if steps is not None and (wrong := of_step >= round(steps)).any():
            raise CircuitError(
                f"the spike at {at[wrong][0] / _PS:.10g} ms is at the end of the period of {self.period:g} ms, where "
                "the next one begins: give its time as 0."
            )
        order = np.lexsort((of_step, unit))
        twice = np.flatnonzero((np.diff(of_step[order]) == 0) & (np.diff(unit[order]) == 0))
        if twice.size:
            one, two = order[twice[0]], order[twice[0] + 1]
            raise CircuitError(
                f"unit {unit[one]} has two spikes within one step of {dt:g} ms, at {at[one] / _PS:.10g} and "
                f"{at[two] / _PS:.10g} ms: use shorter steps, or leave one of them out."
            )

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        t, n = self.timetable, self.dims()["unit"]
        step, early = _step(tick.dt)
        ms, ps = _after(s.ms, s.ps, step)
        end_ms, end_ps = _after(s.ms, s.ps, step - early)
        width = t.most(step)
        first = jnp.minimum(s.played, t.unit.size - width)  # the last slice ends with the last spike
        unit, at_ms, at_ps = (lax.dynamic_slice_in_dim(column, first, width) for column in (t.unit, t.ms, t.ps))
        due = (first + jnp.arange(width, dtype=jnp.int32) >= s.played) & _before(at_ms, at_ps, end_ms, end_ps)
        out = jnp.zeros(n).at[jnp.where(due, unit, n)].set(1.0, mode="drop")
        new = self.State(ms=ms, ps=ps, played=s.played + due.sum(dtype=jnp.int32))
        if self.period is not None:
            last_ms, last_ps = divmod(int(_picoseconds(self.period)) - step // 2, _PS)
            new = jax.tree.map(lambda v: jnp.where(_before(ms, ps, last_ms, last_ps), v, 0), new)
        return new, self.Out(s=out)


def _units(given: Any) -> np.ndarray:
    """Indices, which may be written as floats (as in the lists of a model file)."""
    values = np.asarray(given)
    if values.ndim != 1 or (values.size and values.dtype.kind not in "iuf"):
        raise CircuitError(
            f"SpikePlayback.units must be a list of indices, got an array of {values.dtype}{list(values.shape)}."
        )
    legal = (values >= 0) & (values < 2**31)  # NaN is neither
    whole = np.where(legal, values, 0).astype(np.int64)
    if (wrong := ~legal | (whole != values)).any():
        at = int(wrong.argmax())
        raise CircuitError(
            f"SpikePlayback.units[{at}] must be an index, a whole number of at least 0, got {values[at]}."
        )
    return whole


def _times(given: Any) -> np.ndarray:
    values = np.asarray(given)
    if values.ndim != 1 or (values.size and values.dtype.kind not in "iuf"):
        raise CircuitError(
            f"SpikePlayback.times must be a list of times [ms], got an array of {values.dtype}{list(values.shape)}."
        )
    values = values.astype(np.float64)
    if (wrong := ~((values >= 0) & (values <= _LONGEST))).any():
        at = int(wrong.argmax())
        raise CircuitError(f"SpikePlayback.times[{at}] must be within 0 ... {_LONGEST:g} ms, got {values[at]:g}.")
    return values


def _picoseconds(ms: Any) -> np.ndarray:
    return np.rint(np.asarray(ms, np.float64) * _PS).astype(np.int64)


def _step(dt: float) -> tuple[int, int]:
    """The length of a step [ps], and how much earlier it begins for what may have been rounded."""
    step = int(_picoseconds(dt))
    return step, step // 1000


def _after(ms: jax.Array, ps: jax.Array, more: int) -> tuple[jax.Array, jax.Array]:
    """A time plus some picoseconds."""
    more_ms, more_ps = divmod(more, _PS)
    ps = ps + more_ps
    return ms + more_ms + ps // _PS, ps % _PS


def _before(ms: Any, ps: Any, other_ms: Any, other_ps: Any) -> Any:
    return (ms < other_ms) | ((ms == other_ms) & (ps < other_ps))
