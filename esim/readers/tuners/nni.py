"""Reads NNI's ``db/nni.sqlite``, a database for each experiment.

The table `MetricData` has a row for each value, in any order; its column ``data`` is JSON text
inside JSON text, of a number or of an object with `default`. The table `TrialJobEvent` has a row
for each change of a trial's state; the first one holds the hyperparameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from esim.errors import EsimError, plural
from esim.readers import runs
from esim.readers.encodings import cells, jsontext
from esim.readers.encodings.database import Database, open_databases, sqlite_files, with_sidecars
from esim.readers.formats import Detection, Format, Found
from esim.readers.options import Options
from esim.readers.runs import Curve, Experiment, Run
from esim.readers.source import File, Source
from esim.study import Direction, Note, Status

FORMAT = Format(
    name="nni",
    summary="NNI: db/nni.sqlite, an experiment a database",
    needs=("direction, if the tuner has none",),
    times=True,
    schedule=True,
    configs=True,
    several_studies=True,
    first_step="done",
    files="db/nni.sqlite",
)

TABLES = ("MetricData", "TrialJobEvent")
DEFAULT = "default"  # the metric that NNI optimises
STATUSES: Mapping[str, Status] = {
    "user_canceled": Status.STOPPED,
    "sys_canceled": Status.STOPPED,
    "unknown": Status.UNKNOWN,
}


@dataclass
class _Trial:
    """What the database holds about a trial.

    Attributes:
        events: the trial's changes of state: milliseconds since 1970 UTC, and NNI's word.
        config: its hyperparameters.
        reports: sequence number, milliseconds since 1970 UTC, and values by metric.
        final: the final report, as in `reports` without a sequence number; None if there is none.
    """

    events: list[tuple[float, str]] = field(default_factory=list)
    config: Mapping[str, Any] = field(default_factory=dict)
    reports: list[tuple[int, float, Mapping[str, float]]] = field(default_factory=list)
    final: tuple[float, Mapping[str, float]] | None = None


def detect(source: Source) -> Detection:
    """Whether there is a SQLite file with NNI's tables."""
    files = sqlite_files(source, *TABLES)
    return runs.detected(files, "has NNI's tables", with_sidecars(source, files))


def read(source: Source, options: Options) -> Found:
    """Read a study for each database.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: a database is damaged, or a value is not the JSON of a number.
    """
    with open_databases(source, *TABLES) as databases:
        if not databases:
            raise EsimError("no database of NNI", where=source.label)
        experiments = []
        files = []
        for origin, database in databases:
            if isinstance(origin, File):
                files.append(origin)
                # <experiment>/db/nni.sqlite
                folder = origin.folder.removesuffix("db").removesuffix("/")
                experiments.append(_experiment(database, runs.folder_name(source, folder)))
    notes = runs.file_notes(source, with_sidecars(source, files))
    return runs.studies(experiments, options, source, notes)


def _experiment(database: Database, name: str) -> Experiment:
    trials: dict[str, _Trial] = {}
    for time, trial, event, data in database.rows(
        "SELECT timestamp, trialJobId, event, data FROM TrialJobEvent ORDER BY timestamp, rowid"
    ):
        one = trials.setdefault(str(trial), _Trial())
        one.events.append((cells.number(time, database.where, "timestamp"), str(event)))
        if data and not one.config:
            told = jsontext.parse(str(data), f"{database.where}, trial {trial}")
            config = told.get("parameters") if isinstance(told, Mapping) else None
            one.config = runs.flat(config) if isinstance(config, Mapping) else {}
    for time, trial, kind, sequence, data in database.rows(
        "SELECT timestamp, trialJobId, type, sequence, data FROM MetricData "
        "ORDER BY timestamp, rowid"
    ):
        place = f"{database.where}, trial {trial}"
        one = trials.setdefault(str(trial), _Trial())
        moment = cells.number(time, place, "timestamp")
        if kind == "PERIODICAL":
            step = cells.integer(sequence, place, "sequence")
            one.reports.append((step, moment, _values(data, place)))
        elif kind == "FINAL":
            one.final = (moment, _values(data, place))
    only_final = [trial for trial, one in trials.items() if one.final and not one.reports]
    notes = []
    if only_final:
        text = (
            f"{plural(len(only_final), 'trial', 'have')} a final value only, taken as a "
            "report at step 0"
        )
        notes.append(Note("final_only", text, len(only_final)))
    notes += runs.final_note(
        (trial, one.final[1].get(DEFAULT, math.nan), one.reports[-1][2].get(DEFAULT, math.nan))
        for trial, one in trials.items()
        if one.final and one.reports
    )
    unknown: list[str] = []
    made = [_run(trial, one, unknown) for trial, one in trials.items()]
    title, direction = _profile(database)
    return Experiment(
        name=title or name,
        runs=made,
        where=database.where,
        objective=DEFAULT,
        objective_from="NNI",
        direction=direction,
        notes=(*notes, *runs.status_note(unknown)),
    )


def _run(trial: str, one: _Trial, unknown: list[str]) -> Run:
    reports = one.reports
    if not reports and one.final is not None:
        reports = [(0, *one.final)]
    word = one.events[-1][1] if one.events else ""
    status = runs.status_of(word, STATUSES, unknown)
    started = [time for time, event in one.events if event == "RUNNING"]
    ended = one.events[-1][0] if one.events and status is not Status.RUNNING else math.nan
    return Run(
        trial=trial,
        metrics=list(dict.fromkeys(name for _, _, values in reports for name in values)),
        curve=_curve(reports),
        start=started[0] / 1e3 if started else math.nan,
        end=ended / 1e3,
        status=status,
        config=one.config,
    )


def _curve(reports: list[tuple[int, float, Mapping[str, float]]]) -> Callable[[str], Curve]:
    def curve(metric: str) -> Curve:
        rows = [(step, time, v[metric]) for step, time, v in reports if metric in v]
        steps, times, values = zip(*rows, strict=True) if rows else ((), (), ())
        return Curve(
            np.array(steps, dtype=np.int64),
            np.array(values, dtype=np.float64),
            np.array(times, dtype=np.float64) / 1e3,
        )

    return curve


def _values(data: Any, place: str) -> dict[str, float]:
    """The numbers of a value, by metric. A value is JSON text inside JSON text, up to four deep."""
    value = data
    for _ in range(4):
        if not isinstance(value, str):
            break
        value = jsontext.parse(value, place)
    if isinstance(value, Mapping):
        numbers = {str(k): v for k, v in value.items() if type(v) in (int, float)}
        return {name: cells.number(v, place, name) for name, v in numbers.items()}
    return {DEFAULT: cells.number(value, place, "data")}


def _profile(database: Database) -> tuple[str | None, Direction | None]:
    """The experiment's name and its tuner's direction; None where its profile does not say."""
    if not database.has("ExperimentProfile", "params", "revision"):
        return None, None
    rows = database.rows("SELECT params FROM ExperimentProfile ORDER BY revision DESC LIMIT 1")
    params = jsontext.parse(str(rows[0][0]), database.where) if rows else {}
    if not isinstance(params, Mapping):
        return None, None
    name = params.get("experimentName")
    tuner = params.get("tuner")
    arguments = tuner.get("classArgs") if isinstance(tuner, Mapping) else None
    mode = arguments.get("optimize_mode") if isinstance(arguments, Mapping) else None
    known: dict[Any, Direction] = {"minimize": "minimize", "maximize": "maximize"}
    direction = known.get(mode) if isinstance(mode, str) else None
    return (name if isinstance(name, str) and name else None), direction
