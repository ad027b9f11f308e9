"""Settles how the table files of an input hold trials: by a column, a file each, or a row each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from esim.readers.encodings import cells
from esim.readers.options import Options
from esim.readers.source import Source
from esim.readers.tables.columns import Columns, find_columns
from esim.readers.tables.json_tables import numbers_in
from esim.readers.tables.names import (
    ALIASES,
    INDEX,
    SETTINGS,
    SURE_TRIALS,
    name_trials,
    names_metric,
    plain_name,
)
from esim.readers.tables.shape import Shape, shape_of
from esim.readers.tables.summaries import Summary, summary_of
from esim.readers.tables.trials import TRIAL_COLUMNS

Kind = Literal["reports", "files", "rows"]
_LOG = re.compile(r"progress|history|log|curve|train", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[\w ./%()-]{1,60}")
_KINDS = re.compile(r"fold|class|seed|run|split|top|@|bleu|rouge|ndcg|recall|precision|hit", re.I)
_NUMBERED = re.compile(r"(.*?)[ _/.:=-]?(\d{1,15})")


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
    def trial_columns(self) -> dict[str, str]:
        """The columns of a table with a column for each trial: column -> trial; else none."""
        if self.columns.step is None or self.shape.ragged or len(self.columns.metrics) < 2:
            return {}
        if name_trials(self.columns.metrics):
            return {name: name for name in self.columns.metrics}
        charted = {name: name.rpartition(" - ") for name in self.columns.metrics}
        if (
            all(run for run, _, _ in charted.values())
            and len({m for *_, m in charted.values()}) == 1
        ):
            return {name: run for name, (run, _, _) in charted.items()}
        return {}

    @property
    def is_sure(self) -> bool:
        """Whether the name of its column of trials tells trials for sure."""
        return plain_name(self.columns.trial or "") in SURE_TRIALS

    @property
    def is_list(self) -> bool:
        """Whether each of its rows is of another trial, so that it holds last values."""
        given = [str(cell) for cell in self.shape.sample.get(self.columns.trial or "", ())]
        return len(given) > 1 and len(set(given)) == len(given)

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
        if seen < 2 or not self._all_numbers:
            return False
        told = [
            name
            for name in found.metrics
            if names_metric(name, vague=False) and _PLAIN_NAME.fullmatch(name)
        ]
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
            long = given and all(curves) and max(len(curve or ()) for curve in curves) > 1
            if long and (names_metric(name) or plain_name(name) in ALIASES["step"]):
                found.append(name)
        if self.shape.lists or not any(map(names_metric, found)):
            return []
        return found if self.columns.step in (None, *found) else []

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
                metric = _STEP_WORD.sub("", match[1])  # acc_epoch_3 is of acc
                found.setdefault(metric, {})[name] = int(match[2])
        return {metric: steps for metric, steps in found.items() if self._is_curve(metric, steps)}

    def _is_curve(self, metric: str, steps: Mapping[str, int]) -> bool:
        """Whether columns that a metric and numbers name are the steps of a curve."""
        numbers = list(steps.values())
        if metric == OPTUNA:
            return True
        if len(numbers) < 3 or any(after <= before for before, after in pairwise(numbers)):
            return False
        if metric in STEP_WORDS:
            return True
        whole = numbers[0] in (0, 1) and numbers[-1] - numbers[0] == len(numbers) - 1
        named = self.columns.trial is not None
        if metric == "":  # X.csv has numbers for names, too: other columns are of trials
            settings = {plain_name(name) for name in self.shape.columns} & set(SETTINGS)
            return whole and (named or bool(settings))
        # BLEU-1 to BLEU-4, recall@10 and acc_fold3 are no steps.
        return (
            whole
            and (named or len(numbers) > 4)
            and names_metric(metric)
            and not _KINDS.search(metric)
        )


OPTUNA = "intermediate_values"  # what Optuna's frames call the reports of a trial
STEP_WORDS = ("epoch", "step", "iter", "iteration", "round", "ep", "e", "Epoch", "Step", "t")
_STEP_WORD = re.compile(rf"(?<=.)[ _./-](?:{'|'.join(STEP_WORDS)})$")


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
        odd: those of the others that hold the metrics of the runs in another way.
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
    odd: tuple[Table, ...] = ()


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
    if options.trial is None:
        exact = [table for table in tables if table.shape.has_reports]
        if exact:
            listing = tuple(shape for shape in shapes if shape.has_trials)
            listed = {id(shape) for shape in listing}
            rest = [t for t in _without(tables, exact) if id(t.shape) not in listed]
            named = tuple(_exactly(table, options) for table in exact)
            return Arrangement("reports", named, listing, tuple(rest), exact=True)
    summaries = [(t, known) for t in tables if (known := summary_of(t.shape.columns))]
    no_curves = [table for table, _ in summaries]
    tables = _without(tables, no_curves)
    kind, found, note = _kind(tables, options)
    if kind is not None:
        rest = _without(tables, found)
        found = [*found, *(_named_runs(found, rest) if kind == "files" else ())]
        found = [*found, *_of_same_columns(found, _without(rest, found))]
    left = _without([*tables, *no_curves], found)
    lists = [t.shape for t in left if t.shape.has_trials and t.columns.step is None]
    listing = tuple(lists) if kind != "rows" else ()
    listed = {id(shape) for shape in listing}
    others = tuple(table for table in left if id(table.shape) not in listed)
    odd = _otherwise(found, others) if kind == "files" else ()
    return Arrangement(
        kind, tuple(found), listing, others, note=note, summaries=tuple(summaries), odd=tuple(odd)
    )


def _without(tables: Sequence[Table], found: Sequence[Table]) -> list[Table]:
    """Those of the tables that are not among the found ones."""
    chosen = {id(table.shape) for table in found}
    return [table for table in tables if id(table.shape) not in chosen]


def _named_runs(found: Sequence[Table], others: Sequence[Table]) -> list[Table]:
    """The tables of one run that have a column for trials, beside runs that have none."""
    known = set().union(*map(_metrics, found))
    made = []
    for table in others:
        column = table.columns.trial or ""
        given = {str(c) for c in table.shape.sample.get(column, ()) if not cells.is_missing(c)}
        if table.has_reports and len(given) == 1 and _metrics(table) & known:
            made.append(Table(table.shape, replace(table.columns, trial=None)))
    return made


def _otherwise(found: Sequence[Table], others: Sequence[Table]) -> list[Table]:
    """The tables that hold the metrics of the runs, too, but count no steps as these do."""
    known = set().union(*map(_metrics, found))
    places = {(t.shape.file.folder, t.shape.file.base.partition(".")[0]) for t in found}
    folders = {folder for folder, _ in places}
    folders = folders if len(folders) == len(places) else set()  # a run each
    return [
        table
        for table in others
        if table.is_run
        and not table.has_reports
        and _metrics(table) & known
        and (table.shape.file.folder, table.shape.file.base.partition(".")[0]) not in places
        and table.shape.file.folder not in folders
    ]


def _kind(tables: Sequence[Table], options: Options) -> tuple[Kind | None, list[Table], str]:
    """How most of the tables hold trials, those that do, and a note on it."""
    note = ""
    reports = [table for table in tables if table.has_reports]
    if options.trial is not None and reports:
        return "reports", reports, ""
    several = [table for table in reports if not table.is_list]
    reports = several or reports  # beside logs, a table with a row for each trial is a summary
    if options.trial is None and _are_runs(reports):
        name = reports[0].columns.trial
        note = f"column {name} is the same in all rows of a file, so each file is a trial"
        alone = {id(table) for table in reports}
        tables = [
            Table(t.shape, replace(t.columns, trial=None)) if id(t) in alone else t for t in tables
        ]
        reports = []
    rows = [table for table in tables if table.curves or table.lists or table.trial_columns]
    of_rows = {id(table) for table in rows}
    runs = [t for t in tables if t.is_run and not t.has_reports and id(t) not in of_rows]
    if reports and len(reports) >= len(runs):
        return "reports", reports, ""
    if rows and len(rows) >= len(runs):
        return "rows", rows, ""
    if not runs:
        return ("reports", reports, "") if reports else (None, [], "")
    # Lists without names of steps may be anything; beside tables with steps they are not read.
    stepped = [table for table in runs if table.columns.step is not None]
    return "files", _of_one_kind(stepped or runs, options), note


def _of_one_kind(runs: Sequence[Table], options: Options) -> list[Table]:
    """Those of the tables that share a metric with most others, or that have the objective."""
    named = [_metrics(table) for table in runs]
    asked = plain_name(options.objective or "").rpartition("/")[2]
    core = [names for names in named if asked and asked in names]
    if not core:
        tables_with = Counter(name for names in named for name in names)
        shared = [max((tables_with[name] for name in names), default=0) for names in named]
        most = max(shared)
        core = [names for names, count in zip(named, shared, strict=True) if count == most]
        core = core[:1]
    known = set().union(*core)
    kept = [
        table
        for table, names in zip(runs, named, strict=True)
        if names & known or not names or any(names_metric(n, vague=False) for n in names)
    ]
    return kept or list(runs)


def _metrics(table: Table) -> set[str]:
    """The plain names of the metrics of a table."""
    names = table.shape.columns if table.shape.lists else table.columns.metrics
    return {plain_name(name).rpartition("/")[2] for name in names}


def _of_same_columns(found: Sequence[Table], others: Sequence[Table]) -> list[Table]:
    """The tables with the columns of the chosen ones, which would be like them if not broken.

    They are read, so that the error names the line.
    """
    known = {frozenset(table.shape.columns): table for table in found}
    made = []
    for table in others:
        like = known.get(frozenset(table.shape.columns))
        if like is not None and len(table.shape.columns) > 1 and not table.is_list:
            made.append(Table(table.shape, like.columns))
    return made


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
    if len(reports) < 2 or any(table.is_sure for table in reports):
        return False
    names = []
    for table in reports:
        column = table.columns.trial or ""
        given = {str(c) for c in table.shape.sample.get(column, ()) if not cells.is_missing(c)}
        if len(given) != 1:
            return False
        names += list(given)
    return len(set(names)) < len(names)
