"""Lazy packages: a package's public names from the same table that it registers, each imported at first use."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from ._errors import nearest


def lazy(package: str, *tables: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """``__getattr__, __dir__, __all__`` of a package whose names are imported at first use (PEP 562).

    Importing any module of a package runs the package's ``__init__``. One that imported its components there would
    load JAX as soon as somebody lists the installed plugins. The same lines serve people and type checkers::

        from typing import TYPE_CHECKING

        from bouton import lazy

        from ._plugin import NAMES

        if TYPE_CHECKING:
            from .cell import MyCell as MyCell
        else:
            __getattr__, __dir__, __all__ = lazy(__name__, *NAMES.values())

    `tables` map public names to ``"module:attribute"``, or to ``"module"`` where that itself is meant. Raises
    `ValueError` if one name has two targets, or is also the name of the submodule that it comes from: the submodule
    would take its place once it is imported.
    """
    targets: dict[str, str] = {}
    for name, target in (item for table in tables for item in table.items()):
        if targets.setdefault(name, target) != target:
            raise ValueError(
                f"{package}.{name} is both {targets[name]!r} and {target!r}: give one of them another name."
            )
        if target.startswith(f"{package}.{name}:"):
            raise ValueError(f"{package}.{name} is also the name of its own module: rename the module to _{name}.")

    def __getattr__(name: str) -> Any:
        if name not in targets:
            raise AttributeError(f"module {package!r} has no attribute {name!r}.{nearest(name, targets)}")
        module, _, attribute = targets[name].partition(":")
        value = importlib.import_module(module)
        value = getattr(value, attribute) if attribute else value
        setattr(sys.modules[package], name, value)  # the next access is an ordinary one
        return value

    def __dir__() -> list[str]:
        return sorted({*vars(sys.modules[package]), *targets})

    return __getattr__, __dir__, sorted(targets)
