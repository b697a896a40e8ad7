"""Sparse: a list of edges, each with a weight of its own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from bouton import Connectivity, Param, Topology, derived, parameter, static
from jax import lax

from ._sign import check_sign
from .connectivity import Pairs, draw_edges
from .event_learning import Events, Factors, New, event_driven_update, products
from .events import event_driven, item


class Edges(NamedTuple):
    """Edges by pre-synaptic unit, those of one unit in a row.

    `post` says where each ends. Where all rows have the same length it is a table (pre, row); else `first` says where
    each row begins, and where the last ends. `order` is the place in the weights of each edge, where it is another than
    here.
    """

    post: jax.Array
    first: jax.Array | None = None
    order: jax.Array | None = None


class Incoming(NamedTuple):
    """The same edges by post-synaptic unit: the places of those that end on unit j begin at ``first[j]`` of `places`.

    `pre` says where each edge begins, in the order of `Edges`; None where all rows have the same length.
    """

    places: jax.Array
    first: jax.Array
    pre: jax.Array | None = None


class Sparse(Topology):
    r"""Edges between some pairs of units, each with a weight.

    .. math:: y_j = \sum_{e:\,\text{post}(e) = j} s_{\text{pre}(e)}\,w_e\,x_{\text{pre}(e)}

    `connect` says which pairs: ``FanOut(80)``, ``FanIn(80)``, ``Probability(0.02)``, ``Total(1000)``,
    ``Pairs(pre, post)`` or a third party's rule. They are drawn when the circuit is built, from `seed` alone, and
    sorted by the unit where they begin; given pairs keep their order, so that a list of weights fits them. In the
    dataset each edge has the coordinates ``pre_index`` and ``post_index``.

    Only the spikes of a step cost anything: on CPUs the edges of active units alone are read. An edge takes 8 bytes or
    less (12 for pairs that are not given in order), a weight of 4 bytes included. With ``shared=True`` all edges have
    one weight between them, and an edge takes 4 bytes or less. With ``learning=True``, which a synapse with plasticity
    sets, the edges are listed by the unit where they end, too (4 to 8 bytes more), so that a rule need touch those of
    units that spike alone.

    `sign`, 1 or -1 for each pre-synaptic unit, makes a unit excitatory or inhibitory while weights are magnitudes
    (Dale's law). Rules see the magnitudes, as is said at `Dense`.

    Raises `CircuitError` where the pairs cannot be drawn.
    """

    n_pre: int = static(dim="pre", doc="number of pre-synaptic units")
    n_post: int = static(dim="post", doc="number of post-synaptic units")
    connect: Connectivity
    seed: int = static(default=0, doc="seed from which the edges are drawn")
    sign: Param | None = parameter(default=None, dims="pre", doc="+1 or -1: excites or inhibits; None: as the weights")
    shared: bool = static(default=False, doc="whether all edges have one weight, instead of one each")
    learning: bool = static(default=False, doc="whether edges are listed by the unit where they end, too")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sign("Sparse", self.sign)

    @derived
    def edges(self) -> Edges:
        """The edges, in the form that propagation reads."""
        pre, post = draw_edges("Sparse", self.connect, self.n_pre, self.n_post, self.seed)
        order = None
        if (np.diff(pre) < 0).any():
            by_pre = np.argsort(pre * self.n_post + post, kind="stable")
            pre, post = pre[by_pre], post[by_pre]
            order = jnp.asarray(by_pre, jnp.int32) if isinstance(self.connect, Pairs) else None
        post = jnp.asarray(post, jnp.uint16 if self.n_post <= 1 << 16 else jnp.int32)
        counts = np.bincount(pre, minlength=self.n_pre)
        if (counts == counts[0]).all():
            return Edges(post.reshape(self.n_pre, -1), order=order)
        return Edges(post, jnp.asarray(np.concatenate([[0], np.cumsum(counts)]), jnp.int32), order)

    @derived
    def incoming(self) -> Incoming | None:
        """The edges in the form that learning reads from behind."""
        if not self.learning or self.shared:
            return None
        post = np.asarray(self.edges.post).reshape(-1)
        counts = np.bincount(post, minlength=self.n_post)
        pre = None
        if self.edges.first is not None:
            kind = jnp.uint16 if self.n_pre <= 1 << 16 else jnp.int32
            pre = jnp.asarray(np.repeat(np.arange(self.n_pre), np.diff(np.asarray(self.edges.first))), kind)
        return Incoming(
            jnp.asarray(np.argsort(post, kind="stable"), jnp.uint32),
            jnp.asarray(np.concatenate([[0], np.cumsum(counts)]), jnp.int32),
            pre,
        )

    def for_learning(self) -> Sparse:
        return self.replace(learning=True)

    def unsigned(self) -> Sparse:
        return self if self.sign is None else self.replace(sign=None)

    def dims(self) -> dict[str, Any]:
        weights = {} if self.shared else {"edge": self.edges.post.size}
        return {"pre": {"pre": self.n_pre}, "post": {"post": self.n_post}, "weights": weights}

    def apply(self, w: jax.Array, x: jax.Array) -> jax.Array:
        return self.add(jnp.zeros((*x.shape[:-1], self.n_post), jnp.result_type(w, x)), w, x)

    def add(self, onto: jax.Array, w: jax.Array, x: jax.Array, scale: Any = 1.0) -> jax.Array:
        return _propagation(self.n_post)(self.edges, w, self._signed(x), onto, jnp.asarray(scale, onto.dtype))

    def outer(self, w: jax.Array, pre: jax.Array, post: jax.Array) -> jax.Array:
        each = _products(self.edges, self._signed(pre), post)
        return each.sum() if self.shared else each

    def update(self, w: jax.Array, new: New, factors: Factors, spikes: Any) -> jax.Array:
        if self.incoming is None:
            return super().update(w, new, factors, spikes)
        signed = [(self._signed(pre), post) for pre, post in factors]
        return event_driven_update(_everywhere, _touch, (self.edges, self.incoming), w, new, signed, spikes)

    def transpose(self, w: jax.Array, post: jax.Array) -> jax.Array:
        each = _sorted(self.edges, w) * post[..., self._post]
        sums = jnp.zeros((*post.shape[:-1], self.n_pre), each.dtype)
        return self._signed(sums.at[..., self._pre].add(each, indices_are_sorted=True))

    def coords(self) -> dict[str, tuple[str, Any]]:
        if self.shared:
            return {}
        indices = self._pre, self._post
        if self.edges.order is not None:
            indices = (jnp.zeros_like(i).at[self.edges.order].set(i) for i in indices)
        return {name: ("edge", np.asarray(i)) for name, i in zip(("pre_index", "post_index"), indices, strict=True)}

    @property
    def _pre(self) -> jax.Array:
        return _pre_of(self.edges, self.n_pre)

    @property
    def _post(self) -> jax.Array:
        return self.edges.post.reshape(-1).astype(jnp.int32)

    def _signed(self, x: jax.Array) -> jax.Array:
        return x if self.sign is None else x * self.sign


def _pre_of(edges: Edges, n_pre: int) -> jax.Array:
    """Where each edge begins."""
    units = jnp.arange(n_pre, dtype=jnp.int32)
    if edges.first is None:
        return jnp.repeat(units, edges.post.shape[1])
    return jnp.repeat(units, jnp.diff(edges.first), total_repeat_length=edges.post.size)


def _sorted(edges: Edges, w: jax.Array) -> jax.Array:
    """The weights in the order of `edges`."""
    return w if edges.order is None or w.ndim == 0 else w[edges.order]


def _products(edges: Edges, pre: jax.Array, post: jax.Array) -> jax.Array:
    """pre times post at each edge, summed over the samples, in the order of the weights."""
    each = pre[..., _pre_of(edges, pre.shape[-1])] * post[..., edges.post.reshape(-1).astype(jnp.int32)]
    each = each.sum(tuple(range(each.ndim - 1)))
    return each if edges.order is None else jnp.zeros_like(each).at[edges.order].set(each, unique_indices=True)


def _row(edges: Edges, i: Any) -> tuple[Any, Any]:
    """The places of the first edge of unit i, and of the one after its last."""
    if edges.first is None:
        return i * edges.post.shape[1], (i + 1) * edges.post.shape[1]
    return item(edges.first, i), item(edges.first, i + 1)


def _everywhere(fixed: tuple[Edges, Incoming], new: New, w: jax.Array, factors: Factors) -> jax.Array:
    return new(w, *(_products(fixed[0], *f) for f in factors))


_BLOCK = 16
"""How many edges are changed at a time: vectors, of which all that comes from memory is fetched at once."""


def _touch(fixed: tuple[Edges, Incoming], new: New, w: jax.Array, events: Events) -> jax.Array:
    """The edges that begin at a unit, then those that end at one and have not been changed.

    Barriers keep apart what is computed once for a block from the loops that use it for each of its edges.
    """
    edges, incoming = fixed
    ends, block = edges.post.reshape(-1), min(_BLOCK, edges.post.size)

    def changed(w: jax.Array, at: jax.Array, due: Any, one: Sequence[jax.Array], other: Sequence[jax.Array]) -> Any:
        old = _items(w, at)
        kept = lax.optimization_barrier(jnp.where(due, new(old, *products(one, other)), old))
        for lane in range(block):
            w = lax.dynamic_update_index_in_dim(w, kept[lane], at[lane], 0)
        return w

    def blocks(first: Any, last: Any, body: Callable[..., jax.Array], w: jax.Array) -> jax.Array:
        """``w = body(k, within, w)`` for blocks that begin at k; `within` says which of a block belong to the range."""

        def one(number: Any, w: jax.Array) -> jax.Array:
            begin = first + number * block
            k = jnp.minimum(begin, ends.size - block)
            each = k + jnp.arange(block, dtype=jnp.int32)
            return body(k, (each >= begin) & (each < last), w)

        return lax.fori_loop(0, (last - first + block - 1) // block, one, w)

    def forward(i: Any, everybody: Any, w: jax.Array) -> jax.Array:
        sent = events.before(i)
        due = events.spiking(sent) | everybody

        def some(k: Any, within: jax.Array, w: jax.Array) -> jax.Array:
            received = events.behind(lax.dynamic_slice(ends, (k,), (block,)).astype(jnp.uint32))
            if edges.order is not None:
                return changed(w, lax.dynamic_slice(edges.order, (k,), (block,)), within & due, sent, received)
            old = lax.dynamic_slice(w, (k,), (block,))
            kept = jnp.where(within & due, new(old, *products(sent, received)), old)
            return lax.dynamic_update_slice(w, kept, (k,))

        return blocks(*_row(edges, i), some, w)

    def backward(j: Any, w: jax.Array) -> jax.Array:
        received = events.behind(j)

        def some(k: Any, within: jax.Array, w: jax.Array) -> jax.Array:
            places = lax.dynamic_slice(incoming.places, (k,), (block,))
            rows = places // edges.post.shape[-1] if incoming.pre is None else _items(incoming.pre, places)
            at = places if edges.order is None else _items(edges.order, places)
            sent = events.before(lax.optimization_barrier(rows.astype(jnp.uint32)))
            return changed(w, at, within & ~events.spiking(sent), received, sent)

        return blocks(item(incoming.first, j), item(incoming.first, j + 1), some, w)

    return events.change(forward, backward, w)


def _items(array: jax.Array, places: jax.Array) -> jax.Array:
    """``array[places]`` for places that are within the array."""
    return array.at[places].get(mode="promise_in_bounds")


@functools.cache
def _propagation(n_post: int) -> Callable[..., jax.Array]:
    """``f(edges, w, x, onto, scale)``: `onto` with the sums that x makes over the edges, times scale, added."""

    def linear(edges: Edges, w: jax.Array, x: jax.Array) -> jax.Array:
        each = _sorted(edges, w) * x[_pre_of(edges, x.shape[0])]
        return jnp.zeros(n_post, each.dtype).at[edges.post.reshape(-1)].add(each, mode="promise_in_bounds")

    def send(edges: Edges, w: jax.Array, i: Any, x_i: Any, sums: jax.Array, lane: Any, place: Any) -> jax.Array:
        flat, post = w.reshape(-1), edges.post.reshape(-1)
        start = lane * (flat.size // w.shape[0])

        def edge(e: Any, sums: jax.Array) -> jax.Array:  # one by one: XLA makes plain machine code of such a loop
            at = e if edges.order is None else item(edges.order, e)
            value = item(flat, start if w.ndim == 1 else start + at) * x_i
            target = place + item(post, e).astype(jnp.int32)
            return lax.dynamic_update_index_in_dim(sums, item(sums, target) + value, target, 0)

        return lax.fori_loop(*_row(edges, i), edge, sums)

    return event_driven(linear, send)
