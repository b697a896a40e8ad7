"""Eligibility: synapses that remember what a rule said until a reward comes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from bouton import (
    CircuitError,
    Initialiser,
    Param,
    Ports,
    Tick,
    Topology,
    Weights,
    as_initialiser,
    parameter,
    part,
    port,
)
from jaxtyping import Array, Float

from ._modulating import Modulating, ahead
from ._wrapper import Reduce


class Eligibility(Modulating):
    r"""A trace of what a rule says, turned into weight by a modulator (Izhikevich, 2007; Florian, 2007).

    .. math::
        c \leftarrow c\,e^{-\Delta t/\tau_c} + \Delta w_\text{rule}, \qquad
        \Delta w = \eta\,\Delta t\,(M - \bar M)\,c

    With STDP inside and dopamine as the modulator this is R-STDP. M is the input ``<synapse>.plasticity.modulator``,
    one number for each sample, and acts on the trace of its own step; with ``per_unit=True`` it is
    ``<synapse>.plasticity.unit_modulator``, one for each post-synaptic unit (of which a weight that several share gets
    the mean). The running mean :math:`\bar M` of
    earlier values is taken away where there is a `tau_baseline`.

    Each sample of a batch has a trace of its own: the mean of products is not the product of means. It has a number for
    each weight, so all weights are touched in each step. A bias does not learn. It starts at `c0`: a number, an array
    like the weights or an initialiser; None for zeros.

    A pair of spikes for which the rule says :math:`C_0`, and a reward of which :math:`M = D_0 e^{-t/\tau_d}` is left
    after t, make :math:`C_0 D_0\,e^{-|\Delta|/\tau}\,\tau_c \tau_d / (\tau_c + \tau_d)` together, where
    :math:`\tau` is :math:`\tau_c` if the reward comes :math:`\Delta` after the pair, and :math:`\tau_d` if before.
    """

    tau: Param = parameter(default=1000.0, unit="ms", gt=0, doc="time constant of the trace")
    eta: Param = parameter(default=1.0, unit="1/ms", doc="learning rate")
    c0: Initialiser | Any | None = None

    class State(Ports):
        c: Float[Array, "*batch weights"] = port(doc="eligibility trace")
        baseline: Float[Array, "*batch"] = port(only_if="tau_baseline", doc="running mean of the modulator")
        rule: Any = part(flat=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.c0 is not None:
            vars(self)["c0"] = as_initialiser(self.c0, "Eligibility.c0")

    def init(self, topology: Topology, weights: Weights, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        for what, given in (("per_unit=True", self.per_unit), ("c0", self.c0 is not None)):
            if given and not topology.per_edge:
                raise CircuitError(
                    f"{type(topology).__name__} has no weight for each edge: Eligibility({what}) cannot be used on it."
                )
        of_rule, of_trace = jax.random.split(key)
        start = jax.tree.map(jnp.zeros_like, weights.w) if self.c0 is None else topology.draw(self.c0, of_trace)
        c = jax.tree.map(lambda c: jnp.broadcast_to(c, batch + c.shape), start)
        return self.started(self.rule.init(topology, weights, key=of_rule, dt=dt, batch=batch), c=c)

    def asked(self, reduce: Reduce) -> Reduce:
        return None

    def made(
        self, s: Any, topology: Topology, weights: Weights, said: Weights, x: Any, tick: Tick, reduce: Reduce
    ) -> tuple[Any, Weights]:
        decay = jnp.exp(-tick.dt / self.tau)
        c = jax.tree.map(lambda c, new: c * decay + new, s.c, said.w)
        s, signal = self.signal(s.replace(c=c), x, tick)
        rate = self._at_weights(topology, weights, signal, tick)
        dw = jax.tree.map(lambda r, c: self.eta * tick.dt * r * c, rate, c)
        lanes = tuple(range(len(tick.batch)))
        if reduce is not None:
            dw = jax.tree.map(lambda d: getattr(d, reduce)(lanes), dw)
        b = None if weights.b is None else jnp.zeros((() if reduce else tick.batch) + weights.b.shape)
        return s, Weights(dw, b)

    def _at_weights(self, topology: Topology, weights: Weights, signal: Any, tick: Tick) -> Any:
        """The modulator at each weight: (*batch, *weights), or with axes of length 1."""
        if self.per_sample:
            return jax.tree.map(lambda w: ahead(signal, w.ndim), weights.w)
        ones, edges = jnp.ones(topology.size("pre")), topology.multiplicity()

        def one(signal: Any) -> Any:
            return topology.outer(weights.w, ones, signal) / jnp.where(edges != 0, edges, 1.0)

        for _ in tick.batch:
            one = jax.vmap(one)
        return one(signal)
