"""The command ``bouton``. Each command is one function in a file beside this one, listed at the end.

Heavy imports belong inside the functions: ``bouton plugins`` loads neither JAX nor xarray nor zarr.
"""

from __future__ import annotations

from typing import Any

import click

from .._errors import BoutonError
from ._authoring import check, new_plugin
from ._names import components, plugins
from ._runs import branch, demo, resume, run, show


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BoutonError as error:  # written for the reader: no traceback
            raise click.ClickException(_told(error)) from error
        except KeyboardInterrupt as error:
            raise click.ClickException(_told(error, "interrupted.")) from error


def _told(error: BaseException, text: str | None = None) -> str:
    """What an error says, and what it says about a run that it ended."""
    return " ".join([text or str(error), *getattr(error, "__notes__", ())])


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bouton")
def main() -> None:
    """Spiking neural networks from parts that plug into each other."""


for _command in (run, resume, branch, show, demo, plugins, components, new_plugin, check):
    main.add_command(_command)
