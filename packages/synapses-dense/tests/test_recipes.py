"""Recipes: what they make, against synapses made by hand, closed forms, and the words of ngc-learn and CoNeX."""

import json
import re
import subprocess
import sys

import bouton
import bouton_synapses_dense as dense
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import FanInGaussian, Synapse, Uniform
from bouton.testing import ComponentTests
from bouton_synapses_dense import (
    Alpha,
    AlphaSynapse,
    BaseDendriticInput,
    Dense,
    DenseSynapse,
    DoubleExponential,
    DoubleExpSynapse,
    Exponential,
    ExponentialSynapse,
    FanOut,
    One2OneDendriticInput,
    OneToOne,
    Pairs,
    Patched,
    PatchedSynapse,
    Probability,
    SimpleDendriticInput,
    Sparse,
    SparseDendriticInput,
    StaticPatchedSynapse,
    StaticSynapse,
    STPDenseSynapse,
    Total,
    TsodyksMarkram,
    TsodyksMarkramPerEdge,
)

from .drive import run, train


class TestSTPDenseSynapse(ComponentTests):
    component = STPDenseSynapse((3, 4), bias_init=0.1, p_conn=0.5, seed=1)


class TestSparseDendriticInput(ComponentTests):
    component = SparseDendriticInput((4, 3), FanOut(2), Uniform())


# ---- what they are ------------------------------------------------------------------------------------------------

START = Uniform(0.025, 0.8)
BY_HAND = {
    "dense": (DenseSynapse((3, 4)), Synapse(Dense(3, 4), START)),
    "dense, all": (
        DenseSynapse((3, 4), 0.5, [1.0, 2.0, 3.0, 4.0], 2.0, 0.5, seed=3),
        Synapse(Dense(3, 4, Probability(0.5), seed=3), 0.5, 2.0, [1.0, 2.0, 3.0, 4.0]),
    ),
    "dense, mask": (
        DenseSynapse((2, 3), mask=[[1, 0, 0], [0, 1, 1]]),
        Synapse(Dense(2, 3, Pairs([0, 1, 1], [0, 1, 2])), START),
    ),
    "static": (StaticSynapse([3, 4], bias_init=0.5), Synapse(Dense(3, 4), START, bias=0.5)),
    "stp": (
        STPDenseSynapse((3, 4)),
        Synapse(Dense(3, 4), START, release=TsodyksMarkram(Uniform(0.125, 0.175), 750.0, 50.0)),
    ),
    "stp, per edge": (
        STPDenseSynapse((2, 2), tau_f=None, tau_d=9.0, resources_init=[[0.1, 0.2], [0.3, 0.4]]),
        Synapse(Dense(2, 2), START, release=TsodyksMarkramPerEdge([[0.1, 0.2], [0.3, 0.4]], None, 9.0)),
    ),
    "exponential": (
        ExponentialSynapse((3, 4), 5.0, 0.5, None),
        Synapse(Dense(3, 4), START, transmission=Exponential(5.0, g_bar=0.5)),
    ),
    "alpha": (
        AlphaSynapse((3, 4), 5.0, 0.5, -75.0, p_conn=0.4),
        Synapse(Dense(3, 4, Probability(0.4)), START, transmission=Alpha(5.0, g_bar=0.5, reversal=-75.0)),
    ),
    "double": (
        DoubleExpSynapse((3, 4), 5.0, 1.0, 0.5, 0.0, normalize="peak"),
        Synapse(Dense(3, 4), START, transmission=DoubleExponential(1.0, 5.0, g_bar=0.5, reversal=0.0)),
    ),
    "patched": (
        PatchedSynapse((6, 9), 3, (1, 2), resist_scale=2.0),
        Synapse(Patched(8, 13, 3, (1, 2)), FanInGaussian(), 2.0, backward=True),
    ),
    "static, patched": (
        StaticPatchedSynapse((6, 9), 3, bias_init=0.5),
        Synapse(Patched(6, 9, 3), FanInGaussian(), bias=0.5, backward=True),
    ),
    "base": (BaseDendriticInput(Patched(6, 9, 3), 0.5, 3.0, -1), Synapse(Patched(6, 9, 3), 0.5, -3.0)),
    "simple": (SimpleDendriticInput((3, 4), 0.5), Synapse(Dense(3, 4), 0.5)),
    "simple, several coefficients": (
        SimpleDendriticInput((3, 2), 0.5, (1.0, 2.0), -1),
        Synapse(Dense(3, 2), 0.5, [-1.0, -2.0]),
    ),
    "sparse": (
        SparseDendriticInput((3, 4), Total(5), Uniform(), 2.0, seed=7),
        Synapse(Sparse(3, 4, Total(5), 7), Uniform(), 2.0),
    ),
    "one to one": (One2OneDendriticInput(3, Uniform(), 2.0, -1), Synapse(OneToOne(3), Uniform(), -2.0)),
}


