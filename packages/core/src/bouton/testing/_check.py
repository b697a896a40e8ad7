"""check: the conformance of everything that an installed plugin registers, for ``bouton check``. It needs no pytest."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Iterator
from typing import Any
from unittest import SkipTest

import jax
import jax.numpy as jnp
import numpy as np

from .._bound import Bound
from .._component import Component
from .._constraints import Constraint
from .._discovery import normalised
from .._dynamics import Release, Transmission
from .._errors import CircuitError
from .._initialisers import Initialiser, Uniform
from .._module import MISSING, Module, StaticSpec, spec_of
from .._plasticity import Plasticity
from .._registry import Entry, current
from .._schedules import Schedule
from .._surrogates import Surrogate
from .._synapse import Synapse
from .._topology import Topology
from ._checks import Checks, Result, require, require_doc, require_documented, require_pytree, run_check
from ._components import ComponentTests, require_light
from ._reference import Full
from ._rules import RuleTests
from ._topologies import TopologyTests

BASES: dict[str, type[Any]] = {
    "component": Component,
    "topology": Topology,
    "rule": Plasticity,
    "bound": Bound,
    "transmission": Transmission,
    "release": Release,
    "initialiser": Initialiser,
    "constraint": Constraint,
    "schedule": Schedule,
    "surrogate": Surrogate,
}


DONE = ("test_documentation", "test_listing_stays_light")
"""What is checked of each entry, made or not, and of the distribution as a whole."""


def check(dist: str) -> list[Result]:
    """Run the conformance checks on everything that the distribution `dist` registers.

    Whatever can be made with its defaults, and small sizes where it asks for sizes, is run; the rest is skipped with
    the reason. A plugin's own tests know better inputs: they subclass `ComponentTests` and its siblings.
    """
    entries = [e for e in current().entries() if e.plugin.dist == normalised(dist)]
    results = [run_check(f"{dist}: listing stays light", functools.partial(require_light, normalised(dist)))]
    for entry in entries:
        results += _results(entry)
    return results


def _results(entry: Entry) -> Iterator[Result]:
    name, found, made = f"{entry.kind} {entry.name}", [], []
    for step, act in (
        ("loads", lambda: found.append(entry.load())),
        ("is of its kind", lambda: _require_kind(entry, found[0])),
        ("documentation", lambda: (require_documented if entry.kind in BASES else require_doc)(found[0])),
        ("can be made with defaults", lambda: made.append(_made(entry.kind, found[0]))),
    ):
        yield (result := run_check(f"{name}: {step}", act))
        if not found or (step == "is of its kind" and not result.ok):
            return
    if made:
        yield from _conformance(entry.kind, made[0]).results(name, without=DONE)


def _require_kind(entry: Entry, target: Any) -> None:
    base = BASES.get(entry.kind)
    if base is None:
        require(callable(target), f"{entry.target} is registered as {entry.kind} and cannot be called.")
    else:
        fits = isinstance(target, type) and issubclass(target, base)
        require(
            fits, f"{entry.target} is registered as {entry.kind}; that must be a subclass of bouton.{base.__name__}."
        )


def _made(kind: str, target: Any) -> Any:
    """An instance made with defaults, and with small sizes where it asks for sizes."""
    if kind == "demo":
        raise SkipTest("a demo is run by `bouton demo`.")
    if kind == "integrator":
        return target
    if kind == "recipe":
        arguments = inspect.signature(target).parameters.values()
        needed = [p.name for p in arguments if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        if needed:
            raise SkipTest(f"it needs {needed[0]!r}.")
        made = target()
        require(isinstance(made, Component), f"{target.__name__} makes {made!r}; a recipe makes a component.")
        return made
    sizes, given = iter((3, 4, 5, 6)), {}
    for f in dataclasses.fields(target):
        if f.default is MISSING and f.default_factory is MISSING:
            spec = spec_of(f)
            if not (isinstance(spec, StaticSpec) and spec.dim):
                raise SkipTest(f"it needs {f.name!r}.")
            given[f.name] = next(sizes)
    return target(**given)


def _conformance(kind: str, made: Any) -> type[Checks]:
    """The checks for an instance of a kind."""

    def of(base: type[Checks], **attributes: Any) -> type[Checks]:
        return type(f"{type(made).__name__}Tests", (base,), attributes)

    match kind:
        case "component" | "recipe":
            return of(ComponentTests, component=made, dt=_step(made))
        case "topology":
            return of(TopologyTests, topology=made)
        case "rule":
            return of(RuleTests, rule=made)
        case "transmission" | "release":
            synapse = Synapse(Full(3, 4), weights=Uniform(0.2, 0.8), **{kind: made})
            return of(ComponentTests, component=synapse)
        case "initialiser":
            return of(_InitialiserTests, value=made)
        case "constraint":
            return of(_ConstraintTests, value=made)
        case "bound":
            return of(_BoundTests, value=made)
        case "schedule":
            return of(_ScheduleTests, value=made)
        case "integrator":
            return of(_IntegratorTests, value=made)
        case _:
            return of(_SurrogateTests, value=made)


def _step(component: Component) -> float:
    """The longest of some steps that the component takes [ms]."""
    for dt in (1.0, 0.1, 0.01):
        try:
            component.check(dt=dt)
            return dt
        except CircuitError:
            continue
    return 1.0  # the checks say why not


class _ValueTests(Checks):
    value: Module

    def test_pytree(self) -> None:
        require_pytree(self.value, self.value)


class _InitialiserTests(_ValueTests):
    value: Any

    def test_draws(self) -> None:
        """An array of the shape asked for, decided by the key, the same under jit."""
        key = jax.random.key(0)
        one = self.value(key, (3, 4), fan_in=3.0)
        name = type(self.value).__name__
        require(one.shape == (3, 4), f"{name} gives the shape {one.shape}, asked for (3, 4).")
        require(jnp.issubdtype(one.dtype, jnp.floating), f"{name} gives {one.dtype}.")
        require(bool(jnp.isfinite(one).all()), f"{name} gives values that are not finite.")
        require(
            bool((one == self.value(key, (3, 4), fan_in=3.0)).all()), f"{name} gives other values for the same key."
        )
        jitted = jax.jit(lambda v, k: v(k, (3, 4), fan_in=3.0))(self.value, key)
        require(np.allclose(one, jitted, rtol=1e-5), f"{name} gives other values under jit.")


class _ConstraintTests(_ValueTests):
    value: Any

    def test_projects(self) -> None:
        """Weights keep their shape and dtype, and those that obey it are left alone."""
        topology, name = Full(3, 4), type(self.value).__name__
        w = jnp.asarray(np.random.default_rng(0).normal(size=(3, 4)), float)
        once = self.value(topology, w)
        require(once.shape == w.shape and once.dtype == w.dtype, f"{name} gives {once.dtype}{list(once.shape)}.")
        require(bool(jnp.isfinite(once).all()), f"{name} gives weights that are not finite.")
        twice = self.value(topology, once)
        require(np.allclose(once, twice, rtol=1e-5, atol=1e-6), f"{name} is no projection: twice is not once.")


class _BoundTests(_ValueTests):
    value: Any

    def test_factors(self) -> None:
        """Finite factors of at least 0 for each weight, the same for one weight as for many."""
        w = jnp.linspace(-3.0, 3.0, 12).reshape(3, 4)
        for name, factor in (("grow", self.value.grow), ("shrink", self.value.shrink)):
            many, one = jnp.broadcast_to(factor(w), w.shape), factor(w[1, 2])
            where = f"{type(self.value).__name__}.{name}"
            require(bool((many >= 0).all() & jnp.isfinite(many).all()), f"{where} gives a factor below 0, or none.")
            require(np.shape(one) == () and np.allclose(one, many[1, 2]), f"{where} is no function of one weight.")


class _ScheduleTests(_ValueTests):
    value: Any

    def test_is_a_number(self) -> None:
        """One finite number in each step, the same for one step as for many, and under jit."""
        t, name = jnp.array([0, 1, 10, 10**6]), type(self.value).__name__
        for number in (self.value(t[2]), jax.jit(lambda v, t: v(t))(self.value, t[2])):
            many = jnp.broadcast_to(self.value(t), t.shape)
            require(jnp.issubdtype(many.dtype, jnp.floating), f"{name} gives {many.dtype}.")
            require(bool(jnp.isfinite(many).all()), f"{name} gives a number that is not finite.")
            require(np.shape(number) == () and np.allclose(number, many[2]), f"{name} is no function of one step.")


class _IntegratorTests(Checks):
    value: Any

    def test_converges(self) -> None:
        """With half the step, two coupled variables are at most half as far from the solution of their equations."""

        def slope(y: Any) -> Any:  # y[0] + i y[1] = e^((-1 + 2i) t)
            return -y[0] - 2.0 * y[1], 2.0 * y[0] - y[1]

        def error(steps: int) -> float:
            y = (jnp.ones(()), jnp.zeros(()))
            for _ in range(steps):
                y = type(self).value(slope, y, 0.5 / steps)
            require(isinstance(y, tuple) and len(y) == 2, f"it gives {y!r}; that must be a tuple like y.")
            return float(np.hypot(y[0] - np.exp(-0.5) * np.cos(1.0), y[1] - np.exp(-0.5) * np.sin(1.0)))

        coarse, fine = error(8), error(16)
        require(fine < max(0.6 * coarse, 1e-5), f"its error falls from {coarse:.2g} to {fine:.2g} only.")


class _SurrogateTests(_ValueTests):
    value: Any

    def test_slope(self) -> None:
        """A finite slope for each distance to threshold, whatever their shape."""
        u, name = jnp.linspace(-100.0, 100.0, 12).reshape(3, 4), type(self.value).__name__
        slope = self.value(u)
        require(slope.shape == u.shape and slope.dtype == u.dtype, f"{name} gives {slope.dtype}{list(slope.shape)}.")
        require(bool(jnp.isfinite(slope).all()), f"{name} gives a slope that is not finite.")
