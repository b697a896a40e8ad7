"""Dendrite: proximal, distal and apical inputs of a cell, of which only the proximal can make it fire by itself."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from bouton import CircuitError, Component, Initialiser, Param, Ports, Tick, parameter, port, static
from jaxtyping import Array, Float


class Dendrite(Component):
    r"""The three compartments of a pyramidal cell's dendrite, which make one current j for the cell.

    Proximal input is the current itself, low-pass filtered where `tau` is given. Distal and apical inputs :math:`I_k`
    only *prime* the cell: excitation pulls the potential towards a limit below the threshold, inhibition towards a
    floor,

    .. math::
        \tau\,\frac{dI}{dt} &= -I + \tau \sum_n \text{proximal}_n\,\delta(t - t_n), \qquad
        v_k = v_\text{rest} + P_k\,(\text{thr} - v_\text{rest}) \\
        j &= I + \frac{\tau_m}{R} \sum_{k \in \{\text{distal}, \text{apical}\}}
        \big( [\tanh I_k]_+ [v_k - v]_+ - [\tanh(-I_k)]_+ [v - v_\text{floor}]_+ \big)

    with the rate :math:`\tanh I_k` in 1/ms. A constant apical input with :math:`a = \tanh I > 0` alone brings a leaky
    cell to :math:`(v_\text{rest} / \tau_m + a\,v_k) / (1 / \tau_m + a)`, short of :math:`v_k`.

    Wire the state v of the cell to `v`, and j to the cell: ``{"soma.j": "dendrite.j", "dendrite.v": "soma.v"}``. The
    parameters that both have must be the same. Synapses onto a named compartment are wires to ``dendrite.apical``, and
    so on; they sum there. Where a step is so long that priming would carry a leaky cell past :math:`v_k` or below the
    floor, it ends there: no distal or apical input carries v out of :math:`[v_\text{floor}, \max v_k]`.

    Raises `CircuitError` unless :math:`v_\text{floor} \le v_\text{rest} \le \text{thr}`.
    """

    n_units: int | tuple[int, ...] = static(dim="unit", doc="population size, or the sizes of a map")
    tau_m: Param = parameter(default=20.0, unit="ms", gt=0, dims="unit", doc="membrane time constant of the cell")
    resist_m: Param = parameter(
        default=1.0, gt=0, dims="unit", doc="membrane resistance R of the cell [mV per unit of current]"
    )
    v_rest: Param = parameter(default=-65.0, unit="mV", dims="unit", doc="resting potential of the cell")
    thr: Param = parameter(default=-52.0, unit="mV", dims="unit", doc="threshold of the cell")
    v_floor: Param = parameter(default=-80.0, unit="mV", dims="unit", doc="where inhibition leads at most")
    distal_provocativeness: Param | None = parameter(
        default=0.5, ge=0, dims="unit", doc="P: how far to the threshold distal input leads; None: there is none"
    )
    apical_provocativeness: Param | None = parameter(
        default=0.5, ge=0, dims="unit", doc="P: how far to the threshold apical input leads; None: there is none"
    )
    tau: Param | None = parameter(
        default=None, unit="ms", gt=0, dims="unit", doc="time constant of the proximal current; None: instant"
    )

    class In(Ports):
        proximal: Float[Array, "*batch unit"] = port(reduce="sum", default=0.0, doc="current near the soma")
        distal: Float[Array, "*batch unit"] = port(
            reduce="sum", default=0.0, only_if="distal_provocativeness", doc="input to the distal compartment"
        )
        apical: Float[Array, "*batch unit"] = port(
            reduce="sum", default=0.0, only_if="apical_provocativeness", doc="input to the apical compartment"
        )
        v: Float[Array, "*batch unit"] = port("mV", only_if="primes", doc="potential of the cell")

    class State(Ports):
        i: Float[Array, "*batch unit"] = port(only_if="tau", doc="proximal current, low-pass filtered")

    class Out(Ports):
        j: Float[Array, "*batch unit"] = port(doc="current for the cell")

    @property
    def primes(self) -> bool:
        """Whether there is a compartment whose input primes the cell."""
        return self.distal_provocativeness is not None or self.apical_provocativeness is not None

    def check(self, *, dt: float) -> None:
        levels = (self.v_floor, self.v_rest, self.thr)
        if any(isinstance(level, (jax.core.Tracer, Initialiser)) for level in levels):
            return
        floor, rest, thr = np.broadcast_arrays(*levels)
        if (wrong := (floor > rest) | (rest > thr)).any():
            raise CircuitError(
                "v_floor <= v_rest <= thr must hold, got "
                f"{floor[wrong][0]:g}, {rest[wrong][0]:g} and {thr[wrong][0]:g} mV."
            )

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        i = x.proximal
        if self.tau is not None:
            i = s.i * jnp.exp(-tick.dt / self.tau) + i
            s = s.replace(i=i)
        if not self.primes:
            return s, self.Out(j=i)
        pulls = [
            (jnp.tanh(input), self.v_rest + p * (self.thr - self.v_rest))
            for input, p in ((x.distal, self.distal_provocativeness), (x.apical, self.apical_provocativeness))
            if p is not None
        ]
        up = sum(jax.nn.relu(a) * jax.nn.relu(limit - x.v) for a, limit in pulls)
        down = sum(jax.nn.relu(-a) * jax.nn.relu(x.v - self.v_floor) for a, _ in pulls)
        highest = pulls[0][1] if len(pulls) == 1 else jnp.maximum(pulls[0][1], pulls[1][1])
        per_step = tick.dt / self.tau_m  # of the distance to where the cell is drawn, at most
        without = x.v + per_step * (self.v_rest - x.v + self.resist_m * i)
        primed = jnp.clip(
            tick.dt * (up - down), jnp.minimum(self.v_floor - without, 0.0), jnp.maximum(highest - without, 0.0)
        )
        return s, self.Out(j=i + primed / (per_step * self.resist_m))
