"""The dendritic inputs of CoNeX between units without a map, by their names there. Each returns a `Synapse`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import jax
import numpy as np
from bouton import CircuitError, Connectivity, Param, Synapse, Topology, recipe

from ._arguments import sizes, values
from .all_to_all import Dense
from .one_to_one import OneToOne
from .sparse import Sparse

_ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "density": "Say which pairs are joined: connect=Probability(density), or connect=Total(number of edges).",
        "inhibitory": "Use sign=-1 for what inhibits.",
        "tag": "A compartment of a dendrite is an input of the cell: wire the current to it by name.",
        "weight_shape": "Weights have the shape that the topology gives them.",
    }
)


@recipe(_ELSEWHERE)
def BaseDendriticInput(
    topology: Topology, weights: Any, current_coef: Param = 1.0, sign: Literal[1, -1] = 1
) -> Synapse:
    r"""The current that pre-synaptic spikes make, through any topology: what CoNeX's dendritic inputs have in common.

    .. math:: \text{current} = c \cdot \text{sign} \cdot B(w, \text{pre})

    - `topology`: the map B, your own for instance: this is how to make a dendritic input of another kind;
    - `weights`: magnitudes, a number, an array or an initialiser; None for a map without weights;
    - `current_coef`: the factor c, a number or an array over the post-synaptic units;
    - `sign`: 1 where the source excites, -1 where it inhibits. CoNeX looks for "GABA" or "inh" among the tags of the
      source; a tag that is spelt otherwise excites there.

    A rule changes the magnitudes. For a population with cells of both kinds the topology has a sign for each:
    ``Dense(n_pre, n_post, sign=[1, -1, ...])``, which a rule knows of. ``.replace(...)`` adds other parts:
    plasticity, constraints, a transmission, delays.

    Compartments, by their names in CoNeX: ``pre_spike`` is ``pre``, ``I`` is ``current``, ``weights`` is ``w``.
    Pre-synaptic values are those of this step; CoNeX takes those of the last one (``bouton.delayed("exc.s", dt)``).

    Raises `CircuitError` for another sign, and for what CoNeX says elsewhere.
    """
    return _input("BaseDendriticInput", topology, weights, current_coef, sign)


@recipe(_ELSEWHERE)
def SimpleDendriticInput(
    shape: tuple[int, int], weights: Any, current_coef: Param = 1.0, sign: Literal[1, -1] = 1
) -> Synapse:
    r"""The current from all pre-synaptic units to all post-synaptic ones: CoNeX's ``SimpleDendriticInput``.

    .. math:: I_j = c \cdot \text{sign} \cdot \sum_i w_{ij}\, \text{pre}_i

    - `shape`: number of pre- and of post-synaptic units;
    - `weights`: magnitudes, a number, an array (pre, post) or an initialiser.

    The others are those of `BaseDendriticInput`. Compartments, by their names in CoNeX: ``pre_spike`` is ``pre``,
    ``I`` is ``current``, ``weights`` is ``w``.
    """
    who = "SimpleDendriticInput"
    return _input(who, Dense(*sizes(who, shape)), weights, current_coef, sign)


@recipe(_ELSEWHERE)
def SparseDendriticInput(
    shape: tuple[int, int],
    connect: Connectivity,
    weights: Any,
    current_coef: Param = 1.0,
    sign: Literal[1, -1] = 1,
    *,
    seed: int = 0,
) -> Synapse:
    r"""The current through a list of edges: CoNeX's ``SparseDendriticInput``.

    .. math:: I_j = c \cdot \text{sign} \cdot \sum_{e:\,\text{post}(e) = j} w_e\, \text{pre}_{\text{pre}(e)}

    - `shape`: number of pre- and of post-synaptic units;
    - `connect`: which pairs are joined, ``Total(1000)`` for instance, drawn from `seed` (see `Sparse`);
    - `weights`: magnitudes, a number, an array (edge) or an initialiser.

    The others are those of `BaseDendriticInput`. Compartments, by their names in CoNeX: ``pre_spike`` is ``pre``,
    ``I`` is ``current``, ``weights`` is ``w``; its ``src_idx`` and ``dst_idx`` are the coordinates ``pre_index`` and
    ``post_index`` of w in the dataset.
    """
    who = "SparseDendriticInput"
    return _input(who, Sparse(*sizes(who, shape), connect, seed), weights, current_coef, sign)


@recipe(_ELSEWHERE)
def One2OneDendriticInput(n_units: int, weights: Any, current_coef: Param = 1.0, sign: Literal[1, -1] = 1) -> Synapse:
    r"""The current from each unit to the unit of the same index: CoNeX's ``One2OneDendriticInput``.

    .. math:: I_i = c \cdot \text{sign} \cdot w_i\, \text{pre}_i

    - `n_units`: number of units on either side;
    - `weights`: magnitudes, a number, an array (post) or an initialiser.

    The others are those of `BaseDendriticInput`. Compartments, by their names in CoNeX: ``pre_spike`` is ``pre``,
    ``I`` is ``current``, ``weights`` is ``w``.
    """
    return _input("One2OneDendriticInput", OneToOne(n_units), weights, current_coef, sign)


def _input(who: str, topology: Any, weights: Any, current_coef: Any, sign: Any) -> Synapse:
    if isinstance(sign, bool) or np.ndim(sign) or sign not in (1, -1):
        raise CircuitError(
            f"{who}.sign must be 1 (the source excites) or -1 (it inhibits), got {sign!r}. For cells of both kinds use "
            "BaseDendriticInput(Dense(n_pre, n_post, sign=[1, -1, ...]), weights)."
        )
    coef = np.asarray(current_coef, float) if isinstance(current_coef, (list, tuple)) else current_coef
    if isinstance(coef, bool) or not isinstance(coef, (int, float, np.number, np.ndarray, jax.Array)):
        raise CircuitError(f"{who}.current_coef must be a number or an array, got {current_coef!r}.")
    if weights is not None or not isinstance(topology, Topology) or topology.dims()["weights"] is not None:
        weights = values(f"{who}.weights", weights)
    return Synapse(topology, weights, gain=coef if sign == 1 else -coef)
