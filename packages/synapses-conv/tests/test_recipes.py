"""Recipes: what they make, against synapses made by hand, and the words of ngc-learn and CoNeX."""

import inspect
import re

import bouton
import bouton_synapses_conv as conv
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import Synapse, Uniform
from bouton_synapses_conv import (
    AveragePool2D,
    Conv,
    Conv2dDendriticInput,
    ConvSynapse,
    DeconvSynapse,
    Lateral,
    LateralDendriticInput,
    Local2d,
    Local2dDendriticInput,
    Pool2d,
    StaticConvSynapse,
    StaticDeconvSynapse,
    UpConv,
)

START = Uniform(0.025, 0.8)
EACH = np.broadcast_to([1.0, 2.0], (3, 2, 2))
BY_HAND = {
    "conv": (ConvSynapse((3, 2, 1, 4), (6, 5)), Synapse(Conv((6, 5, 1), (3, 2), 4), START)),
    "conv, all": (
        ConvSynapse((3, 3, 1, 2), (6, 4), 0.5, [1.0, 2.0], 2, "SAME", (1.0, 2.0)),
        Synapse(Conv((6, 4, 1), (3, 3), 2, 2), 0.5, EACH, [1.0, 2.0]),
    ),
    "conv, a square": (
        ConvSynapse((3, 3, 1, 2), 4, bias_init=0.5, padding="VALID"),
        Synapse(Conv((4, 4, 1), (3, 3), 2, padding="VALID"), START, bias=0.5),
    ),
    "static conv": (
        StaticConvSynapse([3, 2, 1, 4], [6, 5], stride=(1, 2), padding=((1, 0), (0, 1))),
        Synapse(Conv((6, 5, 1), (3, 2), 4, (1, 2), ((1, 0), (0, 1))), START),
    ),
    "deconv": (DeconvSynapse((3, 2, 1, 4), (6, 5), stride=2), Synapse(UpConv((6, 5, 1), (3, 2), 4, 2), START)),
    "deconv, biases": (
        DeconvSynapse((3, 2, 1, 2), (3, 2), bias_init=np.arange(2.0)),
        Synapse(UpConv((3, 2, 1), (3, 2), 2), START, bias=np.arange(2.0)),
    ),
    "static deconv": (
        StaticDeconvSynapse((3, 2, 1, 4), 6, padding="VALID", resist_scale=2.0),
        Synapse(UpConv((6, 6, 1), (3, 2), 4, padding="VALID"), START, 2.0),
    ),
    "conv 2-D": (
        Conv2dDendriticInput((6, 5, 1), 3, 2, 0.5),
        Synapse(Conv((6, 5, 1), 3, 2, padding=((0, 0), (0, 0))), 0.5),
    ),
    "conv 2-D, all": (
        Conv2dDendriticInput((6, 4, 1), (3, 3), 2, Uniform(), jnp.array([1.0, 2.0]), -1, 2, (1, 1)),
        Synapse(Conv((6, 4, 1), (3, 3), 2, 2, ((1, 1), (1, 1))), Uniform(), jnp.asarray(-EACH)),
    ),
    "conv 2-D, padding in words": (
        Conv2dDendriticInput((6, 4, 1), 3, 2, 0.5, padding="SAME"),
        Synapse(Conv((6, 4, 1), 3, 2), 0.5),
    ),
    "local 2-D": (
        Local2dDendriticInput([6, 5, 1], 3, 2, 0.5, 2.0, padding=[1, 2]),
        Synapse(Local2d((6, 5, 1), 3, 2, padding=((1, 1), (2, 2))), 0.5, 2.0),
    ),
    "lateral": (LateralDendriticInput((6, 5, 3), 3, 0.5, 2.0), Synapse(Lateral((6, 5, 3), 3), 0.5, 2.0)),
    "lateral, from inhibitory cells": (
        LateralDendriticInput((6, 5, 3), (3, 3, 1), 0.5, 2.0, -1, centre=False),
        Synapse(Lateral((6, 5, 3), (3, 3, 1), centre=False), 0.5, -2.0),
    ),
    "lateral, inhibitory": (
        LateralDendriticInput((6, 5, 3), 3, 0.5, inhibitory=True),
        Synapse(Lateral((6, 5, 3), 3), 0.5, -1.0),
    ),
    "lateral, not inhibitory, whatever cells are": (
        LateralDendriticInput((6, 5, 3), 3, 0.5, sign=-1, inhibitory=False),
        Synapse(Lateral((6, 5, 3), 3), 0.5),
    ),
    "pool": (AveragePool2D((6, 5, 3), (2, 2)), Synapse(Pool2d((6, 5, 3), (2, 2)), None)),
    "pool, all": (AveragePool2D((6, 4, 3), [3, 2], 2.0, -1), Synapse(Pool2d((6, 4, 3), (3, 2)), None, -2.0)),
}


