"""Steps that recipes of both libraries have, and checks of the numbers that steps compute with."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

import jax
import numpy as np
from bouton import CircuitError, Clip
from jax.core import Tracer

from ._making import Draft


def traces(
    draft: Draft,
    *,
    tau_pre: Any = 20.0,
    tau_post: Any = 20.0,
    trace: str = "add",
    read: str = "before",
    wired: bool = False,
) -> Draft:
    """
    - `tau_pre`, `tau_post`: time constants of the traces [ms];
    - `trace`: what a spike does to its trace: "add" 1 to it or "set" it to 1;
    - `read`: whether a trace is read "before" this step's spike enters it, so that spikes in one step do not pair, or
      "after" that;
    - `wired`: whether the traces come from outside, by wires to ``plasticity.trace_pre`` and ``plasticity.trace_post``;
    """
    own = {"tau_pre": tau_pre, "tau_post": tau_post, "trace": trace, "read": read, "wired": wired}
    return draft._replace(traces=own)


def clipped(draft: Draft, low: Any, high: Any) -> Draft:
    """With weights that stay in a range, from the start."""
    return draft if low is None and high is None else draft._replace(constraints=(Clip(low, high),))


def number(name: str, given: Any, *, above: float | None = None, off: bool = False) -> Any:
    """A number that is computed with; above a bound where there is one, and None where that means that it is off."""
    if off and given is None:
        return None
    kinds = (int, float, np.number, np.ndarray, jax.Array)
    right = isinstance(given, kinds) and not isinstance(given, bool) and np.ndim(given) == 0
    known = right and not isinstance(given, Tracer)
    if not right or (known and not np.isfinite(given)) or (known and above is not None and not given > above):
        what = "a number" if above is None else f"a number above {above:g}"
        raise CircuitError(f"{name} must be {what}{', or None for none' if off else ''}, got {given!r}.")
    return given


def product(**factors: Any) -> Any:
    """The product of some numbers, given by name."""
    result = 1.0
    for name, factor in factors.items():
        result = result * number(name, factor)
    return result


def near(name: str, options: Iterable[str]) -> str:
    """The end of an error message about an unknown name."""
    known = list(options)
    close = difflib.get_close_matches(name, known, 1)
    return f"Did you mean {close[0]!r}?" if close else f"Available: {', '.join(known)}."
