"""Learning at a cost for each spike: only the weights of units that spike are read and written.

An event-driven update gives what the plain one gives, and works under `jit`, `vmap` and differentiation. It runs on
CPUs, where few units spike; elsewhere, under `vmap` and for derivatives the plain update runs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend import core

from .events import Active

Factors = Sequence[tuple[jax.Array, jax.Array]]
New = Callable[..., jax.Array]


class Events(NamedTuple):
    """What a step of learning is made of: the factors of each term, one row a sample, and the units that spike.

    First the weights of the units in `pre` are changed, by all terms; then those of the units in `post` that are left.
    """

    factors: list[tuple[jax.Array, jax.Array]]
    spikes: Sequence[Literal["pre", "post"] | None]
    pre: Active
    post: Active

    def change(self, forward: Callable[..., jax.Array], backward: Callable[..., jax.Array], w: jax.Array) -> jax.Array:
        """By ``forward(i, everybody, w)`` for units before, then ``backward(j, w)`` for units behind.

        `forward` changes the weights of unit i if it spikes or if `everybody` is true, `backward` those of unit j and
        of the units before it that do not spike: see `spiking`. Where many units behind spike, all are changed from
        before.
        """
        many = self.post.many
        w = self.pre.each(lambda i, w: forward(i, many, w), w, everybody=many)
        few = self.post._replace(number=jnp.where(many, 0, self.post.number))
        return few.each(backward, w)

    def before(self, i: Any) -> list[jax.Array]:
        """What each term takes of unit i, of several units or of all, before the synapse: (sample, *units)."""
        return [_taken(pre, i) for pre, _ in self.factors]

    def behind(self, j: Any) -> list[jax.Array]:
        """What each term takes of unit j, of several units or of all, behind the synapse: (sample, *units)."""
        return [_taken(post, j) for _, post in self.factors]

    def spiking(self, before: Sequence[jax.Array]) -> jax.Array:
        """Whether units before the synapse spike, by what the terms take of them."""
        silent = jnp.zeros(before[0].shape[1:], bool)
        some = ((factor != 0).any(0) for factor, name in zip(before, self.spikes, strict=True) if name == "pre")
        return functools.reduce(jnp.logical_or, some, silent)


def _taken(factor: jax.Array, units: Any) -> jax.Array:
    return factor if units is ... else factor.at[:, units].get(mode="promise_in_bounds")


def products(one: Sequence[jax.Array], others: Sequence[jax.Array]) -> list[jax.Array]:
    """Of each term, summed over the samples: (sample,) times (sample,) or (sample, unit)."""
    return [a[0] * b[0] if len(a) == 1 else a @ b for a, b in zip(one, others, strict=True)]


def event_driven_update(
    plain: Callable[[Any, New, jax.Array, Factors], jax.Array],
    touch: Callable[[Any, New, jax.Array, Events], jax.Array],
    fixed: Any,
    w: jax.Array,
    new: New,
    factors: Factors,
    spikes: Sequence[Literal["pre", "post"] | None],
) -> jax.Array:
    """`Topology.update` by ``touch(fixed, new, w, events)`` where that is possible, else by ``plain(...)``.

    `fixed` is a pytree of arrays that are not differentiated. `new` is made to take vectors.
    """
    if None in spikes:
        return plain(fixed, new, w, factors)
    scalars = [jax.ShapeDtypeStruct((), w.dtype)] * (1 + len(factors))
    closed, form = jax.make_jaxpr(new, return_shape=True)(*scalars)
    if form.shape != ():  # some gate has a number for each weight
        return plain(fixed, new, w, factors)
    given = list(closed.consts)
    program = core.ClosedJaxpr(closed.jaxpr, [0.0] * len(given)).jaxpr  # JAX keeps it: it must not hold their tracers

    def elementwise(consts: Sequence[Any]) -> New:
        one = core.jaxpr_as_fun(core.ClosedJaxpr(program, consts))
        return jnp.vectorize(lambda *values: one(*values)[0])

    def everywhere(fixed: Any, consts: Any, w: jax.Array, factors: Any) -> jax.Array:
        return plain(fixed, elementwise(consts), w, factors)

    def at_events(fixed: Any, consts: Any, w: jax.Array, factors: Any) -> jax.Array:
        flat = [(pre.reshape(-1, pre.shape[-1]), post.reshape(-1, post.shape[-1])) for pre, post in factors]
        active = [jnp.zeros(side.shape[-1], bool) for side in flat[0]]
        for factors, name in zip(flat, spikes, strict=True):
            k = ("pre", "post").index(name)
            active[k] |= (factors[k] != 0).any(0)
        return touch(fixed, elementwise(consts), w, Events(flat, spikes, *map(Active.of, active)))

    @jax.custom_batching.custom_vmap
    def update(fixed: Any, consts: Any, w: jax.Array, factors: Any) -> jax.Array:
        return lax.platform_dependent(fixed, consts, w, factors, cpu=at_events, default=everywhere)

    @update.def_vmap
    def _(size: int, batched: Any, *arguments: Any) -> tuple[jax.Array, bool]:
        axes = jax.tree.map(lambda has_axis: 0 if has_axis else None, tuple(batched))
        return jax.vmap(everywhere, axes)(*arguments), True

    @jax.custom_jvp
    def differentiable(fixed: Any, consts: Any, w: jax.Array, factors: Any) -> jax.Array:
        return update(fixed, consts, w, factors)

    @differentiable.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        return differentiable(*primals), jax.jvp(everywhere, primals, tangents)[1]

    return differentiable(fixed, given, w, [tuple(f) for f in factors])
