"""CurrentNormalised: sums relative to the weights that end on each unit."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from ._dynamics import Release
from ._errors import CircuitError
from ._module import Param, Ports, parameter, part
from ._topology import Topology


class CurrentNormalised(Release):
    r"""Sums relative to all weights of their post-synaptic unit: however many synapses it has, and however strong.

    .. math:: I_j \leftarrow \frac{\text{norm}_j}{\sum_i |w_{ij}|}\, I_j

    With excitatory weights that is `norm` where each pre-synaptic unit sends a 1, and never more for spikes. Units
    whose weights are all zero are left alone. The weights themselves stay as they are, and so do signs: the sum is one
    of absolute weights. `release` is what happens to pre-synaptic values, short-term plasticity for instance, and has
    its ports and states here.

    Where the weights learn, their sum is made anew in each step, which costs one more pass over them. Where they do
    not, the compiler takes it out of the loop, and the constraint `Normalise` gives the same currents.
    """

    norm: Param = parameter(default=1.0, gt=0, dims="post", doc="sum where each pre-synaptic unit sends a 1")
    release: Release | None = None

    class In(Ports):
        release: Any = part(flat=True)

    class State(Ports):
        release: Any = part(flat=True)

    class Out(Ports):
        release: Any = part(flat=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.release is not None and not isinstance(self.release, Release):
            raise CircuitError(f"CurrentNormalised.release must be a Release or None, got {self.release!r}.")

    def check_topology(self, topology: Topology, plasticity: Any) -> None:
        if not topology.per_edge:
            raise CircuitError(
                f"{type(topology).__name__} has no weight for each edge: CurrentNormalised cannot divide by their sum."
            )
        if self.release is not None:
            self.release.check_topology(topology, plasticity)

    def init(self, topology: Topology, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        made = None if self.release is None else self.release.init(topology, key=key, dt=dt, batch=batch)
        return self.State(release=made)

    def advance(self, s: Any, topology: Topology, w: Any, pre: Any, x: Any, tick: Any) -> tuple[Any, Any]:
        if self.release is None:
            inner, sums = s.release, topology.apply(w, pre)
        else:
            inner, sums = self.release.advance(s.release, topology, w, pre, x.release, tick)
        total = topology.fan_in(topology.absolute(w))
        factor = jnp.where(total > 0, self.norm / jnp.where(total > 0, total, 1.0), 1.0)
        return self.State(release=inner), factor * sums

    def seen(self, s: Any, pre: Any) -> Any:
        return pre if self.release is None else self.release.seen(s.release, pre)

    def out(self, s: Any) -> Any:
        return self.Out(release=None if self.release is None else self.release.out(s.release))

    def rebase(self, s: Any, steps: int) -> Any:
        return s if self.release is None else s.replace(release=self.release.rebase(s.release, steps))
