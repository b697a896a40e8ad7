"""Oja: a Hebbian rule that finds the first principal component."""

from __future__ import annotations

from typing import Any

from bouton import Param, Rule, Term, Tick, parameter


class Oja(Rule):
    r"""The rule of Oja (1982).

    .. math:: \Delta w = \eta\left(\text{pre}\;\text{post} - \text{post}^2\,w\right)

    For inputs of mean zero and a linear unit, weights tend to the first principal component, with length 1.
    """

    eta: Param = parameter(default=0.01, doc="learning rate")

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> tuple[Any, tuple[Term, ...]]:
        return s, (Term(pre, post, self.eta), Term(1.0, post**2, lambda w: -self.eta * w))
