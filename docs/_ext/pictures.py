"""What pages of rules and of experiments share: colours, axes, and a synapse that learns from given spike trains."""

import bouton
import matplotlib.pyplot as plt
import numpy as np
from bouton_synapses_dense import Dense

BLUE, RED, GREEN, INK = "#1f5f8b", "#d1603d", "#5b8e4f", "#22303c"
GAPS = np.arange(-60, 61)
"""Post-synaptic minus pre-synaptic spike times [ms]."""


def panels(columns, size, **options):
    """Axes beside each other; one alone comes as it is. `options` go to `plt.subplots`."""
    axes = plt.subplots(1, columns, figsize=size, layout="constrained", squeeze=False, **options)[1][0]
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize="small", colors=INK)
        for text in (ax.title, ax.xaxis.label, ax.yaxis.label):
            text.set(fontsize="medium", color=INK)
    return axes[0] if columns == 1 else axes


def learnt(rule, pre, post, *, w=0.5, **inputs):
    """Weights (time, pre, post) under trains (time, pre) and (time, post) in steps of 1 ms."""
    synapse = bouton.Synapse(Dense(pre.shape[1], post.shape[1]), weights=w, plasticity=rule)
    feeds = {"syn.pre": (("time", "pre"), pre), "syn.post": (("time", "post"), post)}
    feeds |= {f"syn.plasticity.{name}": ("time", v) for name, v in inputs.items()}
    run = bouton.simulate(
        bouton.Circuit({"syn": synapse}), len(pre), dt=1.0, inputs=feeds, record={"syn.w": 1}, progress=False
    )
    return run["syn.w"].values


def window(rule):
    """What a single pair of spikes does, for each of `GAPS`."""
    pre, post = np.zeros((200, len(GAPS))), np.zeros((200, 1))
    pre[100 - GAPS, range(len(GAPS))] = post[100] = 1.0
    return learnt(rule, pre, post)[-1, :, 0] - 0.5


def window_axes(ax, title):
    ax.axhline(0, color="0.8", lw=0.8)
    ax.axvline(0, color="0.8", lw=0.8)
    ax.set(title=title, xlabel="post minus pre [ms]", ylabel="change")
