"""Run where the core and one sibling are installed and nothing else: `python check.py cells`.

The sibling is imported, its names are registered and can be loaded, and one circuit of its own parts runs. What a
circuit needs beside the sibling (an input, a topology to learn on) is made here from the core alone.
"""

import importlib
import sys

import bouton
import numpy as np

PULSE = np.array([0, 1, 0, 0], np.float32)


def cells():
    from bouton_cells import LIFCell

    return {"node": LIFCell(n_units=4)}, {"node.j": ("unit", 30 * PULSE)}, "node.v"


def synapses_dense():
    from bouton_synapses_dense import Dense

    synapse = bouton.Synapse(Dense(4, 3), weights=bouton.Uniform(0.0, 1.0))
    return {"node": synapse}, {"node.pre": ("pre", PULSE)}, "node.current"


def synapses_conv():
    from bouton_synapses_conv import Conv

    synapse = bouton.Synapse(Conv((4, 1), kernel=2, channels_out=1), weights=bouton.Uniform(0.0, 1.0))
    return {"node": synapse}, {"node.pre": (("pre_width", "pre_channel"), PULSE[:, None])}, "node.current"


def learning():
    from bouton_learning import TraceSTDP

    synapse = bouton.Synapse(AllToAll(4, 2), weights=bouton.Constant(0.5), plasticity=TraceSTDP(a_plus=0.01))
    return {"node": synapse}, {"node.pre": ("pre", PULSE), "node.post": ("post", PULSE[:2])}, "node.w"


def competitive():
    from bouton_competitive import SOMSynapse

    return {"node": SOMSynapse(n_inputs=4, n_units=3)}, {"node.pre": ("pre", PULSE)}, "node.w"


class AllToAll(bouton.Topology):
    """The smallest topology with two sides: y_j = sum_i x_i w_ij."""

    n_pre: int = bouton.static(dim="pre", doc="pre-synaptic units")
    n_post: int = bouton.static(dim="post", doc="post-synaptic units")

    def dims(self):
        pre, post = {"pre": self.n_pre}, {"post": self.n_post}
        return {"pre": pre, "post": post, "weights": pre | post}

    def apply(self, w, x):
        return x @ w


def main(package):
    dist = f"bouton-{package}"
    module = importlib.import_module(dist.replace("-", "_"))
    assert [plugin for plugin in bouton.plugins() if plugin.status != "ok"] == []
    registered = [entry for entry in bouton.components() if entry.plugin.dist == dist]
    assert registered, f"{dist} registers nothing"
    for entry in registered:
        assert entry.load() is getattr(module, entry.name)

    nodes, inputs, watched = globals()[package.replace("-", "_")]()
    circuit = bouton.Circuit(nodes=nodes, wires={})
    # A run contains its circuit, by registered names.
    with (bouton.PluginSet.discover() | bouton.PluginSet.of({"topology": {"AllToAll": AllToAll}})).use():
        run = bouton.simulate(circuit, duration=20.0, dt=1.0, seed=0, inputs=inputs, record={watched: 1})
    values = run[watched.replace(".", "/")].values
    assert values.shape[0] == 20
    assert np.isfinite(values).all()
    assert np.ptp(values) > 0, f"{watched} is the same everywhere and always"
    print(f"{dist}: {len(registered)} names, {watched} {values.shape} from {values.min():.3g} to {values.max():.3g}")


if __name__ == "__main__":
    main(sys.argv[1])
