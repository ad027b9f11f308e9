"""Reads tables whose rows are reports and in which a column names the trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.errors import EsimError, near_names
from esim.readers.assembly import ReportColumns, assemble, some, zone_note
from esim.readers.encodings import cells
from esim.readers.encodings.times import ISO_8601
from esim.readers.formats import Found
from esim.readers.options import Options, settle_direction, settle_objective
from esim.readers.runs import file_notes
from esim.readers.source import Source
from esim.readers.tables.arrangement import Arrangement, Table
from esim.readers.tables.columns import plain_name, time_kind
from esim.readers.tables.records import Oddities
from esim.readers.tables.rows import ReportRows, Wanted, holds_text, read_rows, texts_of
from esim.readers.tables.trials import CONFIG, TRIAL_COLUMNS, listed_trials
from esim.readers.whole_steps import whole_steps
from esim.study import Direction, Float64, Int64, Note, Study

# Columns that tell rows of one trial and step apart where nothing else does.
_PARTS = ("seed", "fold", "rank", "worker", "host", "repeat", "replicate", "cv")


@dataclass(frozen=True)
class _Choice:
    """What is read of the tables.

    Attributes:
        objective: its name.
        direction: its direction.
        wanted: for each table the columns.
        split: the column whose texts tell the rows of training from those of validation; None if
            there is none, or if the user names the rows.
    """

    objective: str
    direction: Direction
    wanted: tuple[Wanted, ...]
    split: str | None


def read(source: Source, found: Arrangement, options: Options) -> Found:
    """Read the studies: one, or one for each value of the column of studies.

    Args:
        source: the input.
        found: its tables.
        options: what the user asked for.

    Raises:
        EsimError: a cell does not fit its column (the error names path and line), or the objective
            or direction is not known.
    """
    tables = found.tables
    encodings = sorted({table.shape.encoding for table in tables})
    if len(encodings) > 1:
        of_each = [next(t for t in tables if t.shape.encoding == e) for e in encodings]
        raise EsimError(
            "mixed formats: reports in " + " and in ".join(encodings),
            where=source.label,
            why=", ".join(table.shape.file.name for table in of_each),
            fix="give the files of one kind",
        )
    used = {*(table.shape.file for table in tables), *(shape.file for shape in found.trials)}
    notes = file_notes(source, used, "are not tables of trials")
    odd = Oddities()
    choice = _choose(tables, options, source.label, found.exact)
    said = _data_notes(found, choice, options)
    studies = _studies(source, found, choice, said, options, odd)
    lengths = [int(n) for study in studies for n in np.diff(study.offsets)]
    if not found.exact and len(lengths) > 1 and max(lengths) < 2:
        raise EsimError(
            "no curves",
            where=source.label,
            why=f"each of {len(lengths)} trials has a single row, as tables of last values have",
            fix="export the history of each trial, with a row for each step",
        )
    return Found(tuple(studies), notes)


def _choose(tables: Sequence[Table], options: Options, where: str, exact: bool) -> _Choice:
    """The objective with its direction, and the columns that are read."""
    from esim.storage import parquet as storage

    stored = {storage.recorded_objective(table.shape.metadata) for table in tables}
    known = stored.pop() if len(stored) == 1 else None
    first = tables[0].columns
    conditions = list(options.where)
    given = dict(conditions)
    split = None if first.split in given else first.split
    recorded: str | None = None
    if first.metric is not None and first.value is not None:
        candidates = _texts(tables, first.metric)
        recorded = given.get(first.metric)  # --where names the metric
    elif options.value is not None:
        candidates = [options.objective or options.value]
    else:
        candidates = list(dict.fromkeys(name for table in tables for name in table.columns.metrics))
        recorded = known and known[0]
    parts = {
        f"{part}/{name}": (part, name)
        for part in (_texts(tables, split) if split is not None else ())
        for name in candidates
    }
    if options.objective in parts and options.objective not in candidates:
        objective = options.objective or ""
        part, name = parts[objective]
        conditions.append((split or "", part))
        split = None
    else:
        objective = name = settle_objective(options, candidates, where, recorded)
    value = options.value or name
    if first.metric is not None and first.value is not None:
        value = first.value
        if first.metric not in given:
            conditions.append((first.metric, name))
    for table in tables:
        # A metric may first occur in a late row of JSONL; if it never does, its values are missing.
        if value not in table.shape.columns and table.shape.encoding not in ("JSONL", "JSON"):
            raise EsimError(
                f"no metric {value!r}",
                where=str(table.shape.file),
                fix=f"its columns: {near_names(value, table.shape.columns)}",
            )
    applies = known is not None and known[0] == objective
    direction = settle_direction(options, where, known[1] if known and applies else None)
    time, elapsed = _time_column(tables, where)
    wanted = tuple(
        Wanted(
            trial=table.columns.trial or "",
            step=table.columns.step or "",
            value=value,
            study=table.columns.study,
            time=time,
            elapsed=elapsed,
            tags=[split] if split is not None and split in table.shape.columns else [],
            conditions=[pair for pair in conditions if pair[0] in table.shape.columns],
            whole=exact,
        )
        for table in tables
    )
    return _Choice(objective, direction, wanted, split)


def _texts(tables: Sequence[Table], column: str) -> list[str]:
    """The distinct texts of a column in all tables."""
    return list(dict.fromkeys(n for t in tables for n in texts_of(t.shape, column)))


def _time_column(tables: Sequence[Table], where: str) -> tuple[str | None, bool]:
    """The column of times, None if there is none, and whether it counts from the trials' starts."""
    times = [table.columns.time for table in tables]
    for name in dict.fromkeys(time for time in times if time is not None):
        for table in tables:
            if name not in table.shape.columns:
                raise EsimError(
                    f"no column {name}",
                    where=str(table.shape.file),
                    why="other files of it have one",
                )
        if name in ("elapsed_s", "timestamp"):
            return name, name == "elapsed_s"
        sample = [
            c for t in tables for c in t.shape.sample.get(name, ()) if not cells.is_missing(c)
        ]
        kind = time_kind(sample)
        return name, kind == "elapsed"
    return None, False


