"""grown: more room in a memory of categories, between two runs. Inside a compiled run the number of places is fixed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from bouton import Circuit, CircuitError

from .art2a import ART2ASynapse


def grown(circuit: Circuit, state: Mapping[str, Any], node: str, factor: float = 2.0) -> tuple[Circuit, dict[str, Any]]:
    """A circuit and a state with `factor` times as many places in the `ART2ASynapse` called `node`.

    The new places are free. What is known stays as it is, and so does everything else. It is compiled anew, so grow by
    a factor rather than by a place::

        if run.state["art"].n_dropped:
            circuit, state = grown(circuit, run.state, "art")
            run = bouton.simulate(circuit, ..., state=state)

    Raises `CircuitError` for a node that is none, and for a factor that gives no more room.
    """
    old = circuit.nodes.get(node)
    if not isinstance(old, ART2ASynapse):
        raise CircuitError(f"grown needs the name of an ART2ASynapse in the circuit; {node!r} is {old!r}.")
    n_units = math.ceil(factor * old.n_units)
    if n_units <= old.n_units:
        raise CircuitError(f"grown: factor must make more room than {old.n_units} places, got {factor!r}.")
    new = old.replace(n_units=n_units)
    form = jax.eval_shape(lambda: new.init(key=jax.random.key(0), dt=1.0))

    def wider(a: Any, b: Any) -> Any:
        lead = a.shape[: a.ndim - b.ndim]  # axes of a batch
        return jnp.zeros(lead + b.shape, a.dtype).at[tuple(map(slice, a.shape))].set(a)

    larger = jax.tree.map(wider, state[node], form)
    return circuit.replace(nodes={**circuit.nodes, node: new}), {**state, node: larger}
