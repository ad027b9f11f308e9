"""A study as two Parquet files that any tool reads, and back without loss.

``reports.parquet``: study, trial, step, <objective>, elapsed_s. ``trials.parquet``: study, trial,
start, end, status, censored, instance_type, instance_count, config.*; one row per trial, in launch
order. Objective, direction and notes stand in the schemas' metadata.
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

# The reports' own columns; an objective of such a name is stored with "metric." before it.
_TAKEN = ("study", "trial", "step", "elapsed_s", "timestamp", "")


def write_study(study: Study, folder: Path) -> None:
    """Write a study into a folder, whole or not at all.

    Args:
        study: any valid study.
        folder: created if need be; one that holds nothing but such files is replaced.

    Raises:
        EsimError: the folder holds other things or cannot be written, an id is not Unicode text,
            or a hyperparameter is not text, a number, true, false or None.
    """
    import pyarrow.parquet as pq

    study.validate()
    reports, trials = _tables(study)
    with whole_folder(folder, lambda path: str(path) in (REPORTS, TRIALS)) as partial:
        pq.write_table(reports, partial / REPORTS, compression="zstd")
        pq.write_table(trials, partial / TRIALS, compression="zstd")


def read_study_folder(folder: Path) -> Study:
    """The study that `write_study` wrote.

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
    """Column and direction of the objective, from a Parquet file's metadata; None if not ours."""
    record = _record(metadata)
    if record is None:
        return None
    return _column(str(record["objective"])), as_direction(str(record["direction"]))


def decode(reports_file: bytes, trials_file: bytes, where: str) -> Study:
    """The study in the contents of the two files. Raises EsimError as `read_study_folder`."""
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
    objective = str(record["objective"])
    columns = {"study", "trial", "step", _column(objective)}
    missing = sorted(columns - set(reports.column_names))
    if missing:
        raise EsimError(f"no column {missing[0]!r}", where=f"{where}/{REPORTS}")
    ids = [str(trial) for trial in trials["trial"].to_pylist()]
    position = {trial: i for i, trial in enumerate(ids)}
    codes, names = arrow.categories(reports["trial"])
    unknown = [name for name in names if name not in position]
    rows = np.array([position.get(name, -1) for name in names], dtype=np.int64)[codes]
    if unknown or (np.diff(rows) < 0).any():
        raise EsimError("the two files do not fit", where=where, why="their trials differ")
    n = len(ids)
    counts = np.bincount(rows, minlength=n) if len(rows) else np.zeros(n, dtype=np.int64)
    study = Study(
        name=str(record["name"]),
        objective=objective,
        direction=as_direction(str(record["direction"])),
        trials=tuple(ids),
        offsets=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
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
        config={
            name.removeprefix(CONFIG): _config(trials[name].to_pylist(), name in record["json"])
            for name in trials.column_names
            if name.startswith(CONFIG)
        },
        notes=tuple(
            Note(code, text, count, tuple(*evidence))  # tables before 0.2 have none
            for code, text, count, *evidence in record["notes"]
        ),
    )
    study.validate()
    return study


def _tables(study: Study) -> tuple[Any, Any]:
    import pyarrow as pa

    from esim.storage import arrow

    rows = np.repeat(np.arange(study.n_trials, dtype=np.int64), np.diff(study.offsets))
    as_json: list[str] = []
    configs = {}
    for key, values in study.config.items():
        column, is_json = _config_column(key, [plain_config(key, value) for value in values])
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
            "start": arrow.with_nulls(study.start, ~np.isnan(study.start)),
            "end": arrow.with_nulls(study.end, ~np.isnan(study.end)),
            "status": arrow.strings(words),
            "censored": arrow.booleans(study.censored),
            "instance_type": arrow.strings(study.instance_type),
            "instance_count": arrow.array(study.instance_count),
            **configs,
        }
        record = json.dumps(
            {
                "schema": SCHEMA,
                "name": study.name,
                "objective": study.objective,
                "direction": study.direction,
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
    taken = objective in _TAKEN or objective.startswith("metric.")
    return f"metric.{objective}" if taken else objective


def _record(metadata: Mapping[str, str]) -> dict[str, Any] | None:
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


def plain_config(key: str, value: Any) -> str | int | float | bool | None:
    """A hyperparameter as stored. Raises EsimError if it is not a plain value."""
    plain = value.item() if isinstance(value, np.generic) else value
    if plain is None or isinstance(plain, str | int | float | bool):
        return plain
    raise EsimError(
        f"hyperparameter {key!r} is a {type(value).__name__}",
        why=f"{value!r}",
        fix="text, a number, true, false or None",
    )


def _config_column(key: str, values: Sequence[str | int | float | bool | None]) -> tuple[Any, bool]:
    """A typed column where one type holds all values exactly, else each value as JSON text."""
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
    if not is_json:
        return tuple(values)
    return tuple(None if value is None else json.loads(value) for value in values)
