"""Circuit: components by name and wires between their compartments, as one value with pure functions.

`init`, `step` and `reset` are all that a loop, a gradient or a sweep of one's own needs. How wires become an order is
`_wiring.py`; running many steps and storing them is `_scan.py` and `_simulate.py`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ._check import check_fields, check_initialiser, check_parts
from ._component import Component
from ._describe import Compartment, bundle, dig, put
from ._errors import CircuitError
from ._fit import conformed, deliver, gathered
from ._initialisers import Initialiser, as_initialiser
from ._keys import node_key
from ._module import Module, Tick, static
from ._order import behind
from ._parameters import realised, replaced, undrawn
from ._room import check_states
from ._wiring import Plan, Port, canonical_wires, opened, plan, unfed


class Circuit(Module):
    """Components (or whole circuits) by name, and wires between their compartments.

    A wire from an *output* carries this step's value and orders the nodes; a wire from a *state* carries what the
    last step left and orders nothing. Each step has two phases: every node advances once, in the derived order; then
    those that learn evolve, reading their late inputs with the values of this step.

    - `nodes`: ``{name: component or circuit}``; inside a nested circuit names are dotted (``column1.exc.s``).
    - `wires`: ``{input: source}``; a source is ``"node.compartment"``, some of its units (``"exc.s[:80]"``), `delayed`
      of one, or a list where the input sums.
    - `start`: start values of states, ``{state: number, array or initialiser}``, instead of the component's own.

    A circuit is a pytree whose leaves are its parameters. Building one checks everything that can be checked.
    """

    nodes: Mapping[str, Any]
    wires: Any = static(default=())
    start: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("nodes", "start"):
            if not isinstance(getattr(self, name), Mapping):
                raise CircuitError(f"Circuit.{name} must map names to values, got {getattr(self, name)!r}.")
        # OrderedDict, because JAX would sort the keys of a dict, and the order in which nodes were written shall stay
        vars(self)["nodes"] = OrderedDict(self.nodes)
        vars(self)["wires"] = canonical_wires(self.wires)
        vars(self)["start"] = OrderedDict((k, as_initialiser(v, f"start[{k!r}]")) for k, v in self.start.items())
        _checked(self)
        _ = self._plan  # computed now, so that every mistake is found now
        for ref, initialiser in self.start.items():
            self._start_target(ref)
            check_initialiser(f"start[{ref!r}]", initialiser)

    def __repr__(self) -> str:
        rows = [f"{n}: {c!r}".replace("\n", "\n  ") for n, c in self.nodes.items()]
        rows += [f"{target} <- {' + '.join(map(str, sources))}" for target, sources in self.wires]
        rows += [f"{ref} starts at {value!r}" for ref, value in self.start.items()]
        return "\n  ".join(["Circuit(", *rows]) + "\n)"

    # ---- structure ---------------------------------------------------------------------------------------------

    @functools.cached_property
    def _plan(self) -> Plan:
        return plan(*opened(self.nodes, self.wires))

    @property
    def components(self) -> dict[str, Component]:
        """All components by full name, nested circuits opened, delay lines included."""
        return dict(self._plan.nodes)

    @property
    def schedule(self) -> str:
        """The order of one step, a line each: who advances reading what, then who learns. Stored with every run."""
        p = self._plan
        rows = []
        for phase, kind, names in (("advance", "In", p.order), ("evolve", "Late", self._learners())):
            for n in names:
                reads = [
                    f"{port} <- {' + '.join(map(str, p.wires[Port(n, port)]))}"
                    for port in p.ports[n][kind]
                    if Port(n, port) in p.wires
                ]
                rows.append(f"{phase:8}{n} ({type(p.nodes[n]).__name__})" + (": " + ", ".join(reads) if reads else ""))
        return "\n".join(rows)

    def compartment(self, ref: str) -> Compartment:
        """Dims, unit and dtype of the state or output called `ref`, e.g. ``"exc.v"``."""
        return self._plan.source(ref)[1]

    def _learners(self) -> tuple[str, ...]:
        return tuple(n for n in self._plan.order if self._plan.nodes[n].learns)

    def _start_target(self, ref: str) -> tuple[Port, Compartment]:
        port, c = self._plan.source(ref)
        if port.name not in self._plan.ports[port.node]["State"] or c.opaque:
            raise CircuitError(f"start value for {ref!r}: only states that are arrays can be given one.")
        return port, c

    # ---- the three pure functions ------------------------------------------------------------------------------

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...] | int = ()) -> dict[str, Any]:
        """The state before the first step: ``{node: its State}``. `dt` in ms."""
        batch = (batch,) if isinstance(batch, int) else tuple(batch)
        if not (isinstance(dt, (int, float)) and math.isfinite(dt) and dt > 0):
            raise CircuitError(f"dt must be a number > 0 ms, got {dt!r}.")
        check_states(self._sizes(batch), free=not isinstance(key, Tracer))  # inside jit they may be there
        state: dict[str, Any] = {}
        for n, c in self._usable().items():
            try:
                check_parts(c, dt)
                made = c.init(key=node_key(key, n), dt=dt, batch=batch)
            except CircuitError as e:
                raise CircuitError(f"{n}: {e}") from None
            state[n] = self._conform(n, "State", made, batch, f"init of {n!r}")
        for ref, initialiser in self._starts().items():
            port, c = self._start_target(ref)
            shape = (batch if c.batch else ()) + c.shape
            try:
                value = jnp.asarray(initialiser(node_key(key, "start " + ref), shape), c.dtype)
            except CircuitError as e:
                raise CircuitError(f"start[{ref!r}]: {e}") from None
            state[port.node] = put(state[port.node], c.path, jnp.broadcast_to(value, shape))
        return state

    def step(
        self, state: Mapping[str, Any], tick: Tick, inputs: Mapping[str, Any] | None = None, learn: bool = True
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """One step: ``(state, outputs)`` from the last state and the outside's ``{input: array}``.

        `tick.key` is the run's key; each node gets ``fold_in(fold_in(key, step), crc32(name))``, so that results do not
        depend on chunks, on other nodes or on where a run was resumed. `learn` is static; without it `evolve` is
        skipped and every persistent state kept.
        """
        p, nodes, given = self._plan, self._usable(), self._given(inputs or {}, tick.batch)
        missing = unfed(p, {str(port) for port in given})
        if missing:
            raise CircuitError(f"nothing feeds {', '.join(map(repr, missing))}: wire it, or give it in inputs=.")
        key = None if tick.key is None else jax.random.fold_in(tick.key, tick.step)
        before, after, outs, read = state, dict(state), {}, {}

        def wired(port: Port, into: Compartment) -> Any:
            held = port.name in p.ports[port.node]["State"]
            c = p.ports[port.node]["State" if held else "Out"][port.name]
            lead = tick.batch if c.batch else ()
            value = port.of(dig((before if held else outs)[port.node], c.path))
            return deliver(value, into, tick.batch, leads=(lead,))

        def gather(n: str, kind: str) -> Any:
            def get(name: str) -> Any:
                c, port = p.ports[n][kind][name], Port(n, name)
                terms = [wired(s, c) for s in p.wires.get(port, ())]
                terms += [given[port]] if port in given else []
                if terms:
                    return functools.reduce(jnp.add, terms)
                return None if c.spec.default is None else deliver(c.spec.default, c, tick.batch)

            return bundle(nodes[n], kind, get)

        def tick_of(name: str) -> Tick:
            return tick.replace(key=None if key is None else node_key(key, name))

        for n in p.order:
            read[n] = gather(n, "In")
            made = nodes[n].advance(state[n], read[n], tick_of(n))
            if not (isinstance(made, tuple) and len(made) == 2):
                raise CircuitError(f"advance of {n!r} must return (State, Out), got {type(made).__name__}.")
            new, out = made
            after[n] = self._settle(n, before[n], new, tick, learn, "advance")
            outs[n] = self._conform(n, "Out", out, tick.batch, f"advance of {n!r}")
        if learn:
            for n in self._learners():
                late = behind(gather(n, "Late"), outs[n])
                new = nodes[n].evolve(after[n], read[n], late, tick_of(n + "/evolve"))
                after[n] = self._settle(n, after[n], new, tick, learn, "evolve")
        return after, outs

    def reset(
        self, state: Mapping[str, Any], *, key: Any, dt: float, batch: tuple[int, ...] | int = (), learn: bool = True
    ) -> dict[str, Any]:
        """The end of a trial and the start of the next: `consolidate` (unless ``learn=False``), then `renew`."""
        return self.renew(self.consolidate(state) if learn else state, key=key, dt=dt, batch=batch)

    def consolidate(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """The end of a trial for what persists, for instance the normalisation of weights."""
        return {
            n: self._merged(n, c.consolidate(state[n]), state[n], persistent=lambda old, new: old)
            for n, c in self._usable().items()
        }

    def renew(
        self, state: Mapping[str, Any], *, key: Any, dt: float, batch: tuple[int, ...] | int = ()
    ) -> dict[str, Any]:
        """A start state that keeps what persists; `batch` may differ from what it was."""
        fresh = self.init(key=key, dt=dt, batch=batch)
        return {n: self._merged(n, state[n], fresh[n], persistent=lambda old, new: old) for n in fresh}

    def value(self, state: Mapping[str, Any], outputs: Mapping[str, Any], ref: str) -> Any:
        """The state or output called `ref` after a step."""
        port, c = self._plan.source(ref)
        is_state = port.name in self._plan.ports[port.node]["State"]
        return dig((state if is_state else outputs)[port.node], c.path)

    # ---- parameters --------------------------------------------------------------------------------------------

    def with_parameters(self, values: Mapping[str, Any]) -> Circuit:
        """A copy with some parameters replaced, e.g. ``{"exc.tau_m": 10.0, "ff.plasticity.a_plus": 0.0}``.

        Values may be tracers, so this is how one sweeps by `vmap` or differentiates. Static fields cannot be replaced.
        """
        circuit = self
        for path, value in values.items():
            circuit = replaced(circuit, path, path.split("."), value)
        return _checked(circuit)

    def realise(self, key: Any) -> Circuit:
        """A copy in which every parameter given as an initialiser has been drawn as an array over its dims."""

        return _checked(realised(self, "", {}, key))

    # ---- plain data --------------------------------------------------------------------------------------------

    def to_dict(self, arrays: dict[str, np.ndarray] | None = None) -> dict[str, Any]:
        """This circuit as plain data, of the form that model files have (`bouton.save`, `bouton.load`).

        Arrays of more than 64 numbers are put into `arrays`, ``{hex sha256: array}``; without it they are an error.
        """
        from ._encode import to_dict  # here, because it needs this module

        return to_dict(self, arrays)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> Circuit:
        """The circuit that plain data describe; `ModelError`, with the path of the field, where they describe none."""
        from ._decode import from_dict

        return from_dict(data, arrays)

    # ---- helpers -----------------------------------------------------------------------------------------------

    def _usable(self) -> dict[str, Component]:
        """The components with float arrays in the default dtype, whatever dtype the user gave."""
        dtype = jnp.zeros(()).dtype

        def cast(leaf: Any) -> Any:
            is_float = isinstance(leaf, (np.ndarray, jax.Array)) and jnp.issubdtype(leaf.dtype, jnp.floating)
            return leaf if not is_float or leaf.dtype == dtype else jnp.asarray(leaf, dtype)

        nodes = jax.tree.map(cast, self._plan.nodes)
        for n, c in nodes.items():
            for name in undrawn(c, n):
                raise CircuitError(f"{name} is a distribution: draw it first with circuit.realise(key).")
        return nodes

    def _starts(self) -> dict[str, Initialiser]:
        """Start values of this circuit and of those nested in it, by full name."""
        found: dict[str, Initialiser] = {}

        def collect(circuit: Circuit, prefix: str) -> None:
            for name, node in circuit.nodes.items():
                if isinstance(node, Circuit):
                    collect(node, f"{prefix}{name}.")
            found.update({prefix + ref: v for ref, v in circuit.start.items()})

        collect(self, "")
        return found

    def _sizes(self, batch: tuple[int, ...], copies: int = 1) -> dict[str, dict[str, int]]:
        """How many bytes the states take, ``{node: {compartment: bytes}}``, those of no declared shape left out."""

        def size(c: Compartment) -> int:
            width = 0 if c.opaque else 4 if c.dtype is None else c.dtype.itemsize
            return copies * width * math.prod((batch if c.batch else ()) + c.shape)

        return {n: {name: size(c) for name, c in kinds["State"].items()} for n, kinds in self._plan.ports.items()}

    def _given(self, inputs: Mapping[str, Any], batch: tuple[int, ...]) -> dict[Port, Any]:
        given = {}
        for ref, value in inputs.items():
            port, c = self._plan.target(ref)
            if port in self._plan.wires and c.spec.reduce != "sum":
                raise CircuitError(f"{ref!r} is wired already and takes one value; inputs= cannot feed it too.")
            given[port] = deliver(value, c, batch, outside=str(port))
        return given

    def _conform(self, n: str, kind: str, made: Any, batch: tuple[int, ...], who: str) -> Any:
        """`made` with each compartment in its declared shape and dtype; whatever cannot be so is an error."""
        cls = getattr(self._plan.nodes[n], kind)
        if not isinstance(made, cls):
            raise CircuitError(f"{who} must return {cls.__qualname__}, got {type(made).__name__}.")
        for name, c in self._plan.ports[n][kind].items():
            value = dig(made, c.path)
            if not c.opaque:
                lead = batch if c.batch else ()
                made = put(made, c.path, conformed(value, c, lead, f"{n}.{name}", who))
        return made

    def _settle(self, n: str, old: Any, new: Any, tick: Tick, learn: bool, phase: str) -> Any:
        """The new state: checked, and what persists brought together over the batch or, without learning, kept."""
        who = f"{phase} of {n!r}"
        if not isinstance(new, type(old)):
            raise CircuitError(f"{who} must return {type(old).__qualname__}, got {type(new).__name__}.")

        def persistent(o: Any, a: Any) -> Any:
            return jax.tree.map(lambda o, a: gathered(o, a, tick), o, a) if learn else o

        return self._conform(n, "State", self._merged(n, old, new, persistent), tick.batch, who)

    def _merged(self, n: str, old: Any, new: Any, persistent: Callable[[Any, Any], Any]) -> Any:
        """The new state, but what persists is ``persistent(old, new)``."""
        for c in self._plan.ports[n]["State"].values():
            if c.spec.persist:
                new = put(new, c.path, persistent(dig(old, c.path), dig(new, c.path)))
        return new


def _checked(circuit: Circuit) -> Circuit:
    """The circuit, if the fields of all its components are as they must be."""
    for name, node in opened(circuit.nodes, circuit.wires)[0].items():
        check_fields(name, node)
    return circuit
