"""SOMSynapse: a self-organising map on a rectangular grid. How winners are found is in `winners.py`."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from bouton import (
    Component,
    Initialiser,
    Param,
    Ports,
    Term,
    Tick,
    Uniform,
    Weights,
    as_initialiser,
    learn,
    parameter,
    port,
    static,
)
from bouton_synapses_dense import Dense
from jaxtyping import Array, Float, Int

from .winners import Distance, winner


class SOMSynapse(Component):
    r"""A self-organising map (Kohonen, 1990): units on a grid whose weights come to lie as the samples do.

    The unit c nearest to a sample x wins, and all units learn as far as they are its neighbours:

    .. math::
        c = \arg\min_u d(x, w_u), \qquad
        w_u \leftarrow w_u + \eta(t)\,h_u\,(x - w_u), \qquad
        \eta(t) = \eta\,e^{-t/\tau_\eta}, \quad r(t) = \max(r\,e^{-t/\tau_r},\, r_\min)

    with the neighbourhood of the units at a distance D from the winner on the grid

    .. math:: h = e^{-D^2/2r^2} \text{ (gaussian)},\quad \max(0,\,1 - D^2/r^2)\,e^{-D^2/2r^2} \text{ (ricker)},
        \quad [D \le r] \text{ (bubble)}.

    The time t counts the steps in which the map learned, and persists. All samples of a batch see the same weights;
    their changes are brought together by the run's ``batch_reduce``. Of units equally near the first wins; by cosine
    a sample of zeros is equally near to all.
    """

    n_inputs: int = static(dim="input", doc="length of a sample")
    n_units: int | tuple[int, ...] = static(dim="unit", doc="number of units in a row, or the sizes of a grid")
    weights: Initialiser | Any = Uniform(0.0, 1.0)
    eta: Param = parameter(default=0.5, gt=0, le=1, doc="learning rate at first")
    tau_eta: Param = parameter(default=50_000.0, gt=0, infinite=True, doc="steps in which the rate falls by e")
    radius: Param | None = parameter(
        default=None, gt=0, doc="radius of the neighbourhood at first, in grid places; None: half the longest side"
    )
    tau_radius: Param = parameter(default=20_000.0, gt=0, infinite=True, doc="steps in which the radius falls by e")
    radius_min: Param = parameter(default=0.5, gt=0, doc="radius that remains")
    kappa: Param = parameter(default=1.0, ge=0, doc="sharpness of the softmax")
    distance: Distance = static(default="euclidean", doc="between samples and weights")
    neighbourhood: Literal["gaussian", "ricker", "bubble"] = static(default="gaussian", doc="its shape")

    class In(Ports):
        x: Float[Array, "*batch input"] = port(doc="sample")

    class State(Ports):
        w: Float[Array, "input unit"] = port(persist=True, doc="weights")
        t: Int[Array, ""] = port(persist=True, doc="steps of learning so far")

    class Out(Ports):
        bmu: Int[Array, "*batch"] = port(doc="index of the winner, the best matching unit")
        h: Float[Array, "*batch unit"] = port(doc="neighbourhood: 1 at the winner")
        outputs: Float[Array, "*batch unit"] = port(doc="softmax of kappa h")

    def __post_init__(self) -> None:
        super().__post_init__()
        vars(self)["weights"] = as_initialiser(self.weights, "SOMSynapse.weights")

    @property
    def topology(self) -> Dense:
        """Every input with every unit."""
        return Dense(self.n_inputs, self.dims()["unit"])

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...] = ()) -> Any:
        return self.State(w=self.topology.draw(self.weights, key), t=jnp.zeros((), int))

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        bmu, h = self._respond(s, x.x)
        return s, self.Out(bmu=bmu, h=h, outputs=jax.nn.softmax(self.kappa * h))

    def evolve(self, s: Any, x: Any, late: Any, tick: Tick) -> Any:
        _, h = self._respond(s, x.x)  # as in `advance`: compiled, it is computed once
        h = h * self.eta * jnp.exp(-s.t.astype(h.dtype) / self.tau_eta)
        terms = Term(x.x, h), Term(1.0, h, gate=jnp.negative)
        change = learn(self.topology, Weights(s.w), terms, batch=tick.batch, reduce=tick.batch_reduce)
        return self.State(w=s.w + change.w, t=s.t + 1)

    def _respond(self, s: Any, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Winners, and the neighbourhood of each."""
        bmu = winner(self.distance, s.w, x)
        first = max(self._grid) / 2 if self.radius is None else self.radius
        r = jnp.maximum(first * jnp.exp(-s.t.astype(x.dtype) / self.tau_radius), self.radius_min)
        u = self._distance2(bmu).astype(x.dtype) / r**2
        if self.neighbourhood == "bubble":
            return bmu, (u <= 1.0).astype(x.dtype)
        gaussian = jnp.exp(-u / 2)
        return bmu, gaussian if self.neighbourhood == "gaussian" else jnp.maximum(1.0 - u, 0.0) * gaussian

    def _distance2(self, bmu: jax.Array) -> jax.Array:
        """Squared distances (*batch, unit) on the grid from the winners; an integer."""
        places = [jnp.asarray(axis.reshape(-1)) for axis in np.indices(self._grid)]
        return sum(((place[bmu][..., None] - place) ** 2 for place in places), jnp.zeros((), places[0].dtype))

    @property
    def _grid(self) -> tuple[int, ...]:
        return self.n_units if isinstance(self.n_units, tuple) else (self.n_units,)
