"""Figures of runs: rasters, traces, rates, weights, receptive fields and confusion matrices.

Needs matplotlib, which ``pip install "bouton[plot]"`` brings. Every function draws into `ax` (an Axes, or a Figure that
gets one) and returns the Axes; without `ax` it opens a figure with pyplot, which works without a screen too::

    from bouton import plot

    plot.raster(run, "exc", stop=500.0).figure.savefig("raster.png")

A variable is given as a run and a name, or as a DataArray alone (``run["exc.v"]``, or a part of it). Names, units and
times are those of the dataset. `start` and `stop` [ms] choose what lies between these times (of variables kept once per
trial, the trials of these numbers). Where a run has trials, batches or sweeps, one of each is chosen by its index along
the dim: ``trial=3``, ``batch=0``, ``**{"exc.tau_m": 1}``. Nothing is left out of a figure without saying so in its title.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import xarray as xr

from ._errors import BoutonError, RunError, nearest
from ._run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    Canvas: TypeAlias = Axes | Figure | SubFigure | None

__all__ = ["confusion", "raster", "rate", "receptive_fields", "trace", "weights"]

MARKS = 100_000
"""A raster of more spikes shows only some of the units."""
LINES = 5
"""Lines in a figure where none were chosen."""
BLOCK_BYTES = 32 * 2**20
_INK = "#22303c"
_COLOURS = ("#1f5f8b", "#d1603d", "#5b8e4f", "#8c6bb1", "#c9a227", "#3d9a9a", "#a14a76", "#7f7f7f")


def raster(
    run: Run | xr.DataArray,
    node: str | None = None,
    *,
    compartment: str = "s",
    start: float | None = None,
    stop: float | None = None,
    units: Sequence[Any] | slice | None = None,
    ax: Canvas = None,
    **select: int,
) -> Axes:
    """Spikes of a population: a mark at the time and the unit of each.

    `units` are those to be shown, others take no room. Of more than 100,000 spikes only every k-th unit is shown.
    `RunError` if the spikes were not recorded in every step.
    """
    series = _spikes(run, node, compartment, start, stop, select)
    flat, _ = series.units(units)
    found = [(i + rows, columns) for i, block in series.blocks(flat) for rows, columns in [np.nonzero(block)]]
    rows, columns = (np.concatenate(each) for each in zip(*found, strict=True))
    if len(rows) == 0:
        series.notes.append("no spikes")
    keep_every = math.ceil(len(rows) / MARKS) or 1
    if keep_every > 1:
        shown = columns % keep_every == 0
        rows, columns = rows[shown], columns[shown]
        series.notes.append(f"only every {_ordinal(keep_every)} of {len(flat)} units")
    # Units that were picked one by one lie close together, each beside its own number.
    picked = units is not None and np.any(np.diff(flat) != 1)
    ax = _axes(ax)
    height = ax.bbox.height / ax.get_figure(root=True).dpi * 72 / max(1, len(flat))  # type: ignore[union-attr]
    ax.plot(
        series.x[rows],
        columns if picked else flat[columns],
        "|",
        color=_INK,
        markersize=min(9, max(1.5, 0.8 * height * keep_every)),
        markeredgewidth=0.8,
        rasterized=len(rows) > 10_000,
    )
    if picked and len(flat) <= 30:
        ax.set_yticks(range(len(flat)), [str(n) for n in flat])
    low = 0 if picked else flat[0]
    ax.set_ylim(low - 0.5, low + len(flat) - 0.5)
    series.label(ax, "unit" if len(series.own) == 1 else " x ".join(series.own))
    return ax


def trace(
    run: Run | xr.DataArray,
    name: str | None = None,
    *,
    units: Sequence[Any] | slice | None = None,
    start: float | None = None,
    stop: float | None = None,
    ax: Canvas = None,
    **select: int,
) -> Axes:
    """A variable over time (or over trials, if it was kept once per trial), a line for each unit.

    `units` are indices along its dim; of a variable with several dims, tuples: ``units=[(0, 5)]`` for a weight. Without
    them the first five are shown.
    """
    series = _series(run, name, start, stop, select)
    flat, labels = series.units(units, most=LINES)
    values = np.concatenate([block for _, block in series.blocks(flat)])
    ax = _axes(ax)
    for n, label in enumerate(labels):
        ax.plot(series.x, values[:, n], color=_COLOURS[n % len(_COLOURS)], linewidth=1.0, label=label)
    series.label(ax, _quantity(series.data), labels)
    return ax


def rate(
    run: Run | xr.DataArray,
    node: str | None = None,
    *,
    window: float = 20.0,
    per_unit: bool = False,
    compartment: str = "s",
    units: Sequence[Any] | slice | None = None,
    start: float | None = None,
    stop: float | None = None,
    ax: Canvas = None,
    **select: int,
) -> Axes:
    """How often a population fires [Hz]: spikes in each `window` [ms], per unit and second.

    With `per_unit` a line for each of the `units` (the first five), otherwise their mean. Windows lie side by side from
    the beginning of what is shown; one that is not complete at the end is left out.
    """
    series = _spikes(run, node, compartment, start, stop, select)
    flat, labels = series.units(units, most=LINES if per_unit else None)
    step, n = series.step, round(window / series.step)
    if n < 1 or abs(n * step - window) > 1e-6 * window:
        raise RunError(f"window={window:g} ms is not a whole number of steps of {step:g} ms.")
    if n > len(series.times):
        raise RunError(f"window={window:g} ms is longer than what is shown, {len(series.times) * step:g} ms.")
    counts = [
        (block[: len(block) // n * n] != 0).reshape(-1, n, len(flat)).sum(axis=1)
        for _, block in series.blocks(flat, multiple=n)
    ]
    values = np.concatenate(counts) / (window / 1000)
    first = series.x[0] - step * series.scale
    edges = first + np.arange(len(values) + 1) * window * series.scale
    if not per_unit:
        values, labels = values.mean(axis=1, keepdims=True), [""]
    ax = _axes(ax)
    for i, label in enumerate(labels):
        ax.stairs(values[:, i], edges, color=_COLOURS[i % len(_COLOURS)], linewidth=1.2, label=label, baseline=None)
    ax.set_ylim(0, 1.05 * values.max() or 1)
    series.notes.append(f"windows of {window:g} ms")
    series.label(ax, "rate [Hz]" if per_unit else "mean rate [Hz]", labels)
    return ax


def weights(
    run: Run | xr.DataArray, name: str | None = None, *, at: int = -1, ax: Canvas = None, **select: int
) -> Axes:
    """A matrix of weights, pre-synaptic units downwards, with a colour bar.

    `at` is the index of the sample, by default the last. White is 0; signed weights are blue below and red above it.
    """
    values, (pre, post), label, title = _matrix(run, name, at, select)
    ax = _axes(ax, (5.6, 4.2))
    image = ax.imshow(values, aspect="auto", interpolation="nearest", **_colours(values))
    _colour_bar(ax, image, label)
    ax.set_xlabel(post)
    ax.set_ylabel(pre)
    ax.set_title(title)
    return ax


def receptive_fields(
    run: Run | xr.DataArray,
    name: str | None = None,
    *,
    shape: tuple[int, int] | None = None,
    units: Sequence[int] | slice | None = None,
    at: int = -1,
    columns: int | None = None,
    ax: Canvas = None,
    **select: int,
) -> Axes:
    """The weights onto each post-synaptic unit as an image of `shape` (height, width), row-major, unit by unit.

    All images have the one scale that the colour bar shows. Without `shape` they are square; without `units` the first
    400 are shown, in rows of `columns`.
    """
    values, (pre, post), label, title = _matrix(run, name, at, select)
    side = math.isqrt(len(values))
    height, width = shape or (side, side)
    if height * width != len(values):
        hint = f"shape={shape}" if shape else "shape= is left out, and"
        raise RunError(f"{hint} does not fit: there are {len(values)} weights ({pre}) onto each {post} unit.")
    flat = _indices(units, values.shape[1], post, most=400)
    columns = min(len(flat), columns or math.ceil(math.sqrt(len(flat) * height / width)))
    rows = math.ceil(len(flat) / columns)
    page = np.full((rows, height + 1, columns, width + 1), np.nan)
    for n, unit in enumerate(flat):
        page[n // columns, :height, n % columns, :width] = values[:, unit].reshape(height, width)
    page = page.reshape(rows * (height + 1), -1)[:-1, :-1]
    ax = _axes(ax, (5.6, 4.8))
    image = ax.imshow(page, interpolation="nearest", **_colours(values[:, flat]))
    _colour_bar(ax, image, label)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    some = "" if len(flat) == values.shape[1] else f"{len(flat)} of "
    ax.set_title(f"{title}, {some}{values.shape[1]} {post} units on one scale")
    return ax


def confusion(
    true: Any, predicted: Any, labels: Sequence[Any] | None = None, *, ax: Canvas = None, title: str | None = None
) -> Axes:
    """How many of each true class were taken for which: rows are true, columns predicted, shades a row's shares.

    `labels` are the classes in their order, by default all that occur. The title is the share of correct ones.
    """
    true, predicted = np.asarray(true).ravel(), np.asarray(predicted).ravel()
    if len(true) != len(predicted) or len(true) == 0:
        raise RunError(f"confusion needs as many predicted as true classes, got {len(predicted)} for {len(true)}.")
    classes = list(np.unique(np.concatenate([true, predicted])) if labels is None else labels)
    for what, given in (("true", true), ("predicted", predicted)):
        if strange := [v for v in np.unique(given).tolist() if v not in classes]:
            raise RunError(f"{what} holds {strange[0]!r}, which is none of labels={classes}.")
    counts = np.array([[np.sum((true == t) & (predicted == p)) for p in classes] for t in classes])
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    ax = _axes(ax, (4.6, 4.4))
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), n in np.ndenumerate(counts):
        if n and len(classes) <= 30:
            colour = "white" if shares[row, column] > 0.5 else _INK
            ax.text(column, row, str(n), ha="center", va="center", color=colour, fontsize="small")
    ax.set_xticks(range(len(classes)), [str(c) for c in classes])
    ax.set_yticks(range(len(classes)), [str(c) for c in classes])
    ax.tick_params(length=0)
    ax.set_xlabel("predicted")
    ax.set_ylabel("true")
    right = int(np.sum(true == predicted))
    ax.set_title(title or f"{right} of {len(true)} correct, {100 * right / len(true):.1f} %")
    return ax


# ---- what is drawn ---------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class _Series:
    """A variable along time (or trials), with nothing else but its own dims; read in blocks."""

    name: str
    data: xr.DataArray
    along: str
    own: tuple[str, ...]
    notes: list[str]

    def __post_init__(self) -> None:
        self.times = np.asarray(self.data[self.along].values, float)
        is_long = self.is_time and self.times[-1] - self.times[0] >= 10_000
        self.scale, self.unit = (1e-3, "s") if is_long else (1.0, "ms")
        self.x = self.times * self.scale

    @property
    def is_time(self) -> bool:
        return self.along.startswith("time")

    @property
    def step(self) -> float:
        """Time between two samples [ms]; that of a single one is its own."""
        return float(self.times[1] - self.times[0] if len(self.times) > 1 else self.times[0])

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.data.sizes[d] for d in self.own)

    def units(self, units: Any, most: int | None = None) -> tuple[np.ndarray, list[str]]:
        """The chosen units as row-major indices, and what to call each."""
        if len(self.own) > 1 and units is not None and not isinstance(units, slice):
            given = np.asarray(units)
            if given.ndim != 2 or given.shape[1] != len(self.own) or given.dtype.kind not in "iu":
                example = (0,) * len(self.own)
                raise RunError(
                    f"{self.name} has the dims {', '.join(self.own)}: choose units=[{example}], for instance."
                )
            inside = (given >= 0) & (given < np.array(self.shape))
            if not inside.all():
                strange = tuple(given[~inside.all(axis=1)][0].tolist())
                raise RunError(f"units: {strange} is not within the shape {self.shape} of {self.name}.")
            flat = np.ravel_multi_index(tuple(given.T), self.shape)
        else:
            total = math.prod(self.shape)
            flat = _indices(units, total, self.name, most=most)
            if units is None and len(flat) < total:
                self.notes.append(f"the first {len(flat)} of {total}")
        places = zip(*np.unravel_index(flat, self.shape), strict=True) if self.own else [()]
        return flat, [", ".join(f"{d} {i}" for d, i in zip(self.own, at, strict=True)) for at in places]

    def blocks(self, flat: np.ndarray, multiple: int = 1) -> Iterator[tuple[int, np.ndarray]]:
        """(first sample, values (sample, chosen unit)) in blocks of bounded size, each a multiple of so many samples."""
        row = max(1, math.prod(self.shape) * self.data.dtype.itemsize)
        size = max(1, BLOCK_BYTES // row // multiple) * multiple
        for first in range(0, len(self.times), size):
            block = self.data.isel({self.along: slice(first, first + size)}).transpose(self.along, *self.own)
            values = block.values
            yield first, values.reshape(len(values), -1)[:, flat]

    def label(self, ax: Axes, y: str, lines: Sequence[str] = ()) -> None:
        """Axis labels, title, and the names of the lines: of one alone in the title, of several beside the axes."""
        if len(lines) == 1 and lines[0]:
            self.notes.append(lines[0])
        elif len(lines) > 1:
            ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize="small", handlelength=1.2)
        ax.set_xlabel(f"time [{self.unit}]" if self.is_time else "trial")
        ax.set_ylabel(y)
        ax.set_title(", ".join([self.name, *self.notes]))
        if self.is_time:
            ax.set_xlim(self.x[0] - self.step * self.scale, self.x[-1])


def _series(run: Any, name: str | None, start: float | None, stop: float | None, select: dict[str, int]) -> _Series:
    name, data = _variable(run, name)
    along = _along(data)
    if along is None:
        raise RunError(f"{name} has neither a dim 'time' nor 'trial', but {', '.join(map(str, data.dims)) or 'none'}.")
    dims = [str(d) for d in data.dims]
    own = tuple(d for d in dims[dims.index(along) + 1 :] if d != "batch" and d not in select)
    data, notes = _one(data, name, (along, *own), select)
    times = np.asarray(data[along].values, float)
    if along.startswith("time"):  # the time of a step is its end: one that ends at `start` lies before it
        slack = 1e-6 * (times[1] - times[0]) if len(times) > 1 else 0.0
        shown = (times > (-math.inf if start is None else start + slack)) & (
            times <= (math.inf if stop is None else stop + slack)
        )
    else:
        shown = (times >= (-math.inf if start is None else start)) & (times <= (math.inf if stop is None else stop))
    where = np.nonzero(shown)[0]
    if len(where) == 0:
        ends = f"{times[0]:g} to {times[-1]:g}" if len(times) else "nothing"
        raise RunError(f"start={start}, stop={stop}: {name} has no value there; along {along!r} it holds {ends}.")
    return _Series(name, data.isel({along: slice(where[0], where[-1] + 1)}), along, own, notes)


def _spikes(
    run: Any, node: str | None, compartment: str, start: float | None, stop: float | None, select: dict[str, int]
) -> _Series:
    series = _series(run, None if node is None else f"{node}.{compartment}", start, stop, select)
    if series.data.dtype != bool or series.along != "time":
        name = series.name
        found = f"{series.data.dtype} along {series.along!r}"
        raise RunError(
            f"{name} does not hold the spikes of every step but {found}: simulate with record={{{name!r}: 1}}."
        )
    return series


def _matrix(
    run: Any, name: str | None, at: int, select: dict[str, int]
) -> tuple[np.ndarray, tuple[str, str], str, str]:
    """(values, their dims, label of the colours, title) of a variable with two dims of its own."""
    name, data = _variable(run, name)
    along, notes = _along(data), []
    dims = [str(d) for d in data.dims if d not in select]
    own = dims[dims.index(along) + 1 :] if along in dims else dims
    if along in dims:
        data, notes = _one(data, name, (along, *own), select)
        if not -data.sizes[along] <= at < data.sizes[along]:
            raise RunError(f"at={at}: {name} has {data.sizes[along]} samples along {along!r}.")
        when = float(data[along].values[at])
        notes.append(f"at {when:g} ms" if along.startswith("time") else f"after trial {when:g}")
        data = data.isel({along: at})
    else:
        data, notes = _one(data, name, own, select)
    if len(own) != 2:
        raise RunError(f"{name} is no matrix (pre, post): it has the dims {', '.join(own) or 'none'}.")
    return np.asarray(data.values, float), (own[0], own[1]), _quantity(data), ", ".join([name, *notes])


def _variable(run: Any, name: str | None) -> tuple[str, xr.DataArray]:
    if isinstance(run, xr.DataArray):
        return name or str(run.name or run.attrs.get("long_name", "values")), run
    if not isinstance(run, Run):
        raise RunError(f"a figure needs a bouton.Run or an xarray.DataArray, got {run!r}.")
    if name is None:
        raise RunError(f"say what to draw of the run.{nearest('', run.variables)}")
    if name not in run.variables:
        raise RunError(
            f"{name!r} was not recorded: simulate with record={{{name!r}: 1}}.{nearest(name, run.variables)}"
        )
    return name, run[name]


def _along(data: xr.DataArray) -> str | None:
    """The dim along which a variable grew: its time, or the trial where it was kept once in each."""
    for kind in ("time", "trial"):
        for dim in map(str, data.dims):
            if re.fullmatch(rf"{kind}(_\d+)?", dim):
                return dim
    return None


def _one(data: xr.DataArray, name: str, keep: Sequence[str], select: dict[str, int]) -> tuple[xr.DataArray, list[str]]:
    """`data` with one element chosen along each dim that is not kept, and what was chosen in words."""
    others = {str(d): n for d, n in data.sizes.items() if d not in keep}
    for dim in select:
        if dim not in others:
            raise RunError(f"{name} has no dim {dim!r} to choose from.{nearest(dim, others)}")
    chosen = {dim: select.get(dim, 0) for dim in others}
    for dim, n in others.items():
        if dim not in select and n > 1:
            raise RunError(f"{name} has {n} elements along {dim!r}: choose one by its index, e.g. {_keyword(dim)}.")
        if isinstance(chosen[dim], bool) or not isinstance(chosen[dim], (int, np.integer)):
            raise RunError(f"{dim}={chosen[dim]!r}: choose one by its index, a whole number.")
        if not -n <= chosen[dim] < n:
            raise RunError(f"{dim}={chosen[dim]}: {name} has {n} elements along {dim!r}.")
    notes = [f"{dim} {data[dim].values[i]:g}" for dim, i in chosen.items() if others[dim] > 1]
    return data.isel(chosen), notes


def _indices(units: Any, total: int, name: str, most: int | None = None) -> np.ndarray:
    if units is None:
        return np.arange(total if most is None else min(total, most))
    flat = np.arange(total)[units] if isinstance(units, slice) else np.asarray(units)
    if flat.ndim != 1 or len(flat) == 0 or flat.dtype.kind not in "iu":
        raise RunError(f"units must be a list of whole numbers or a slice of the {total} there are, got {units!r}.")
    for unit in flat[(flat < 0) | (flat >= total)]:
        raise RunError(f"units: there is no {unit}, {name} has {total} (0 to {total - 1}).")
    return flat


def _keyword(dim: str) -> str:
    return f"{dim}=0" if dim.isidentifier() else f"**{{{dim!r}: 0}}"


def _ordinal(n: int) -> str:
    ends = {1: "st", 2: "nd", 3: "rd"}
    return f"{n}{'th' if n % 100 in (11, 12, 13) else ends.get(n % 10, 'th')}"


# ---- how it looks ----------------------------------------------------------------------------------------------------


def _axes(ax: Canvas, size: tuple[float, float] = (6.4, 3.2)) -> Axes:
    """Axes in the style of all these figures. pyplot, and with it a global figure, only where none is given."""
    if ax is None:
        try:
            import matplotlib.pyplot as plt
        except ImportError:
            raise BoutonError('figures need matplotlib: pip install "bouton[plot]".') from None
        ax = plt.figure(figsize=size, layout="constrained")
    axes: Axes = ax.add_subplot() if hasattr(ax, "add_subplot") else ax  # type: ignore[union-attr, assignment]
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize="small", colors=_INK)
    for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
        text.set(fontsize="medium", color=_INK)
    return axes


def _quantity(data: xr.DataArray) -> str:
    units = data.attrs.get("units", "1")
    return data.attrs.get("long_name", str(data.name or "")) + ("" if units == "1" else f" [{units}]")


def _colours(values: np.ndarray) -> dict[str, Any]:
    """White is 0: inks for what is never negative, blue and red for what has two signs."""
    import matplotlib

    low, high = float(np.nanmin(values, initial=0.0)), float(np.nanmax(values, initial=0.0))
    most = max(-low, high) or 1.0
    cmap = matplotlib.colormaps["RdBu_r" if low < 0 else "Greys"].with_extremes(bad="#dfe6ea")
    return {"cmap": cmap, "vmin": -most if low < 0 else 0.0, "vmax": most}


def _colour_bar(ax: Axes, image: Any, label: str) -> None:
    figure = ax.figure
    bar = figure.colorbar(image, ax=ax, shrink=0.9, pad=0.02)
    bar.outline.set_visible(False)  # type: ignore[union-attr]
    bar.ax.tick_params(labelsize="small", colors=_INK)
    bar.set_label(label, color=_INK)