@pytest.mark.parametrize(("made", "by_hand"), BY_HAND.values(), ids=BY_HAND)
def test_a_recipe_makes_the_synapse_that_one_would_make_by_hand(made, by_hand):
    assert made == by_hand


def test_what_does_not_exist_stays_absent_while_others_learn():
    """The mask is the topology's: no change of a rule is ever more than zero there."""
    mask = np.array([[1, 0, 1], [0, 1, 0]])
    topology = DenseSynapse((2, 3), mask=mask).topology
    w = jnp.ones((2, 3))
    np.testing.assert_array_equal(topology.outer(w, jnp.ones(2), jnp.ones(3)) != 0, mask)
    np.testing.assert_array_equal(topology.draw(bouton.Constant(1.0), jax.random.key(0)), mask)


def test_the_part_of_synapses_that_exist():
    for made in (DenseSynapse((200, 300), p_conn=0.2), PatchedSynapse((300, 400), 2, p_conn=0.2)):
        drawn = made.topology.draw(bouton.Constant(1.0), jax.random.key(0))
        assert abs(float(drawn.sum()) - 12_000) < 5 * np.sqrt(60_000 * 0.2 * 0.8)


def test_a_part_of_the_synapses_of_blocks_with_margins():
    whole = Patched(10, 14, 4, (1, 3))
    exist = np.asarray(whole.to_matrix(jnp.ones(whole.size("weights"))))
    found = np.zeros((30, 10, 14), bool)
    for seed in range(30):
        edges = PatchedSynapse((8, 8), 4, (1, 3), p_conn=0.6, seed=seed).topology.connect
        found[seed, edges.pre, edges.post] = True
    np.testing.assert_array_equal(found.any(0), exist)
    assert not found.all(0)[exist == 1].any() and (found[0] != found[1]).any()


# ---- what they do -------------------------------------------------------------------------------------------------


def exponential(t, tau=6.0):
    return np.where(t >= 0, np.exp(-np.maximum(t, 0) / tau), 0.0)


def alpha(t, tau=6.0):
    return np.where(t >= 0, t / tau, 0.0) * exponential(t, tau)


def difference(t):
    return exponential(t, 6.0) - exponential(t, 2.0)


TIME_COURSES = {
    "exponential": (lambda rest, **k: ExponentialSynapse((2, 1), 6.0, 0.5, rest, **k), exponential),
    "alpha": (lambda rest, **k: AlphaSynapse((2, 1), 6.0, 0.5, rest, **k), alpha),
    "double": (lambda rest, **k: DoubleExpSynapse((2, 1), 6.0, 2.0, 0.5, rest, **k), difference),
}
each_time_course = pytest.mark.parametrize(("make", "closed"), TIME_COURSES.values(), ids=TIME_COURSES)


@each_time_course
@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_one_spike_is_the_closed_form_of_the_seed(make, closed, dt):
    """Excitation excites without a reversal potential; the size does not depend on the step; weights are kept."""
    steps, first = round(30 / dt), round(5 / dt)
    t = (np.arange(steps) - first) * dt
    spikes = train(steps, first, n=2)
    synapse = make(None, weight_init=[[0.3], [0.5]], resist_scale=2.0, bias_init=0.25)
    got = run(synapse, spikes, dt=dt)[:, 0]
    np.testing.assert_allclose(got, 2.0 * 0.5 * 0.8 * closed(t) + 0.25, rtol=5e-5, atol=1e-6)

    v = np.linspace(-70.0, -40.0, steps)[:, None]
    got = run(make(-75.0, weight_init=0.4), spikes, dt=dt, feeds={"transmission.v": v})
    np.testing.assert_allclose(got, 0.5 * 0.8 * closed(t)[:, None] * (-75.0 - v), rtol=1e-4, atol=1e-5)


