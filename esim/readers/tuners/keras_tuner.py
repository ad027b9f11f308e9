"""Reads KerasTuner's projects: ``oracle.json`` and ``trial_*/trial.json``.

A trial holds observations of each metric: a step, and a value for each execution. KerasTuner makes
a single observation a trial, at the best epoch, so that most searches hold no curves. Two kinds do:

- Hyperband trains a configuration in rounds of growing length. Each round is a trial of its own,
  whose `tuner/trial_id` names the round before.
- A tuner of the user's own may call ``oracle.update_trial(trial_id, metrics, step)`` at each epoch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from esim.errors import EsimError
from esim.readers import runs
from esim.readers.encodings import cells, jsontext
from esim.readers.encodings.times import parse_moment
from esim.readers.formats import Detection, Format, Found
from esim.readers.launch_order import launch_order
from esim.readers.options import Options
from esim.readers.runs import Curve, Experiment, Run
from esim.readers.source import File, Source
from esim.readers.tuners import budgets
from esim.readers.tuners.budgets import Evaluation
from esim.study import Direction, Note, Status

FORMAT = Format(
    name="keras-tuner",
    summary="KerasTuner: trial_*/trial.json; a round of Hyperband is a step",
    needs=("objective, if the scores do not tell",),
    schedule=True,
    configs=True,
    several_studies=True,
    first_step="done",
    files="oracle.json, trial_*/trial.json",
)

ORACLE, TRIAL = "oracle.json", "trial.json"
EPOCHS, PARENT, OWN = "tuner/epochs", "tuner/trial_id", "tuner/"
DIRECTIONS: Mapping[Any, Direction] = {"min": "minimize", "max": "maximize"}
STATUSES: Mapping[str, Status] = {"invalid": Status.FAILED, "idle": Status.RUNNING}
WHY = "KerasTuner keeps one value a trial, that of its best epoch"
TO_RECORD = (
    "next time give tuner.search callbacks=[keras.callbacks.TensorBoard('curves')] (TensorFlow: a "
    "folder a trial), or make a folder curves and add, in run_trial(self, trial, ...) of a "
    "subclass of the tuner, keras.callbacks.CSVLogger(f'curves/trial_{trial.trial_id}.csv') to the "
    "callbacks; then read curves"
)
# A trial of Hyperband, or a second observation of a metric: there are curves.
_CURVES = (b'"tuner/epochs"', b'}, {"value"')


@dataclass(frozen=True)
class _Trial:
    """A trial of KerasTuner: of Hyperband, one round of a configuration.

    Attributes:
        name: its id.
        config: its hyperparameters, without those of the tuner.
        epochs: the epoch at which its round ends, NaN without Hyperband.
        parent: the trial of the round before; "" if there is none.
        observations: metric -> step and mean over the executions, in the order of steps.
        directions: metric -> "min" or "max".
        score: the best value of the objective, NaN if there is none.
        status: KerasTuner's word for how it ended.
        start: when it started, as written; None if unknown.
    """

    name: str
    config: Mapping[str, Any]
    epochs: float
    parent: str
    observations: Mapping[str, Sequence[tuple[int, float]]]
    directions: Mapping[str, Any]
    score: float
    status: str
    start: Any


def detect(source: Source) -> Detection:
    """Whether there are trials or an oracle of KerasTuner."""
    oracles, trials = _oracles(source), _trials(source)
    projects = {_project(file) for file in (*oracles, *trials)}
    # Not all files below: people put event files and CSV logs into the project's folder.
    own = {file.folder for file in trials}
    claims = frozenset(
        file
        for file in source.files
        if (file.folder in own and file.base.startswith(("trial.json", "checkpoint", "build_")))
        or (file.folder in projects and _is_tuner(file))
    )
    curves = any(mark in file.head for file in trials for mark in _CURVES)
    files = trials or oracles
    return runs.detected(files, "of KerasTuner", claims.union(oracles), weak=not curves)


def read(source: Source, options: Options) -> Found:
    """Read a study for each project.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: a file is none of KerasTuner's, or no project has curves.
    """
    projects: dict[str, list[File]] = {_project(file): [] for file in _oracles(source)}
    for file in _trials(source):
        projects.setdefault(_project(file), []).append(file)
    if not projects:
        raise EsimError("no project of KerasTuner", where=source.label)
    used: set[File] = set()
    experiments = [
        _experiment(source, project, files, used) for project, files in sorted(projects.items())
    ]
    return runs.studies(experiments, options, source, runs.file_notes(source, used))


def _trials(source: Source) -> list[File]:
    found = source.by_base.get(TRIAL, ())
    return [
        file
        for file in found
        if file.head.startswith(b'{"trial_id":') and b'"hyperparameters":' in file.head[:200]
    ]


def _oracles(source: Source) -> list[File]:
    return [
        file
        for file in source.by_base.get(ORACLE, ())
        if file.head.startswith(b'{"ongoing_trials":') and b'"hyperparameters":' in file.head
    ]


def _project(file: File) -> str:
    """The folder of the project that a file belongs to."""
    return file.folder if file.base == ORACLE else file.folder.rpartition("/")[0]


def _is_tuner(file: File) -> bool:
    """Whether a file is the state of a tuner: ``tuner0.json``."""
    name, dot, ending = file.base.partition(".")
    return name.startswith("tuner") and name[5:].isdigit() and dot + ending == ".json"


def _experiment(source: Source, project: str, files: Sequence[File], used: set[File]) -> Experiment:
    name = runs.folder_name(source, project)
    oracles = [file for file in _oracles(source) if file.folder == project]
    oracle = jsontext.document(oracles[0]) if oracles else {}
    used.update(oracles, files)
    place = str(oracles[0]) if oracles else source.label
    with jsontext.shaped("not an oracle of KerasTuner", place):
        started = {**((oracle.get("display") or {}).get("trial_start") or {})}
        listed = {str(key): at for at, key in enumerate(oracle.get("start_order") or ())}
    notes: list[Note] = []
    trials, ordered_by = _in_order([_trial(file, started) for file in files], files, listed)
    most = max((len(rows) for one in trials for rows in one.observations.values()), default=0)
    hyperband = any(math.isfinite(one.epochs) for one in trials)
    if most < 2 and not hyperband:
        configs = {one.name: one.config for one in trials}
        return runs.without_curves(name, configs, place, why=WHY, to_record=TO_RECORD)
    starts = _starts(trials, place, notes)
    objective, direction = _objective(trials)
    chains = _chains(trials)
    if most < 2:
        text = (
            "KerasTuner keeps of each round of Hyperband the value at its best epoch; it stands at "
            "the epoch at which the round ended"
        )
        made = budgets.experiment(
            name,
            [_round(one, chain[0].name, starts) for chain in chains for one in chain],
            {chain[0].name: chain[0].config for chain in chains},
            place,
            objective=objective,
            objective_from="the score of each trial",
            direction=direction,
            notes=[*notes, Note("best_of_round", text)],
        )
        return replace(made, ordered_by=ordered_by)
    unknown: list[str] = []
    last = max((one.epochs for one in trials), default=math.nan)
    return Experiment(
        name=name,
        runs=[_run(chain, starts, last, unknown) for chain in chains],
        where=place,
        objective=objective,
        objective_from="the score of each trial",
        direction=direction,
        notes=(*notes, *runs.status_note(unknown)),
        ordered_by=ordered_by,
    )


def _in_order(
    trials: Sequence[_Trial], files: Sequence[File], listed: Mapping[str, int]
) -> tuple[list[_Trial], str]:
    """The trials in launch order, and what shows it: the oracle's list, if it is no old one."""
    known = sorted((t for t in trials if t.name in listed), key=lambda one: listed[one.name])
    rest = [pair for pair in zip(trials, files, strict=True) if pair[0].name not in listed]
    names = [one.name for one, _ in rest]
    order, shown = launch_order(names, names, [f.path for _, f in rest], [math.nan] * len(rest))
    return [*known, *(rest[at][0] for at in order)], shown if rest else "KerasTuner's oracle"


