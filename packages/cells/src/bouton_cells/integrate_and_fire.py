"""IFCell: integrate-and-fire neurons without a leak."""

from __future__ import annotations

from typing import Any

from bouton import Arctan, Surrogate, recipe

from .lif import LIFCell


@recipe()
def IFCell(
    n_units: int | tuple[int, ...],
    *,
    tau_m: Any = 20.0,
    resist_m: Any = 1.0,
    thr: Any = -52.0,
    v_rest: Any = -65.0,
    v_reset: Any = -60.0,
    refract_time: Any = 0.0,
    integration_type: str = "euler",
    surrogate: Surrogate = Arctan(),  # noqa: B008
    lower_clamp_voltage: bool = True,
) -> LIFCell:
    r"""Integrate-and-fire cells without a leak (Lapicque, 1907).

    .. math::
        \tau_m \frac{dv}{dt} = R\,j \qquad\text{spike if } v > \text{thr},\ \text{then } v \leftarrow v_\text{reset}

    With a constant current j a cell fires every :math:`T_\text{ref} + \tau_m (\text{thr} - v_\text{reset}) / (R j)` ms.
    Time constants are in ms, potentials in mV, and R in mV per unit of current.

    A recipe: a `LIFCell` without leak and adaptation. ``lower_clamp_voltage`` keeps v from falling below ``v_rest``.
    """
    return LIFCell(
        n_units,
        tau_m=tau_m,
        resist_m=resist_m,
        thr=thr,
        v_rest=v_rest,
        v_reset=v_reset,
        conduct_leak=0.0,
        theta_plus=None,
        refract_time=refract_time,
        v_min=v_rest if lower_clamp_voltage else None,
        integration_type=integration_type,
        surrogate=surrogate,
    )