@pytest.mark.parametrize(("made", "by_hand"), BY_HAND.values(), ids=BY_HAND)
def test_a_recipe_makes_the_synapse_that_one_would_make_by_hand(made, by_hand):
    assert made == by_hand


def currents(synapse, pre):
    """The currents of one step."""
    circuit = bouton.Circuit({"syn": synapse})
    state = circuit.init(key=jax.random.key(0), dt=1.0)
    _, out = circuit.step(state, bouton.Tick(step=0, dt=1.0), {"syn.pre": jnp.asarray(pre, float)})
    return np.asarray(out["syn"].current)


def test_a_bias_is_one_for_each_channel_and_outside_the_scale():
    synapse = ConvSynapse((2, 2, 1, 3), 3, 0.5, [1.0, 2.0, 3.0], padding="VALID", resist_scale=[10.0, 100.0, 1000.0])
    wanted = np.broadcast_to([21.0, 202.0, 2003.0], (2, 2, 3))
    np.testing.assert_allclose(currents(synapse, np.ones((3, 3, 1))), wanted)


def test_all_spikes_through_weights_of_one_make_the_fan_in():
    """In the middle all taps count; in a corner with one place of padding 2 of 3 along each axis."""
    for recipe in (Conv2dDendriticInput, Local2dDendriticInput):
        got = currents(recipe((5, 5, 2), 3, 2, 1.0, 10.0, -1, padding=1), np.ones((5, 5, 2)))
        np.testing.assert_allclose(got[2, 2], -10.0 * 9 * 2)
        np.testing.assert_allclose(got[0, 0], -10.0 * 4 * 2)


def test_weights_of_conex_in_the_order_that_the_docstrings_give():
    """There (out, in, ky, kx), (out, positions, in * taps) and (1, 1, depth, ky, kx), and maps (channel, y, x)."""
    r = np.random.default_rng(0)
    x = r.normal(size=(5, 4, 2)).astype(np.float32)
    first, places = np.moveaxis(x, -1, 0), [(i, j) for i in range(4) for j in range(3)]
    w = r.normal(size=(3, 2, 2, 2)).astype(np.float32)
    got = currents(Conv2dDendriticInput(x.shape, 2, 3, w.transpose(2, 3, 1, 0)), x)
    wanted = [np.einsum("ocyx,cyx->o", w, first[:, i : i + 2, j : j + 2]) for i, j in places]
    np.testing.assert_allclose(got.reshape(12, 3), wanted, atol=1e-5)

    w = r.normal(size=(3, 12, 8)).astype(np.float32)
    ours = w.reshape(3, 4, 3, 2, 2, 2).transpose(1, 2, 4, 5, 3, 0)
    got = currents(Local2dDendriticInput(x.shape, 2, 3, ours), x)
    wanted = [w[:, n] @ first[:, i : i + 2, j : j + 2].ravel() for n, (i, j) in enumerate(places)]
    np.testing.assert_allclose(got.reshape(12, 3), wanted, atol=1e-5)

    w = r.normal(size=(1, 1, 3, 3, 1)).astype(np.float32)
    got = currents(LateralDendriticInput(x.shape, (3, 1, 3), w[0, 0].transpose(1, 2, 0)), x)
    padded = np.pad(first, [(1, 1), (1, 1), (0, 0)])
    wanted = np.array(
        [
            [(w[0, 0, :, :, 0] * padded[c : c + 3, i : i + 3, j]).sum() for j in range(4)]
            for c in range(2)
            for i in range(5)
        ]
    )
    np.testing.assert_allclose(np.moveaxis(got, -1, 0).reshape(10, 4), wanted, atol=1e-5)


