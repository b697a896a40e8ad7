"""Cells by the published names of their firing patterns."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from bouton import CircuitError, recipe

from .adex import AdExCell
from .izhikevich import IzhikevichCell

_IZHIKEVICH = MappingProxyType(
    {  # a [1/ms], b, c [mV], d [mV]
        "RS": (0.02, 0.2, -65.0, 8.0),
        "IB": (0.02, 0.2, -55.0, 4.0),
        "CH": (0.02, 0.2, -50.0, 2.0),
        "FS": (0.1, 0.2, -65.0, 2.0),
        "LTS": (0.02, 0.25, -65.0, 2.0),
        "RZ": (0.1, 0.26, -65.0, 2.0),
        "TC": (0.02, 0.25, -65.0, 0.05),
    }
)
_ADEX = MappingProxyType(
    {  # C [pF], g_L [nS], E_L [mV], a [nS], tau_w [ms], b [pA], V_r [mV]
        "tonic spiking": (200.0, 10.0, -70.0, 2.0, 30.0, 0.0, -58.0),
        "adaptation": (200.0, 12.0, -70.0, 2.0, 300.0, 60.0, -58.0),
        "initial burst": (130.0, 18.0, -58.0, 4.0, 150.0, 120.0, -50.0),
        "regular bursting": (200.0, 10.0, -58.0, 2.0, 120.0, 100.0, -46.0),
        "delayed accelerating": (200.0, 12.0, -70.0, -10.0, 300.0, 0.0, -58.0),
        "delayed regular bursting": (100.0, 10.0, -65.0, -10.0, 90.0, 30.0, -47.0),
        "transient spiking": (100.0, 10.0, -65.0, 10.0, 90.0, 100.0, -47.0),
        "irregular spiking": (100.0, 12.0, -60.0, -11.0, 130.0, 30.0, -48.0),
    }
)


@recipe()
def Izhikevich(kind: str, n_units: int | tuple[int, ...]) -> IzhikevichCell:
    r"""The cells of Izhikevich (2003), by the names of their types there.

    =======  ======================  ====  ====  ===  ====
    `kind`   what it fires           a     b     c    d
    =======  ======================  ====  ====  ===  ====
    ``RS``   regular spikes          0.02  0.2   -65  8
    ``IB``   a burst, then spikes    0.02  0.2   -55  4
    ``CH``   bursts (chattering)     0.02  0.2   -50  2
    ``FS``   fast spikes             0.1   0.2   -65  2
    ``LTS``  from a low threshold    0.02  0.25  -65  2
    ``RZ``   in resonance            0.1   0.26  -65  2
    ``TC``   thalamo-cortical        0.02  0.25  -65  0.05
    =======  ======================  ====  ====  ===  ====

    A recipe: an `IzhikevichCell` with ``tau_w`` = 1/a, ``coupling_factor`` = b, ``v_reset`` = c and ``w_reset`` = d. It
    starts at rest. Other changes: ``.replace(integration_type="rk4")``.

    Raises `CircuitError` for an unknown name.
    """
    a, b, c, d = _of("Izhikevich", kind, _IZHIKEVICH)
    rest = (b - 5.0 - math.sqrt((5.0 - b) ** 2 - 22.4)) / 0.08
    return IzhikevichCell(n_units, v_reset=c, tau_w=1.0 / a, w_reset=d, coupling_factor=b, v0=rest, w0=b * rest)


@recipe()
def AdEx(kind: str, n_units: int | tuple[int, ...]) -> AdExCell:
    r"""Adaptive exponential cells, by the firing patterns of Naud et al. (2008).

    ============================  ===  ===  ===  ===  ====  ===  ===  ===
    `kind`                        C    g_L  E_L  a    τ_w   b    V_r  j
    ============================  ===  ===  ===  ===  ====  ===  ===  ===
    ``tonic spiking``             200  10   -70  2    30    0    -58  500
    ``adaptation``                200  12   -70  2    300   60   -58  500
    ``initial burst``             130  18   -58  4    150   120  -50  400
    ``regular bursting``          200  10   -58  2    120   100  -46  210
    ``delayed accelerating``      200  12   -70  -10  300   0    -58  300
    ``delayed regular bursting``  100  10   -65  -10  90    30   -47  110
    ``transient spiking``         100  10   -65  10   90    100  -47  180
    ``irregular spiking``         100  12   -60  -11  130   30   -48  160
    ============================  ===  ===  ===  ===  ====  ===  ===  ===

    in pF, nS, mV and pA; j is the constant current with which the pattern is shown, from rest. For all of them
    :math:`V_T` is -50 mV, and the slope factor 2 mV.

    A recipe: an `AdExCell` with ``tau_m`` = C / g_L (in ms), ``resist_m`` = 1 / g_L (in mV per pA), ``v_rest`` = E_L,
    ``v_reset`` = V_r, and a, b and ``tau_w`` as they are, so that j, b and w are in pA and a in pA per mV. It starts at
    rest. Other changes: ``.replace(integration_type="rk4")``.

    Raises `CircuitError` for an unknown name.
    """
    capacitance, leak, rest, a, tau_w, b, reset = _of("AdEx", kind, _ADEX)
    return AdExCell(
        n_units,
        tau_m=capacitance / leak,
        resist_m=1.0 / leak,
        tau_w=tau_w,
        intrinsic_mem_thr=-50.0,
        v_rest=rest,
        v_reset=reset,
        a=a,
        b=b,
        v0=rest,
    )


def _of(who: str, kind: Any, kinds: Mapping[str, tuple[float, ...]]) -> tuple[float, ...]:
    if kind not in kinds:
        close = difflib.get_close_matches(str(kind), kinds, 1)
        hint = f"Did you mean {close[0]!r}?" if close else f"Available: {', '.join(kinds)}."
        raise CircuitError(f"{who} has no type {kind!r}. {hint}")
    return kinds[kind]
