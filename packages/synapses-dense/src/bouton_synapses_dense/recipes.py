"""The synapses of ngc-learn that do not learn, by their names there. Each function returns a `Synapse`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from bouton import CircuitError, FanInGaussian, Initialiser, Param, Synapse, Topology, Uniform, recipe

from ._arguments import sizes, values
from .all_to_all import Dense
from .connectivity import Pairs, Probability
from .kernels import Alpha, DoubleExponential, Exponential
from .patched import Patched
from .short_term import TsodyksMarkram, TsodyksMarkramPerEdge
from .sparse import Sparse

_ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "batch_size": "The batch is given to the run: simulate(..., batch=...).",
        "g_conduct_factor": "It is called resist_scale here.",
        "is_nonplastic": "This synapse has no rule and keeps its weights as they are (weight_init=1.0: ones). "
        "One that learns: .replace(plasticity=...).",
        "key": "Random numbers come from the seed of the run: simulate(..., seed=...).",
        "max_delay_steps": "Delays are in ms: wire bouton.delayed('exc.s', ms), or .replace(release=AxonalDelay(ms)).",
        "name": "A synapse has its name from the circuit: Circuit(nodes={name: ...}).",
        "p_release": "Use .replace(release=StochasticRelease(p)).",
        "p_release_mean": "Use .replace(release=StochasticRelease(p)).",
    }
)
_START, _RESOURCES, _BY_FAN_IN = Uniform(0.025, 0.8), Uniform(0.125, 0.175), FanInGaussian()


@recipe(_ELSEWHERE)
def DenseSynapse(
    shape: tuple[int, int],
    weight_init: Any = _START,
    bias_init: Param | None = None,
    resist_scale: Param = 1.0,
    p_conn: float = 1.0,
    *,
    mask: Any = None,
    seed: int = 0,
) -> Synapse:
    r"""Every pre-synaptic unit with every post-synaptic one, at once: ngc-learn's ``DenseSynapse``.

    .. math:: \text{current}_j = R \sum_i m_{ij}\, w_{ij}\, \text{pre}_i + b_j

    - `shape`: number of pre- and of post-synaptic units;
    - `weight_init`: weights, a number, an array (pre, post) or an initialiser;
    - `bias_init`: bias b, a number or an array (post); None: no bias;
    - `resist_scale`: the factor R, a number or an array (post);
    - `p_conn`: probability with which each synapse exists (above 0, and 1 for all); those that do not are absent for
      good, and no rule fills them;
    - `mask`: zeros and ones (pre, post), which synapses exist, instead of `p_conn`;
    - `seed`: of the draw by `p_conn`.

    It is ``Synapse(Dense(*shape, connect), weight_init, resist_scale, bias_init)``, and ``.replace(...)`` adds other
    parts to it. Compartments, by their names in ngc-learn: ``inputs`` is ``pre``, ``outputs`` is ``current``,
    ``weights`` is ``w``, ``biases`` is ``b``.

    Raises `CircuitError` for what does not fit, and for ngc-learn's parameters that have another place in bouton.
    """
    return _synapse("DenseSynapse", shape, p_conn, mask, seed, weight_init, bias_init, resist_scale)


@recipe(_ELSEWHERE)
def StaticSynapse(
    shape: tuple[int, int],
    weight_init: Any = _START,
    bias_init: Param | None = None,
    resist_scale: Param = 1.0,
    p_conn: float = 1.0,
    *,
    mask: Any = None,
    seed: int = 0,
) -> Synapse:
    r"""A synapse whose weights stay: ngc-learn's ``StaticSynapse``, another name for `DenseSynapse`.

    .. math:: \text{current}_j = R \sum_i m_{ij}\, w_{ij}\, \text{pre}_i + b_j

    Parameters are those of `DenseSynapse`. Compartments, by their names in ngc-learn: ``inputs`` is ``pre``,
    ``outputs`` is ``current``, ``weights`` is ``w``, ``biases`` is ``b``.
    """
    return _synapse("StaticSynapse", shape, p_conn, mask, seed, weight_init, bias_init, resist_scale)


@recipe(_ELSEWHERE)
def STPDenseSynapse(
    shape: tuple[int, int],
    weight_init: Any = _START,
    bias_init: Param | None = None,
    resist_scale: Param = 1.0,
    p_conn: float = 1.0,
    tau_f: Param | None = 750.0,
    tau_d: Param | None = 50.0,
    resources_init: Param = _RESOURCES,
    *,
    mask: Any = None,
    seed: int = 0,
) -> Synapse:
    r"""Short-term plasticity before all-to-all synapses: ngc-learn's ``STPDenseSynapse``.

    .. math:: \tau_f\,\frac{du}{dt} = -u, \qquad \tau_d\,\frac{dx}{dt} = 1 - x, \qquad
        \text{at a spike}\quad u \leftarrow u + U (1 - u), \quad
        \text{current}_j \mathrel{+}= R\, w_{ij}\, u_i\, x_i, \quad x \leftarrow x - u x

    with `TsodyksMarkram` (Tsodyks, Pawelzik & Markram, 1998).

    - `tau_f`, `tau_d`: time constants of facilitation and depression [ms]; None for none (not 0);
    - `resources_init`: U, the fraction that a first spike releases: a number, an initialiser or an array (pre); an
      array (pre, post) gives each synapse u and x of its own (`TsodyksMarkramPerEdge`).

    The others are those of `DenseSynapse`. Compartments, by their names in ngc-learn: ``inputs`` is ``pre``,
    ``outputs`` is ``current``, ``weights`` is ``w``, ``biases`` is ``b``, ``u`` is ``release.u``, ``x`` is
    ``release.x``; its ``resources`` never change, and are the parameter U of the release.
    """
    per_edge = not isinstance(resources_init, Initialiser) and np.ndim(resources_init) == 2
    release = (TsodyksMarkramPerEdge if per_edge else TsodyksMarkram)(resources_init, tau_f, tau_d)
    made = _synapse("STPDenseSynapse", shape, p_conn, mask, seed, weight_init, bias_init, resist_scale)
    return made.replace(release=release)


@recipe(_ELSEWHERE)
def ExponentialSynapse(
    shape: tuple[int, int],
    tau_decay: Param,
    g_syn_bar: Param,
    syn_rest: Param | None,
    weight_init: Any = _START,
    bias_init: Param | None = None,
    resist_scale: Param = 1.0,
    p_conn: float = 1.0,
    *,
    mask: Any = None,
    seed: int = 0,
) -> Synapse:
    r"""A conductance that jumps with each spike and decays exponentially: ngc-learn's ``ExponentialSynapse``.

    .. math:: \frac{dg}{dt} = -\frac{g}{\tau} + \bar g \sum_k w\,\delta(t - t_k), \qquad i = R\,g\,(E - v)

    and :math:`i = R\,g` without a reversal potential, by `Exponential`, exact for any step length.

    - `tau_decay`: time constant [ms], above 0, a number or an array (post);
    - `g_syn_bar`: conductance that a spike through a weight of 1 opens, at least 0;
    - `syn_rest`: reversal potential E [mV]; None: a current, which does not depend on v.

    The others are those of `DenseSynapse`; a bias is added to the current. Compartments, by their names in ngc-learn:
    ``inputs`` is ``pre``, ``outputs`` is ``current``, ``i_syn`` is ``current``, ``weights`` is ``w``, ``biases`` is
    ``b``, ``g_syn`` is ``transmission.g`` (with the factor R in it), ``v`` is ``transmission.v``: wire the cell's
    state to it.
    """
    kernel = Exponential(tau_decay, g_bar=g_syn_bar, reversal=syn_rest)
    made = _synapse("ExponentialSynapse", shape, p_conn, mask, seed, weight_init, bias_init, resist_scale)
    return made.replace(transmission=kernel)


@recipe(_ELSEWHERE)
def AlphaSynapse(
    shape: tuple[int, int],
    tau_decay: Param,
    g_syn_bar: Param,
    syn_rest: Param | None,
    weight_init: Any = _START,
    bias_init: Param | None = None,
    resist_scale: Param = 1.0,
    p_conn: float = 1.0,
    *,
    mask: Any = None,
    seed: int = 0,
    normalize: Literal["area", "peak"] = "area",
) -> Synapse:
    r"""A conductance that rises and falls with one time constant: ngc-learn's ``AlphaSynapse``.

    .. math:: \frac{dh}{dt} = -\frac{h}{\tau} + \bar g \sum_k w\,\delta(t - t_k), \qquad
        \frac{dg}{dt} = \frac{h - g}{\tau}, \qquad i = R\,g\,(E - v)

    so that a spike makes :math:`g(t) = \bar g\,w\,\frac{t}{\tau} e^{-t/\tau}`, with the peak :math:`\bar g\,w / e`, by
    `Alpha`, exact for any step length (Rotter & Diesmann, 1999). ``normalize="peak"`` makes it :math:`\bar g\,w`.

    The other parameters are those of `ExponentialSynapse`. Compartments, by their names in ngc-learn: ``inputs`` is
    ``pre``, ``outputs`` is ``current``, ``i_syn`` is ``current``, ``weights`` is ``w``, ``biases`` is ``b``, ``g_syn``
    is ``transmission.g`` and ``h_syn`` is ``transmission.h`` (both with the factor R in them), ``v`` is
    ``transmission.v``.
    """
    kernel = Alpha(tau_decay, normalize, g_bar=g_syn_bar, reversal=syn_rest)
    made = _synapse("AlphaSynapse", shape, p_conn, mask, seed, weight_init, bias_init, resist_scale)
    return made.replace(transmission=kernel)


@recipe(_ELSEWHERE)
def DoubleExpSynapse(
    shape: tuple[int, int],
    tau_decay: Param,
    tau_rise: Param,
    g_syn_bar: Param,
    syn_rest: Param | None,
    weight_init: Any = _START,
    bias_init: Param | None = None,
    resist_scale: Param = 1.0,
    p_conn: float = 1.0,
    *,
    mask: Any = None,
    seed: int = 0,
    normalize: Literal["peak", "area", "none"] = "none",
) -> Synapse:
    r"""A conductance that is a difference of two exponentials: ngc-learn's ``DoubleExpSynapse``.

    .. math:: \frac{dh}{dt} = -\frac{h}{\tau_r}
        + \bar g \Bigl(\frac{1}{\tau_r} - \frac{1}{\tau_d}\Bigr) \sum_k w\,\delta(t - t_k), \qquad
        \frac{dg}{dt} = -\frac{g}{\tau_d} + h, \qquad i = R\,g\,(E - v)

    so that a spike makes :math:`g(t) = \bar g\,w\,(e^{-t/\tau_d} - e^{-t/\tau_r})`, by `DoubleExponential`, exact for
    any step length. ``normalize="peak"`` makes its peak :math:`\bar g\,w` (Roth & van Rossum, 2009).

    - `tau_decay`, `tau_rise`: time constants [ms] of the decay and of the rise, which is not longer.

    The other parameters are those of `ExponentialSynapse`. Compartments, by their names in ngc-learn: ``inputs`` is
    ``pre``, ``outputs`` is ``current``, ``i_syn`` is ``current``, ``weights`` is ``w``, ``biases`` is ``b``, ``g_syn``
    is ``transmission.g`` (with the factor R in it), ``h_syn`` is ``transmission.h`` (:math:`R\,\tau_r` times that of
    the equation), ``v`` is ``transmission.v``.
    """
    kernel = DoubleExponential(tau_rise, tau_decay, normalize, g_bar=g_syn_bar, reversal=syn_rest)
    made = _synapse("DoubleExpSynapse", shape, p_conn, mask, seed, weight_init, bias_init, resist_scale)
    return made.replace(transmission=kernel)


@recipe(_ELSEWHERE)
def PatchedSynapse(
    shape: tuple[int, int],
    n_sub_models: int = 1,
    stride_shape: tuple[int, int] = (0, 0),
    weight_init: Any = _BY_FAN_IN,
    bias_init: Param | None = None,
    resist_scale: Param = 1.0,
    p_conn: float = 1.0,
    *,
    seed: int = 0,
) -> Synapse:
    r"""Blocks along the diagonal, from a patch of units to a patch of units: ngc-learn's ``PatchedSynapse``.

    .. math:: \text{current} = R\, \text{pre}\, W + b, \qquad \text{back} = \text{feedback}\, W^T

    with a block-diagonal W (see `Patched`), of which only the blocks are stored.

    - `shape`: number of pre- and post-synaptic units without margins, both a multiple of `n_sub_models`; there are
      ``shape[0] + 2 * stride_shape[0]`` and ``shape[1] + 2 * stride_shape[1]`` with them;
    - `n_sub_models`: number of blocks;
    - `stride_shape`: margins, and half of what neighbouring blocks share, on either side;
    - `weight_init`: a number, an initialiser or an array (block, pre_in_block, post_in_block);
    - `p_conn`: below 1, each synapse of the blocks exists with this probability. They are a list of edges then (see
      `Sparse`), and `weight_init` may be an array (edge).

    The others are those of `DenseSynapse`. Compartments, by their names in ngc-learn: ``inputs`` is ``pre``,
    ``outputs`` is ``current``, ``weights`` is ``w``, ``biases`` is ``b``, ``post_in`` is ``feedback``, ``pre_out`` is
    ``back``.
    """
    topology = _patches("PatchedSynapse", shape, n_sub_models, stride_shape, p_conn, seed)
    weights = values("PatchedSynapse.weight_init", weight_init)
    return Synapse(topology, weights, resist_scale, bias_init, backward=True)


@recipe(_ELSEWHERE)
def StaticPatchedSynapse(
    shape: tuple[int, int],
    n_sub_models: int = 1,
    stride_shape: tuple[int, int] = (0, 0),
    weight_init: Any = _BY_FAN_IN,
    bias_init: Param | None = None,
    resist_scale: Param = 1.0,
    p_conn: float = 1.0,
    *,
    seed: int = 0,
) -> Synapse:
    r"""Blocks whose weights stay: ngc-learn's ``StaticPatchedSynapse``, another name for `PatchedSynapse`.

    .. math:: \text{current} = R\, \text{pre}\, W + b, \qquad \text{back} = \text{feedback}\, W^T

    Parameters are those of `PatchedSynapse`. Compartments, by their names in ngc-learn: ``inputs`` is ``pre``,
    ``outputs`` is ``current``, ``weights`` is ``w``, ``biases`` is ``b``, ``post_in`` is ``feedback``, ``pre_out`` is
    ``back``.
    """
    topology = _patches("StaticPatchedSynapse", shape, n_sub_models, stride_shape, p_conn, seed)
    weights = values("StaticPatchedSynapse.weight_init", weight_init)
    return Synapse(topology, weights, resist_scale, bias_init, backward=True)


def _synapse(
    who: str,
    shape: Any,
    p_conn: Any,
    mask: Any,
    seed: int,
    weight_init: Any,
    bias_init: Param | None,
    resist_scale: Param,
) -> Synapse:
    """All-to-all synapses, less those that `p_conn` or `mask` leave out."""
    n_pre, n_post = sizes(who, shape)
    _check_probability(who, p_conn, seed)
    connect = None if p_conn == 1 else Probability(p_conn)
    if mask is not None:
        if connect is not None:
            raise CircuitError(f"{who}: p_conn and mask both say which synapses exist: give one of them.")
        connect = _pairs_of(who, mask, (n_pre, n_post))
    topology = Dense(n_pre, n_post, connect, seed=seed)
    weights = values(f"{who}.weight_init", weight_init)
    return Synapse(topology, weights, resist_scale, bias_init)


def _check_probability(who: str, p_conn: Any, seed: Any) -> None:
    if isinstance(p_conn, bool) or not isinstance(p_conn, (int, float)) or not 0 < p_conn <= 1:
        raise CircuitError(f"{who}.p_conn must be a number above 0 and at most 1 (all synapses), got {p_conn!r}.")
    if p_conn == 1 and seed != 0:
        raise CircuitError(f"{who}.seed={seed!r} has no effect: it is that of p_conn, which is 1.")


def _pairs_of(who: str, mask: Any, shape: tuple[int, int]) -> Pairs:
    mask = np.asarray(mask)
    if mask.shape != shape:
        raise CircuitError(f"{who}.mask must have the shape {shape}, got {mask.shape}.")
    if not np.isin(mask, (0, 1)).all():
        raise CircuitError(f"{who}.mask must hold zeros and ones. Other factors belong to the weights.")
    pre, post = np.nonzero(mask)
    return Pairs(pre, post)


def _patches(who: str, shape: Any, n: int, overlap: Any, p_conn: Any, seed: int) -> Topology:
    """Blocks; as a list of edges, where not all of their synapses exist."""
    n_pre, n_post = sizes(who, shape)
    _check_probability(who, p_conn, seed)
    margins = tuple(overlap) if isinstance(overlap, (list, tuple)) else ()
    if len(margins) != 2 or not all(type(s) is int and s >= 0 for s in margins):
        raise CircuitError(f"{who}.stride_shape must be two whole numbers of at least 0, (pre, post), got {overlap!r}.")
    blocks = Patched(n_pre + 2 * margins[0], n_post + 2 * margins[1], n, margins)
    if p_conn == 1:
        return blocks
    starts = blocks.coords()
    block, pre, post = np.nonzero(np.asarray(blocks.mask))
    kept = np.random.default_rng(seed).random(block.size) < p_conn
    pairs = (starts["pre_start"][1][block] + pre)[kept], (starts["post_start"][1][block] + post)[kept]
    return Sparse(blocks.n_pre, blocks.n_post, Pairs(*pairs))
