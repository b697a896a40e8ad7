"""Looking names up in the installed plugins: `PluginSet`, a value, and the process-wide one that discovery makes.

Finding and asking the plugins lives in `_discovery.py`, what a plugin implements in `_hooks.py`.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import functools
import importlib
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from ._discovery import CORE, KINDS, Names, Plugin, check_names, describe_error, discover, normalised
from ._errors import PluginError, nearest

FAMILY_KINDS = ("component", "recipe", "topology", "connectivity", "rule", "bound", "release", "transmission")
"""What the other distributions of the family provide; names of other kinds are sought in vain there."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """One registered name: of which kind, by which plugin, and where its class or function is."""

    kind: str
    name: str
    target: Any
    plugin: Plugin

    @property
    def full_name(self) -> str:
        """``distribution/Name``, which is unambiguous."""
        return f"{self.plugin.dist}/{self.name}"

    def load(self) -> Any:
        """The class or function, imported at first use. Whatever goes wrong there is a `PluginError`."""
        if not isinstance(self.target, str):
            return self.target
        module, _, attribute = self.target.partition(":")
        try:
            found = importlib.import_module(module)
            if not hasattr(found, attribute):
                raise PluginError(f"{module} has no {attribute!r}.{nearest(attribute, dir(found))}")
            return getattr(found, attribute)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # as in discovery: also SyntaxError and SystemExit
            raise PluginError(
                f"{self.kind} {self.name!r} of the plugin {self.plugin.entry!r} ({self.plugin}) cannot be loaded from "
                f"{self.target!r}: {describe_error(error)}"
            ) from error


@dataclasses.dataclass(frozen=True)
class PluginSet:
    """Some plugins and all names that they register: ``table[kind][name]`` is a tuple of entries.

    Two plugins may register one name; that is an error only when just this name is asked for.
    """

    plugins: tuple[Plugin, ...]
    table: Mapping[str, Mapping[str, tuple[Entry, ...]]] = dataclasses.field(repr=False)

    @classmethod
    def discover(cls) -> PluginSet:
        """What is installed now, less what BOUTON_DISABLE_PLUGINS and BOUTON_PLUGINS switch off.

        Both hold distributions or ``distribution:entry-point``, separated by commas; the second names all that take
        part beside bouton's own.
        """
        return cls._build(discover())

    @classmethod
    def of(cls, names: Names, *, dist: str = "local", version: str = "0") -> PluginSet:
        """A set of exactly these names, ``{kind: {name: target}}``, for tests and for classes of a notebook.

        A target is the class or function itself, or ``"module:attribute"``. To add names to what is installed:
        ``PluginSet.discover() | PluginSet.of(...)``.
        """
        check_names(names, "PluginSet.of", strings=False)
        return cls._build([(Plugin(normalised(dist), version, "of"), names)])

    @classmethod
    def _build(cls, found: Iterable[tuple[Plugin, Names]]) -> PluginSet:
        found = list(found)
        entries = [
            Entry(kind, n, t, p) for p, names in found for kind, table in names.items() for n, t in table.items()
        ]
        return cls._of_entries([plugin for plugin, _ in found], entries)

    @classmethod
    def _of_entries(cls, plugins: Iterable[Plugin], entries: Iterable[Entry]) -> PluginSet:
        table: dict[str, dict[str, tuple[Entry, ...]]] = {kind: {} for kind in KINDS}
        for entry in entries:
            others = table[entry.kind].get(entry.name, ())
            table[entry.kind][entry.name] = (*others, entry)
        return cls(tuple(plugins), MappingProxyType({kind: MappingProxyType(names) for kind, names in table.items()}))

    def __or__(self, other: PluginSet) -> PluginSet:
        return self._of_entries(self.plugins + other.plugins, self.entries() + other.entries())

    def entries(self, kind: str | None = None) -> tuple[Entry, ...]:
        """All entries, or those of one kind, by kind and name."""
        kinds = KINDS if kind is None else (_legal(kind),)
        return tuple(entry for k in kinds for name in sorted(self.table[k]) for entry in self.table[k][name])

    def find(self, kind: str, name: str) -> Entry:
        """The entry of this name, or ``distribution/Name``; imports nothing. `PluginError` if there is not just one."""
        dist, slash, bare = name.rpartition("/")
        found = self.table[_legal(kind)].get(bare, ())
        if slash:
            found = tuple(e for e in found if dist == e.plugin.key or normalised(dist) == e.plugin.dist)
        if not found:
            raise PluginError(self._missing(kind, dist, bare))
        if any(entry.target != found[0].target for entry in found):
            raise PluginError(_conflict(kind, found))
        return found[0]

    def get(self, kind: str, name: str) -> Any:
        """The class or function registered under this name, or ``distribution/Name``, imported at first use."""
        return self.find(kind, name).load()

    def entry_of(self, target: Any) -> Entry:
        """The entry under which a class or function is registered, the inverse of `get`; imports nothing new.

        Its own name comes first where it has several.
        """
        where = f"{target.__module__}:{target.__qualname__}"
        found = [e for e in self.entries() if e.target is target or e.target == where]
        found = found or [e for e in self.entries() if _is(e, target)]
        if not found:
            here = f"PluginSet.of({{kind: {{{target.__name__!r}: {target.__name__}}}}})"
            raise PluginError(
                f"{where} is not registered by any plugin, so that nothing can refer to it by name. Register it in a "
                f"plugin (`bouton new-plugin` writes one), or here: with (PluginSet.discover() | {here}).use(): ..."
            )
        return min(found, key=lambda e: e.name != target.__name__)

    def name_of(self, target: Any) -> str:
        """The name of a class or function for a model file; ``distribution/Name`` where the name alone is ambiguous."""
        entry = self.entry_of(target)
        same = self.table[entry.kind][entry.name]
        return entry.full_name if any(other.target != entry.target for other in same) else entry.name

    @contextlib.contextmanager
    def use(self) -> Iterator[PluginSet]:
        """Inside this block (and this thread or task) names are looked up here instead of in what is installed."""
        token = _current.set(self)
        try:
            yield self
        finally:
            _current.reset(token)

    def _missing(self, kind: str, dist: str, name: str) -> str:
        wanted = f"{dist}/{name}" if dist else name
        lines = [f"no installed plugin provides the {kind} {wanted!r}."]
        elsewhere = [k for k in KINDS if name in self.table[k] and k != kind]
        dists = {plugin.dist for plugin in self.plugins}
        if dist and dist not in {p.key for p in self.plugins} and normalised(dist) not in dists:
            lines[0] += f" {dist} is {'not a plugin in use' if _is_installed(dist) else 'not installed'}."
        elif elsewhere:
            lines[0] += f" {name!r} is of the kind {elsewhere[0]!r}."
        else:
            lines[0] += nearest(name, self.table[kind])
        lines += [f"{p} takes no part: {p.status}, {p.reason}." for p in self.plugins if p.status != "ok"]
        if kind in FAMILY_KINDS and (absent := [d for d in _family() if not _is_installed(d)]):
            folders = " ".join(f"./packages/{d.removeprefix(f'{CORE}-')}" for d in absent)
            lines.append(
                f"Not installed of the family: {', '.join(absent)} "
                f"(pip install {' '.join(absent)}, or from a clone {folders})."
            )
        return "\n  ".join(lines)


def _legal(kind: str) -> str:
    if kind not in KINDS:
        raise PluginError(f"{kind!r} is not a kind of name.{nearest(kind, KINDS)}")
    return kind


def _conflict(kind: str, found: tuple[Entry, ...]) -> str:
    # Within one distribution only the entry point tells them apart.
    unique = len({e.plugin.dist for e in found}) == len(found)
    asks = [repr(e.full_name if unique else f"{e.plugin.key}/{e.name}") for e in found]
    last = found[-1].plugin
    return (
        f"the {kind} {found[0].name!r} is provided by {' and by '.join(str(e.plugin) for e in found)}. "
        f"Ask for {' or '.join(asks)}, or set BOUTON_DISABLE_PLUGINS={last.dist if unique else last.key}."
    )


def _is(entry: Entry, target: Any) -> bool:
    """Whether an entry that names another module (a re-export) means this class. A broken one means no class at all."""
    if not isinstance(entry.target, str) or entry.target.partition(":")[2] != target.__name__:
        return False
    try:
        return entry.load() is target
    except PluginError:
        return False


def _family() -> list[str]:
    """The distributions that ``bouton[all]`` brings, read from the metadata of the installed core."""
    from importlib import metadata

    from packaging.requirements import Requirement

    try:
        declared = [Requirement(r) for r in metadata.requires(CORE) or ()]
    except metadata.PackageNotFoundError:
        return []
    names = [normalised(r.name) for r in declared if r.marker and r.marker.evaluate({"extra": "all"})]
    return sorted(name for name in set(names) if name.startswith(f"{CORE}-"))


def _is_installed(dist: str) -> bool:
    from importlib import metadata

    try:
        return bool(metadata.distribution(dist))
    except metadata.PackageNotFoundError:
        return False


_current: contextvars.ContextVar[PluginSet | None] = contextvars.ContextVar("bouton_plugins", default=None)
_installed = functools.cache(PluginSet.discover)


def current() -> PluginSet:
    """The set of plugins in use: that of the innermost `PluginSet.use`, else what is installed, discovered once."""
    chosen = _current.get()
    return _installed() if chosen is None else chosen


def plugins() -> tuple[Plugin, ...]:
    """Every installed plugin: distribution, version, entry point, status and the reason if it takes no part."""
    return current().plugins


def components(kind: str | None = None) -> tuple[Entry, ...]:
    """Every registered name, or those of one kind (component, topology, rule, ...); imports none of them."""
    return current().entries(kind)
