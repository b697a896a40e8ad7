"""HindmarshRoseCell: cells that fire in bursts, from three coupled equations."""

import math

import bouton
import jax.numpy as jnp
from bouton import Param, Ports, Tick, parameter, port, static
from jax import lax
from jaxtyping import Array, Float


class HindmarshRoseCell(bouton.Component):
    r"""Bursting cells after Hindmarsh & Rose (1984), Proc. R. Soc. Lond. B 221, 87-102.

    .. math::
        \dot x &= y - a x^3 + b x^2 - z + j \\
        \dot y &= c - d x^2 - y \\
        \dot z &= r\,(s_z (x - x_1) - z)

    x stands for the membrane potential, y for fast currents, and z for a slow one that ends each burst. The model is
    without units; its unit of time is taken as 1 ms. With the default parameters a cell rests at j = 0, answers j = 0.4
    with a single burst, bursts again and again at j = 2, and fires without pause at j = 4.

    The three equations are integrated together by the classical Runge-Kutta method, in as many equal steps as `h`
    asks for. A spike is emitted in the step in which x first exceeds `thr`.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size")
    a: Param = parameter(default=1.0, gt=0, dims="unit", doc="cubic coefficient")
    b: Param = parameter(default=3.0, dims="unit", doc="quadratic coefficient")
    c: Param = parameter(default=1.0, dims="unit", doc="drive of y")
    d: Param = parameter(default=5.0, dims="unit", doc="how strongly x lowers y")
    r: Param = parameter(default=0.001, unit="1/ms", gt=0, dims="unit", doc="rate of the slow current")
    s_z: Param = parameter(default=4.0, dims="unit", doc="how strongly x raises the slow current (s in the paper)")
    x_1: Param = parameter(default=-1.6, dims="unit", doc="x at which there is no slow current")
    thr: Param = parameter(default=1.0, dims="unit", doc="x above which there is a spike")
    h: float = static(default=0.05, doc="longest step of the integration [ms]")

    class In(Ports):
        j: Float[Array, "*batch unit"] = port(reduce="sum", default=0.0, doc="input current")

    class State(Ports):
        x: Float[Array, "*batch unit"] = port(doc="membrane potential")
        y: Float[Array, "*batch unit"] = port(doc="fast current")
        z: Float[Array, "*batch unit"] = port(doc="slow current")

    class Out(Ports):
        s: Float[Array, "*batch unit"] = port(spikes=True, doc="emitted spikes")

    def check(self, *, dt: float) -> None:
        if not self.h > 0:
            raise bouton.CircuitError(f"HindmarshRoseCell.h must be > 0 ms, got {self.h!r}.")

    def init(self, *, key, dt: float, batch: tuple[int, ...] = ()):
        return self.State(x=self.x_1, y=self.c - self.d * self.x_1**2, z=0.0)

    def advance(self, s, x, tick: Tick):
        steps = math.ceil(tick.dt / self.h - 1e-6)
        h = tick.dt / steps

        def slope(u):
            v, y, z = u
            return jnp.stack(
                [
                    y - self.a * v**3 + self.b * v**2 - z + x.j,
                    self.c - self.d * v**2 - y,
                    self.r * (self.s_z * (v - self.x_1) - z),
                ]
            )

        def step(i, carry):
            u, highest = carry
            k1 = slope(u)
            k2 = slope(u + h / 2 * k1)
            k3 = slope(u + h / 2 * k2)
            k4 = slope(u + h * k3)
            u = u + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            return u, jnp.maximum(highest, u[0])

        start = jnp.stack([s.x, s.y, s.z])
        end, highest = lax.fori_loop(0, steps, step, (start, s.x))
        below = (s.x <= self.thr).astype(s.x.dtype)
        return self.State(x=end[0], y=end[1], z=end[2]), self.Out(s=below * bouton.spike(highest - self.thr))
