"""A step in which what several results share is computed once, and states are overwritten in place.

XLA on CPUs turns a step into one loop over the units for each array that leaves it. What several of these need is
computed in each of them, from the old states; so the old states have to be kept until the last one is done, and are
copied. Where a shared value is made an array of its own, each new state needs that array and its own old value, and is
written in its place. The numbers are the same.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
from jax import lax
from jax.extend import core

_SMALL = 256
"""Arrays of fewer numbers are not worth a loop of their own."""

_OPAQUE = frozenset(
    "while scan cond dot_general conv_general_dilated scatter scatter-add scatter-mul scatter-min scatter-max gather "
    "dynamic_slice dynamic_update_slice sort top_k cumsum cumprod cummax cummin cumlogsumexp argmax argmin reduce_sum "
    "reduce_max reduce_min reduce_prod reduce_and reduce_or reduce_xor random_bits random_fold_in random_split "
    "random_wrap random_unwrap threefry2x32 custom_vmap_call optimization_barrier platform_index pure_callback "
    "io_callback debug_callback concatenate pad rev".split()
)
"""What is no loop over units that could run inside another one."""


def once(step: Callable[..., Any]) -> Callable[..., Any]:
    """``step(state, x)`` with what several of its results share computed once. Nothing changes on other platforms."""

    @functools.wraps(step)
    def ordered(state: Any, x: Any) -> Any:
        if jax.default_backend() != "cpu":
            return step(state, x)
        closed, form = jax.make_jaxpr(step, return_shape=True)(state, x)
        program = core.jaxpr_as_fun(core.ClosedJaxpr(_with_barriers(closed.jaxpr), closed.consts))
        return jax.tree.unflatten(jax.tree.structure(form), program(*jax.tree.leaves((state, x))))

    return ordered


def _with_barriers(jaxpr: Any) -> Any:
    """The same program with a barrier behind each value that is to be an array of its own."""
    shared = _shared(jaxpr)
    eqns: list[Any] = []
    for eqn in jaxpr.eqns:
        held = [v for v in eqn.outvars if v in shared]
        if not held:
            eqns.append(eqn)
            continue
        # of all results of an operation at once: JAX gives equal programs the same variables
        barrier = jax.make_jaxpr(lambda *vs: lax.optimization_barrier(vs))(
            *(jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in held)
        ).jaxpr
        made = dict(zip(held, barrier.invars, strict=True))
        eqns += [eqn.replace(outvars=[made.get(v, v) for v in eqn.outvars]), barrier.eqns[0].replace(outvars=held)]
    return jaxpr.replace(eqns=eqns)


def _shared(jaxpr: Any) -> set[Any]:
    """The values inside a program that several of its results need and that are made of more than one array."""
    candidates = _needed_twice(jaxpr)
    arrays: dict[Any, set[Any]] = {v: {v} for v in jaxpr.invars if _is_array(v)}
    results = {v for v in jaxpr.outvars if not isinstance(v, core.Literal)}
    shared: set[Any] = set()
    for eqn in jaxpr.eqns:
        sources: set[Any] = set().union(*(arrays.get(v, set()) for v in eqn.invars if not isinstance(v, core.Literal)))
        for v in filter(_is_array, eqn.outvars):
            old_state = any(a in jaxpr.invars for a in sources)
            if v in candidates and (_is_opaque(eqn) or len(sources) > 1 or old_state):
                shared.add(v)
            stored = v in shared or v in results or _is_opaque(eqn)
            arrays[v] = {v} if stored else sources
    return shared


def _needed_twice(jaxpr: Any) -> set[Any]:
    """The values from which more than one stored array is made directly."""
    makes: dict[Any, set[Any]] = {}  # the stored arrays that are made from a value, none stored in between
    twice: set[Any] = set()
    for v in jaxpr.outvars:
        if not isinstance(v, core.Literal):
            makes.setdefault(v, set()).add(v)
    for eqn in reversed(jaxpr.eqns):
        targets: set[Any] = set()
        for v in eqn.outvars:
            own = makes.get(v, set())
            if len(own) > 1 and _is_array(v):
                twice.add(v)
            targets |= {v} if v in twice or v in own else own
        if not targets:
            continue  # nobody needs it
        if _is_opaque(eqn):
            targets = {eqn.outvars[0]}
        for v in eqn.invars:
            if not isinstance(v, core.Literal):
                makes.setdefault(v, set()).update(targets)
    return twice


def _is_array(v: Any) -> bool:
    return math.prod(getattr(v.aval, "shape", ())) >= _SMALL


def _is_opaque(eqn: Any) -> bool:
    inner = [p for p in eqn.params.values() if hasattr(p, "eqns") or hasattr(p, "jaxpr")]
    programs = (getattr(p, "jaxpr", p) for p in inner)
    return eqn.primitive.name in _OPAQUE or any(_is_opaque(e) for program in programs for e in program.eqns)
