"""From nodes and wires to a plan: which compartments there are, who feeds whom, and in which order nodes advance.

Everything that can be wrong with a wire is said here, before anything runs. What a step does with the plan is in
`_circuit.py`.
"""

from __future__ import annotations

import dataclasses
import graphlib
import math
import re
from collections.abc import Container, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ._component import Component
from ._delay import Delay
from ._describe import KINDS, Compartment, compartments
from ._errors import CircuitError, nearest
from ._module import MISSING, spec_of


class Delayed(NamedTuple):
    """A source on a wire, read `ms` milliseconds late."""

    source: str
    ms: float

    def __str__(self) -> str:
        return f"delayed({self.source}, {self.ms:g} ms)"


def delayed(source: str, ms: float) -> Delayed:
    """``"exc.s"`` as it was `ms` milliseconds ago; all wires that ask for the same delay share one delay line.

    A value sent in step n arrives in step n + ms/dt; before that, zeros arrive. `ms` must be a whole number of steps.
    """
    if isinstance(ms, bool) or not isinstance(ms, (int, float)):
        raise CircuitError(f"delayed({source!r}, {ms!r}): a delay must be a number of milliseconds.")
    return Delayed(source, float(ms))


class Port(NamedTuple):
    """A compartment's address in the flat plan; as a source perhaps some of its units only."""

    node: str
    name: str
    units: tuple[int, int] | None = None

    def __str__(self) -> str:
        return f"{self.node}.{self.name}" + (f"[{self.units[0]}:{self.units[1]}]" if self.units else "")

    def of(self, value: Any) -> Any:
        """What a wire from here carries, given the whole compartment."""
        return value[..., slice(*self.units)] if self.units else value


@dataclasses.dataclass(frozen=True)
class Plan:
    """A circuit with nested circuits opened, delays inserted and wires checked."""

    nodes: dict[str, Component]
    ports: dict[str, dict[str, dict[str, Compartment]]]
    wires: dict[Port, tuple[Port, ...]]
    order: tuple[str, ...]

    def source(self, ref: str) -> tuple[Port, Compartment]:
        """The state or output called `ref`, e.g. ``"exc.v"``."""
        return self._find(ref, ("State", "Out"), "state or output")

    def target(self, ref: str) -> tuple[Port, Compartment]:
        """The input called `ref`, e.g. ``"exc.j"``."""
        return self._find(ref, ("In", "Late"), "input")

    def _find(self, ref: str, kinds: tuple[str, ...], what: str) -> tuple[Port, Compartment]:
        node = split(ref, self.nodes)
        if node is not None:
            for kind in kinds:
                if ref[len(node) + 1 :] in self.ports[node][kind]:
                    port = Port(node, ref[len(node) + 1 :])
                    return port, self.ports[node][kind][port.name]
        if node is not None:
            for kind in kinds:
                for f in dataclasses.fields(getattr(self.nodes[node], kind)):
                    switch = getattr(spec_of(f), "only_if", None)
                    if switch and ref == f"{node}.{f.name}":
                        raise CircuitError(f"unknown {what} {ref!r}: it is there only where {node}.{switch} is given.")
        names = [f"{n}.{p}" for n, ports in self.ports.items() for kind in kinds for p in ports[kind]]
        raise CircuitError(f"unknown {what} {ref!r}.{nearest(ref, names)}")


def split(ref: str, nodes: Container[str]) -> str | None:
    """The node a dotted reference begins with; the longest, as a delay line is named after its source."""
    words = ref.split(".")
    return next((n for i in range(len(words) - 1, 0, -1) if (n := ".".join(words[:i])) in nodes), None)


