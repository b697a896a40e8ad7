"""The errors of bouton. Each message says what was given, what was expected, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable


class BoutonError(Exception):
    """Base of every error that bouton raises on purpose; the command line prints it without a traceback."""


class CircuitError(BoutonError, ValueError):
    """A circuit that cannot be built: a wrong wire, unit, shape, name or parameter."""


class ModelError(BoutonError, ValueError):
    """A model file or dictionary that does not describe a circuit; the message gives the path of the field."""


class PluginError(BoutonError, LookupError):
    """A name that no installed plugin provides, that several provide, or whose plugin does not work."""


class RunError(BoutonError):
    """A simulation that cannot be started, continued, stored or opened."""


LONGEST = 80
"""Longer names are not compared with each other."""


def guess(name: str, options: Iterable[str]) -> str:
    """``" Did you mean 'x'?"`` when an option looks alike, otherwise nothing."""
    import difflib  # only errors need it

    alike = [o for o in options if len(o) <= LONGEST] if len(name) <= LONGEST else []  # comparing long ones takes long
    close = difflib.get_close_matches(name, alike, 1)
    return f" Did you mean {close[0]!r}?" if close else ""


def nearest(name: str, options: Iterable[str], *, show: int = 12) -> str:
    """The end of an error message about an unknown name.

    ``" Did you mean 'x'?"`` when an option looks alike, otherwise ``" Available: ..."`` with at most `show` of them;
    empty where there is nothing to choose from.
    """
    options = list(dict.fromkeys(options))
    if close := guess(name, options):
        return close
    if not options:
        return ""
    more = f", ... ({len(options)} in all)" if len(options) > show else ""
    return f" Available: {', '.join(options[:show])}{more}."
