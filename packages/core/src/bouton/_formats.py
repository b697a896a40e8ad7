"""Plain data as text: JSON, YAML and TOML, each read strictly and written so that the same data come back.

Nothing here knows what a circuit is; that is `_model.py`. No reader builds anything but numbers, strings, bools, None,
lists and dicts. YAML follows the core schema of YAML 1.2, in which `1e-3` is a number and `on` and dates are text; it
takes no aliases. A key that stands twice in one place is an error.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import tomli_w
import yaml

from ._errors import ModelError, nearest

MAX_BYTES = 2**20
MAX_DEPTH = 32
"""How deep lists and dicts may be nested."""
_MAX_DOTS = 256  # on one line: tomllib takes quadratic time for a dotted key


class Format(NamedTuple):
    """How to read text, which may raise anything, and how to write data."""

    read: Callable[[str], Any]
    write: Callable[[Any], str]


def format_of(suffix: str) -> Format:
    """The format of files with this suffix."""
    if suffix not in FORMATS:
        known = ", ".join(FORMATS)
        raise ModelError(f"unknown suffix {suffix!r} of a model file: use one of {known}.{nearest(suffix, FORMATS)}")
    return FORMATS[suffix]


def parse(text: str, suffix: str) -> Any:
    """The data in `text`. `ModelError` says what is wrong, and in which line where the format knows it."""
    form = format_of(suffix)
    try:
        return form.read(text)
    except ModelError:
        raise
    except json.JSONDecodeError as e:
        raise ModelError(f"line {e.lineno}, column {e.colno}: {e.msg}.") from None
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ModelError(f"{where}{e.problem or e.context}.") from None
    except RecursionError:
        raise ModelError(f"it is nested deeper than {MAX_DEPTH} levels.") from None
    except (ValueError, yaml.YAMLError) as e:  # also tomllib's, which gives the line; and a number of 5,000 digits
        raise ModelError(f"{e}") from None


def _unique(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ModelError(f"the key {key!r} stands twice in one place.")
        found[key] = value
    return found


def _no_constant(word: str) -> Any:
    raise ModelError(f'{word} is not JSON: write "inf" or "-inf"; NaN is no legal value.')


def _read_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)


def _write_json(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _read_toml(text: str) -> Any:
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > _MAX_DOTS:
            raise ModelError(f"line {number}: more than {_MAX_DOTS} dots in one line. Break it into several.")
    return tomllib.loads(text)


def _write_toml(data: Any) -> str:
    """TOML has no null: None is written as the word "none". Tables come behind values, in whatever order they were."""

    def without_none(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: without_none(v) for k, v in value.items()}
        return [without_none(v) for v in value] if isinstance(value, list) else "none" if value is None else value

    return tomli_w.dumps(without_none(data))


_CORE_SCHEMA = (
    ("tag:yaml.org,2002:null", re.compile(r"(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    ("tag:yaml.org,2002:int", re.compile(r"[-+]?[0-9]+$"), list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        re.compile(
            r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
        ),
        list("-+.0123456789"),
    ),
)


_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C, where there is one, is much faster
_SafeDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Loader(_SafeLoader):
    """Safe (no tag makes an object), with the core schema's plain words and no others."""

    yaml_implicit_resolvers: Mapping[str, Any] = {}

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        if not isinstance(node, yaml.MappingNode):
            return super().construct_mapping(node, deep)  # explains itself
        found: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None or self.construct_object(key_node) != key:
                raise yaml.MarkedYAMLError(
                    None, None, f"a key must be text, got {str(key_node.value)[:40]!r}: quote it", key_node.start_mark
                )
            if key in found:
                raise yaml.MarkedYAMLError(None, None, f"the key {key!r} stands twice", key_node.start_mark)
            found[key] = self.construct_object(value_node, deep=deep)
        return found


class _Dumper(_SafeDumper):
    """Quotes what this reader or one of YAML 1.1 would not take for text; writes no aliases."""

    yaml_implicit_resolvers: Mapping[str, Any] = {
        k: list(v) for k, v in yaml.SafeDumper.yaml_implicit_resolvers.items()
    }

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _tag, _regexp, _first in _CORE_SCHEMA:
    _Loader.add_implicit_resolver(_tag, _regexp, _first)
    _Dumper.add_implicit_resolver(_tag, _regexp, _first)
_Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node)))


def _read_yaml(text: str) -> Any:
    depth = 0
    for event in yaml.parse(text, _Loader):  # before anything is composed, which would recurse
        if isinstance(event, yaml.AliasEvent):
            raise yaml.MarkedYAMLError(None, None, f"aliases are not allowed (*{event.anchor})", event.start_mark)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(None, None, f"nested deeper than {MAX_DEPTH} levels", event.start_mark)
    return yaml.load(text, _Loader)


def _write_yaml(data: Any) -> str:
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=100, allow_unicode=True)


_YAML = Format(_read_yaml, _write_yaml)
FORMATS = {
    ".json": Format(_read_json, _write_json),
    ".yaml": _YAML,
    ".yml": _YAML,
    ".toml": Format(_read_toml, _write_toml),
}
