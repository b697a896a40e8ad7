"""LIFCell: leaky integrate-and-fire neurons with an adaptive threshold."""

from __future__ import annotations

from typing import Any

from bouton import Param, parameter

from ._integrate_and_fire import IntegrateAndFire


class LIFCell(IntegrateAndFire):
    r"""Leaky integrate-and-fire cells with an adaptive threshold (Diehl & Cook, 2015).

    By default each spike raises the threshold, and with ``tau_theta`` of 1e7 ms it practically never recovers, so that
    rates fall over a long run. ``theta_plus=None`` gives the plain leaky integrate-and-fire cell.

    .. math::
        \tau_m \frac{dv}{dt} &= g_L (v_\text{rest} - v) + R\,j
        \qquad\text{spike if } v > \text{thr} + \theta,\ \text{then } v \leftarrow v_\text{reset} \\
        \tau_\theta \frac{d\theta}{dt} &= -\theta
        \qquad\qquad\qquad\quad\,\text{on a spike } \theta \leftarrow \theta + \theta_+

    After a spike the cell takes no current for ``refract_time`` (rounded up to whole steps). Meanwhile the leak goes
    on, or, with ``refractory="clamp"``, v is held at ``v_reset``. A spike raises the threshold from the next step on.
    With a constant current, ``refractory="clamp"`` and no adaptation the cell fires every
    :math:`T_\text{ref} + \tau_m \ln\frac{R j + v_\text{rest} - v_\text{reset}}{R j + v_\text{rest} - \text{thr}}` ms
    (for :math:`g_L = 1`; Gerstner et al., 2014).

    ``one_spike`` lets at most one spike per sample out of the population: one of the spiking units, drawn at random;
    ``k_winners`` those furthest above their threshold. The others are reset and adapt all the same, or, with
    ``wta_scope="state"``, go on as if they had not reached their threshold.

    Raises `CircuitError` for ``one_spike`` together with ``k_winners``, for an unknown integrator, and for a step that
    is too long for it: with Euler's method, longer than :math:`\tau_m / g_L`.
    """

    conduct_leak: Param = parameter(default=1.0, ge=0, dims="unit", doc="leak conductance g_L; 0 makes an integrator")

    def slope(self, y: tuple[Any, ...], drive: Any = 0.0) -> tuple[Any, ...]:
        (v,) = y
        return ((self.conduct_leak * (self.v_rest - v) + drive) / self.tau_m,)
