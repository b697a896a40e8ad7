"""Plasticity: what a synapse does with pre- and post-synaptic activity. A rule is a list of terms pre (x) post."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from ._describe import zeros
from ._errors import CircuitError
from ._module import Part, Tick
from ._order import behind
from ._topology import Topology


class Weights(NamedTuple):
    """What a synapse learns: its weights and, if it has one, its bias. Changes have the same form."""

    w: Any
    b: Any = None


class Term(NamedTuple):
    """One term ``gate(w) * outer(pre, post)`` of a rule.

    - `pre`, `post`: arrays (*batch, *pre) and (*batch, *post), or numbers;
    - `gate`: a number, or an elementwise function of the weight array (it commutes with weight sharing);
    - `bias`: the factor with which `post` changes the bias; one that units share gets the sum over them;
    - `spikes`: which factor is zero for all units without a spike, so that only the weights of the others need be
      touched. It changes what a step costs, not what it does.
    """

    pre: Any
    post: Any
    gate: Any = 1.0
    bias: float = 0.0
    spikes: Literal["pre", "post"] | None = None


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
    outer = topology.outer
    if reduce is None:
        for _ in batch:
            outer = jax.vmap(outer, (None, 0, 0))
    factors = _factors(topology, terms, batch, reduce)
    products = [outer(weights.w, *f) for f in factors]
    change = functools.partial(_change, _gates(topology, terms), _share(batch, reduce))
    return Weights(jax.tree.map(change, weights.w, *products), _bias(topology, weights, terms, batch, reduce))


def updated(
    topology: Topology,
    weights: Weights,
    terms: Sequence[Term],
    bound: Callable[[Any], Any],
    *,
    batch: tuple[int, ...] = (),
    reduce: Literal["mean", "sum"] = "mean",
) -> Weights:
    """The weights with what `learn` says added, and then bounded by an elementwise function where they have changed."""
    factors, gates = _factors(topology, terms, batch, reduce), _gates(topology, terms)

    def new(w: Any, *products: Any) -> Any:
        return moved(w, _change(gates, _share(batch, reduce), w, *products), bound)

    w = topology.update(weights.w, new, factors, [term.spikes for term in terms])
    b = _bias(topology, weights, terms, batch, reduce)
    return Weights(w, None if b is None else weights.b + b)


def moved(w: Any, change: Any, bound: Callable[[Any], Any]) -> Any:
    """``bound(w + change)`` where there is a change."""
    new = w + change
    return jnp.where(change != 0, bound(new), new)  # not `w` elsewhere: the derivative by the change is 1 there, too


def _change(gates: Sequence[Any], share: float, w: Any, *products: Any) -> Any:
    """The change of some weights of which `products` says what each term's outer product is there."""
    parts = [(gate(w) if callable(gate) else gate) * share * p for gate, p in zip(gates, products, strict=True)]
    return functools.reduce(jnp.add, parts)


def _factors(
    topology: Topology, terms: Sequence[Term], batch: tuple[int, ...], reduce: Literal["mean", "sum"] | None
) -> list[tuple[jax.Array, jax.Array]]:
    """Pre and post of each term. What is one number for all samples is multiplied with the sum of the other."""
    sizes, lanes = (topology.size("pre"), topology.size("post")), tuple(range(len(batch)))

    def spread(term: Term) -> tuple[jax.Array, jax.Array]:
        one, other = (jnp.broadcast_to(v, batch + n) for v, n in zip(term[:2], sizes, strict=True))
        if reduce is None or all(map(jnp.ndim, term[:2])):
            return one, other
        first = (0,) * len(batch)
        return (one[first], other.sum(lanes)) if jnp.ndim(term.pre) == 0 else (one.sum(lanes), other[first])

    return lax.optimization_barrier([spread(term) for term in terms])  # else XLA computes them anew for each weight


def _gates(topology: Topology, terms: Sequence[Term]) -> list[Any]:
    if not topology.per_edge and any(callable(term.gate) for term in terms):
        raise CircuitError(
            f"{type(topology).__name__} has no weight for each edge: a rule on it may not depend on the weight."
        )
    return [term.gate for term in terms]


def _share(batch: tuple[int, ...], reduce: Literal["mean", "sum"] | None) -> float:
    return 1.0 / math.prod(batch) if reduce == "mean" else 1.0


def _bias(topology: Topology, weights: Weights, terms: Sequence[Term], batch: tuple[int, ...], reduce: Any) -> Any:
    if weights.b is None:
        return None
    shape, lanes = batch + topology.size("post"), len(batch) if reduce is None else 0  # axes that stay
    shared = tuple(range(lanes, len(shape) - weights.b.ndim))
    parts = [t.bias * _share(batch, reduce) * jnp.broadcast_to(t.post, shape).sum(shared) for t in terms]
    return functools.reduce(jnp.add, parts)


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

    def update(
        self,
        s: Any,
        topology: Topology,
        weights: Weights,
        pre: Any,
        post: Any,
        x: Any,
        tick: Tick,
        bound: Callable[[Any], Any],
    ) -> tuple[Any, Weights]:
        """``(state, new weights)``: what `change` says added, and what changes bounded, elementwise, by `bound`."""
        s, change = self.change(s, topology, weights, pre, post, x, tick, tick.batch_reduce)
        w = jax.tree.map(lambda w, dw: moved(w, dw, bound), weights.w, change.w)
        return s, Weights(w, None if weights.b is None else weights.b + change.b)


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

    def update(
        self,
        s: Any,
        topology: Topology,
        weights: Weights,
        pre: Any,
        post: Any,
        x: Any,
        tick: Tick,
        bound: Callable[[Any], Any],
    ) -> tuple[Any, Weights]:
        if type(self).change is not Rule.change:  # a rule may do more than add its terms up
            return super().update(s, topology, weights, pre, post, x, tick, bound)
        s, terms = self.terms(s, pre, post, x, tick)
        new = updated(topology, weights, terms, bound, batch=tick.batch, reduce=tick.batch_reduce)
        return behind(s, new.w), new  # what the terms have read may then be overwritten in place