def test_the_intermediate_variable_of_the_double_exponential_in_the_words_of_the_seed():
    """h there jumps by gBar (1/tau_rise - 1/tau_decay); here it is tau_rise times as large."""
    h = run(DoubleExpSynapse((1, 1), 6.0, 2.0, 0.5, None, 0.8), train(9, 0), record=("transmission.h",))[:, 0]
    np.testing.assert_allclose(h / 2.0, 0.5 * 0.8 * (1 / 2 - 1 / 6) * exponential(np.arange(9.0), 2.0), rtol=1e-5)


@pytest.mark.parametrize(("tau_f", "tau_d"), [(750.0, 50.0), (None, 40.0), (30.0, None)], ids=str)
def test_regular_spikes_settle_where_the_closed_form_says(tau_f, tau_d):
    every, U = 10.0, 0.3
    f = 0.0 if tau_f is None else np.exp(-every / tau_f)
    u = U / (1 - (1 - U) * f)
    d = 0.0 if tau_d is None else np.exp(-every / tau_d)
    x = (1 - d) / (1 - (1 - u) * d)
    spikes = train(4001, *range(0, 4001, 10), n=2)
    got = run(STPDenseSynapse((2, 3), 0.5, resist_scale=2.0, tau_f=tau_f, tau_d=tau_d, resources_init=U), spikes)
    np.testing.assert_allclose(got[0], 2 * 2.0 * 0.5 * U, rtol=1e-5)
    np.testing.assert_allclose(got[4000], 2 * 2.0 * 0.5 * u * x, rtol=1e-4)


def test_a_patched_synapse_is_the_masked_matrix_forward_and_backward():
    synapse = PatchedSynapse((4, 6), 2, (1, 0), Uniform(), resist_scale=2.0)
    x, y = np.arange(12.0).reshape(2, 6), np.ones((2, 6))
    current, back, w = run(synapse, x, feeds={"feedback": y}, record=("current", "back", "w"))
    full = np.zeros((6, 6))
    full[1:4, :3], full[2:5, 3:] = w[0, 0][1:], w[0, 1][:3]
    assert full.any()
    np.testing.assert_allclose(current, 2.0 * x @ full, rtol=1e-5)
    np.testing.assert_allclose(back, y @ full.T, rtol=1e-5)


class Mean(bouton.Topology):
    """A map without weights."""

    def dims(self):
        return {"pre": {"pre": 2}, "post": {"post": 1}, "weights": None}

    def apply(self, w, x):
        return x.mean(-1, keepdims=True)


def test_a_dendritic_input_through_a_topology_of_ones_own():
    np.testing.assert_allclose(run(BaseDendriticInput(Mean(), None, 3.0, -1), [[1.0, 2.0]])[0], [-4.5])


def test_all_spikes_through_weights_of_one_make_the_fan_in_and_the_sign_turns_it_round():
    ones = np.ones((1, 4))
    pairs = Pairs([0, 0, 2, 3], [1, 2, 2, 2])
    for make, fan_in in (
        (lambda **k: SimpleDendriticInput((4, 3), 1.0, **k), [4, 4, 4]),
        (lambda **k: SparseDendriticInput((4, 3), pairs, 1.0, **k), [0, 1, 3]),
        (lambda **k: One2OneDendriticInput(4, 1.0, **k), [1, 1, 1, 1]),
        (lambda **k: BaseDendriticInput(Dense(4, 3, pairs), 1.0, **k), [0, 1, 3]),
    ):
        np.testing.assert_allclose(run(make(), ones)[0], fan_in)
        np.testing.assert_allclose(run(make(current_coef=2.5, sign=-1), ones)[0], -2.5 * np.array(fan_in))
        graded = run(make(), 0.5 * ones)[0]  # not just spikes
        np.testing.assert_allclose(graded, 0.5 * np.array(fan_in))


# ---- their names --------------------------------------------------------------------------------------------------