# ---- their names --------------------------------------------------------------------------------------------------

NGC = {"inputs", "outputs", "weights", "biases"}
CONEX = {"pre_spike", "I", "weights"}
NAMES = {
    "ConvSynapse": (NGC | {"filters"}, lambda f: f((2, 2, 1, 2), 3, bias_init=0.0)),
    "StaticConvSynapse": (NGC, lambda f: f((2, 2, 1, 2), 3, bias_init=0.0)),
    "DeconvSynapse": (NGC | {"filters"}, lambda f: f((2, 2, 1, 2), 3, bias_init=0.0)),
    "StaticDeconvSynapse": (NGC, lambda f: f((2, 2, 1, 2), 3, bias_init=0.0)),
    "Conv2dDendriticInput": (CONEX, lambda f: f((3, 3, 1), 2, 1, 1.0)),
    "Local2dDendriticInput": (CONEX, lambda f: f((3, 3, 1), 2, 1, 1.0)),
    "LateralDendriticInput": (CONEX, lambda f: f((3, 3, 1), 3, 1.0)),
    "AveragePool2D": (CONEX - {"weights"}, lambda f: f((3, 3, 1), (2, 2))),
}


def test_all_recipes_are_registered_and_listed():
    registered = {e.name for e in bouton.components("recipe") if e.plugin.dist == "bouton-synapses-conv"}
    assert registered == NAMES.keys() and registered < set(dir(conv))


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_names_each_compartment_of_the_original_and_a_synapse_has_it(name):
    recipe, (of_original, make) = getattr(conv, name), NAMES[name]
    said = dict(re.findall(r"``(\w+)``\s+is\s+``([\w.]+)``", recipe.__doc__))
    assert said.keys() == of_original
    circuit = bouton.Circuit({"syn": make(recipe)})
    state = circuit.init(key=jax.random.key(0), dt=1.0)
    _, out = circuit.step(state, bouton.Tick(step=0, dt=1.0), {"syn.pre": 1.0})
    there = {"pre"} | {name for p in (state["syn"], out["syn"]) for name, value in vars(p).items() if value is not None}
    assert set(said.values()) <= there


def test_defaults_are_those_of_the_originals():
    shared = {"filter_init": START, "bias_init": None, "stride": 1, "resist_scale": 1.0}
    for recipe in (ConvSynapse, DeconvSynapse, StaticConvSynapse, StaticDeconvSynapse):
        assert defaults(recipe) == shared | {"padding": "SAME"}
    of_input = {"current_coef": 1.0, "sign": 1}
    for recipe in (Conv2dDendriticInput, Local2dDendriticInput):
        assert defaults(recipe) == of_input | {"stride": 1, "padding": 0}
    assert defaults(LateralDendriticInput) == of_input | {"inhibitory": None, "centre": True}
    assert defaults(AveragePool2D) == of_input


def defaults(recipe):
    return {n: p.default for n, p in inspect.signature(recipe).parameters.items() if p.default is not p.empty}


