"""VectorQuantizeSynapse: prototypes, and prototypes of classes. How winners are found is in `winners.py`."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from bouton import (
    CircuitError,
    Constraint,
    Initialiser,
    Param,
    Plasticity,
    Ports,
    Schedule,
    Tick,
    Uniform,
    parameter,
    port,
    static,
)
from jax import lax
from jaxtyping import Array, Float, Int

from ._competitive import Competitive, check_start
from ._langevin import Langevin
from .instar import Instar
from .winners import Distance, check_distance, distances, nearest


class VectorQuantizeSynapse(Competitive):
    r"""Vector quantisation, and learning vector quantisation (Kohonen, 1990): the nearest prototype learns.

    .. math::
        c = \arg\min_u d(x, w_u), \qquad w_c \leftarrow w_c + \eta(t)\,s\,(x - w_c)

    - ``rule="vq"``: s = 1. Prototypes go to the middle of what they win, as in the k-means method of MacQueen (1967).
    - ``rule="lvq1"``: s = 1 where the prototype has the class of the sample, else -1.
    - ``rule="lvq2.1"``: the two nearest prototypes learn, if one has the class of the sample and the other another one,
      and if the sample lies between them: :math:`d_1 / d_2 > (1 - \omega) / (1 + \omega)` with the width :math:`\omega`
      of the window. For fine tuning after LVQ1: it moves borders only.

    With `n_labels` there is the late input `label`, a number from 0 on, to be wired or fed (where it is not, or is any
    other number, the sample has no label: "vq" learns from it, the others do not). The class of a prototype is given by
    `labels`, or it is the one of which the prototype has won most samples; where it has won none it has no class, -1,
    and is drawn to whatever it wins.

    - `n_inputs`, `n_units`: number of inputs and of prototypes;
    - `eta`: learning rate, a number or a schedule; ``InverseDecay()`` makes running means;
    - `weights`: start values, a number, an array (pre, post), samples for instance, or an initialiser;
    - `temperature`: with Langevin noise in learning (Welling & Teh, 2011), :math:`w \leftarrow w + \Delta w +
      \sqrt{2 \eta T}\,\varepsilon` with :math:`\varepsilon` from a normal distribution for each weight. For a small
      constant rate weights are then distributed as :math:`e^{-E/T}`, with the error of quantisation E;
    - `plasticity`: the rule of the weights, or a wrapper around it. Its `post` is :math:`\eta(t)\,s`;
    - `constraints`: what the weights obey.

    The time t counts the steps of learning, and persists. All samples of a batch see the same prototypes, and their
    changes are brought together by the run's ``batch_reduce``. Of prototypes equally near the first wins.
    """

    n_inputs: int = static(dim="pre", doc="number of inputs")
    n_units: int = static(dim="post", doc="number of prototypes")
    n_labels: int | None = static(default=None, doc="number of classes; None: there are no labels")
    rule: Literal["vq", "lvq1", "lvq2.1"] = static(default="vq", doc="who learns, and in which direction")
    eta: Schedule | Any = 0.3
    labels: tuple[int, ...] | None = static(default=None, doc="class of each prototype; None: learned")
    window: Param | None = parameter(
        default=None, gt=0, lt=1, doc="width of the window of LVQ 2.1, and only of that; 0.3 by default"
    )
    distance: Distance = static(default="euclidean", doc="between samples and prototypes")
    p: float | None = static(default=None, doc="order of Minkowski's distance; only for that")
    temperature: Param | None = parameter(default=None, gt=0, doc="of Langevin noise; None: no noise")
    weights: Initialiser | Any = Uniform(0.025, 0.8)
    plasticity: Plasticity = Instar(few=True)
    constraints: tuple[Constraint, ...] = ()

    class In(Ports):
        pre: Float[Array, "*batch pre"] = port(doc="sample")

    class Late(Competitive.Late):
        label: Int[Array, "*batch"] = port(default=-1, only_if="n_labels", doc="class of the sample; -1: unknown")

    class State(Competitive.State):
        votes: Float[Array, "label post"] = port(
            persist=True, only_if="n_labels", doc="how many samples of each class a prototype has won"
        )

    class Out(Ports):
        winner: Int[Array, "*batch"] = port(doc="index of the nearest prototype")
        distance: Float[Array, "*batch"] = port(doc="how far it is: the error of quantisation")
        z: Float[Array, "*batch post"] = port(doc="1 for the winner, 0 for the others")
        prediction: Int[Array, "*batch"] = port(only_if="n_labels", doc="class of the winner; -1: it has none")

    def __post_init__(self) -> None:
        vars(self)["labels"] = None if self.labels is None else tuple(np.ravel(self.labels).tolist())
        super().__post_init__()
        check_start("VectorQuantizeSynapse.eta", self.eta, 1.0)
        check_distance("VectorQuantizeSynapse", self.distance, self.p)
        self._check_labels()

    def dims(self) -> dict[str, Any]:
        return super().dims() | ({} if self.n_labels is None else {"label": self.n_labels})

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...] = ()) -> Any:
        votes: Any = None
        if self.n_labels is not None:
            votes = jnp.zeros((self.n_labels, self.n_units))
            if self.labels is not None:
                votes = jax.nn.one_hot(jnp.asarray(self.labels), self.n_labels, axis=0)
        return self.State(**self.started(key, dt, batch), votes=votes)

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        far = distances(self.distance, s.w, x.pre, self.p)
        winner = nearest(far)
        prediction = None if self.n_labels is None else _classes(s.votes)[winner]
        z = jax.nn.one_hot(winner, self.n_units, dtype=far.dtype)
        return s, self.Out(winner=winner, distance=far.min(-1), z=z, prediction=prediction)

    def evolve(self, s: Any, x: Any, late: Any, tick: Tick) -> Any:
        far = distances(self.distance, s.w, x.pre, self.p)
        z = jax.nn.one_hot(nearest(far), self.n_units, dtype=far.dtype)
        eta, rule, votes = self.eta(s.t), None, s.votes
        signs = z if self.n_labels is None else self._signs(s, far, z, late.label)
        if self.temperature is not None:
            rule = Langevin(self.plasticity, jnp.sqrt(2.0 * eta * self.temperature))
        if self.n_labels is not None and self.labels is None:
            won = jax.nn.one_hot(late.label, self.n_labels, dtype=far.dtype)  # zeros where there is no label
            votes = votes + jnp.einsum("...l,...u->lu", won, z)
        return self.learned(s, x.pre, eta * signs, late, tick, rule).replace(votes=votes)

    def _signs(self, s: Any, far: jax.Array, z: jax.Array, label: jax.Array) -> jax.Array:
        """For each prototype whether it is drawn to the sample, 1, driven away, -1, or left alone, 0."""
        if self.rule == "vq":
            return z
        classes, label = _classes(s.votes), label[..., None]
        right, blank = classes == label, classes < 0
        drawn = jnp.where(right, 1.0, -1.0).astype(z.dtype)
        known = (label >= 0) & (label < self.n_labels)
        if self.rule == "lvq1":
            return jnp.where(known, jnp.where(blank, 1.0, drawn) * z, 0.0)
        _, order = lax.top_k(-far, 2)
        near, next_one = jnp.moveaxis(jnp.take_along_axis(far, order, -1), -1, 0)
        taught = jnp.take_along_axis(jnp.broadcast_to(right, far.shape), order, -1)
        classed = ~blank[order].any(-1)
        window = 0.3 if self.window is None else self.window
        between = near > (1.0 - window) / (1.0 + window) * next_one
        pair = jax.nn.one_hot(order, self.n_units, dtype=z.dtype).sum(-2)
        both = (between & classed & (taught[..., 0] != taught[..., 1]))[..., None]
        first_of_all = jnp.where(blank, z, 0.0)  # a prototype without a class
        return jnp.where(known, jnp.where(both, drawn * pair, first_of_all), 0.0)

    def _check_labels(self) -> None:
        name, n = type(self).__name__, self.n_labels
        if n is None and self.rule != "vq":
            raise CircuitError(f"{name}.rule={self.rule!r} learns from labels: say how many there are, n_labels=10.")
        if n is None and self.labels is not None:
            raise CircuitError(f"{name}.labels has no effect without n_labels, the number of classes.")
        if n is not None and n < 1:
            raise CircuitError(f"{name}.n_labels is a size: it must be at least 1, got {n}.")
        if self.window is not None and self.rule != "lvq2.1":
            raise CircuitError(f"{name}.window is that of rule='lvq2.1', and has no effect on {self.rule!r}.")
        if self.rule == "lvq2.1" and self.n_units < 2:
            raise CircuitError(f"{name}.rule='lvq2.1' moves two prototypes at a time, got n_units={self.n_units}.")
        if self.labels is not None and (len(self.labels) != self.n_units or not set(self.labels) <= set(range(n or 0))):
            raise CircuitError(
                f"{name}.labels must be {self.n_units} numbers from 0 to {(n or 0) - 1}, one for each prototype, got "
                f"{self.labels!r}."
            )


def _classes(votes: jax.Array) -> jax.Array:
    """The class (unit) of each prototype: the first of those with most votes; -1 without votes."""
    return jnp.where(votes.sum(0) > 0, jnp.argmax(votes, 0), -1)