DENSE = {"inputs", "outputs", "weights", "biases"}
KERNEL = DENSE | {"v", "g_syn", "i_syn"}
PATCHED = DENSE | {"post_in", "pre_out"}
CONEX = {"pre_spike", "I", "weights"}
NAMES = {
    "DenseSynapse": (DENSE, lambda f: f((3, 4), bias_init=0.0)),
    "StaticSynapse": (DENSE, lambda f: f((3, 4), bias_init=0.0)),
    "STPDenseSynapse": (DENSE | {"u", "x"}, lambda f: f((3, 4), bias_init=0.0)),
    "ExponentialSynapse": (KERNEL, lambda f: f((3, 4), 5.0, 1.0, 0.0, bias_init=0.0)),
    "AlphaSynapse": (KERNEL | {"h_syn"}, lambda f: f((3, 4), 5.0, 1.0, 0.0, bias_init=0.0)),
    "DoubleExpSynapse": (KERNEL | {"h_syn"}, lambda f: f((3, 4), 5.0, 1.0, 1.0, 0.0, bias_init=0.0)),
    "PatchedSynapse": (PATCHED, lambda f: f((3, 4), bias_init=0.0)),
    "StaticPatchedSynapse": (PATCHED, lambda f: f((3, 4), bias_init=0.0)),
    "BaseDendriticInput": (CONEX, lambda f: f(Dense(3, 4), 1.0)),
    "SimpleDendriticInput": (CONEX, lambda f: f((3, 4), 1.0)),
    "SparseDendriticInput": (CONEX, lambda f: f((3, 4), Total(3), 1.0)),
    "One2OneDendriticInput": (CONEX, lambda f: f(3, 1.0)),
}


def test_all_recipes_are_registered_and_listed():
    registered = {e.name for e in bouton.components("recipe") if e.plugin.dist == "bouton-synapses-dense"}
    assert registered == NAMES.keys() and registered < set(dir(dense))


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_names_each_compartment_of_the_original_and_a_circuit_has_it(name):
    recipe = getattr(dense, name)
    of_original, make = NAMES[name]
    said = dict(re.findall(r"``(\w+)``\s+is\s+``([\w.]+)``", recipe.__doc__))
    assert said.keys() == of_original
    circuit = bouton.Circuit({"syn": make(recipe)})
    ours = {f"syn.{name}" for name in said.values()}
    inputs = ours & {"syn.pre", "syn.feedback", "syn.transmission.v"}
    recorded = bouton.simulate(
        circuit, 1.0, inputs=dict.fromkeys(inputs, 0.5), record=dict.fromkeys(ours - inputs, 1), progress=False
    )
    assert all(recorded[name].shape[0] == 1 for name in ours - inputs)


def test_the_command_line_shows_the_parameters():
    command = [sys.executable, "-m", "bouton", "components", "DoubleExpSynapse", "--json"]
    shown = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)[0]
    assert shown["kind"] == "recipe" and "difference of two exponentials" in shown["doc"]
    defaults = {p["name"]: "required" if p["required"] else p["default"] for p in shown["parameters"]}
    assert defaults == {
        "shape": "required", "tau_decay": "required", "tau_rise": "required", "g_syn_bar": "required",
        "syn_rest": "required", "weight_init": "Uniform(low=0.025, high=0.8)", "bias_init": "None",
        "resist_scale": "1.0", "p_conn": "1.0", "mask": "None", "seed": "0", "normalize": "'none'",
    }  # fmt: skip


MODEL = """
bouton: 1
nodes:
  exp:
    type: ExponentialSynapse
    shape: [3, 4]
    tau_decay: 5.0
    g_syn_bar: 0.5
    syn_rest: none
    weight_init: {type: Uniform, high: 0.5}
    p_conn: 0.5
    seed: 2
  masked: {type: DenseSynapse, shape: [2, 2], mask: [[1, 0], [1, 1]], bias_init: [0.5, 1]}
  sparse: {type: SparseDendriticInput, shape: [3, 4], connect: {type: Total, n: 5}, weights: 1, sign: -1}
  base: {type: BaseDendriticInput, topology: {type: OneToOne, n: 3}, weights: [1, 2, 3], current_coef: 2}
"""


