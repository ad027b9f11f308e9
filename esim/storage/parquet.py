"""Writes a study as two Parquet files that any tool can read, and reads them without loss.

``reports.parquet`` has the columns study, trial, step, <objective> and elapsed_s.
``trials.parquet`` has study, trial, start, end, status, censored, instance_type, instance_count,
billed_s (where it is recorded) and config.*, one row for each trial in launch order. The metadata
of both schemas hold objective, direction and notes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from esim.errors import EsimError, within
from esim.storage.columns import Column, checked_columns, kind_of
from esim.storage.folders import whole_folder
from esim.storage.typed import MisfitError, build, parse
from esim.study import STATUS_WORDS, Direction, Note, Study
from esim.study.status import as_status

METADATA_KEY = "esim"
SCHEMA = "esim.study/1"
REPORTS = "reports.parquet"
TRIALS = "trials.parquet"
CONFIG = "config."

# The names of the reports' own columns: an objective of such a name is stored as "metric.<name>".
_TAKEN = ("study", "trial", "step", "elapsed_s", "timestamp", "")


def write_study(study: Study, folder: Path) -> None:
    """Write a study into a folder, both files or none of them.

    Args:
        study: any valid study.
        folder: created if need be. A folder that holds nothing but these two files is replaced.

    Raises:
        EsimError: the folder holds other files or cannot be written, an id is not Unicode text, or
            a hyperparameter is not text, a number, true, false or None.
    """
    from esim.storage import sealed

    study.validate()
    reports, trials = _tables(study)
    with whole_folder(folder, lambda path: str(path) in (REPORTS, TRIALS)) as partial:
        for name, table in ((REPORTS, reports), (TRIALS, trials)):
            with (partial / name).open("wb") as out:
                sealed.write_table(table, out, compression="zstd")


def read_study_folder(folder: Path) -> Study:
    """Read the study that `write_study` wrote.

    Args:
        folder: the folder that was given to `write_study`.

    Raises:
        EsimError: a file is missing, damaged or not written by esim.
    """
    data = []
    for name in (REPORTS, TRIALS):
        try:
            data.append((folder / name).read_bytes())
        except OSError as error:
            raise EsimError(
                "no study stored by esim",
                where=str(folder / name),
                why=error.strerror,
                fix="esim.read_study reads other tables and formats",
            ) from error
    return decode(data[0], data[1], str(folder))


def recorded_objective(metadata: Mapping[str, str]) -> tuple[str, Direction] | None:
    """The objective's column and direction that a Parquet file of esim records in its metadata.

    Args:
        metadata: the metadata of the file's schema.

    Returns:
        None if esim did not write the file.
    """
    try:
        record = _record(metadata)
    except MisfitError:
        return None
    return None if record is None else (_column(record.objective), record.direction)


def decode(reports_file: bytes, trials_file: bytes, where: str) -> Study:
    """The study in the contents of the two files.

    Args:
        reports_file, trials_file: the bytes of `reports.parquet` and `trials.parquet`.
        where: the folder, for errors.

    Raises:
        EsimError: a file is damaged or not written by esim, or the two do not belong together.
    """
    from esim.storage import arrow

    reports, trials, record = _tables_and_record(reports_file, trials_file, where)
    value = Column(_column(record.objective), "numbers")
    reports = checked_columns(reports, (*_REPORT_COLUMNS, value), f"{where}/{REPORTS}")
    trials = checked_columns(trials, TRIAL_COLUMNS, f"{where}/{TRIALS}")
    ids = trials["trial"].to_pylist()
    study = Study(
        name=record.name,
        objective=record.objective,
        direction=record.direction,
        trials=tuple(ids),
        offsets=_offsets(reports["trial"], ids, where),
        steps=arrow.numbers(reports["step"], own=True),
        values=arrow.numbers(reports[value.name], own=True),
        elapsed=arrow.floats(reports["elapsed_s"], own=True)
        if "elapsed_s" in reports.column_names
        else None,
        start=arrow.floats(trials["start"]),
        end=arrow.floats(trials["end"]),
        status=status_codes(trials["status"], f"{where}/{TRIALS}"),
        censored=arrow.flags(trials["censored"]),
        instance_type=tuple(trials["instance_type"].to_pylist()),
        instance_count=arrow.numbers(trials["instance_count"]),
        billed=arrow.floats(trials["billed_s"]) if "billed_s" in trials.column_names else None,
        config=_configs(trials, record.json, f"{where}/{TRIALS}"),
        done_at_zero=record.done_at_zero or 0,
        notes=record.notes,
    )
    with within(where):
        study.validate()
    return study if record.done_at_zero is not None else study.with_first_step()


@dataclass(frozen=True)
class _Record:
    """What the metadata of both schemas hold; in files written before 0.2 no `done_at_zero`."""

    name: str
    objective: str
    direction: Direction
    notes: tuple[Note, ...]
    json: tuple[str, ...]
    beside: ClassVar = ("schema",)
    done_at_zero: int | None = None


_REPORT_COLUMNS = (
    Column("trial", "text"),
    Column("step", "whole numbers"),
    Column("elapsed_s", "numbers", needed=False),
)
TRIAL_COLUMNS = (
    Column("trial", "text"),
    Column("start", "numbers", nulls=True),
    Column("end", "numbers", nulls=True),
    Column("status", "text"),
    Column("censored", "flags"),
    Column("instance_type", "text", nulls=True),
    Column("instance_count", "whole numbers"),
    Column("billed_s", "numbers", nulls=True, needed=False),
)


def status_codes(column: Any, where: str) -> NDArray[np.int8]:
    """int8 [N]: the codes of an Arrow column of words for a status.

    Raises:
        EsimError: a word is unknown.
    """
    from esim.storage import arrow

    codes, words = arrow.categories(column)
    with within(where):
        return np.array([as_status(word) for word in words], dtype=np.int8)[codes]


def _tables_and_record(
    reports_file: bytes, trials_file: bytes, where: str
) -> tuple[Any, Any, _Record]:
    """The two files as Arrow tables, and what esim recorded about the study in their metadata.

    Raises:
        EsimError: as `decode`.
    """
    import pyarrow as pa

    from esim.storage import arrow

    tables = []
    for name, data in ((REPORTS, reports_file), (TRIALS, trials_file)):
        try:
            tables.append(arrow.parquet(data))
        except (pa.ArrowException, OSError) as error:
            place = f"{where}/{name}"
            raise arrow.damaged(place, error) from error
    try:
        record, again = (_record(_decoded(table.schema.metadata)) for table in tables)
        why = f"{REPORTS} and {TRIALS} are not of one study"
    except MisfitError as error:
        record, again, why = None, None, f"in the record of the study {error}"
    if record is None or record != again:
        fix = "esim.read_study reads other tables"
        raise EsimError("not a study stored by esim", where=where, why=why, fix=fix)
    return tables[0], tables[1], record


def _offsets(trial_column: Any, ids: Sequence[str], where: str) -> NDArray[np.int64]:
    """int64 [N + 1]: each trial's part of the reports, from the reports' column of trial ids.

    Raises:
        EsimError: the reports are of other trials, or not in the order of `ids`.
    """
    from esim.storage import arrow

    position = {trial: i for i, trial in enumerate(ids)}
    codes, names = arrow.categories(trial_column)
    unknown = [name for name in names if name not in position]
    rows = np.array([position.get(name, -1) for name in names], dtype=np.int64)[codes]
    if unknown or (np.diff(rows) < 0).any():
        raise EsimError("the two files do not fit", where=where, why="their trials differ")
    n = len(ids)
    counts = np.bincount(rows, minlength=n) if len(rows) else np.zeros(n, dtype=np.int64)
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int64)


def _tables(study: Study) -> tuple[Any, Any]:
    """The study's reports and trials as two Arrow tables."""
    import pyarrow as pa

    from esim.storage import arrow

    rows = np.repeat(np.arange(study.n_trials, dtype=np.int64), study.lengths)
    as_json: list[str] = []
    configs = {}
    for key, values in study.config.items():
        column, is_json = _config_column(key, [plain_value(key, value) for value in values])
        configs[CONFIG + key] = column
        if is_json:
            as_json.append(CONFIG + key)
    try:
        reports = {
            "study": arrow.dictionary(np.zeros(study.n_reports, dtype=np.int64), [study.name]),
            "trial": arrow.dictionary(rows, study.trials),
            "step": arrow.array(study.steps),
            _column(study.objective): arrow.array(study.values),
        }
        if study.elapsed is not None:
            reports["elapsed_s"] = arrow.array(study.elapsed)
        words = [STATUS_OF[int(code)] for code in study.status]
        trials = {
            "study": arrow.strings([study.name] * study.n_trials),
            "trial": arrow.strings(study.trials),
            "start": arrow.nan_as_null(study.start),
            "end": arrow.nan_as_null(study.end),
            "status": arrow.strings(words),
            "censored": arrow.booleans(study.censored),
            "instance_type": arrow.strings(study.instance_type),
            "instance_count": arrow.array(study.instance_count),
            **({} if study.billed is None else {"billed_s": arrow.nan_as_null(study.billed)}),
            **configs,
        }
        record = json.dumps(
            {
                "schema": SCHEMA,
                "name": study.name,
                "objective": study.objective,
                "direction": study.direction,
                "done_at_zero": study.done_at_zero,
                "notes": [[n.code, n.text, n.count, n.evidence] for n in study.notes],
                "json": as_json,
            }
        )
    except UnicodeEncodeError as error:
        raise EsimError(
            f"{error.object!r} is not Unicode text", where=f"study {study.name!r}"
        ) from None
    metadata = {METADATA_KEY: record}
    return (
        pa.table(list(reports.values()), names=list(reports)).replace_schema_metadata(metadata),
        pa.table(list(trials.values()), names=list(trials)).replace_schema_metadata(metadata),
    )