def _data_notes(found: Arrangement, choice: _Choice, options: Options) -> list[Note]:
    """Notes on the columns that were chosen, and on columns and options that are not used."""
    notes = []
    if found.note:
        notes.append(Note("files_are_trials", found.note))
    columns = {name for table in found.tables for name in table.shape.columns}
    unused = sorted(n for n in columns if n.startswith(CONFIG) or n in TRIAL_COLUMNS[2:])
    if unused:
        text = f"column(s) of the reports left unread: {some(unused)}; a table of trials has them"
        notes.append(Note("columns_not_read", text, len(unused)))
    if options.metrics:
        notes.append(Note("metric_unused", "--metric is for log text; a table has columns"))
    wanted = choice.wanted[0]
    if not found.exact:
        text = f"trials are {wanted.trial}, steps are {wanted.step}"
        text += f", times are {wanted.time}" if wanted.time is not None else ""
        notes.append(Note("columns_named", text))
    for column, asked in wanted.conditions:
        notes.append(Note("rows_chosen", f"only rows with {column} = {asked} count"))
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

    def kept(self, keep: NDArray[np.bool_]) -> _Part:
        """Those of the reports that are kept. keep: bool [R]"""
        return _Part(self.rows.kept(keep), self.trial_codes[keep], self.study_codes[keep])

    @property
    def keys(self) -> Float64:
        """float64 [R, 3]: the study, trial and step of each report that has a value."""
        there = ~np.isnan(self.rows.values)
        columns = (self.study_codes, self.trial_codes, self.rows.steps)
        return np.stack([column[there] for column in columns], axis=1).astype(np.float64)


