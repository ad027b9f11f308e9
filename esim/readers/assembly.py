"""Turns reports in any order into a `Study`; every reader ends with a call of `assemble`.

It sorts the reports, keeps the last of several reports of one step, settles the launch order and
the report times, and writes notes on what it did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.errors import EsimError, agree, plural, unicode_text
from esim.readers.natural import natural
from esim.readers.report_times import elapsed_seconds, with_first_step_time
from esim.study import Direction, Float64, Int64, Note, Status, Study, is_censored
from esim.study.arrays import if_any_known
from esim.study.first_step import FirstStep, settle_first_step
from esim.study.times import ends_before_reports


@dataclass(frozen=True)
class ReportColumns:
    """The reports of T trials in columns, R reports in the order in which they were read.

    Attributes:
        trials: the trials' ids, each once. [T]
        codes: int64 [R], each report's trial as a position in `trials`.
        steps: int64 [R], >= 0.
        values: float64 [R], the objective; NaN where the step has no value.
        elapsed: float64 [R], seconds since the trial's start; NaN where unknown.
        timestamps: float64 [R], seconds since 1970 UTC; given instead of `elapsed`.
    """

    trials: Sequence[str]
    codes: Int64
    steps: Int64
    values: Float64
    elapsed: Float64 | None = None
    timestamps: Float64 | None = None


@dataclass(frozen=True)
class TrialRecords:
    """What is known about N trials besides their reports; the columns are those of `Study`, [N].

    Attributes:
        trials: the trials' ids.
        start, end: float64 [N], seconds since 1970 UTC, NaN where unknown.
        status: int8 [N], codes of `Status`.
        instance_type: the machine of each trial, None where unknown. [N]
        instance_count: int64 [N], machines of each trial.
        censored: bool [N], whether the trial had been cut short when it was recorded; None derives
            it from the status.
        config: hyperparameter -> its value for each trial, None where it has none. [N] each
        billed: float64 [N], billed seconds of each trial's job, NaN where unknown; None if all are.
    """

    trials: Sequence[str]
    start: Float64
    end: Float64
    status: NDArray[np.int8]
    instance_type: Sequence[str | None]
    instance_count: Int64
    censored: NDArray[np.bool_] | None = None
    config: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    billed: Float64 | None = None

    @classmethod
    def unknown(cls, trials: Sequence[str]) -> TrialRecords:
        """Columns for trials of which only the ids are known."""
        n = len(trials)
        return cls(
            trials=trials,
            start=np.full(n, np.nan),
            end=np.full(n, np.nan),
            status=np.full(n, Status.UNKNOWN, dtype=np.int8),
            instance_type=(None,) * n,
            instance_count=np.ones(n, dtype=np.int64),
        )


def assemble(
    reports: ReportColumns,
    trials: TrialRecords | None,
    *,
    name: str,
    objective: str,
    direction: Direction,
    where: str,
    notes: Iterable[Note] = (),
    listed_order: bool = False,
    ordered_by: str = "",
    declared: FirstStep | None = None,
    asked: FirstStep | None = None,
) -> Study:
    """Build the study of some reports.

    Trials stand in launch order: by `start` where every trial with reports has one, those of equal
    starts by name in natural order, so that the order of rows decides nothing. Where starts are
    missing, launch order is that of first appearance in the reports, and a note says so. Trials
    without reports come last.

    Args:
        reports: the reports as they were read. Of several with the same trial and step the last one
            counts.
        trials: may list trials without reports and lack some that have reports; None if nothing is
            recorded about the trials.
        name: the study's id.
        objective: the metric's name.
        direction: "minimize" or "maximize".
        where: the input, for errors.
        notes: the reader's own notes.
        listed_order: whether `trials` is in launch order already.
        ordered_by: what shows that the reports' trials first appear in launch order, for the note
            on missing starts; "" if nothing does.
        declared, asked: what an index of 0 means, as `esim.study.first_step` takes it.

    Raises:
        EsimError: there is no report at all, a step is negative, a report lies far before its
            trial's start, or `Study.validate` refuses the result.
    """
    if len(reports.codes) == 0:
        raise EsimError("no reports", where=where, why=f"study {name!r} has no value of any step")
    said = list(notes)
    ids, rank, pick = _launch_order(reports, trials, listed_order, ordered_by, said)
    about = _about_trials(trials if trials is not None else TrialRecords.unknown(()), ids, pick)
    launched = rank[reports.codes]
    order = _sorted_rows(launched, reports.steps, said)
    rows, steps, values = launched[order], reports.steps[order], reports.values[order]
    counts = np.bincount(rows, minlength=len(ids))
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    if steps.size and steps.min() < 0:
        at = int(np.argmin(steps))
        raise EsimError(f"step {steps[at]} is negative", where=f"{where}, trial {ids[rows[at]]!r}")
    given = reports.elapsed if reports.timestamps is None else reports.timestamps
    times = None if given is None else given[order]
    since_1970 = reports.timestamps is not None
    timed = elapsed_seconds(times, since_1970, rows, offsets, about.start, ids, where, said)
    elapsed = None if timed is None or len(timed[1]) else timed[0]
    done_at_zero, first_step = settle_first_step(
        steps, offsets, elapsed, declared=declared, asked=asked
    )
    said += [] if first_step is None else [first_step]
    if timed is not None:
        elapsed = with_first_step_time(*timed, steps + done_at_zero, offsets, said)
    _note_values(values, offsets, ids, said)
    study = Study(
        name=unicode_text(name),
        objective=unicode_text(objective),
        direction=direction,
        offsets=offsets,
        steps=np.ascontiguousarray(steps),
        values=np.ascontiguousarray(values),
        elapsed=elapsed,
        notes=tuple(said),
        done_at_zero=done_at_zero,
        **{**vars(about), "trials": tuple(map(unicode_text, about.trials))},
    )
    try:
        study.validate()
    except EsimError as error:
        raise EsimError(
            error.what, where=f"{where}: {error.where}", why=error.why, fix=error.fix
        ) from None
    early = np.flatnonzero(ends_before_reports(study))
    if not early.size:
        return study
    names = some([ids[i] for i in early.tolist()])
    text = (
        f"{plural(early.size, 'trial', 'end')} before the last report; taken to end then: {names}"
    )
    note = Note("ended_before_report", text, int(early.size))
    return replace(study, notes=(*study.notes, note))


def _about_trials(known: TrialRecords, ids: Sequence[str], pick: Int64) -> TrialRecords:
    """The columns of `known` for the trials of a study, in its order.

    Args:
        known: what is known about M trials.
        ids: the study's trials. [N]
        pick: int64 [N], each trial's position in `known`, -1 where it is not listed.
    """
    status = _picked(known.status, pick, np.int8(Status.UNKNOWN))
    censored = is_censored(status)
    if known.censored is not None:
        censored = np.where(pick >= 0, _picked(known.censored, pick, np.bool_(False)), censored)
    return TrialRecords(
        trials=tuple(ids),
        start=_picked(known.start, pick, np.nan),
        end=_picked(known.end, pick, np.nan),
        status=status,
        instance_type=tuple(known.instance_type[i] if i >= 0 else None for i in pick),
        instance_count=_picked(known.instance_count, pick, np.int64(1)),
        censored=censored,
        config={
            key: tuple(column[i] if i >= 0 else None for i in pick)
            for key, column in known.config.items()
        },
        billed=None if known.billed is None else if_any_known(_picked(known.billed, pick, np.nan)),
    )


def some(names: Sequence[str], most: int = 3) -> str:
    """The first names of a list, as text for the end of a note.

    Args:
        names: all of them.
        most: how many are shown; the others are counted.
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def zone_note(column: str) -> Note:
    """The note that the times of a column name no zone."""
    return Note("zone_assumed", f"column {column} names no time zone; taken as UTC")


