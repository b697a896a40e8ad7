"""Wrappers of bouton-learning around the rules of competitive synapses: in batches, in runs, in model files."""

import bouton
import jax
import numpy as np
import pytest
from bouton import Circuit, Uniform
from bouton_competitive import ART2ASynapse, HopfieldSynapse, Instar, SOMSynapse, VectorQuantizeSynapse
from bouton_learning import Decayed, Hebbian, Modulated, Optimised

X = np.random.default_rng(0).uniform(size=(300, 4, 3))
FAR = Uniform(1.8, 2.0)
NODES = {
    "map, adam": SOMSynapse(3, (3, 3), 1.0, 0.8, weights=FAR, plasticity=Optimised(Instar(), "adam", 0.02)),
    "prototypes that fade": VectorQuantizeSynapse(3, 4, weights=FAR, plasticity=Decayed(Instar(few=True), 1e4)),
    "categories, momentum": ART2ASynapse(3, 9, vigilance=0.95, plasticity=Optimised(Instar(), "nag", 0.5)),
    "memories that fade": HopfieldSynapse(3, 4, 0.1, 2.0, weights=FAR, plasticity=Decayed(Hebbian(), 1e4)),
}


def taught(node, **more):
    inputs = {"net.pre": (("time", "batch", "pre"), X)} | more
    return bouton.simulate(Circuit({"net": node}), 300.0, dt=1.0, batch=4, inputs=inputs, progress=False).state["net"]


def error(w):
    """Mean distance of a sample from the nearest unit."""
    return np.sqrt(((X.reshape(-1, 3, 1) - np.asarray(w)) ** 2).sum(1)).min(1).mean()


@pytest.mark.parametrize("name", NODES)
def test_a_wrapped_rule_learns_and_is_plain_data(name):
    circuit = Circuit({"net": NODES[name]})
    state = taught(NODES[name])
    assert Circuit.from_dict(circuit.to_dict()) == circuit
    if name == "categories, momentum":
        assert state.n_used > 1
        np.testing.assert_allclose(np.linalg.norm(state.w, axis=0), np.arange(9) < int(state.n_used), atol=1e-5)
    else:
        start = circuit.init(key=jax.random.key(0), dt=1.0)["net"].w
        assert error(state.w) < 0.5 * error(start)


@pytest.mark.parametrize("node", [SOMSynapse(3, 4, 0.5, 1.0), HopfieldSynapse(3, 4, 0.1, rule="contrastive")], ids=repr)
def test_a_modulator_of_each_sample_says_which_are_learned(node):
    wrapped = node.replace(plasticity=Modulated(Instar() if isinstance(node, SOMSynapse) else Hebbian()))
    always, never, half = (np.full((300, 4), m) for m in (1.0, 0.0, 0.5))
    plain = taught(node).w
    np.testing.assert_allclose(
        taught(wrapped, **{"net.plasticity.modulator": (("time", "batch"), always)}).w, plain, atol=1e-5
    )
    still = taught(wrapped, **{"net.plasticity.modulator": (("time", "batch"), never)}).w
    assert np.abs(np.asarray(still) - plain).max() > 0.01
    slower = taught(
        wrapped.replace(eta=min(1.0, 2 * float(node.eta.value))),
        **{"net.plasticity.modulator": (("time", "batch"), half)},
    ).w
    np.testing.assert_allclose(slower, plain, atol=1e-4)
