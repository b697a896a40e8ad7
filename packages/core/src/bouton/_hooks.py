"""What a plugin implements. There is one hook; a plugin needs nothing else of bouton to make its names known."""

from __future__ import annotations

from collections.abc import Mapping

import pluggy

GROUP = "bouton"
"""The entry-point group in which a plugin is declared, and the name of the hooks."""

hookspec = pluggy.HookspecMarker(GROUP)

hookimpl = pluggy.HookimplMarker(GROUP)
"""Marks a function as a plugin's implementation of a hook."""


@hookspec
def bouton_register() -> Mapping[str, Mapping[str, str]]:
    """The names that a plugin provides: ``{kind: {name: "module:attribute"}}``.

    A target is a string, so that listing what is installed imports none of it: the module is imported when its name
    is first asked for. Names are identifiers and unique within a kind. The kinds are

    - ``component``: what a node of a circuit can be, a subclass of `bouton.Component`;
    - ``recipe``: a function that returns a component;
    - ``topology``, ``release``, ``transmission``, ``rule``, ``constraint``: the parts of a synapse;
    - ``bound``: how a rule slows down near the end of a weight's range;
    - ``connectivity``: which pairs of units a topology connects;
    - ``initialiser``: a distribution of parameters, weights or start values;
    - ``schedule``: a rate or a radius that changes as learning goes on;
    - ``surrogate``: a spike whose gradient is replaced;
    - ``integrator``: a function that advances differential equations by one step;
    - ``demo``: a function that ``bouton demo`` runs.

    The hook lives in a module that imports nothing but `bouton.hookimpl`, and that an entry point of the group
    ``bouton`` names::

        # pyproject.toml
        [project.entry-points.bouton]
        cells = "my_cells._plugin"

        # src/my_cells/_plugin.py
        from bouton import hookimpl

        @hookimpl
        def bouton_register():
            return {"component": {"MyCell": "my_cells.cell:MyCell"}}

    A plugin that fails, by an error here or on import or by a return value of another form, takes no part;
    ``bouton plugins`` shows why, and all other plugins go on.
    """
    ...
