"""``bouton run``, ``resume``, ``branch``, ``show``, ``demo``: simulate a model file, go on with a run, look into it."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .._errors import RunError
from .._registry import current
from ._text import echo_json, echo_table

if TYPE_CHECKING:
    from .._circuit import Circuit
    from .._run import Run

_Records = dict[str, list[dict[str, Any]]]


def _read_records(ctx: click.Context, option: click.Parameter, texts: Sequence[str]) -> _Records:
    """``exc.s=20:sum`` as the arguments of a `bouton.Record`, by variable."""
    asked: _Records = {}
    for text in texts:
        name, _, how = text.partition("=")
        given: dict[str, Any] = {}
        for word in how.split(":") if how else ():
            whole = re.fullmatch(r"[+-]?\d+", word)
            field = "every" if whole else "per" if word in ("step", "trial") else "reduce"
            if field in given:
                raise click.BadParameter(f"{text!r} says {given[field]!r} and {word!r}: one of them.")
            given[field] = int(word) if whole else word
        asked.setdefault(name, []).append(given)
    return asked


def _read_inputs(ctx: click.Context, option: click.Parameter, texts: Sequence[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not value:
            raise click.BadParameter(f"{text!r} must be NAME=NUMBER or NAME=FILE.npy, e.g. image.x=0.5.")
        if name in given:
            raise click.BadParameter(f"{name!r} is given twice.")
        given[name] = value
    return given


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--to", required=True, metavar="RUN", help="Folder of the run (zarr), or its URL.")
@click.option("--duration", type=float, metavar="MS", help="Simulated time.")
@click.option("--present", type=float, metavar="MS", help="Instead of --duration: how long each sample is presented.")
@click.option("--rest", type=float, metavar="MS", help="Time without input after each sample (0).")
@click.option("--dt", type=float, metavar="MS", default=1.0, show_default=True, help="Length of a step.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of all that is random.")
@click.option(
    "--record",
    multiple=True,
    metavar="NAME[=HOW]",
    callback=_read_records,
    help="What to keep: exc.s, exc.v=10 (every 10th step), exc.s=20:sum (of 20 steps), exc.s=sum:trial. Repeatable.",
)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_read_inputs,
    help="A number, or a .npy file: one array, or a row for each step (with --present: for each sample). Repeatable.",
)
@click.option("--batch", type=int, metavar="N", help="How many samples one organism sees at once.")
@click.option("--no-learn", is_flag=True, help="Keep weights and all else that persists as they are.")
@click.option("--quiet", is_flag=True, help="No progress and no summary.")
@click.option("--overwrite", is_flag=True, help="Replace an existing run.")
def run(
    model: Path,
    to: str,
    duration: float | None,
    present: float | None,
    rest: float | None,
    dt: float,
    seed: int,
    record: _Records,
    inputs: dict[str, str],
    batch: int | None,
    no_learn: bool,
    quiet: bool,
    overwrite: bool,
) -> None:
    """Simulate the circuit in the file MODEL (.yaml, .toml or .json, as bouton.save writes them) and store the run.

    Example: bouton run model.yaml --to run.zarr --duration 1000 --input image.x=0.5 --record exc.s --record exc.v=10
    """
    if (duration is None) == (present is None):
        raise click.UsageError("say how long: either --duration MS, or --present MS with inputs of a row per sample.")
    if rest is not None and present is None:
        raise click.UsageError("--rest goes with --present.")
    from .._model import load
    from .._place import place_of
    from .._record import Record
    from .._simulate import Trials, simulate

    if place_of(to, "--to").exists() and not overwrite:
        raise RunError(f"{to} exists already: choose another folder, or add --overwrite.")
    circuit = load(model)
    begun = time.monotonic()
    done = simulate(
        circuit,
        duration,
        dt=dt,
        seed=seed,
        trials=None if present is None else Trials(present, rest or 0.0),
        inputs={name: _input(circuit, name, value, present is not None) for name, value in inputs.items()},
        record={name: [Record(**how) for how in hows] for name, hows in record.items()},
        to=to,
        learn=not no_learn,
        batch=batch,
        progress=False if quiet else None,
        overwrite=overwrite,
    )
    if not quiet:
        _echo_run(done, begun)


_INPUTS = click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_read_inputs,
    help="Of the whole run: a number, or a .npy file, as for bouton run. Repeatable.",
)
_DURATION = click.option("--duration", type=float, metavar="MS", help="Of the whole run, where it is to become longer.")
_QUIET = click.option("--quiet", is_flag=True, help="No progress and no summary.")


@click.command()
@click.argument("path", metavar="RUN")
@_DURATION
@_INPUTS
@_QUIET
def resume(path: str, duration: float | None, inputs: dict[str, str], quiet: bool) -> None:
    """Finish the run RUN from its last commit on, or make it longer.

    Its files become those of a run that was never interrupted. Example: bouton resume run.zarr --duration 2000
    """
    from .._resume import resume

    begun = time.monotonic()
    given = _inputs_of(path, inputs)
    done = resume(path, duration, inputs=given, progress=False if quiet else None)
    if not quiet:
        _echo_run(done, begun)


def _read_values(ctx: click.Context, option: click.Parameter, texts: Sequence[str]) -> dict[str, float]:
    given: dict[str, float] = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            given[name] = float(value)
        except ValueError:
            raise click.BadParameter(f"{text!r} must be NAME=NUMBER, e.g. exc.tau_m=20.") from None
    return given


@click.command()
@click.argument("path", metavar="RUN")
@click.option("--to", required=True, metavar="NEW", help="Folder of the new run (zarr), or its URL.")
@click.option("--duration", type=float, metavar="MS", help="When it ends, counted from the beginning of RUN.")
@click.option(
    "--set",
    "parameters",
    multiple=True,
    metavar="NAME=NUMBER",
    callback=_read_values,
    help="A parameter that is to have another value from here on. Repeatable.",
)
@click.option("--learn/--no-learn", default=None, help="With or without learning from here on.")
@_INPUTS
@_QUIET
@click.option("--overwrite", is_flag=True, help="Replace an existing run.")
def branch(
    path: str,
    to: str,
    duration: float | None,
    parameters: dict[str, float],
    learn: bool | None,
    inputs: dict[str, str],
    quiet: bool,
    overwrite: bool,
) -> None:
    """Go on from the last commit of RUN in a new run, with something changed; RUN stays as it is.

    Example: bouton branch run.zarr --to slow.zarr --duration 2000 --set exc.tau_m=40
    """
    from .._resume import branch

    begun = time.monotonic()
    how: Any = {"learn": learn, "overwrite": overwrite, "progress": False if quiet else None}
    done = branch(path, to, duration, parameters=parameters, inputs=_inputs_of(path, inputs), **how)
    if not quiet:
        _echo_run(done, begun)


def _inputs_of(path: str, texts: dict[str, str]) -> dict[str, Any]:
    """Inputs for a stored run."""
    from .._run import open

    if not texts:
        return {}
    run = open(path)
    has_trials = "trial_present" in run.tree.attrs
    return {name: _input(run.circuit, name, value, has_trials) for name, value in texts.items()}


def _echo_run(done: Run, begun: float) -> None:
    about = _described(done)
    click.echo(f"{_simulated(about)} in {time.monotonic() - begun:.1f} s; {done.path}, {_bytes(about['bytes'])}")
    _echo_variables(about["variables"])


def _input(circuit: Circuit, name: str, text: str, has_trials: bool) -> Any:
    """A number, or the array in a .npy file with its dims: those of the input, behind trial and time if it has more."""
    import numpy as np

    if not text.endswith(".npy"):
        try:
            return float(text)
        except ValueError:
            raise RunError(f"--input {name}={text}: must be a number or a .npy file.") from None
    try:
        array = np.load(text, allow_pickle=False)
    except (OSError, ValueError, EOFError) as e:
        raise RunError(f"--input {name}: {text} cannot be read: {getattr(e, 'strerror', None) or e}.") from None
    port = circuit._plan.target(name)[1]
    leads = ((), ("trial",), ("trial", "time")) if has_trials else ((), ("time",))
    for lead in leads:
        if math.prod(array.shape[len(lead) :]) == math.prod(port.shape) and array.ndim >= len(lead):
            own = array.reshape(array.shape[: len(lead)] + port.shape)
            return ((*lead, *port.dims), own) if lead else own
    expected = " or ".join(str((*lead, *port.shape)).replace("'", "") for lead in leads)
    raise RunError(f"--input {name}: {text} holds an array of shape {array.shape}; expected {expected}.")


@click.command()
@click.argument("path", metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help="Print plain data for other programs.")
def show(path: str, as_json: bool) -> None:
    """Say what is in the run RUN and how it was made.

    Needs none of the plugins that took part, and reads no recorded values.
    """
    from .._run import open

    about = _described(open(path))
    if as_json:
        return echo_json(about)
    state = (
        "finished"
        if about["finished"]
        else (
            f"not finished: {about['committed_steps']} of {about['total_steps']} steps are there; bouton resume goes on"
        )
    )
    click.echo(f"{path}  {state}, {_bytes(about['bytes'])}\n")
    made = {
        "simulated": _simulated(about),
        "branched off": about["parent"] and f"{about['parent']['path']} at step {about['parent']['step']}",
        "resumed": about["resumed"] and ", ".join(f"with other versions at step {r['step']}" for r in about["resumed"]),
        "sweep": about["sweep"] and ", ".join(about["sweep"]),
        "seed": about["seed"],
        "learning": "on" if about["learn"] else "off",
        "batch": about["batch"] and f"{about['batch']}, learning from their {about['batch_reduce']}",
        "precision": "64 bits" if about["x64"] else None,
        "versions": ", ".join(f"{dist} {version}" for dist, version in about["versions"].items()),
    }
    echo_table([(what, str(value)) for what, value in made.items() if value is not None])
    click.echo("\ncircuit")
    if about["circuit"] is None:
        click.echo(f"  not stored: {about['circuit_missing']}")
    else:
        echo_table(_nodes(about["circuit"]), indent=2)
    click.echo("\none step")
    for line in about["schedule"]:
        click.echo(f"  {line}")
    click.echo("\nvariables")
    _echo_variables(about["variables"])


def _described(run: Run) -> dict[str, Any]:
    """A stored run as plain data."""
    from .._place import place_of

    assert run.path is not None
    place, attrs = place_of(run.path, "open:"), run.tree.attrs
    sizes = place.sizes()
    variables = []
    for name, where in run.variables.items():
        data = run[name]
        variables.append(
            {
                "name": name,
                "dims": {str(d): n for d, n in data.sizes.items()},
                "dtype": str(data.dtype),
                "units": data.attrs.get("units", ""),
                "long_name": data.attrs.get("long_name", ""),
                "bytes": sum(n for key, n in sizes.items() if key.startswith(where[1:] + "/")),
            }
        )
    how = ("dt", "seed", "duration", "trial_present", "trial_rest", "learn", "batch", "batch_reduce", "sweep", "x64")
    return {
        "path": str(place),
        "finished": attrs["committed_steps"] == attrs["total_steps"],
        "bytes": sum(sizes.values()),
        **{name: attrs.get(name) for name in (*how, "first_step", "committed_steps", "total_steps", "platform")},
        **{name: json.loads(attrs[name]) if name in attrs else None for name in ("parent", "resumed")},
        "record": json.loads(attrs["record"]),
        "versions": json.loads(attrs["versions"]),
        "circuit": json.loads(attrs["circuit"]) if "circuit" in attrs else None,
        "circuit_missing": attrs.get("circuit_missing"),
        "schedule": attrs["schedule"].splitlines(),
        "variables": variables,
    }


def _simulated(about: Mapping[str, Any]) -> str:
    steps, dt = about["committed_steps"] - (about["first_step"] or 0), about["dt"]
    text = f"{steps * dt:g} ms ({steps} steps of {dt:g} ms)"
    if (present := about["trial_present"]) is not None:
        rest = about["trial_rest"] or 0.0
        count = round(steps * dt / (present + rest))
        text += f", {count} presentations of {present:g} ms" + (f" and {rest:g} ms of rest" if rest else "")
    return text


def _nodes(circuit: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Each component, as it would be written; nested circuits opened."""
    for name, node in circuit["nodes"].items():
        if node["type"] == "Circuit":
            yield from _nodes(node, f"{prefix}{name}.")
        else:
            yield prefix + name, _written(node)


