"""`bouton demo digits`: a spiking network learns handwritten digits without being told what they are.

After Diehl & Cook (2015): Poisson spikes from the pixels, plastic all-to-all synapses with trace STDP and weights
normalised per neuron, leaky integrate-and-fire cells with adaptive thresholds, lateral inhibition. Labels are used only
afterwards, to see which digit each neuron has come to stand for. Read from top to bottom: data, circuit, training,
reading out, figures.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

import bouton

N_CELLS = 400
TRAIN, EPOCHS = 1400, 4
PRESENT_TO_LEARN, PRESENT_TO_TEST = 100.0, 200.0  # ms


# ---- data --------------------------------------------------------------------------------------------------------


class Digits(NamedTuple):
    """Images of 8 x 8 pixels between 0 and 1, row by row, and what they show."""

    images: np.ndarray
    labels: np.ndarray


def load() -> tuple[Digits, Digits]:
    """1,400 images to learn from and 397 to test with, of the 1,797 that scikit-learn ships."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise bouton.RunError('the digits come with scikit-learn: pip install "bouton[demo]"') from None
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order] / 16.0, labels[order]
    return Digits(images[:TRAIN], labels[:TRAIN]), Digits(images[TRAIN:], labels[TRAIN:])


# ---- the circuit -------------------------------------------------------------------------------------------------


def network() -> bouton.Circuit:
    """64 inputs, 400 cells that learn, and inhibition from each cell to all others."""
    try:
        from bouton_cells import LIFCell, PoissonCell
        from bouton_learning import TraceSTDP
        from bouton_synapses_dense import Dense
    except ImportError as e:
        raise bouton.RunError(f"this demo needs {e.name}: pip install {str(e.name).replace('_', '-')}") from None
    return bouton.Circuit(
        nodes={
            "image": PoissonCell(n_units=(8, 8), target_freq=200.0),
            "learned": bouton.Synapse(
                Dense(64, N_CELLS),
                weights=bouton.Uniform(0.0, 1.0),
                plasticity=TraceSTDP(a_plus=0.02, a_minus=0.0, tau_pre=20.0, x_tar=0.2),
                constraints=(bouton.Clip(0.0, None), bouton.Normalise(20.0)),
            ),
            "cells": LIFCell(
                n_units=N_CELLS,
                tau_m=20.0,
                resist_m=28.0,
                v_rest=-65.0,
                v_reset=-65.0,
                thr=-55.0,
                theta_plus=0.2,
                tau_theta=1e6,
                refract_time=0.0,
                k_winners=1,
                wta_scope="state",
            ),
            "inhibition": bouton.Synapse(Dense(N_CELLS, N_CELLS), weights=bouton.Eye(0.0, -20.0)),
        },
        wires={
            "learned.pre": "image.s",
            "learned.post": "cells.s",
            "inhibition.pre": bouton.delayed("cells.s", 1.0),
            "cells.j": ["learned.current", "inhibition.current"],
        },
    )


# ---- training and reading out ------------------------------------------------------------------------------------


