"""ELIF and AELIF: exponential integrate-and-fire neurons with CoNeX's parameters."""

from __future__ import annotations

from typing import Any

from bouton import Arctan, Surrogate, recipe

from .adex import AdExCell


@recipe({"init_s": "Start values are the circuit's: Circuit(..., start={...})."})
def ELIF(
    n_units: int | tuple[int, ...],
    *,
    R: Any,
    threshold: Any,
    tau: Any,
    v_reset: Any,
    v_rest: Any,
    delta: Any,
    theta_rh: Any,
    init_v: Any = None,
    integration_type: str = "euler",
    track_tols: bool = False,
    surrogate: Surrogate = Arctan(),  # noqa: B008
) -> AdExCell:
    r"""Exponential integrate-and-fire cells without adaptation (Fourcaud-Trocmé et al., 2003): CoNeX's ``ELIF``.

    .. math::
        \tau \frac{dv}{dt} = v_\text{rest} - v + \Delta\, e^{(v - \theta_\text{rh}) / \Delta} + R\,j
        \qquad\text{spike if } v > \text{threshold},\ \text{then } v \leftarrow v_\text{reset}

    The time constant is in ms, potentials in mV, and R in mV per unit of current. ``init_v=None`` starts at ``v_rest``.

    A recipe: an `AdExCell` with ``tau_w=None``, which has no w. Unlike in CoNeX, v starts at rest, not at 0.
    """
    return AdExCell(
        n_units,
        tau_m=tau,
        resist_m=R,
        tau_w=None,
        v_sharpness=delta,
        intrinsic_mem_thr=theta_rh,
        thr=threshold,
        v_rest=v_rest,
        v_reset=v_reset,
        v0=v_rest if init_v is None else init_v,
        integration_type=integration_type,
        track_tols=track_tols,
        surrogate=surrogate,
    )


@recipe({"init_s": "Start values are the circuit's: Circuit(..., start={...})."})
def AELIF(
    n_units: int | tuple[int, ...],
    *,
    R: Any,
    threshold: Any,
    tau: Any,
    v_reset: Any,
    v_rest: Any,
    delta: Any,
    theta_rh: Any,
    alpha: Any,
    beta: Any,
    w_tau: Any,
    init_v: Any = None,
    omega: Any = 0.0,
    integration_type: str = "euler",
    track_tols: bool = False,
    surrogate: Surrogate = Arctan(),  # noqa: B008
) -> AdExCell:
    r"""Exponential integrate-and-fire cells with adaptation (Brette & Gerstner, 2005): CoNeX's ``AELIF``.

    .. math::
        \tau \frac{dv}{dt} &= v_\text{rest} - v + \Delta\, e^{(v - \theta_\text{rh}) / \Delta} - R\,\omega + R\,j \\
        \tau_w \frac{d\omega}{dt} &= \alpha\,(v - v_\text{rest}) - \omega
        \qquad\text{on a spike } v \leftarrow v_\text{reset},\ \omega \leftarrow \omega + \beta

    Units are those of `ELIF`; :math:`\omega` and :math:`\beta` are currents, and :math:`\alpha` is a current per mV.
    The parameter ``omega`` is the adaptation at the start; ``init_v=None`` starts at ``v_rest``.

    A recipe: an `AdExCell` in which :math:`\alpha`, :math:`\beta` and :math:`\omega` are called a, b and w. Unlike in
    CoNeX, a spike raises the adaptation by :math:`\beta` for any length of a step, there by :math:`\beta\,dt`; v starts
    at rest, not at 0; and both are advanced from their old values.
    """
    return AdExCell(
        n_units,
        tau_m=tau,
        resist_m=R,
        tau_w=w_tau,
        v_sharpness=delta,
        intrinsic_mem_thr=theta_rh,
        thr=threshold,
        v_rest=v_rest,
        v_reset=v_reset,
        a=alpha,
        b=beta,
        v0=v_rest if init_v is None else init_v,
        w0=omega,
        integration_type=integration_type,
        track_tols=track_tols,
        surrogate=surrogate,
    )