MODEL = """
bouton: 1
nodes:
  conv: {type: ConvSynapse, shape: [3, 3, 1, 2], x_shape: [5, 4], bias_init: [0.5, 1], stride: 2}
  local: {type: Local2dDendriticInput, size_in: [5, 4, 1], kernel: 3, channels_out: 2, weights: 0.5, padding: [1, 0]}
  lateral: {type: LateralDendriticInput, size_in: [5, 4, 2], kernel: [3, 3, 1], weights: 1, inhibitory: true}
  pool: {type: AveragePool2D, size_in: [5, 4, 2], size_out: [2, 2]}
  deconv: {type: Synapse, topology: {type: Deconv, conv: {type: Conv, size_in: [5, 4, 1], kernel: 3, channels_out: 2}}}
"""


def test_a_model_file_may_name_recipes_and_keeps_what_they_made(tmp_path):
    (tmp_path / "model.yaml").write_text(MODEL)
    circuit = bouton.load(tmp_path / "model.yaml")
    assert circuit.nodes == {
        "conv": ConvSynapse((3, 3, 1, 2), (5, 4), bias_init=[0.5, 1.0], stride=2),
        "local": Local2dDendriticInput((5, 4, 1), 3, 2, 0.5, padding=(1, 0)),
        "lateral": LateralDendriticInput((5, 4, 2), (3, 3, 1), 1.0, inhibitory=True),
        "pool": AveragePool2D((5, 4, 2), (2, 2)),
        "deconv": Synapse(conv.Deconv(Conv((5, 4, 1), 3, 2))),
    }
    bouton.save(circuit, tmp_path / "again.json")
    assert bouton.load(tmp_path / "again.json") == circuit


# ---- errors -------------------------------------------------------------------------------------------------------

