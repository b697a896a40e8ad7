"""Tiny components for the tests of runs: noise, leaky cells with a homeostatic threshold, a rule; a network of them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from bouton import (
    Circuit,
    Component,
    Normalise,
    Param,
    PluginSet,
    Ports,
    Rule,
    Run,
    Synapse,
    Term,
    Tick,
    Uniform,
    delayed,
    parameter,
    port,
    static,
)
from bouton._circuit import node_key
from bouton.testing import Full
from jaxtyping import Array, Float, Int

N_IN, N = 4, 3
KEY = jax.random.key(0)


class Noise(Component):
    """Spikes with probability `x` in each step."""

    n: int | tuple[int, ...] = static(dim="unit")

    class In(Ports):
        x: Float[Array, "*batch unit"] = port(doc="probability")

    class Out(Ports):
        s: Float[Array, "*batch unit"] = port(spikes=True, doc="spikes")

    def advance(self, s: Any, x: Any, tick: Tick) -> Any:
        return s, self.Out(s=jnp.where(jax.random.uniform(tick.key, x.x.shape) < x.x, 1.0, 0.0))


class Leaky(Component):
    """Decays, adds `j`, spikes above 1 + theta and is halved then; theta persists and grows with each spike."""

    n: int | tuple[int, ...] = static(dim="unit")
    tau: Param = parameter(default=10.0, unit="ms", gt=0, dims="unit", doc="time constant")
    growth: Param = parameter(default=0.01, unit="mV", doc="growth of theta")

    class In(Ports):
        j: Float[Array, "*batch unit"] = port(reduce="sum", default=0.0, doc="input")

    class State(Ports):
        v: Float[Array, "*batch unit"] = port("mV", doc="potential")
        theta: Float[Array, " unit"] = port("mV", persist=True, doc="threshold")
        count: Int[Array, "*batch unit"] = port(doc="spikes so far")

    class Out(Ports):
        s: Float[Array, "*batch unit"] = port(spikes=True, doc="spikes")

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...] = ()) -> Any:
        return self.State(v=0.0, theta=0.0, count=0)

    def advance(self, s: Any, x: Any, tick: Tick) -> Any:
        v = s.v * jnp.exp(-tick.dt / self.tau) + x.j
        spikes = v > 1.0 + s.theta
        new = self.State(
            v=jnp.where(spikes, 0.5 * v, v),
            theta=s.theta + self.growth * jnp.where(spikes, 1.0, 0.0),
            count=s.count + jnp.where(spikes, 1, 0),
        )
        return new, self.Out(s=jnp.where(spikes, 1.0, 0.0))


class Hebb(Rule):
    """``dw = rate * pre * post``."""

    rate: Param = parameter(default=0.05)

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> Any:
        return s, [Term(self.rate * pre, post)]


PLUGINS = PluginSet.discover() | PluginSet.of(
    {"component": {"Noise": Noise, "Leaky": Leaky}, "rule": {"Hebb": Hebb}, "topology": {"Full": Full}}, dist="tiny"
)
"""With ``with PLUGINS.use():`` a run holds its circuit."""


def network(**of_cell: Any) -> Circuit:
    """Noise onto leaky cells through plastic synapses; the cells inhibit each other 3 ms later."""
    return Circuit(
        nodes={
            "src": Noise(N_IN),
            "ff": Synapse(
                Full(N_IN, N), weights=Uniform(0.2, 0.8), plasticity=Hebb(), constraints=(Normalise(2.0, when="trial"),)
            ),
            "cell": Leaky(N, **of_cell),
            "inh": Synapse(Full(N, N), weights=-0.2),
        },
        wires={
            "ff.pre": "src.s",
            "ff.post": "cell.s",
            "cell.j": ["ff.current", "inh.current"],
            "inh.pre": delayed("cell.s", 3.0),
        },
        start={"cell.v": Uniform(0.0, 0.5)},
    )


RATES = {"src.x": np.linspace(0.2, 0.8, N_IN)}


STEP = jax.jit(Circuit.step, static_argnames="learn")


def loop(
    circuit: Circuit, steps: int, inputs: Any, *, key: Any = KEY, dt: float = 1.0, batch: Any = (), **how: Any
) -> Any:
    """A plain Python loop over `Circuit.step`: the last state, and all states and outputs by name, a row per step."""
    state = how.pop("state", None) or circuit.init(key=node_key(key, "init"), dt=dt, batch=batch)
    reduce = how.pop("batch_reduce", "mean")
    rows: dict[str, list[Any]] = {}
    for i in range(steps):
        now = {ref: v(i) if callable(v) else v for ref, v in inputs.items()}
        state, outs = STEP(circuit, state, Tick(i, dt, key, batch, reduce), now, **how)
        for ref in ("src.s", "cell.v", "cell.s", "cell.theta", "cell.count", "ff.w"):
            rows.setdefault(ref, []).append(np.asarray(circuit.value(state, outs, ref)))
    return state, {ref: np.stack(values) for ref, values in rows.items()}


def recorded(run: Run) -> dict[str, np.ndarray]:
    """All variables of a run."""
    return {name: run[name].values for name in run.variables}


def assert_same(one: Any, other: Any) -> None:
    """Equal trees of arrays, to the last bit."""
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)
