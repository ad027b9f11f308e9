"""Settles how the table files of an input hold trials: by a column, a file each, or a row each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from esim.readers.encodings import cells
from esim.readers.options import Options
from esim.readers.source import Source
from esim.readers.tables.columns import INDEX, SURE_TRIALS, Columns, find_columns, plain_name
from esim.readers.tables.json_tables import names_metric, numbers_in
from esim.readers.tables.shape import Shape, shape_of
from esim.readers.tables.summaries import Summary, summary_of
from esim.readers.tables.trials import TRIAL_COLUMNS

Kind = Literal["reports", "files", "rows"]
_LOG = re.compile(r"progress|history|log|curve|train", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[\w ./%()-]{1,60}")
_NUMBERED = re.compile(r"(.*?)[ _/.:=-]?(\d+)")


# The names of the plain table's columns that are no metrics.
ROW_COLUMNS = ("study", "trial", "step", "elapsed_s", "timestamp", *TRIAL_COLUMNS)


@dataclass(frozen=True)
class Table:
    """A table file and what its columns hold."""

    shape: Shape
    columns: Columns

    @property
    def has_reports(self) -> bool:
        """Whether its rows are the reports of trials that a column names."""
        both = self.columns.trial is not None and self.columns.step is not None
        return both and not self.shape.ragged

    @property
    def is_run(self) -> bool:
        """Whether its rows can be the reports of one trial."""
        found, columns = self.columns, self.shape.columns
        if self.shape.lists:
            return True
        if self.shape.ragged or self._is_object:
            return False
        if found.step is not None:
            return bool(found.metrics or found.metric or found.value)
        # Without a column of steps rows are numbered, if all else says that they are of a log.
        seen = len(next(iter(self.shape.sample.values()), ()))
        if (seen < 2 and not self.shape.types) or not self._all_numbers:
            return False
        told = [n for n in found.metrics if names_metric(n) and _PLAIN_NAME.fullmatch(n)]
        index = any(name in INDEX for name in columns)
        log = _LOG.search(self.shape.file.base.partition(".")[0]) and len(found.metrics) == len(
            columns
        )
        return bool(told) and (index or bool(log) or len(told) == len(columns))

    @property
    def _all_numbers(self) -> bool:
        """Whether the columns of metrics hold nothing but numbers in the rows that were seen."""
        return all(
            cells.is_missing(cell) or cells.is_number(str(cell))
            for name in self.columns.metrics
            for cell in self.shape.sample.get(name, ())
        )

    @property
    def _is_object(self) -> bool:
        """Whether it is one JSON object with the last values of a run, not a line of a log."""
        one = self.shape.encoding == "JSONL" and self.shape.file.base.endswith(".json")
        return one and len(next(iter(self.shape.sample.values()), ())) == 1

    @property
    def lists(self) -> list[str]:
        """The columns of a table with a row for each trial whose cells hold a whole curve each."""
        found = []
        for name, sample in self.shape.sample.items():
            given = [cell for cell in sample if not cells.is_missing(cell)]
            curves = [numbers_in(cell) for cell in given]
            if given and all(curves) and max(len(curve or ()) for curve in curves) > 1:
                found.append(name)
        return found if self.columns.step is None and not self.shape.lists else []

    @property
    def curves(self) -> dict[str, dict[str, int]]:
        """The columns of a table with a row for each trial that are the steps of a curve.

        Returns:
            Metric -> column -> step; the metric is "" where columns are named by the step alone.
        """
        found: dict[str, dict[str, int]] = {}
        if self.columns.step is not None:
            return found
        for name in self.shape.columns:
            match = _NUMBERED.fullmatch(name)
            if match and name in self.columns.metrics:
                found.setdefault(match[1], {})[name] = int(match[2])
        return {
            metric: steps
            for metric, steps in found.items()
            if len(set(steps.values())) == len(steps)
            and (len(steps) > 2 or metric == "intermediate_values")
            and (metric == "" or names_metric(metric) or metric in _STEP_WORDS)
        }


_STEP_WORDS = ("epoch", "step", "iter", "iteration", "round", "e", "Epoch", "Step", "t")


@dataclass(frozen=True)
class Arrangement:
    """How the tables of an input hold trials.

    Attributes:
        kind: "reports": a column names the trial of each row; "files": each file is a trial;
            "rows": each row is a trial, with a column for each step; None: no table has reports.
        tables: the tables with reports.
        trials: the tables that list trials.
        others: the tables that are neither.
        summaries: those of the others that are known to hold no curves.
        exact: whether the columns have the names of the plain table.
        note: what is said about columns that were taken for something else; "" if nothing.
    """

    kind: Kind | None
    tables: tuple[Table, ...]
    trials: tuple[Shape, ...] = ()
    others: tuple[Table, ...] = ()
    exact: bool = False
    note: str = ""
    summaries: tuple[tuple[Table, Summary], ...] = ()


def arrange(source: Source, options: Options) -> Arrangement:
    """How the tables of an input hold trials.

    Args:
        source: the input.
        options: the columns that the user names.

    Raises:
        EsimError: a file cannot be opened.
    """
    shapes = [shape for file in source.files if (shape := shape_of(file)) is not None]
    tables = [Table(shape, find_columns(shape, options)) for shape in shapes]
    listing = tuple(shape for shape in shapes if shape.has_trials)
    if options.trial is None:
        exact = [table for table in tables if table.shape.has_reports]
        if exact:
            rest = [t for t in tables if t not in exact and t.shape not in listing]
            named = tuple(_exactly(table, options) for table in exact)
            return Arrangement("reports", named, listing, tuple(rest), exact=True)
    summaries = [(t, known) for t in tables if (known := summary_of(t.shape.columns))]
    no_curves = [table for table, _ in summaries]
    tables = [table for table in tables if table not in no_curves]
    note = ""
    reports = [table for table in tables if table.has_reports]
    if options.trial is None and _are_runs(reports):
        name = reports[0].columns.trial
        note = f"column {name} is the same in all rows of a file, so each file is a trial"
        alone = {id(table) for table in reports}
        tables = [
            Table(t.shape, replace(t.columns, trial=None)) if id(t) in alone else t for t in tables
        ]
        reports = []
    runs = [table for table in tables if not table.has_reports and table.is_run]
    rows = [table for table in tables if table.curves or table.lists]
    found: list[Table] = []
    kind: Kind | None = None
    if reports and len(reports) >= len(runs):
        kind, found = "reports", reports
    elif rows and not any(table.columns.step for table in runs):
        kind, found = "rows", rows
    elif runs:
        # Lists without names of steps may be anything; beside tables with steps they are not read.
        stepped = [table for table in runs if table.columns.step is not None]
        kind, found = "files", stepped or runs
    chosen = {id(table) for table in found}
    left = [*tables, *no_curves]
    others = tuple(t for t in left if id(t) not in chosen and t.shape not in listing)
    trials = listing if kind != "rows" else ()
    return Arrangement(kind, tuple(found), trials, others, note=note, summaries=tuple(summaries))


def _exactly(table: Table, options: Options) -> Table:
    """A plain table with its columns by their plain names, and no others taken for them."""
    columns = table.shape.columns
    time = options.time or next((n for n in ("elapsed_s", "timestamp") if n in columns), None)
    step = options.step if options.step in columns else "step"
    return Table(
        table.shape,
        replace(
            table.columns,
            trial="trial",
            steps=(step or "step",),
            study="study" if "study" in columns else None,
            time=time if time in columns else None,
            metrics=tuple(n for n in table.columns.metrics if n not in ROW_COLUMNS),
            split=None,
        ),
    )


def _are_runs(reports: Sequence[Table]) -> bool:
    """Whether the tables, although each has a column for trials, are of one trial each.

    A column such as "name" or "run" may hold the same in every file, as the name of the data does.
    """
    if len(reports) < 2:
        return False
    names = []
    for table in reports:
        column = table.columns.trial or ""
        given = {str(c) for c in table.shape.sample.get(column, ()) if not cells.is_missing(c)}
        if len(given) != 1:
            return False
        names += list(given)
    return len(set(names)) < len(names)


def is_sure(table: Table) -> bool:
    """Whether the name of its column of trials tells trials for sure."""
    return plain_name(table.columns.trial or "") in SURE_TRIALS
