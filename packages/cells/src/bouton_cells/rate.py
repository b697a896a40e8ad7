"""RateCell: cells with a continuous rate, the units of predictive coding and of sparse coding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from bouton import (
    CircuitError,
    Component,
    Initialiser,
    Param,
    Ports,
    Tick,
    check_integration,
    integrate,
    parameter,
    port,
    static,
)
from jax.core import Tracer
from jaxtyping import Array, Float

from ._activations import activation, derivative


class RateCell(Component):
    r"""Cells with a continuous state z and a rate :math:`z_F` (Rao & Ballard, 1999; Ororbia & Kifer, 2022).

    .. math::
        \tau_m \frac{dz}{dt} = -\gamma\,\ell(z) + R\,\phi'(z)\,j + j_\text{td}, \qquad z_F = \alpha\,\phi(z)

    The leak is the slope of a penalty, the negative logarithm of a prior of z (Olshausen & Field, 1996):

    =================  ========================  =================
    `prior`            :math:`\ell(z)`           penalty
    =================  ========================  =================
    ``"gaussian"``     :math:`z`                 :math:`z^2 / 2`
    ``"laplacian"``    :math:`\mathrm{sign}\,z`  :math:`|z|`
    ``"cauchy"``       :math:`2 z / (1 + z^2)`   :math:`\ln(1 + z^2)`
    ``"exponential"``  :math:`2 z e^{-z^2}`      :math:`-e^{-z^2}`
    =================  ========================  =================

    An explicit step of the Laplacian prior does not settle at 0: z swings around it by :math:`\gamma\,dt/\tau_m`. A
    `threshold` is the implicit form of such a prior, which settles: after each step

    .. math::
        z \leftarrow \arg\min_y \tfrac12 (y - z)^2 + \frac{\lambda\,dt}{\tau_m} P(y), \qquad
        P(y) = |y|\ \text{("soft")},\quad \ln(1 + y^2)\ \text{("cauchy")}

    The soft threshold is the shrinkage of ISTA (Daubechies, Defrise & De Mol, 2004): a constant input u = R j (with the
    identity for :math:`\phi`) and a Gaussian leak lead to
    :math:`\mathrm{sign}(u)\,[|u| - \lambda]_+ / \gamma` for any step. The other is the Cauchy shrinkage of Mayo et al.
    (2022), which hardly changes what is large.

    ``tau_m=None`` gives a cell without memory, for layers of a plain network: :math:`z = j + j_\text{td}` in the same
    step. Then z is an output, and neither prior nor threshold may be given.

    **Predictive coding.** Predictions, errors and the feedback of errors form a loop within one step, which has to
    start at a state: at z. A cell without memory makes the rates of it. Then predictions, errors, feedback and learning
    all belong to the same z, and with Euler's method a step is one of gradient ascent of the sum of all L, less the
    penalties, where the feedback has the transposed weights::

        {"rate.j": "z.z", "w.pre": "rate.zF", "e.mu": "w.current", "back.pre": "e.dmu", "z.j": "back.current"}

    with ``z = RateCell(64, act_fx="tanh")``, ``rate = RateCell(64, tau_m=None, act_fx="tanh")``, a `GaussianErrorCell`
    e, and synapses w and back in opposite directions. Where z itself is predicted from above by another error cell:
    ``{"above.target": "z.z", "z.j_td": "above.dtarget"}``. Through the very weights of w (``backward=True``) errors
    return one step later: ``{"w.feedback": bouton.delayed("e.dmu", dt), "z.j": "w.back"}``.

    Activation functions (`act_fx`): elu, identity, leaky_relu, relu, relu6, sigmoid, silu, sine, softplus, tanh. The
    slope of the rectifiers at 0 is 1, so that a rate can leave 0.

    Raises `CircuitError` for an unknown activation function or integrator; for ``integration_type="exact"`` where the
    equation is not linear; for a step too long for the integrator, or for the Cauchy threshold
    (:math:`\lambda\,dt \le \tau_m / 4`); for a prior or threshold without `tau_m`.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    tau_m: Param | None = parameter(
        default=20.0, unit="ms", gt=0, dims="unit", doc="time constant; None: no memory, z = j + j_td"
    )
    resist_scale: Param = parameter(default=1.0, dims="unit", doc="factor R on the input j")
    prior: Literal["gaussian", "laplacian", "cauchy", "exponential"] | None = static(
        default=None, doc="prior of z, which gives the leak; None: no leak"
    )
    gamma: Param = parameter(default=1.0, ge=0, dims="unit", doc="strength of the leak, where there is a prior")
    act_fx: str = static(default="identity", doc="activation function phi, by name")
    output_scale: Param = parameter(default=1.0, dims="unit", doc="factor alpha on the rate")
    threshold: Literal["soft", "cauchy"] | None = static(default=None, doc="shrinkage of z after each step; None: none")
    thr_lmbda: Param = parameter(default=1.0, ge=0, dims="unit", doc="strength lambda of the shrinkage")
    integration_type: str = static(default="euler", doc="integrator")

    class In(Ports):
        j: Float[Array, "*batch unit"] = port(reduce="sum", default=0.0, doc="input, scaled by the slope of phi")
        j_td: Float[Array, "*batch unit"] = port(reduce="sum", default=0.0, doc="top-down pressure, taken as it is")

    class State(Ports):
        z: Float[Array, "*batch unit"] = port(only_if="tau_m", doc="activity before the activation function")

    class Out(Ports):
        z: Float[Array, "*batch unit"] | None = port(only_if="stateless", doc="activity before the activation function")
        zF: Float[Array, "*batch unit"] = port(doc="rate of this step")

    @property
    def stateless(self) -> bool:
        """Whether the cell has no memory."""
        return self.tau_m is None

    def check(self, *, dt: float) -> None:
        activation(self.act_fx)
        if given := [n for n in ("prior", "threshold") if self.tau_m is None and getattr(self, n) is not None]:
            raise CircuitError(
                f"{given[0]} acts on a state, and with tau_m=None there is none: give tau_m, or leave it out."
            )
        if self.integration_type == "exact" and not (self.act_fx == "identity" and self.prior in (None, "gaussian")):
            raise CircuitError(
                "integration_type='exact' is for linear equations: act_fx='identity', and the Gaussian prior or none. "
                "Use 'exp_euler', or 'rk4'."
            )
        check_integration(self, _undriven, (0.0,), dt=dt)
        given = (self.thr_lmbda, self.tau_m)
        if self.threshold == "cauchy" and not any(isinstance(v, (Tracer, Initialiser)) for v in given):
            shrinks, slowly = (np.asarray(v, np.float64) for v in given)
            if (longest := np.min(slowly / np.maximum(4 * shrinks, 1e-30))) < dt * (1 - 1e-6):
                raise CircuitError(
                    f"a step of {dt:g} ms is too long for the Cauchy threshold: use dt <= tau_m / (4 thr_lmbda) = "
                    f"{longest:g} ms."
                )

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        phi = activation(self.act_fx)
        if self.tau_m is None:
            z = x.j + x.j_td
            return s, self.Out(z=z, zF=self.output_scale * phi(z))
        (z,) = integrate(self.integration_type, lambda y: self._slope(y, x.j, x.j_td), (s.z,), tick.dt)
        if self.threshold is not None:
            z = _THRESHOLDS[self.threshold](z, self.thr_lmbda * tick.dt / self.tau_m)
        return self.State(z=z), self.Out(z=None, zF=self.output_scale * phi(z))

    def _slope(self, y: tuple[Any], j: Any, j_td: Any) -> tuple[Any]:
        (z,) = y
        pull = self.resist_scale * j * derivative(activation(self.act_fx), z) + j_td
        if self.prior is not None:
            pull = pull - self.gamma * _LEAKS[self.prior](z)
        return (pull / self.tau_m,)


