"""Figures of runs: rasters, traces, rates, weights, receptive fields and confusion matrices.

Needs matplotlib, which ``pip install "bouton[plot]"`` brings. Every function draws into `ax` (an Axes, or a Figure that
gets one) and returns the Axes; without `ax` it opens a figure with pyplot, which works without a screen too::

    from bouton import plot

    plot.raster(run, "exc", stop=500.0).figure.savefig("raster.png")

A variable is given as a run and a name, or as a DataArray alone (``run["exc.v"]``, or a part of it). Names, units and
times are those of the dataset. `start` and `stop` [ms] choose what lies between these times (of variables kept once per
trial: the trials from one number to the other). Where a run has trials, batches or sweeps, one of each is chosen by its
index along the dim: ``trial=3``, ``batch=0``, ``**{"exc.tau_m": 1}``. What a figure leaves out its title says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import xarray as xr

from ._errors import BoutonError, RunError
from ._run import Run
from ._selection import Series, indices, matrix_of, quantity, series_of, spikes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    Canvas: TypeAlias = Axes | Figure | SubFigure | None

__all__ = ["confusion", "raster", "rate", "receptive_fields", "trace", "weights"]

MARKS = 100_000
"""A raster of more spikes shows only some of the units."""
LINES = 5
"""Lines in a figure where none were chosen."""
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
    series = spikes_of(run, node, compartment, start, stop, select)
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
        markersize=min(9, max(1, 0.8 * height * keep_every)),
        markeredgewidth=0.8 if height * keep_every > 2 else 0.5,
        rasterized=len(rows) > 10_000,
    )
    if picked and len(flat) <= 30:
        ax.set_yticks(range(len(flat)), [str(n) for n in flat])
    low = 0 if picked else flat[0]
    ax.set_ylim(low - 0.5, low + len(flat) - 0.5)
    _label(ax, series, "unit" if len(series.own) == 1 else " x ".join(series.own))
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
    series = series_of(run, name, start, stop, select)
    flat, labels = series.units(units, most=LINES)
    values = np.concatenate([block for _, block in series.blocks(flat)])
    ax = _axes(ax)
    for n, label in enumerate(labels):
        ax.plot(series.x, values[:, n], color=_COLOURS[n % len(_COLOURS)], linewidth=1.0, label=label)
    _label(ax, series, quantity(series.data), labels)
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
    series = spikes_of(run, node, compartment, start, stop, select)
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
    _label(ax, series, "rate [Hz]" if per_unit else "mean rate [Hz]", labels)
    return ax


def weights(
    run: Run | xr.DataArray, name: str | None = None, *, at: int = -1, ax: Canvas = None, **select: int
) -> Axes:
    """A matrix of weights, pre-synaptic units downwards, with a colour bar.

    `at` is the index of the sample, by default the last. White is 0; signed weights are blue below and red above it.
    Weights of a list of edges, as of a sparse topology, are put in their places.
    """
    values, (pre, post), label, title = matrix_of(run, name, at, select)
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
    values, (pre, post), label, title = matrix_of(run, name, at, select)
    side = math.isqrt(len(values))
    height, width = shape or (side, side)
    if height * width != len(values):
        onto = f"{len(values)} weights ({pre}) onto each {post} unit"
        raise RunError(
            f"shape={shape} does not fit the {onto}."
            if shape
            else f"shape= is left out, and there are {onto}: no square."
        )
    flat = indices(units, values.shape[1], post, most=400)
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


def _label(ax: Axes, series: Series, y: str, lines: Sequence[str] = ()) -> None:
    """Axis labels, title, and the names of the lines: of one alone in the title, of several beside the axes."""
    if len(lines) == 1 and lines[0]:
        series.notes.append(lines[0])
    elif len(lines) > 1:
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize="small", handlelength=1.2)
    ax.set_xlabel(f"time [{series.unit}]" if series.is_time else "trial")
    ax.set_ylabel(y)
    ax.set_title(", ".join([series.name, *series.notes]))
    if series.is_time:
        ax.set_xlim(series.x[0] - series.step * series.scale, series.x[-1])


def _ordinal(n: int) -> str:
    ends = {1: "st", 2: "nd", 3: "rd"}
    return f"{n}{'th' if n % 100 in (11, 12, 13) else ends.get(n % 10, 'th')}"
