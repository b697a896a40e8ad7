"""Instar: weights go to where the inputs are, as fast as their unit is active."""

from __future__ import annotations

from typing import Any

from bouton import Param, Rule, Term, Tick, parameter, static


class Instar(Rule):
    r"""The rule of competitive learning (Grossberg, 1976; Kohonen, 1982).

    .. math:: \Delta w = \eta\;\text{post}\,(\text{pre} - w)

    Weights of an active unit move towards its inputs, and away from them where `post` is negative. In the synapses of
    this package `post` is what the competition leaves, times their own rate. On any other synapse it may be the spikes
    of cells that inhibit each other.
    """

    eta: Param = parameter(default=1.0, doc="learning rate, or a factor on that of a competitive synapse")
    few: bool = static(
        default=False,
        doc="whether few units are active at a time: on CPUs only their weights are touched then, which changes no "
        "result",
    )

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> tuple[Any, tuple[Term, ...]]:
        spikes = "post" if self.few else None
        return s, (
            Term(pre, post, self.eta, spikes=spikes),
            Term(1.0, post, lambda w: -self.eta * w, spikes=spikes),
        )
