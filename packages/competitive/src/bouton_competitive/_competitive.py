"""What the components of this package share: they are plain synapses whose post-synaptic values are their own."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from bouton import (
    CircuitError,
    Component,
    Initialiser,
    Plasticity,
    Ports,
    Schedule,
    Synapse,
    Tick,
    as_initialiser,
    as_schedule,
    part,
    port,
)
from bouton_synapses_dense import Dense
from jaxtyping import Array, Float, Int


class Competitive(Component):
    """Dense weights and how they learn.

    A subclass has the fields `n_inputs`, `n_units`, `eta`, `weights`, `plasticity` and `constraints`.
    """

    class Late(Ports):
        plasticity: Any = part()

    class State(Ports):
        w: Float[Array, " weights"] = port(persist=True, doc="weights")
        t: Int[Array, ""] = port(persist=True, doc="steps of learning so far")
        plasticity: Any = part()

    def __post_init__(self) -> None:
        super().__post_init__()
        own, name = vars(self), type(self).__name__
        own["eta"] = as_schedule(own["eta"], f"{name}.eta")
        own["weights"] = as_initialiser(own["weights"], f"{name}.weights")
        if not isinstance(own["plasticity"], Plasticity):
            raise CircuitError(f"{name}.plasticity must be a rule such as Instar(), got {own['plasticity']!r}.")
        try:
            checked = Synapse(Dense(1, 1), plasticity=own["plasticity"], constraints=own["constraints"])
        except CircuitError as e:
            raise CircuitError(f"{name}: {e}") from None
        own["constraints"] = checked.constraints

    @property
    def topology(self: Any) -> Dense:
        """Every input with every unit."""
        return Dense(self.n_inputs, int(np.prod(self.n_units)))

    @property
    def synapse(self: Any) -> Synapse:
        """The synapse that holds the weights."""
        return Synapse(self.topology, self.weights, plasticity=self.plasticity, constraints=self.constraints)

    def dims(self) -> dict[str, Any]:
        return super().dims() | {"weights": self.topology.dims()["weights"]}

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...] = ()) -> Any:
        return self.State(**self.started(key, dt, batch))

    def started(self, key: Any, dt: float, batch: tuple[int, ...]) -> dict[str, Any]:
        """The states that all have, at the start."""
        made = self.synapse.init(key=key, dt=dt, batch=batch)
        return {"w": made.w, "t": jnp.zeros((), int), "plasticity": made.plasticity}

    def learned(
        self, s: Any, pre: jax.Array, post: jax.Array, late: Any, tick: Tick, plasticity: Plasticity | None = None
    ) -> Any:
        """The state after a step in which the rule has seen these values; `plasticity` is another one to ask."""
        synapse = self.synapse if plasticity is None else self.synapse.replace(plasticity=plasticity)
        before = _holding(synapse, w=s.w, plasticity=s.plasticity)
        seen = synapse.Late(post=post, plasticity=late.plasticity)
        after = synapse.evolve(before, synapse.In(pre=pre), seen, tick)
        return s.replace(w=after.w, t=s.t + 1, plasticity=after.plasticity)

    def consolidate(self, s: Any) -> Any:
        return s.replace(w=self.synapse.consolidate(_holding(self.synapse, w=s.w)).w)


def _holding(synapse: Synapse, **values: Any) -> Any:
    """A state of a synapse that has nothing else."""
    names = (f.name for f in dataclasses.fields(synapse.State))
    return synapse.State(**(dict.fromkeys(names) | values))


def check_start(name: str, schedule: Schedule, most: float | None = None) -> None:
    """Raise `CircuitError` where a schedule begins with 0 or less, or with more than `most`."""
    if any(isinstance(v, Initialiser) for v in vars(schedule).values()):
        return  # what it begins with is drawn later
    with jax.ensure_compile_time_eval():
        first = schedule(0)
    if isinstance(first, jax.core.Tracer) or (first > 0 and (most is None or first <= most)):
        return
    bounds = "> 0" if most is None else f"> 0 and <= {most:g}"
    raise CircuitError(f"{name} must be {bounds} at the start, got {float(first):g}.")
