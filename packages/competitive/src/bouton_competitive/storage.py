"""Storage: the rule of associative memories."""

from __future__ import annotations

from typing import Any

from bouton import Rule, Term, Tick


class Storage(Rule):
    r"""Adds the product of what the two sides are, as in the networks of Hopfield (1982).

    .. math:: \Delta w = \text{pre} \otimes \text{post}

    The rate is that of the synapse. With one of its own, bounds and a bias it is `Hebbian` of bouton-learning.
    """

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> tuple[Any, tuple[Term, ...]]:
        return s, (Term(pre, post),)
