"""Run where the core and one sibling are installed and nothing else: `python check.py cells`.

The sibling is imported, its names are registered and can be loaded, and one circuit of its own parts runs. What a
circuit needs beside the sibling (an input, a topology to learn on) is made here from the core alone.
"""

import importlib
import sys

import bouton
import numpy as np

PULSE = np.eye(4, dtype=np.float32)


def cells():
    from bouton_cells import LIFCell

    return {"cell": LIFCell(n_units=4)}, {"cell.j": 30 * PULSE[0]}, "cell.v"


def synapses_dense():
    from bouton_synapses_dense import Dense

    synapse = bouton.Synapse(Dense(4, 3), weights=bouton.Uniform(0.0, 1.0))
    return {"synapse": synapse}, {"synapse.pre": PULSE[1]}, "synapse.current"


def synapses_conv():
    from bouton_synapses_conv import Conv

    synapse = bouton.Synapse(Conv((4, 1), kernel=(2,), channels=1), weights=bouton.Uniform(0.0, 1.0))
    return {"synapse": synapse}, {"synapse.pre": PULSE[1]}, "synapse.current"


def learning():
    from bouton_learning import TraceSTDP

    synapse = bouton.Synapse(
        OneToOne(4), weights=bouton.Constant(0.5), plasticity=TraceSTDP(a_plus=0.1, a_minus=0.0, w_max=1.0)
    )
    return {"synapse": synapse}, {"synapse.pre": PULSE[1], "synapse.post": PULSE[1]}, "synapse.w"


def competitive():
    from bouton_competitive import VectorQuantizeSynapse

    return {"synapse": VectorQuantizeSynapse((4, 3))}, {"synapse.pre": PULSE[1]}, "synapse.w"


class OneToOne(bouton.Topology):
    """The smallest topology: y_i = w_i x_i."""

    n: int = bouton.static(dim="pre", doc="units on both sides")

    def dims(self):
        return {"pre": {"pre": self.n}, "post": {"post": self.n}, "weights": {"unit": self.n}}

    def apply(self, w, x):
        return w * x


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
    inputs = {port: (("unit",), values) for port, values in inputs.items()}
    run = bouton.simulate(circuit, duration=20.0, dt=1.0, seed=0, inputs=inputs, record={watched: 1})
    values = run[watched.replace(".", "/")].values
    assert values.shape[0] == 20
    assert np.isfinite(values).all()
    assert np.ptp(values) > 0, f"{watched} is the same everywhere and always"
    print(f"{dist}: {len(registered)} names, {watched} {values.shape} from {values.min():.3g} to {values.max():.3g}")


if __name__ == "__main__":
    main(sys.argv[1])
