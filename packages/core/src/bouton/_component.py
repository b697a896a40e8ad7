"""Component: what a node of a circuit is. A new one is a subclass of about twenty lines."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ._describe import zeros
from ._module import Part, StaticSpec, Tick, spec_of


class Component(Part):
    """Parameters, and the pure functions by which they act.

    A subclass is a frozen dataclass; it declares parameters with `parameter`, shapes and switches with `static`, its
    compartments in nested `Ports` classes, and writes

    - `init`: the state before the first step;
    - `advance`: one step, from old state and inputs to new state and outputs;
    - `evolve`: only for what learns: what changes once the whole circuit has advanced;
    - `consolidate`: only for what acts at the end of a trial (weight normalisation, for instance).

    Arrays carry the batch axes first and the component's own dims last; code written for ``"*batch unit"`` runs with
    any number of batch axes. Never write to an input; never keep anything outside the state.
    """

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...] = ()) -> Any:
        """The state before the first step.

        States declared with ``*batch`` have shape ``batch + dims``, persistent ones ``dims``; the circuit broadcasts
        plain numbers and arrays without batch axes, so ``self.State(v=self.v_rest)`` will do. Default: zeros.
        """
        return zeros(self)

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        """One step: ``(state, inputs, tick) -> (state, outputs)``."""
        raise NotImplementedError(f"{type(self).__name__} does not define advance(s, x, tick).")

    def evolve(self, s: Any, x: Any, late: Any, tick: Tick) -> Any:
        """Learn: ``(state after advance, its inputs, late inputs, tick) -> state``. Skipped under ``learn=False``."""
        return s

    @property
    def learns(self) -> bool:
        """Whether `evolve` does anything."""
        return type(self).evolve is not Component.evolve

    def consolidate(self, s: Any) -> Any:
        """What happens to the persistent states at the end of a trial, before everything else is renewed."""
        return s

    def coords(self) -> dict[str, tuple[str, Any]]:
        """Labels along this component's dims for the dataset: ``{coordinate: (dim, values)}``.

        Here: row-major height, width and channel of a population whose size was given as a tuple.
        """
        found: dict[str, tuple[str, Any]] = {}
        for f in dataclasses.fields(self):  # type: ignore[arg-type]
            spec, size = spec_of(f), getattr(self, f.name)
            if isinstance(spec, StaticSpec) and spec.dim and isinstance(size, tuple) and len(size) in (2, 3):
                for label, values in zip(("height", "width", "channel"), np.indices(size), strict=False):
                    found[label] = (spec.dim, values.reshape(-1))
        return found
