"""InhibitorySTDP: inhibition that learns to balance excitation at a rate that is wanted."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from bouton import Bound, Param, Term, Tick, parameter, static

from ._traced import Traced
from .bounds import gates


class InhibitorySTDP(Traced):
    r"""The rule of Vogels et al. (2011): near-coincident spikes strengthen, single pre-synaptic ones weaken.

    .. math::
        \Delta w = \pm \eta \left(x_\text{pre}\,s_\text{post} + s_\text{pre}\,(x_\text{post} - \alpha)\right),
        \qquad \alpha = \rho\,(m_\text{pre} + m_\text{post})

    with + for the magnitudes of inhibitory weights, and - with ``excitatory=True``: both drive the post-synaptic rate
    to :math:`\rho`. m is the mean of a trace for a rate of one spike per ms, :math:`\tau` for short steps, so that
    :math:`\alpha = 2 \rho \tau` as in the paper. For the step that is used it is
    :math:`m = \Delta t / (e^{\Delta t/\tau} - 1)` for a trace that is read before its spike enters it, and
    :math:`\Delta t / (1 - e^{-\Delta t/\tau})` after that: the set point is exact at any step. For traces that are
    wired it is taken to be that of `read` and the time constants given here.
    """

    eta: Param = parameter(default=1e-3, doc="learning rate")
    rho: Param = parameter(default=5.0, unit="Hz", ge=0, dims="post", doc="rate that is wanted")
    excitatory: bool = static(default=False, doc="whether the weights excite")
    bound: Bound | None = None

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> tuple[Any, tuple[Term, ...]]:
        s, x_pre, x_post = self.traces(s, pre, post, x, tick)
        up, down = gates(self.eta, self.eta, self.bound)
        pairs, alone = (down, up) if self.excitatory else (up, down)
        rho = 1e-3 * self.rho
        return s, (
            Term(x_pre, post, pairs, spikes="post"),
            Term(pre, x_post, pairs, spikes="pre"),
            Term(pre * self._mean(self.tau_pre, tick.dt), rho, alone, spikes="pre"),
            Term(pre, rho * self._mean(self.tau_post, tick.dt), alone, spikes="pre"),
        )

    def _mean(self, tau: Any, dt: float) -> Any:
        """Mean of a trace, as it is read, for one spike per ms."""
        return dt / jnp.expm1(dt / tau) if self.read == "before" else -dt / jnp.expm1(-dt / tau)
