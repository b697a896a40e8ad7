"""QuadLIFCell: quadratic integrate-and-fire neurons."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from bouton import Param, parameter

from ._integrate_and_fire import IntegrateAndFire


class QuadLIFCell(IntegrateAndFire):
    r"""Quadratic integrate-and-fire cells with an adaptive threshold (Latham et al., 2000; Gerstner & Kistler, 2002).

    .. math::
        \tau_m \frac{dv}{dt} = a_0 (v - v_\text{rest})(v - v_c) + R\,j
        \qquad\text{spike if } v > \text{thr} + \theta,\ \text{then } v \leftarrow v_\text{reset}

    with the critical potential :math:`v_c` (``v_scale``) and the scale :math:`a_0` (``critical_v``): the names follow
    ngc-learn, where they stand the other way round. Without input, :math:`v_\text{rest}` is stable; from above
    :math:`v_c` the potential runs away. Raise ``thr`` above :math:`v_c` to have the cell fire by that. All else is
    as in `LIFCell`.

    With a constant current, ``refractory="clamp"`` and no adaptation the cell fires every

    .. math::
        T_\text{ref} + \frac{\tau_m}{\sqrt{a_0 I}} \left[
        \arctan\big((\text{thr} - m)\sqrt{a_0 / I}\big) - \arctan\big((v_\text{reset} - m)\sqrt{a_0 / I}\big) \right]

    ms, where :math:`m = (v_\text{rest} + v_c) / 2` and :math:`I = R j - a_0 (v_c - v_\text{rest})^2 / 4 > 0`.

    Further than 1,000 mV from ``v_rest`` the quadratic term stays what it is there, so that no input, however large,
    makes numbers overflow; from such depths the cell comes back slowly, unless `v_min` bounds them. Raises
    `CircuitError` as `LIFCell` does, and for ``integration_type="exact"``.
    """

    v_scale: Param = parameter(default=-41.6, unit="mV", dims="unit", doc="critical potential v_c")
    critical_v: Param = parameter(default=1.0, unit="1/mV", gt=0, dims="unit", doc="scale a_0 of the quadratic term")

    def slope(self, y: tuple[Any, ...], drive: Any = 0.0) -> tuple[Any, ...]:
        v = jnp.clip(y[0], self.v_rest - 1000.0, self.v_rest + 1000.0)
        return ((self.critical_v * (v - self.v_rest) * (v - self.v_scale) + drive) / self.tau_m,)
