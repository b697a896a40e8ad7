"""Modulated: a rule times a signal of the moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bouton import Rule, Term, Tick

from ._modulating import Modulating, ahead
from ._wrapper import check_rule


class Modulated(Rule, Modulating):
    r"""What a rule says, times a modulator M.

    .. math:: \Delta w = (M - \bar M)\,\Delta w_\text{rule}, \qquad \tau\,\dot{\bar M} = M - \bar M

    M is the input ``<synapse>.plasticity.modulator``, one number for each sample; with ``per_unit=True`` it is
    ``<synapse>.plasticity.unit_modulator``, one for each post-synaptic unit. The running mean of earlier values is
    taken away where there is a `tau_baseline`. With trace STDP inside this is M-STDP (Florian, 2007). Where the signal
    comes after the spikes, `Eligibility` remembers them.
    """

    rule: Rule

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rule(self, Rule)

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> tuple[Any, Sequence[Term]]:
        inner, terms = self.rule.terms(s.rule, pre, post, x.rule, tick)
        s, signal = self.signal(s.replace(rule=inner), x, tick)
        if self.per_sample:
            signal = ahead(signal, post.ndim - len(tick.batch))
        return s, tuple(term._replace(post=term.post * signal) for term in terms)