def _studies(
    source: Source,
    found: Arrangement,
    choice: _Choice,
    notes: list[Note],
    options: Options,
    odd: Oddities,
) -> list[Study]:
    tables, default = found.tables, source.default_name
    trial_names: dict[str, int] = {}
    study_names: dict[str, int] = {}
    parts, other_step = _parts(tables, choice, found.exact, trial_names, study_names, default, odd)
    notes = [*notes, *other_step]
    folders = {table.shape.file.path.parent for table in tables}
    if len(folders) > 1 and not all(table.columns.study for table in tables):
        _refuse_shared_trials(tables, parts, list(trial_names), source.label)
        text = f"reports of {len(folders)} folders, without a column study, are taken as one study"
        notes.append(Note("folders_joined", text, len(folders)))
    time, elapsed = choice.wanted[0].time, choice.wanted[0].elapsed
    if time is not None and not elapsed:
        notes += _time_notes(parts, time)
    notes += odd.notes()
    named = any(table.columns.study for table in tables)
    listed = listed_trials(found.trials, list(study_names), named)
    trial_codes = np.concatenate([part.trial_codes for part in parts])
    study_codes = np.concatenate([part.study_codes for part in parts])
    values = np.concatenate([part.rows.values for part in parts])
    step = choice.wanted[0].step
    numbers = np.concatenate([part.rows.steps for part in parts])
    steps, unit = numbers.astype(np.int64), list[Note]()
    if not found.exact:
        steps, unit = whole_steps(numbers, step, source.label)
    times = None
    if time is not None:
        times = np.concatenate([p.rows.times for p in parts if p.rows.times is not None])
    ordered_by = ""
    moments = None if found.exact else _moments(tables, choice, times)
    if moments is not None and not np.isnan(moments).any():
        ordered_by = "their first reports"
        order = _by_first_report(moments, study_codes, trial_codes)
        trial_codes, study_codes, steps = trial_codes[order], study_codes[order], steps[order]
        values, times = values[order], None if times is None else times[order]
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
                    elapsed=chosen if elapsed else None,
                    timestamps=None if elapsed else chosen,
                ),
                table,
                name=name,
                objective=choice.objective,
                direction=choice.direction,
                where=source.label,
                notes=[*notes, *unit, *table_notes],
                asked=options.first_step,
                ordered_by=ordered_by,
            )
        )
    return studies


def _moments(tables: Sequence[Table], choice: _Choice, times: Float64 | None) -> Float64 | None:
    """float64 [R]: when each report was made, seconds since 1970 UTC; None if it is not known.

    Args:
        tables: the tables.
        choice: what is read of them.
        times: float64 [R], the times that are read; None if there are none.
    """
    if times is not None and not choice.wanted[0].elapsed:
        return times
    found = []
    for table, wanted in zip(tables, choice.wanted, strict=True):
        column = table.columns.moment
        if column is None:
            return None
        columns = replace(wanted, time=column, elapsed=False)
        rows = read_rows(table.shape, columns, Oddities())
        rows = _of_one_split(rows, choice, str(table.shape.file))
        found.append(rows.kept(~rows.blank).times)
    return np.concatenate([part for part in found if part is not None])


def _by_first_report(times: Float64, study_codes: Int64, trial_codes: Int64) -> Int64:
    """int64 [R]: the rows with the trials in the order of their first reports.

    Args:
        times: float64 [R], seconds since 1970 UTC.
        study_codes, trial_codes: int64 [R].
    """
    pairs = study_codes * (trial_codes.max(initial=0) + 1) + trial_codes
    first = np.full(int(pairs.max(initial=0)) + 1, np.inf)
    np.minimum.at(first, pairs, times)
    return np.argsort(first[pairs], kind="stable").astype(np.int64)


