"""Reads what a tuning of Ray returns: a `ResultGrid`, or the older `ExperimentAnalysis`.

Ray holds the results of each trial in a pandas frame, and the rest in its trials.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from numbers import Integral, Real
from pathlib import Path, PurePath
from typing import Any

from esim.errors import EsimError, plural
from esim.readers import runs
from esim.readers.encodings.endings import ending_notes
from esim.readers.formats import Found
from esim.readers.options import Options
from esim.readers.source import File, Source
from esim.readers.tuners import ray_tune
from esim.readers.tuners.ray_state import ExperimentState, TrialState, known
from esim.readers.tuners.ray_tune import Result, TrialLog, experiment
from esim.study import Direction, Note

FORMAT = replace(ray_tune.FORMAT, module=__name__)

DIRECTIONS: Mapping[Any, Direction] = {"min": "minimize", "max": "maximize"}
STATE = ("status", "config", "stopping_criterion")
TIMES = ("start_time", "last_result_time")


def read(source: Source, options: Options) -> Found:
    """Read the experiment. Raises EsimError as the reader of Ray's experiment directories."""
    given = source.held
    analysis = getattr(given, "_experiment_analysis", given)
    trials = list(analysis.trials or ())
    if not trials:
        raise EsimError("no trials", where=source.label)
    frames = _frames(given, analysis, trials)
    files = [
        _file(trial) if _has_blanks(frame) else None
        for trial, frame in zip(trials, frames, strict=True)
    ]
    logs = [
        _log(trial, frame, file, source.label)
        for trial, frame, file in zip(trials, frames, files, strict=True)
    ]
    state = ExperimentState(
        trials={str(trial.trial_id): _state(trial) for trial in trials},
        metric=analysis.default_metric,
        direction=DIRECTIONS.get(analysis.default_mode),
    )
    name = PurePath(str(analysis.experiment_path)).name
    made = experiment(name, source.label, logs, state, options)
    alone = [frame for frame, file in zip(frames, files, strict=True) if file is None]
    used = [file for file in files if file is not None]
    blanks = _blanks(alone)
    told = replace(made, told=lambda metric: [*blanks(metric), *ending_notes(used)])
    return runs.studies([told], options, source)


def _frames(given: Any, analysis: Any, trials: Sequence[Any]) -> list[Any]:
    """The frame of results of each trial."""
    if given is not analysis:
        return [result.metrics_dataframe for result in given]
    by_key = analysis.trial_dataframes  # by id, in older versions by folder
    return [
        by_key.get(trial.trial_id, by_key.get(str(getattr(trial, "local_path", ""))))
        for trial in trials
    ]


def _has_blanks(frame: Any) -> bool:
    """Whether a frame lacks numbers: in it a NaN looks as if it had not been reported."""
    return frame is not None and bool(frame.select_dtypes("float").isna().to_numpy().any())


def _file(trial: Any) -> File | None:
    """The trial's own file, which tells the two apart; None if it is not on this machine."""
    folder = getattr(trial, "path", None) or getattr(trial, "local_path", None)
    path = Path(str(folder)) / ray_tune.RESULTS
    return File(path, path, path.name) if folder and path.is_file() else None


def _log(trial: Any, frame: Any, file: File | None, where: str) -> TrialLog:
    trial_id = str(trial.trial_id)
    place = f"{where}, trial {trial_id!r}"
    about = getattr(trial, "run_metadata", trial)
    return TrialLog(
        name=trial_id,
        where=place,
        results=lambda: ray_tune.results(file) if file else _results(frame, place),
        config=_as_stored(trial.config),
        failed=bool(getattr(about, "error_filename", None)),
    )


def _results(frame: Any, place: str) -> Iterator[tuple[str, Result]]:
    """The rows of a frame, each as its place and its cells.

    A missing cell of text is left out: the result does not have it. A missing number is kept, as it
    may be a NaN that was reported.
    """
    if frame is None or not len(frame):
        return
    columns = {}
    for name in frame.columns:
        column = frame[name]
        columns[str(name)] = (column.tolist(), getattr(column.dtype, "kind", "") == "f")
    for row in range(len(frame)):
        cells = ((name, cells[row], number) for name, (cells, number) in columns.items())
        yield (
            f"{place}, result {row + 1}",
            {name: cell for name, cell, number in cells if number or not _is_missing(cell)},
        )


def _is_missing(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _state(trial: Any) -> TrialState:
    """What the object of a trial tells; in newer versions its times stand in its metadata."""
    about = getattr(trial, "run_metadata", trial)
    told = {name: getattr(trial, name, None) for name in STATE}
    return known({**told, **{name: getattr(about, name, None) for name in TIMES}})


def _as_stored(config: Any) -> Any:
    """Hyperparameters as Ray stores them beside a trial: as JSON, sorted by name."""
    return json.loads(json.dumps(config, sort_keys=True, default=_plain))


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Integral | Real):
        return int(value) if isinstance(value, Integral) else float(value)
    return str(value)


def _blanks(frames: Sequence[Any]) -> Callable[[str], Iterator[Note]]:
    """What gives the note on results without a value of a metric, of trials without their file."""

    def told(metric: str) -> Iterator[Note]:
        own = [frame[metric] for frame in frames if frame is not None and metric in frame.columns]
        blank = sum(int(column.isna().sum()) for column in own)
        if blank:
            text = (
                f"{plural(blank, 'result', 'have')} no value of {metric}; Ray's frames do not "
                "tell a NaN from "
                "a metric that was not reported: taken as NaN"
            )
            yield Note("nan_or_absent", text, blank)

    return told