def _trial(file: File, started: Mapping[str, Any]) -> _Trial:
    given = jsontext.document(file)
    place = str(file)
    with jsontext.shaped("not a trial of KerasTuner", place):
        values = given["hyperparameters"]["values"]
        metrics = given["metrics"]["metrics"]
        observations = {
            str(metric): [_observation(one, place, metric) for one in history["observations"]]
            for metric, history in metrics.items()
        }
        return _Trial(
            name=str(given["trial_id"]),
            config={key: value for key, value in values.items() if not key.startswith(OWN)},
            epochs=cells.number(values.get(EPOCHS), place, EPOCHS),
            parent=str(values.get(PARENT) or ""),
            observations=observations,
            directions={metric: history["direction"] for metric, history in metrics.items()},
            score=cells.number(given["score"], place, "score"),
            status=str(given["status"]),
            start=started.get(str(given["trial_id"])),
        )


def _observation(given: Mapping[str, Any], place: str, metric: str) -> tuple[int, float]:
    values = [cells.number(value, place, metric) for value in given["value"]]
    mean = float(np.mean(values)) if values else math.nan
    return cells.integer(given["step"], place, "step"), mean


def _starts(trials: Iterable[_Trial], place: str, notes: list[Note]) -> dict[str, float]:
    """Trial -> seconds since 1970 UTC, NaN if unknown; a note on times without a zone is added."""
    moments = {one.name: parse_moment(one.start, place) for one in trials if one.start is not None}
    if not all(moment.zone_known for moment in moments.values()):
        notes.append(Note("zone_assumed", "KerasTuner's times name no time zone; taken as UTC"))
    return {name: moment.seconds for name, moment in moments.items()}


