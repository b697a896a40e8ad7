"""What happens before, beside and after the map works on every topology here: delays, normalisation, bounds, a bias."""

import re
from pathlib import Path

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import Clip, CurrentNormalised, Delay, Normalise, NormaliseFanOut, Synapse, Term, Uniform
from bouton_synapses_conv import Conv, ConvSynapse, Deconv, DeconvSynapse, Lateral, Local2d, Pool2d

from .edges import TOPOLOGIES, arrays, edges

SOME = [
    "Conv, 2-D",
    "Conv, groups",
    "Deconv, rectangular, strides, explicit padding",
    "UpConv",
    "Local2d",
    "Local2d, groups",
    "Lateral, rectangular, without centre, inhibits",
]
on_some = pytest.mark.parametrize("topology", [TOPOLOGIES[name] for name in SOME], ids=SOME)


class Hebb(bouton.Rule):
    """``dw = 0.1 pre post``."""

    def terms(self, s, pre, post, x, tick):
        return s, (Term(pre, post, 0.1, bias=0.5),)


def positive(topology):
    """Weights that differ, none of them 0, and values of both maps in two lanes."""
    r = np.random.default_rng(0)
    shapes = topology.size("weights"), (2, *topology.size("pre")), (2, *topology.size("post"))
    return [r.uniform(0.5, 1.5, shape).astype(np.float32) for shape in shapes]


