"""Reads logs that have a row for each step: CSV files of loggers, JSON objects, metric histories.

A reader knows where its tool puts such logs, and describes their columns with a `Layout`. Which
column counts the steps, which rows count, and which notes are written is decided here for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any, Literal

import numpy as np

from esim.errors import EsimError, near_names
from esim.readers.assembly import zone_note
from esim.readers.encodings import cells
from esim.readers.encodings.durations import duration, unit_in
from esim.readers.mixed_rows import refuse_mixed
from esim.readers.options import Options
from esim.readers.runs import Curve, Run
from esim.readers.source import File
from esim.readers.step_order import (
    are_unsorted,
    falls_in_new,
    fault_of,
    not_superseded,
    restart_note,
)
from esim.readers.tables.names import names_part
from esim.readers.whole_steps import whole_steps
from esim.study import Float64, Int64, Note, Status

LogRows = Iterable[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Layout:
    """How a tool writes the log of a run.

    Attributes:
        steps: the columns that can count steps, the preferred one first. A column is passed over if
            the values of the objective in two successive rows share a step, unless it is the last.
        elapsed: the columns that can hold the time since the run's start, in seconds or as h:mm:ss,
            the preferred one first.
        timestamps: the columns that can hold points in time, asked for if there is none of these.
        beside: the columns that are neither steps nor times nor metrics.
        sparse: whether a blank cell means that the row is no report of that metric. Otherwise it is
            a report without a value.
        one_row: whether several rows of one step are refused even where no column tells them apart.
        metric: the columns with the name and the value of a metric, where a row is one metric of a
            report; None where each metric has a column.
        split: the column that tells the rows of training from those of validation; its text is put
            before the name of a metric ("val/loss") where several have it. "" if there is none.
        carried: a column of steps that only some rows have; a row without it belongs to the row
            before it, and has its step. "" if there is none.
        carried_from: the text of `split` in the rows whose `carried` counts; "" if it is in all.
        numbered: if not "", rows are numbered from 1 by default instead of taking a column of
            steps; the word says what a row is, for the note.
    """

    steps: tuple[str, ...]
    elapsed: tuple[str, ...] = ()
    timestamps: tuple[str, ...] = ()
    metric: tuple[str, str] | None = None
    split: str = ""
    beside: tuple[str, ...] = ()
    sparse: bool = False
    one_row: bool = False
    carried: str = ""
    carried_from: str = ""
    numbered: str = ""

    def metrics(self, columns: Iterable[str]) -> list[str]:
        """Those of the columns that are metrics, each once."""
        others = {*self.steps, *self.elapsed, *self.timestamps, *self.beside, self.split, ""}
        return [name for name in dict.fromkeys(columns) if name not in others]


@dataclass(frozen=True)
class RunLog:
    """The log of one run.

    Attributes:
        trial: the run's id.
        columns: the names of all columns.
        rows: reads the rows: the place of each (``path:line``) and its cells by column. A cell that
            is empty is missing, None or "".
        where: the file, for errors.
        start, end, status, config: as in `Run`.
    """

    trial: str
    columns: Sequence[str]
    rows: Callable[[], LogRows]
    where: str
    start: float = np.nan
    end: float = np.nan
    status: Status = Status.UNKNOWN
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Cells:
    """The R rows of a log that report the objective.

    Attributes:
        steps: each column that can count steps. float64 [R] each
        values: float64 [R], the objective.
        times: float64 [R], seconds since the run's start or since 1970; None without such a column.
        splits: the texts of the column of splits.
        in_stages: whether these follow one another, each once.
        zone_assumed: whether a time names no zone.
    """

    steps: dict[str, Float64]
    values: Float64
    times: Float64 | None
    splits: tuple[str, ...] = ()
    in_stages: bool = True
    zone_assumed: bool = False


class RunLogs:
    """The logs of the runs that make one study; each metric is read once, when it is asked for.

    Attributes:
        logs: the logs.
        layout: how their tool writes them.
        options: what the user asked for.
        where: the input, for errors.
    """

    def __init__(
        self, logs: Sequence[RunLog], layout: Layout, options: Options, where: str
    ) -> None:
        self.logs, self.layout, self.options, self.where = logs, layout, options, where
        self._settled: dict[str, _Settled] = {}

    @cached_property
    def runs(self) -> list[Run]:
        """The runs, one for each log."""
        return [
            Run(
                trial=log.trial,
                metrics=self.layout.metrics(log.columns),
                curve=lambda objective, i=i: self._settle(objective).curves[i],  # type: ignore[misc]
                start=log.start,
                end=log.end,
                status=log.status,
                config=log.config,
            )
            for i, log in enumerate(self.logs)
        ]

    @cached_property
    def _time(self) -> tuple[str | None, Literal["elapsed", "timestamp"]]:
        """The column of times, and what these are."""
        columns = {name for log in self.logs for name in log.columns}
        for name in self.layout.elapsed:
            if name in columns:
                return name, "elapsed"
        return next((name for name in self.layout.timestamps if name in columns), None), "timestamp"

    @property
    def times(self) -> Literal["elapsed", "timestamp"]:
        """What the times of the curves are, as `Experiment.times` names it."""
        name, kind = self._time
        return "elapsed" if name is None else kind

    def told(self, objective: str) -> list[Note]:
        """Notes about the curves of a metric."""
        return self._settle(objective).notes

    def _settle(self, objective: str) -> _Settled:
        if objective not in self._settled:
            self._settled[objective] = self._read(objective)
        return self._settled[objective]

    def _read(self, objective: str) -> _Settled:
        all_columns = dict.fromkeys(name for log in self.logs for name in log.columns)
        wanted = self._step_columns(list(all_columns))
        parts = [self._cells(log, objective, wanted) for log in self.logs]
        self._refuse_splits(objective, parts)
        step, why = self._step(wanted, parts)
        notes = [zone_note(self._time[0] or "")] if any(p.zone_assumed for p in parts) else []
        found = [part.steps[step] for part in parts]
        for log, steps in zip(self.logs, found, strict=True):
            if np.isnan(steps).any():
                raise EsimError(f"a row without {step}", where=log.where)
        over = _epoch_of(step, wanted, parts)
        again = over is not None
        if again:  # the rows stand in the order of training, although their steps fall
            found = [np.arange(1.0, len(steps) + 1) for steps in found]
            why = f": {step} begins again in each {over}"
        unsorted = [are_unsorted(steps) for steps in found]
        kept = [
            np.ones(len(steps), dtype=np.bool_) if mixed else not_superseded(steps)
            for steps, mixed in zip(found, unsorted, strict=True)
        ]
        times = (*self.layout.elapsed, *self.layout.timestamps, "row", "")
        for log, steps, keep in zip(self.logs, found, kept, strict=True):
            refuse_mixed(
                log.rows,
                log.where,
                step=step,
                steps=steps,
                keep=keep,
                counts=partial(self._counts, objective),
                apart=(objective, *self.layout.steps, *times),
                one_row=self.layout.one_row,
            )
        falls = [
            0 if mixed else int((np.diff(steps) < 0).sum())
            for steps, mixed in zip(found, unsorted, strict=True)
        ]
        if any(falls):
            notes.append(restart_note(sum(falls), sum(int((~keep).sum()) for keep in kept)))
        if again:
            whole = [steps.astype(np.int64) for steps in found]
            notes.append(Note("step_column", f"steps number the reports{why}"))
        elif self.layout.numbered and self.options.step is None:
            whole = [np.arange(1, int(keep.sum()) + 1, dtype=np.int64) for keep in kept]
            text = f"steps number the {self.layout.numbered}s; --step {step} takes {step}"
            notes.append(Note("step_column", text))
        else:
            whole, unit = _whole([s[k] for s, k in zip(found, kept, strict=True)], step, self.where)
            notes += [Note("step_column", f"steps are {step}{why}"), *unit]
        curves = [
            Curve(
                steps=steps,
                values=part.values[keep],
                times=None if part.times is None else part.times[keep],
            )
            for part, keep, steps in zip(parts, kept, whole, strict=True)
        ]
        return _Settled(curves, notes)

    def _step_columns(self, columns: list[str]) -> list[str]:
        """The columns that may count steps: the one the user names, else those of the layout."""
        if self.options.step is not None:
            if self.options.step not in columns:
                near = near_names(self.options.step, columns)
                raise EsimError(
                    f"no step column {self.options.step!r}",
                    where=self.where,
                    fix=f"--step with one of: {near}",
                )
            return [self.options.step]
        found = [name for name in self.layout.steps if name in columns]
        if not found:
            raise EsimError(
                "no column counts steps",
                where=self.where,
                why="expected " + " or ".join(self.layout.steps),
                fix=f"--step with one of: {near_names('step', columns)}",
            )
        return found

    def _refuse_splits(self, objective: str, parts: Sequence[_Cells]) -> None:
        """Refuse a metric that the rows of training and those of validation both have."""
        splits = list(dict.fromkeys(split for part in parts for split in part.splits))
        if len(splits) > 1 and not (
            # Stages of a training, such as "frozen", follow one another; those of data do not.
            all(part.in_stages for part in parts) and not any(map(names_part, splits))
        ):
            names = [f"{split}/{objective}" for split in splits]
            raise EsimError(
                f"{objective!r} is in rows of several kinds",
                where=self.where,
                why=f"column {self.layout.split} tells {', '.join(splits)} apart",
                fix="name one: --objective " + " or ".join(names),
            )

    def _counts(self, objective: str, row: Mapping[str, Any]) -> bool:
        """Whether a row is a report of the objective."""
        return not (self.layout.sparse and cells.is_blank(row.get(objective)))

    def _cells(self, log: RunLog, objective: str, steps: list[str]) -> _Cells:
        """Read the rows of a log that report the objective."""
        numbers: dict[str, list[float]] = {name: [] for name in steps}
        values: list[float] = []
        times: list[Any] = []
        places: list[str] = []
        splits: list[str] = []
        time, kind = self._time
        split = self.layout.split
        if objective in log.columns:
            for place, row in log.rows():
                if not self._counts(objective, row):
                    continue
                values.append(cells.number(row.get(objective), place, objective))
                for name in steps:
                    numbers[name].append(cells.number(row.get(name), place, name))
                if time is not None:
                    times.append(row.get(time))
                    places.append(place)
                if split and split in row:
                    splits.append(cells.plain_text(row[split]))
        seconds, assumed = None, False
        if time is not None and kind == "elapsed":
            pairs = zip(times, places, strict=True)
            seconds = np.array([duration(c, p, time) for c, p in pairs], dtype=np.float64)
            seconds = seconds * unit_in(time)[1]
        elif time is not None:
            seconds, _, assumed = cells.moments(times, places, time)
        return _Cells(
            {name: np.array(column, dtype=np.float64) for name, column in numbers.items()},
            np.array(values, dtype=np.float64),
            seconds,
            tuple(dict.fromkeys(splits)),
            len([text for text, _ in groupby(splits)]) == len(set(splits)),
            assumed,
        )

    def _step(self, names: list[str], parts: Sequence[_Cells]) -> tuple[str, str]:
        """The column that counts steps, and why the preferred one does not; "" if it does."""
        why = ""
        for name in names:
            columns = [part.steps[name] for part in parts]
            fault = next(filter(None, map(fault_of, columns)), "")
            if not fault or name == names[-1]:
                return name, why
            why = why or f": {name} {fault}"
        raise ValueError("no names")  # cannot happen: _step_columns never gives an empty list


def _epoch_of(step: str, wanted: Sequence[str], parts: Sequence[_Cells]) -> str | None:
    """The column that grows wherever the steps fall, because they are counted anew in it."""
    if not any((np.diff(part.steps[step]) < 0).any() for part in parts):
        return None
    for over in wanted:
        pairs = [(part.steps[step], part.steps[over]) for part in parts]
        if over != step and all(falls_in_new(steps, epochs) for steps, epochs in pairs):
            return over
    return None


@dataclass(frozen=True)
class _Settled:
    curves: list[Curve]
    notes: list[Note]


def _whole(parts: Sequence[Float64], name: str, where: str) -> tuple[list[Int64], list[Note]]:
    lengths = [len(part) for part in parts]
    steps, notes = whole_steps(np.concatenate(parts), name, where)
    return np.split(steps, np.cumsum(lengths)[:-1]), notes


def folder_of(file: File) -> str:
    """The folder of a file, relative to the input's root; the full path if the file was given."""
    if file.root.is_dir():
        return file.folder
    return file.path.parent.as_posix()


def run_names(paths: Sequence[str], default: str) -> list[str]:
    """Short names for runs: their paths without the first and last parts that all have in common.

    "a/run1/version_0" and "a/run2/version_0" become "run1" and "run2". A single run is named after
    the last part of its path.

    Args:
        paths: the runs' paths, all different.
        default: the name where nothing is left of a path.
    """
    split = [PurePosixPath(path).parts for path in paths]
    if len(split) < 2:
        return [parts[-1] if parts else default for parts in split]
    shortest = min(len(parts) for parts in split)
    first = 0
    while first < shortest and len({parts[first] for parts in split}) == 1:
        first += 1
    last = 0
    while last < shortest - first and len({parts[-1 - last] for parts in split}) == 1:
        last += 1
    return ["/".join(parts[first : len(parts) - last]) or default for parts in split]
