"""Result documents, and the tables beside them, read back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from esim.assumptions import Clock, Costs
from esim.errors import EsimError
from esim.report.files import DECISIONS, ESTIMATE, REPORTS, RESULT
from esim.results.replay import (
    BestTrial,
    Caveat,
    ReadingRow,
    ReplayResult,
    Reports,
    Summary,
    TrialColumns,
)
from esim.study import as_direction

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class RecordedRule:
    """The rule of a result that was read back, whatever version of esim wrote it."""

    name: str
    source: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """A result document, where it was read, and the folder that holds its tables."""

    document: Mapping[str, Any]
    where: str
    folder: Path

    @property
    def schema(self) -> str:
        """What kind of document."""
        return str(self.document["schema"])

    def table(self, name: str, study: str) -> pa.Table | None:
        """The rows of a study in a table beside the document; None if there is no such table.

        Raises EsimError if there is one that cannot be read.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.folder / name
        if not path.is_file():
            return None
        try:
            return pq.read_table(path, filters=[("study", "=", study)])
        except (pa.ArrowException, OSError) as error:
            raise EsimError("cannot be read", where=str(path), why=str(error)) from error


def read_result(path: Path) -> Source:
    """A result document, or the folder that `--out` wrote.

    Raises:
        EsimError: there is none, it is not JSON, or it names no schema.
    """
    file = path
    if path.is_dir():
        found = [path / name for name in (RESULT, ESTIMATE) if (path / name).is_file()]
        file = found[0] if found else path / RESULT
    where = str(file)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        why = "no such file" if file == path else f"the folder holds no {RESULT}"
        fix = "what `esim replay LOGS --out FOLDER` or `--json` wrote"
        raise EsimError("no result document", where=str(path), why=why, fix=fix) from None
    except (OSError, UnicodeDecodeError) as error:
        raise EsimError("cannot be read", where=where, why=str(error)) from error
    try:
        document = json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        raise EsimError("not a JSON document", where=where, why=str(error)) from error
    if not isinstance(document, dict) or not isinstance(document.get("schema"), str):
        raise EsimError("not a result document", where=where, why="it names no schema")
    return Source(document, where, file.parent)


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not strict JSON")


@contextmanager
def following_schema(source: Source) -> Iterator[None]:
    """Whatever is missing or of another type inside is an EsimError about the document."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise EsimError(
            f"the document does not follow its schema, {source.schema}",
            where=source.where,
            why=f"{type(error).__name__}: {error}",
            fix="write it again with this version of esim",
        ) from error


def replay_results(source: Source) -> tuple[ReplayResult, ...]:
    """The results in a document of schema esim.replay/1, as they were when it was written.

    Infinities stand as null in the document, and so are unknown here.
    """
    with following_schema(source):
        return tuple(_result(source, entry) for entry in source.document["studies"])


def reports_of(source: Source, result: ReplayResult) -> Reports | None:
    """The reports of a result's study; None where the table is missing.

    Raises EsimError if the table is of other trials.
    """
    table = source.table(REPORTS, result.study)
    if table is None:
        return None
    trials = table.column("trial").to_numpy(zero_copy_only=False)
    places = {trial: i for i, trial in enumerate(result.columns.trial)}
    try:
        at = np.array([places[trial] for trial in trials], dtype=np.int64)
    except KeyError as error:
        raise EsimError(
            "the table is of another result",
            where=str(source.folder / REPORTS),
            why=f"{source.where} has no trial {error}",
        ) from None
    order = np.argsort(at, kind="stable")
    counts = np.bincount(at, minlength=len(places))
    return Reports(
        offsets=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        steps=table.column("step").to_numpy().astype(np.int64)[order],
        values=table.column("value").to_numpy().astype(np.float64)[order],
    )


def _result(source: Source, entry: Mapping[str, Any]) -> ReplayResult:
    study = str(entry["study"])

    def trace() -> Mapping[str, Any]:
        table = source.table(DECISIONS, study)
        if table is None:
            return {}
        return {
            name: table.column(name).to_numpy(zero_copy_only=False)
            for name in table.column_names
            if name != "study"
        }

    return ReplayResult(
        study=study,
        objective=str(entry["objective"]),
        direction=as_direction(entry["direction"]),
        rule=RecordedRule(**entry["rule"]),
        clock=Clock(**entry["clock"]),
        costs=Costs(**entry["costs"]),
        final=str(entry["final"]),
        summary=_summary(entry["summary"]),
        columns=_columns(entry["trials"]),
        warnings=tuple(Caveat(**warning) for warning in entry["warnings"]),
        readings=tuple(_reading(row) for row in entry.get("readings", ())),
        trace=trace,
    )


def _summary(entry: Mapping[str, Any]) -> Summary:
    values = {f.name: entry[f.name] for f in fields(Summary)}
    for name in ("best", "best_recorded"):
        if values[name] is not None:
            value = values[name]["value"]
            values[name] = BestTrial(values[name]["trial"], np.nan if value is None else value)
    if values["steps_saved_fraction_bounds"] is not None:
        values["steps_saved_fraction_bounds"] = tuple(values["steps_saved_fraction_bounds"])
    return Summary(**values)


def _columns(rows: list[Mapping[str, Any]]) -> TrialColumns:
    def column(name: str, kind: str) -> NDArray[Any]:
        cells = [row[name] for row in rows]
        if kind == "float64":
            return np.array([np.nan if x is None else x for x in cells], dtype=np.float64)
        return np.array([-1 if x is None else x for x in cells], dtype=kind)

    kinds = {"stopped": "bool", "censored": "bool"} | dict.fromkeys(
        ("stop_step", "steps_recorded", "steps_run", "peers", "reports_kept"), "int64"
    )
    names = [f.name for f in fields(TrialColumns) if f.name != "trial"]
    arrays = {name: column(name, kinds.get(name, "float64")) for name in names}
    return TrialColumns(trial=tuple(str(row["trial"]) for row in rows), **arrays)


def _reading(entry: Mapping[str, Any]) -> ReadingRow:
    return ReadingRow(
        code=entry["code"],
        question=entry["question"],
        reading=entry["reading"],
        clock=Clock(**entry["clock"]),
        parameters=dict(entry["parameters"]),
        summary=_summary(entry["summary"]),
    )