STATUS_OF = {int(code): code.word for code in STATUS_WORDS.values()}


def _column(objective: str) -> str:
    """The column that holds the objective's values."""
    taken = objective in _TAKEN or objective.startswith("metric.")
    return f"metric.{objective}" if taken else objective


def _record(metadata: Mapping[str, str]) -> _Record | None:
    """What esim recorded about the study in a schema's metadata; None if esim did not write it.

    Raises:
        MisfitError: it is no such record.
    """
    if METADATA_KEY not in metadata:
        return None
    found = parse(metadata[METADATA_KEY])
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        return None
    return build(_Record, found)


def _decoded(metadata: Mapping[bytes, bytes] | None) -> dict[str, str]:
    return {
        key.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for key, value in (metadata or {}).items()
    }


def plain_value(key: str, value: Any) -> str | int | float | bool | None:
    """A hyperparameter as it is stored.

    Args:
        key: its name, for the error.
        value: its value; NumPy's scalars become Python's.

    Raises:
        EsimError: it is not text, a number, true, false or None.
    """
    plain = value.item() if isinstance(value, np.generic) else value
    if plain is None or isinstance(plain, str | int | float | bool):
        return plain
    raise EsimError(
        f"hyperparameter {key!r} is a {type(value).__name__}",
        why=f"{value!r}",
        fix="text, a number, true, false or None",
    )


