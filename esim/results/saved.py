"""Result documents, and the tables beside them, read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from esim.errors import EsimError
from esim.results.recorded_reports import RecordedReports
from esim.results.replay import DECISIONS, REPORTS, RESULT, ReplayDocument, ReplayResult
from esim.results.shown import Shown
from esim.storage.columns import Column, arrays_of, checked_columns
from esim.storage.typed import MisfitError, parse

if TYPE_CHECKING:
    import pyarrow as pa

    from esim.results.certificate import Certificate
    from esim.results.watched import Watched


# What documents were called in the folder of --out until all were called the same.
_BEFORE = ("estimate.json", "certificate.json", "watch.json", "diff.json", "explanation.json")
_OF_A_TRIAL = (Column("study", "text"), Column("trial", "text"), Column("step", "whole numbers"))
_COLUMNS = {
    REPORTS: (*_OF_A_TRIAL, Column("value", "numbers")),
    DECISIONS: (
        *_OF_A_TRIAL,
        Column("value", "numbers"),
        Column("own", "numbers"),
        Column("threshold", "numbers"),
        Column("peers", "whole numbers"),
        Column("stop", "flags"),
    ),
}


@dataclass(frozen=True)
class SavedResult:
    """A result document, where it was read, and the folder that holds its tables.

    Of a result in memory, `tables` are its tables by name, and no folder is read.
    """

    document: Mapping[str, Any]
    where: str
    folder: Path
    tables: Mapping[str, pa.Table] | None = None

    @property
    def schema(self) -> str:
        """What kind of document."""
        return str(self.document["schema"])

    def table(self, name: str, study: str) -> pa.Table | None:
        """The rows of a study in a table beside the document; None if there is no such table.

        Raises EsimError if there is one that cannot be read.
        """
        from esim.storage import arrow

        table = self.whole_table(name)
        if table is None:
            return None
        found: pa.Table = checked_columns(table, _COLUMNS[name], str(self.folder / name))
        codes, studies = arrow.categories(found["study"])
        of_study = codes == studies.index(study) if study in studies else np.zeros(len(codes), bool)
        return found.filter(arrow.booleans(of_study))

    def whole_table(self, name: str) -> pa.Table | None:
        """A table beside the document, with any columns; None if there is no such table.

        Raises EsimError if there is one that cannot be read.
        """
        import pyarrow as pa

        from esim.storage import arrow

        if self.tables is not None:
            return self.tables.get(name)
        path = self.folder / name
        if not path.is_file():
            return None
        try:
            table: pa.Table = arrow.parquet(path.read_bytes())
        except (pa.ArrowException, OSError) as error:
            raise EsimError("cannot be read", where=str(path), why=str(error)) from error
        return table


def saved_result(result: SavedResult | Shown | str | Path) -> SavedResult:
    """A result as it is when saved: one in memory, or one that is read as `read_result` does.

    Raises:
        EsimError: it cannot be read, or is of a kind that has no document.
    """
    if isinstance(result, SavedResult):
        return result
    if isinstance(result, (str, Path)):
        return read_result(Path(result))
    if not hasattr(result, "to_json"):
        raise EsimError(f"a {type(result).__name__} has no document", fix="what esim.replay gives")
    document: Any = parse(result.to_json(), strict=True)
    return SavedResult(document, "a result in memory", Path("a result in memory"))


def read_result(path: Path) -> SavedResult:
    """A result document, or the folder that `--out` wrote.

    Raises:
        EsimError: there is none, it is not JSON, or it names no schema.
    """
    file = path
    if path.is_dir():
        found = [path / name for name in (RESULT, *_BEFORE) if (path / name).is_file()]
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
        document = parse(text, strict=True)
    except MisfitError as error:
        raise EsimError("not a JSON document", where=where, why=str(error)) from error
    if not isinstance(document, dict) or not isinstance(document.get("schema"), str):
        raise EsimError("not a result document", where=where, why="it names no schema")
    return SavedResult(document, where, file.parent)


def watchable(path: Path) -> Certificate | Watched:
    """A certificate, or a watch over one: its document, or the folder that `--out` wrote.

    Raises:
        EsimError: it is neither, or does not follow its schema.
    """
    from esim.results import certificate, watched

    source = read_result(path)
    if source.schema == watched.SCHEMA:
        return watched.Watched.from_dict(source.document, source.where)
    if source.schema != certificate.SCHEMA:
        raise EsimError(
            f"a document of {source.schema!r} is no certificate",
            where=source.where,
            fix="what `esim certify LOGS --json` or `--out FOLDER` wrote",
        )
    return certificate.Certificate.from_dict(source.document, source.where)


def replay_document(source: SavedResult) -> ReplayDocument:
    """A document of schema esim.replay/1, its results with their decisions where they are kept.

    Raises:
        EsimError: the document does not follow its schema.
    """
    found = ReplayDocument.from_dict(source.document, source.where)
    results = [replace(one, trace=partial(_decisions, source, one.study)) for one in found.studies]
    return replace(found, studies=tuple(results))


def _decisions(source: SavedResult, study: str) -> Mapping[str, Any]:
    table = source.table(DECISIONS, study)
    if table is None:
        return {}
    return arrays_of(table.select([name for name, *_ in _COLUMNS[DECISIONS] if name != "study"]))


def reports_of(source: SavedResult, result: ReplayResult) -> RecordedReports | None:
    """The reports of a result's study; None where the table is missing.

    Raises EsimError if the table is of other trials.
    """
    table = source.table(REPORTS, result.study)
    if table is None:
        return None
    columns = arrays_of(table.select(["trial", "step", "value"]))
    places = {trial: i for i, trial in enumerate(result.columns.trial)}
    try:
        at = np.array([places[trial] for trial in columns["trial"]], dtype=np.int64)
    except KeyError as error:
        raise EsimError(
            "the table is of another result",
            where=str(source.folder / REPORTS),
            why=f"{source.where} has no trial {error}",
        ) from None
    order = np.argsort(at, kind="stable")
    counts = np.bincount(at, minlength=len(places))
    return RecordedReports(
        offsets=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        steps=columns["step"][order],
        values=columns["value"][order],
    )
