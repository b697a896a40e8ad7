"""AntiHebbian: a rule that makes units independent of each other."""

import bouton
from bouton import Param, Term, Tick, parameter


class AntiHebbian(bouton.Rule):
    r"""Anti-Hebbian learning after Földiák (1990), Biol. Cybern. 64, 165-170.

    .. math:: \Delta w_{ij} = -\alpha\,(y_i y_j - p^2)

    Units that fire together more often than by chance come to inhibit each other. On average a weight stays where it is
    when both units fire together as often as two independent units that are active with the probability p.

    Weights are negative where they inhibit: add ``Clip(None, 0.0)`` to the synapse's constraints to keep them so.
    """

    alpha: Param = parameter(default=0.01, ge=0, doc="learning rate per step")
    p: Param = parameter(default=0.1, ge=0, le=1, doc="probability that a unit is active in a step")

    def terms(self, s, pre, post, x, tick: Tick):
        return s, (Term(pre, post, -self.alpha), Term(1.0, 1.0, self.alpha * self.p**2))
