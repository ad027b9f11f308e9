"""Turns the runs of a tuner or tracker into studies; each run is a trial.

A reader describes what it found as experiments of runs. Each run has the names of its metrics and a
function that reads one metric's curve. Which metric is replayed, which studies are read, and which
notes are written about the curves is decided here for all formats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from esim.errors import EsimError, agree, plural
from esim.readers.assembly import ReportColumns, TrialRecords, assemble, some
from esim.readers.formats import Detection, Found
from esim.readers.nested import config_columns as config_columns
from esim.readers.nested import flat as flat
from esim.readers.options import Options, chosen_studies, settle_direction, settle_objective
from esim.readers.source import File, Source
from esim.study import STATUS_WORDS, Direction, Float64, Int64, Note, Status, Study


@dataclass(frozen=True)
class Curve:
    """The R reports of one metric of one run, in the order in which they were written.

    Attributes:
        steps: int64 [R].
        values: float64 [R], NaN where a step has no value.
        times: float64 [R], seconds since the zero that `Experiment.times` names, NaN where unknown;
            None if there are no times.
    """

    steps: Int64
    values: Float64
    times: Float64 | None = None


@dataclass(frozen=True)
class Run:
    """One trial as its tool recorded it.

    Attributes:
        trial: its id, as text.
        metrics: the names of its metrics.
        curve: reads the curve of one of these metrics.
        start, end: seconds since 1970 UTC, NaN if unknown.
        status: how it had ended.
        config: its hyperparameters.
    """

    trial: str
    metrics: Collection[str]
    curve: Callable[[str], Curve]
    start: float = math.nan
    end: float = math.nan
    status: Status = Status.UNKNOWN
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """The runs that make one study.

    Attributes:
        name: the study's id.
        runs: the runs in launch order as far as the record shows it. Where the starts of all runs
            are known, those decide instead.
        where: the input, for errors.
        objective: the metric that the record or the format's convention names as the objective;
            None if neither does.
        objective_from: who names the objective, for the note, such as "metadata.json".
        direction: the direction of that objective, if it is recorded.
        ordered_by: what shows that the runs are in launch order, behind the words "launch order is
            that of"; "" if nothing does.
        times: whether the times of curves are seconds since the run's start ("elapsed") or since
            1970 UTC ("timestamp").
        notes: notes about the data.
        told: gives further notes about the curves of a metric; called after these have been read.
        why_empty: for the error if no run has a metric: why its tool keeps no curve.
        to_record: for the same error: what to record or export, so that there are curves.
    """

    name: str
    runs: Sequence[Run]
    where: str
    objective: str | None = None
    objective_from: str = "the record"
    direction: Direction | None = None
    ordered_by: str = ""
    times: Literal["elapsed", "timestamp"] = "timestamp"
    notes: tuple[Note, ...] = ()
    told: Callable[[str], Iterable[Note]] = lambda objective: ()
    why_empty: str = ""
    to_record: str = ""


def studies(
    experiments: Sequence[Experiment],
    options: Options,
    source: Source,
    notes: Iterable[Note] = (),
) -> Found:
    """The studies of some experiments.

    The objective is the one that the user asks for, else the experiment's own, else its only
    metric. Of several experiments, those in which no run has the objective are left out, and a note
    names them.

    Args:
        experiments: all experiments of the input; one that the user did not ask for may be given
            without its runs.
        options: what the user asked for.
        source: the input.
        notes: the reader's notes about the input's files.

    Raises:
        EsimError: there is no run, no run has the objective (the error lists near names), the
            objective or direction is not known, or `assemble` refuses the reports.
    """
    names = [experiment.name for experiment in experiments]
    wanted = set(chosen_studies(options, names))
    chosen = [experiment for experiment in experiments if experiment.name in wanted]
    if not chosen and experiments:
        return Found((), names=tuple(names))
    said = [*notes, *unused_metric(options)]
    if not any(experiment.runs for experiment in chosen):
        raise EsimError("no runs", where=source.label)
    taken: list[Experiment] = []
    left_out: list[str] = []
    for experiment in chosen:
        if len(chosen) > 1 and not _has_reports(experiment, options):
            left_out.append(experiment.name)
        else:
            taken.append(experiment)
    if not taken:  # raises the error of the experiment that has the most metrics to choose from
        taken.append(max(chosen, key=lambda experiment: len(metrics_of(experiment.runs))))
    found = tuple(study(experiment, options) for experiment in taken)
    said += objective_note(left_out)
    places = tuple(experiment.where for experiment in taken)
    return Found(found, tuple(said), tuple(names), places)


def study(experiment: Experiment, options: Options) -> Study:
    """The study of one experiment.

    Args:
        experiment: the experiment.
        options: what the user asked for.

    Raises:
        EsimError: as `studies`.
    """
    runs = experiment.runs
    candidates = metrics_of(runs)
    if not candidates:
        why = experiment.why_empty or f"none of its {plural(len(runs), 'run')} has a metric"
        raise no_curves(experiment.where, why=why, to_record=experiment.to_record)
    recorded = experiment.objective
    if recorded is not None and recorded not in candidates:
        recorded = None
    objective = settle_objective(options, candidates, experiment.where, recorded)
    notes = list(experiment.notes)
    if options.objective is None and len(candidates) > 1:
        text = f"of {len(candidates)} metrics {objective}, as {experiment.objective_from} says"
        notes.append(Note("objective_chosen", text))
    applies = objective == experiment.objective
    known = experiment.direction if applies else None
    direction = settle_direction(options, experiment.where, known)
    curves = [run.curve(objective) if objective in run.metrics else None for run in runs]
    lengths = [0 if curve is None else len(curve.steps) for curve in curves]
    with_reports = [curve for curve, n in zip(curves, lengths, strict=True) if curve and n]
    if not with_reports:
        raise EsimError(
            f"no report of {objective!r}",
            where=experiment.where,
            why=f"{plural(len(runs), 'run', 'have')} none",
        )
    times = _times(with_reports)
    trials = TrialRecords(
        trials=[run.trial for run in runs],
        start=np.array([run.start for run in runs], dtype=np.float64),
        end=np.array([run.end for run in runs], dtype=np.float64),
        status=np.array([run.status for run in runs], dtype=np.int8),
        instance_type=(None,) * len(runs),
        instance_count=np.ones(len(runs), dtype=np.int64),
        config=config_columns([run.config for run in runs]),
    )
    made = assemble(
        ReportColumns(
            trials=trials.trials,
            codes=np.repeat(np.arange(len(runs)), lengths),
            steps=np.concatenate([curve.steps for curve in with_reports]),
            values=np.concatenate([curve.values for curve in with_reports]),
            elapsed=times if experiment.times == "elapsed" else None,
            timestamps=times if experiment.times == "timestamp" else None,
        ),
        trials,
        name=experiment.name,
        objective=objective,
        direction=direction,
        where=experiment.where,
        notes=[*notes, *experiment.told(objective)],
        ordered_by=experiment.ordered_by,
        declared=options.index_means,
        asked=options.first_step,
    )
    return replace(made, notes=(*made.notes, *shape_notes(made)))


def no_curves(where: str, *, why: str, to_record: str = "") -> EsimError:
    """The error for a record that holds no curves.

    Args:
        where: the record.
        why: why it holds none.
        to_record: what to record or export, so that there are curves; "" if nothing is known.
    """
    return EsimError("no curves", where=where, why=why, fix=to_record or None)


def without_curves(
    name: str, configs: Mapping[str, Mapping[str, Any]], where: str, *, why: str, to_record: str
) -> Experiment:
    """Trials whose tool keeps no curve of them; `studies` raises `no_curves` for them.

    Args:
        name: the study's id.
        configs: trial -> its hyperparameters.
        where, why, to_record: as in `no_curves`.
    """
    none = Curve(np.empty(0, dtype=np.int64), np.empty(0))
    made = [Run(trial, (), lambda _: none, config=config) for trial, config in configs.items()]
    return Experiment(name, made, where, why_empty=why, to_record=to_record)


def detected(
    files: Sequence[File],
    what: str,
    claims: frozenset[File] | None = None,
    weak: bool = False,
) -> Detection:
    """The detection of a format that is recognised by some files.

    Args:
        files: the files by which it is recognised; if there are none it does not match.
        what: what was seen in them, as it follows their names: "with log_history".
        claims: all files that belong to the format; None: these files.
        weak: as in `Detection`.
    """
    if not files:
        return Detection(False, "")
    saw = f"{some([file.name for file in files])} {what}"
    claimed = frozenset(files) if claims is None else claims
    return Detection(True, saw, claims=claimed, weak=weak)


def metrics_of(runs: Sequence[Run]) -> list[str]:
    """The names of all metrics, in order of first appearance."""
    return list(dict.fromkeys(name for run in runs for name in run.metrics))


def unused_metric(options: Options) -> list[Note]:
    """The note that --metric was given and is not used, because the logs are no text."""
    if not options.metrics:
        return []
    return [Note("metric_unused", "--metric is for log text; these logs name their metrics")]


def objective_note(left_out: Sequence[str]) -> list[Note]:
    """The note on the studies that were left out because they lack the objective, if any."""
    if not left_out:
        return []
    text = f"{plural(len(left_out), 'study')} without a report of the objective: {some(left_out)}"
    return [Note("studies_without_objective", text, len(left_out))]


def shape_notes(made: Study) -> list[Note]:
    """Notes on curves that limit what a replay can show: of a single report, or of uneven length.

    Args:
        made: the study.
    """
    lengths = np.diff(made.offsets)
    reporting = lengths > 0
    if int(lengths.max(initial=0)) == 1:
        n = int(reporting.sum())
        text = f"all trials ({n:,}) have a single report: there is no curve to stop early"
        return [Note("one_point_curves", text, n)]
    whole = reporting & ~made.censored
    last = made.steps[made.offsets[1:][whole] - 1]
    if not last.size:
        return []
    early = int((last < last.max()).sum())
    if not early:
        return []
    text = (
        f"{early} of {plural(last.size, 'trial')} that ran to the end "
        f"{agree(early, 'stop')} short of step {last.max()}"
    )
    return [Note("uneven_curves", text, early)]


def status_of(word: str | None, words: Mapping[str, Status], unknown: list[str]) -> Status:
    """The status that a tool's word stands for.

    Args:
        word: the tool's word, in upper or lower case; None if there is none.
        words: the tool's own words in lower case; `STATUS_WORDS` has the common ones.
        unknown: words that are in neither are added here, for `status_note`.
    """
    lowered = (word or "").strip().lower()
    status = words.get(lowered, STATUS_WORDS.get(lowered))
    if status is None:
        unknown.append(lowered)
        return Status.UNKNOWN
    return status


def status_note(unknown: Sequence[str]) -> list[Note]:
    """The note on the words that `status_of` did not know, if any."""
    if not unknown:
        return []
    text = (
        f"{plural(len(unknown), 'trial')} of a status esim does not know: "
        f"{some(sorted(set(unknown)))}"
    )
    return [Note("status_unknown", text, len(unknown))]


def final_note(finals: Iterable[tuple[str, float, float]]) -> list[Note]:
    """The note on trials whose final value in the record is not the value of their last report.

    Args:
        finals: for each trial its id, its final value, and the value of its last report.
    """
    differ = [
        trial
        for trial, final, last in finals
        if final != last and not (math.isnan(final) and math.isnan(last))
    ]
    if not differ:
        return []
    text = (
        f"{plural(len(differ), 'trial')} returned another value than the last report, which "
        "is what a "
        f"replay counts: {some(differ)}"
    )
    return [Note("final_value_differs", text, len(differ))]


def folder_name(source: Source, folder: str) -> str:
    """The name for the study of a folder.

    Args:
        source: the input.
        folder: the folder below the root (`File.folder`). The root itself has the input's name.
    """
    return folder or source.default_name


def file_notes(source: Source, used: Collection[File], why: str = "not needed") -> tuple[Note, ...]:
    """Notes on the files of an input that were not read.

    Args:
        source: the input.
        used: the files that were read.
        why: why the others were not, for the note.
    """
    notes = []
    if source.skipped:
        n = len(source.skipped)
        text = f"{plural(n, 'hidden or left-over file')} skipped: {some(source.skipped)}"
        notes.append(Note("files_skipped", text, n))
    unread = [file.name for file in source.files if file not in used]
    if unread:
        text = f"{plural(len(unread), 'file')} {why}: {some(unread)}"
        notes.append(Note("files_not_read", text, len(unread)))
    return tuple(notes)


def _times(curves: Sequence[Curve]) -> Float64 | None:
    if all(curve.times is None for curve in curves):
        return None
    return np.concatenate(
        [np.full(len(c.steps), np.nan) if c.times is None else c.times for c in curves]
    )


def _has_reports(experiment: Experiment, options: Options) -> bool:
    """Whether some run has a report of the objective."""
    candidates = metrics_of(experiment.runs)
    objective = options.objective or experiment.objective
    if objective is None:
        return bool(candidates)  # `study` takes the only metric, or its error lists them
    return any(
        len(run.curve(objective).steps) for run in experiment.runs if objective in run.metrics
    )
