"""The runs of a tuner or tracker, one trial each, to studies.

A reader says what it found: experiments of runs, each run with the names of its metrics and a way
to get one metric's curve. Which metric is replayed, which studies, and what to tell about the
curves is settled here, once for all formats.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from esim.errors import EsimError
from esim.readers.assembly import ReportColumns, TrialColumns, assemble, some
from esim.readers.formats import Detection, Found
from esim.readers.options import Options, chosen_studies, settle_direction, settle_objective
from esim.readers.source import File, Source
from esim.study import STATUS_WORDS, Direction, Float64, Int64, Note, Status, Study


@dataclass(frozen=True)
class Curve:
    """R reports of one metric of one run, in the order they were written.

    Attributes:
        steps: int64 [R].
        values: float64 [R], NaN where a step has no value.
        times: float64 [R], seconds as `Experiment.times` says, NaN where unknown; None if there
            are none.
    """

    steps: Int64
    values: Float64
    times: Float64 | None = None


@dataclass(frozen=True)
class Run:
    """One trial as its tool recorded it.

    Attributes:
        trial: its id, text.
        metrics: the names of its metrics.
        curve: the curve of one of them.
        start, end: seconds since 1970 UTC, NaN if unknown.
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
    """Runs that make one study.

    Attributes:
        runs: in launch order as far as the record shows it; starts, if all are known, go first.
        where: for errors.
        objective: the metric that the record or the format's convention names, if any.
        objective_from: who names it, for the note: "metadata.json".
        direction: of that objective, if recorded.
        times: whether curves count seconds since the run's start or since 1970 UTC.
        notes: about its data.
        told: more of them, about the curves of the objective, known once these have been read.
        why_empty: what it would mean that no run has a metric, for the error.
    """

    name: str
    runs: Sequence[Run]
    where: str
    objective: str | None = None
    objective_from: str = "the record"
    direction: Direction | None = None
    times: Literal["elapsed", "timestamp"] = "timestamp"
    notes: tuple[Note, ...] = ()
    told: Callable[[str], Iterable[Note]] = lambda objective: ()
    why_empty: str = ""


def studies(
    experiments: Sequence[Experiment],
    options: Options,
    source: Source,
    notes: Iterable[Note] = (),
) -> Found:
    """The studies of some experiments, and what was seen about them.

    The objective is the one asked for, else the experiment's own, else its only metric. Of several
    experiments, those in which no run has it are left out, and a note names them.

    Raises:
        EsimError: no run, or none with the objective (with near names); an objective or direction
            that is not settled; whatever `assemble` refuses.
    """
    names = [experiment.name for experiment in experiments]
    wanted = set(chosen_studies(options, names))
    chosen = [experiment for experiment in experiments if experiment.name in wanted]
    if not chosen and experiments:
        return Found((), names=tuple(names))
    said = [*notes, *unused_metric(options)]
    if not any(experiment.runs for experiment in chosen):
        raise EsimError("no runs", where=source.label)
    found: list[Study] = []
    left_out: list[str] = []
    for experiment in chosen:
        if len(chosen) > 1 and not _has_reports(experiment, options):
            left_out.append(experiment.name)
        else:
            found.append(study(experiment, options))
    if not found:  # the error of the one that has most to choose from
        richest = max(chosen, key=lambda experiment: len(metrics_of(experiment.runs)))
        found.append(study(richest, options))
    said += objective_note(left_out)
    return Found(tuple(found), tuple(said), tuple(names))


def study(experiment: Experiment, options: Options) -> Study:
    """The study of one experiment. Raises EsimError as `studies`."""
    runs = experiment.runs
    candidates = metrics_of(runs)
    if not candidates:
        why = experiment.why_empty or f"none of its {len(runs)} run(s) has a metric"
        raise EsimError("no reports", where=experiment.where, why=why)
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
            why=f"{len(runs)} run(s) have none",
        )
    times = _times(with_reports)
    trials = TrialColumns(
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
    )
    return replace(made, notes=(*made.notes, *shape_notes(made)))


def detected(files: Sequence[File], what: str, claims: frozenset[File] | None = None) -> Detection:
    """The detection of a format that is recognised by some files.

    Args:
        files: the files by which it is recognised; if there are none it does not match.
        what: what was seen in them, as it follows their names: "with log_history".
        claims: all files that belong to the format; None: these files.
    """
    if not files:
        return Detection(False, "")
    saw = f"{some([file.name for file in files])} {what}"
    return Detection(True, saw, claims=frozenset(files) if claims is None else claims)


def metrics_of(runs: Sequence[Run]) -> list[str]:
    """The names of all metrics, in order of first appearance."""
    return list(dict.fromkeys(name for run in runs for name in run.metrics))


def unused_metric(options: Options) -> list[Note]:
    """The note on --metric where the logs are no text."""
    if not options.metrics:
        return []
    return [Note("metric_unused", "--metric is for log text; these logs name their metrics")]


def objective_note(left_out: Sequence[str]) -> list[Note]:
    """The note on studies that were left out, if any."""
    if not left_out:
        return []
    text = f"{len(left_out)} studies without a report of the objective: {some(left_out)}"
    return [Note("studies_without_objective", text, len(left_out))]


