"""Finding the installed plugins: entry points of the group ``bouton``, each asked for its names in isolation.

How a name is looked up in what they registered lives in `_registry.py`. This goes around pluggy's own loader, which
silently skips a second distribution with the same entry-point name and lets one broken plugin stop all others.
"""

from __future__ import annotations

import dataclasses
import os
import re
import types
from collections.abc import Iterable, Mapping
from importlib import metadata
from typing import Any, Literal

import pluggy

from . import _hooks
from ._errors import PluginError, nearest

KINDS = (
    "component",
    "recipe",
    "topology",
    "connectivity",
    "rule",
    "bound",
    "transmission",
    "release",
    "initialiser",
    "constraint",
    "schedule",
    "surrogate",
    "integrator",
    "demo",
)
CORE = "bouton"

Names = Mapping[str, Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Plugin:
    """One entry point of one installed distribution, and whether it takes part.

    `reason` says why it does not; `error` is the exception behind it, if there was one.
    """

    dist: str
    version: str
    entry: str
    status: Literal["ok", "FAILED", "BLOCKED", "INCOMPATIBLE"] = "ok"
    reason: str = ""
    error: BaseException | None = dataclasses.field(default=None, compare=False, repr=False)

    @property
    def key(self) -> str:
        """``distribution:entry-point``: what tells two plugins apart."""
        return f"{self.dist}:{self.entry}"

    def __str__(self) -> str:
        return f"{self.dist} {self.version}"


def discover() -> list[tuple[Plugin, Names]]:
    """Every installed plugin with the names that it registers; none for a plugin that takes no part."""
    found = {}
    for point in metadata.entry_points(group=_hooks.GROUP):
        assert point.dist is not None  # always set by entry_points()
        found[Plugin(normalised(point.dist.name), point.dist.version, point.name)] = point
    blocked = _blocked(found)
    return [_ask(plugin, found[plugin], blocked) for plugin in sorted(found, key=lambda p: (p.dist != CORE, p.key))]


def normalised(dist: str) -> str:
    """A distribution's name in the one spelling that PyPI considers its own."""
    return re.sub(r"[-_.]+", "-", dist).lower()


def describe_error(error: BaseException) -> str:
    """One line; the type is left out where the message was written for the reader anyway."""
    if isinstance(error, PluginError):
        return str(error)
    if isinstance(error, SystemExit):
        return f"SystemExit({error}): it exits when it is loaded"
    return f"{type(error).__name__}: {error}"


def check_names(names: Any, source: str, *, strings: bool = True) -> Names:
    """`names` itself, if it is ``{kind: {name: target}}``; `PluginError` beginning with `source` if not."""
    if not isinstance(names, Mapping):
        raise PluginError(f'{source} must be {{kind: {{name: "module:attribute"}}}}, got {names!r}.')
    for kind, table in names.items():
        if kind not in KINDS:
            raise PluginError(f"{source} has an unknown kind {kind!r}.{nearest(str(kind), KINDS)}")
        if not isinstance(table, Mapping):
            raise PluginError(f'{source}: {kind!r} must be {{name: "module:attribute"}}, got {table!r}.')
        for name, target in table.items():
            if not (isinstance(name, str) and name.isidentifier()):
                raise PluginError(f"{source}: the {kind} name {name!r} is not an identifier.")
            if isinstance(target, str) and not re.fullmatch(r"\w+(\.\w+)*:\w+", target):
                raise PluginError(f'{source}: {kind} {name!r} must be "module:attribute", got {target!r}.')
            if strings and not isinstance(target, str):
                raise PluginError(
                    f'{source}: {kind} {name!r} must be a string "module:attribute", so that listing plugins '
                    f"imports nothing; got {target!r}."
                )
    return names


class _Manager(pluggy.PluginManager):
    """One per plugin: whatever a plugin does wrong cannot reach another."""

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        # dir() of a lazy package lists names that are not there yet; pluggy would import them all.
        absent = isinstance(plugin, types.ModuleType) and name not in vars(plugin)
        return None if absent else super().parse_hookimpl_opts(plugin, name)


def _ask(plugin: Plugin, point: metadata.EntryPoint, blocked: Mapping[str, str]) -> tuple[Plugin, Names]:
    if plugin.key in blocked:
        return dataclasses.replace(plugin, status="BLOCKED", reason=blocked[plugin.key]), {}
    try:
        if reason := _incompatible(point.dist):
            return dataclasses.replace(plugin, status="INCOMPATIBLE", reason=reason), {}
        manager = _Manager(_hooks.GROUP)
        manager.add_hookspecs(_hooks)
        manager.register(point.load(), name=plugin.key)
        manager.check_pending()  # a marked function that is no hook: a misspelt name
        answers = manager.hook.bouton_register()
        if not answers:
            raise PluginError(f"{point.value} has no bouton_register that is marked with @bouton.hookimpl and returns.")
        return plugin, check_names(answers[0], "the return value of bouton_register")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also SyntaxError and SystemExit: a broken plugin must not stop the others
        return dataclasses.replace(plugin, status="FAILED", reason=describe_error(error), error=error), {}


def _incompatible(dist: Any) -> str:
    """Why the declared requirement on bouton does not hold; empty if it does."""
    from packaging.requirements import Requirement

    for requirement in map(Requirement, dist.requires or ()):
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if normalised(requirement.name) == CORE and applies:
            installed = metadata.version(CORE)
            if not requirement.specifier.contains(installed, prereleases=True):
                return f"it needs bouton{requirement.specifier}, installed is {installed}"
    return ""


def _blocked(plugins: Iterable[Plugin]) -> dict[str, str]:
    """``{key: reason}`` of the plugins that the environment switches off."""
    plugins = list(plugins)
    off, only = _selected("BOUTON_DISABLE_PLUGINS", plugins), _selected("BOUTON_PLUGINS", plugins)
    reasons = {key: "named in BOUTON_DISABLE_PLUGINS" for key in off or ()}
    for plugin in plugins:
        if only is not None and plugin.key not in only and plugin.dist != CORE:
            reasons.setdefault(plugin.key, "not named in BOUTON_PLUGINS")
    return reasons


def _selected(variable: str, plugins: list[Plugin]) -> set[str] | None:
    """Keys of the plugins that an environment variable names, by distribution or ``distribution:entry-point``."""
    if not (value := os.environ.get(variable)):
        return None
    chosen: set[str] = set()
    for word in filter(None, (w.strip() for w in value.split(","))):
        dist, _, entry = word.partition(":")
        wanted = {p.key for p in plugins if p.dist == normalised(dist) and entry in (p.entry, "")}
        if not wanted:
            options = [option for p in plugins for option in (p.dist, p.key)]
            raise PluginError(f"{variable} names {word!r}, which is not installed.{nearest(word, options)}")
        chosen |= wanted
    return chosen
