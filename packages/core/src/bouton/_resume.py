"""resume and branch: a stored run goes on from its last commit, in its own store or in a new one.

What is stored with a run is what `simulate` was asked for (`_provenance.py`) and a checkpoint: all states, and the
windows of records that are not complete. Random numbers depend on the seed and on the number of the step alone, so what
is computed now is what would have been computed then.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import numpy as np

from ._chunk import Carry
from ._circuit import Circuit
from ._commit import ARRAYS, flat, read_checkpoint, read_root, restored
from ._errors import RunError
from ._inputs import labelled
from ._place import Bucket, Folder, place_of
from ._plain import digest
from ._provenance import provenance, requested, versions
from ._request import Request, Trials, check_arguments
from ._run import Run, check_precision
from ._simulate import Work, check_space, run
from ._store import ZarrStore, check_free, open_tree


def resume(
    path: str | os.PathLike[str],
    duration: float | None = None,
    *,
    inputs: Mapping[str, Any] | None = None,
    trials: Trials | None = None,
    chunk: int | None = None,
    progress: bool | None = None,
) -> Run:
    """Finish a stored run that was interrupted, or extend it; its files become those of a run that never stopped.

    - `duration`: of the whole run [ms], or `trials`, with all their labels: to make it longer. Inputs with a row for
      each step or a sample for each trial are then given for all of it; what has been used cannot change.
    - `inputs`: those that are functions of the tick, which no store can hold, or that replace stored ones.
    - `chunk`, `progress`: as in `simulate`.

    On CPUs results are equal to the last bit with the same version of jaxlib and the same kind of processor. If other
    versions are installed than the run was made with, a warning says so before it goes on, and the run keeps a note.
    `RunError` where it is being written by another process, does not hold its circuit, or cannot become what is asked.
    """
    stored = _Stored.at(path)
    with stored.place.lock() as held:
        stored = _Stored.at(stored.place)  # as nobody changes it any more
        about, old = stored.about, stored.request
        asked = stored.changed(duration, trials, inputs)
        check_arguments(asked, chunk=chunk)
        stored.check_past(asked)
        work = Work.of(asked)
        steps, shard = work.length.steps, about["shard"]
        first = stored.steps // work.length.steps_of_unit
        if steps < stored.steps:
            raise RunError(f"{stored.place} holds {stored.steps} steps already, so it cannot become a run of {steps}.")
        if old.trials and first * work.length.width > stored.trials and work.length.count > stored.trials:
            raise RunError(f"the last batch of {stored.place} was smaller than the others: it cannot become longer.")
        pieces = work.pieces(shard, chunk, first)
        begin = stored.carry(work, exactly=bool(pieces))
        work.program.check(begin, pieces)
        made = about.get("first_step", 0)
        new, arrays = provenance(asked, work.layout, work.entries, first=made, steps=steps, shard=shard)
        kept = ("committed_steps", "versions", "platform")
        check_space(work, shard, stored.place, {}, done=stored.steps / steps)
        changes = {k: v for k, v in new.items() if k not in kept} | stored.warn(asked.circuit)
        make = partial(ZarrStore.reopen, stored.place, work.plan, changes, arrays, held.pop_all())
        return run(work, begin, pieces, shard, make, progress)


def branch(
    path: str | os.PathLike[str],
    to: str | os.PathLike[str],
    duration: float | None = None,
    *,
    parameters: Mapping[str, Any] | None = None,
    learn: bool | None = None,
    inputs: Mapping[str, Any] | None = None,
    trials: Trials | None = None,
    chunk: int | None = None,
    progress: bool | None = None,
    overwrite: bool = False,
) -> Run:
    """Go on from the last commit of a run in a new store `to`, with something changed; the old run stays as it is.

    - `duration` [ms] or `trials`: when it ends, counted from the beginning of the old run; by default as that.
    - `parameters`: ``{"exc.tau_m": 20.0}``; `learn`: with or without learning; `inputs`: others from here on.
    - `chunk`, `progress`, `overwrite`: as in `simulate`.

    Steps and time are counted on, and random numbers go on as they would have: with nothing changed, the branch holds
    what the old run would have gone on with. The attribute ``parent`` of the new run says which run it comes from, at
    which step, and what was changed. Errors are those of `resume` and `simulate`.
    """
    stored = _Stored.at(path)
    circuit = stored.request.circuit
    if parameters:
        if swept := parameters.keys() & (stored.request.sweep or {}).keys():
            raise RunError(f"{min(swept)!r} is swept in {stored.place}: its values cannot be changed.")
        circuit = circuit.with_parameters(parameters)
    asked = stored.changed(duration, trials, inputs)
    learn = asked.learn if learn is None else bool(learn)
    trial = asked.trials is not None
    asked = dataclasses.replace(asked, circuit=circuit, learn=learn, start=stored.trials if trial else stored.steps)
    check_arguments(asked, chunk=chunk)
    check_free(to, overwrite)
    work = Work.of(asked)
    if work.length.steps <= stored.steps:
        raise RunError(
            f"{stored.place} is at {stored.steps * asked.dt:g} ms, and the branch would end there or before: "
            "set a later end, e.g. duration=."
        )
    if trial and stored.steps // work.length.steps_of_unit * work.length.width != stored.trials:
        raise RunError(f"the last batch of {stored.place} was smaller than the others: nothing can branch off it.")
    shard = stored.about["shard"]
    about, arrays = provenance(
        asked, work.layout, work.entries, first=stored.steps, steps=work.length.steps, shard=shard
    )
    stored.warn(asked.circuit)
    changed = {**(parameters or {}), **({"learn": learn} if learn != stored.request.learn else {})}
    about["parent"] = json.dumps(
        {
            "path": str(stored.place),
            "step": stored.steps,
            "sha256": stored.digest,
            "changed": {k: np.asarray(v).tolist() for k, v in changed.items()},
            "inputs": sorted(inputs or {}),
        }
    )
    check_space(work, shard, to, arrays)
    pieces = work.pieces(shard, chunk, stored.steps // work.length.steps_of_unit)
    begin = stored.carry(work, exactly=True)
    work.program.check(begin, pieces)
    make = partial(ZarrStore.create, to, work.plan, about, arrays, begin, shard=shard, overwrite=overwrite)
    return run(work, begin, pieces, shard, make, progress)


@dataclasses.dataclass(frozen=True)
class _Stored:
    """A run in a store: where, the attributes of its last commit, and what was asked for."""

    place: Folder | Bucket
    about: dict[str, Any]
    request: Request
    functions: tuple[str, ...]

    @classmethod
    def at(cls, path: Any) -> _Stored:
        place = place_of(path, "resume:")
        about = read_root(place)["attributes"]
        place.check_links()
        if "circuit" not in about:
            raise RunError(
                f"{place} cannot be resumed, because it does not contain its circuit: "
                f"{about.get('circuit_missing', 'it was lost.')}"
            )
        try:
            group = open_tree(place)[ARRAYS]
            arrays = {str(name): v.values for name, v in group.data_vars.items()}
        except KeyError:
            arrays = {}
        for name, array in arrays.items():
            if array.dtype.kind in "biuf" and digest(array) != name:
                raise RunError(f"{place} cannot be resumed: its array {name[:12]} is damaged.")
        circuit = Circuit.from_dict(json.loads(about["circuit"]), arrays)
        try:
            start = about.get("first_step", 0)
            if "trial_present" in about:
                start = start // _steps_of_trial(about) * about.get("batch", 1)
            request = requested(about, arrays, circuit, start)
            functions = tuple(ref for ref, how in json.loads(about["inputs"]).items() if how is None)
        except (KeyError, TypeError, ValueError, AttributeError) as e:
            raise RunError(f"{place} cannot be resumed: what was asked for is damaged: {e!r}.") from None
        check_precision(str(place), about, "what comes next")
        return cls(place, about, request, functions)

    @property
    def steps(self) -> int:
        return self.about["committed_steps"]

    @property
    def trials(self) -> int:
        """How many are done; only for a run of trials."""
        asked = self.request
        assert asked.trials is not None
        labels = [len(v) for v in asked.trials.labels().values()]
        dims = [labelled(ref, v) for ref, v in (asked.inputs or {}).items()]
        counts = labels + [a.shape[d.index("trial")] for d, a in dims if "trial" in d]
        return min(self.steps // _steps_of_trial(self.about) * (asked.batch or 1), *counts)

    @property
    def digest(self) -> str:
        """Of the attributes of the last commit."""
        return hashlib.sha256(json.dumps(self.about, sort_keys=True).encode()).hexdigest()

    def changed(self, duration: Any, trials: Any, inputs: Any) -> Request:
        """What is asked for now."""
        old = self.request
        if inputs is not None and not isinstance(inputs, Mapping):
            raise RunError(f"inputs must map names to values, e.g. {{'image.x': rates}}, got {inputs!r}.")
        given = {**(old.inputs or {}), **(inputs or {})}
        for ref in self.functions:
            if ref not in given:
                raise RunError(
                    f"{self.place} was fed by a function at {ref!r}, which no store can hold: give it again, "
                    f"inputs={{{ref!r}: ...}}."
                )
        if (duration is not None and old.trials is not None) or (trials is not None and old.trials is None):
            raise RunError(f"{self.place} is a run {'of trials' if old.trials else 'without trials'}: it stays one.")
        if isinstance(trials, Trials) and old.trials:
            if (trials.present, trials.rest) != (old.trials.present, old.trials.rest):
                raise RunError("Trials.present and Trials.rest cannot change in a run that goes on.")
        return dataclasses.replace(
            old, duration=old.duration if duration is None else duration, trials=trials or old.trials, inputs=given
        )

    def check_past(self, asked: Request) -> None:
        """`RunError` where what is given now differs in what has been used."""
        used = {"trial": self.trials} if asked.trials else {"time": self.steps}
        for ref, value in (self.request.inputs or {}).items():
            new = (asked.inputs or {})[ref]
            if new is value or (callable(new) and not hasattr(new, "dims")):
                continue
            before, now = labelled(ref, value), labelled(ref, new)
            at = tuple(slice(used.get(d)) for d in before[0]) if before[0] != ("?",) else ()
            if before[0] != now[0] or not np.array_equal(np.asarray(before[1])[at], np.asarray(now[1])[at]):
                raise RunError(
                    f"inputs[{ref!r}] differs from what {self.place} has been fed up to here. To go on with another "
                    "input, branch off: bouton.branch(path, to, inputs=...)."
                )
        if asked.trials and self.request.trials:
            new = asked.trials.labels()
            for name, values in self.request.trials.labels().items():
                if name not in new or not np.array_equal(values[: self.trials], new[name][: self.trials]):
                    raise RunError(f"Trials.coords[{name!r}] must begin with the labels of the trials that are done.")

    def carry(self, work: Work, exactly: bool) -> Carry:
        """What the run goes on from; `exactly`: of the shapes that it must have."""
        form = work.program.form
        found = restored(form, read_checkpoint(self.place, self.about))
        for (path, want), value in zip(flat(form).items(), jax.tree.leaves(found), strict=True):
            if exactly and value.shape != want.shape:
                raise RunError(
                    f"the checkpoint of {self.place} holds {path} of shape {value.shape}, expected {want.shape}."
                )
        return found

    def warn(self, circuit: Circuit) -> dict[str, Any]:
        """Say where other versions go on than the run was made with; attributes that keep a note of it."""
        history = json.loads(self.about.get("resumed", "[]"))
        then = history[-1]["versions"] if history else json.loads(self.about["versions"])
        now = versions(circuit)
        other = [f"{n} {then.get(n, 'none')} (now {now.get(n, 'none')})" for n in sorted(then.keys() | now.keys())
                 if then.get(n) != now.get(n)]  # fmt: skip
        if self.about["platform"] != jax.default_backend():
            other.append(f"{self.about['platform']} (now {jax.default_backend()})")
        if not other:
            return {}
        warnings.warn(
            f"{self.place} was made with {', '.join(other)}: what comes next may differ from what would have come.",
            stacklevel=3,
        )
        return {"resumed": json.dumps([*history, {"step": self.steps, "versions": now}])}


def _steps_of_trial(about: Mapping[str, Any]) -> int:
    return round((about["trial_present"] + about["trial_rest"]) / about["dt"])
