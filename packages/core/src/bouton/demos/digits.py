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
TRAIN, EPOCHS = 1400, 3
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
                plasticity=TraceSTDP(a_plus=1e-3, a_minus=0.0, tau_pre=20.0, x_tar=0.4),
                constraints=(bouton.Clip(0.0, 1.0), bouton.Normalise(1.0)),
            ),
            "cells": LIFCell(
                n_units=N_CELLS,
                tau_m=20.0,
                resist_m=728.0,
                v_rest=-65.0,
                v_reset=-65.0,
                thr=-52.0,
                theta_plus=0.26,
                tau_theta=1e6,
                refract_time=0.0,
                max_one_spike=True,
                wta_scope="state",
            ),
            "inhibition": bouton.Synapse(Dense(N_CELLS, N_CELLS), weights=bouton.Eye(0.0, -1.0)),
        },
        wires={
            "learned.pre": "image.s",
            "learned.post": "cells.s",
            "inhibition.pre": bouton.delayed("cells.s", 1.0),
            "cells.j": ["learned.current", "inhibition.current"],
        },
    )


# ---- training and reading out ------------------------------------------------------------------------------------


def train(circuit: bouton.Circuit, data: Digits, seed: int, to: Path | None, progress: bool | None, overwrite: bool) -> Any:
    """Present the images one after the other, in a new order in each epoch."""
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
        to=to,
        progress=progress,
        overwrite=overwrite,
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
        """Every spike counts for each digit by log P(digit | a spike of this cell)."""
        chance = self.responses + 1e-3
        return (counts @ np.log(chance / chance.sum(0)).T).argmax(1)


def k_means(train: Digits, test: Digits, seed: int) -> float:
    """What as many centres as there are cells reach by k-means, labelled in the same way."""
    from sklearn.cluster import KMeans

    fit = KMeans(N_CELLS, n_init=1, random_state=seed).fit(train.images)
    readout = Readout.label(np.eye(N_CELLS)[fit.labels_], train.labels)
    return float((readout.digit[fit.predict(test.images)] == test.labels).mean())