def test_a_model_file_may_name_recipes_and_keeps_what_they_made(tmp_path):
    (tmp_path / "model.yaml").write_text(MODEL)
    circuit = bouton.load(tmp_path / "model.yaml")
    assert circuit.nodes == {
        "exp": ExponentialSynapse((3, 4), 5.0, 0.5, None, Uniform(0.0, 0.5), p_conn=0.5, seed=2),
        "masked": DenseSynapse((2, 2), mask=[[1, 0], [1, 1]], bias_init=[0.5, 1.0]),
        "sparse": SparseDendriticInput((3, 4), Total(5), 1.0, sign=-1),
        "base": BaseDendriticInput(OneToOne(3), [1.0, 2.0, 3.0], 2.0),
    }
    bouton.save(circuit, tmp_path / "again.json")
    again = bouton.load(tmp_path / "again.json")
    assert again == circuit
    (tmp_path / "wrong.yaml").write_text(MODEL.replace("p_conn: 0.5", "p_conn: 0"))
    with pytest.raises(bouton.ModelError, match=r"nodes\.exp: ExponentialSynapse\.p_conn must be a number above 0"):
        bouton.load(tmp_path / "wrong.yaml")


# ---- errors -------------------------------------------------------------------------------------------------------

WRONG = {
    "batch_size": (
        lambda: AlphaSynapse((3, 4), 5.0, 1.0, None, batch_size=2),
        r"AlphaSynapse has no parameter 'batch_size'\. The batch is given to the run: simulate\(\.\.\., batch=\.\.\.\)",
    ),
    "name": (
        lambda: DenseSynapse(name="W1", shape=(3, 4)),
        r"no parameter 'name'\. A synapse has its name from the circuit: Circuit\(nodes=\{name: \.\.\.\}\)",
    ),
    "name by its place": (
        lambda: DenseSynapse("W1", (3, 4)),
        r"DenseSynapse\.shape must be two sizes \(pre, post\), got 'W1'\. A synapse has its name from the circuit: "
        r"Circuit\(nodes=\{'W1': DenseSynapse\(\(64, 100\)\)\}\)",
    ),
    "is_nonplastic": (
        lambda: ExponentialSynapse((3, 4), 5.0, 1.0, None, is_nonplastic=True),
        r"'is_nonplastic'\. This synapse has no rule and keeps its weights as they are \(weight_init=1\.0: ones\)",
    ),
    "key": (lambda: StaticSynapse((3, 4), key=0), r"'key'\. Random numbers come from the seed of the run"),
    "p_release": (lambda: DenseSynapse((3, 4), p_release_mean=0.5), r"'p_release_mean'\. Use \.replace\(release=Stoch"),
    "delays": (lambda: DenseSynapse((3, 4), max_delay_steps=3), r"'max_delay_steps'\. Delays are in ms: wire bouton\."),
    "new name": (lambda: DenseSynapse((3, 4), g_conduct_factor=3), r"'g_conduct_factor'\. It is called resist_scale"),
    "spelling": (
        lambda: STPDenseSynapse((3, 4), resources_int=0.3),
        r"STPDenseSynapse has no parameter 'resources_int'\. Did you mean 'resources_init'\?",
    ),
    "unknown": (
        lambda: One2OneDendriticInput(3, 1.0, zzz=0.3),
        r"has no parameter 'zzz'\. Available: n_units, weights, current_coef, sign\.",
    ),
    "missing": (lambda: AlphaSynapse((3, 4), 5.0), r"AlphaSynapse: missing a required argument: 'g_syn_bar'\."),
    "density": (
        lambda: SparseDendriticInput((3, 4), density=0.1),
        r"'density'\. Say which pairs are joined: connect=Probability\(density\), or connect=Total\(number of edges\)",
    ),
    "inhibitory": (lambda: SimpleDendriticInput((3, 4), 1.0, inhibitory=True), r"'inhibitory'\. Use sign=-1"),
    "tag": (
        lambda: SimpleDendriticInput((3, 4), 1.0, tag="Apical"),
        r"'tag'\. A compartment of a dendrite is an input",
    ),
    "weight_shape": (lambda: One2OneDendriticInput(3, 1.0, weight_shape=(3,)), r"'weight_shape'\. Weights have the sh"),
    "three sizes": (lambda: DenseSynapse((3, 4, 5)), r"two sizes \(pre, post\), such as \(64, 100\), got \(3, 4, 5\)"),
    "no size": (lambda: SimpleDendriticInput((3, 0), 1.0), r"SimpleDendriticInput\.shape must be .* got \(3, 0\)"),
    "p_conn 0": (
        lambda: DenseSynapse((3, 4), p_conn=0.0),
        r"DenseSynapse\.p_conn must be a number above 0 and at most 1 \(all synapses\), got 0\.0\.",
    ),
    "p_conn": (lambda: PatchedSynapse((3, 4), p_conn=1.5), r"PatchedSynapse\.p_conn must be .*, got 1\.5"),
    "seed": (
        lambda: DenseSynapse((3, 4), seed=1),
        r"DenseSynapse\.seed=1 has no effect: it is that of p_conn, which is",
    ),
    "both": (lambda: DenseSynapse((1, 1), p_conn=0.5, mask=[[1]]), r"DenseSynapse: p_conn and mask both say which"),
    "mask's shape": (
        lambda: StaticSynapse((3, 4), mask=np.ones((4, 3))),
        r"mask must have the shape \(3, 4\), got \(4,",
    ),
    "mask's values": (
        lambda: StaticSynapse((1, 2), mask=[[1, 0.5]]),
        r"StaticSynapse\.mask must hold zeros and ones\.",
    ),
    "weight_init of ngc-learn": (
        lambda: DenseSynapse((3, 4), ("uniform", 0.025, 0.8)),
        r"DenseSynapse\.weight_init must be a number, an array or an initialiser such as bouton\.Uniform\(0\.025, "
        r"0\.8\), got \('uniform', 0\.025, 0\.8\)",
    ),
    "weight_init None": (
        lambda: StaticPatchedSynapse((3, 4), weight_init=None),
        r"StaticPatchedSynapse\.weight_init mus",
    ),
    "stride_shape": (
        lambda: PatchedSynapse((3, 4), stride_shape=(1, -1)),
        r"PatchedSynapse\.stride_shape must be two whole numbers of at least 0, \(pre, post\), got \(1, -1\)",
    ),
    "what does not divide": (
        lambda: PatchedSynapse((5, 4), 2, (1, 1)),
        r"Patched\.n_pre=7 without its margins of 2 x 1 ",
    ),
    "sign": (
        lambda: SimpleDendriticInput((3, 4), 1.0, sign=0),
        r"SimpleDendriticInput\.sign must be 1 \(the source excites\) or -1 \(it inhibits\), got 0\. For cells of both",
    ),
    "signs": (
        lambda: One2OneDendriticInput(2, 1.0, sign=[1, -1]),
        r"One2OneDendriticInput\.sign must be 1 .* got \[1, -1",
    ),
    "current_coef": (
        lambda: SimpleDendriticInput((3, 4), 1.0, current_coef="2"),
        r"SimpleDendriticInput\.current_coef must be a number or an array, got '2'",
    ),
    "no weights": (
        lambda: SimpleDendriticInput((3, 4), None),
        r"SimpleDendriticInput\.weights must be a number, .*, got None",
    ),
    "tau_f 0": (
        lambda: bouton.Circuit({"s": STPDenseSynapse((3, 4), tau_f=0)}),
        r"s\.release\.tau_f must be > 0 ms, got 0\. Use None to switch it off\.",
    ),
    "tau_d 0": (
        lambda: bouton.Circuit({"s": STPDenseSynapse((3, 4), tau_d=0)}),
        r"s\.release\.tau_d must be > 0 ms, got 0\. Use None to switch it off\.",
    ),
    "tau_decay 0": (
        lambda: bouton.Circuit({"s": AlphaSynapse((3, 4), 0.0, 1.0, None)}),
        r"s\.transmission\.tau must be > 0 ms, got 0\.",
    ),
    "tau_rise too long": (
        lambda: bouton.Circuit({"s": DoubleExpSynapse((3, 4), 1.0, 5.0, 1.0, None)}).init(
            key=jax.random.key(0), dt=1.0
        ),
        r"tau_rise must not be longer than tau_decay, got 5 and 1 ms",
    ),
    "bias": (
        lambda: bouton.Circuit({"s": DenseSynapse((3, 4), bias_init=[1.0, 2.0])}),
        r"s\.bias must be a single number or an array of shape \(4,\)",
    ),
}


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_said(make, message):
    with pytest.raises(bouton.CircuitError, match=message):
        make()
