"""Dense: every pre-synaptic unit with every post-synaptic one, or with those that a connectivity leaves."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from bouton import CircuitError, Connectivity, Initialiser, Param, Topology, check_room_for, derived, parameter, static
from jax import lax

from ._sign import check_sign
from .connectivity import draw_edges
from .event_learning import Events, Factors, New, event_driven_update, products
from .events import event_driven, item


class Dense(Topology):
    r"""A full matrix of weights (pre, post), all to all or with absent synapses.

    .. math:: y_j = \sum_i x_i\, \sigma_i\, m_{ij}\, w_{ij}

    - `connect` says which synapses exist (m is 1 there and 0 elsewhere; all of them by default):
      ``connect=Probability(0.2)`` draws them, ``connect=AllToAll(autapses=False)`` leaves out those of a unit with
      itself. The others are absent for good: they start at 0, transmit nothing, and no rule changes them.
      The same `seed` gives the same synapses. Where few exist, `Sparse` takes less memory and time.
    - `sign` (+1 or -1 for each pre-synaptic unit, or for all) is Dale's law: weights are magnitudes, and all synapses
      of a unit excite or all inhibit. ``constraints=(Clip(0.0, None),)`` keeps them so while they learn. Rules see the
      magnitudes, too: what strengthens a synapse makes an inhibitory one inhibit more. Where a rule is to follow the
      effect :math:`\sigma_i w_{ij}`, as one that learns from errors is, multiply by the sign once more:
      ``Hebbian(pre_factor=sign)``.

    Raises `CircuitError` for signs other than 1 and -1 and a `seed` that nothing is drawn from; when the circuit is
    built, for a connectivity that does not fit the sizes, joins a pair more than once or leaves no synapse at all, and
    for a mask too large for memory.
    """

    n_pre: int = static(dim="pre", doc="number of pre-synaptic units")
    n_post: int = static(dim="post", doc="number of post-synaptic units")
    connect: Connectivity | None = None
    sign: Param | None = parameter(default=None, dims="pre", doc="+1 or -1: excites or inhibits; None: as the weights")
    seed: int = static(default=0, doc="seed of the connectivity's random draw")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sign("Dense", self.sign)
        if self.connect is None and self.seed != 0:
            raise CircuitError(f"Dense.seed={self.seed!r} has no effect without connect: give one, or no seed.")

    @derived
    def mask(self) -> jax.Array | None:
        """Which synapses exist: booleans (pre, post); None where all do."""
        if self.connect is None:
            return None
        check_room_for("the mask of Dense", 2 * self.n_pre * self.n_post)  # once for NumPy, once for JAX
        pre, post = draw_edges("Dense", self.connect, self.n_pre, self.n_post, self.seed)
        mask = np.zeros((self.n_pre, self.n_post), bool)
        mask[pre, post] = True
        if np.count_nonzero(mask) < len(pre):
            raise CircuitError(
                f"Dense has one weight for each pair of units, but {self.connect!r} joins some more than once: "
                "use multapses=False, or the topology Sparse."
            )
        return jnp.asarray(mask)

    def dims(self) -> dict[str, Any]:
        _ = self.mask  # what is wrong with it is said when the circuit is built, with the synapse's name
        pre, post = {"pre": self.n_pre}, {"post": self.n_post}
        return {"pre": pre, "post": post, "weights": pre | post}

    def apply(self, w: jax.Array, x: jax.Array) -> jax.Array:
        return self.add(jnp.zeros((*x.shape[:-1], self.n_post), jnp.result_type(w, x)), w, x)

    def add(self, onto: jax.Array, w: jax.Array, x: jax.Array, scale: Any = 1.0) -> jax.Array:
        return _propagate(self.mask, w, self._signed(x), onto, jnp.asarray(scale, onto.dtype))

    def unsigned(self) -> Dense:
        return self if self.sign is None else self.replace(sign=None)

    def outer(self, w: jax.Array, pre: jax.Array, post: jax.Array) -> jax.Array:
        return _outer(self.mask, self._signed(pre), post)

    def update(self, w: jax.Array, new: New, factors: Factors, spikes: Any) -> jax.Array:
        signed = [(self._signed(pre), post) for pre, post in factors]
        return event_driven_update(_everywhere, _touch, self.mask, w, new, signed, spikes)

    def transpose(self, w: jax.Array, post: jax.Array) -> jax.Array:
        return self._signed(post @ self._existing(w).T)

    def fan_in(self, w: jax.Array) -> jax.Array:
        return self._existing(w).sum(0) if self.sign is None else super().fan_in(w)

    def fan_in_of_weights(self) -> Any:
        return float(self.n_pre) if self.mask is None else self.mask.sum(0, dtype=float)

    def largest(self, w: jax.Array, of: Literal["pre", "post"] = "post") -> jax.Array:
        return jnp.abs(self._existing(w)).max(0 if of == "post" else 1)

    def draw(self, initialiser: Initialiser, key: Any) -> jax.Array:
        """New weights, 0 where there is no synapse."""
        return self._existing(super().draw(initialiser, key))

    def _existing(self, w: jax.Array) -> jax.Array:
        return _existing(self.mask, w)

    def _signed(self, x: jax.Array) -> jax.Array:
        return x if self.sign is None else x * self.sign


def _existing(mask: jax.Array | None, w: jax.Array) -> jax.Array:
    return w if mask is None else jnp.where(mask, w, 0.0)


def _linear(mask: jax.Array | None, w: jax.Array, x: jax.Array) -> jax.Array:
    return x @ _existing(mask, w)


def _send(mask: jax.Array | None, w: jax.Array, i: Any, x_i: Any, sums: jax.Array, lane: Any, place: Any) -> jax.Array:
    _, n_pre, n_post = w.shape
    row = item(w.reshape(-1, n_post), lane * n_pre + i)
    row = x_i * (row if mask is None else _existing(item(mask, i), row))
    if sums.shape == row.shape:
        return sums + row
    return lax.dynamic_update_slice(sums, lax.dynamic_slice(sums, (place,), (n_post,)) + row, (place,))


_propagate = event_driven(_linear, _send, fast=True)


def _outer(mask: jax.Array | None, pre: jax.Array, post: jax.Array) -> jax.Array:
    if pre.ndim == 1:  # a product that fuses with the weights' update, where a matrix product would be stored first
        return _existing(mask, pre[:, None] * post[None, :])
    return _existing(mask, jnp.einsum("...i,...j->ij", pre, post))


def _everywhere(mask: jax.Array | None, new: New, w: jax.Array, factors: Factors) -> jax.Array:
    return new(w, *(_outer(mask, *f) for f in factors))


def _touch(mask: jax.Array | None, new: New, w: jax.Array, events: Events) -> jax.Array:
    """Row by row, then column by column."""

    def row(i: Any, everybody: Any, w: jax.Array) -> jax.Array:
        old, exists, sent = item(w, i), None if mask is None else item(mask, i), events.before(i)
        change = (_existing(exists, p) for p in products(sent, events.behind(...)))
        due = events.spiking(sent) | everybody
        return lax.dynamic_update_index_in_dim(w, jnp.where(due, new(old, *change), old), i, 0)

    def column(j: Any, w: jax.Array) -> jax.Array:
        old, exists, sent = w[:, j], None if mask is None else mask[:, j], events.before(...)
        change = (_existing(exists, p) for p in products(events.behind(j), sent))
        return lax.dynamic_update_index_in_dim(w, jnp.where(events.spiking(sent), old, new(old, *change)), j, 1)

    return events.change(row, column, w)
