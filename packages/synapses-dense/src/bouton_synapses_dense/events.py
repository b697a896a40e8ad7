"""Propagation of spikes at a cost for each spike: lists of what is active, and loops over them.

An event-driven map gives the same result as the linear map it stands for (only the order of sums may differ), and works
under `jit`, `vmap` and differentiation: batch axes and `vmap` become lanes of one list; derivatives are those of the
linear map, as a loop over events has none backward. It pays on CPUs. Elsewhere, where a loop of single steps is slow,
the linear map itself runs.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero

_WORD = jnp.uint32
_BITS = 32


class Active(NamedTuple):
    """The active ones of many units: whether each is, and a list of those that are, which has room for an eighth."""

    flags: jax.Array
    ids: jax.Array
    number: jax.Array

    @classmethod
    def of(cls, flags: jax.Array) -> Active:
        """From a vector of booleans, by two levels of words whose bits say what is active."""
        room = max(64, flags.shape[0] // 8)
        fine = _words(flags)
        coarse = _words(fine != 0)

        def unit(state: Any, word: Any) -> Any:
            bits, ids, count = state
            i, at = _lowest(bits) * fine.shape[0] + word, jnp.minimum(count, room)
            return bits & (bits - _WORD(1)), lax.dynamic_update_index_in_dim(ids, i, at, 0), count + 1

        def word(state: Any, block: Any) -> Any:
            bits, ids, count = state
            word = _lowest(bits) * coarse.shape[0] + block
            start = item(fine, word), ids, count
            _, ids, count = lax.while_loop(lambda s: s[0] != 0, lambda s: unit(s, word), start)
            return bits & (bits - _WORD(1)), ids, count

        def block(block: Any, state: Any) -> Any:
            start = item(coarse, block), *state
            return lax.while_loop(lambda s: s[0] != 0, lambda s: word(s, block), start)[1:]

        empty = jnp.zeros(room + 1, jnp.int32), jnp.int32(0)
        return cls(flags, *lax.fori_loop(0, coarse.shape[0], block, empty))

    @property
    def many(self) -> jax.Array:
        """Whether there are more than the list has room for."""
        return self.number >= self.ids.shape[0]

    def each(self, body: Callable[[Any, Any], Any], init: Any, *, everybody: Any = False) -> Any:
        """``carry = body(i, carry)`` for each active i, once and in no particular order.

        Where there are many, and where `everybody` says so, the loop runs over all units: `body` looks at `flags`.
        """
        whole, last = self.many | everybody, self.ids.shape[0] - 1

        def event(j: Any, carry: Any) -> Any:
            return body(jnp.where(whole, j, item(self.ids, jnp.minimum(j, last))), carry)

        return lax.fori_loop(0, jnp.where(whole, self.flags.shape[0], self.number), event, init)


def event_driven(
    linear: Callable[..., jax.Array], send: Callable[..., jax.Array], *, fast: bool = False
) -> Callable[..., jax.Array]:
    """``f(fixed, w, x, onto, scale)`` equal to ``onto + scale * linear(fixed, w, x)``, at a cost for each active x.

    - ``linear(fixed, w, x)`` maps a vector of pre-synaptic values to one of sums; it is linear in w and in x;
    - ``send(fixed, w, i, x_i, sums, lane, place)`` adds what unit i sends, for its value times the scale. `w` has an
      axis of lanes in front, `sums` is the flat array of all sums, and those of this sample begin at `place`.

    `fixed` is a pytree of indices that are not differentiated. x and onto may have axes of samples in front. `fast`
    says that `linear` is the faster one where more than an eighth of x is active.
    """

    def plain(fixed: Any, w: jax.Array, x: jax.Array, onto: jax.Array, scale: jax.Array) -> jax.Array:
        sums = jax.vmap(jax.vmap(linear, (None, None, 0)), (None, 0, 0))(fixed, w, x)
        return onto + scale[:, None, None] * sums

    def loop(fixed: Any, w: jax.Array, x: jax.Array, onto: jax.Array, scale: jax.Array) -> jax.Array:
        n_lanes, n_samples, n_pre = x.shape
        flat, n_post = lax.optimization_barrier(x.reshape(-1)), onto.shape[-1]  # else it is made twice

        def event(e: Any, sums: jax.Array) -> jax.Array:
            x_i = item(flat, e)
            if n_lanes * n_samples == 1:
                return send(fixed, w, e, x_i * scale[0], sums, 0, 0)
            sample, i = e // n_pre, e % n_pre
            lane = sample // n_samples
            return send(fixed, w, i, x_i * item(scale, lane), sums, lane, sample * n_post)

        def events() -> jax.Array:
            return Active.of(flat != 0).each(event, onto.reshape(-1)).reshape(onto.shape)

        if not fast:
            return events()
        few = jnp.count_nonzero(flat) <= flat.size // 8
        return lax.cond(few, events, lambda: plain(fixed, w, x, onto, scale))

    @jax.custom_batching.custom_vmap
    def lanes(fixed: Any, w: jax.Array, x: jax.Array, onto: jax.Array, scale: jax.Array) -> jax.Array:
        """w (lanes, ...), x (lanes, samples, n_pre): what has the same weights and scale is a sample, else a lane."""
        return lax.platform_dependent(fixed, w, x, onto, scale, cpu=loop, default=plain)

    @lanes.def_vmap
    def _(size: int, batched: Any, *arguments: Any) -> tuple[jax.Array, bool]:
        fixed_too, w_too, _, _, scale_too = batched
        if any(jax.tree.leaves(fixed_too)):  # other edges in each: one after the other

            def one(k: Any) -> jax.Array:
                return lanes(*jax.tree.map(lambda a, b: a[k] if b else a, arguments, tuple(batched)))

            return lax.map(one, jnp.arange(size)), True
        fixed, w, x, onto, scale = arguments

        def spread(a: jax.Array, has_axis: bool) -> jax.Array:
            return a if has_axis else jnp.broadcast_to(a, (size, *a.shape))

        x, onto = spread(x, batched[2]), spread(onto, batched[3])
        if w_too or scale_too:
            w, scale = spread(w, w_too), spread(scale, scale_too)
            y = lanes(fixed, *(a.reshape(-1, *a.shape[2:]) for a in (w, x, onto, scale)))
            return y.reshape(onto.shape), True
        x, onto = (jnp.moveaxis(a, 0, 1) for a in (x, onto))
        y = lanes(fixed, w, *(a.reshape(a.shape[0], -1, a.shape[-1]) for a in (x, onto)), scale)
        return jnp.moveaxis(y.reshape(onto.shape), 1, 0), True

    @jax.custom_jvp
    def mapped(fixed: Any, w: jax.Array, x: jax.Array, onto: jax.Array, scale: jax.Array) -> jax.Array:
        flat = (a.reshape(1, math.prod(a.shape[:-1]), -1) for a in (x, onto))
        return lanes(fixed, w[None], *flat, scale[None]).reshape(onto.shape)

    @functools.partial(mapped.defjvp, symbolic_zeros=True)
    def _(primals: Any, tangents: Any) -> Any:
        (fixed, w, x, onto, scale), (_, dw, dx, d_onto, d_scale) = primals, tangents
        sums_of = functools.partial(linear, fixed)
        for _axis in x.shape[:-1]:
            sums_of = jax.vmap(sums_of, (None, 0))
        dy = jnp.zeros_like(onto) if isinstance(d_onto, SymbolicZero) else d_onto
        for moves, sums in (
            (dw, lambda: scale * sums_of(dw, x)),
            (dx, lambda: scale * sums_of(w, dx)),
            (d_scale, lambda: d_scale * sums_of(w, x)),
        ):
            if not isinstance(moves, SymbolicZero):
                dy += sums()
        return mapped(*primals), dy

    return mapped


def _words(flags: jax.Array) -> jax.Array:
    """Flags as bits of words; bit r of word c is flag r * words + c, so that packing runs along the contiguous axis."""
    words = -(-flags.shape[0] // _BITS)
    bits = jnp.pad(flags, (0, _BITS * words - flags.shape[0])).reshape(_BITS, words).astype(_WORD)
    return lax.optimization_barrier((bits << jnp.arange(_BITS, dtype=_WORD)[:, None]).sum(0, dtype=_WORD))


def _lowest(word: jax.Array) -> jax.Array:
    """The number of the lowest bit that is set."""
    return lax.population_count((word & (~word + _WORD(1))) - _WORD(1)).astype(jnp.int32)


def item(array: jax.Array, i: Any) -> jax.Array:
    """``array[i]`` for an index that is within the array."""
    return lax.dynamic_index_in_dim(array, i, keepdims=False)
