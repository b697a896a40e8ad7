"""Bench: a component alone in a circuit, fed with random inputs. The conformance checks look at what it does there."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._circuit import Circuit
from .._component import Component
from .._describe import Compartment, bundle, compartments, dig, put
from .._errors import nearest
from .._module import MISSING, Tick

KEY = 17


class Bench:
    """Runs a component. Inputs come from ``{port: number, array, or (lowest, highest)}``, by default 0 to 1."""

    def __init__(self, component: Component, inputs: Mapping[str, Any], *, dt: float, steps: int) -> None:
        self.name, self.dt, self.steps = type(component).__name__, dt, steps
        self.circuit = Circuit(nodes={self.name: component}).realise(jax.random.key(KEY))
        self.component = self.circuit.components[self.name]
        self.inputs = {**compartments(self.component, "In"), **compartments(self.component, "Late")}
        self.states, self.outs = compartments(self.component, "State"), compartments(self.component, "Out")
        if unknown := [n for n in inputs if n not in self.inputs]:
            raise TypeError(f"{self.name} has no input {unknown[0]!r}.{nearest(unknown[0], self.inputs)}")
        self.wanted = dict(inputs)
        self.run = jax.jit(self._run, static_argnames=("batch", "learn", "frozen"))
        self.init = jax.jit(self._init, static_argnums=0)

    # ---- inputs ----------------------------------------------------------------------------------------------------

    def feeds(self, batch: tuple[int, ...] = (), seed: int = 0) -> dict[str, np.ndarray]:
        """Random inputs, with a row for each step. (NumPy, because JAX would compile each slice of them.)"""
        rng = np.random.default_rng(seed)
        made = {}
        for name, c in self.inputs.items():
            if c.opaque and c.spec.default is not MISSING and name not in self.wanted:
                continue
            shape = (self.steps, *(batch if c.batch else ()), *c.shape)
            value = self.wanted.get(name, (0.0, 1.0))
            if isinstance(value, tuple):
                low, high = value
                value = rng.integers(int(low), int(high) + 1, shape) if _counts(c) else rng.uniform(low, high, shape)
            value = np.broadcast_to(np.asarray(value), shape)
            made[f"{self.name}.{name}"] = value.astype(c.dtype or jax.dtypes.canonicalize_dtype(float))
        return made

    def silence(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        """The same inputs with zeros wherever a zero is in range."""

        def quiet(full: str, value: Any) -> Any:
            wanted = self.wanted.get(self.port(full), (0.0, 1.0))
            return value * 0 if isinstance(wanted, tuple) and wanted[0] <= 0 <= wanted[1] else value

        return {full: quiet(full, value) for full, value in feeds.items()}

    def lane(self, feeds: Mapping[str, Any], i: int) -> dict[str, Any]:
        """What sample `i` of a batch with one axis is fed."""
        return {full: v[:, i] if self.inputs[self.port(full)].batch else v for full, v in feeds.items()}

    def port(self, full: str) -> str:
        """The name of an input without that of the node."""
        return full[len(self.name) + 1 :]

    # ---- running ---------------------------------------------------------------------------------------------------

    def _init(self, batch: tuple[int, ...] = ()) -> Any:
        """The state before the first step."""
        return self.circuit.init(key=jax.random.key(KEY), dt=self.dt, batch=batch)

    def tick(self, step: Any = 0, *, batch: tuple[int, ...] = (), dt: float | None = None) -> Tick:
        """A tick with the run's key."""
        return Tick(step=step, dt=self.dt if dt is None else dt, key=jax.random.key(KEY), batch=batch)

    def _run(
        self,
        circuit: Circuit,
        state: Any,
        feeds: Any,
        *,
        batch: tuple[int, ...] = (),
        learn: bool = True,
        frozen: bool = False,
    ) -> tuple[Any, dict[str, Any]]:
        """All steps in a scan: the state at the end and every compartment over time.

        With `frozen` everything acts and learns, but what persists is put back after each step, so that lanes of a
        batch cannot act on each other through it.
        """

        def body(state: Any, row: Any) -> tuple[Any, Any]:
            step, given = row
            new, outs = circuit.step(state, self.tick(step, batch=batch), given, learn)
            if frozen:
                new = {n: circuit._merged(n, state[n], new[n], persistent=lambda old, new: old) for n in new}
            return new, self.values(new, outs)

        return lax.scan(body, state, (jnp.arange(self.steps), feeds))

    def loop(self, feeds: Any, *, batch: tuple[int, ...] = ()) -> dict[str, Any]:
        """`run` as a Python loop over single steps, none of them compiled."""
        state, rows = self.init(batch), []
        for i in range(self.steps):
            given = {full: v[i] for full, v in feeds.items()}
            state, outs = self.circuit.step(state, self.tick(i, batch=batch), given)
            rows.append(self.values(state, outs))
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]} if rows else {}

    @functools.cached_property
    def is_random(self) -> bool:
        """Whether what comes out depends on the random key of a step."""
        row, state = {full: v[0] for full, v in self.feeds().items()}, self.init()[self.name]
        x, late = self.bundle("In", row), self.bundle("Late", row)

        def step(key: Any) -> Any:
            return self.act(state, x, late, self.tick().replace(key=key))

        traced = jax.make_jaxpr(step)(jax.random.key(KEY)).jaxpr
        reached = {id(v) for v in traced.invars}
        for equation in traced.eqns:
            if any(id(v) in reached for v in equation.invars):
                reached |= {id(v) for v in equation.outvars}
        return any(id(v) in reached for v in traced.outvars)

    def act(self, state: Any, x: Any, late: Any, tick: Tick) -> tuple[Any, Any, Any]:
        """Both phases of a step without the circuit: state, outputs, state after learning."""
        s, outs = self.component.advance(state, x, tick)
        return s, outs, self.component.evolve(s, x, late, tick) if self.component.learns else s

    def bundle(self, kind: str, row: Mapping[str, Any]) -> Any:
        """The inputs of one step as the component gets them."""
        return bundle(self.component, kind, lambda name: _array(row.get(f"{self.name}.{name}")))

    # ---- looking ---------------------------------------------------------------------------------------------------

    @property
    def recorded(self) -> dict[str, Compartment]:
        """States and outputs that are arrays with named dims."""
        return {n: c for n, c in {**self.states, **self.outs}.items() if not c.opaque}

    def values(self, state: Any, outs: Any) -> dict[str, Any]:
        """The arrays of all recorded compartments, by name."""
        return {n: dig((state if n in self.states else outs)[self.name], c.path) for n, c in self.recorded.items()}

    def changed(self, state: Any, values: Mapping[str, Any]) -> Any:
        """A state with some compartments replaced."""
        inner = state[self.name]
        for name, value in values.items():
            inner = put(inner, self.states[name].path, value)
        return {**state, self.name: inner}


def _counts(c: Compartment) -> bool:
    return c.dtype is not None and not jnp.issubdtype(c.dtype, jnp.floating)


def _array(value: Any) -> Any:
    return value if value is None else jnp.asarray(value)
