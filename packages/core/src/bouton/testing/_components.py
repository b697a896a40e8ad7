"""ComponentTests: what holds for every component, whatever it models."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from unittest import SkipTest

import jax
import jax.numpy as jnp
import numpy as np

from .._check import parameter_shape
from .._component import Component
from .._errors import PluginError
from .._registry import PluginSet
from ._bench import Bench
from ._checks import Checks, modules, parameters, require, require_documented, require_equal, require_pytree

LANES = (3,)


class ComponentTests(Checks):
    """Conformance of a component.

    A subclass says which, and if need be what it is fed and which checks do not apply::

        class TestMyCell(ComponentTests):
            component = MyCell(n_units=4)                # or: make = staticmethod(lambda: MyCell(4))
            inputs = {"j": (0.0, 30.0)}                  # numbers, arrays or ranges; by default 0 to 1
            skip = {"test_time_step_matters": "why"}

    `dt` [ms] and `steps` are those of the runs; `rtol` and `atol` how far apart two ways to compute the same may be.
    """

    component: ClassVar[Any]
    inputs: ClassVar[Mapping[str, Any]] = {}
    dt: ClassVar[float] = 1.0
    steps: ClassVar[int] = 6
    rtol: ClassVar[float] = 1e-4
    atol: ClassVar[float] = 1e-5

    def make(self) -> Any:
        """The value under test."""
        return self.component

    def built(self) -> Component:
        """The component to run: that under test, or one around it."""
        return self.make()

    # ---- as a value ------------------------------------------------------------------------------------------------

    def test_pytree(self) -> None:
        """It flattens and unflattens, holds anything in place of its numbers, and its static fields are plain."""
        require_pytree(self.make(), self.make())

    def test_documentation(self) -> None:
        """Everything has a doc, and everything that is a number a unit."""
        for _, module in modules(self.make()):
            require_documented(type(module))

    def test_parameters_are_traced(self) -> None:
        """A new value of a parameter compiles nothing; an array of equal values does what the one value does."""
        bench, traced = self._bench(), []
        state, feeds = bench.init(), bench.feeds()

        def run(circuit: Any) -> Any:
            traced.append(1)
            return bench._run(circuit, state, feeds)[1]

        jitted = jax.jit(run)
        want = jitted(bench.circuit)
        found = {
            f"{bench.name}.{path}": (value, parameter_shape(spec, env))
            for path, spec, value, env in parameters(bench.component)
            if value is not None
        }
        jitted(bench.circuit.with_parameters({n: value * 1.001 for n, (value, _) in found.items()}))
        require(len(traced) == 1, f"{bench.name} is compiled anew when a parameter changes its value.")
        arrays = {
            n: jnp.full(shape, value, float) for n, (value, shape) in found.items() if shape and np.ndim(value) == 0
        }
        if arrays:
            got = jitted(bench.circuit.with_parameters(arrays))
            require_equal(got, want, "with an array of equal parameters", rtol=self.rtol, atol=self.atol)

    # ---- what it declares ------------------------------------------------------------------------------------------

    def test_declared_dims_and_dtypes(self) -> None:
        """`init` and `advance` give exactly the compartments that are declared, for any batch axes."""
        bench = self._bench()
        for name, c in {**bench.inputs, **bench.recorded}.items():
            distinct = len(set(c.dims)) == len(c.dims) and not set(c.dims) & {"batch", "time", "trial"}
            require(
                distinct,
                f"{bench.name}.{name} has the dims {c.dims}: they must differ from each other and from batch, time and "
                "trial, which a dataset has anyway.",
            )
        for batch in ((), LANES, (2, 2)):
            state, feeds = bench.init(batch), bench.feeds(batch)
            self._require_declared(bench, state, "init")
            jax.eval_shape(functools.partial(bench._run, batch=batch), bench.circuit, state, feeds)
            state, series = bench.run(bench.circuit, state, feeds, batch=batch)
            self._require_declared(bench, state, "advance")
            for name, c in bench.recorded.items():
                shape = (bench.steps, *(batch if c.batch else ()), *c.shape)
                got = series[name]
                require(
                    got.shape == shape and c.dtype in (None, got.dtype),
                    f"{bench.name}.{name} is {got.dtype}{list(got.shape)}, declared {c.kind}{list(shape)}.",
                )
                require(not np.isnan(got).any(), f"{bench.name}.{name} became NaN.")

    @staticmethod
    def _require_declared(bench: Bench, state: Any, who: str) -> None:
        opaque = sum(c.opaque for c in bench.states.values())
        extra = len(jax.tree.leaves(state)) - len(bench.states)
        require(
            opaque or extra == 0, f"{who} of {bench.name}: its state holds {extra:+d} arrays against what it declares."
        )

    def test_persistent_states(self) -> None:
        """What persists is declared without batch axes, has none after learning, and is kept without learning."""
        bench = self._bench()
        kept = {n: c for n, c in bench.states.items() if c.spec.persist}
        for name, c in kept.items():
            require(
                not c.batch, f"{bench.name}.{name} persists, so it is one for all samples: declare it without *batch."
            )
        state, feeds = bench.init(LANES), bench.feeds(LANES)
        _, series = bench.run(bench.circuit, state, feeds, batch=LANES)
        for name in kept.keys() & bench.recorded.keys():
            require(series[name].shape[1:] == kept[name].shape, f"{bench.name}.{name} persists and got batch axes.")
        _, series = bench.run(bench.circuit, state, feeds, batch=LANES, learn=False)
        for name in kept.keys() & bench.recorded.keys():
            first = bench.circuit.value(state, {}, f"{bench.name}.{name}")
            require(bool((series[name] == first).all()), f"{bench.name}.{name} persists and changed without learning.")

    def test_reset(self) -> None:
        """A reset renews what does not persist and keeps what does; `init` depends on its key only."""
        bench = self._bench()
        state, _ = bench.run(bench.circuit, bench.init(LANES), bench.feeds(LANES), batch=LANES)
        fresh, again = (bench.circuit.init(key=jax.random.key(5), dt=bench.dt, batch=LANES) for _ in range(2))
        require_equal(self._leaves(again), self._leaves(fresh), "init with the same key again")
        for learn in (False, True):
            again = bench.circuit.reset(state, key=jax.random.key(5), dt=bench.dt, batch=LANES, learn=learn)
            names = [n for n, c in bench.states.items() if not c.opaque]
            for name in names:
                persists, ref = bench.states[name].spec.persist, f"{bench.name}.{name}"
                got, old, new = (np.asarray(bench.circuit.value(s, {}, ref)) for s in (again, state, fresh))
                if not persists:
                    require_equal({ref: got}, {ref: new}, "a reset must renew it")
                elif not learn:
                    require_equal({ref: got}, {ref: old}, "a reset must keep it")
                else:
                    require(got.shape == old.shape and got.dtype == old.dtype, f"{ref}: consolidate changed its form.")

    @staticmethod
    def _leaves(tree: Any) -> dict[str, Any]:
        return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}

    # ---- how it behaves --------------------------------------------------------------------------------------------

    def test_purity(self) -> None:
        """The same arguments give the same results, nothing is changed in place, no tracer is left behind."""
        bench = self._bench()
        state, row = bench.init(LANES)[bench.name], {full: v[0] for full, v in bench.feeds(LANES).items()}
        x, late, tick = bench.bundle("In", row), bench.bundle("Late", row), bench.tick(batch=LANES)
        watched = {"the component": bench.component, "its state": state, "its inputs": x, "its late inputs": late}
        before = {what: _snapshot(value) for what, value in watched.items()}
        one, two = bench.act(state, x, late, tick), bench.act(state, x, late, tick)
        for what, value in watched.items():
            now = _snapshot(value)
            moved = [name for name in {**before[what], **now} if before[what].get(name) is not now.get(name)]
            require(not moved, f"{bench.name}: a step changes {what} in place: {', '.join(moved)}.")
        require_equal(self._leaves(two), self._leaves(one), f"{bench.name} gives other results when called again")
        with jax.checking_leaks():
            try:
                jax.eval_shape(
                    functools.partial(bench._run, batch=LANES), bench.circuit, bench.init(LANES), bench.feeds(LANES)
                )
            except Exception as e:
                require("leak" not in str(e).lower(), f"{bench.name} keeps a tracer beyond a step: {e}")
                raise

    def test_jit_scan_and_loop_agree(self) -> None:
        """Compiled in a scan, and step by step in Python, it does the same."""
        bench, feeds = self._bench(), self._bench().feeds(LANES)
        _, scanned = bench.run(bench.circuit, bench.init(LANES), feeds, batch=LANES)
        looped = bench.loop(feeds, batch=LANES)
        require_equal(looped, scanned, "a Python loop against a scan", rtol=self.rtol, atol=self.atol)

    def test_vmap_agrees(self) -> None:
        """Several of it under `vmap` do what each does alone."""
        bench, feeds = self._bench(), self._bench().feeds(LANES)
        lanes = [bench.lane(feeds, i) for i in range(LANES[0])]
        stacked = {full: np.stack([lane[full] for lane in lanes]) for full in feeds}
        mapped = jax.jit(jax.vmap(lambda f: bench._run(bench.circuit, bench.init(), f)[1], axis_size=LANES[0]))(stacked)
        for i, lane in enumerate(lanes):
            _, alone = bench.run(bench.circuit, bench.init(), lane)
            got = {n: v[i] for n, v in mapped.items()}
            require_equal(got, alone, f"organism {i} under vmap against alone", rtol=self.rtol, atol=self.atol)

    def test_lanes_are_independent(self) -> None:
        """What one sample of a batch is fed never changes another one."""
        bench = self._bench()
        one, other = bench.feeds(LANES), bench.feeds(LANES, seed=1)
        mixed = {full: v.copy() for full, v in one.items()}
        for name, c in bench.inputs.items():
            if c.batch and (full := f"{bench.name}.{name}") in mixed:
                mixed[full][:, 1] = other[full][:, 1]
        a, b = (bench.run(bench.circuit, bench.init(LANES), f, batch=LANES, frozen=True)[1] for f in (one, mixed))
        for name, c in bench.recorded.items():
            if c.batch:
                got, want = ({name: np.asarray(s[name])[:, [0, 2]]} for s in (b, a))
                require_equal(
                    got, want, f"{bench.name}: samples 0 and 2 see what sample 1 is fed", rtol=self.rtol, atol=self.atol
                )

    def test_batch_equals_loop(self) -> None:
        """A batch of samples gives what the samples give one by one."""
        bench = self._bench()
        if bench.is_random:
            raise SkipTest("it draws random numbers, which are others in a batch.")
        feeds, start = bench.feeds(LANES), bench.init(LANES)
        _, batch = bench.run(bench.circuit, start, feeds, batch=LANES, frozen=True)
        for i in range(LANES[0]):
            own = {
                n: bench.circuit.value(start, {}, f"{bench.name}.{n}")[i]
                for n, c in bench.states.items()
                if c.batch and not c.opaque
            }
            _, alone = bench.run(bench.circuit, bench.changed(bench.init(), own), bench.lane(feeds, i), frozen=True)
            got = {n: v[:, i] if bench.recorded[n].batch else v for n, v in batch.items()}
            require_equal(got, alone, f"sample {i} in a batch against alone", rtol=self.rtol, atol=self.atol)

    def test_time_step_matters(self) -> None:
        """A state that depends on a parameter in ms depends on the length of the step, too."""
        with jax.enable_x64(True):
            bench = Bench(self.built(), self.inputs, dt=self.dt, steps=self.steps)
            times = {
                f"{bench.name}.{path}": value
                for path, spec, value, _ in parameters(bench.component)
                if spec.unit == "ms" and value is not None
            }
            if not times:
                raise SkipTest("it has no parameter in ms.")
            feeds = bench.feeds()
            state, _ = bench.run(bench.circuit, bench.init(), feeds)
            given = {full: v[-1] for full, v in feeds.items()}

            @jax.jit
            def step(circuit: Any, tick: Any) -> Any:
                new, _ = circuit.step(state, tick, given)
                names = [n for n, c in bench.states.items() if not c.opaque]
                return {n: circuit.value(new, {}, f"{bench.name}.{n}") for n in names}

            whole = step(bench.circuit, bench.tick(self.steps))
            half = step(bench.circuit, bench.tick(self.steps, dt=bench.dt / 2))
            seen = False
            for name, value in times.items():
                slower = step(bench.circuit.with_parameters({name: value * 1.001}), bench.tick(self.steps))
                for n in whole:
                    if not _differ(slower[n], whole[n]):
                        continue
                    seen = True
                    require(
                        _differ(half[n], whole[n]),
                        f"{bench.name}.{n} depends on {name} [ms] but not on dt: is the step's length left out?",
                    )
            if not seen:
                raise SkipTest("no parameter in ms has any effect with these inputs: set inputs= that make it act.")

    def test_gradients_are_finite(self) -> None:
        """The gradients with respect to every parameter and input are finite, with inputs and in silence."""
        bench = self._bench()
        state, feeds = bench.init(LANES), bench.feeds(LANES)

        @jax.jit
        @functools.partial(jax.grad, argnums=(0, 1), allow_int=True)
        def slope(circuit: Any, feeds: Any) -> Any:
            _, series = bench._run(circuit, state, feeds, batch=LANES)
            smooth = [v for v in series.values() if jnp.issubdtype(v.dtype, jnp.floating)]
            return sum((jnp.where(jnp.isfinite(v), v, 0.0).sum() for v in smooth), start=jnp.zeros(()))

        for what, given in (("", feeds), (" in silence", bench.silence(feeds))):
            for path, leaf in jax.tree_util.tree_leaves_with_path(slope(bench.circuit, given)):
                if leaf.dtype != jax.dtypes.float0:
                    where = jax.tree_util.keystr(path[1:])
                    require(
                        bool(jnp.isfinite(leaf).all()), f"{bench.name}: the gradient by {where} is not finite{what}."
                    )

    def test_float64(self) -> None:
        """With 64-bit numbers switched on, every number is one."""
        with jax.enable_x64(True):
            bench = Bench(self.built(), self.inputs, dt=self.dt, steps=self.steps)
            _, series = bench.run(bench.circuit, bench.init(LANES), bench.feeds(LANES), batch=LANES)
            for name, c in bench.recorded.items():
                require(
                    c.dtype in (None, series[name].dtype), f"{bench.name}.{name} is {series[name].dtype} under x64."
                )
                require(not np.isnan(series[name]).any(), f"{bench.name}.{name} became NaN under x64.")

    # ---- around it -------------------------------------------------------------------------------------------------

    def test_listing_stays_light(self) -> None:
        """To list the plugin that registers it loads no JAX, xarray or zarr."""
        try:
            plugin = PluginSet.discover().entry_of(type(self.make())).plugin
        except PluginError:
            raise SkipTest("no plugin registers it.") from None
        require_light(plugin.dist)

    def test_record_and_reopen(self) -> None:
        """A run in which all compartments are recorded is opened by plain xarray, with dims and units as declared."""
        import xarray as xr

        from .._run import open as open_run
        from .._simulate import simulate

        bench = self._bench()
        feeds = {full: (("time", *bench.inputs[bench.port(full)].dims), v) for full, v in bench.feeds().items()}
        record = {f"{bench.name}.{n}": 1 for n in bench.recorded}
        if not record:
            raise SkipTest("it has nothing to record.")
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "the run will not contain its circuit")  # a class of no plugin
            warnings.filterwarnings("ignore", "Numcodecs codecs are not in the Zarr version 3")  # older zarr, of bits
            path, duration = Path(folder) / "run.zarr", bench.dt * bench.steps
            run = simulate(bench.circuit, duration, dt=bench.dt, inputs=feeds, record=record, to=path, progress=False)
            with xr.open_datatree(path, engine="zarr") as tree:
                for name, c in bench.recorded.items():
                    stored = tree[bench.name].dataset[name]
                    require(
                        stored.dims == ("time", *c.dims),
                        f"{name} has the dims {stored.dims} on disk, declared {c.dims}.",
                    )
                    require(
                        stored.attrs.get("units") == c.unit,
                        f"{name} has the units {stored.attrs.get('units')!r} on disk.",
                    )
                    require_equal(
                        {name: stored.values}, {name: run[f"{bench.name}.{name}"].values}, "what was stored was changed"
                    )
            if "circuit" in run.tree.attrs:
                again, old = (self._leaves(c.components[bench.name]) for c in (open_run(path).circuit, bench.circuit))
                require(again.keys() == old.keys(), f"{bench.name}: the circuit in the run has other fields.")
                require_equal(again, old, f"{bench.name}: the circuit in the run is another one", rtol=1e-6)

    # ---- helpers ---------------------------------------------------------------------------------------------------

    @classmethod
    @functools.cache
    def _bench(cls) -> Bench:
        """One for all checks of a class, so that they share compiled functions."""
        return Bench(cls().built(), cls.inputs, dt=cls.dt, steps=cls.steps)


def _differ(a: Any, b: Any) -> bool:
    return not np.allclose(a, b, rtol=1e-12, atol=1e-12)


def _snapshot(value: Any) -> dict[str, Any]:
    """Attributes of a module, of the modules in it and of their classes, but for what is cached on purpose."""
    found: dict[str, Any] = {}
    for path, module in modules(value):
        cls = type(module)
        found |= {f"{path}{n}": v for n, v in vars(module).items()}
        found |= {f"{path}{cls.__name__}.{n}": v for n, v in vars(cls).items() if not n.startswith("__")}
        for name in [n for n in vars(module) if isinstance(getattr(cls, n, None), functools.cached_property)]:
            del found[path + name]
    return found


@functools.cache
def _loaded_by_listing(dist: str) -> tuple[str, ...]:
    code = (
        "import json, sys, bouton\n"
        "found = [f'{p} {p.status}: {p.reason}' for p in bouton.plugins() if p.status in ('FAILED', 'INCOMPATIBLE')]\n"
        "print(json.dumps(found + sorted({'jax', 'xarray', 'zarr', 'numpy'} & sys.modules.keys())))"
    )
    environment = {**os.environ, "BOUTON_PLUGINS": dist}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    require(done.returncode == 0, f"listing the plugins fails: {done.stderr}")
    return tuple(json.loads(done.stdout))


def require_light(dist: str) -> None:
    """Listing this distribution's plugins loads nothing heavy."""
    loaded = _loaded_by_listing(dist)
    require(not loaded, f"listing the plugins of {dist} loads {', '.join(loaded)}: import those where they are used.")