@on_some
def test_a_delayed_normalised_learning_synapse_is_a_loop_over_edges(topology):
    """Delays, currents relative to the weights, and bounds on what is learnt, in two lanes of a batch."""
    w, x, y = positive(topology)
    exists = np.zeros_like(w)
    for _, _, k, _ in edges(topology):
        exists[k] = 1.0
    circuit = bouton.Circuit(
        nodes={
            "source": Delay(shape=topology.size("pre"), ms=1.0),
            "syn": Synapse(
                topology,
                w * exists,
                release=CurrentNormalised(3.0),
                plasticity=Hebb(),
                constraints=(Clip(-0.2, 1.2),),
            ),
        },
        wires={"syn.pre": bouton.delayed("source.y", 1.0)},
    )
    weights, wanted = np.clip(w * exists, -0.2, 1.2), []
    for step in range(4):
        sums, total, change = np.zeros_like(y), np.zeros(y.shape[1:]), np.zeros_like(w)
        pre = x * max(step - 1, 0)  # what was there two steps before
        for i, j, k, factor in edges(topology):
            sums[:, *j] += factor * weights[k] * pre[:, *i]
            total[j] += abs(weights[k])
            change[k] += 0.1 * abs(factor) * (pre[:, *i] * y[:, *j]).mean()  # rules see magnitudes
        wanted.append(sums * np.where(total > 0, 3.0 / np.where(total > 0, total, 1.0), 1.0))
        weights = np.clip(weights + change, -0.2, 1.2)

    @jax.jit
    def steps():
        def body(state, step):
            fed = {"source.x": x * (step.astype(x.dtype) + 1), "syn.post": y}
            return circuit.step(state, bouton.Tick(step=step, dt=1.0, batch=(2,)), fed)

        state = circuit.init(key=jax.random.key(0), dt=1.0, batch=(2,))
        return jax.lax.scan(body, state, jnp.arange(4))

    state, out = steps()
    np.testing.assert_allclose(out["syn"].current, wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(state["syn"].w, weights, rtol=1e-4, atol=1e-5)
    assert np.abs(wanted[3]).max() > 1.0 and not np.allclose(weights, np.clip(w * exists, -0.2, 1.2))


@on_some
def test_normalisation_is_a_loop_over_edges(topology):
    """Of the fan-in and of the fan-out, by sum, Euclidean norm and maximum; a shared weight takes the mean factor."""
    w, *_ = positive(topology)
    everything = edges(topology)
    for kind, side in ((Normalise, 1), (NormaliseFanOut, 0)):
        for order in (1, 2, "max"):
            per_unit = {}
            for edge in everything:
                per_unit.setdefault(edge[side], []).append(w[edge[2]])
            norm = {
                unit: np.linalg.norm(found, np.inf if order == "max" else order) for unit, found in per_unit.items()
            }
            factors = {}
            for edge in everything:
                factors.setdefault(edge[2], []).append(4.0 / norm[edge[side]])
            got = np.asarray(jax.jit(kind(4.0, order))(topology, w))
            for k, found in factors.items():
                np.testing.assert_allclose(got[k], w[k] * np.mean(found), rtol=1e-4)


def test_a_map_without_weights_is_delayed_and_scaled():
    pool = Pool2d((4, 4, 2), (2, 2))
    x = np.random.default_rng(0).normal(size=(4, 4, 2)).astype(np.float32)
    circuit = bouton.Circuit(
        {"source": Delay(shape=(4, 4, 2), ms=1.0), "pool": Synapse(pool, None, gain=-2.0)},
        {"pool.pre": bouton.delayed("source.y", 1.0)},
    )
    state = circuit.init(key=jax.random.key(0), dt=1.0)
    _, run = bouton.scan(circuit, state, steps=4, dt=1.0, inputs={"source.x": x}, record={"pool.current": 1})
    blocks = x.reshape(2, 2, 2, 2, 2).mean((1, 3))
    np.testing.assert_allclose(run["pool.current"][:, 0, 0, 0], [0.0, 0.0, *([-2.0 * blocks[0, 0, 0]] * 2)], rtol=1e-5)
    np.testing.assert_allclose(run["pool.current"][2], -2.0 * blocks, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("part", [Normalise(1.0), NormaliseFanOut(1.0)], ids=["fan-in", "fan-out"])
def test_a_map_without_weights_cannot_be_normalised(part):
    with pytest.raises(
        bouton.CircuitError, match=r"Pool2d has no weight for each edge: Normalise(FanOut)? cannot scale"
    ):
        Synapse(Pool2d((4, 4, 2), (2, 2)), None, constraints=(part,))
    with pytest.raises(
        bouton.CircuitError, match=r"Pool2d has no weight for each edge: CurrentNormalised cannot divide"
    ):
        Synapse(Pool2d((4, 4, 2), (2, 2)), None, release=CurrentNormalised(1.0))


@pytest.mark.parametrize(("batch", "reduce"), [(1, "mean"), (4, "mean"), (4, "sum")])
@pytest.mark.parametrize(
    "made",
    [
        ConvSynapse((2, 3, 2, 3), (3, 4), bias_init=[1.0, 2.0, 3.0], stride=2),
        DeconvSynapse((2, 3, 2, 3), (3, 4), bias_init=[1.0, 2.0, 3.0], stride=2),
        Synapse(Deconv(Conv((3, 4, 3), kernel=2, channels_out=2, stride=2)), bias=[1.0, 2.0, 3.0]),
        Synapse(Local2d((3, 4, 2), kernel=2, channels_out=3), bias=np.arange(36.0).reshape(3, 4, 3)),
        Synapse(Lateral((3, 4, 3), kernel=3), bias=np.arange(36.0).reshape(3, 4, 3)),
    ],
    ids=lambda made: type(made.topology).__name__,
)
def test_a_bias_learns_the_sum_over_the_positions_of_its_channel(made, reduce, batch):
    """A unit of a local or lateral map, which shares no kernel or shares it with all channels, has one of its own."""
    shared = not isinstance(made.topology, (Local2d, Lateral))
    w, x, y = arrays(made.topology, batch=(batch,))
    circuit = bouton.Circuit({"s": made.replace(weights=w, plasticity=Hebb())})
    assert circuit.compartment("s.b").dims == (("channel",) if shared else ("height", "width", "channel"))
    state = circuit.init(key=jax.random.key(0), dt=1.0, batch=(batch,))
    tick = bouton.Tick(step=0, dt=1.0, batch=(batch,), batch_reduce=reduce)
    new, out = circuit.step(state, tick, {"s.pre": x, "s.post": y})
    currents, b = np.zeros_like(y), np.array(made.bias, float)
    for i, j, k, factor in edges(made.topology):
        currents[:, *j] += factor * w[k] * x[:, *i]
    for place in np.ndindex(y.shape[1:]):
        own = place[-1:] if shared else place
        currents[:, *place] += made.bias[own]
        for sample in range(batch):
            b[own] += 0.5 * y[sample, *place] / (batch if reduce == "mean" else 1)
    np.testing.assert_allclose(out["s"].current, currents, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(new["s"].b, b, rtol=1e-5, atol=1e-6)


def test_maps_follow_each_other_in_a_circuit():
    """From an image through a convolution and a pool, with lateral connections; sizes are checked when it is built."""
    make = {
        "conv": Synapse(TOPOLOGIES["Conv, 2-D"], Uniform()),
        "pool": Synapse(Pool2d((5, 4, 3), (2, 2)), None),
        "back": Synapse(TOPOLOGIES["Deconv, 2-D"], Uniform()),
    }
    bouton.Circuit(make, {"pool.pre": "conv.current", "back.pre": "conv.current"})
    with pytest.raises(bouton.CircuitError, match="pool"):
        bouton.Circuit(make | {"pool": Synapse(Pool2d((5, 4, 2), (2, 2)), None)}, {"pool.pre": "conv.current"})


def test_the_example_of_the_readme_is_a_circuit():
    text = (Path(__file__).parents[1] / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = {}
    exec(code, names)
    _, out = jax.eval_shape(lambda: _step(names["circuit"]))
    assert out["side"].current.shape == (14, 14, 32)


def _step(circuit):
    tick = bouton.Tick(step=0, dt=1.0)
    return circuit.step(circuit.init(key=jax.random.key(0), dt=1.0), tick, {"conv.pre": 0.0})
