"""Sparse: a list of edges, each with a weight of its own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from bouton import Connectivity, Param, Topology, derived, parameter, static
from jax import lax

from .connectivity import Pairs, draw_edges
from .events import event_driven


class Edges(NamedTuple):
    """Edges by pre-synaptic unit, those of one unit in a row.

    `post` says where each ends. Where all rows have the same length it is a table (pre, row); else `first` says where
    each row begins, and rows are read in pieces as long as `piece`. `order` is the place in the weights of each edge,
    where it is another than here.
    """

    post: jax.Array
    first: jax.Array | None = None
    piece: jax.Array | None = None
    order: jax.Array | None = None


class Sparse(Topology):
    r"""Edges between some pairs of units, each with a weight.

    .. math:: y_j = \sum_{e:\,\text{post}(e) = j} s_{\text{pre}(e)}\,w_e\,x_{\text{pre}(e)}

    `connect` says which pairs: ``FanOut(80)``, ``FanIn(80)``, ``Probability(0.02)``, ``Total(1000)``,
    ``Pairs(pre, post)`` or a third party's rule. They are drawn when the circuit is built, from `seed` alone, and
    sorted by the unit where they begin; given pairs keep their order, so that a list of weights fits them. In the
    dataset each edge has the coordinates ``pre_index`` and ``post_index``.

    Only the spikes of a step cost anything: on CPUs the edges of active units alone are read. An edge takes 8 bytes or
    less (12 for pairs that are not given in order), a weight of 4 bytes included.

    `sign`, 1 or -1 for each pre-synaptic unit, makes a unit excitatory or inhibitory while weights are magnitudes
    (Dale's law).

    Raises `CircuitError` where the pairs cannot be drawn.
    """

    n_pre: int = static(dim="pre", doc="number of pre-synaptic units")
    n_post: int = static(dim="post", doc="number of post-synaptic units")
    connect: Connectivity
    seed: int = static(default=0, doc="seed from which the edges are drawn")
    sign: Param | None = parameter(default=None, dims="pre", doc="1 or -1 for each pre-synaptic unit")

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
        first = jnp.asarray(np.concatenate([[0], np.cumsum(counts)]), jnp.int32)
        return Edges(post, first, jnp.arange(_piece(counts), dtype=jnp.int32), order)

    def dims(self) -> dict[str, Any]:
        return {"pre": {"pre": self.n_pre}, "post": {"post": self.n_post}, "weights": {"edge": self.edges.post.size}}

    def apply(self, w: jax.Array, x: jax.Array) -> jax.Array:
        return self.add(jnp.zeros((*x.shape[:-1], self.n_post), jnp.result_type(w, x)), w, x)

    def add(self, onto: jax.Array, w: jax.Array, x: jax.Array) -> jax.Array:
        return _propagation(self.n_post)(self.edges, w, self._signed(x), onto)

    def outer(self, w: jax.Array, pre: jax.Array, post: jax.Array) -> jax.Array:
        each = self._signed(pre)[..., self._pre] * post[..., self._post]
        each = each.sum(tuple(range(each.ndim - 1)))
        order = self.edges.order
        return each if order is None else jnp.zeros_like(each).at[order].set(each, unique_indices=True)

    def transpose(self, w: jax.Array, post: jax.Array) -> jax.Array:
        each = _sorted(self.edges, w) * post[..., self._post]
        sums = jnp.zeros((*post.shape[:-1], self.n_pre), each.dtype)
        return self._signed(sums.at[..., self._pre].add(each, indices_are_sorted=True))

    def coords(self) -> dict[str, tuple[str, Any]]:
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


def _piece(counts: np.ndarray) -> int:
    """How many edges to read at a time: long pieces read beyond short rows, and each piece takes time of its own."""
    overhead = 16  # a piece takes as long as so many edges
    tried = np.unique(np.ceil(counts.max() / np.arange(1, 33)).astype(int))
    cost = [(-(-counts // size)).sum() * (size + overhead) for size in tried]
    return int(min(tried[int(np.argmin(cost))], counts.sum()))


def _pre_of(edges: Edges, n_pre: int) -> jax.Array:
    """Where each edge begins."""
    units = jnp.arange(n_pre, dtype=jnp.int32)
    if edges.first is None:
        return jnp.repeat(units, edges.post.shape[1])
    return jnp.repeat(units, jnp.diff(edges.first), total_repeat_length=edges.post.size)


def _sorted(edges: Edges, w: jax.Array) -> jax.Array:
    """The weights in the order of `edges`."""
    return w if edges.order is None else w[edges.order]


@functools.cache
def _propagation(n_post: int) -> Callable[[Edges, jax.Array, jax.Array, jax.Array], jax.Array]:
    """``f(edges, w, x, onto)``: `onto` with the sums that x makes over the edges added."""

    def linear(edges: Edges, w: jax.Array, x: jax.Array) -> jax.Array:
        each = _sorted(edges, w) * x[_pre_of(edges, x.shape[0])]
        return jnp.zeros(n_post, each.dtype).at[edges.post.reshape(-1)].add(each, mode="promise_in_bounds")

    def send(edges: Edges, w: jax.Array, i: Any, x_i: Any, sums: jax.Array, lane: Any, place: Any) -> jax.Array:
        flat, start = w.reshape(-1), lane * w.shape[1]

        def weights(at: Any, size: int) -> jax.Array:
            if edges.order is None:
                return lax.dynamic_slice(flat, (start + at,), (size,))
            return flat.at[start + lax.dynamic_slice(edges.order, (at,), (size,))].get(mode="promise_in_bounds")

        def add(sums: jax.Array, post: jax.Array, values: jax.Array) -> jax.Array:
            return sums.at[post.astype(jnp.uint32) + jnp.uint32(place)].add(values, mode="promise_in_bounds")

        if edges.first is None:
            size = edges.post.shape[1]
            return add(sums, lax.dynamic_index_in_dim(edges.post, i, keepdims=False), weights(i * size, size) * x_i)
        assert edges.piece is not None
        size, total = edges.piece.size, edges.post.size
        begin, end = edges.first[i], edges.first[i + 1]

        def piece(k: Any, sums: jax.Array) -> jax.Array:
            here = begin + k * size
            at = jnp.minimum(here, total - size)  # a slice must not reach beyond the last edge
            number = at + edges.piece
            values = jnp.where((number >= here) & (number < end), weights(at, size) * x_i, 0.0)
            return add(sums, lax.dynamic_slice(edges.post, (at,), (size,)), values)

        return lax.fori_loop(0, (end - begin + size - 1) // size, piece, sums)

    return event_driven(linear, send)
