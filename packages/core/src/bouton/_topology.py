"""Topology: a bilinear map from weights and pre-synaptic values to post-synaptic sums, with its two adjoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import lax

from ._initialisers import Initialiser
from ._module import Module


class Topology(Module):
    """Who is connected to whom: ``y = B(w, x)``, linear in the weights w and in the pre-synaptic values x.

    A subclass writes `dims` and `apply`. Learning and feedback follow, because each is an adjoint of the same map::

        <B(w, x), y>  =  <w, outer(x, y)>  =  <x, transpose(w, y)>

    and may be overridden where there is a faster form. So every rule runs on every topology. The weights may be one
    array, a bundle of arrays (an object with attributes), or None.
    """

    def dims(self) -> dict[str, Any]:
        """``{"pre": {dim: size}, "post": {dim: size}, "weights": {dim: size}}``.

        For a bundle ``weights`` maps each of its fields to such a dict; for a map without weights it is None. Where
        units share a bias, ``"bias"`` gives those of the last post-synaptic dims that it has, such as the channel of a
        convolution; left out: all of them.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define dims().")

    def apply(self, w: Any, x: jax.Array) -> jax.Array:
        """``B(w, x)``: from (*batch, *pre) to (*batch, *post)."""
        raise NotImplementedError(f"{type(self).__name__} does not define apply(w, x).")

    def add(self, onto: jax.Array, w: Any, x: jax.Array, scale: Any = 1.0) -> jax.Array:
        """``onto + scale * B(w, x)``, scale being one number; to be overridden where it can be done in place."""
        return onto + scale * self.apply(w, x)

    def outer(self, w: Any, pre: jax.Array, post: jax.Array) -> Any:
        """The adjoint in w, shaped like w and summed over the batch: what each synapse sees of pre times post."""
        return jax.vjp(lambda w: self.apply(w, pre), w)[1](post)[0]

    def transpose(self, w: Any, post: jax.Array) -> jax.Array:
        """The adjoint in x: from (*batch, *post) back to (*batch, *pre)."""
        lead = post.shape[: post.ndim - len(self.size("post"))]
        return jax.vjp(lambda x: self.apply(w, x), jnp.zeros(lead + self.size("pre"), post.dtype))[1](post)[0]

    def update(
        self,
        w: Any,
        new: Callable[..., Any],
        factors: Sequence[tuple[jax.Array, jax.Array]],
        spikes: Sequence[Literal["pre", "post"] | None],
    ) -> Any:
        """``new(w, *products)``, where ``products[k] = outer(w, *factors[k])``: learning, by an elementwise function.

        Where all products are 0, `new` leaves a weight as it is. So where `spikes` says that one factor of each pair is
        zero for units without a spike, the weights of the others are all that need be touched: override it where that
        is faster.
        """
        return jax.tree.map(new, w, *(self.outer(w, *f) for f in factors))

    def for_learning(self) -> Topology:
        """This map for a synapse with plasticity: it may hold what only `update` needs."""
        return self

    def unsigned(self) -> Topology:
        """This map without the signs that it gives to its synapses (Dale's law), where it gives any: what rules see.

        Where weights are magnitudes, rules make synapses stronger or weaker, whether they excite or inhibit. A topology
        with signs of its own overrides this.
        """
        return self

    def size(self, which: str) -> tuple[int, ...]:
        """Shape of ``"pre"``, ``"post"``, ``"weights"`` or ``"bias"``."""
        dims = self.dims()
        return tuple({"bias": dims["post"], **dims}[which].values())

    def draw(self, initialiser: Initialiser, key: Any) -> Any:
        """New weights; None where there are none. Topologies whose weights are a bundle write this themselves."""
        if self.dims()["weights"] is None:
            return None
        fan_in = self.fan_in_of_weights() if initialiser.needs_fan_in else None
        return initialiser(key, self.size("weights"), fan_in=fan_in)

    def fan_in(self, w: Any) -> jax.Array:
        """Sum of the weights that end on each post-synaptic unit: ``B(w, 1)``."""
        return self.apply(w, jnp.ones(self.size("pre")))

    def fan_in_count(self) -> Any:
        """The largest number of synapses that end on one unit."""
        return self.fan_in(jnp.sign(self.multiplicity())).max()

    def fan_in_of_weights(self) -> Any:
        """For each weight, how many synapses end on its post-synaptic unit, for initialisers that scale with it.

        For a weight that many edges share it is `fan_in_count`.
        """
        edges = self.multiplicity()
        counts = self.fan_in(jnp.sign(edges))
        of_edges = self.outer(edges, jnp.ones(self.size("pre")), counts) / jnp.where(edges != 0, edges, 1.0)
        return jnp.where(jnp.abs(edges) > 1.5, self.fan_in_count(), of_edges)

    def multiplicity(self) -> jax.Array:
        """How many edges each weight belongs to, ``outer(1, 1)``: 0 where there is none, below 0 where they inhibit."""
        return self.outer(*(jnp.ones(self.size(which)) for which in ("weights", "pre", "post")))

    def absolute(self, w: Any, power: float = 1.0) -> jax.Array:
        """Weights that give ``|w| ** power`` with the sign that the topology itself has taken away.

        So `fan_in` of them is the sum of absolute weights of each post-synaptic unit, that of Dale's inhibitory units
        included, and ``transpose(..., 1)`` that of each pre-synaptic one.
        """
        return jnp.sign(self.multiplicity()) * jnp.abs(w) ** power

    def largest(self, w: Any, of: Literal["pre", "post"] = "post") -> jax.Array:
        """The largest absolute weight that ends on each post-synaptic unit, or begins at each pre-synaptic one.

        A maximum is no adjoint, so units of the other side are gone through one by one, each with a pass of the map:
        override it where there is a faster form. Parallel edges between two units count as one, with their sum.
        """
        through, shape = (self.apply, self.size("pre")) if of == "post" else (self.transpose, self.size("post"))

        def wider(i: Any, most: jax.Array) -> jax.Array:
            one = jnp.zeros(math.prod(shape)).at[i].set(1.0).reshape(shape)
            return jnp.maximum(most, jnp.abs(through(w, one)))

        return lax.fori_loop(0, math.prod(shape), wider, jnp.zeros(self.size(of)))

    def coords(self) -> dict[str, tuple[str, Any]]:
        """Labels along the dims for the dataset: ``{coordinate: (dim, values)}``."""
        return {}

    @property
    def per_edge(self) -> bool:
        """Whether the weights are one array in which each entry is the weight of an edge (or a class of tied edges)."""
        weights = self.dims()["weights"]
        return weights is not None and not any(isinstance(v, dict) for v in weights.values())