def _written(value: Any) -> str:
    """Data of a model as an expression; long lists by their length."""
    if isinstance(value, dict) and "array" in value:
        return "array" if isinstance(value["array"], str) else _written(value["array"])
    if isinstance(value, dict) and "type" in value:
        fields = ", ".join(f"{k}={_written(v)}" for k, v in value.items() if k != "type")
        return f"{value['type']}({fields})"
    if isinstance(value, list):
        return f"[{len(value)} values]" if len(value) > 4 else f"[{', '.join(map(_written, value))}]"
    return str(value)


def _echo_variables(variables: Sequence[Mapping[str, Any]]) -> None:
    if not variables:
        click.echo("  none; --record exc.s would have kept the spikes of a node exc")
    echo_table(
        [
            (
                v["name"],
                f"({', '.join(f'{d}: {n}' for d, n in v['dims'].items())})",
                v["dtype"],
                f"[{v['units']}]",
                _bytes(v["bytes"]),
                v["long_name"],
            )
            for v in variables
        ],
        indent=2,
    )


def _bytes(n: int) -> str:
    power = min(3, (len(str(n)) - 1) // 3)
    return f"{n / 1000**power:.3g} {('B', 'kB', 'MB', 'GB')[power]}"


class _Demos(click.Group):
    """The registered demos as subcommands, each imported when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(dict.fromkeys(entry.name for entry in current().entries("demo")))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        target = current().get("demo", cmd_name)
        if isinstance(target, click.Command):
            return target
        return click.Command(
            cmd_name,
            callback=lambda arguments: target(*arguments),
            params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
            help=target.__doc__,
            context_settings={"ignore_unknown_options": True},
        )

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        demos = [(entry.name, f"of {entry.plugin}") for entry in current().entries("demo")]
        with formatter.section("Demos"):
            formatter.write_dl(demos or [("none", "no installed plugin has one")])


@click.command(cls=_Demos, subcommand_metavar="NAME [ARGUMENTS]...", invoke_without_command=True)
@click.pass_context
def demo(ctx: click.Context) -> None:
    """Run the demo NAME; without a name, list what there is.

    All that follows NAME is for the demo: bouton demo NAME --help says what it takes.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
