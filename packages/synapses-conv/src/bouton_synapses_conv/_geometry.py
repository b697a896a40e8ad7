"""Sizes of maps, and one axis of a map under a moving window: padding, positions, and which taps fall on the map."""

from __future__ import annotations

import difflib
from typing import Any, NamedTuple

import numpy as np
from bouton import CircuitError

NAMES = ("depth", "height", "width", "channel")
FORMS = {n: f"({', '.join(NAMES[-n:])})" for n in (2, 3, 4)}


class Axis(NamedTuple):
    """An axis of `size` places, seen through a window of `kernel` taps at every `stride`-th place."""

    name: str
    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int

    @classmethod
    def derived(cls, name: str, size: int, kernel: int, stride: int, dilation: int, padding: Any) -> Axis:
        """With the padding that "SAME" or "VALID" stand for, or a given pair; raises `CircuitError` if none fits."""
        extent = (kernel - 1) * dilation + 1
        if padding == "SAME":
            total = max((-(-size // stride) - 1) * stride + extent - size, 0)
            before, after = total // 2, total - total // 2
        elif padding == "VALID":
            before = after = 0
        elif isinstance(padding, str):
            near = difflib.get_close_matches(padding.upper(), ["SAME", "VALID"], 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise CircuitError(f"padding must be 'SAME', 'VALID' or a pair for each axis, got {padding!r}.{hint}")
        elif isinstance(padding, tuple) and len(padding) == 2 and all(isinstance(n, int) and n >= 0 for n in padding):
            before, after = padding
        else:
            raise CircuitError(f"padding along {name} must be two numbers (in front, behind) >= 0, got {padding!r}.")
        if extent > size + before + after:
            pad = f" with {before} + {after} of padding" if before + after else ""
            dilated = f" (dilated to {extent})" if dilation > 1 else ""
            raise CircuitError(f"a kernel of {kernel}{dilated} does not fit into a {name} of {size}{pad}.")
        return cls(name, size, kernel, stride, dilation, before, after)

    @property
    def size_out(self) -> int:
        """Number of positions of the window."""
        return (self.before + self.size + self.after - (self.kernel - 1) * self.dilation - 1) // self.stride + 1

    @property
    def most_taps(self) -> int:
        """The most taps that fall on the map, and not into the padding, at any position."""
        starts = np.arange(self.size_out)[:, None] * self.stride - self.before
        places = starts + np.arange(self.kernel) * self.dilation
        return int(((places >= 0) & (places < self.size)).sum(1).max())


def check_size(name: str, size: Any, ranks: tuple[int, ...] = (2, 3, 4)) -> None:
    """Raise `CircuitError` for what is not the size of a map with so many axes, channels last."""
    if not (isinstance(size, tuple) and len(size) in ranks):
        *most, last = (FORMS[n] for n in ranks)
        wanted = f"{', '.join(most)} or {last}" if most else last
        short = isinstance(size, tuple) and len(size) + 1 in ranks
        hint = f" For one channel write {(*size, 1)}." if short else ""
        raise CircuitError(f"{name} must be {wanted}, got {size!r}.{hint}")
    per_axis(name, size, len(size))


def labelled(size: tuple[int, ...], prefix: str = "") -> dict[str, int]:
    """Dims of a map; those of a pre-synaptic one have a prefix, since both maps may be in one dataset."""
    return {prefix + name: n for name, n in zip(NAMES[-len(size) :], size, strict=True)}


def per_axis(name: str, value: int | tuple[int, ...], n: int, hint: str = "") -> tuple[int, ...]:
    """A number for each of n axes; one number stands for all. `hint` is for one number too many."""
    values = value if isinstance(value, tuple) else (value,) * n
    if len(values) != n or any(not isinstance(v, int) or v < 1 for v in values):
        wanted = f"a number >= 1, or {n} of them" if n > 1 else "a number >= 1"
        raise CircuitError(f"{name} must be {wanted}, got {value!r}.{hint if len(values) == n + 1 else ''}")
    return values
