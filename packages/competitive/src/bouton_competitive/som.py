"""SOMSynapse: a self-organising map. How winners are found is in `winners.py`, where units lie in `grids.py`."""

from __future__ import annotations

import math
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from bouton import (
    Constraint,
    ExponentialDecay,
    Initialiser,
    Param,
    Plasticity,
    Ports,
    Schedule,
    Tick,
    Uniform,
    as_schedule,
    parameter,
    port,
    static,
)
from jaxtyping import Array, Float, Int

from ._competitive import Competitive, check_start
from .grids import Grid, check_grid, places, squared_distances
from .instar import Instar
from .winners import Distance, check_distance, distances, nearest


class SOMSynapse(Competitive):
    r"""A self-organising map (Kohonen, 1982): units on a grid whose weights come to lie as the samples do.

    The unit c nearest to a sample x wins, and all units learn as far as they are its neighbours:

    .. math::
        c = \arg\min_u d(x, w_u), \qquad w_u \leftarrow w_u + \eta(t)\,h_u\,(x - w_u)

    with the neighbourhood of the units at a distance D from the winner on the grid, of the radius r(t)

    .. math:: h = e^{-D^2/2r^2} \text{ (gaussian)},\quad \max(0,\,1 - D^2/r^2)\,e^{-D^2/2r^2} \text{ (ricker)},
        \quad [D \le r] \text{ (bubble)}.

    - `n_inputs`: number of inputs;
    - `n_units`: number of units in a row, or the sizes of a grid, of any number of axes;
    - `eta`: learning rate, a number or a schedule;
    - `radius`: a number or a schedule; by default half the longest side at the start, 1 after 50,000 steps, and never
      below 0.5;
    - `weights`: start values, a number, an array (pre, post) or an initialiser;
    - `plasticity`: the rule, or a wrapper around it, ``Optimised(Instar())`` for instance. Its `post` is
      :math:`\eta(t) h`;
    - `constraints`: what the weights obey.

    Neighbours in a hexagonal grid are all at a distance of 1; every other row is shifted by half a unit. The time t
    counts the steps in which the map learned, and persists. All samples of a batch see the same weights; their changes
    are brought together by the run's ``batch_reduce``. Of units equally near the first wins; by cosine a sample of
    zeros is equally near to all.
    """

    n_inputs: int = static(dim="pre", doc="number of inputs")
    n_units: int | tuple[int, ...] = static(dim="post", doc="number of units, or the sizes of a grid")
    eta: Schedule | Any = ExponentialDecay(0.5, 50_000.0)
    radius: Schedule | Any | None = None
    kappa: Param = parameter(default=1.0, ge=0, doc="sharpness of the softmax")
    distance: Distance = static(default="euclidean", doc="between samples and weights")
    p: float | None = static(default=None, doc="order of Minkowski's distance; only for that")
    neighbourhood: Literal["gaussian", "ricker", "bubble"] = static(default="gaussian", doc="its shape")
    grid: Grid = static(default="rectangular", doc="how units lie in a grid of two axes")
    periodic: bool | tuple[bool, ...] = static(
        default=False, doc="whether the ends of the grid meet; for all axes, or for each"
    )
    weights: Initialiser | Any = Uniform(0.025, 0.8)
    plasticity: Plasticity = Instar()
    constraints: tuple[Constraint, ...] = ()

    class In(Ports):
        pre: Float[Array, "*batch pre"] = port(doc="sample")

    class Out(Ports):
        winner: Int[Array, "*batch"] = port(doc="index of the winner, the best matching unit")
        distance: Float[Array, "*batch"] = port(doc="how far the sample is from the winner: the error of quantisation")
        h: Float[Array, "*batch post"] = port(doc="neighbourhood: 1 at the winner")
        outputs: Float[Array, "*batch post"] = port(doc="softmax of kappa h")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_start("SOMSynapse.eta", self.eta, 1.0)
        check_distance("SOMSynapse", self.distance, self.p)
        check_grid("SOMSynapse", self.n_units, self.grid, self.periodic)
        if self.radius is not None:
            vars(self)["radius"] = as_schedule(self.radius, "SOMSynapse.radius")
            check_start("SOMSynapse.radius", self.radius)

    @property
    def places(self) -> np.ndarray:
        """Where the units lie: coordinates (unit, axis) in which neighbours are at a distance of 1."""
        return places(self.n_units, self.grid)

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        winner, far, h = self._respond(s, x.pre)
        return s, self.Out(winner=winner, distance=far, h=h, outputs=jax.nn.softmax(self.kappa * h))

    def evolve(self, s: Any, x: Any, late: Any, tick: Tick) -> Any:
        _, _, h = self._respond(s, x.pre)  # as in `advance`: compiled, it is computed once
        return self.learned(s, x.pre, self.eta(s.t) * h, late, tick)

    def _respond(self, s: Any, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Winners, how far they are, and the neighbourhood of each."""
        far = distances(self.distance, s.w, x, self.p)
        winner = nearest(far)
        u = squared_distances(self.n_units, self.grid, self.periodic, winner) / self._radius(s.t) ** 2
        if self.neighbourhood == "bubble":
            h = (u <= 1.0).astype(u.dtype)
        else:
            h = jnp.exp(-u / 2) if self.neighbourhood == "gaussian" else jnp.maximum(1.0 - u, 0.0) * jnp.exp(-u / 2)
        return winner, far.min(-1), h

    @property
    def _radius(self) -> Schedule:
        if self.radius is not None:
            return self.radius
        start = max(self.n_units if isinstance(self.n_units, tuple) else (self.n_units,)) / 2
        return ExponentialDecay(start, 50_000.0 / math.log(start) if start > 1 else 50_000.0, 0.5)
