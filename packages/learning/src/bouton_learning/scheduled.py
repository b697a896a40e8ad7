"""Scheduled: a rule whose rate changes with the time for which it has learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from bouton import CircuitError, ExponentialDecay, Ports, Rule, Schedule, Term, Tick, Topology, Weights, part, port
from jaxtyping import Array, Int

from ._wrapper import Wrapper, check_rule


class Scheduled(Rule, Wrapper):
    r"""What a rule says, times a factor that a schedule gives.

    .. math:: \Delta w = f(t)\,\Delta w_\text{rule}

    `schedule` is f, for instance ``ExponentialDecay(1.0, tau)``, ``InverseDecay(1.0, tau)`` (Robbins & Monro, 1951) or
    that of a plugin. t is the time for which there has been learning [ms], in all trials together: it persists, as
    weights do, and stands still under ``learn=False``. A rate that follows a signal instead is `Modulated`, with a wire
    or an input to ``<synapse>.plasticity.modulator``; schedules of optax are for `Optimised`, in a chain with an
    optimiser.
    """

    rule: Rule
    schedule: Schedule = ExponentialDecay(1.0, 10_000.0)

    class State(Ports):
        steps: Int[Array, ""] = port(persist=True, doc="number of steps of learning so far")
        rule: Any = part(flat=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rule(self, Rule)
        if not isinstance(self.schedule, Schedule):
            raise CircuitError(
                f"Scheduled.schedule must be a schedule such as ExponentialDecay(1.0, 10_000.0), got {self.schedule!r}."
            )

    def init(self, topology: Topology, weights: Weights, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        inner = self.rule.init(topology, weights, key=key, dt=dt, batch=batch)
        return self.State(rule=inner, steps=jnp.zeros((), int))

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> tuple[Any, Sequence[Term]]:
        inner, terms = self.rule.terms(s.rule, pre, post, x.rule, tick)
        factor = self.schedule(s.steps.astype(float) * tick.dt)
        return s.replace(rule=inner, steps=s.steps + 1), tuple(t._replace(post=t.post * factor) for t in terms)
