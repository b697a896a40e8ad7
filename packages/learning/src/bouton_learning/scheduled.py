"""Scheduled: a rule whose rate falls with the time for which it has learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import jax.numpy as jnp
from bouton import Param, Ports, Rule, Term, Tick, Topology, Weights, parameter, part, port, static
from jaxtyping import Array, Int

from ._wrapper import Wrapper, check_rule


class Scheduled(Rule, Wrapper):
    r"""What a rule says, times a factor that falls while it learns (Robbins & Monro, 1951, for the inverse one).

    .. math::
        \Delta w = \left(f_\infty + (1 - f_\infty)\,g(t)\right) \Delta w_\text{rule}, \qquad
        g(t) = \begin{cases} e^{-t/\tau} & \text{exponential}\\ 1 / (1 + t/\tau) & \text{inverse}\\
        (1 - t/\tau)_+ & \text{linear}\\ \tfrac12 (1 + \cos \pi \min(t/\tau, 1)) & \text{cosine}\end{cases}

    t is the time for which there has been learning, in all trials together: it persists, as weights do, and stands
    still under ``learn=False``. A rate that follows a signal instead is `Modulated`, with a wire or an input to
    ``<synapse>.plasticity.modulator``; schedules of optax are for `Optimised`, in a chain with an optimiser.
    """

    rule: Rule
    schedule: Literal["exponential", "inverse", "linear", "cosine"] = static(
        default="exponential", doc="how the factor falls, g"
    )
    tau: Param = parameter(default=10_000.0, unit="ms", gt=0, doc="time constant, or time until the end")
    floor: Param = parameter(default=0.0, ge=0, doc="factor that is left in the end")

    class State(Ports):
        steps: Int[Array, ""] = port(persist=True, doc="number of steps of learning so far")
        rule: Any = part(flat=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rule(self, Rule)

    def init(self, topology: Topology, weights: Weights, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        inner = self.rule.init(topology, weights, key=key, dt=dt, batch=batch)
        return self.State(rule=inner, steps=jnp.zeros((), int))

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> tuple[Any, Sequence[Term]]:
        inner, terms = self.rule.terms(s.rule, pre, post, x.rule, tick)
        t = s.steps.astype(float) * tick.dt / self.tau
        falling = {
            "exponential": lambda: jnp.exp(-t),
            "inverse": lambda: 1.0 / (1.0 + t),
            "linear": lambda: jnp.maximum(1.0 - t, 0.0),
            "cosine": lambda: 0.5 * (1.0 + jnp.cos(jnp.pi * jnp.minimum(t, 1.0))),
        }
        factor = self.floor + (1.0 - self.floor) * falling[self.schedule]()
        new = s.replace(rule=inner, steps=s.steps + 1)
        return new, tuple(term._replace(post=term.post * factor) for term in terms)
