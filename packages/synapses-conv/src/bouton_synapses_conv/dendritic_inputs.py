"""The dendritic inputs of CoNeX between maps, by their names there. Each returns a `Synapse`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from bouton import CircuitError, Param, Synapse, recipe

from ._arguments import over_map, values
from ._geometry import check_size
from .convolution import Conv
from .lateral import Lateral
from .local import Local2d
from .pooling import Pool2d

_OF_ALL: Mapping[str, str] = MappingProxyType(
    {
        "tag": "A compartment of a dendrite is an input of the cell: wire the current to it by name.",
        "weight_shape": "Weights have the shape that the topology gives them.",
        "kernel_shape": "The size of the kernel is kernel=(height, width).",
    }
)
_ELSEWHERE: Mapping[str, str] = MappingProxyType(_OF_ALL | {"inhibitory": "Use sign=-1 for what inhibits."})


@recipe(_ELSEWHERE)
def Conv2dDendriticInput(
    size_in: tuple[int, int, int],
    kernel: int | tuple[int, int],
    channels_out: int,
    weights: Any,
    current_coef: Param = 1.0,
    sign: Literal[1, -1] = 1,
    stride: int | tuple[int, int] = 1,
    padding: Any = 0,
) -> Synapse:
    r"""The current through kernels that all positions share: CoNeX's ``Conv2dDendriticInput``.

    .. math:: I_{p,o} = c \cdot \text{sign} \cdot \sum_{k} \sum_{i} w_{k,i,o}\; \text{pre}_{p s + k - l,\; i}

    with `Conv`.

    - `size_in`: (height, width, channel) of the source. CoNeX calls channels depth, and has them first;
    - `kernel`, `channels_out`: size of the kernels, and how many there are;
    - `weights`: magnitudes, a number, an initialiser or an array (ky, kx, channel_in, channel_out), which of CoNeX's
      weights is ``w.transpose(2, 3, 1, 0)``;
    - `current_coef`: the factor c, a number or an array (channel) or (height, width, channel);
    - `sign`: 1 where the source excites, -1 where it inhibits. CoNeX looks for "GABA" or "inh" among the tags of the
      source; a tag that is spelt otherwise excites there. A rule changes the magnitudes;
    - `stride`: places from one position to the next;
    - `padding`: places on either side, a number or one for each axis; or as in `Conv`.

    ``.replace(...)`` adds other parts: plasticity, constraints, a transmission, delays.

    Compartments, by their names in CoNeX: ``pre_spike`` is ``pre``, ``I`` is ``current``, ``weights`` is ``w``.
    Pre-synaptic values are those of this step; CoNeX takes those of the last one (``bouton.delayed("exc.s", dt)``).

    Raises `CircuitError` for what does not fit, and for what CoNeX says elsewhere.
    """
    check_size("Conv2dDendriticInput.size_in", tuple(size_in), (3,))
    topology = Conv(size_in, kernel, channels_out, stride, _pairs(padding))
    return _input("Conv2dDendriticInput", topology, weights, current_coef, sign)


@recipe(_ELSEWHERE)
def Local2dDendriticInput(
    size_in: tuple[int, int, int],
    kernel: int | tuple[int, int],
    channels_out: int,
    weights: Any,
    current_coef: Param = 1.0,
    sign: Literal[1, -1] = 1,
    stride: int | tuple[int, int] = 1,
    padding: Any = 0,
) -> Synapse:
    r"""The current through windows with kernels of their own: CoNeX's ``Local2dDendriticInput``.

    .. math:: I_{p,o} = c \cdot \text{sign} \cdot \sum_{k} \sum_{i} w_{p,k,i,o}\; \text{pre}_{p s + k - l,\; i}

    with `Local2d`.

    - `weights`: magnitudes, a number, an initialiser or an array (height, width, ky, kx, channel_in, channel_out).
      CoNeX's (channel_out, height * width, channel_in * ky * kx) is that after ``w.reshape(channel_out, height, width,
      channel_in, ky, kx).transpose(1, 2, 4, 5, 3, 0)``.

    The others are those of `Conv2dDendriticInput`. Compartments, by their names in CoNeX: ``pre_spike`` is ``pre``,
    ``I`` is ``current``, ``weights`` is ``w``.
    """
    topology = Local2d(size_in, kernel, channels_out, stride, _pairs(padding))
    return _input("Local2dDendriticInput", topology, weights, current_coef, sign)


@recipe(_OF_ALL)
def LateralDendriticInput(
    size_in: tuple[int, int, int],
    kernel: int | tuple[int, int, int],
    weights: Any,
    current_coef: Param = 1.0,
    sign: Literal[1, -1] = 1,
    inhibitory: bool | None = None,
    centre: bool = True,
) -> Synapse:
    r"""The current within a map through one kernel over places and channels: CoNeX's ``LateralDendriticInput``.

    .. math:: I_{p} = c \cdot \text{sign} \cdot \sum_{k} w_{k}\; \text{pre}_{p + k - m}

    with `Lateral`, where m is the middle of the kernel.

    - `size_in`: (height, width, channel) of the map. CoNeX calls channels depth, and has them first;
    - `kernel`: its size along (height, width, channel), odd; one number for all;
    - `weights`: magnitudes, a number, an initialiser or an array (ky, kx, kc), which of CoNeX's weights is
      ``w[0, 0].transpose(1, 2, 0)``;
    - `inhibitory`: True inhibits and False excites, whatever `sign` says of the source; None: as `sign` says;
    - `centre`: False cuts the synapse of each unit with itself for good. CoNeX keeps it.

    The others are those of `Conv2dDendriticInput`. Compartments, by their names in CoNeX: ``pre_spike`` is ``pre``,
    ``I`` is ``current``, ``weights`` is ``w``.
    """
    if inhibitory not in (None, True, False):
        raise CircuitError(
            f"LateralDendriticInput.inhibitory must be True, False or None (as sign says), got {inhibitory!r}."
        )
    check_size("LateralDendriticInput.size_in", tuple(size_in), (3,))
    topology = Lateral(size_in, kernel, centre)
    kind = sign if inhibitory is None else -1 if inhibitory else 1
    return _input("LateralDendriticInput", topology, weights, current_coef, kind)


@recipe(_ELSEWHERE | {"weights": "It has none: current_coef is a factor on the means."})
def AveragePool2D(
    size_in: tuple[int, int, int],
    size_out: tuple[int, int],
    current_coef: Param = 1.0,
    sign: Literal[1, -1] = 1,
) -> Synapse:
    r"""The mean of each bin of a map, channel by channel: CoNeX's ``AveragePool2D``.

    .. math:: I_{ij,o} = c \cdot \text{sign} \cdot \frac{1}{n_{ij}} \sum_{pq \in B_{ij}} \text{pre}_{pq,o}

    with `Pool2d`, which says what the bins are. It also gives sums: ``Synapse(Pool2d(..., reduce="sum"), None)``.

    - `size_in`: (height, width, channel) of the source. CoNeX calls channels depth, and has them first;
    - `size_out`: (height, width) of the target.

    The others are those of `Conv2dDendriticInput`. There are no weights, and nothing to learn. Compartments, by their
    names in CoNeX: ``pre_spike`` is ``pre``, ``I`` is ``current``.
    """
    return _input("AveragePool2D", Pool2d(size_in, size_out), None, current_coef, sign)


def _pairs(padding: Any) -> Any:
    """Padding as `Conv` takes it: a number, or one for each axis, is the same in front and behind."""
    each = (padding, padding) if type(padding) is int else padding
    if isinstance(each, (list, tuple)) and all(type(n) is int for n in each):
        return tuple((n, n) for n in each)
    return each


def _input(
    who: str, topology: Conv | Local2d | Lateral | Pool2d, weights: Any, current_coef: Any, sign: Any
) -> Synapse:
    if isinstance(sign, bool) or sign not in (1, -1):
        raise CircuitError(f"{who}.sign must be 1 (the source excites) or -1 (it inhibits), got {sign!r}.")
    size_out = tuple(topology.size("post"))
    coef = over_map(f"{who}.current_coef", current_coef, size_out)
    if topology.dims()["weights"] is not None:
        weights = values(f"{who}.weights", weights)
    return Synapse(topology, weights, gain=coef if sign == 1 else -coef)
