"""``bouton plugins`` and ``bouton components``: what is installed, and what one name is."""

from __future__ import annotations

import collections
from typing import Any

import click

from .._discovery import KINDS
from .._registry import Entry, PluginSet, current
from ._text import echo_json, echo_table

_as_json = click.option("--json", "as_json", is_flag=True, help="Print plain data for other programs.")


@click.command()
@_as_json
def plugins(as_json: bool) -> None:
    """List the installed plugins, and why one takes no part.

    The status is ok, FAILED (it cannot be loaded), BLOCKED (by BOUTON_PLUGINS or BOUTON_DISABLE_PLUGINS) or
    INCOMPATIBLE (it needs another version of bouton).
    """
    found = current()
    counts = {plugin: collections.Counter[str]() for plugin in found.plugins}
    for entry in found.entries():
        counts[entry.plugin][entry.kind] += 1
    if as_json:
        keys = ("dist", "version", "entry", "status", "reason")
        return echo_json([{k: getattr(p, k) for k in keys} | {"names": dict(counts[p])} for p in found.plugins])
    echo_table(
        (p.dist, p.version, p.entry, p.status, p.reason or ", ".join(f"{k}: {n}" for k, n in counts[p].items()))
        for p in found.plugins
    )


@click.command()
@click.argument("name", required=False)
@click.option("--kind", type=click.Choice(KINDS), help="Only names of this kind.")
@_as_json
def components(name: str | None, kind: str | None, as_json: bool) -> None:
    """List all names that can be used in a circuit, or describe NAME.

    NAME is as in a model file: LIFCell, or bouton-cells/LIFCell where two plugins have the name.
    """
    found = current()
    if name is not None:
        described = [_describe(found.find(k, name)) for k in _kinds_of(found, name, kind)]
        if as_json:
            return echo_json(described)
        for one in described:
            _echo_description(one)
        return
    listed = found.entries(kind)
    if as_json:
        return echo_json([_identity(e) for e in listed])
    shared = {(k, n) for k in KINDS for n, entries in found.table[k].items() if len(entries) > 1}
    echo_table((e.kind, e.full_name if (e.kind, e.name) in shared else e.name, str(e.plugin)) for e in listed)


def _kinds_of(found: PluginSet, name: str, kind: str | None) -> list[str]:
    """The kinds in which a name exists; names are unique only within a kind."""
    if kind:
        return [kind]
    bare = name.rpartition("/")[2]
    kinds = [k for k in KINDS if bare in found.table[k]]
    return kinds or [_nearest_kind(found, bare)]


def _nearest_kind(found: PluginSet, name: str) -> str:
    """The kind that has the most similar name, so that the error about a missing one can suggest it."""
    import difflib

    close = difflib.get_close_matches(name, [n for k in KINDS for n in found.table[k]], 1)
    return next((k for k in KINDS if close and close[0] in found.table[k]), "component")


def _identity(entry: Entry) -> dict[str, Any]:
    return {"kind": entry.kind, "name": entry.name, "dist": entry.plugin.dist, "version": entry.plugin.version} | {
        "target": entry.target if isinstance(entry.target, str) else repr(entry.target)
    }


def _describe(entry: Entry) -> dict[str, Any]:
    target = entry.load()
    from .._describe import describe_class  # loads JAX

    return _identity(entry) | describe_class(target) | {"name": entry.name}


def _echo_description(described: dict[str, Any]) -> None:
    click.echo(f"{described['name']}  {described['kind']} of {described['dist']} {described['version']}")
    click.echo(f"\n{described['doc']}\n")
    if described["parameters"]:
        click.echo("parameters")
        echo_table(map(_parameter_row, described["parameters"]), indent=2)
    for phase, ports in described["ports"].items():
        if ports:
            click.echo(phase)
            echo_table(map(_port_row, ports), indent=2)


def _parameter_row(parameter: dict[str, Any]) -> tuple[str, ...]:
    default = "required" if parameter["required"] else f"= {parameter['default']}"
    return (
        parameter["name"],
        parameter["kind"],
        default,
        _unit(parameter),
        parameter["bounds"],
        _dims(parameter),
        parameter["doc"],
    )


def _port_row(port: dict[str, Any]) -> tuple[str, ...]:
    flags = [word for word in ("persist", "spikes", "required") if port.get(word)]
    flags += ["sum"] if port.get("reduce") == "sum" else []
    flags += [f"only with {port['only_if']}"] if port.get("only_if") else []
    return port["name"], port["dtype"] or "", _dims(port), _unit(port), ", ".join(flags), port["doc"]


def _unit(described: dict[str, Any]) -> str:
    unit = described["unit"] or ""
    if unit.startswith("{"):
        return f"as its `{unit.strip('{}')}`"  # the attribute of that name
    return f"[{unit}]" if unit else ""


def _dims(described: dict[str, Any]) -> str:
    return f"({described['dims']})" if described["dims"] else ""
