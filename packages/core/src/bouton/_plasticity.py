"""Plasticity: what a synapse does with pre- and post-synaptic activity. A rule is a list of terms pre (x) post."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from ._describe import zeros
from ._errors import CircuitError
from ._module import Part, Tick
from ._topology import Topology


class Weights(NamedTuple):
    """What a synapse learns: its weights and, if it has one, its bias. Changes have the same form."""

    w: Any
    b: Any = None


class Term(NamedTuple):
    """One term ``gate(w) * outer(pre, post)`` of a rule.

    - `pre`, `post`: arrays (*batch, *pre) and (*batch, *post), or numbers;
    - `gate`: a number, or an elementwise function of the weight array (it commutes with weight sharing);
    - `bias`: the factor with which `post` changes the bias.
    """

    pre: Any
    post: Any
    gate: Any = 1.0
    bias: float = 0.0


def learn(
    topology: Topology,
    weights: Weights,
    terms: Sequence[Term],
    *,
    batch: tuple[int, ...] = (),
    reduce: Literal["mean", "sum"] | None = "mean",
) -> Weights:
    """The change that a rule's terms make: ``dw = reduce over the batch of sum_k gate_k(w) * outer(pre_k, post_k)``.

    With ``reduce=None`` the changes of each sample are returned, batch axes in front.
    """
    shapes = batch + topology.size("pre"), batch + topology.size("post")
    outer = topology.outer
    if reduce is None:
        for _ in batch:
            outer = jax.vmap(outer, (None, 0, 0))
    share = 1.0 / math.prod(batch) if reduce == "mean" else 1.0

    def of_term(term: Term) -> Weights:
        if callable(term.gate) and not topology.per_edge:
            raise CircuitError(
                f"{type(topology).__name__} has no weight for each edge: a rule on it may not depend on the weight."
            )
        factors = jnp.broadcast_to(term.pre, shapes[0]), jnp.broadcast_to(term.post, shapes[1])
        pre, post = lax.optimization_barrier(factors)  # else XLA computes them anew for each weight
        gate = term.gate(weights.w) if callable(term.gate) else term.gate
        dw = jax.tree.map(lambda d: gate * share * d, outer(weights.w, pre, post))
        if weights.b is None:
            return Weights(dw)
        lanes = () if reduce is None else tuple(range(len(batch)))
        return Weights(dw, term.bias * share * post.sum(lanes))

    return functools.reduce(lambda a, b: jax.tree.map(jnp.add, a, b), map(of_term, terms))


class Plasticity(Part):
    """What a synapse's `plasticity` is: a `Rule`, or a wrapper around one.

    Its inputs are `Late` ports: they are read after the whole circuit has advanced.
    """

    def init(self, topology: Topology, weights: Weights, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        """The state before the first step; default zeros."""
        return zeros(self)

    def change(
        self,
        s: Any,
        topology: Topology,
        weights: Weights,
        pre: Any,
        post: Any,
        x: Any,
        tick: Tick,
        reduce: Literal["mean", "sum"] | None = "mean",
    ) -> tuple[Any, Weights]:
        """``(state, changes to add)``; with ``reduce=None`` the changes of each sample, batch axes in front."""
        raise NotImplementedError(f"{type(self).__name__} does not define change(...).")


class Rule(Plasticity):
    """A learning rule: writes `terms`, and thereby runs on every topology."""

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> tuple[Any, Sequence[Term]]:
        """``(state, pre, post, own late inputs, tick) -> (state, terms)``; pre and post as they are in this step."""
        raise NotImplementedError(f"{type(self).__name__} does not define terms(s, pre, post, x, tick).")

    def change(
        self,
        s: Any,
        topology: Topology,
        weights: Weights,
        pre: Any,
        post: Any,
        x: Any,
        tick: Tick,
        reduce: Literal["mean", "sum"] | None = "mean",
    ) -> tuple[Any, Weights]:
        s, terms = self.terms(s, pre, post, x, tick)
        return s, learn(topology, weights, terms, batch=tick.batch, reduce=reduce)