def _undriven(cell: RateCell, y: tuple[Any]) -> tuple[Any]:
    """Of its own, the cell does what the leak says; this is what an integrator may be too slow for."""
    return (jnp.zeros_like(y[0]),) if cell.tau_m is None else cell._slope(y, 0.0, 0.0)


# Clipped where the leak has vanished anyway, so that no square of a huge z overflows.
_LEAKS: dict[str, Callable[[Any], Any]] = {
    "gaussian": lambda z: z,
    "laplacian": jnp.sign,
    "cauchy": lambda z: 2 * (u := jnp.clip(z, -1e9, 1e9)) / (1 + u**2),
    "exponential": lambda z: 2 * (u := jnp.clip(z, -12.0, 12.0)) * jnp.exp(-(u**2)),
}


def _soft(z: Any, k: Any) -> Any:
    return jnp.sign(z) * jax.nn.relu(jnp.abs(z) - k)


def _cauchy(z: Any, k: Any) -> Any:
    """y with ``y + k l(y) = z``, by Newton's method: for k <= 1/4 four steps give all digits."""
    leak, y = _LEAKS["cauchy"], z
    for _ in range(4):
        y = y - (y + k * leak(y) - z) / (1 + k * derivative(leak, y))
    return y


_THRESHOLDS: dict[str, Callable[[Any, Any], Any]] = {"soft": _soft, "cauchy": _cauchy}
