"""TraceSTDP: spike-timing-dependent plasticity from traces."""

from __future__ import annotations

from typing import Any

from bouton import Bound, Param, Term, Tick, parameter

from ._traced import Traced
from .bounds import gates


class TraceSTDP(Traced):
    r"""Pair STDP by pre- and post-synaptic traces (Morrison, Diesmann & Gerstner, 2008; Diehl & Cook, 2015).

    .. math::
        \Delta w = A_+ f_+(w)\,(x_\text{pre} - x_\text{tar})\,s_\text{post}
                 - A_- f_-(w)\,s_\text{pre}\,x_\text{post}

    with traces :math:`\tau\,\dot x = -x` that grow by 1 on a spike (``trace="add"``: all pairs count) or are set to 1
    (``trace="set"``: nearest pairs, as by the times of the last spikes). A trace is read before this step's spike
    enters it, so that spikes in one step do not pair; with ``read="after"`` they do. One pair of spikes t ms apart
    changes a weight by :math:`A_+ f_+ e^{-t/\tau_\text{pre}}` (pre before post) or
    :math:`-A_- f_- e^{-t/\tau_\text{post}}`. The factors are those of `bound`, and 1 without one;
    ``bound=SoftBound(mu=0.2)`` makes it the power law of Gütig et al. (2003). With ``wired=True`` traces come from
    outside.
    """

    a_plus: Param = parameter(default=1e-2, doc="potentiation per pair")
    a_minus: Param = parameter(default=1e-3, doc="depression per pair")
    x_tar: Param | None = parameter(
        default=None, doc="pre-synaptic trace below which a post-synaptic spike depresses; None: it never does"
    )
    bound: Bound | None = None

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> tuple[Any, tuple[Term, ...]]:
        s, x_pre, x_post = self.traces(s, pre, post, x, tick)
        up, down = gates(self.a_plus, self.a_minus, self.bound)
        above = x_pre if self.x_tar is None else x_pre - self.x_tar
        return s, (Term(above, post, up, spikes="post"), Term(pre, x_post, down, spikes="pre"))
