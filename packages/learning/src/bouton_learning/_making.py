"""How a recipe with a rule is made: of a synapse of another package, and of steps that say how it learns."""

from __future__ import annotations

import importlib
import inspect
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import bouton
from bouton import CircuitError, Constraint, Plasticity, Synapse

from .averaged import Averaged


class Draft(NamedTuple):
    """How a synapse learns, as far as the steps have come."""

    plasticity: Any = None
    constraints: tuple[Constraint, ...] = ()
    traces: Mapping[str, Any] = {}
    """Arguments of a rule with traces."""
    arguments: Mapping[str, Any] = {}
    """Arguments of the base that follow from those of the steps."""
    fields: Mapping[str, Any] = {}
    """Other fields of the synapse."""

    def over(self, wrap: Callable[[Any], Plasticity]) -> Draft:
        """With something around the rule."""
        return self._replace(plasticity=wrap(self.plasticity))


Step = Callable[..., Draft]
"""Takes a draft and parameters of its own, by name, which its docstring describes for the users of the recipe."""


class Base(NamedTuple):
    """A recipe of another package, by name, with its parameters: these are known where that package is missing."""

    package: str
    name: str
    required: tuple[str, ...]
    optional: Mapping[str, Any]
    about: str
    """The parameters, as the docstrings of recipes describe them."""
    averaged: bool = False
    """Whether edges that share a weight teach it their mean."""
    make: Callable[..., Synapse] | None = None
    """What makes the synapse, where it is not the recipe itself: called with the package and the arguments."""

    def made(self, package: Any, arguments: Mapping[str, Any]) -> Synapse:
        if self.make is None:
            return getattr(package, self.name)(**arguments)
        return self.make(package, **arguments)


class Library(NamedTuple):
    """A library that users come from: its name, and where parameters are that a recipe has not."""

    name: str
    elsewhere: Mapping[str, str]


def sibling(package: str, who: str) -> Any:
    """A package of the family; `CircuitError` with the command that installs it where it is missing."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as e:
        if e.name != package:
            raise
        raise CircuitError(f"{who} needs {package}: pip install {package.replace('_', '-')}") from None


def learning_recipe(
    name: str,
    library: Library,
    base: Base,
    steps: tuple[Step, ...],
    says: str,
    compartments: Mapping[str, str],
    **defaults: Any,
) -> Callable[..., Synapse]:
    """The recipe of a row: what has no default by place or by name, the base's first; the rest by name."""
    own = {step: _parameters(step) for step in steps}
    signature = _signature(base, own, defaults)

    def make(*args: Any, **keywords: Any) -> Synapse:
        bound = signature.bind(*args, **keywords)
        bound.apply_defaults()
        given = bound.arguments
        package = sibling(base.package, name)
        try:
            draft = Draft()
            for step, parameters in own.items():
                draft = step(draft, **{n: given[n] for n in parameters})
            if base.averaged:
                draft = draft.over(Averaged)
            of_base = {**{n: given[n] for n in (*base.required, *base.optional)}, **draft.arguments}
            made = base.made(package, of_base)
            return made.replace(plasticity=draft.plasticity, constraints=draft.constraints, **draft.fields)
        except CircuitError as e:
            raise CircuitError(f"{name}: {e}") from None

    make.__name__ = make.__qualname__ = name
    make.__module__ = __name__.replace("_making", "recipes")
    make.__doc__ = _doc(name, library, base, steps, says, compartments)
    vars(make)["__signature__"] = signature
    return bouton.recipe(library.elsewhere)(make)


def _parameters(step: Step) -> dict[str, inspect.Parameter]:
    """Those of a step, the draft left out."""
    return dict(list(inspect.signature(step).parameters.items())[1:])


def _signature(
    base: Base, own: Mapping[Step, Mapping[str, inspect.Parameter]], defaults: Mapping[str, Any]
) -> inspect.Signature:
    empty = inspect.Parameter.empty
    found: dict[str, Any] = dict.fromkeys(base.required, empty)
    for parameters in own.values():
        found = found | {n: p.default for n, p in parameters.items() if n not in found}
    found = {**found, **{n: v for n, v in base.optional.items() if n not in found}, **defaults}
    by_place, by_name = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    required = [inspect.Parameter(n, by_place) for n, v in found.items() if v is empty]
    optional = [inspect.Parameter(n, by_name, default=v) for n, v in found.items() if v is not empty]
    return inspect.Signature([*required, *optional])


def _doc(
    name: str, library: Library, base: Base, steps: tuple[Step, ...], says: str, compartments: Mapping[str, str]
) -> str:
    lead, *more = says.split("\n\n")
    described = [block.strip().rstrip(";.") for block in (base.about, *(inspect.getdoc(step) or "" for step in steps))]
    names = ", ".join(f"``{theirs}`` is ``{ours}``" for theirs, ours in compartments.items())
    needs = base.package.replace("_", "-")
    text = (
        f"{lead}: {library.name}'s ``{name}``.",
        f"A `{base.name}` of {needs}, which has to be installed, with plasticity and constraints added by "
        "``.replace(...)``; the page of the rule has its equation. What has a default is given by name.",
        *more,
        f"Compartments, by their names in {library.name}: {names}.",
        f"Raises `CircuitError` for what does not fit, where {needs} is missing, and for parameters that have another "
        "place in bouton.",
    )
    paragraphs = [textwrap.fill(p, 116, break_long_words=False, break_on_hyphens=False) for p in text]
    return "\n\n".join((*paragraphs[:-2], ";\n".join(described) + ".", *paragraphs[-2:]))
