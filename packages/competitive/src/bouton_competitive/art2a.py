"""ART2ASynapse: categories that are made when they are needed. To give a full memory more room is in `growth.py`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from bouton import (
    CircuitError,
    Constraint,
    Initialiser,
    Normalise,
    Param,
    Plasticity,
    Ports,
    Schedule,
    Synapse,
    Tick,
    Uniform,
    parameter,
    port,
    recipe,
    static,
)
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from ._competitive import Competitive, check_start
from .instar import Instar
from .winners import unit_length

_ROUNDING = 1e-6
"""By how much the similarity of two equal vectors may miss 1."""


class ART2ASynapse(Competitive):
    r"""ART 2-A (Carpenter, Grossberg & Rosen, 1991): a sample joins the category most like it, or founds a new one.

    .. math::
        \hat x = N(x), \qquad J = \arg\max_{j\ \text{used}} \hat x \cdot w_j, \qquad
        w_J \leftarrow N\bigl((1 - \eta)\,w_J + \eta\,\hat x\bigr) \text{ where } \hat x \cdot w_J \ge \rho

    N scales to unit length. Where no category is as similar as the vigilance :math:`\rho`, the next free one is
    founded, :math:`w = \hat x` (fast commitment, slow recoding). A sample of zeros belongs to no category and founds
    none.

    The memory has `n_units` places. They are used one after the other, and a place once used stays so. When all are,
    what would found a category is dropped: `dropped` says which samples of the last step were, `n_dropped` counts them.
    `grown` gives a larger memory.

    **Order.** What categories there are depends on the order of the samples. In a batch all samples see the categories
    that were there before. Those that are like none take their turns in the order of the batch: the first founds one; a
    later one that is like one founded in this step (similarity at least :math:`\rho`) counts as its, and changes it
    from the next step on; else it founds the next. So equal samples found one category, in one batch as well as one by
    one. Changes of used categories are brought together by the run's ``batch_reduce``.

    - `n_inputs`, `n_units`: number of inputs, and of places for categories;
    - `eta`: rate of recoding, a number or a schedule;
    - `weights`, `committed`: start values, and how many of them are categories already; the others are free;
    - `plasticity`: the rule of the used categories, or a wrapper around it. Its `post` is the rate for the winner;
    - `constraints`: what the weights obey before they are scaled to unit length.

    `theta` cuts off noise: components of :math:`\hat x` that are not above it become 0, and what is left is scaled
    again. Samples are usually not negative.
    """

    n_inputs: int = static(dim="pre", doc="number of inputs")
    n_units: int = static(dim="post", doc="number of places for categories")
    eta: Schedule | Any = 0.05
    vigilance: Param = parameter(default=0.3, ge=0, le=1, doc="least similarity to a category, the cosine of an angle")
    theta: Param | None = parameter(default=None, gt=0, lt=1, doc="threshold of noise; None: none")
    weights: Initialiser | Any = Uniform()
    committed: int = static(default=0, doc="how many places are used at the start")
    plasticity: Plasticity = Instar()
    constraints: tuple[Constraint, ...] = ()

    class In(Ports):
        pre: Float[Array, "*batch pre"] = port(doc="sample")

    class State(Competitive.State):
        n_used: Int[Array, ""] = port(persist=True, doc="number of categories")
        n_dropped: Int[Array, ""] = port(persist=True, doc="samples that found no place, all in all")
        dropped: Bool[Array, "*batch"] = port(doc="whether the sample of this step found no place")

    class Out(Ports):
        winner: Int[Array, "*batch"] = port(doc="category of the sample; -1: it is like none")
        similarity: Float[Array, "*batch"] = port(doc="to the category most like it; 0 where there is none")
        z: Float[Array, "*batch post"] = port(doc="1 for the category of the sample, else 0")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_start("ART2ASynapse.eta", self.eta, 1.0)
        if not 0 <= self.committed <= self.n_units:
            raise CircuitError(
                f"ART2ASynapse.committed must be from 0 to {self.n_units}, the number of places, got {self.committed}."
            )

    @property
    def synapse(self) -> Synapse:
        inner = super().synapse
        return inner.replace(constraints=(*inner.constraints, Normalise(order=2, when="tick")))

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...] = ()) -> Any:
        made, none = self.started(key, dt, batch), jnp.zeros((), int)
        made["w"] = jnp.where(jnp.arange(self.n_units) < self.committed, made["w"], 0.0)
        return self.State(**made, n_used=none + self.committed, n_dropped=none, dropped=jnp.zeros(batch, bool))

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        _, similarity, winner = self._respond(s, x.pre)
        z = jax.nn.one_hot(winner, self.n_units, dtype=similarity.dtype)  # zeros for -1
        out = self.Out(winner=winner, similarity=similarity, z=z)
        return s.replace(dropped=jnp.zeros(tick.batch, bool)), out

    def evolve(self, s: Any, x: Any, late: Any, tick: Tick) -> Any:
        coded, similarity, winner = self._respond(s, x.pre)
        lanes = coded.reshape(-1, self.n_inputs)
        novel = ((winner < 0) & (coded != 0).any(-1)).reshape(-1)
        founds, dropped = _founders(lanes, novel, self._threshold(), self.n_units - s.n_used)
        place = jnp.where(founds, s.n_used + jnp.cumsum(founds) - 1, self.n_units)  # beyond the end: nowhere
        s = s.replace(
            w=s.w.at[:, place].set(lanes.T, mode="drop"),
            n_used=s.n_used + founds.sum(),
            n_dropped=s.n_dropped + dropped.sum(),
            dropped=dropped.reshape(tick.batch),
        )
        z = jax.nn.one_hot(winner, self.n_units, dtype=similarity.dtype)
        return self.learned(s, coded, self.eta(s.t) * z, late, tick)

    def _threshold(self) -> Any:
        return self.vigilance - _ROUNDING

    def _respond(self, s: Any, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """The sample at unit length, its similarity to the category most like it, and that category or -1."""
        coded = unit_length(x)
        if self.theta is not None:
            coded = unit_length(jnp.where(coded > self.theta, coded, 0.0))
        to_each = jnp.where(jnp.arange(self.n_units) < s.n_used, coded @ s.w, -jnp.inf)
        best, some = jnp.argmax(to_each, -1), (s.n_used > 0) & (coded != 0).any(-1)
        similarity = jnp.where(some, to_each.max(-1), 0.0)
        return coded, similarity, jnp.where(some & (similarity >= self._threshold()), best, -1)


@recipe(
    {
        "batch_size": "The batch is given to the run: simulate(..., batch=...).",
        "eta_decrement": "The rate may be a schedule: eta=LinearDecay(0.05, 0.0, steps).",
        "initial_patterns": "Start values are weight_init, an array (pre, post).",
        "key": "Random numbers come from the seed of the run: simulate(..., seed=...).",
        "name": "A synapse has its name from the circuit: Circuit(nodes={name: ...}).",
    }
)
def SimpleART2ASynapse(
    shape: tuple[int, int],
    *,
    eta: Any = 0.05,
    vigilance: Param = 0.3,
    weight_init: Any = Uniform(0.025, 0.8),  # noqa: B008 - a value that never changes
) -> ART2ASynapse:
    """ART 2-A without free places: ngc-learn's prototype ``simple_ART2ASynapse``.

    All categories are there from the start, drawn from `weight_init` and scaled to unit length. What is like none is
    dropped, and reported; where ngc-learn appends it at the end of a trial, use `grown`: its new places are free.

    - `shape`: number of inputs and of categories;
    - `eta`, `vigilance`: as in `ART2ASynapse`;
    - `weight_init`: an array (pre, post) or an initialiser.
    """
    n_inputs, n_units = shape
    return ART2ASynapse(n_inputs, n_units, eta, vigilance, weights=weight_init, committed=n_units)


def _founders(lanes: jax.Array, novel: jax.Array, threshold: Any, room: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Which samples of a batch found a category, and which find no room: booleans (sample)."""
    if len(lanes) == 1:
        return novel & (room > 0), novel & (room <= 0)
    alike = lanes @ lanes.T >= threshold

    def turn(founders: jax.Array, i: Any) -> tuple[jax.Array, jax.Array]:
        wants = novel[i] & ~(founders & alike[i]).any()
        fits = founders.sum() < room
        return founders.at[i].set(wants & fits), wants & ~fits

    return lax.scan(turn, jnp.zeros(len(lanes), bool), jnp.arange(len(lanes)))
