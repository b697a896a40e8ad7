"""Optimised: an optimiser of optax between a rule and the weights."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from bouton import CircuitError, Param, Ports, Tick, Topology, Weights, parameter, part, port, static

from ._wrapper import Reduce, Wrapper


class Optimised(Wrapper):
    r"""What a rule says is the direction in which an optimiser goes uphill.

    .. math:: \Delta w = \eta\,\text{optimiser}(\Delta w_\text{rule})

    `optimiser` is the name of one in optax ("sgd", "adam", "rmsprop", ..., and "nag": Nesterov's accelerated gradient
    with momentum 0.9), which is made with a learning rate of 1, or any transformation of optax, for instance
    ``optax.chain(optax.clip(1.0), optax.adam(1.0))``. Those that are made for descent are used for ascent: an
    increase that a rule asks for is an increase. What is not a name cannot be written to model files. The optimiser's
    state persists, as weights do. It moves all weights in each step. Needs optax: ``pip install optax``.
    """

    optimiser: Any = static(default="adam", doc="name of an optimiser in optax, or a transformation of it")
    eta: Param = parameter(default=1e-3, doc="learning rate")

    class State(Ports):
        optimiser: Any = port(persist=True, doc="state of the optimiser")
        rule: Any = part(flat=True)

    @property
    def transformation(self) -> Any:
        """The transformation of optax."""
        try:
            import optax
        except ImportError:
            raise CircuitError("Optimised needs optax: pip install optax") from None
        if not isinstance(self.optimiser, str):
            return self.optimiser
        if self.optimiser == "nag":
            return optax.sgd(1.0, momentum=0.9, nesterov=True)
        return getattr(optax, self.optimiser)(1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            _ = self.transformation.init, self.transformation.update
        except (AttributeError, TypeError):
            raise CircuitError(
                "Optimised.optimiser must be the name of an optimiser in optax, such as 'adam', or a transformation, "
                f"such as optax.adam(1.0), got {self.optimiser!r}."
            ) from None

    def init(self, topology: Topology, weights: Weights, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        inner = self.rule.init(topology, weights, key=key, dt=dt, batch=batch)
        return self.State(rule=inner, optimiser=self.transformation.init(tuple(weights)))

    def asked(self, reduce: Reduce) -> Reduce:
        return reduce or "mean"

    def made(
        self, s: Any, topology: Topology, weights: Weights, said: Weights, x: Any, tick: Tick, reduce: Reduce
    ) -> tuple[Any, Weights]:
        down = jax.tree.map(lambda d: -d, tuple(said))
        with jax.numpy_dtype_promotion("standard"):  # optax mixes dtypes
            moves, state = self.transformation.update(down, s.optimiser, tuple(weights))
        change = jax.tree.map(lambda m: self.eta * m, Weights(*moves))
        if reduce is None:  # an optimiser moves the weights once, for all samples together
            change = jax.tree.map(lambda d: jnp.broadcast_to(d, tick.batch + d.shape), change)
        return s.replace(optimiser=state), change