def _config_column(key: str, values: Sequence[str | int | float | bool | None]) -> tuple[Any, bool]:
    """A hyperparameter's values as an Arrow column, and whether they are stored as JSON text.

    They are JSON text where no single type holds all of them exactly.
    """
    from esim.storage import arrow

    present = np.array([value is not None for value in values], dtype=np.bool_)
    kinds = {type(value) for value in values if value is not None}
    try:
        if kinds <= {str}:
            return arrow.strings(cast("Sequence[str | None]", values)), False
        if kinds == {bool}:
            return arrow.booleans(np.array([value is True for value in values]), present), False
        numbers: NDArray[Any]
        whole = [value if isinstance(value, int) else 0 for value in values]
        if kinds == {int} and all(-(2**63) <= value < 2**63 for value in whole):
            numbers = np.array(whole, dtype=np.int64)
            return arrow.with_nulls(numbers, present), False
        if kinds == {float}:
            numbers = np.array([0.0 if value is None else value for value in values], np.float64)
            return arrow.with_nulls(numbers, present), False
        return arrow.strings([None if v is None else json.dumps(v) for v in values]), True
    except UnicodeEncodeError:
        raise EsimError(f"hyperparameter {key!r} is not Unicode text") from None


def _configs(trials: Any, as_json: Sequence[str], where: str) -> dict[str, tuple[Any, ...]]:
    """The hyperparameters in the table of trials.

    Args:
        trials: the Arrow table.
        as_json: the columns that hold JSON text.
        where: the file, for errors.

    Raises:
        EsimError: a column is there twice, or holds something else.
    """
    found = {}
    for name, column in zip(trials.column_names, trials.columns, strict=True):
        if not name.startswith(CONFIG):
            continue
        kind = kind_of(column.type) if name not in as_json else None
        checked_columns(trials, (Column(name, kind or "text", nulls=True),), where)
        values = column.to_pylist()
        if name in as_json:
            values = [None if value is None else json_value(value, where) for value in values]
        key = name.removeprefix(CONFIG)
        found[key] = hyperparameter(key, values, where)
    return found


def json_value(text: str, where: str) -> Any:
    """The value that JSON text in a stored table holds. Raises EsimError if it is not JSON."""
    try:
        return parse(text)
    except MisfitError as error:
        raise EsimError("not JSON", where=where, why=str(error)) from None


def hyperparameter(key: str, values: Sequence[Any], where: str) -> tuple[Any, ...]:
    """The values of a hyperparameter that were read. Raises EsimError as `plain_value`."""
    if not set(map(type, values)) <= {str, int, float, bool, type(None)}:
        with within(where):
            for value in values:
                plain_value(key, value)
    return tuple(values)
