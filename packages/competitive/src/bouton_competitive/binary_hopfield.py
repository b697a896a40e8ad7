"""BinaryHopfieldSynapse: the associative memory of 1982. The modern one is in `hopfield.py`."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
from bouton import (
    CircuitError,
    Constraint,
    Initialiser,
    Plasticity,
    Ports,
    Schedule,
    Synapse,
    Tick,
    Topology,
    port,
    static,
)
from bouton_synapses_dense import Dense
from jax import lax
from jaxtyping import Array, Float

from ._competitive import Competitive
from .storage import Storage


class BinaryHopfieldSynapse(Competitive):
    r"""The network of Hopfield (1982): units of 1 and -1, all connected, with weights that are stored correlations.

    .. math::
        w_{ij} \leftarrow w_{ij} + \frac{\eta}{n}\,x_i x_j \quad (i \ne j), \qquad
        s_j \leftarrow \operatorname{sign}\Bigl(\sum_i s_i w_{ij}\Bigr), \qquad
        E = -\tfrac12 \sum_{ij} s_i w_{ij} s_j

    Each step takes the probe `pre` and updates all units `steps` times: one after the other in their order, which never
    raises the energy where weights are symmetric, or ``update="synchronous"`` all at once, which may end in a cycle of
    two. A unit without input stays as it is, so a probe may have zeros where nothing is known. About 0.138 n random
    patterns can be recalled (Amit, Gutfreund & Sompolinsky, 1987).

    - `n_units`: number of units;
    - `eta`: 1 stores a pattern that is presented for one step. The patterns of a batch are stored as a whole with
      ``batch_reduce="sum"``;
    - `weights`: start values, an array (pre, post), symmetric, or an initialiser. The diagonal is set to 0;
    - `plasticity`: a rule that adds ``pre (x) post``, or a wrapper around one;
    - `constraints`: what the weights obey.
    """

    n_units: int = static(dim="post", doc="number of units")
    eta: Schedule | Any = 1.0
    steps: int = static(default=10, doc="updates of each unit in a step")
    update: Literal["asynchronous", "synchronous"] = static(
        default="asynchronous", doc="whether units are updated one after the other, or all at once"
    )
    weights: Initialiser | Any = 0.0
    plasticity: Plasticity = Storage()
    constraints: tuple[Constraint, ...] = ()

    class In(Ports):
        pre: Float[Array, "*batch pre"] = port(doc="probe, or a pattern to learn: 1 and -1, 0 for unknown")

    class Out(Ports):
        outputs: Float[Array, "*batch post"] = port(doc="what is recalled")
        energy: Float[Array, "*batch"] = port(doc="energy of it")

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.steps, int) and self.steps < 1:
            raise CircuitError(f"BinaryHopfieldSynapse.steps must be at least 1, got {self.steps}.")

    @property
    def topology(self) -> Dense:
        return Dense(self.n_units, self.n_units)

    @property
    def synapse(self) -> Synapse:
        inner = super().synapse
        return inner.replace(constraints=(*inner.constraints, _NoAutapses()))

    def dims(self) -> dict[str, Any]:
        return super().dims() | {"pre": self.n_units}

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        onto = s.w.T  # a row for what ends on each unit

        def one(j: Any, units: jax.Array) -> jax.Array:
            return units.at[..., j].set(_sign(units @ lax.dynamic_index_in_dim(onto, j, keepdims=False), units[..., j]))

        def round_(_: Any, units: jax.Array) -> jax.Array:
            if self.update == "synchronous":
                return _sign(units @ s.w, units)
            return lax.fori_loop(0, self.n_units, one, units)

        units = lax.fori_loop(0, self.steps, round_, x.pre)
        return s, self.Out(outputs=units, energy=-0.5 * ((units @ s.w) * units).sum(-1))

    def evolve(self, s: Any, x: Any, late: Any, tick: Tick) -> Any:
        return self.learned(s, x.pre, self.eta(s.t) / self.n_units * x.pre, late, tick)


class _NoAutapses(Constraint):
    """No unit is connected with itself."""

    def __call__(self, topology: Topology, w: Any) -> Any:
        return jnp.where(jnp.eye(*w.shape, dtype=bool), 0.0, w)


def _sign(field: jax.Array, before: jax.Array) -> jax.Array:
    return jnp.where(field == 0, before, jnp.sign(field))
