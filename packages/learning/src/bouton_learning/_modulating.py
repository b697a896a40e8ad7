"""What wrappers with a modulator share: the input, and the mean that is taken away from it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from bouton import CircuitError, Param, Plasticity, Ports, Tick, Topology, Weights, parameter, part, port, static
from jaxtyping import Array, Float

from ._wrapper import Wrapper


class Modulating(Wrapper):
    """A rule with a modulator: reward, dopamine, surprise, attention.

    It is an input, ``<synapse>.plasticity.modulator``: one number for each sample. With ``per_unit=True`` it is
    ``<synapse>.plasticity.unit_modulator``, one number for each post-synaptic unit. With `tau_baseline` a running mean
    of earlier values is taken away from it.
    """

    rule: Plasticity
    per_unit: bool = static(default=False, doc="whether each post-synaptic unit has a modulator of its own")
    tau_baseline: Param | None = parameter(
        default=None, unit="ms", gt=0, doc="time constant of the mean that is taken away; None: nothing is"
    )

    class Late(Ports):
        modulator: Float[Array, "*batch"] = port(only_if="per_sample", doc="signal of each sample")
        unit_modulator: Float[Array, "*batch post"] = port(only_if="per_unit", doc="signal of each post-synaptic unit")
        rule: Any = part(flat=True)

    class State(Ports):
        baseline: Float[Array, "*batch"] = port(only_if="tau_baseline", doc="running mean of the modulator")
        rule: Any = part(flat=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.per_unit and self.tau_baseline is not None:
            raise CircuitError(
                f"{type(self).__name__}.tau_baseline is for one modulator for all units; with per_unit=True take the "
                "mean away where the modulator is made."
            )

    @property
    def per_sample(self) -> bool:
        """Whether all units have one modulator."""
        return not self.per_unit

    def init(self, topology: Topology, weights: Weights, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        return self.started(self.rule.init(topology, weights, key=key, dt=dt, batch=batch))

    def started(self, rule: Any, **own: Any) -> Any:
        """The state at the start, with that of the rule and with what a subclass adds."""
        return self.State(rule=rule, baseline=None if self.tau_baseline is None else 0.0, **own)

    def signal(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        """``(state, modulator)``, the mean of earlier values taken away."""
        if self.per_unit:
            return s, x.unit_modulator
        if self.tau_baseline is None:
            return s, x.modulator
        above = x.modulator - s.baseline
        return s.replace(baseline=s.baseline - jnp.expm1(-tick.dt / self.tau_baseline) * above), above


def ahead(values: jax.Array, axes: int) -> jax.Array:
    """Values of each sample, to be multiplied with arrays that have so many axes more."""
    return values.reshape(values.shape + (1,) * axes)
