"""Prior: a penalty on the weights that a rule teaches."""

from __future__ import annotations

from typing import Any, Literal

import jax.numpy as jnp
from bouton import Param, Tick, parameter, static

from ._added import Added


class Prior(Added):
    r"""What a rule says, and the slope of a log prior of the weights, in each step.

    .. math::
        \Delta w = \Delta w_\text{rule} - \lambda \cdot
        \begin{cases} w & \text{gaussian (l2, ridge)}\\ \operatorname{sign} w & \text{laplacian (l1, lasso)}\\
        \rho \operatorname{sign} w + (1 - \rho)\,w / 2 & \text{elastic\_net (l1l2)}\end{cases}
    """

    kind: Literal["gaussian", "laplacian", "elastic_net"] = static(default="gaussian", doc="form of the prior")
    strength: Param = parameter(default=1e-3, ge=0, doc="lambda")
    l1_ratio: Param = parameter(default=0.5, ge=0, le=1, doc="share of l1 in the elastic net, rho")

    def added(self, w: Any, tick: Tick) -> Any:
        l1 = {"gaussian": 0.0, "laplacian": 1.0, "elastic_net": self.l1_ratio}[self.kind]
        l2 = {"gaussian": 1.0, "laplacian": 0.0, "elastic_net": (1.0 - self.l1_ratio) / 2}[self.kind]
        return -self.strength * (l1 * jnp.sign(w) + l2 * w)
