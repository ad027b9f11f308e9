"""Reads tables that any tool can write: rows of reports, with a column for each metric or without.

A column names the trial of each row, or each file is a trial, or each row is a trial with a column
for each step; `esim.readers.tables.arrangement` settles which.
"""

from __future__ import annotations

import re

from esim.errors import EsimError
from esim.readers.assembly import some
from esim.readers.formats import Detection, Format, Found
from esim.readers.options import Options
from esim.readers.source import Source
from esim.readers.tables import file_runs, reports, row_runs
from esim.readers.tables.arrangement import Arrangement, Table, arrange
from esim.readers.tables.columns import check_options, find_columns
from esim.readers.tables.shape import shape_of

FORMAT = Format(
    name="table",
    summary="CSV, TSV, JSON, JSON lines or Parquet with columns trial, step and one per metric, "
    "or a file a trial, or a row a trial; optional second table of trials",
    needs=("direction", "objective, if there are several metrics"),
    times=True,
    schedule=True,
    configs=True,
    several_studies=True,
    by_contents=True,
    beside_others=True,
    takes=("trial", "step", "time", "value", "where"),
    files="CSV, TSV, JSON, Parquet: any table with steps",
)


_ENDINGS = r"\.(?:csv|tsv|jsonl?|parquet)(?:\.(?:gz|zst))?$"
_HOW = "if columns name the trial and count steps, name them: --trial NAME --step NAME"


def detect(source: Source) -> Detection:
    """Whether some file of the input is a table of reports; only the plain names make it sure."""
    if source.matched:  # only the plain names count, and they stand near the begin of a file
        named = [f for f in source.files if f.head[:4] == b"PAR1" or _has_plain_names(f.head)]
        tables = [shape for shape in map(shape_of, named) if shape and shape.has_reports]
        saw = f"{some([shape.file.name for shape in tables])} with trial and step"
        return Detection(bool(tables), saw if tables else "")
    found = arrange(source, Options())
    if found.kind is not None:
        names = some([table.shape.file.name for table in found.tables])
        if found.exact:
            return Detection(True, f"{names} with trial and step")
        first = found.tables[0].columns
        what = {
            "reports": f"{first.trial} and {first.step}",
            "files": f"{first.step or 'rows'} and metrics, a file a trial",
            "rows": "a row a trial and a column a step",
        }[found.kind]
        return Detection(True, f"{names} with {what}", weak=True)
    error = _no_curves(found)
    if error is not None:
        return Detection(False, f"{error.what}: {error.why}", try_next=error.fix or "")
    near = [t for t in found.others if t.columns.trial or t.columns.step]
    if not near and not found.trials and all(t.shape.encoding == "JSON" for t in found.others):
        return Detection(False, "no CSV, JSON or Parquet file with a table")
    # A log may look like a table; what reads it as text is said by its own format.
    tabular = any(
        re.search(_ENDINGS, table.shape.file.base) and any(table.shape.sample.values())
        for table in found.others
    )
    return Detection(False, _lacking(found)[1], try_next=_HOW if tabular else "")


def _has_plain_names(head: bytes) -> bool:
    return b"trial" in head and b"step" in head


def read(source: Source, options: Options) -> Found:
    """Read the studies of the tables.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: a column is missing, a cell does not fit its column (the error names path and
            line), or the objective or direction is not known.
    """
    found = arrange(source, options)
    every = [*(table.shape for table in (*found.tables, *found.others)), *found.trials]
    check_options(every, options, source.label)
    if found.kind is None:
        error = _no_curves(found)
        if error is not None:
            raise error
        where, why = _lacking(found) if every else (source.label, "no table file")
        raise EsimError("no table with the columns trial and step", where=where, why=why, fix=_HOW)
    for table in found.odd:
        raise EsimError(
            "the file holds the metrics of the other runs in another way",
            where=str(table.shape.file),
            why=f"it counts no {found.tables[0].columns.step or 'rows'}, as the others do",
            fix="give the files of one kind",
        )
    for table in found.tables:
        doubled = [n for n in table.shape.columns if n and table.shape.columns.count(n) > 1]
        if doubled:
            raise EsimError(f"column {doubled[0]!r} stands twice", where=f"{table.shape.file}:1")
    reading = {"reports": reports.read, "files": file_runs.read, "rows": row_runs.read}[found.kind]
    return reading(source, found, options)


def _no_curves(found: Arrangement) -> EsimError | None:
    """The error that a table holds last values only, with what holds curves; None if none does."""
    for table, summary in found.summaries:
        return EsimError(
            "no curves",
            where=str(table.shape.file),
            why=f"{summary.what} has a row for each trial, with its last values",
            fix=summary.instead,
        )
    for table in _listed(found):
        if table.is_list and table.columns.step is None and table.columns.metrics:
            return EsimError(
                "no curves",
                where=str(table.shape.file),
                why=f"each {table.columns.trial} has a single row, as tables of last values have",
                fix="export the history of each trial, with a row for each step",
            )
    return None


def _listed(found: Arrangement) -> list[Table]:
    """The tables that hold no reports."""
    options = Options()
    return [*found.others, *(Table(s, find_columns(s, options)) for s in found.trials)]


def _lacking(found: Arrangement) -> tuple[str, str]:
    """The file that is most like a table of reports, and which columns it lacks."""

    def has(table: Table) -> tuple[bool, bool]:
        return table.columns.trial is not None, table.columns.step is not None

    best = max(_listed(found), key=lambda table: sum(has(table)))
    lacking = [n for n, there in zip(("trial", "step"), has(best), strict=True) if not there]
    names = best.shape.columns
    columns = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    what = f"no column {' and no '.join(lacking)}" if lacking else "no column of numbers"
    if not any(best.shape.sample.values()):
        what = "no rows"
    return str(
        best.shape.file
    ), f"{best.shape.file.name} ({best.shape.encoding}) has {what}; it has {columns}"