def _parts(
    tables: Sequence[Table],
    choice: _Choice,
    exact: bool,
    trial_names: dict[str, int],
    study_names: dict[str, int],
    default: str,
    odd: Oddities,
) -> tuple[list[_Part], list[Note]]:
    """The reports of each file, by the first column of steps that repeats in no trial.

    The names of all trials and studies are added to `trial_names` and `study_names`.

    Raises:
        EsimError: several rows of a trial share a step, and another column tells them apart.
    """
    candidates = tables[0].columns.steps
    telling = _telling(tables)
    _check_conditions(tables, choice)
    tries: list[tuple[int, int, list[_Part]]] = []
    for step in candidates:
        parts = []
        for table, wanted in zip(tables, choice.wanted, strict=True):
            columns = replace(wanted, step=step) if step in table.shape.columns else wanted
            rows = read_rows(table.shape, columns, odd)
            rows = _of_one_split(rows, choice, str(table.shape.file))
            own = rows.studies if rows.studies is not None else [default]
            alone = np.zeros(len(rows.steps), dtype=np.int64)
            of_study = rows.study_codes if rows.study_codes is not None else alone
            trial_map = _codes(rows.trials, trial_names)
            study_map = _codes(own, study_names)
            parts.append(_Part(rows, trial_map[rows.trial_codes], study_map[of_study]))
        if exact and not telling:
            return _without_blanks(parts, exact), []
        keys = np.concatenate([part.keys for part in parts])
        repeats = len(keys) - len(np.unique(keys, axis=0))
        if not repeats:
            text = f"steps are {step}: {candidates[0]} repeats in a trial"
            notes = [] if step == candidates[0] else [Note("step_column", text)]
            return _without_blanks(parts, exact), notes
        tries.append((repeats, len(keys), parts))
    repeats, total, parts = tries[0]
    _refuse_mixed(tables, choice, exact, repeats, total)
    return _without_blanks(parts, exact), []


def _check_conditions(tables: Sequence[Table], choice: _Choice) -> None:
    """Refuse a condition that no row holds.

    Raises:
        EsimError: it is so; the error lists near texts.
    """
    for column, asked in choice.wanted[0].conditions:
        texts = _texts(tables, column)
        if not any(holds_text(text, asked) for text in texts):
            raise EsimError(
                f"no row with {column} = {asked!r}",
                where=str(tables[0].shape.file),
                fix=f"one of: {near_names(asked, texts)}",
            )


def _codes(names: Sequence[str], known: dict[str, int]) -> Int64:
    return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int64)


def _of_one_split(rows: ReportRows, choice: _Choice, where: str) -> ReportRows:
    """The reports of the only split that has values of the objective.

    Raises:
        EsimError: several splits have.
    """
    if choice.split is None or choice.split not in rows.tags:
        return rows
    codes, texts = rows.tags[choice.split]
    having = np.unique(codes[~np.isnan(rows.values)]).tolist()
    if len(having) > 1:
        names = [f"{texts[code]}/{choice.objective}" for code in having]
        raise EsimError(
            f"{choice.objective!r} is in rows of several kinds",
            where=where,
            why=f"column {choice.split} tells {some([texts[code] for code in having])} apart",
            fix="name one: --objective " + " or ".join(names),
        )
    return rows.kept(np.isin(codes, having)) if having else rows


def _telling(tables: Sequence[Table]) -> list[str]:
    """The columns that may tell rows of one trial and step apart: texts, seeds, folds."""
    found = []
    for name in tables[0].shape.columns:
        known = tables[0].columns
        role = {known.trial, known.study, known.time, *known.steps, known.start, known.end, ""}
        if name in role or name in known.config:
            continue
        if name in known.metrics and plain_name(name) not in _PARTS:
            continue
        if not any(isinstance(c, list | dict) for c in tables[0].shape.sample.get(name, ())):
            found.append(name)
    return found