def canonical_wires(wires: Any) -> tuple[tuple[str, tuple[str | Delayed, ...]], ...]:
    """Wires as hashable data: ``((target, (source, ...)), ...)``."""
    pairs = wires.items() if isinstance(wires, Mapping) else wires
    if not all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
        raise CircuitError(f"wires must map inputs to sources, e.g. {{'exc.j': 'ff.current'}}, got {wires!r}.")
    canonical = []
    for target, sources in pairs:
        if isinstance(sources, Delayed) or not isinstance(sources, (list, tuple)):
            sources = (sources,)
        if not sources:
            raise CircuitError(f"the wire into {target!r} has no source: name one, or leave the wire out.")
        for s in sources:
            if not isinstance(s, (str, Delayed)):
                raise CircuitError(
                    f"the wire into {target!r} must come from a name such as 'exc.s', "
                    f"bouton.delayed('exc.s', 1.0) or a list of these, got {s!r}."
                )
        canonical.append((target, tuple(sources)))
    return tuple(canonical)


def plan(nodes: Mapping[str, Component], wires: Mapping[str, tuple[str | Delayed, ...]]) -> Plan:
    """Insert delay lines, check each wire and derive the order; nested circuits have been opened before."""
    p = Plan(dict(nodes), {n: _ports(n, c) for n, c in nodes.items()}, {}, ())
    for target, sources in wires.items():
        try:
            port, into = p.target(target)
        except CircuitError as e:
            raise CircuitError(f"wire into {e}") from None
        p.wires[port] = tuple(_connect(p, source, port, into) for source in sources)
        if len(sources) > 1 and into.spec.reduce != "sum":
            raise CircuitError(
                f"{target!r} takes one wire but has {len(sources)}: {', '.join(map(str, p.wires[port]))}."
            )
    return dataclasses.replace(p, order=_order(p))


def opened(
    nodes: Mapping[str, Any], wires: Any, prefix: str = ""
) -> tuple[dict[str, Component], dict[str, tuple[str | Delayed, ...]]]:
    """All components and all wires by full names, with those of nested circuits behind the name of their node."""
    flat: dict[str, Component] = {}
    sources_of: dict[str, tuple[str | Delayed, ...]] = {}

    def add(target: str, sources: tuple[str | Delayed, ...]) -> None:
        sources_of[target] = (*sources_of.get(target, ()), *sources)

    for name, node in nodes.items():
        if not isinstance(name, str) or not name or "." in name or "/" in name:
            raise CircuitError(f"{name!r} cannot name a node: use a non-empty string without '.' and '/'.")
        if isinstance(node, Component):
            flat[prefix + name] = node
        elif hasattr(node, "nodes") and hasattr(node, "wires"):
            inner, inner_wires = opened(node.nodes, node.wires, f"{prefix}{name}.")
            flat |= inner
            for target, sources in inner_wires.items():
                add(target, sources)
        else:
            hint = " (give an instance, not the class)" if isinstance(node, type) else ""
            raise CircuitError(f"node {prefix + name!r} must be a component or a circuit, got {node!r}{hint}.")
    for target, sources in wires:
        full = (Delayed(prefix + s.source, s.ms) if isinstance(s, Delayed) else prefix + s for s in sources)
        add(prefix + target, tuple(full))
    return flat, sources_of


def _ports(name: str, component: Component) -> dict[str, dict[str, Compartment]]:
    ports = {kind: compartments(component, kind) for kind in KINDS}
    if ports["Late"] and type(component).evolve is Component.evolve:
        raise CircuitError(
            f"{type(component).__name__} (node {name!r}) has the late input {min(ports['Late'])!r} but no evolve, "
            "which alone is given late inputs."
        )
    for a, b in (("State", "Out"), ("In", "Late")):
        twice = ports[a].keys() & ports[b].keys()
        if twice:
            raise CircuitError(
                f"{type(component).__name__} (node {name!r}) has {min(twice)!r} in both {a} and {b}: rename one."
            )
    return ports


