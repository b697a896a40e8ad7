"""What is asked of `simulate`, checked: numbers, durations, trials, sweeps and states to start from."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from ._circuit import Circuit
from ._errors import CircuitError, RunError
from ._inputs import check_names, labelled

MAX_STEPS, MAX_SEED = 2**31 - 1, 2**32 - 1


@dataclasses.dataclass(frozen=True)
class Trials:
    """A dataset presented sample by sample.

    In each trial the circuit starts anew (except for what persists), is fed its sample for `present` ms and nothing
    for `rest` ms; then persistent states are consolidated. Inputs with a dim ``trial`` hold the samples; with a dim
    ``time`` a sample has a row for each step of `present`, and an input with ``time`` alone is the same in every trial.
    All other inputs go on through the rest. With ``batch=n`` n samples are presented at once; the last batch may be
    smaller.

    `coords` are labels along ``trial`` for the dataset, numbers or text, e.g. ``{"digit": labels}``.
    """

    present: float
    rest: float = 0.0
    coords: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def labels(self) -> dict[str, np.ndarray]:
        """The coordinates as arrays."""
        if not isinstance(self.coords, Mapping):
            raise RunError(f"Trials.coords must map names to labels, e.g. {{'digit': digits}}, got {self.coords!r}.")
        found = {}
        for name, values in self.coords.items():
            array = np.asarray(values)
            if array.dtype == object and all(isinstance(v, str) for v in array.flat):
                array = array.astype(str)
            if array.dtype.kind in "UT":
                array = np.array(array.tolist(), str)  # as wide as need be, also when it comes back from a store
            if array.ndim != 1 or array.dtype.kind not in "biufU":
                raise RunError(f"Trials.coords[{name!r}] must be a list of numbers or of text, got {values!r}.")
            if name in ("trial", "time", "batch") or not str(name).isidentifier():
                raise RunError(f"Trials.coords: {name!r} cannot name labels: use an identifier, not a dim of the run.")
            found[name] = array
        return found


@dataclasses.dataclass(frozen=True)
class Request:
    """What `simulate` is asked to compute: all that decides results, as it was given. `start`: see `Layout`."""

    circuit: Circuit
    duration: float | None
    dt: float
    seed: int
    inputs: Mapping[str, Any] | None
    trials: Trials | None
    record: Mapping[str, Any] | None
    learn: bool
    batch: int | None
    batch_reduce: Literal["mean", "sum"]
    sweep: Mapping[str, Any] | None
    start: int = 0


@dataclasses.dataclass(frozen=True)
class Length:
    """How long a run is. A unit of work is a step, or the presentation of a trial or of a batch of trials."""

    count: int  # steps, or trials
    width: int = 1  # trials presented at once
    trial: tuple[int, int] | None = None  # steps of a trial: with its sample, in all

    @property
    def units(self) -> int:
        return -(-self.count // self.width)

    @property
    def of_trial(self) -> int | None:
        """Steps of a trial."""
        return self.trial[1] if self.trial else None

    @property
    def steps(self) -> int:
        """In all."""
        return self.units * self.steps_of_unit

    @property
    def steps_of_unit(self) -> int:
        return self.of_trial or 1

    @property
    def trials(self) -> int | None:
        return self.count if self.trial else None

    @property
    def fed(self) -> int:
        """How many rows an input has along ``time``."""
        return self.trial[0] if self.trial else self.count


def check_arguments(asked: Request, **numbers: Any) -> None:
    """Types and ranges of plain arguments; `numbers` are whole ones of at least 1, or None."""
    circuit, dt, duration, trials, seed = asked.circuit, asked.dt, asked.duration, asked.trials, asked.seed
    if not isinstance(circuit, Circuit):
        raise RunError(f"simulate needs a bouton.Circuit, got {circuit!r}.")
    if not _is_number(dt) or not (math.isfinite(dt) and dt > 0):
        raise RunError(f"dt must be a number > 0 ms, got {dt!r}.")
    if (duration is None) == (trials is None):
        raise RunError("say how long: either duration= [ms], or trials=bouton.Trials(present=...).")
    if trials is not None and not isinstance(trials, Trials):
        raise RunError(f"trials must be a bouton.Trials, got {trials!r}.")
    if not _is_whole(seed) or not 0 <= seed <= MAX_SEED:
        raise RunError(f"seed must be a whole number from 0 to 2**32 - 1, got {seed!r}. Several go into sweep['seed'].")
    for name, value in {"batch": asked.batch, **numbers}.items():
        if value is not None and not (_is_whole(value) and value >= 1):
            raise RunError(f"{name} must be a whole number of at least 1, got {value!r}.")
    if asked.batch_reduce not in ("mean", "sum"):
        raise RunError(f"batch_reduce must be 'mean' or 'sum', got {asked.batch_reduce!r}.")
    if asked.sweep is not None and not isinstance(asked.sweep, Mapping):
        raise RunError(f"sweep must map parameters to their values, got {asked.sweep!r}.")
    check_names("sweep", asked.sweep)
    check_names("record", asked.record)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def length_of(duration: Any, trials: Trials | None, inputs: Any, dt: float, batch: int | None) -> Length:
    if trials is None:
        length = Length(_whole(duration, dt, "duration"))
    else:
        present = _whole(trials.present, dt, "Trials.present")
        rest = _whole(trials.rest, dt, "Trials.rest") if trials.rest != 0 else 0
        length = Length(_n_trials(trials, inputs), batch or 1, (present, present + rest))
    if length.steps > MAX_STEPS:
        raise RunError(f"{length.steps} steps are too many for one run, which has at most {MAX_STEPS}.")
    return length


def _whole(ms: Any, dt: float, what: str) -> int:
    if not _is_number(ms) or not (math.isfinite(ms) and ms > 0):
        raise RunError(f"{what} must be a number > 0 ms, got {ms!r}.")
    steps = round(ms / dt)
    if steps < 1 or abs(ms / dt - steps) > 1e-6 * steps:
        near = max(1, steps) * dt
        raise RunError(f"{what} of {ms:g} ms is not a whole number of steps of {dt:g} ms: {near:g} ms would be.")
    return steps


def _n_trials(trials: Trials, inputs: Any) -> int:
    """As many as there are samples and labels, which must agree."""
    counts = {f"coords[{n!r}]": len(v) for n, v in trials.labels().items()}
    samples = {}
    for ref, value in (inputs if isinstance(inputs, Mapping) else {}).items():
        if not callable(value) or hasattr(value, "dims"):
            dims, array = labelled(ref, value)
            if "trial" in dims:
                samples[f"inputs[{ref!r}]"] = array.shape[dims.index("trial")]
    counts |= samples
    if not counts:
        raise RunError("trials= needs an input with a dim 'trial', e.g. {'image.x': (('trial', 'unit'), images)}.")
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{n} for {what}" for what, n in counts.items())
        raise RunError(f"the number of trials is not the same everywhere: {shown}.")
    count = next(iter(counts.values()))
    if count == 0:
        raise RunError("there are no trials: the inputs have a length of 0 along 'trial'.")
    return count


def swept(circuit: Circuit, sweep: Mapping[str, Any] | None) -> dict[str, np.ndarray]:
    """The values of a sweep as arrays, each of them checked as a parameter is."""
    found = {}
    for name, values in (sweep or {}).items():
        try:
            array = np.asarray(list(values) if isinstance(values, range) else values)
        except ValueError as e:
            raise RunError(f"sweep[{name!r}]: {e}") from None
        if array.ndim == 0 or len(array) == 0 or array.dtype.kind not in "iuf":
            raise RunError(f"sweep[{name!r}] must be a list of numbers, got {values!r}.")
        if name == "seed":
            if array.ndim > 1 or array.dtype.kind == "f" or (array < 0).any() or (array > MAX_SEED).any():
                raise RunError(f"sweep['seed'] must be a list of whole numbers from 0 to 2**32 - 1, got {values!r}.")
        else:
            array = array.astype(float)
            try:
                for value in array:
                    circuit.with_parameters({name: value})
            except CircuitError as e:
                raise RunError(f"sweep: {e}") from None
        found[name] = array
    return found


def fitted(circuit: Circuit, state: Any, form: Any, *, only_persistent: bool) -> Any:
    """A given state in the form of a fresh one, also where that has the axes of a sweep in front.

    With `only_persistent` all else becomes zeros, as each trial renews it; so the batch may be another.
    """
    if not isinstance(state, Mapping):
        raise RunError(f"state= must be a state such as run.state, got {type(state).__name__}.")
    if jax.tree.structure(dict(state)) != jax.tree.structure(form):
        other = ", ".join(sorted(map(str, state.keys() ^ form.keys())))
        raise RunError(
            f"state= belongs to another circuit: {f'only one of them has {other}' if other else 'compartments differ'}."
        )
    all_of, none_of = (jax.tree.map(lambda _, flag=flag: flag, form) for flag in (True, False))
    needed = all_of
    if only_persistent:
        needed = {n: circuit._merged(n, all_of[n], none_of[n], persistent=lambda old, new: old) for n in form}

    def fit(path: Any, given: Any, want: Any, is_needed: bool) -> Any:
        shape = jnp.shape(given)
        if not is_needed:
            return jnp.zeros(want.shape, want.dtype)
        if shape != want.shape[len(want.shape) - len(shape) :]:
            hint = "" if only_persistent else " For another batch: state=circuit.renew(state, key=, dt=, batch=)."
            raise RunError(f"state{jax.tree_util.keystr(path)} has the shape {shape}, expected {want.shape}.{hint}")
        return jnp.broadcast_to(jnp.asarray(given, want.dtype), want.shape)

    return jax.tree_util.tree_map_with_path(fit, dict(state), form, needed)