def _objective(trials: Sequence[_Trial]) -> tuple[str | None, Direction | None]:
    """The metric whose best value is the score of every trial, and its direction.

    Nothing else in the files names the objective. None if no metric fits, or if several do.
    """
    scored = [one for one in trials if not math.isnan(one.score)]
    fitting = [
        metric
        for metric in (scored[0].observations if scored else ())
        if all(_best(one, metric) == one.score for one in scored)
    ]
    if len(fitting) != 1:
        return None, None
    return fitting[0], DIRECTIONS.get(scored[0].directions[fitting[0]])


def _best(trial: _Trial, metric: str) -> float:
    values = [value for _, value in trial.observations.get(metric, ()) if not math.isnan(value)]
    pick = max if trial.directions.get(metric) == "max" else min
    return pick(values, default=math.nan)


def _chains(trials: Sequence[_Trial]) -> list[list[_Trial]]:
    """The rounds of each configuration, the first one first."""
    chain_of: dict[str, list[_Trial]] = {}
    chains = []
    for one in sorted(trials, key=lambda one: one.epochs if math.isfinite(one.epochs) else 0.0):
        if one.parent in chain_of:
            chain_of[one.parent].append(one)
        else:
            chains.append([one])
        chain_of[one.name] = chain_of.get(one.parent, chains[-1])
    order = {one.name: at for at, one in enumerate(trials)}
    return sorted(chains, key=lambda chain: order[chain[0].name])


def _round(one: _Trial, trial: str, starts: Mapping[str, float]) -> Evaluation:
    status = one.status.lower()
    return Evaluation(
        trial=trial,
        budget=one.epochs,
        start=starts.get(one.name, math.nan),
        end=math.nan,
        values={metric: rows[-1][1] for metric, rows in one.observations.items() if rows},
        failed=status in ("failed", "invalid"),
        running=status in ("running", "idle"),
    )


def _run(
    chain: Sequence[_Trial], starts: Mapping[str, float], last: float, unknown: list[str]
) -> Run:
    """The run of a configuration that was observed at several steps."""
    status = runs.status_of(chain[-1].status, STATUSES, unknown)
    if status is Status.COMPLETED and chain[-1].epochs < last:
        status = Status.STOPPED
    return Run(
        trial=chain[0].name,
        metrics=list(
            dict.fromkeys(m for one in chain for m, rows in one.observations.items() if rows)
        ),
        curve=_curve(chain),
        start=starts.get(chain[0].name, math.nan),
        status=status,
        config=chain[0].config,
    )


def _curve(chain: Sequence[_Trial]) -> Callable[[str], Curve]:
    def curve(metric: str) -> Curve:
        rows = [row for one in chain for row in one.observations.get(metric, ())]
        steps, values = zip(*rows, strict=True) if rows else ((), ())
        return Curve(np.array(steps, dtype=np.int64), np.array(values, dtype=np.float64))

    return curve
