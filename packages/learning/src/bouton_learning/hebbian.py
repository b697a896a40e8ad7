"""Hebbian: what is active together grows together."""

from __future__ import annotations

from typing import Any

from bouton import Bound, Param, Rule, Term, Tick, parameter, static

from .bounds import gates


class Hebbian(Rule):
    r"""The two-factor rule of Hebb (1949), for spikes, rates or errors.

    .. math::
        \Delta w = \eta\,f_+(w)\,\alpha\,\text{pre}\;\beta\,\text{post}, \qquad
        \Delta b = \eta\,\beta\,\text{post}

    An increase for :math:`\eta > 0`: ``eta=-0.01`` makes it anti-Hebbian, and descends where `post` is an error. With
    an optimiser around it (`Optimised`) leave `eta` at 1, and the optimiser's rate decides. Weight decay and priors
    are wrappers, too (`Decayed`, `Prior`).
    """

    eta: Param = parameter(default=1.0, doc="learning rate")
    pre_factor: Param = parameter(default=1.0, dims="pre", doc="factor on the pre-synaptic values, alpha")
    post_factor: Param = parameter(default=1.0, dims="post", doc="factor on the post-synaptic values, beta")
    learns_bias: bool = static(default=True, doc="whether a bias that the synapse has learns, too")
    bound: Bound | None = None

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> tuple[Any, tuple[Term, ...]]:
        up, _ = gates(self.eta, self.eta, self.bound)
        bias = self.eta if self.learns_bias else 0.0
        return s, (Term(pre * self.pre_factor, post * self.post_factor, up, bias),)
