"""Writes a study as two Parquet files that any tool can read, and reads them without loss.

``reports.parquet`` has the columns study, trial, step, <objective> and elapsed_s.
``trials.parquet`` has study, trial, start, end, status, censored, instance_type, instance_count,
billed_s (where it is recorded) and config.*, one row for each trial in launch order. The metadata
of both schemas hold objective, direction and notes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from esim.errors import EsimError
from esim.storage.folders import whole_folder
from esim.study import STATUS_WORDS, Direction, Note, Study, as_direction

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
    record = _record(metadata)
    if record is None:
        return None
    return _column(str(record["objective"])), as_direction(str(record["direction"]))


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
    objective = str(record["objective"])
    missing = sorted({"study", "trial", "step", _column(objective)} - set(reports.column_names))
    if missing:
        raise EsimError(f"no column {missing[0]!r}", where=f"{where}/{REPORTS}")
    ids = [str(trial) for trial in trials["trial"].to_pylist()]
    study = Study(
        name=str(record["name"]),
        objective=objective,
        direction=as_direction(str(record["direction"])),
        trials=tuple(ids),
        offsets=_offsets(reports["trial"], ids, where),
        steps=arrow.numbers(reports["step"]),
        values=arrow.numbers(reports[_column(objective)]),
        elapsed=arrow.floats(reports["elapsed_s"]) if "elapsed_s" in reports.column_names else None,
        start=arrow.floats(trials["start"]),
        end=arrow.floats(trials["end"]),
        status=np.array(
            [STATUS_WORDS[str(w)] for w in trials["status"].to_pylist()], dtype=np.int8
        ),
        censored=np.array(trials["censored"].to_pylist(), dtype=np.bool_),
        instance_type=tuple(trials["instance_type"].to_pylist()),
        instance_count=arrow.numbers(trials["instance_count"]),
        billed=arrow.floats(trials["billed_s"]) if "billed_s" in trials.column_names else None,
        config={
            name.removeprefix(CONFIG): _config(trials[name].to_pylist(), name in record["json"])
            for name in trials.column_names
            if name.startswith(CONFIG)
        },
        done_at_zero=record.get("done_at_zero", 0),
        notes=tuple(
            Note(code, text, count, tuple(*evidence))  # files written before 0.2 have no evidence
            for code, text, count, *evidence in record["notes"]
        ),
    )
    study.validate()
    return study if "done_at_zero" in record else study.with_first_step()


def _tables_and_record(
    reports_file: bytes, trials_file: bytes, where: str
) -> tuple[Any, Any, dict[str, Any]]:
    """The two files as Arrow tables, and what esim recorded about the study in their metadata.

    Raises:
        EsimError: as `decode`.
    """
    import pyarrow as pa

    from esim.storage import arrow

    try:
        reports = arrow.parquet(reports_file)
        trials = arrow.parquet(trials_file)
    except (pa.ArrowException, OSError) as error:
        raise EsimError("damaged Parquet file", where=where, why=str(error)) from error
    record = _record(_decoded(reports.schema.metadata))
    if record is None or _record(_decoded(trials.schema.metadata)) != record:
        raise EsimError(
            "not a study stored by esim",
            where=where,
            why=f"{REPORTS} and {TRIALS} are not of one study",
            fix="esim.read_study reads other tables",
        )
    return reports, trials, record


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

    rows = np.repeat(np.arange(study.n_trials, dtype=np.int64), np.diff(study.offsets))
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


def _record(metadata: Mapping[str, str]) -> dict[str, Any] | None:
    """What esim recorded about the study in a schema's metadata; None if esim did not write it."""
    if METADATA_KEY not in metadata:
        return None
    try:
        record = json.loads(metadata[METADATA_KEY])
    except json.JSONDecodeError:
        return None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        return None
    return cast("dict[str, Any]", record)


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


def _config(values: list[Any], is_json: bool) -> tuple[Any, ...]:
    """The values of a hyperparameter from its column."""
    if not is_json:
        return tuple(values)
    return tuple(None if value is None else json.loads(value) for value in values)
