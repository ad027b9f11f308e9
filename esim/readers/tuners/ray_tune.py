"""Reads Ray Tune's experiment directories, from those of 2018 to those of Ray 2.x.

The files are ``<experiment>/<trial>/{result.json, progress.csv, params.json}`` and, since 0.7,
``<experiment>/experiment_state-<date>.json``. Pickles and pickled strings are never opened.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from esim.errors import EsimError, plural
from esim.readers import runs
from esim.readers.assembly import some
from esim.readers.encodings import cells, jsontext
from esim.readers.encodings.endings import ended_lines
from esim.readers.encodings.utf8 import text_of
from esim.readers.formats import Detection, Format, Found
from esim.readers.limits import no_csv
from esim.readers.options import Options, settle_step
from esim.readers.runs import Curve, Experiment, Run
from esim.readers.source import File, Source
from esim.readers.tuners.ray_state import ExperimentState, TrialState, is_state, read_state
from esim.study import Note, Status

FORMAT = Format(
    name="ray-tune",
    summary="Ray Tune experiment directories: result.json or progress.csv, params.json, "
    "experiment_state-*.json",
    needs=("direction", "objective, if there are several metrics"),
    times=True,
    schedule=True,
    configs=True,
    several_studies=True,
    first_step="before",
    takes=("step",),
    files="result.json or progress.csv, params.json",
)

RESULTS, PROGRESS, PARAMS, FAILURE = "result.json", "progress.csv", "params.json", "error.txt"
STEP, ELAPSED, MOMENT = "training_iteration", "time_total_s", "timestamp"
# Ray adds these to each result. They are the objective only if the user names one of them.
BOOKKEEPING = frozenset(
    {
        *("training_iteration", "iterations_since_restore", "timestamp", "pid", "warmup_time"),
        *("time_this_iter_s", "time_total_s", "time_since_restore"),
        *("timesteps_total", "timesteps_since_restore", "timesteps_this_iter"),
        *("episodes_total", "episodes_this_iter"),
    }
)
STATES: Mapping[str, Status] = {
    "pending": Status.RUNNING,
    "paused": Status.STOPPED,
    "terminated": Status.COMPLETED,  # or stopped by a scheduler: see `_shortened`
}

Result = Mapping[str, Any]


@dataclass(frozen=True)
class TrialLog:
    """What Ray keeps of a trial besides its state.

    Attributes:
        name: its id, or its folder's name if nothing tells it; what its results say comes first.
        where: where its results are, for errors.
        results: gives its results, each as its place and its contents.
        config: its hyperparameters; None if they are kept elsewhere.
        failed: whether it left an error behind.
    """

    name: str
    where: str
    results: Callable[[], Iterable[tuple[str, Result]]]
    config: Any
    failed: bool


@dataclass
class _Results:
    """A trial's R results that have the wanted metric.

    Attributes:
        names: the metrics of the first and the last of all results.
        first, last: the first and the last of all results.
        steps, values, times: the column of steps, the metric, and seconds of training. [R] each
    """

    names: dict[str, None] = field(default_factory=dict)
    first: Result = field(default_factory=dict)
    last: Result = field(default_factory=dict)
    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def curve(self) -> Curve:
        return Curve(
            np.array(self.steps, dtype=np.int64),
            np.array(self.values, dtype=np.float64),
            np.array(self.times, dtype=np.float64),
        )


def detect(source: Source) -> Detection:
    """Whether there are results of trials that have a training_iteration."""
    found = [file for file in _result_files(source) if STEP.encode() in file.head]
    states = [file for file in source.files if is_state(file)]
    if not found:
        names = some([file.name for file in states])
        return Detection(False, f"{names}, but no {RESULTS} or {PROGRESS}" if states else "")
    folders = {_above(file.folder) for file in found} | {file.folder for file in states}
    saw = f"{some([file.name for file in found])} with {STEP}"
    return Detection(True, saw, claims=source.below(folders))


def read(source: Source, options: Options) -> Found:
    """Read a study for each experiment directory.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: there are no results, JSON or CSV is broken (the error names path and line), or a
            result lacks the column of steps.
    """
    experiments: dict[str, dict[str, File]] = {}
    for file in _result_files(source):
        # If a folder has both kinds of file result.json is read, because it has types.
        experiments.setdefault(_above(file.folder), {}).setdefault(file.folder, file)
    if not experiments:
        raise EsimError("no results of Ray Tune", where=source.label, fix=f"a {RESULTS} per trial")
    used: set[File] = set()
    made = []
    for folder, files in experiments.items():
        name = runs.folder_name(source, folder)
        if options.studies and name not in options.studies:
            made.append(Experiment(name, (), source.label))
        else:
            made.append(_experiment(source, folder, files, options, used))
    return runs.studies(made, options, source, runs.file_notes(source, used))


def _experiment(
    source: Source, folder: str, files: Mapping[str, File], options: Options, used: set[File]
) -> Experiment:
    state_files = [f for f in source.by_folder.get(folder, ()) if is_state(f)]
    used.update(files.values(), state_files)
    state = read_state(state_files)
    logs = [_log(source, inside, file, state, used) for inside, file in files.items()]
    name = runs.folder_name(source, folder)
    return experiment(name, source.label, logs, state, options)


def _log(
    source: Source,
    folder: str,
    file: File,
    state: ExperimentState,
    used: set[File],
) -> TrialLog:
    """What the files of a trial say."""
    beside = {one.base: one for one in source.by_folder[folder]}
    if PARAMS in beside:
        used.add(beside[PARAMS])

    name = folder.rpartition("/")[2]
    return TrialLog(
        name=state.folders.get(name, name),
        where=str(file),
        results=lambda: results(file),
        config=jsontext.document(beside[PARAMS]) if PARAMS in beside else None,
        failed=FAILURE in beside,
    )


def experiment(
    name: str, where: str, logs: Sequence[TrialLog], state: ExperimentState, options: Options
) -> Experiment:
    """An experiment of Ray Tune.

    Args:
        name: the experiment's name.
        where: the input, for errors.
        logs: its trials, in any order.
        state: what Ray says about them.
        options: what the user asked for.

    Raises:
        EsimError: a cell is not a number, or a result lacks the column of steps.
    """
    wanted = options.objective or state.metric
    step, notes = _step(logs, options)
    unknown: list[str] = []
    implied: list[str] = []
    made: list[tuple[Run, _Results, TrialState]] = []
    for log in logs:
        found = _scan(log, wanted, step)
        trial = str(found.first.get("trial_id") or log.name)
        known = state.trials.get(trial, TrialState())
        config = log.config
        if config is None:
            config = known.config or found.first.get("config")
        status = runs.status_of(known.status, STATES, unknown)
        if log.failed and status is not Status.COMPLETED:  # else it was tried again and ended well
            status = Status.FAILED
        start = known.start
        if math.isnan(start):
            start = _number(found.first, MOMENT) - _number(found.first, ELAPSED)
            implied.append(trial)
        end = known.end if math.isfinite(known.end) else _number(found.last, MOMENT)
        run = Run(
            trial=trial,
            metrics=tuple(found.names),
            curve=_curves(log, wanted, step, found),
            start=start,
            # Ray stores this time in whole seconds, so it may be less than that of the last result.
            end=math.nan
            if status is Status.RUNNING
            else max(end, start + _number(found.last, ELAPSED)),
            status=status,
            config=runs.flat(config) if isinstance(config, Mapping) else {},
        )
        made.append((run, found, known))
    position = {trial: at for at, trial in enumerate(state.trials)}
    made.sort(key=lambda one: position.get(one[0].trial, len(position)))
    listed, stopped = _shortened(made, step)
    if implied:
        text = (
            f"{plural(len(implied), 'trial', 'are')} in no experiment state; the start is the "
            "seconds of "
            "training before the first result"
        )
        notes.append(Note("start_from_first_report", text, len(implied)))
    return Experiment(
        name=name,
        runs=listed,
        where=f"{where}, experiment {name!r}",
        objective=state.metric,
        objective_from="the experiment's state",
        direction=state.direction,
        times="elapsed",
        notes=(*notes, *stopped, *runs.status_note(unknown)),
    )


def _step(logs: Iterable[TrialLog], options: Options) -> tuple[str, list[Note]]:
    """The column that counts steps, by the columns of the first result, and the note on it."""
    for log in logs:
        for _, result in log.results():
            columns = [
                name for name, value in runs.flat(result).items() if cells.holds_number(value)
            ]
            step, note = settle_step(options, columns, STEP, log.where)
            return step, [note]
    return options.step or STEP, []


def _scan(log: TrialLog, wanted: str | None, step: str) -> _Results:
    found = _Results()
    for place, result in log.results():
        if not found.first:
            found.first = result
        found.last = result
        value = None if wanted is None else _at(result, wanted)
        if wanted is None or value is _ABSENT:
            continue
        at = _at(result, step)
        found.steps.append(cells.integer(None if at is _ABSENT else at, place, step))
        found.values.append(cells.number(value, place, wanted))
        found.times.append(_number(result, ELAPSED))
    for result in (found.first, found.last):
        plain = {name: value for name, value in result.items() if name != "config"}
        found.names.update(
            (name, None)
            for name, value in runs.flat(plain).items()
            if cells.holds_number(value)
            and name not in BOOKKEEPING
            and not name.startswith("config/")
        )
    if found.values and wanted is not None:
        found.names[wanted] = None
    return found


def _curves(
    log: TrialLog, wanted: str | None, step: str, results: _Results
) -> Callable[[str], Curve]:
    def curve(metric: str) -> Curve:
        return (results if metric == wanted else _scan(log, metric, step)).curve()

    return curve


def results(file: File) -> Iterator[tuple[str, Result]]:
    """The results of a file, each as its place (``path:line``) and its contents (in CSV, text).

    Args:
        file: a trial's result.json or progress.csv.

    Raises:
        EsimError: JSON or CSV is broken.
    """
    if file.base == RESULTS:
        for place, result in jsontext.lines(file):
            if not isinstance(result, dict):
                raise EsimError("not a JSON object", where=place)
            yield place, result
        return
    text = text_of(ended_lines(file, file.read()))
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        header = next(rows, [])
        for row in rows:
            if len(row) > len(header):
                what = f"{len(row)} cells where the header has {len(header)}"
                raise EsimError(what, where=f"{file}:{rows.line_num}")
            if row:  # an empty cell means that this result does not have the metric
                given = {name: cell for name, cell in zip(header, row, strict=False) if cell != ""}
                yield f"{file}:{rows.line_num}", given
    except csv.Error as error:
        raise no_csv(error, f"{file}:{rows.line_num}") from None


def _shortened(
    made: Sequence[tuple[Run, _Results, TrialState]], step: str
) -> tuple[list[Run], list[Note]]:
    """Set trials to stopped that Ray calls TERMINATED although they did not run to their end.

    A trial ran to its end if it met its stopping criterion or went as far as the longest trial.

    Returns:
        The runs, and the note on those that were set to stopped, if any.
    """
    reached = [_number(results.last, step) for _, results, _ in made]
    ended = [run.status is Status.COMPLETED for run, _, _ in made]
    longest = max((far for far, whole in zip(reached, ended, strict=True) if whole), default=0.0)
    listed = []
    stopped = []
    for (run, results, known), far, whole in zip(made, reached, ended, strict=True):
        short = whole and far < longest and not known.fulfilled(results.last)
        listed.append(replace(run, status=Status.STOPPED) if short else run)
        if short:
            stopped.append(run.trial)
    if not stopped:
        return listed, []
    text = (
        f"{plural(len(stopped), 'trial', 'were')} terminated before step {longest:.0f}, the "
        "longest one's; "
        f"Ray does not say by whom, they are taken as stopped: {some(stopped)}"
    )
    return listed, [Note("stopped_by_length", text, len(stopped))]


_ABSENT = object()


def _at(result: Result, name: str) -> Any:
    """A metric of a result by its flat name ("a/b" is b inside a); `_ABSENT` if it has none."""
    if name in result:
        return result[name]
    head, slash, rest = name.partition("/")
    inner = result.get(head) if slash else None
    return _at(inner, rest) if isinstance(inner, Mapping) else _ABSENT


def _number(result: Result, name: str) -> float:
    value = _at(result, name)
    return cells.number(value, name, name) if cells.holds_number(value) else math.nan


def _result_files(source: Source) -> list[File]:
    return [*source.by_base.get(RESULTS, ()), *source.by_base.get(PROGRESS, ())]


def _above(folder: str) -> str:
    return folder.rpartition("/")[0]