def _connect(p: Plan, source: str | Delayed, target: Port, into: Compartment) -> Port:
    ref = source.source if isinstance(source, Delayed) else source
    whole, units = _subset(ref)
    try:
        port, out = p.source(whole)
    except CircuitError as e:
        raise CircuitError(f"wire into '{target}' from {e}") from None
    if isinstance(source, Delayed):
        port = _delay_line(p, Delayed(whole, source.ms), port, out)
    if units is not None:
        if len(out.shape) != 1:
            raise CircuitError(f"{ref}: {whole} is ({_sizes(out)}); only of one axis can a wire take a part.")
        first, last, _ = slice(*units).indices(out.shape[0])
        if first >= last:
            raise CircuitError(f"{ref} is empty: {whole} is ({_sizes(out)}).")
        port, out = port._replace(units=(first, last)), dataclasses.replace(out, shape=(last - first,))
    if out.unit != into.unit:
        set_by = f" It is that of the transmission: Instant(unit={into.unit!r})." if "{" in out.spec.unit else ""
        raise CircuitError(f"{ref} [{out.unit}] is wired into {target} [{into.unit}]: the units differ.{set_by}")
    if not fits(out.shape, into.shape):
        raise CircuitError(f"{ref} is ({_sizes(out)}) but {target} is ({_sizes(into)}).")
    if out.batch and not into.batch:
        raise CircuitError(f"{ref} has a value for each sample of a batch but {target} takes one for all.")
    return port


_SUBSET = re.compile(r"(.+)\[(-?\d*):(-?\d*)\]")


def _subset(ref: str) -> tuple[str, tuple[int | None, int | None] | None]:
    """``"exc.s[:80]"`` as ``("exc.s", (None, 80))``."""
    if match := _SUBSET.fullmatch(ref):
        ref, first, last = match.groups()
        return ref, (int(first) if first else None, int(last) if last else None)
    if ref.endswith("]"):
        raise CircuitError(f"{ref!r}: write the units that a wire takes as [first:last], for instance 'exc.s[:80]'.")
    return ref, None


def _delay_line(p: Plan, wanted: Delayed, port: Port, out: Compartment) -> Port:
    if not (math.isfinite(wanted.ms) and wanted.ms > 0):
        raise CircuitError(f"delayed({wanted.source!r}, {wanted.ms:g}): a delay must be > 0 ms and finite.")
    name = f"{wanted.source}~{np.format_float_positional(wanted.ms, trim='-')}ms"
    if name not in p.nodes:
        p.nodes[name] = Delay(shape=out.shape, ms=wanted.ms, unit=out.unit)
        p.ports[name] = _ports(name, p.nodes[name])
        p.wires[Port(name, "x")] = (port,)
    return Port(name, "y")


def fits(source: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Equal shapes, a scalar into anything, or a flat axis beside a map of the same size (row-major)."""
    if source in ((), target):
        return True
    return math.prod(source) == math.prod(target) and 1 in (len(source), len(target))


def _sizes(c: Compartment) -> str:
    return ", ".join(f"{d} {n}" for d, n in zip(c.dims, c.shape, strict=True)) or "a single number"


def _order(p: Plan) -> tuple[str, ...]:
    """Topological order over wires that carry this tick's outputs; wires from states order nothing."""
    needs: dict[str, dict[str, None]] = {n: {} for n in p.nodes}
    for target, sources in p.wires.items():
        if target.name in p.ports[target.node]["In"]:
            for s in sources:
                if s.name in p.ports[s.node]["Out"]:
                    needs[target.node][s.node] = None
    try:
        return tuple(graphlib.TopologicalSorter(needs).static_order())
    except graphlib.CycleError as e:
        loop = " -> ".join(e.args[1])
        raise CircuitError(
            f"these nodes need each other within one step: {loop}. "
            "Start one wire at a state, or break the loop with bouton.delayed."
        ) from None


def unfed(p: Plan, given: Iterable[str] = ()) -> list[str]:
    """Inputs that have neither a wire, nor a default, nor a value among `given`."""
    given = set(given)
    return [
        f"{n}.{name}"
        for n, ports in p.ports.items()
        for kind in ("In", "Late")
        for name, c in ports[kind].items()
        if c.spec.default is MISSING and Port(n, name) not in p.wires and f"{n}.{name}" not in given
    ]
