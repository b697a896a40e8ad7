"""Stochastic release: a spike releases transmitter only with some probability."""

from __future__ import annotations

from typing import Any

import jax
from bouton import Param, Release, Tick, parameter

from ._per_edge import PerEdge


class StochasticRelease(Release):
    r"""A spike gets through with the probability p, to all synapses of its unit or to none.

    .. math:: \text{released}_i = b_i\,\text{pre}_i, \qquad b_i \sim \text{Bernoulli}(p_i)

    in each step and each sample anew (del Castillo & Katz, 1954). Of n spikes a binomial number gets through, with the
    mean np. A graded value passes whole or not at all. Plasticity sees `pre` itself.
    """

    p: Param = parameter(ge=0, le=1, dims="pre", doc="probability of release")

    def advance(self, s: Any, topology: Any, w: Any, pre: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        return s, topology.apply(w, _passed(self.p, pre, tick))


class StochasticReleasePerEdge(PerEdge):
    r"""A spike gets through each synapse of its unit with the probability p, independently of the others.

    .. math:: \text{sums}_j = \sum_i b_{ij}\,w_{ij}\,\text{pre}_i, \qquad b_{ij} \sim \text{Bernoulli}(p_{ij})

    in each step and each sample anew (del Castillo & Katz, 1954). It draws a number for each weight of each sample in
    each step. Raises `CircuitError` where weights are shared between synapses. Plasticity sees `pre` itself.
    """

    p: Param = parameter(ge=0, le=1, dims="weights", doc="probability of release")

    def released(self, s: Any, arriving: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        return s, _passed(self.p, arriving, tick)


def _passed(p: Any, values: jax.Array, tick: Tick) -> jax.Array:
    return values * (jax.random.uniform(tick.key, values.shape) < p).astype(values.dtype)
