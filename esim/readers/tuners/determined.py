"""Reads what Determined's command line exports.

- ``det trial describe ID --json``: a trial with its workloads, each with the batches trained so
  far, a time, and the averages of training or validation metrics;
- ``det experiment describe IDS --metrics --csv --outdir DIR``: ``workloads.csv`` and
  ``trials.csv``;
- ``det experiment describe IDS --json`` beside either: the searcher's metric and its direction.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from esim.errors import EsimError, plural
from esim.readers import runs
from esim.readers.assembly import some
from esim.readers.encodings import cells, jsontext
from esim.readers.encodings.times import parse_moment
from esim.readers.formats import Detection, Format, Found
from esim.readers.natural import natural
from esim.readers.options import Options
from esim.readers.run_logs import Layout, RunLog, RunLogs
from esim.readers.runs import Experiment
from esim.readers.source import File, Source
from esim.readers.tables.records import records
from esim.readers.tables.shape import Shape, shape_of
from esim.study import Direction, Note, Status

FORMAT = Format(
    name="determined",
    summary="Determined: det trial describe --json, det experiment describe --csv",
    needs=(
        "objective, without det experiment describe --json",
        "direction, without det experiment describe --json",
    ),
    times=True,
    schedule=True,
    configs=True,
    several_studies=True,
    first_step="before",
    files="det trial describe --json, det e describe --csv",
)

WORKLOADS = ("Trial ID", "# of Batches", "State", "Report Time")
TRIALS = ("Trial ID", "Experiment ID", "State", "Started", "Ended", "H-Params")
KINDS = {"Training Metric: ": "training/", "Validation Metric: ": "validation/"}
STATUSES: Mapping[str, Status] = {
    "canceled": Status.STOPPED,
    "error": Status.FAILED,
    **dict.fromkeys(("active", "paused", "queued", "pulling", "starting"), Status.RUNNING),
    **dict.fromkeys(
        ("stopping_canceled", "stopping_killed", "stopping_completed", "stopping_error"),
        Status.RUNNING,
    ),
}
TO_RECORD = "export each trial with det trial describe ID --json"
_LAYOUT = Layout(steps=("batches",), elapsed=("elapsed",), beside=("time",), sparse=True)
_TRIAL = re.compile(rb'\s*\{\s*"trial"\s*:\s*\{')
_EXPERIMENTS = re.compile(rb'\s*\[\s*\{\s*"(?:config|experiment)"\s*:')

Row = tuple[str, Mapping[str, Any]]


@dataclass
class _Trial:
    """A trial of an export.

    Attributes:
        where: the file with its workloads.
        rows: for each workload its place, and batches, time and metrics.
        experiment: the id of its experiment; "" if unknown.
        start, end: seconds since 1970 UTC, NaN if unknown.
        state: Determined's word, without STATE_.
        config: its hyperparameters.
    """

    where: str
    rows: list[Row]
    experiment: str = ""
    start: float = math.nan
    end: float = math.nan
    state: str = ""
    config: Mapping[str, Any] | None = None


def detect(source: Source) -> Detection:
    """Whether there are trials of Determined in JSON, or a table of workloads."""
    files = [*_documents(source, _TRIAL), *(shape.file for shape in _tables(source, WORKLOADS))]
    beside = [shape.file for shape in _tables(source, TRIALS)] if files else []
    experiments = _documents(source, _EXPERIMENTS)
    claims = frozenset([*files, *beside, *experiments])
    return runs.detected(files or experiments, "of Determined", claims, weak=not files)


def read(source: Source, options: Options) -> Found:
    """Read a study for each experiment.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: a file is no export of Determined, or no trial has a workload with metrics.
    """
    trials = dict(_of_json(source)) | dict(_of_tables(source))
    searchers = _searchers(source)
    if not trials and not searchers:
        raise EsimError("no export of Determined", where=source.label)
    if not trials:
        why = "det experiment describe --json holds no metrics"
        raise runs.no_curves(source.label, why=why, to_record=TO_RECORD)
    groups: dict[str, dict[str, _Trial]] = {}
    for name in sorted(trials, key=natural):
        groups.setdefault(trials[name].experiment, {})[name] = trials[name]
    experiments = [
        _experiment(source, group, searchers.get(key, (None, None)), key, options)
        for key, group in groups.items()
    ]
    used = detect(source).claims
    return runs.studies(experiments, options, source, runs.file_notes(source, used))


def _documents(source: Source, head: re.Pattern[bytes]) -> list[File]:
    """The JSON files that begin with a pattern and name an experiment or searcher."""
    marks = (b'"experimentId"', b'"searcher"')
    named = (file for file in source.files if file.base.endswith(".json"))
    return [f for f in named if head.match(f.head) and any(mark in f.head for mark in marks)]


def _tables(source: Source, columns: Sequence[str]) -> list[Shape]:
    first = f"{columns[0]},".encode()
    shapes = (shape_of(file) for file in source.files if file.head.startswith(first))
    return [s for s in shapes if s is not None and s.columns[: len(columns)] == tuple(columns)]


def _of_json(source: Source) -> Iterator[tuple[str, _Trial]]:
    for file in _documents(source, _TRIAL):
        document = jsontext.document(file)
        place = str(file)
        with jsontext.shaped("no trial of Determined", place):
            trial = document["trial"]
            rows = [
                (f"{place}, workload {number}", row)
                for number, workload in enumerate(document.get("workloads") or (), start=1)
                for row in _workload(workload, f"{place}, workload {number}")
            ]
            made = _Trial(
                where=place,
                rows=rows,
                experiment=str(trial["experimentId"]),
                start=_seconds(trial.get("startTime"), place),
                end=_seconds(trial.get("endTime"), place),
                state=str(trial.get("state", "")),
                config={**(trial.get("hparams") or {})},
            )
            name = str(trial["id"])
        yield name, made


def _workload(workload: Mapping[str, Any], place: str) -> Iterator[Mapping[str, Any]]:
    for kind in ("training", "validation"):
        told = workload.get(kind)
        if told:
            yield {
                "batches": told["totalBatches"],
                "time": _seconds(told.get("endTime"), place),
                **{
                    f"{kind}/{name}": value
                    for name, value in runs.flat(told["metrics"]["avgMetrics"]).items()
                    if type(value) in (int, float)
                    or (isinstance(value, str) and cells.is_number(value))
                },
            }


def _of_tables(source: Source) -> Iterator[tuple[str, _Trial]]:
    trials: dict[str, _Trial] = {}
    for shape in _tables(source, WORKLOADS):
        names = {
            column: column.replace(long, short)
            for column in shape.columns
            for long, short in KINDS.items()
            if column.startswith(long)
        }
        for place, row in records(shape):
            key = cells.identifier(row["Trial ID"], place, "Trial ID")
            trial = trials.setdefault(key, _Trial(str(shape.file), []))
            made = {names[column]: cell for column, cell in row.items() if column in names}
            made["batches"], made["time"] = row["# of Batches"], _seconds(row["Report Time"], place)
            trial.rows.append((place, made))
    for shape in _tables(source, TRIALS):
        for place, row in records(shape):
            key = cells.identifier(row["Trial ID"], place, "Trial ID")
            trial = trials.setdefault(key, _Trial(str(shape.file), []))
            trial.experiment, trial.state = str(row["Experiment ID"]), str(row["State"])
            trial.start, trial.end = _seconds(row["Started"], place), _seconds(row["Ended"], place)
            with jsontext.shaped("no hyperparameters", place):
                trial.config = {**(jsontext.parse(row["H-Params"] or "{}", place) or {})}
    yield from trials.items()


def _seconds(moment: Any, place: str) -> float:
    return math.nan if cells.is_missing(moment) else parse_moment(moment, place).seconds


def _searchers(source: Source) -> dict[str, tuple[str, Direction]]:
    """Experiment -> the metric that its searcher optimizes, and its direction."""
    found: dict[str, tuple[str, Direction]] = {}
    for file in _documents(source, _EXPERIMENTS):
        with jsontext.shaped("no experiments of Determined", str(file)):
            for one in jsontext.document(file):
                about = one["experiment"]
                searcher = about["config"]["searcher"]
                smaller = searcher.get("smaller_is_better", True)
                direction: Direction = "minimize" if smaller else "maximize"
                found[str(about["id"])] = (f"validation/{searcher['metric']}", direction)
    return found


def _experiment(
    source: Source,
    group: Mapping[str, _Trial],
    searcher: tuple[str | None, Direction | None],
    key: str,
    options: Options,
) -> Experiment:
    unknown: list[str] = []
    logs = [_log(name, trial, unknown) for name, trial in group.items()]
    logs, notes = _stopped(logs)
    together = RunLogs(logs, _LAYOUT, options, source.label)
    return Experiment(
        name=f"experiment {key}" if key else source.default_name,
        runs=together.runs,
        where=source.label,
        objective=searcher[0],
        objective_from="the searcher",
        direction=searcher[1],
        times="elapsed",
        notes=(*notes, *runs.status_note(unknown)),
        told=together.told,
        why_empty=f"none of the {plural(len(logs), 'trial')} has a workload with metrics",
        to_record=TO_RECORD,
    )


def _log(name: str, trial: _Trial, unknown: list[str]) -> RunLog:
    state = trial.state.removeprefix("STATE_")
    rows = [(place, {**row, "elapsed": row["time"] - trial.start}) for place, row in trial.rows]
    return RunLog(
        trial=name,
        columns=list(dict.fromkeys(column for _, row in rows for column in row)),
        rows=lambda: rows,
        where=trial.where,
        start=trial.start,
        end=trial.end,
        status=runs.status_of(state, STATUSES, unknown) if state else Status.UNKNOWN,
        config=runs.flat(trial.config or {}),
    )


def _stopped(logs: Sequence[RunLog]) -> tuple[list[RunLog], list[Note]]:
    """Set trials to stopped that a searcher ended: Determined calls these COMPLETED too."""
    last = {
        log.trial: max(
            (cells.number(row["batches"], place, "batches") for place, row in log.rows()),
            default=0.0,
        )
        for log in logs
    }
    whole = [log.trial for log in logs if log.status is Status.COMPLETED]
    longest = max((last[name] for name in whole), default=0.0)
    short = [name for name in whole if last[name] < longest]
    if not short:
        return list(logs), []
    text = (
        f"{plural(len(short), 'trial', 'are')} completed before batch {longest:.0f}, the "
        "longest one's; "
        f"Determined does not say by whom, they are taken as stopped: {some(short)}"
    )
    made = [replace(log, status=Status.STOPPED) if log.trial in short else log for log in logs]
    return made, [Note("stopped_by_length", text, len(short))]
