"""Reads the plain table, which every tool can write: trial, step, and a column for each metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from esim.errors import EsimError, near_names
from esim.readers.assembly import ReportColumns, assemble, some
from esim.readers.encodings.times import ISO_8601
from esim.readers.formats import Detection, Format, Found
from esim.readers.options import Options, settle_direction, settle_objective
from esim.readers.runs import file_notes
from esim.readers.source import Source
from esim.readers.tables.rows import ReportRows, read_rows
from esim.readers.tables.shape import Shape, shape_of
from esim.readers.tables.trials import CONFIG, TRIAL_COLUMNS, listed_trials, zone_note
from esim.study import Direction, Float64, Int64, Note, Study

FORMAT = Format(
    name="table",
    summary="CSV, JSONL or Parquet with columns trial, step and one per metric; "
    "optional second table of trials",
    needs=("direction", "objective, if there are several metrics"),
    times=True,
    schedule=True,
    configs=True,
    several_studies=True,
    by_contents=True,
)

ROW_COLUMNS = ("study", "trial", "step", "elapsed_s", "timestamp")


def detect(source: Source) -> Detection:
    """Whether some file of the input is a table with the columns `trial` and `step`."""
    shapes = [shape for file in source.files if (shape := shape_of(file)) is not None]
    reports = [shape for shape in shapes if shape.has_reports]
    if reports:
        return Detection(True, f"{some([s.file.name for s in reports])} with trial and step")
    if not shapes:
        return Detection(False, "no CSV, JSONL or Parquet file")
    return Detection(False, _lacking(shapes)[1])


def read(source: Source, options: Options) -> Found:
    """Read the studies of a table: one, or one for each value of its column `study`.

    Args:
        source: the input.
        options: what the user asked for.

    Raises:
        EsimError: a column is missing, a cell does not fit its column (the error names path and
            line), or the objective or direction is not known.
    """
    shapes = [shape for file in source.files if (shape := shape_of(file)) is not None]
    reports = [shape for shape in shapes if shape.has_reports]
    trials = [shape for shape in shapes if shape.has_trials]
    if not reports:
        where, why = _lacking(shapes) if shapes else (source.label, "no table file")
        raise EsimError("no table with the columns trial and step", where=where, why=why)
    encodings = sorted({shape.encoding for shape in reports})
    if len(encodings) > 1:
        raise EsimError(
            "mixed formats: reports in " + " and in ".join(encodings),
            where=source.label,
            why=", ".join(next(s.file.name for s in reports if s.encoding == e) for e in encodings),
            fix="give the files of one kind",
        )
    used = {shape.file for shape in reports + trials}
    notes = file_notes(source, used, "are not tables of trials")
    objective, direction = _settle(reports, options, source.label)
    notes_of_data = _data_notes(reports, options)
    studies = _studies(source, reports, trials, objective, direction, notes_of_data, options)
    return Found(tuple(studies), notes)


def _lacking(shapes: Sequence[Shape]) -> tuple[str, str]:
    """The file that is most like a table of reports, and which columns it lacks."""
    best = max(shapes, key=lambda s: ("trial" in s.columns) + ("step" in s.columns))
    lacking = [name for name in ("trial", "step") if name not in best.columns]
    columns = ", ".join(best.columns[:8])
    more = f" and {len(best.columns) - 8} more" if len(best.columns) > 8 else ""
    return str(best.file), (
        f"{best.file.name} ({best.encoding}) has no column {' and no '.join(lacking)}; "
        f"it has {columns}{more}"
    )


def _settle(reports: Sequence[Shape], options: Options, where: str) -> tuple[str, Direction]:
    """The objective and its direction."""
    from esim.storage import parquet as storage

    reserved = {*ROW_COLUMNS, *TRIAL_COLUMNS, ""}
    candidates = dict.fromkeys(
        name
        for shape in reports
        for name in shape.columns
        if name not in reserved and not name.startswith(CONFIG)
    )
    recorded = {storage.recorded_objective(shape.metadata) for shape in reports}
    known = recorded.pop() if len(recorded) == 1 else None
    objective = settle_objective(options, list(candidates), where, known and known[0])
    for shape in reports:
        # A metric may first occur in a late row of JSONL; if it never does, its values are missing.
        if objective not in shape.columns and shape.encoding != "JSONL":
            raise EsimError(
                f"no metric {objective!r}",
                where=str(shape.file),
                fix=f"its columns: {near_names(objective, shape.columns)}",
            )
    applies = known is not None and known[0] == objective
    return objective, settle_direction(options, where, known[1] if known and applies else None)


def _data_notes(reports: Sequence[Shape], options: Options) -> list[Note]:
    """Notes on columns and options that are not used."""
    notes = []
    columns = {name for shape in reports for name in shape.columns}
    unused = sorted(n for n in columns if n.startswith(CONFIG) or n in TRIAL_COLUMNS[2:])
    if unused:
        text = f"column(s) of the reports left unread: {some(unused)}; a table of trials has them"
        notes.append(Note("columns_not_read", text, len(unused)))
    if options.metrics:
        notes.append(Note("metric_unused", "--metric is for log text; a table has columns"))
    return notes


@dataclass(frozen=True)
class _Part:
    """The R reports of one file, with codes for trials and studies that all files share.

    Attributes:
        rows: the reports.
        trial_codes, study_codes: int64 [R], positions in the names of all files' trials and
            studies.
    """

    rows: ReportRows
    trial_codes: Int64
    study_codes: Int64


def _studies(
    source: Source,
    reports: Sequence[Shape],
    trials: Sequence[Shape],
    objective: str,
    direction: Direction,
    notes: list[Note],
    options: Options,
) -> list[Study]:
    time = _time_column(reports)
    default = source.default_name
    trial_names: dict[str, int] = {}
    study_names: dict[str, int] = {}
    parts: list[_Part] = []
    for shape in reports:
        rows = read_rows(shape, objective, time)
        own = rows.studies if rows.studies is not None else [default]
        of_study = np.zeros(len(rows.steps), dtype=np.int64)
        codes = rows.study_codes if rows.study_codes is not None else of_study
        trial_map = _codes(rows.trials, trial_names)
        parts.append(_Part(rows, trial_map[rows.trial_codes], _codes(own, study_names)[codes]))
    folders = {shape.file.path.parent for shape in reports}
    if len(folders) > 1 and not all("study" in shape.columns for shape in reports):
        _refuse_shared_trials(reports, parts, list(trial_names), source.label)
        text = f"reports of {len(folders)} folders, without a column study, are taken as one study"
        notes = [*notes, Note("folders_joined", text, len(folders))]
    if time == "timestamp":
        notes = notes + _time_notes(parts)
    listed = listed_trials(trials, list(study_names), any("study" in s.columns for s in reports))
    trial_codes = np.concatenate([part.trial_codes for part in parts])
    study_codes = np.concatenate([part.study_codes for part in parts])
    steps = np.concatenate([part.rows.steps for part in parts])
    values = np.concatenate([part.rows.values for part in parts])
    times = _joined_times(parts, time)
    studies = []
    for name, code in study_names.items():
        kept: Any = study_codes == code if len(study_names) > 1 else slice(None)
        table, table_notes = listed.get(name, (None, []))
        chosen = None if times is None else times[kept]
        studies.append(
            assemble(
                ReportColumns(
                    trials=list(trial_names),
                    codes=trial_codes[kept],
                    steps=steps[kept],
                    values=values[kept],
                    elapsed=chosen if time == "elapsed_s" else None,
                    timestamps=chosen if time == "timestamp" else None,
                ),
                table,
                name=name,
                objective=objective,
                direction=direction,
                where=source.label,
                notes=notes + table_notes,
                asked=options.first_step,
            )
        )
    return studies


def _codes(names: Sequence[str], known: dict[str, int]) -> Int64:
    return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int64)


def _time_column(reports: Sequence[Shape]) -> str | None:
    for name in ("elapsed_s", "timestamp"):
        if all(name in shape.columns for shape in reports):
            return name
    for name in ("elapsed_s", "timestamp"):
        for shape in reports:
            if name not in shape.columns and any(name in s.columns for s in reports):
                raise EsimError(
                    f"no column {name}", where=str(shape.file), why="other files of it have one"
                )
    return None


def _joined_times(parts: Sequence[_Part], time: str | None) -> Float64 | None:
    if time is None:
        return None
    return np.concatenate([p.rows.times for p in parts if p.rows.times is not None])


def _time_notes(parts: Sequence[_Part]) -> list[Note]:
    units = sorted({part.rows.time_unit for part in parts})
    notes = []
    if units != [ISO_8601]:
        notes.append(Note("time_unit", f"column timestamp is read as {' and '.join(units)}"))
    if any(part.rows.zone_assumed for part in parts):
        notes.append(zone_note("timestamp"))
    return notes


def _refuse_shared_trials(
    reports: Sequence[Shape], parts: Sequence[_Part], trials: Sequence[str], where: str
) -> None:
    """Refuse a trial that is in two folders: without a column `study` it may be two trials."""
    folder_of_trial: dict[tuple[int, int], str] = {}
    for shape, part in zip(reports, parts, strict=True):
        pairs = np.unique(np.stack([part.study_codes, part.trial_codes], axis=1), axis=0)
        for study, trial in pairs.tolist():
            folder = str(shape.file.path.parent)
            other = folder_of_trial.setdefault((study, trial), folder)
            if other != folder:
                raise EsimError(
                    f"trial {trials[trial]!r} is in two folders, and there is no column study",
                    where=where,
                    why=f"they are {other} and {folder}",
                    fix="read each folder by itself, or add a column study",
                )