def train(circuit: bouton.Circuit, data: Digits, seed: int, **how: Any) -> bouton.Run:
    """Present the images one after the other, in a new order in each epoch; `how` goes to `simulate`."""
    shuffle = np.random.default_rng(seed)
    order = np.concatenate([shuffle.permutation(len(data.images)) for _ in range(EPOCHS)])
    return bouton.simulate(
        circuit,
        trials=bouton.Trials(present=PRESENT_TO_LEARN, coords={"digit": data.labels[order]}),
        inputs={"image.x": (("trial", "unit"), data.images[order])},
        record={
            "cells.s": bouton.Record("sum", per="trial"),
            "learned.w": bouton.Record(every=len(data.images) // 4, per="trial"),
            "cells.thr_theta": bouton.Record(every=len(data.images) // 4, per="trial"),
        },
        seed=seed,
        **how,
    )


def respond(circuit: bouton.Circuit, state: Any, images: np.ndarray, seed: int) -> np.ndarray:
    """How often each cell fires for each image, with learning switched off: (images, cells)."""
    run = bouton.simulate(
        circuit,
        trials=bouton.Trials(present=PRESENT_TO_TEST),
        inputs={"image.x": (("trial", "unit"), images)},
        record={"cells.s": bouton.Record("sum", per="trial")},
        state=state,
        learn=False,
        batch=min(len(images), 100),
        seed=seed + 1,
        progress=False,
    )
    return run["cells.s_sum"].values


class Readout(NamedTuple):
    """What the cells stand for: how often each fires for each digit, (digits, cells)."""

    responses: np.ndarray

    @classmethod
    def label(cls, counts: np.ndarray, labels: np.ndarray) -> Readout:
        """Label the cells by their mean response to each digit."""
        return cls(np.stack([counts[labels == digit].mean(0) for digit in range(10)]))

    @property
    def digit(self) -> np.ndarray:
        """The digit for which each cell fires most."""
        return self.responses.argmax(0)

    def vote(self, counts: np.ndarray) -> np.ndarray:
        """Every spike is a vote for the digit of its cell."""
        of_digit = np.eye(10)[:, self.digit]
        return (counts @ (of_digit / np.maximum(of_digit.sum(1, keepdims=True), 1)).T).argmax(1)

    def weigh(self, counts: np.ndarray) -> np.ndarray:
        """Every spike counts for each digit by P(digit | a spike of this cell)."""
        chance = self.responses / np.maximum(self.responses.sum(0), 1e-9)
        return (counts @ chance.T).argmax(1)


def k_means(train: Digits, test: Digits, seed: int) -> float:
    """What as many centres as there are cells reach by k-means, labelled in the same way."""
    from sklearn.cluster import KMeans

    fit = KMeans(N_CELLS, n_init=1, random_state=seed).fit(train.images)
    readout = Readout.label(np.eye(N_CELLS)[fit.labels_], train.labels)
    return float((readout.digit[fit.predict(test.images)] == test.labels).mean())


# ---- figures -----------------------------------------------------------------------------------------------------


def page(path: Path, run: bouton.Run, circuit: bouton.Circuit, result: Result, test: Digits, seed: int) -> None:
    """Receptive fields, what was taken for what, and the spikes for one image of each digit, as one PNG."""
    from matplotlib.figure import Figure

    from bouton import plot

    figure = Figure(figsize=(13, 11), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=(6, 5))
    left, right = top.subplots(1, 2, width_ratios=(6, 5))
    plot.receptive_fields(run, "learned.w", shape=(8, 8), ax=left)
    plot.confusion(test.labels, result.predicted, ax=right, title="digits of the test images")
    digits_in_turn(bottom.subplots(), run.state, circuit, result.readout, test, seed)
    figure.savefig(path, dpi=120)


def digits_in_turn(ax: Any, state: Any, circuit: bouton.Circuit, readout: Readout, test: Digits, seed: int) -> None:
    """A raster of ten test images, 0 to 9, one after the other; cells in the order of the digits they stand for."""
    ten = [int(np.flatnonzero(test.labels == digit)[0]) for digit in range(10)]
    shown = bouton.simulate(
        circuit,
        trials=bouton.Trials(present=PRESENT_TO_TEST),
        inputs={"image.x": (("trial", "unit"), test.images[ten])},
        record={"cells.s": 1},
        state=state,
        learn=False,
        seed=seed + 2,
        progress=False,
    )
    spikes = shown.spikes("cells")
    rank = np.argsort(np.argsort(readout.digit, kind="stable"))
    ax.plot(
        (spikes["trial"] * PRESENT_TO_TEST + spikes["time"]) / 1000, rank[spikes["unit"].values], "|k", markersize=6
    )
    ends = np.cumsum(np.bincount(readout.digit, minlength=10))
    for digit, end in enumerate(ends):
        begin = ends[digit - 1] if digit else 0
        ax.axhspan(begin - 0.5, end - 0.5, color="0.93" if digit % 2 else "1.0", zorder=0)
        ax.axvline(digit * PRESENT_TO_TEST / 1000, color="0.8", linewidth=0.8, zorder=1)
    ax.set_yticks(ends - np.diff(ends, prepend=0) / 2, [str(digit) for digit in range(10)], minor=False)
    ax.set(
        xlim=(0, PRESENT_TO_TEST / 100),
        ylim=(-0.5, N_CELLS - 0.5),
        xlabel="time [s]",
        ylabel="cells, by the digit they stand for",
        title="spikes while a test image of each digit from 0 to 9 is shown, one after the other",
    )


# ---- the whole ---------------------------------------------------------------------------------------------------


class Result(NamedTuple):
    """Shares of test images that are read right, by read-out, and how they were read."""

    vote: float
    weighted: float
    predicted: np.ndarray
    counts: np.ndarray
    readout: Readout


def test_of(circuit: bouton.Circuit, state: Any, train: Digits, test: Digits, seed: int) -> Result:
    """Label the cells with the training images, then read the test images."""
    readout = Readout.label(respond(circuit, state, train.images, seed), train.labels)
    counts = respond(circuit, state, test.images, seed)
    predicted = readout.weigh(counts)
    return Result(
        vote=float((readout.vote(counts) == test.labels).mean()),
        weighted=float((predicted == test.labels).mean()),
        predicted=predicted,
        counts=counts,
        readout=readout,
    )


@click.command()
@click.option("--to", type=click.Path(path_type=Path), default=Path("digits.zarr"), show_default=True, help="The run.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of all that is random.")
@click.option("--overwrite", is_flag=True, help="Replace an existing run.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def main(to: Path, seed: int, overwrite: bool, quiet: bool) -> None:
    """Learn 1,400 handwritten digits without labels, then read 397 others.

    Leaves the run (for `bouton show` or xarray), and a page of figures beside it.
    """
    import xarray as xr

    begun = time.perf_counter()
    train_digits, test_digits = load()
    circuit = network()
    click.echo(f"{EPOCHS} x {TRAIN} images, {PRESENT_TO_LEARN:g} ms each, {N_CELLS} cells, seed {seed}")
    run = train(circuit, train_digits, seed, to=to, progress=False if quiet else None, overwrite=overwrite)
    learned = time.perf_counter()
    result = test_of(circuit, run.state, train_digits, test_digits, seed)
    run.attach(
        "test",
        xr.Dataset(
            {
                "count": (("image", "unit"), result.counts, {"long_name": "spikes of each cell", "units": "count"}),
                "digit": ("image", test_digits.labels, {"long_name": "what the image shows"}),
                "predicted": ("image", result.predicted, {"long_name": "what it was taken for"}),
            }
        ),
    )
    figures = to.with_suffix(".png")
    page(figures, run, circuit, result, test_digits, seed)
    rows = {
        "read-out": "accuracy",
        "each spike counts by how its cell answers to each digit": f"{100 * result.weighted:.1f} %",
        "each spike votes for the digit of its cell": f"{100 * result.vote:.1f} %",
        f"k-means with {N_CELLS} centres, for comparison": f"{100 * k_means(train_digits, test_digits, seed):.1f} %",
    }
    width = max(map(len, rows))
    for what, value in rows.items():
        click.echo(f"  {what:{width}}  {value:>8}")
    cells = np.bincount(result.readout.digit, minlength=10)
    click.echo(f"cells that stand for 0 to 9: {', '.join(map(str, cells))}")
    click.echo(f"learned in {learned - begun:.0f} s, {time.perf_counter() - begun:.0f} s in all; {to}, {figures}")
    click.echo(f"held-out accuracy {100 * result.weighted:.1f} %")
