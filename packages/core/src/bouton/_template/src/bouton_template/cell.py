"""The cell. Replace its equation, parameters and compartments by your own."""

import bouton
import jax.numpy as jnp
from bouton import Param, Ports, Tick, parameter, port, static
from jaxtyping import Array, Float


class TemplateCell(bouton.Component):
    """Leaky integrate-and-fire cells with a reset to zero.

    Below the threshold ``tau_m dv/dt = -v + r j``, solved exactly for an input that is constant during a step:
    ``v <- r j + (v - r j) exp(-dt / tau_m)``. A cell above ``v_thr`` spikes and starts again at 0 mV.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size")
    tau_m: Param = parameter(default=20.0, unit="ms", gt=0, dims="unit", doc="membrane time constant")
    r: Param = parameter(default=1.0, unit="mV", gt=0, dims="unit", doc="potential per unit of input")
    v_thr: Param = parameter(default=10.0, unit="mV", gt=0, dims="unit", doc="threshold")

    class In(Ports):
        j: Float[Array, "*batch unit"] = port(reduce="sum", default=0.0, doc="input current")

    class State(Ports):
        v: Float[Array, "*batch unit"] = port("mV", doc="membrane potential")

    class Out(Ports):
        s: Float[Array, "*batch unit"] = port(spikes=True, doc="emitted spikes")

    def init(self, *, key, dt: float, batch: tuple[int, ...] = ()):
        return self.State(v=jnp.zeros((*batch, self.dims()["unit"])))

    def advance(self, s, x, tick: Tick):
        end = self.r * x.j
        v = end + (s.v - end) * jnp.exp(-tick.dt / self.tau_m)
        spikes = bouton.spike(v - self.v_thr)
        return self.State(v=jnp.where(spikes > 0, 0.0, v)), self.Out(s=spikes)
