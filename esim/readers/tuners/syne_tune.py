"""Reads Syne Tune's experiments: a folder with ``results.csv.zip`` and ``metadata.json`` for each.

The tuner's pickle, tuner.dill, is never opened.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from esim.errors import EsimError
from esim.readers import runs
from esim.readers.encodings import cells, jsontext
from esim.readers.encodings.archive import zip_member
from esim.readers.encodings.endings import ended_lines
from esim.readers.encodings.utf8 import text_of
from esim.readers.formats import Detection, Format, Found
from esim.readers.limits import no_csv
from esim.readers.options import Options, settle_step
from esim.readers.runs import Curve, Experiment, Run
from esim.readers.source import File, Source
from esim.study import Direction, Float64, Status

FORMAT = Format(
    name="syne-tune",
    summary="Syne Tune: results.csv.zip and metadata.json, a folder an experiment",
    times=True,
    schedule=True,
    configs=True,
    several_studies=True,
    first_step="done",
    takes=("step",),
    files="results.csv.zip, metadata.json",
)

ZIPPED, PLAIN, METADATA = "results.csv.zip", "results.csv", "metadata.json"
TRIAL, DECISION, STATUS = "trial_id", "st_decision", "st_status"
WORKER_TIME, WORKER_MOMENT, TUNER_TIME = "st_worker_time", "st_worker_timestamp", "st_tuner_time"
ITERATION = "st_worker_iter"
CONFIG = "config_"
CUT = ("STOP", "PAUSE")
STATUSES: Mapping[str, Status] = {
    "inprogress": Status.UNKNOWN,  # the status when the report was made, which may be the last one
    "paused": Status.STOPPED,
}
DIRECTIONS: Mapping[Any, Direction] = {"min": "minimize", "max": "maximize"}


def detect(source: Source) -> Detection:
    """Whether there are zipped results, or a results.csv with Syne Tune's columns."""
    files = _result_files(source)
    claims = source.below({file.folder for file in files})
    return runs.detected(files, "are results of Syne Tune", claims)


def read(source: Source, options: Options) -> Found:
    """Read a study for each file of results.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: an archive or table is damaged, a column is missing, or a cell does not fit its
            column.
    """
    files = _result_files(source)
    if not files:
        raise EsimError("no results of Syne Tune", where=source.label, fix=f"a {ZIPPED}")
    used: set[File] = set()
    experiments = []
    for file in files:
        name = runs.folder_name(source, file.folder)
        if options.studies and name not in options.studies:
            experiments.append(Experiment(name, (), source.label))
        else:
            experiments.append(_experiment(source, name, file, options, used))
    return runs.studies(experiments, options, source, runs.file_notes(source, used))


def _result_files(source: Source) -> list[File]:
    found = {file.folder: file for file in source.by_base.get(ZIPPED, ())}
    for file in source.by_base.get(PLAIN, ()):
        header = file.head.partition(b"\n")[0]
        if TRIAL.encode() in header and DECISION.encode() in header:
            found.setdefault(file.folder, file)
    return list(found.values())


def _experiment(
    source: Source, name: str, file: File, options: Options, used: set[File]
) -> Experiment:
    used.add(file)
    columns, places = _table(file)
    metadata: Any = None
    for beside in source.by_folder[file.folder]:
        if beside.base == METADATA:
            used.add(beside)
            metadata = jsontext.document(beside)
    return experiment(name, str(file), columns, places, metadata, options)


def experiment(
    name: str,
    where: str,
    columns: Mapping[str, Sequence[str]],
    places: Sequence[str],
    metadata: Any,
    options: Options,
) -> Experiment:
    """An experiment of Syne Tune.

    Args:
        name: the experiment's name.
        where: the input, for errors.
        columns: column -> its cells as text, one a report. [R] each
        places: where each report stands. [R]
        metadata: what Syne Tune says about the experiment; no mapping if it says nothing.
        options: what the user asked for.

    Raises:
        EsimError: a column is missing, or a cell does not fit its column.
    """
    if TRIAL not in columns:
        raise EsimError(f"no column {TRIAL}", where=where, why=", ".join(list(columns)[:8]))
    metadata = metadata if isinstance(metadata, Mapping) else {}
    objective, direction = _objective(metadata)
    kwargs = metadata.get("scheduler_kwargs")
    kwargs = kwargs if isinstance(kwargs, Mapping) else {}
    step, note = settle_step(options, list(columns), _step(columns, kwargs), where)
    pairs = zip(columns[step], places, strict=True)
    steps = np.array([cells.integer(cell, place, step) for cell, place in pairs])
    unknown: list[str] = []
    of_trial: dict[str, list[int]] = {}
    for row, (cell, place) in enumerate(zip(columns[TRIAL], places, strict=True)):
        of_trial.setdefault(cells.identifier(cell, place, TRIAL), []).append(row)
    times, by_worker = _times(columns, places, metadata)
    longest = int(steps.max()) if len(steps) else 0
    configs = [column for column in columns if column.startswith(CONFIG)]
    metrics = [c for c in columns if not c.startswith(("st_", CONFIG)) and c not in (TRIAL, step)]
    made = []
    for trial, rows in of_trial.items():
        last = rows[-1]
        word = columns[STATUS][last] if STATUS in columns else ""
        status = runs.status_of(word, STATUSES, unknown)
        if DECISION in columns and columns[DECISION][last] in CUT:
            # Schedulers also stop trials that have reached the last step.
            status = Status.COMPLETED if steps[rows].max() == longest else Status.STOPPED
        start, end = _span(columns, places, rows)
        made.append(
            Run(
                trial=trial,
                metrics=[m for m in metrics if any(columns[m][row] != "" for row in rows)],
                curve=_curve(columns, places, rows, steps, times),
                start=start,
                end=end,
                status=status,
                config={c.removeprefix(CONFIG): _typed(columns[c][rows[0]]) for c in configs},
            )
        )
    return Experiment(
        name=name,
        runs=made,
        where=where,
        objective=objective,
        objective_from=METADATA,
        direction=direction,
        times="elapsed" if by_worker else "timestamp",
        notes=(note, *runs.status_note(unknown)),
    )