def _launch_order(
    reports: ReportColumns,
    trials: TrialRecords | None,
    listed_order: bool,
    ordered_by: str,
    said: list[Note],
) -> tuple[list[str], Int64, Int64]:
    """The launch order of the trials; notes are added to `said`.

    Returns:
        The ids of all N trials in launch order; int64 [T], the rank of each of `reports.trials`
        in it, -1 if it has no report; int64 [N], each id's row in `trials`, -1 if not listed.
    """
    listed = {} if trials is None else {trial: i for i, trial in enumerate(trials.trials)}
    reporting = [reports.trials[i] for i in dict.fromkeys(_used(reports))]
    known = set(reporting)
    silent = [trial for trial in listed if trial not in known]
    ids = reporting + silent
    if trials is not None:
        missing = [trial for trial in reporting if trial not in listed]
        if missing:
            said.append(
                Note(
                    "trials_not_listed",
                    f"{plural(len(missing), 'trial')} with reports "
                    f"{agree(len(missing), 'are')} not in the list of trials: " + some(missing),
                    len(missing),
                )
            )
    if listed_order:
        ids = [*listed, *(trial for trial in reporting if trial not in listed)]
    else:
        starts = {} if trials is None else {t: float(trials.start[i]) for t, i in listed.items()}
        unknown = [t for t in reporting if not np.isfinite(starts.get(t, np.nan))]
        if not unknown:
            ids.sort(key=lambda t: (np.nan_to_num(starts[t], nan=np.inf), natural(t), t))
        elif len(unknown) < len(reporting):
            said.append(
                Note(
                    "start_incomplete",
                    f"{plural(len(unknown), 'trial')} with reports "
                    f"{agree(len(unknown), 'have')} no start, so launch order is "
                    "the order of first appearance: " + some(unknown),
                    len(unknown),
                )
            )
        elif len(reporting) > 1:
            order = f"that of {ordered_by}" if ordered_by else "the order of first appearance"
            text = f"no trial has a start, so launch order is {order}"
            said.append(Note("starts_unknown", text, len(unknown)))
    if silent:
        said.append(
            Note(
                "trials_without_reports",
                f"{plural(len(silent), 'trial', 'have')} no report: {some(silent)}",
                len(silent),
            )
        )
    position = {trial: i for i, trial in enumerate(ids)}
    rank = np.array([position.get(trial, -1) for trial in reports.trials], dtype=np.int64)
    pick = np.array([listed.get(trial, -1) for trial in ids], dtype=np.int64)
    return ids, rank, pick


