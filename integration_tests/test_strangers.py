"""Strangers at home: a third party's cell, topology and rule in one circuit with each other and the family's parts."""

import json

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from bouton import Circuit, Clip, Synapse, Uniform
from bouton_anti_hebb import AntiHebbian
from bouton_cells import LIFCell, PoissonCell
from bouton_hindmarsh_rose import HindmarshRoseCell
from bouton_learning import SoftBound, TraceSTDP
from bouton_small_world import SmallWorld
from bouton_synapses_conv import Conv
from bouton_synapses_dense import Dense, Exponential

STRANGERS = ["bouton-anti-hebb", "bouton-hindmarsh-rose", "bouton-small-world"]
WIRING = SmallWorld(12, k=4, p=0.3, seed=1)


@pytest.fixture(scope="module")
def circuit():
    """Poisson input drives bursting cells through plastic synapses; these inhibit each other and excite LIF cells."""
    return Circuit(
        nodes={
            "noise": PoissonCell(n_units=16),
            "ff": Synapse(
                Dense(16, 12),
                weights=Uniform(0.2, 0.6),
                transmission=Exponential(tau=10.0),
                plasticity=TraceSTDP(),
                constraints=(Clip(0.0, 1.0),),
            ),
            "burst": HindmarshRoseCell(n_units=12),
            "lateral": Synapse(
                WIRING, weights=Uniform(-0.2, 0.0), plasticity=AntiHebbian(alpha=0.05), constraints=(Clip(None, 0.0),)
            ),
            "out": Synapse(Dense(12, 5), weights=200.0),
            "lif": LIFCell(n_units=5),
        },
        wires={
            "ff.pre": "noise.s",
            "ff.post": "burst.s",
            "burst.j": ["ff.current", "lateral.current"],
            "lateral.pre": bouton.delayed("burst.s", 1.0),
            "lateral.post": "burst.s",
            "out.pre": "burst.s",
            "lif.j": "out.current",
        },
    )


@pytest.fixture(scope="module")
def path(circuit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("strangers") / "run.zarr"
    bouton.simulate(
        circuit,
        duration=400.0,
        inputs={"noise.x": np.ones(16)},
        record={"burst.s": 1, "burst.x": 1, "lif.s": 1, "lateral.w": 100, "ff.w": 100},
        to=folder,
    )
    return folder


def test_they_take_part_in_a_run(path):
    run = bouton.open(path)
    assert run["burst.s"].values.any() and run["lif.s"].values.any()
    for name, lowest, highest in (("lateral.w", -np.inf, 0.0), ("ff.w", 0.0, 1.0)):
        w = run[name].values
        assert np.ptp(w, axis=0).max() > 0, f"{name} did not learn"
        assert w.min() >= lowest and w.max() <= highest


def test_plain_xarray_reads_their_labels(path):
    with xr.open_datatree(path, engine="zarr") as tree:
        assert tree["burst"]["x"].dims == ("time", "unit")
        assert tree["lateral"]["w"].sizes == {"time_100": 4, "post": 12, "edge": 4}
        versions = json.loads(tree.attrs["versions"])
    assert {name: versions.get(name) for name in STRANGERS} == dict.fromkeys(STRANGERS, "0.1.0")


def test_the_run_gives_the_circuit_back(circuit, path):
    again = bouton.open(path).circuit
    assert jax.tree.structure(again) == jax.tree.structure(circuit)
    assert again.schedule == circuit.schedule


def test_a_model_file_names_them(circuit, tmp_path):
    bouton.save(circuit, tmp_path / "model.yaml")
    assert bouton.load(tmp_path / "model.yaml").schedule == circuit.schedule


def learned(topology, rule, w, pre, post):
    """The weights after one step of a rule."""
    circuit = Circuit({"synapse": Synapse(topology, weights=jnp.asarray(w), plasticity=rule)})
    state = circuit.init(key=jax.random.key(0), dt=1.0)
    given = {
        "synapse.pre": (("time", *topology.dims()["pre"]), pre),
        "synapse.post": (("time", *topology.dims()["post"]), post),
    }
    state, _ = bouton.scan(circuit, state, steps=len(pre), dt=1.0, inputs=given)
    return np.asarray(state["synapse"].w)


def test_the_familys_rule_on_a_strangers_topology_is_that_on_its_edges_among_all():
    rng = np.random.default_rng(0)
    pre, post = (rng.random((2, 30, 12)) < 0.3).astype(float)
    edges = WIRING.sources, np.arange(12)[:, None]
    rule = TraceSTDP(a_plus=0.05, a_minus=0.04, bound=SoftBound())
    w = rng.uniform(0.2, 0.8, (12, 12))
    all_to_all = learned(Dense(12, 12), rule, w, pre, post)
    np.testing.assert_allclose(learned(WIRING, rule, w[edges], pre, post), all_to_all[edges], atol=1e-6)


def test_a_strangers_rule_on_the_familys_convolution_is_the_sum_over_the_edges_that_share_a_weight():
    rng = np.random.default_rng(1)
    pre, post = (rng.random((1, 6, 1)) < 0.5).astype(float), (rng.random((1, 4, 2)) < 0.5).astype(float)
    changed = learned(Conv((6, 1), 3, 2, padding="VALID"), AntiHebbian(0.1, 0.3), np.zeros((3, 1, 2)), pre, post)
    expected = [
        [sum(-0.1 * (pre[0, p + k, 0] * post[0, p, o] - 0.3**2) for p in range(4)) for o in range(2)] for k in range(3)
    ]
    np.testing.assert_allclose(changed[:, 0, :], expected, atol=1e-6)
