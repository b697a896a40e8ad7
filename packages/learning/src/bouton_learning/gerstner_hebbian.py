"""GerstnerHebbian: all Hebbian rules of second order."""

from __future__ import annotations

from typing import Any

from bouton import Param, Rule, Term, Tick, parameter


class GerstnerHebbian(Rule):
    r"""The expansion of a local rule up to second order (Gerstner & Kistler, 2002, eq. 10.2).

    .. math::
        \Delta w = \eta \left(c_0 w + c_1^\text{pre}\,\text{pre} + c_1^\text{post}\,\text{post}
                 + c_2\,\text{pre}\,\text{post}\right)

    Hebb's rule is :math:`c_2 = 1`; the covariance rule adds :math:`c_1^\text{pre} = -\langle\text{post}\rangle` and
    :math:`c_1^\text{post} = -\langle\text{pre}\rangle`. :math:`c_0 < 0` is decay.
    """

    eta: Param = parameter(default=0.01, doc="learning rate")
    c0: Param = parameter(default=0.0, doc="coefficient of the weight")
    c1_pre: Param = parameter(default=0.0, dims="post", doc="coefficient of pre, which may differ between post units")
    c1_post: Param = parameter(default=0.0, dims="pre", doc="coefficient of post, which may differ between pre units")
    c2: Param = parameter(default=1.0, doc="coefficient of pre times post")

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> tuple[Any, tuple[Term, ...]]:
        return s, (
            Term(1.0, 1.0, lambda w: self.eta * self.c0 * w),
            Term(pre, self.c1_pre, self.eta),
            Term(self.c1_post, post, self.eta),
            Term(pre, post, self.eta * self.c2),
        )