def _used(reports: ReportColumns) -> list[int]:
    """The codes that occur, in the order of their first appearance in the reports."""
    codes, n = reports.codes, len(reports.codes)
    first = np.full(len(reports.trials), n, dtype=np.int64)
    first[codes[::-1]] = np.arange(n - 1, -1, -1)  # of equal codes the last one assigned stays
    ordered: list[int] = np.argsort(first, kind="stable")[: np.count_nonzero(first < n)].tolist()
    return ordered


def _sorted_rows(launched: Int64, steps: Int64, said: list[Note]) -> Int64 | slice:
    """The rows to keep, ordered by trial and step: int64, or a slice if they stand so.

    Notes on rows that were out of order or repeated a step are added to `said`.

    Args:
        launched: int64 [R], each row's trial, as its rank in launch order.
        steps: int64 [R].
    """
    order: Int64 | slice = slice(None)
    if (launched[1:] < launched[:-1]).any():
        order = np.argsort(launched, kind="stable")
    trial, step = launched[order], steps[order]
    same = trial[1:] == trial[:-1]
    if not (same & (step[1:] <= step[:-1])).any():
        return order
    backwards = int((same & (step[1:] < step[:-1])).sum())
    order = np.lexsort((steps, launched)).astype(np.int64)  # stable: rows as read where equal
    double = (np.diff(launched[order]) == 0) & (np.diff(steps[order]) == 0)
    doubled = int(double.sum())
    if backwards:
        said.append(
            Note(
                "steps_unsorted",
                f"{plural(backwards, 'report')} stood after a later step of the trial; "
                "sorted by step",
                backwards,
            )
        )
    if doubled:
        said.append(
            Note(
                "duplicate_steps",
                f"{plural(doubled, 'report', 'repeat')} a step of the trial; the last one counts",
                doubled,
            )
        )
    return order[np.concatenate((~double, [True]))]


def _note_values(values: Float64, offsets: Int64, ids: Sequence[str], said: list[Note]) -> None:
    """Add notes on infinite and missing values to `said`."""
    missing = np.isnan(values)
    infinite = int(np.isinf(values).sum())
    if infinite:
        said.append(
            Note("infinite_values", f"{plural(infinite, 'value', 'are')} infinite", infinite)
        )
    if not missing.any():
        return
    count = int(missing.sum())
    said.append(Note("missing_values", f"{plural(count, 'report', 'have')} no value (NaN)", count))
    present = np.concatenate(([0], np.cumsum(~missing)))
    blank = np.flatnonzero((np.diff(present[offsets]) == 0) & (np.diff(offsets) > 0))
    if blank.size:
        names = [ids[i] for i in blank.tolist()]
        said.append(
            Note(
                "trials_all_nan",
                f"{plural(len(names), 'trial', 'have')} reports but no value: {some(names)}",
                len(names),
            )
        )


def _picked(column: NDArray[Any], pick: Int64, default: Any) -> NDArray[Any]:
    """The entries of a column at the positions in `pick`; the default where a position is -1."""
    if len(column) == 0:
        return np.full(len(pick), default)
    return np.where(pick >= 0, column[pick], default).astype(column.dtype)