K, S = (3, 3, 1, 2), (6, 6, 1)
WRONG = {
    "batch_size": (
        lambda: ConvSynapse(K, 6, batch_size=2),
        r"ConvSynapse has no parameter 'batch_size'\. The batch is given to the run: simulate\(\.\.\., batch=\.\.\.\)",
    ),
    "key": (lambda: DeconvSynapse(K, 6, key=0), r"'key'\. Random numbers come from the seed of the run"),
    "name": (lambda: ConvSynapse(name="W1", shape=K, x_shape=6), r"'name'\. A synapse has its name from the circuit"),
    "name by its place": (
        lambda: ConvSynapse("W1", K, 6),
        r"ConvSynapse\.shape must be four sizes, got 'W1'\. A synapse has its name from the circuit: "
        r"Circuit\(nodes=\{'W1': ConvSynapse\(\(5, 5, 1, 8\), \(28, 28\)\)\}\)\.",
    ),
    "new name": (lambda: ConvSynapse(K, 6, g_conduct_factor=3), r"'g_conduct_factor'\. It is called resist_scale here"),
    "weight_init": (lambda: ConvSynapse(K, 6, weight_init=3), r"'weight_init'\. It is called filter_init here"),
    "spelling": (lambda: StaticConvSynapse(K, 6, pading="SAME"), r"no parameter 'pading'\. Did you mean 'padding'\?"),
    "missing": (lambda: StaticDeconvSynapse(K), r"StaticDeconvSynapse: missing a required argument: 'x_shape'\."),
    "three sizes": (
        lambda: ConvSynapse((3, 3, 2), 6),
        r"ConvSynapse\.shape must be \(height, width, channels in, channels out\), such as \(5, 5, 1, 8\), got"
        r" \(3, 3, 2\)",
    ),
    "size 0": (lambda: DeconvSynapse((3, 0, 1, 2), 6), r"DeconvSynapse\.shape must be .* got \(3, 0, 1, 2\)"),
    "x_shape": (
        lambda: ConvSynapse(K, (6, 6, 1)),
        r"ConvSynapse\.x_shape must be \(height, width\) of the input map, or one number, got \(6, 6, 1\)",
    ),
    "x_shape of 0": (lambda: ConvSynapse(K, 0), r"ConvSynapse\.x_shape must be .* got \(0, 0\)\."),
    "padding": (lambda: DeconvSynapse(K, 6, padding="VALD"), r"'SAME', 'VALID' or a pair .* Did you mean 'VALID'\?"),
    "padding None": (lambda: ConvSynapse(K, 6, padding=None), r"padding along height must be two numbers .* got None"),
    "filter_init of ngc-learn": (
        lambda: ConvSynapse(K, 6, ("uniform", 0.025, 0.8)),
        r"ConvSynapse\.filter_init must be a number, an array or an initialiser such as bouton\.Uniform\(0\.025, "
        r"0\.8\), got \('uniform', 0\.025, 0\.8\)",
    ),
    "bias_init, shape": (
        lambda: ConvSynapse(K, 6, bias_init=[1.0, 2.0, 3.0]),
        r"ConvSynapse\.bias_init must be a number or an array of shape \(2,\) \(one for each channel\), "
        r"got the shape \(3,\)\.",
    ),
    "bias_init, drawn": (
        lambda: DeconvSynapse(K, 6, bias_init=Uniform()),
        r"DeconvSynapse\.bias_init must be a number or an array .* got Uniform\(\)\.",
    ),
    "resist_scale": (lambda: ConvSynapse(K, 6, resist_scale="2"), r"resist_scale must be a number or .* got '2'\."),
    "tag": (lambda: AveragePool2D(S, (2, 2), tag="Apical"), r"'tag'\. A compartment of a dendrite is an input"),
    "weight_shape": (
        lambda: LateralDendriticInput(S, 3, 1.0, weight_shape=(1, 1, 3, 3, 3)),
        r"'weight_shape'\. Weights have the shape that the topology gives them",
    ),
    "kernel_shape": (lambda: Conv2dDendriticInput(S, kernel_shape=3), r"'kernel_shape'\. The size of the kernel is "),
    "inhibitory": (lambda: Local2dDendriticInput(S, 3, 1, 1.0, inhibitory=True), r"'inhibitory'\. Use sign=-1"),
    "inhibitory, in words": (
        lambda: LateralDendriticInput(S, 3, 1.0, inhibitory="no"),
        r"LateralDendriticInput\.inhibitory must be True, False or None \(as sign says\), got 'no'\.",
    ),
    "weights of a pool": (lambda: AveragePool2D(S, (2, 2), weights=1.0), r"'weights'\. It has none: current_coef is a"),
    "no channel": (
        lambda: Conv2dDendriticInput((6, 6), 3, 1, 1.0),
        r"Conv2dDendriticInput\.size_in must be \(height, width, channel\), got \(6, 6\)\. For one channel write",
    ),
    "no channel of a lateral one": (
        lambda: LateralDendriticInput((6, 6), 3, 1.0),
        r"LateralDendriticInput\.size_in must be \(height, width, channel\), got \(6, 6\)\. For one channel write",
    ),
    "sign": (
        lambda: Local2dDendriticInput(S, 3, 1, 1.0, sign=0),
        r"Local2dDendriticInput\.sign must be 1 \(the source excites\) or -1 \(it inhibits\), got 0\.",
    ),
    "current_coef": (
        lambda: AveragePool2D(S, (2, 2), [1.0, 2.0]),
        r"AveragePool2D\.current_coef must be a number or an array of shape \(1,\) .* got the shape \(2,\)\.",
    ),
    "no weights": (
        lambda: Conv2dDendriticInput(S, 3, 1, None),
        r"Conv2dDendriticInput\.weights must be a number, .* got None",
    ),
    "weights, shape": (
        lambda: bouton.Circuit({"s": ConvSynapse(K, 6, np.ones((3, 3)))}).init(key=jax.random.key(0), dt=1.0),
        r"given values have the shape \(3, 3\), expected \(3, 3, 1, 2\)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_said(make, message):
    with pytest.raises(bouton.CircuitError, match=message):
        make()