def _refuse_mixed(
    tables: Sequence[Table], choice: _Choice, exact: bool, repeats: int, total: int
) -> None:
    """Refuse rows of one trial and step that another column tells apart, or that are most rows.

    Raises:
        EsimError: it is so.
    """
    wanted = choice.wanted[0]
    chosen = {column for column, _ in wanted.conditions}
    for name in _telling(tables):
        if name in chosen or not all(name in table.shape.columns for table in tables):
            continue
        keys = []
        texts: dict[str, int] = {}
        trial_names: dict[str, int] = {}
        for table, columns in zip(tables, choice.wanted, strict=True):
            rows = read_rows(table.shape, replace(columns, tags=[name]), Oddities())
            codes, names = rows.tags[name]
            here = _codes(names, texts)[codes]
            trials = _codes(rows.trials, trial_names)[rows.trial_codes]
            keys.append(np.stack([trials, rows.steps, here], axis=1)[~np.isnan(rows.values)])
        together = np.concatenate(keys)
        if len(np.unique(together, axis=0)) == len(together) and len(texts) > 1:
            raise EsimError(
                f"{repeats} row(s) repeat a step of their trial",
                where=str(tables[0].shape.file),
                why=f"column {name} tells them apart",
                fix=f"--where {name}={names[0]}, or --trial {name} if it names the trials",
            )
    if not exact and repeats * 2 > total - repeats:
        raise EsimError(
            f"{repeats} of {total} rows repeat a step of their trial",
            where=str(tables[0].shape.file),
            why=f"trials are {wanted.trial}, steps are {wanted.step}; no column tells them apart",
            fix="name the columns: --trial and --step",
        )


def _without_blanks(parts: Sequence[_Part], exact: bool) -> list[_Part]:
    """The reports without those that have no value where another of the same step has one.

    In a table of other names than the plain ones, where a row may be of other metrics, a blank is
    no report at all.
    """
    blank = [part.rows.blank for part in parts]
    if not any(mask.any() for mask in blank):
        return list(parts)
    if not exact:
        return [part.kept(~mask) for part, mask in zip(parts, blank, strict=True)]
    columns = [(part.study_codes, part.trial_codes, part.rows.steps) for part in parts]
    keys = np.concatenate([np.stack(triple, axis=1).astype(np.float64) for triple in columns])
    _, code = np.unique(keys, axis=0, return_inverse=True)
    code = code.reshape(-1)
    empty = np.concatenate(blank)
    superseded = np.zeros(int(code.max(initial=-1)) + 1, dtype=np.bool_)
    superseded[code[~empty]] = True
    keep = ~(empty & superseded[code])
    ends = np.cumsum([len(mask) for mask in blank])
    kept = np.split(keep, ends[:-1])
    return [part.kept(mask) for part, mask in zip(parts, kept, strict=True)]


def _time_notes(parts: Sequence[_Part], column: str) -> list[Note]:
    units = sorted({part.rows.time_unit for part in parts})
    notes = []
    if units != [ISO_8601]:
        notes.append(Note("time_unit", f"column {column} is read as {' and '.join(units)}"))
    if any(part.rows.zone_assumed for part in parts):
        notes.append(zone_note(column))
    return notes


def _refuse_shared_trials(
    tables: Sequence[Table], parts: Sequence[_Part], trials: Sequence[str], where: str
) -> None:
    """Refuse a trial that is in two folders: without a column `study` it may be two trials."""
    folder_of_trial: dict[tuple[int, int], str] = {}
    for table, part in zip(tables, parts, strict=True):
        pairs = np.unique(np.stack([part.study_codes, part.trial_codes], axis=1), axis=0)
        for study, trial in pairs.tolist():
            folder = str(table.shape.file.path.parent)
            other = folder_of_trial.setdefault((study, trial), folder)
            if other != folder:
                raise EsimError(
                    f"trial {trials[trial]!r} is in two folders, and there is no column study",
                    where=where,
                    why=f"they are {other} and {folder}",
                    fix="read each folder by itself, or add a column study",
                )
