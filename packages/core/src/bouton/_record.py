"""What to record of a run: which compartments, how often, as samples or reduced over windows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, get_args

from ._describe import Compartment
from ._errors import CircuitError, RunError, nearest

Reduce = Literal["last", "mean", "sum", "max", "min"]


@dataclasses.dataclass(frozen=True)
class Record:
    """How a compartment is recorded; an integer k in its place stands for ``Record(every=k)``.

    - `every`: the length of a window, in steps (or trials);
    - `reduce`: what is kept of a window: its ``"last"`` value, or the ``"mean"``, ``"sum"``, ``"max"`` or ``"min"``;
    - `per`: ``"step"``, or ``"trial"`` for one value per trial (reduced over all its steps).

    Windows begin at step 0 (of the run, or of each trial); one that is not complete at the end is left out.
    """

    reduce: Reduce = "last"
    every: int = 1
    per: Literal["step", "trial"] = "step"

    def __post_init__(self) -> None:
        if self.reduce not in get_args(Reduce):
            raise RunError(f"Record.reduce: unknown {self.reduce!r}.{nearest(str(self.reduce), get_args(Reduce))}")
        if self.per not in ("step", "trial"):
            raise RunError(f"Record.per must be 'step' or 'trial', got {self.per!r}.")
        if isinstance(self.every, bool) or not isinstance(self.every, int) or self.every < 1:
            raise RunError(f"Record.every must be a whole number of at least 1, got {self.every!r}.")
        if self.per == "trial" and self.every > 1 and self.reduce != "last":
            raise RunError("Record: a reduction per trial covers one trial; leave `every` out.")


@dataclasses.dataclass(frozen=True)
class Entry:
    """One recorded series: a compartment, how it is recorded, and its name, e.g. ``exc.s`` or ``exc.s_sum``."""

    ref: str
    node: str
    compartment: Compartment
    record: Record
    is_state: bool

    @property
    def name(self) -> str:
        return self.ref if self.record.reduce == "last" else f"{self.ref}_{self.record.reduce}"

    @property
    def as_spikes(self) -> bool:
        """Stored as booleans: spikes that have not been averaged or counted."""
        return self.compartment.spec.spikes and self.record.reduce in ("last", "max", "min")

    def shape(self, batch: tuple[int, ...]) -> tuple[int, ...]:
        return (batch if self.compartment.batch else ()) + self.compartment.shape


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
            if isinstance(how, int) and not isinstance(how, bool):
                how = Record(every=how)
            if not isinstance(how, Record):
                raise RunError(f"record[{ref!r}] must be a number of steps or a bouton.Record, got {how!r}.")
            is_state = port.name in circuit._plan.ports[port.node]["State"]
            entry = Entry(ref, port.node, compartment, how, is_state)
            if entry.name in found:
                raise RunError(f"record: {ref!r} is asked for twice with reduce={how.reduce!r}.")
            found[entry.name] = entry
    return tuple(found.values())
