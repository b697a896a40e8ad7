"""TopologyTests: bilinear, with the two adjoints that learning and feedback rest on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar
from unittest import SkipTest

import jax
import jax.numpy as jnp
import numpy as np

from .._circuit import Circuit
from .._errors import PluginError
from .._initialisers import Constant, FanInUniform
from .._module import Tick
from .._plasticity import Rule, Term
from .._registry import PluginSet
from .._synapse import Synapse
from .._topology import Topology
from ._checks import Checks, modules, require, require_documented, require_pytree, with_leaves
from ._components import require_light

BATCHES = ((), (3,), (2, 2))


class TopologyTests(Checks):
    """Conformance of a topology, or of several.

    A subclass says which; `tolerance` is relative, in double precision::

        class TestRing(TopologyTests):
            topology = Ring(5)                           # or: make = staticmethod(lambda: [Ring(5), Ring(8, step=2)])
    """

    topology: ClassVar[Any]
    tolerance: ClassVar[float] = 1e-10

    def make(self) -> Any:
        """The topology under test, or a list of them."""
        return self.topology

    def test_pytree(self) -> None:
        """It flattens and unflattens, holds anything in place of its numbers, and its static fields are plain."""
        for one, again in zip(self._topologies(), self._topologies(), strict=True):
            require_pytree(one, again)

    def test_documentation(self) -> None:
        """Everything has a doc."""
        for topology in self._topologies():
            for _, module in modules(topology):
                require_documented(type(module))

    def test_dims(self) -> None:
        """Weights, `apply`, `outer` and `transpose` have the shapes that `dims` declares, for any batch axes."""
        for case in self._cases():
            t, w = case.topology, case.w
            dims = t.dims()
            require(
                set(dims) >= {"pre", "post", "weights"}, f"{t}: dims() must give pre, post and weights, got {dims}."
            )
            weights = dims["weights"]
            if weights is None:
                require(w is None, f"{t}: dims() declares no weights, but draw() gives some.")
            elif t.per_edge:
                require(w.shape == t.size("weights"), f"{t}: weights are {w.shape}, declared {t.size('weights')}.")
            else:
                for name, sizes in weights.items():
                    shape, declared = getattr(w, name).shape, tuple(sizes.values())
                    require(shape == declared, f"{t}: weights.{name} are {shape}, declared {declared}.")
            for what, made, like in (
                ("apply", t.apply(w, case.x), case.y),
                ("transpose", t.transpose(w, case.y), case.x),
                ("outer", t.outer(w, case.x, case.y), w),
            ):
                got, want = (jax.tree.map(lambda a: (a.shape, str(a.dtype)), tree) for tree in (made, like))
                require(got == want, f"{t}: {what} gives {got}, expected {want} (batch {case.batch}).")

    def test_linear_in_inputs(self) -> None:
        """``B(w, x)`` is linear in x, for all real values and for mostly silent ones."""
        for case in self._cases():
            t, w, x, other = case.topology, case.w, case.x, _Case(case.topology, case.batch, seed=1).x
            want = 3.0 * t.apply(w, x) - 2.0 * t.apply(w, other)
            self._close(t.apply(w, 3.0 * x - 2.0 * other), want, f"{t}: not linear in x")
            self._close(t.apply(w, 0.0 * x), 0.0 * case.y, f"{t}: B(w, 0) is not 0")
            few = jnp.where(x > 1.0, x, 0.0)
            self._close(t.apply(w, few) + t.apply(w, x - few), t.apply(w, x), f"{t}: not linear in mostly silent x")

    def test_linear_in_weights(self) -> None:
        """``B(w, x)`` is linear in w. Weights that are factors of each other are not, and skip this."""
        for case in self._weighted():
            t, v = case.topology, _Case(case.topology, case.batch, seed=1).w
            want = 3.0 * t.apply(case.w, case.x) - 2.0 * t.apply(v, case.x)
            w = jax.tree.map(lambda a, b: 3.0 * a - 2.0 * b, case.w, v)
            self._close(t.apply(w, case.x), want, f"{t}: not linear in w")

    def test_outer_is_adjoint(self) -> None:
        """``<B(w, x), y> = <w, outer(x, y)>``."""
        for case in self._weighted():
            t, outer = case.topology, case.topology.outer(case.w, case.x, case.y)
            want = jnp.vdot(t.apply(case.w, case.x), case.y)
            self._close(_dot(case.w, outer), want, f"{t}: <w, outer(x, y)> is not <B(w, x), y>")

    def test_transpose_is_adjoint(self) -> None:
        """``<B(w, x), y> = <x, transpose(w, y)>``."""
        for case in self._cases():
            t = case.topology
            left = jnp.vdot(t.apply(case.w, case.x), case.y)
            self._close(
                jnp.vdot(case.x, t.transpose(case.w, case.y)), left, f"{t}: <x, transpose(w, y)> is not <B(w, x), y>"
            )

    def test_each_weight_and_unit(self) -> None:
        """`outer` is right for each weight and `transpose` for each unit, not only in sum."""
        for case in self._cases():
            t = case.topology
            w, x = jax.grad(lambda w, x, t=t, y=case.y: jnp.vdot(t.apply(w, x), y), argnums=(0, 1))(case.w, case.x)
            self._close(t.transpose(case.w, case.y), x, f"{t}: transpose is not the gradient by x")
            for got, want in zip(jax.tree.leaves(t.outer(case.w, case.x, case.y)), jax.tree.leaves(w), strict=True):
                self._close(got, want, f"{t}: outer is not the gradient by w")

    def test_lanes_are_independent(self) -> None:
        """Each sample of a batch is mapped alone, and `outer` is their sum."""
        for case in self._cases(batches=((3,),)):
            t = case.topology
            for what, got, f in (
                ("apply", t.apply(case.w, case.x), lambda x, y, t=t, w=case.w: t.apply(w, x)),
                ("transpose", t.transpose(case.w, case.y), lambda x, y, t=t, w=case.w: t.transpose(w, y)),
            ):
                want = jnp.stack([f(case.x[i], case.y[i]) for i in range(3)])
                self._close(got, want, f"{t}: {what} of a batch is not that of its samples")
            if case.w is not None:
                each = [t.outer(case.w, case.x[i], case.y[i]) for i in range(3)]
                total = jax.tree.map(lambda *a: sum(a[1:], a[0]), *each)
                for a, b in zip(jax.tree.leaves(t.outer(case.w, case.x, case.y)), jax.tree.leaves(total), strict=True):
                    self._close(a, b, f"{t}: outer of a batch is not the sum over its samples")

    def test_fan_in(self) -> None:
        """`fan_in` is ``B(w, 1)``, and some unit has a synapse."""
        for case in self._cases(batches=((),)):
            t = case.topology
            if case.w is None or not t.per_edge:
                continue
            self._close(t.fan_in(case.w), t.apply(case.w, jnp.ones(t.size("pre"))), f"{t}: fan_in(w) is not B(w, 1)")
            require(t.fan_in_count() >= 1.0, f"{t}: no unit has a synapse (fan_in_count is {t.fan_in_count()}).")

    def test_unsigned(self) -> None:
        """`unsigned` is a map over the same synapses, of which each passes on its weight's magnitude."""
        for case in self._cases(batches=((),)):
            t, plain = case.topology, case.topology.unsigned()
            if case.w is None or plain == t:
                continue
            require(plain.dims() == t.dims(), f"{t}: unsigned() has other dims.")
            units, ones = jnp.eye(math.prod(t.size("pre"))).reshape(-1, *t.size("pre")), jnp.ones(t.size("post"))
            signed, magnitudes = (jax.vmap(m.outer, (None, 0, None))(case.w, units, ones) for m in (t, plain))
            self._close(magnitudes, jnp.abs(signed), f"{t}: unsigned() is not the map of magnitudes")

    def test_transformations(self) -> None:
        """It works under `jit`, `vmap` (over weights as well), forward and reverse differentiation."""
        for case in self._cases(batches=((3,),)):
            self._require_transformable(case)

    def test_float32(self) -> None:
        """Without 64-bit numbers everything stays in 32."""
        for topology in self._topologies():
            case = _Case(topology, (3,))
            made = (
                topology.apply(case.w, case.x),
                topology.transpose(case.w, case.y),
                topology.outer(case.w, case.x, case.y),
            )
            for leaf in jax.tree.leaves(made):
                require(leaf.dtype == jnp.float32, f"{topology}: a result is {leaf.dtype} where x64 is off.")

    def test_runs_in_a_circuit(self) -> None:
        """A run over synapses with it, which learn where weights are those of edges, gives what `apply` and `outer` do.

        A run traces the topology itself: its parameters and arrays cannot be turned into Python's numbers there.
        """
        from .._simulate import simulate  # loads xarray

        for topology in self._topologies():
            case, dims = _Case(topology, (4,)), topology.dims()
            synapse = Synapse(
                topology,
                weights=None if dims["weights"] is None else FanInUniform() if topology.per_edge else 0.5,
                plasticity=_Hebb() if topology.per_edge else None,
            )
            circuit = Circuit({"synapse": synapse})
            fed = {"pre": case.x, "post": case.y} if synapse.learns else {"pre": case.x}
            given = {f"synapse.{side}": (("time", *dims[side]), np.asarray(v)) for side, v in fed.items()}
            state = jax.jit(lambda c: c.init(key=jax.random.key(0), dt=1.0))(circuit)
            run = simulate(circuit, 4.0, inputs=given, record={"synapse.current": 1}, state=state, progress=False)
            w, currents = state["synapse"].w, []
            for x, y in zip(case.x, case.y, strict=True):
                currents.append(topology.apply(w, x))
                w = w + topology.unsigned().outer(w, x, y) if synapse.learns else w
            for what, got, want in (
                ("the currents", run["synapse.current"].values, np.stack(currents)),
                ("the weights", run.state["synapse"].w, w),
            ):
                for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
                    self._close(a, b, f"{topology}: {what} of a run are not those of single steps", tolerance=1e-4)

    def test_listing_stays_light(self) -> None:
        """To list the plugin that registers it loads no JAX, xarray or zarr."""
        try:
            plugin = PluginSet.discover().entry_of(type(self._topologies()[0])).plugin
        except PluginError:
            raise SkipTest("no plugin registers it.") from None
        require_light(plugin.dist)

    def _require_transformable(self, case: _Case) -> None:
        t, w, x, y = case.topology, case.w, case.x, case.y
        plain = t.apply(w, x)
        self._close(jax.jit(lambda t, w, x: t.apply(w, x))(t, w, x), plain, f"{t}: another result under jit")
        self._close(jax.vmap(t.apply, (None, 0))(w, x), plain, f"{t}: another result under vmap over x")
        double = jax.tree.map(lambda a: jnp.stack([a, 2.0 * a]), w)
        if w is not None:
            got = jax.vmap(t.apply, (0, None))(double, x)
            of_double = t.apply(jax.tree.map(lambda a: 2.0 * a, w), x)  # not twice as much where weights are factors
            self._close(got, jnp.stack([plain, of_double]), f"{t}: another result under vmap over w")
            changes = jax.vmap(t.outer, (None, 0, 0))(w, x, y)
            for a, b in zip(jax.tree.leaves(changes), jax.tree.leaves(t.outer(w, x, y)), strict=True):
                self._close(a.sum(0), b, f"{t}: outer under vmap is not outer of each sample")
        back = jax.vmap(t.transpose, (None, 0))(w, y)
        self._close(back, t.transpose(w, y), f"{t}: transpose under vmap is not transpose of each sample")
        self._close(jax.jvp(lambda x: t.apply(w, x), (x,), (x,))[1], plain, f"{t}: the forward derivative is wrong")
        square = jax.grad(lambda x: 0.5 * (t.apply(w, x) ** 2).sum())(x)
        self._close(square, t.transpose(w, plain), f"{t}: the gradient of |B(w, x)|^2 / 2 is not transpose(w, B(w, x))")

    def _topologies(self) -> list[Topology]:
        made = self.make()
        return list(made) if isinstance(made, (list, tuple)) else [made]

    def _cases(self, batches: tuple[tuple[int, ...], ...] = BATCHES) -> Iterator[_Case]:
        with jax.enable_x64(True):
            for topology in self._topologies():
                for batch in batches:
                    yield _Case(topology, batch)

    def _weighted(self) -> Iterator[_Case]:
        seen = False
        for case in self._cases():
            if case.w is not None:
                seen = True
                yield case
        if not seen:
            raise SkipTest("it has no weights.")

    def _close(self, got: Any, want: Any, message: str, tolerance: float | None = None) -> None:
        got, want = np.asarray(got), np.asarray(want)
        require(got.shape == want.shape, f"{message}: the shapes are {got.shape} and {want.shape}.")
        scale = max(1.0, float(np.abs(want).max(initial=0.0)))
        off = float(np.abs(got - want).max(initial=0.0))
        tolerance = self.tolerance if tolerance is None else tolerance
        require(off <= tolerance * scale, f"{message}: off by {off:.3g}.")


class _Case:
    """A topology with random weights and values, in the present precision."""

    def __init__(self, topology: Topology, batch: tuple[int, ...], seed: int = 0) -> None:
        self.batch = batch
        self.topology = topology = with_leaves(topology, float)
        rng = np.random.default_rng(seed)

        def random(shape: tuple[int, ...]) -> jax.Array:
            return jnp.asarray(rng.normal(size=shape), float)

        drawn = None if topology.dims()["weights"] is None else topology.draw(Constant(1.0), jax.random.key(seed))
        self.w = jax.tree.map(lambda a: random(a.shape), drawn)
        self.x, self.y = random(batch + topology.size("pre")), random(batch + topology.size("post"))


class _Hebb(Rule):
    """``dw = pre post``."""

    def terms(self, s: Any, pre: Any, post: Any, x: Any, tick: Tick) -> tuple[Any, tuple[Term, ...]]:
        return s, (Term(pre, post),)


def _dot(a: Any, b: Any) -> Any:
    return sum(jnp.vdot(p, q) for p, q in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))
