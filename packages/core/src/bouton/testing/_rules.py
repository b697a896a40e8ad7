"""RuleTests: a rule on a topology does what it does on each edge alone, whoever shares the weight."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal, TypeAlias
from unittest import SkipTest

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._circuit import Circuit
from .._describe import dig, put
from .._initialisers import Given, Uniform
from .._module import Ports, Tick, part
from .._plasticity import Plasticity, Rule, Weights
from .._synapse import Synapse
from .._topology import Topology
from ._bench import Bench
from ._checks import parameters, require, require_equal, with_leaves
from ._components import ComponentTests
from ._reference import Full, Grid, Shared

Reduce: TypeAlias = Literal["mean", "sum"]
CASES: tuple[tuple[int, Reduce], ...] = ((1, "mean"), (4, "mean"), (4, "sum"))


class RuleTests(ComponentTests):
    """Conformance of a learning rule on any topology, and of a synapse that has it as a component.

    A subclass says which::

        class TestMyRule(RuleTests):
            rule = MyRule(tau=20.0)                      # or: make = staticmethod(lambda: MyRule(20.0))
            inputs = {"plasticity.modulator": (-1.0, 1.0)}

    `topologies` are those it is compared on, edge by edge, some of them with several axes; `weights` the range they
    start in; `w_max` a highest weight, where the rule has none of its own.
    """

    rule: ClassVar[Any]
    topologies: ClassVar[Sequence[Topology]] = (Full(3, 4), Shared(6, 3), Grid())
    weights: ClassVar[tuple[float, float]] = (0.2, 0.8)
    w_max: ClassVar[float] = 1.0

    def make(self) -> Any:
        """The rule under test."""
        return self.rule

    def built(self) -> Synapse:
        return Synapse(Full(3, 4), weights=Uniform(*self.weights), plasticity=self.make())

    def test_equals_loop_over_edges(self) -> None:
        """The change of a weight is the sum over its edges of what the rule does on a synapse with this one edge."""
        with jax.enable_x64(True):
            for topology in self.topologies:
                for batch, reduce in CASES:
                    trial = _Trial(self, topology, batch, reduce)
                    for name, got, want in trial.compared():
                        where = f"{trial.rule} on {topology}, {reduce} over {batch} samples"
                        scale = max(1e-6, float(np.abs(want).max(initial=0.0)))
                        off = np.abs(got - want).max(initial=0.0)
                        require(off <= 1e-8 * scale, f"{name}: {where}: not the sum over edges, off by {off:.3g}.")

    def test_per_sample_changes(self) -> None:
        """With ``reduce=None`` there is a change for each sample, and ``"mean"`` and ``"sum"`` are theirs."""
        with jax.enable_x64(True):
            for topology in self.topologies:
                trial = _Trial(self, topology, 4, "mean")
                each, mean, total = trial.changes()
                for one, a, b in zip(*map(jax.tree.leaves, (each, mean, total)), strict=True):
                    where = f"{trial.rule} on {topology}"
                    require(
                        one.shape == (4, *a.shape),
                        f"{where}: changes of 4 samples are {one.shape}, not {(4, *a.shape)}.",
                    )
                    require_equal({where: one.mean(0)}, {where: a}, "the mean of the changes", rtol=1e-9, atol=1e-12)
                    require_equal({where: one.sum(0)}, {where: b}, "the sum of the changes", rtol=1e-9, atol=1e-12)

    def test_silence_changes_nothing(self) -> None:
        """Without pre- and post-synaptic activity the weights stay as they are. A rule that decays them skips this."""
        bench = self._bench()
        feeds = bench.feeds()
        feeds |= {full: feeds[full] * 0 for full in (f"{bench.name}.pre", f"{bench.name}.post")}
        state = bench.init()
        _, series = bench.run(bench.circuit, state, feeds)
        same = bool((series["w"] == state[bench.name].w).all())
        require(same, f"{type(self.make()).__name__} changes weights without any activity.")

    def test_extreme_weights(self) -> None:
        """Changes are finite at a weight of zero, at and beyond `w_max`, and below zero."""
        bench, rule = self._bench(), self.make()
        w_max = getattr(rule, "w_max", self.w_max)
        for w in (0.0, w_max, 2.0 * w_max, -w_max):
            state = bench.changed(bench.init(), {"w": jnp.full(bench.states["w"].shape, w, float)})
            _, series = bench.run(bench.circuit, state, bench.feeds())
            require(
                bool(jnp.isfinite(series["w"]).all()), f"{type(rule).__name__}: a weight of {w:g} does not stay finite."
            )


class _Trial:
    """A rule on a topology for a few steps, beside the same rule on each edge alone."""

    def __init__(self, tests: RuleTests, topology: Topology, batch: int, reduce: Reduce) -> None:
        self.batch: int = batch
        self.reduce: Reduce = reduce
        self.topology = with_leaves(topology, float)
        w = np.random.default_rng(3).uniform(*tests.weights, self.topology.size("weights"))
        synapse = Synapse(self.topology, weights=Given(w), plasticity=with_leaves(tests.make(), float), bias=0.1)
        self.bench = Bench(synapse, tests.inputs, dt=tests.dt, steps=tests.steps)
        self.rule: Any = self.bench.component.plasticity  # type: ignore[attr-defined]
        if self.bench.is_random:
            raise SkipTest("it draws random numbers.")
        self.feeds = self.bench.feeds((batch,))
        for full in (f"{self.bench.name}.pre", f"{self.bench.name}.post"):
            half = np.random.default_rng(len(full)).integers(0, 2, self.feeds[full].shape)
            self.feeds[full] = self.feeds[full] * half.astype(float)

    def tick(self, step: Any) -> Tick:
        """A tick of this trial."""
        return self.bench.tick(step, batch=(self.batch,)).replace(batch_reduce=self.reduce)

    def changes(self) -> tuple[Weights, ...]:
        """What the rule wants to change after some steps: for each sample, as mean and as sum."""
        name, last = self.bench.name, {full: v[-1] for full, v in self.feeds.items()}

        @jax.jit
        def change(circuit: Circuit) -> tuple[Weights, ...]:
            state, _ = self.bench._run(circuit, self.bench._init((self.batch,)), self.feeds, batch=(self.batch,))
            s, late = state[name], self.bench.bundle("Late", last)
            pre, weights, tick = jnp.asarray(last[f"{name}.pre"]), Weights(s.w, s.b), self.tick(self.bench.steps)
            return tuple(
                self.rule.change(s.plasticity, self.topology, weights, pre, late.post, late.plasticity, tick, reduce)[1]
                for reduce in (None, "mean", "sum")
            )

        return change(self.bench.circuit)

    def compared(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """``(what, changes on the topology in each step, sums over edges and samples)``."""
        name, edges = self.bench.name, _Edges(self)

        @jax.jit
        def run(feeds: Any) -> Any:
            def body(carry: Any, row: Any) -> Any:
                state, alone = carry
                step, given = row
                new, _ = self.bench.circuit.step(state, self.tick(step), given)
                alone, change = edges.step(alone, state[name], given, step)
                moved = Weights(new[name].w - state[name].w, new[name].b - state[name].b)
                return (new, alone), (moved, change)

            state = self.bench._init((self.batch,))
            return lax.scan(body, (state, edges.init(state[name])), (jnp.arange(self.bench.steps), feeds))[1]

        moved, change = jax.tree.map(lambda a: np.asarray(a).reshape(len(a), -1), run(self.feeds))
        places = np.eye(moved.w.shape[1])[edges.weight]  # (edge, weight)
        yield "dw", moved.w, (edges.strength * change.w) @ places
        b = np.zeros((len(moved.b), len(edges.bias)))
        b[:, edges.post] = change.b  # the same on all edges that end there
        shares = np.eye(moved.b.shape[1])[edges.bias]  # (unit, bias)
        reached = np.isin(np.arange(len(shares)), edges.post)
        known = shares[~reached].sum(0) == 0
        yield "db", moved.b[:, known], (b @ shares)[:, known]


class _Edges:
    """Every edge of a trial's topology as a synapse with nothing but that edge, for each sample apart.

    Edges are found by what the map makes of unit weights and unit inputs.
    """

    def __init__(self, trial: _Trial) -> None:
        self.trial, topology = trial, trial.topology
        shapes = {which: topology.size(which) for which in ("weights", "pre", "post")}

        def unit(which: str) -> np.ndarray:
            n = math.prod(shapes[which])
            return np.eye(n).reshape(n, *shapes[which])

        maps = jax.jit(jax.vmap(topology.unsigned().apply, (0, None)))(unit("weights"), unit("pre"))
        maps = np.asarray(maps).reshape(*(math.prod(shapes[which]) for which in shapes))
        self.weight, self.pre, self.post = np.nonzero(maps)
        self.strength = maps[self.weight, self.pre, self.post]
        of_bias = topology.size("bias")
        self.bias = np.broadcast_to(np.arange(math.prod(of_bias)).reshape(of_bias), shapes["post"]).ravel()
        self.places = {"pre": self.pre, "post": self.post, "weights": self.weight}
        require(len(self.weight) > 0, f"{topology} has no edges.")
        self.rules = self._rules()

    def _rules(self) -> Any:
        """The rule of each edge: of a parameter with a value for each unit or weight it has its own."""
        rule, dims = self.trial.rule, self.trial.topology.dims()
        own = {path: self.places[spec.dims] for path, spec, value, _ in parameters(rule, "", dims) if np.ndim(value)}

        def of_edges(path: Any, leaf: Any) -> Any:
            places = own.get(jax.tree_util.keystr(path, simple=True, separator="."))
            if places is not None:
                return jnp.reshape(leaf, -1)[places]
            return jnp.broadcast_to(leaf, (len(self.weight), *np.shape(leaf)))

        return jax.tree_util.tree_map_with_path(of_edges, rule)

    def _circuit(self, rule: Any, w: Any) -> Circuit:
        synapse = Synapse(Full(1, 1), weights=Given(w.reshape(1, 1)), plasticity=_OneEdge(rule), bias=0.1)
        return Circuit(nodes={"Synapse": synapse})

    def init(self, state: Any) -> Any:
        """States with the axes (edge, sample) in front."""
        trial = self.trial

        def init(rule: Any, w: Any) -> Any:
            return self._circuit(rule, w).init(key=jax.random.key(0), dt=trial.bench.dt)

        made = jax.vmap(init)(self.rules, state.w.reshape(-1)[self.weight])
        return jax.tree.map(lambda a: jnp.repeat(a[:, None], trial.batch, 1), made)

    def step(self, alone: Any, old: Any, given: Any, step: Any) -> tuple[Any, Weights]:
        """The next states, and the change of weight and bias on each edge, reduced over the samples."""
        trial = self.trial

        def one(rule: Any, w: Any, b: Any, state: Any, row: Any) -> Any:
            state = {"Synapse": state["Synapse"].replace(w=w.reshape(1, 1), b=b.reshape(1))}
            tick = Tick(step=step, dt=trial.bench.dt, key=jax.random.key(0), batch_reduce=trial.reduce)
            return self._circuit(rule, w).step(state, tick, row)[0]

        w, b = old.w.reshape(-1)[self.weight], old.b.reshape(-1)[self.bias[self.post]]
        rows = {f"Synapse.{full.split('.', 1)[1]}": self._of_edges(full, v) for full, v in given.items()}
        over_samples = jax.vmap(one, (None, None, None, 0, 0))
        new = jax.vmap(over_samples)(self.rules, w, b, alone, rows)
        change = {
            n: getattr(new["Synapse"], n).reshape(len(self.weight), -1) - v[:, None] for n, v in (("w", w), ("b", b))
        }
        reduced = Weights(**{n: v.mean(1) if trial.reduce == "mean" else v.sum(1) for n, v in change.items()})
        for c in trial.bench.states.values():
            if c.spec.persist and c.path not in (("w",), ("b",)):
                path = (*c.path[:1], "rule", *c.path[1:])
                before, after = dig(alone["Synapse"], path), dig(new["Synapse"], path)
                moved = after - before
                if jnp.issubdtype(moved.dtype, jnp.integer):  # counts steps, not samples
                    moved = moved[:, :1]
                else:
                    moved = moved.mean(1, keepdims=True) if trial.reduce == "mean" else moved.sum(1, keepdims=True)
                new = {"Synapse": put(new["Synapse"], path, before + moved)}
        return new, reduced

    def _of_edges(self, full: str, value: Any) -> Any:
        """What each edge gets of an input, with the axes (edge, sample)."""
        trial, c = self.trial, self.trial.bench.inputs[full.split(".", 1)[1]]
        value = value.reshape(trial.batch if c.batch else 1, -1)
        dims = trial.topology.dims()
        which = next((k for k in self.places if c.dims == tuple(dims[k])), None)
        if which is None and c.dims:
            raise SkipTest(f"its input {full} has the dims {c.dims}, which are not those of an edge.")
        value = value[:, self.places[which]] if which else jnp.repeat(value, len(self.weight), 1)
        return jnp.broadcast_to(value.T, (len(self.weight), trial.batch))


class _OneEdge(Plasticity):
    """A rule that sees one edge. For a `Rule` the terms are multiplied out here, whatever its `change` does."""

    rule: Plasticity

    class Late(Ports):
        rule: Any = part(flat=True)

    class State(Ports):
        rule: Any = part(flat=True)

    def init(self, topology: Topology, weights: Weights, *, key: Any, dt: float, batch: tuple[int, ...]) -> Any:
        return self.State(rule=self.rule.init(topology, weights, key=key, dt=dt, batch=batch))

    def change(
        self,
        s: Any,
        topology: Topology,
        weights: Weights,
        pre: Any,
        post: Any,
        x: Any,
        tick: Tick,
        reduce: Reduce | None = "mean",
    ) -> tuple[Any, Weights]:
        if not isinstance(self.rule, Rule):
            inner, change = self.rule.change(s.rule, topology, weights, pre, post, x.rule, tick, reduce)
            return s.replace(rule=inner), change
        inner, terms = self.rule.terms(s.rule, pre, post, x.rule, tick)
        dw, db = jnp.zeros((1, 1)), jnp.zeros(1)
        for term in terms:
            gate: Any = term.gate(weights.w) if callable(term.gate) else term.gate
            dw = dw + gate * jnp.reshape(term.pre, (-1, 1)) * jnp.reshape(term.post, (1, -1))
            db = db + term.bias * jnp.reshape(term.post, (-1,))
        return s.replace(rule=inner), Weights(dw, db)
