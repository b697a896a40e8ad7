"""What to record of a run: which compartments, how often, as samples or reduced over windows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp

from ._describe import Compartment
from ._errors import CircuitError, RunError, nearest

Reduce = Literal["last", "mean", "sum", "max", "min"]


@dataclasses.dataclass(frozen=True)
class Record:
    """How a compartment is recorded; an integer k in its place stands for ``Record(every=k)``.

    - `reduce`: what is kept of a window: its ``"last"`` value, or the ``"mean"``, ``"sum"``, ``"max"`` or ``"min"``;
    - `every`: the length of a window in steps; with ``per="trial"`` in presentations (trials, or batches of them);
    - `per`: ``"step"``, or ``"trial"`` for one value per trial, reduced over all its steps. The last value of a state
      that persists is taken after consolidation;
    - `events`: keep spikes on disk as a list of events instead of packed bits, which takes less where they are very
      rare. `bouton.open` shows booleans either way.

    Windows begin at step 0 (of the run, or of each trial); one that is not complete at the end is left out.
    """

    reduce: Reduce = "last"
    every: int = 1
    per: Literal["step", "trial"] = "step"
    events: bool = False

    def __post_init__(self) -> None:
        if self.reduce not in get_args(Reduce):
            raise RunError(f"Record.reduce: unknown {self.reduce!r}.{nearest(str(self.reduce), get_args(Reduce))}")
        if self.per not in ("step", "trial"):
            raise RunError(f"Record.per must be 'step' or 'trial', got {self.per!r}.")
        if isinstance(self.every, bool) or not isinstance(self.every, int) or self.every < 1:
            raise RunError(f"Record.every must be a whole number of at least 1, got {self.every!r}.")
        if not isinstance(self.events, bool):
            raise RunError(f"Record.events must be True or False, got {self.events!r}.")
        if self.per == "trial" and self.every > 1 and self.reduce != "last":
            raise RunError("Record: a reduction per trial covers one trial; leave `every` out.")


@dataclasses.dataclass(frozen=True)
class Entry:
    """One recorded series: a compartment, how it is recorded, and its name, e.g. ``exc.s`` or ``exc.s_sum``."""

    ref: str
    node: str
    compartment: Compartment
    record: Record

    @property
    def name(self) -> str:
        return self.ref if self.record.reduce == "last" else f"{self.ref}_{self.record.reduce}"

    @property
    def per_trial(self) -> bool:
        return self.record.per == "trial"

    @property
    def as_spikes(self) -> bool:
        """Stored as booleans: spikes that have not been averaged or counted."""
        return self.compartment.spec.spikes and self.record.reduce in ("last", "max", "min")

    @property
    def packed(self) -> bool:
        """Whether eight units share a byte on the way to the store: an eighth to keep, to move and to compress."""
        return self.as_spikes and self.compartment.shape != ()

    def dtype(self, *, stored: bool) -> Any:
        """Of a sample; a mean is a float, a sum of booleans counts. `stored`: spikes as booleans."""
        real = jnp.dtype(jax.dtypes.canonicalize_dtype(float))
        own = jnp.dtype(self.compartment.dtype or real)
        if stored and self.as_spikes:
            return jnp.dtype(bool)
        if self.record.reduce == "mean" and not jnp.issubdtype(own, jnp.floating):
            return real
        counts = self.record.reduce == "sum" and own.kind == "b"
        return jnp.dtype(jax.dtypes.canonicalize_dtype(int)) if counts else own

    def shape(self, batch: tuple[int, ...]) -> tuple[int, ...]:
        """Of a sample."""
        return (batch if self.compartment.batch else ()) + self.compartment.shape

    def sample(self, value: Any, *, stored: bool) -> Any:
        """A value of the compartment as a sample."""
        return value != 0 if stored and self.as_spikes else value.astype(self.dtype(stored=stored))

    def kept(self, sample: Any, *, stored: bool) -> Any:
        """A sample as it is kept: packed if `stored` and `packed`."""
        return jnp.packbits(sample, axis=-1) if stored and self.packed else sample

    def form(self, batch: tuple[int, ...], *, stored: bool) -> jax.ShapeDtypeStruct:
        """Shape and dtype of what is kept of a sample."""
        shape = self.shape(batch)
        if stored and self.packed:
            return jax.ShapeDtypeStruct((*shape[:-1], -(-shape[-1] // 8)), jnp.uint8)
        return jax.ShapeDtypeStruct(shape, self.dtype(stored=stored))


def entries(circuit: Any, record: Mapping[str, Any] | None) -> tuple[Entry, ...]:
    """The series that `record` asks for, checked against the circuit."""
    if record is not None and not isinstance(record, Mapping):
        raise RunError(f"record must map names to how often, e.g. {{'exc.s': 1}}, got {record!r}.")
    found: dict[str, Entry] = {}
    for ref, wanted in (record or {}).items():
        try:
            port, compartment = circuit._plan.source(ref)
        except CircuitError as e:
            raise RunError(f"record: {e}") from None
        if compartment.opaque:
            raise RunError(f"record: {ref!r} is not an array with named dims and cannot be recorded.")
        for how in wanted if isinstance(wanted, (list, tuple)) else (wanted,):
            entry = Entry(ref, port.node, compartment, _as_record(ref, how))
            if entry.record.events and not entry.as_spikes:
                raise RunError(f"record: {entry.name!r} does not hold spikes, so it cannot be kept as events.")
            if entry.name in found:
                raise RunError(f"record: {ref!r} is asked for twice with reduce={entry.record.reduce!r}.")
            found[entry.name] = entry
    return tuple(found.values())


def _as_record(ref: str, how: Any) -> Record:
    if isinstance(how, Record):
        return how
    if isinstance(how, bool) or not isinstance(how, int) or how < 1:
        raise RunError(f"record[{ref!r}] must be a number of steps, at least 1, or a bouton.Record, got {how!r}.")
    return Record(every=how)
