"""HopfieldSynapse: a dense associative memory of real vectors. The network of 1982 is in `binary_hopfield.py`."""

from __future__ import annotations

import math
from typing import Any, Literal

import jax
import jax.numpy as jnp
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
from jaxtyping import Array, Float

from ._competitive import Competitive
from .storage import Storage


class HopfieldSynapse(Competitive):
    r"""A modern Hopfield network (Ramsauer et al., 2021): patterns are attracted by the stored one most like them.

    .. math:: p = \operatorname{softmax}(\beta\,\xi W), \qquad \xi \leftarrow p\,W^\top

    which never raises the energy (equation 2 there)

    .. math::
        E(\xi) = -\tfrac1\beta \ln \sum_h e^{\beta\,\xi \cdot w_h} + \tfrac12 |\xi|^2 + \tfrac1\beta \ln H
        + \tfrac12 \max_h |w_h|^2 \ \ge 0

    of a state :math:`\xi` and the H columns :math:`w_h` of W, which are the memories. Each step takes the probe `pre`
    and retrieves from it in `steps` rounds; one is mostly enough where patterns are well apart.

    Patterns are stored by being given as `weights`, or learned, from what is on `pre`, with :math:`\hat x = p W^\top`:

    - ``rule="delta"``: :math:`\Delta W = \eta\,(x - \hat x) \otimes p`, until what is retrieved is the pattern;
    - ``rule="contrastive"`` (Movellan, 1991): :math:`\Delta W = \eta\,(x \otimes p - \hat x \otimes \hat p)` with
      :math:`\hat p = \operatorname{softmax}(\beta\,\hat x W)`.

    - `n_inputs`, `n_units`: size of a pattern, and number of memories;
    - `eta`: learning rate, a number or a schedule;
    - `weights`: memories, an array (pre, post) or an initialiser. A column of zeros is a memory like any other;
    - `plasticity`: a rule that adds ``pre (x) post``, or a wrapper around one, such as ``Decayed(Hebbian(), tau)`` of
      bouton-learning; None: just this;
    - `constraints`: what the weights obey.

    A probe of zeros is equally like all memories, and retrieves their mean.
    """

    n_inputs: int = static(dim="pre", doc="size of a pattern")
    n_units: int = static(dim="post", doc="number of memories")
    eta: Schedule | Any = 0.01
    beta: Param = parameter(default=8.0, gt=0, doc="inverse temperature")
    rule: Literal["delta", "contrastive"] = static(default="delta", doc="how patterns are learned")
    steps: int = static(default=1, doc="rounds of retrieval in a step")
    weights: Initialiser | Any = Uniform(0.025, 0.8)
    plasticity: Plasticity = Storage()
    constraints: tuple[Constraint, ...] = ()

    class In(Ports):
        pre: Float[Array, "*batch pre"] = port(doc="probe, or a pattern to learn")

    class Out(Ports):
        outputs: Float[Array, "*batch pre"] = port(doc="what is retrieved")
        p: Float[Array, "*batch post"] = port(doc="share of each memory in it")
        energy: Float[Array, "*batch"] = port(doc="energy of what is retrieved")

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.steps, int) and self.steps < 1:
            raise CircuitError(f"HopfieldSynapse.steps must be at least 1, got {self.steps}.")

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        xi = lax.fori_loop(0, self.steps - 1, lambda _, xi: self._recalled(s.w, xi)[1], x.pre)
        p, xi = self._recalled(s.w, xi)
        return s, self.Out(outputs=xi, p=p, energy=hopfield_energy(xi, s.w, self.beta))

    def evolve(self, s: Any, x: Any, late: Any, tick: Tick) -> Any:
        eta, pattern = self.eta(s.t), x.pre
        p, recalled = self._recalled(s.w, pattern)
        if self.rule == "delta":
            return self.learned(s, pattern - recalled, eta * p, late, tick)
        again, _ = self._recalled(s.w, recalled)
        phases = tick.replace(batch=(2, *tick.batch))  # what is seen, and what is recalled, as samples of one batch
        eta = 2.0 * eta if tick.batch_reduce == "mean" else eta
        return self.learned(s, jnp.stack([pattern, recalled]), eta * jnp.stack([p, -again]), late, phases)

    def _recalled(self, w: jax.Array, xi: jax.Array) -> tuple[jax.Array, jax.Array]:
        p = jax.nn.softmax(self.beta * (xi @ w))
        return p, p @ w.T


def hopfield_energy(xi: jax.Array, w: jax.Array, beta: Any) -> jax.Array:
    """Energy of each state xi (..., pre) with the memories w (pre, post): see `HopfieldSynapse`."""
    largest = (w * w).sum(0).max()
    free = jax.nn.logsumexp(beta * (xi @ w), axis=-1) - math.log(w.shape[1])
    return -free / beta + 0.5 * (xi * xi).sum(-1) + 0.5 * largest
