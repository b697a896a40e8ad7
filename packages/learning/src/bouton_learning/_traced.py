"""What rules share that are made of a pre- and a post-synaptic trace."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
from bouton import Param, Ports, Rule, Tick, parameter, port, static
from jaxtyping import Array, Float


class Traced(Rule):
    """A rule with traces of the spikes on both sides, its own or wired from outside.

    A trace decays with its time constant. A spike adds 1 (``trace="add"``: all pairs of spikes count) or sets it to 1
    (``trace="set"``: each spike pairs with the last one on the other side). It is read before this step's spike enters
    it, so that spikes in one step do not pair; with ``read="after"`` it is read after that.

    With ``wired=True`` the rule keeps no traces, and reads those that are wired to its inputs `trace_pre` and
    `trace_post`, for instance from `bouton_cells.Trace`, with a spike in them or not, as they come.
    """

    tau_pre: Param = parameter(default=20.0, unit="ms", gt=0, dims="pre", doc="time constant of the pre-synaptic trace")
    tau_post: Param = parameter(
        default=20.0, unit="ms", gt=0, dims="post", doc="time constant of the post-synaptic one"
    )
    trace: Literal["add", "set"] = static(default="add", doc="what a spike does to its trace")
    read: Literal["before", "after"] = static(default="before", doc="whether a trace is read before this step's spike")
    wired: bool = static(default=False, doc="whether the traces come from outside")

    class Late(Ports):
        trace_pre: Float[Array, "*batch pre"] = port(only_if="wired", doc="pre-synaptic trace")
        trace_post: Float[Array, "*batch post"] = port(only_if="wired", doc="post-synaptic trace")

    class State(Ports):
        x_pre: Float[Array, "*batch pre"] = port(only_if="keeps_traces", doc="pre-synaptic trace, at the next step")
        x_post: Float[Array, "*batch post"] = port(only_if="keeps_traces", doc="post-synaptic trace, at the next step")

    @property
    def keeps_traces(self) -> bool:
        """Whether the traces are the rule's own."""
        return not self.wired

    def traces(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> tuple[Any, Any, Any]:
        """``(new state, pre-synaptic trace, post-synaptic trace)`` as they are to be read in this step."""
        if self.wired:
            return s, x.trace_pre, x.trace_post
        after = grown(s.x_pre, pre, self.trace), grown(s.x_post, post, self.trace)
        seen = after if self.read == "after" else (s.x_pre, s.x_post)
        taus = self.tau_pre, self.tau_post
        x_pre, x_post = (x * jnp.exp(-tick.dt / tau) for x, tau in zip(after, taus, strict=True))
        return s.replace(x_pre=x_pre, x_post=x_post), *seen


def grown(trace: jax.Array, spikes: jax.Array, how: Literal["add", "set"]) -> jax.Array:
    """A trace with this step's spikes in it."""
    return trace + spikes if how == "add" else jnp.where(spikes > 0, spikes, trace)