def _table(file: File) -> tuple[dict[str, list[str]], list[str]]:
    """The table's columns as text, and the place (``path:line``) of each row."""
    inside = ""
    if file.base == ZIPPED:
        name, data = zip_member(file, ".csv")
        inside = f" in {name}"
    else:
        data = file.read()
    reader = csv.reader(io.StringIO(text_of(ended_lines(file, data)), newline=""))
    try:
        header = next(reader, [])
        rows: list[list[str]] = []
        places: list[str] = []
        for row in reader:
            place = f"{file}{inside}:{reader.line_num}"
            if row and len(row) != len(header):
                what = f"{len(row)} cells where the header has {len(header)}"
                raise EsimError(what, where=place)
            if row:
                rows.append(row)
                places.append(place)
    except csv.Error as error:
        raise no_csv(error, f"{file}{inside}") from None
    return {name: [row[at] for row in rows] for at, name in enumerate(header)}, places


def _objective(metadata: Mapping[str, Any]) -> tuple[str | None, Direction | None]:
    """The metric that was optimised, if it was a single one, and its direction."""
    names, modes = metadata.get("metric_names"), metadata.get("metric_mode")
    name = names[0] if isinstance(names, list) and len(names) == 1 else names
    mode = modes[0] if isinstance(modes, list) and len(modes) == 1 else modes
    known = DIRECTIONS.get(mode) if isinstance(mode, str) else None
    return (name, known) if isinstance(name, str) else (None, None)


def _step(columns: Mapping[str, Any], kwargs: Mapping[str, Any]) -> str:
    """The column that counts steps: the scheduler's resource, the epoch, or the report's number."""
    for name in (kwargs.get("time_attr"), kwargs.get("resource_attr"), "epoch", ITERATION):
        if isinstance(name, str) and name in columns:
            return name
    return ITERATION


def _times(
    columns: Mapping[str, Sequence[str]], places: Sequence[str], metadata: Mapping[str, Any]
) -> tuple[Float64 | None, bool]:
    """float64 [R]: the report times, and whether they count from each trial's start.

    The worker's seconds do; where they are missing the tuner's seconds are read, as seconds since
    1970 UTC.
    """
    for name in (WORKER_TIME, TUNER_TIME):
        if name in columns:
            rows = zip(columns[name], places, strict=True)
            found = np.array([cells.number(cell, place, name) for cell, place in rows])
            zero = metadata.get("st_tuner_start_timestamp", 0.0) if name == TUNER_TIME else 0.0
            return found + cells.number(zero, METADATA, name), name == WORKER_TIME
    return None, False


def _span(
    columns: Mapping[str, Sequence[str]], places: Sequence[str], rows: Sequence[int]
) -> tuple[float, float]:
    """When a trial started and when it reported last, in seconds since 1970 UTC; NaN if unknown."""
    if not {WORKER_TIME, WORKER_MOMENT} <= columns.keys():
        return math.nan, math.nan
    first, last = rows[0], rows[-1]
    moment = cells.number(columns[WORKER_MOMENT][first], places[first], WORKER_MOMENT)
    start = moment - cells.number(columns[WORKER_TIME][first], places[first], WORKER_TIME)
    return start, cells.number(columns[WORKER_MOMENT][last], places[last], WORKER_MOMENT)


def _curve(
    columns: Mapping[str, Sequence[str]],
    places: Sequence[str],
    rows: Sequence[int],
    steps: Any,
    times: Float64 | None,
) -> Callable[[str], Curve]:
    def curve(metric: str) -> Curve:
        # pandas writes both a missing value and NaN as an empty cell.
        values = [cells.number(columns[metric][row], places[row], metric) for row in rows]
        return Curve(
            np.array(steps[rows], dtype=np.int64),
            np.array(values, dtype=np.float64),
            None if times is None else times[rows],
        )

    return curve


def _typed(cell: str) -> Any:
    """A hyperparameter that pandas wrote: a number if the cell is one, None if it is empty."""
    if cell == "":
        return None
    try:
        return int(cell)
    except ValueError:
        return float(cell) if cells.is_number(cell) else cell