def shape_notes(made: Study) -> list[Note]:
    """What to know about the curves before a replay: a single point each, or uneven ends."""
    lengths = np.diff(made.offsets)
    reporting = lengths > 0
    if int(lengths.max(initial=0)) == 1:
        n = int(reporting.sum())
        text = f"each of the {n} trial(s) has a single report: there is no curve to stop early"
        return [Note("one_point_curves", text, n)]
    whole = reporting & ~made.censored
    last = made.steps[made.offsets[1:][whole] - 1]
    if not last.size:
        return []
    early = int((last < last.max()).sum())
    if not early:
        return []
    text = f"{early} of {last.size} trial(s) that ran to their end stop short of step {last.max()}"
    return [Note("uneven_curves", text, early)]


def config_columns(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Each hyperparameter's value in every run, None where a run has none. [N] each

    Lists and mappings become JSON text.
    """
    keys = dict.fromkeys(key for config in configs for key in config)
    return {key: [_plain(config.get(key)) for config in configs] for key in keys}


def flat(nested: Mapping[str, Any], prefix: str = "", separator: str = "/") -> dict[str, Any]:
    """Nested mappings as one, keys joined; lists stay as they are."""
    found: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping) and value:
            found.update(flat(value, f"{prefix}{key}{separator}", separator))
        else:
            found[f"{prefix}{key}"] = value
    return found


def status_of(word: str | None, words: Mapping[str, Status], unknown: list[str]) -> Status:
    """A tool's word for how a trial ended; unknown ones are collected for `status_note`.

    Args:
        words: the tool's own, lower case; `STATUS_WORDS` holds the common ones.
    """
    lowered = (word or "").strip().lower()
    status = words.get(lowered, STATUS_WORDS.get(lowered))
    if status is None:
        unknown.append(lowered)
        return Status.UNKNOWN
    return status


def status_note(unknown: Sequence[str]) -> list[Note]:
    """The note on words that `status_of` does not know, if any."""
    if not unknown:
        return []
    text = f"{len(unknown)} trial(s) of a status esim does not know: {some(sorted(set(unknown)))}"
    return [Note("status_unknown", text, len(unknown))]


def final_note(finals: Iterable[tuple[str, float, float]]) -> list[Note]:
    """The note on trials whose final value, as their tool keeps it, is not their last report.

    Args:
        finals: trial, its final value, its last report's value.
    """
    differ = [
        trial
        for trial, final, last in finals
        if final != last and not (math.isnan(final) and math.isnan(last))
    ]
    if not differ:
        return []
    text = (
        f"{len(differ)} trial(s) returned another value than their last report, which is what a "
        f"replay counts: {some(differ)}"
    )
    return [Note("final_value_differs", text, len(differ))]


def folder_name(source: Source, folder: str) -> str:
    """What to call the study of a folder: its path below the root; of the root, the root's name."""
    return folder or source.default_name


def file_notes(
    source: Source, used: Collection[File], are: str = "were not needed"
) -> tuple[Note, ...]:
    """Which files of a folder were passed over: hidden or left over, and not of the format."""
    notes = []
    if source.skipped:
        n = len(source.skipped)
        text = f"{n} hidden or left-over file(s) skipped: {some(source.skipped)}"
        notes.append(Note("files_skipped", text, n))
    unread = [file.name for file in source.files if file not in used]
    if unread:
        text = f"{len(unread)} file(s) {are}: {some(unread)}"
        notes.append(Note("files_not_read", text, len(unread)))
    return tuple(notes)


def whole_steps(numbers: Float64, what: str, where: str) -> tuple[Int64, list[Note]]:
    """Fractional steps (budgets, epochs) as whole ones, and a note on their unit.

    Whole numbers stay as they are. Others are counted in the largest unit, a whole fraction of the
    smallest one, of which all are multiples: budgets 8/3, 16/3, 8 are steps 1, 2, 3.

    Args:
        numbers: [R], finite.
        what: the column, for the note.

    Raises:
        EsimError: negative, not finite, beyond 2**53, or not multiples of any such unit.
    """
    if numbers.size == 0:
        return np.empty(0, dtype=np.int64), []
    if not np.isfinite(numbers).all() or numbers.min() < 0 or numbers.max() >= 2**53:
        wrong = numbers[~(np.isfinite(numbers) & (numbers >= 0) & (numbers < 2**53))][0]
        raise EsimError(f"{what} {wrong:g} is not a step", where=where)
    if (numbers == np.floor(numbers)).all():
        return numbers.astype(np.int64), []
    distinct = np.unique(numbers)
    smallest = distinct[distinct > 0][0]
    for parts in range(1, 1001):
        multiples = distinct / (smallest / parts)
        if np.allclose(multiples, np.rint(multiples), rtol=1e-9, atol=1e-6):
            steps = np.rint(numbers / (smallest / parts)).astype(np.int64)
            text = f"{what} is no whole number: a step is {smallest / parts:.6g} of it"
            return steps, [Note("step_unit", text)]
    raise EsimError(
        f"{what} cannot be counted in whole steps",
        where=where,
        why="values such as " + ", ".join(f"{x:g}" for x in distinct[:4]),
        fix="name another step column: --step",
    )


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return json.dumps(value, default=str)


def _times(curves: Sequence[Curve]) -> Float64 | None:
    if all(curve.times is None for curve in curves):
        return None
    return np.concatenate(
        [np.full(len(c.steps), np.nan) if c.times is None else c.times for c in curves]
    )


def _has_reports(experiment: Experiment, options: Options) -> bool:
    candidates = metrics_of(experiment.runs)
    objective = options.objective or experiment.objective
    if objective is None:
        return bool(candidates)  # one metric, or an error that lists them
    return any(
        len(run.curve(objective).steps) for run in experiment.runs if objective in run.metrics
    )
