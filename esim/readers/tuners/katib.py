"""Reads Katib's ``observation_logs``: its database, or the table as a CSV or TSV file.

The table has ``trial_name, id, time, metric_name, value`` and no step: the values of a metric are
numbered in the order of their times. Trials in JSON beside it (``kubectl get trials -o json``) add
hyperparameters, starts, ends and the direction; alone they hold the last value, the least and the
greatest only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from esim.errors import EsimError, plural
from esim.readers import runs
from esim.readers.assembly import some
from esim.readers.encodings import cells, jsontext
from esim.readers.encodings.database import (
    Database,
    open_address,
    open_databases,
    sqlite_files,
    with_sidecars,
)
from esim.readers.encodings.times import parse_moment
from esim.readers.formats import Detection, Format, Found
from esim.readers.options import Options
from esim.readers.runs import Curve, Experiment, Run
from esim.readers.source import File, Source
from esim.readers.tables.records import records
from esim.readers.tables.shape import Shape, shape_of
from esim.study import Direction, Note, Status

FORMAT = Format(
    name="katib",
    summary="Katib: the table observation_logs, in its database or as CSV",
    needs=("objective, without the trials in JSON", "direction, without the trials in JSON"),
    times=True,
    schedule=True,
    configs=True,
    several_studies=True,
    files="the table observation_logs: database or CSV",
)

TABLE = "observation_logs"
COLUMNS = ("trial_name", "id", "time", "metric_name", "value")
UNAVAILABLE = "unavailable"  # what the collector reports for an objective that it did not find
OWNER = "katib.kubeflow.org/experiment"
STATUSES: Mapping[str, Status] = {
    "succeeded": Status.COMPLETED,
    "metricsunavailable": Status.FAILED,
    "earlystopped": Status.STOPPED,
    "created": Status.RUNNING,
}
DIRECTIONS: Mapping[Any, Direction] = {"minimize": "minimize", "maximize": "maximize"}
WHY = "an object of Katib holds the latest, least and greatest value of each metric"
TO_RECORD = (
    f"export the table {TABLE} of Katib's database as CSV (SELECT * FROM {TABLE}), or give its "
    "mysql: or postgresql: URL"
)
_OBJECT = re.compile(rb'"?apiVersion"?\s*:\s*"?kubeflow\.org/v1')
_KIND = re.compile(rb'"?kind"?\s*:\s*"?(?:Trial|Experiment)\b')


@dataclass(frozen=True)
class _About:
    """What a trial's object says.

    Attributes:
        experiment: the name of its experiment; "" if unknown.
        objective: the metric that is optimized and Katib's word for its direction, "" if unknown.
        start, end: seconds since 1970 UTC, NaN if unknown.
        condition: Katib's word for how it ended; "" if unknown.
        config: its hyperparameters.
    """

    experiment: str = ""
    objective: tuple[str, str] = ("", "")
    start: float = math.nan
    end: float = math.nan
    condition: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class _Trial:
    """What is known of a trial.

    Attributes:
        values: metric -> time (seconds since 1970 UTC, NaN if unknown), id and value of each log.
        about: what its object says.
    """

    values: dict[str, list[tuple[float, int, float]]] = field(default_factory=dict)
    about: _About = field(default_factory=_About)


def detect(source: Source) -> Detection:
    """Whether there is a table of observation logs, or objects of Katib."""
    if source.address is not None:
        if source.address.kind != "database":
            return Detection(False, "")
        with open_address(source.address) as database:
            has = database.has(TABLE, *COLUMNS)
        return Detection(has, f"it has Katib's {TABLE}" if has else "")
    stored = sqlite_files(source, TABLE)
    logs = [*stored, *(shape.file for shape in _tables(source))]
    objects = _objects(source)
    claims = with_sidecars(source, stored).union(logs, objects)
    if logs:
        return runs.detected(logs, f"has Katib's {TABLE}", claims)
    return runs.detected(objects, "is of Katib", claims, weak=True)


def read(source: Source, options: Options) -> Found:
    """Read a study for each experiment.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: a value or time of the logs is none, or there are objects only, which hold no
            curves.
    """
    trials: dict[str, _Trial] = {}
    missing: list[str] = []
    used: set[File] = set()
    with open_databases(source, TABLE) as databases:
        for origin, database in databases:
            _add(trials, _database_rows(database), missing)
            if isinstance(origin, File):
                used |= with_sidecars(source, [origin])
    for shape in _tables(source):
        used.add(shape.file)
        _add(trials, records(shape), missing)
    objects = _objects(source)
    if not trials and not objects:
        raise EsimError(f"no {TABLE} of Katib", where=source.label)
    if not trials:
        raise runs.no_curves(some([str(one) for one in objects]), why=WHY, to_record=TO_RECORD)
    for file in objects:
        if file.base.endswith(".json"):
            used.add(file)
            with jsontext.shaped("no trials of Katib", str(file)):
                for one in _trial_objects(jsontext.document(file)):
                    name = str(one["metadata"]["name"])
                    trials.setdefault(name, _Trial()).about = _about(one, str(file))
    groups: dict[str, dict[str, _Trial]] = {}
    for name, trial in trials.items():
        owner = trial.about.experiment or name.rpartition("-")[0] or name
        groups.setdefault(owner, {})[name] = trial
    notes = list(runs.file_notes(source, used))
    if missing:
        text = f"{plural(len(missing), 'trial')} did not log the objective: {some(missing)}"
        notes.append(Note("objective_unavailable", text, len(missing)))
    experiments = [_experiment(name, group, source) for name, group in groups.items()]
    return runs.studies(experiments, options, source, notes)


def _tables(source: Source) -> list[Shape]:
    shapes = (shape_of(file) for file in source.files if b"metric_name" in file.head[:200])
    return [shape for shape in shapes if shape is not None and {*COLUMNS} <= {*shape.columns}]


def _objects(source: Source) -> list[File]:
    return [
        file
        for file in source.files
        if file.base.endswith((".json", ".yaml", ".yml"))
        and b"kubeflow" in file.head
        and _OBJECT.search(file.head)
        and _KIND.search(file.head)
    ]


def _database_rows(database: Database) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for row in database.rows(f"SELECT {', '.join(COLUMNS)} FROM {TABLE} ORDER BY id"):
        yield f"{database.where}, {TABLE} id {row[1]}", dict(zip(COLUMNS, row, strict=True))


def _add(
    trials: dict[str, _Trial], rows: Iterable[tuple[str, Mapping[str, Any]]], missing: list[str]
) -> None:
    """Add the rows of a table of logs to the trials; trials without the objective to `missing`."""
    for place, row in rows:
        name = cells.identifier(row["trial_name"], place, "trial_name")
        trial = trials.setdefault(name, _Trial())
        metric = str(row["metric_name"])
        if row["value"] == UNAVAILABLE:
            missing.append(name)
            continue
        time = row["time"]
        moment = math.nan if cells.is_missing(time) else parse_moment(time, place).seconds
        log = (
            moment if moment > 0 else math.nan,  # a log line without a time has that of the year 1
            cells.integer(row["id"], place, "id"),
            cells.number(row["value"], place, metric),
        )
        trial.values.setdefault(metric, []).append(log)


def _trial_objects(document: Any) -> Iterator[Mapping[str, Any]]:
    """The trials of a JSON document: a trial, or a list of objects."""
    if isinstance(document, Mapping):
        if document.get("kind") == "Trial":
            yield document
        for one in document.get("items") or ():
            yield from _trial_objects(one)


def _about(one: Mapping[str, Any], place: str) -> _About:
    spec, status = one.get("spec") or {}, one.get("status") or {}
    objective = spec.get("objective") or {}
    ended = [c["type"] for c in status.get("conditions") or () if c.get("status") == "True"]
    moments = [status.get(key) for key in ("startTime", "completionTime")]
    start, end = (math.nan if m is None else parse_moment(m, place).seconds for m in moments)
    return _About(
        experiment=str((one["metadata"].get("labels") or {}).get(OWNER) or ""),
        objective=(str(objective.get("objectiveMetricName", "")), str(objective.get("type", ""))),
        start=start,
        end=end,
        condition=str(ended[-1]) if ended else "",
        config={str(p["name"]): p.get("value") for p in spec.get("parameterAssignments") or ()},
    )


def _experiment(name: str, group: Mapping[str, _Trial], source: Source) -> Experiment:
    unknown: list[str] = []
    named = {trial.about.objective for trial in group.values()} - {("", "")}
    metric, kind = next(iter(named)) if len(named) == 1 else (None, "")
    order = sorted(group, key=lambda one: _first(group[one]))
    return Experiment(
        name=name,
        runs=[_run(one, group[one], unknown) for one in order],
        where=source.label,
        objective=metric,
        objective_from="the trials' objective",
        direction=DIRECTIONS.get(kind),
        notes=(
            Note("step_by_emission", "Katib logs no steps: the values of a metric are numbered"),
            *runs.status_note(unknown),
        ),
        ordered_by="the ids of their first logs",
    )


def _first(trial: _Trial) -> int:
    return min((one for rows in trial.values.values() for _, one, _ in rows), default=0)


def _run(name: str, trial: _Trial, unknown: list[str]) -> Run:
    about = trial.about
    known = about.condition != ""
    return Run(
        trial=name,
        metrics=list(trial.values),
        curve=_curve(trial),
        start=about.start,
        end=about.end,
        status=runs.status_of(about.condition, STATUSES, unknown) if known else Status.UNKNOWN,
        config=about.config,
    )


def _curve(trial: _Trial) -> Callable[[str], Curve]:
    def curve(metric: str) -> Curve:
        rows = trial.values[metric]
        if not any(math.isnan(time) for time, _, _ in rows):
            rows = sorted(rows)
        times, _, values = zip(*rows, strict=True)
        known = np.array(times, dtype=np.float64)
        return Curve(
            np.arange(1, len(rows) + 1, dtype=np.int64),
            np.array(values, dtype=np.float64),
            known if np.isfinite(known).any() else None,
        )

    return curve
