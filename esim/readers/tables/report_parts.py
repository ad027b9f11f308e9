"""Reads the reports of each table file, and refuses rows that no column tells apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from esim.errors import EsimError, near_names, plural
from esim.readers.assembly import some
from esim.readers.mixed_rows import TELLING
from esim.readers.tables.arrangement import Table
from esim.readers.tables.names import INDEX, names_metric, plain_name
from esim.readers.tables.records import Oddities
from esim.readers.tables.report_choice import Choice, texts_in
from esim.readers.tables.rows import ReportRows, holds_text, read_rows
from esim.study import Float64, Int64, Note


@dataclass(frozen=True)
class ReportPart:
    """The R reports of one file, with codes for trials and studies that all files share.

    Attributes:
        rows: the reports.
        trial_codes, study_codes: int64 [R], positions in the names of all files' trials and
            studies.
    """

    rows: ReportRows
    trial_codes: Int64
    study_codes: Int64

    def kept(self, keep: NDArray[np.bool_]) -> ReportPart:
        """Those of the reports that are kept. keep: bool [R]"""
        return ReportPart(self.rows.kept(keep), self.trial_codes[keep], self.study_codes[keep])

    @property
    def keys(self) -> Float64:
        """float64 [R, 3]: the study, trial and step of each report that has a value."""
        there = ~np.isnan(self.rows.values)
        columns = (self.study_codes, self.trial_codes, self.rows.steps)
        return np.stack([column[there] for column in columns], axis=1).astype(np.float64)


def read_parts(
    tables: Sequence[Table],
    choice: Choice,
    exact: bool,
    trial_names: dict[str, int],
    study_names: dict[str, int],
    default: str,
    odd: Oddities,
) -> tuple[list[ReportPart], list[Note]]:
    """The reports of each file, by the first column of steps that repeats in no trial.

    The names of all trials and studies are added to `trial_names` and `study_names`.

    Raises:
        EsimError: several rows of a trial share a step, and another column tells them apart.
    """
    candidates = _common_steps(tables)
    telling = _telling(tables)
    _check_conditions(tables, choice)
    tries: list[tuple[int, int, list[ReportPart]]] = []
    for step in candidates:
        found = [
            read_rows(table.shape, replace(wanted, step=step), odd)
            for table, wanted in zip(tables, choice.wanted, strict=True)
        ]
        parts = []
        for rows in of_one_split(found, choice, str(tables[0].shape.file)):
            own = rows.studies if rows.studies is not None else [default]
            alone = np.zeros(len(rows.steps), dtype=np.int64)
            of_study = rows.study_codes if rows.study_codes is not None else alone
            trial_map = _codes(rows.trials, trial_names)
            study_map = _codes(own, study_names)
            its = _mapped(rows.trial_codes, trial_map), _mapped(of_study, study_map)
            parts.append(ReportPart(rows, *its))
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


def _common_steps(tables: Sequence[Table]) -> list[str]:
    """The columns of steps that all tables have.

    Raises:
        EsimError: there is none.
    """
    found = [s for s in tables[0].columns.steps if all(s in t.shape.columns for t in tables)]
    if not found:
        other = next(t for t in tables if not set(t.columns.steps) & set(tables[0].columns.steps))
        raise EsimError(
            f"steps are {tables[0].columns.step} in one table and {other.columns.step} in another",
            where=str(other.shape.file),
            why=f"the other is {tables[0].shape.file.name}",
            fix="give them one at a time, or name one column that both have: --step",
        )
    return found


def _check_conditions(tables: Sequence[Table], choice: Choice) -> None:
    """Refuse a condition that no row holds.

    Raises:
        EsimError: it is so; the error lists near texts.
    """
    for column, asked in choice.wanted[0].conditions:
        texts = texts_in(tables, column)
        if not any(holds_text(text, asked) for text in texts):
            raise EsimError(
                f"no row with {column} = {asked!r}",
                where=str(tables[0].shape.file),
                fix=f"one of: {near_names(asked, texts)}",
            )


def _codes(names: Sequence[str], known: dict[str, int]) -> Int64:
    return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int64)


def _mapped(codes: Int64, names: Int64) -> Int64:
    """Codes of one file as those of all files; the first file's are not copied."""
    return codes if (names == np.arange(len(names))).all() else names[codes]


def of_one_split(found: Sequence[ReportRows], choice: Choice, where: str) -> Sequence[ReportRows]:
    """The reports of the only split that has values of the objective, of each table.

    Raises:
        EsimError: several splits have.
    """
    if choice.split is None:
        return found
    having: dict[str, None] = {}
    for rows in found:
        if choice.split in rows.tags:
            codes, texts = rows.tags[choice.split]
            there = np.unique(codes[~np.isnan(rows.values)]).tolist()
            having.update(dict.fromkeys(texts[code] for code in there))
        else:
            having[""] = None
    if len(having) > 1:
        names = [f"{text}/{choice.objective}" for text in having if text]
        raise EsimError(
            f"{choice.objective!r} is in rows of several kinds",
            where=where,
            why=f"column {choice.split} tells {some([text or 'none' for text in having])} apart",
            fix="name one: --objective " + " or ".join(names),
        )
    kept = []
    for rows in found:
        codes, texts = rows.tags.get(choice.split, (np.empty(0, dtype=np.int64), []))
        wanted = [at for at, text in enumerate(texts) if text in having]
        kept.append(rows.kept(np.isin(codes, wanted)) if wanted else rows)
    return kept


def _telling(tables: Sequence[Table]) -> list[str]:
    """The columns that may tell rows of one trial and step apart: texts, and seeds and the like."""
    found = []
    known = tables[0].columns
    role = {known.trial, known.study, known.time, *known.steps, known.start, known.end, *INDEX}
    for name in tables[0].shape.columns:
        sample = tables[0].shape.sample.get(name, ())
        if name in role or any(isinstance(cell, list | dict) for cell in sample):
            continue
        few = len(set(map(str, sample))) * 2 <= len(sample) and not names_metric(name)
        if name not in known.metrics or plain_name(name) in TELLING or few:
            found.append(name)
    return found


def _refuse_mixed(
    tables: Sequence[Table], choice: Choice, exact: bool, repeats: int, total: int
) -> None:
    """Refuse rows of one trial and step that another column tells apart, or that are most rows.

    Raises:
        EsimError: it is so.
    """
    wanted = choice.wanted[0]
    chosen = {column for column, _ in wanted.conditions}
    for name in _telling(tables):
        if name in chosen:
            continue
        keys = []
        texts: dict[str, int] = {}
        trial_names: dict[str, int] = {}
        for table, columns in zip(tables, choice.wanted, strict=True):
            there = name in table.shape.columns
            tags = [name] if there else []
            rows = read_rows(table.shape, replace(columns, tags=tags), Oddities())
            codes, names = rows.tags[name] if there else (np.zeros(len(rows.steps), int), [""])
            here = _codes(names, texts)[codes]
            trials = _codes(rows.trials, trial_names)[rows.trial_codes]
            keys.append(np.stack([trials, rows.steps, here], axis=1)[~np.isnan(rows.values)])
        together = np.concatenate(keys)
        kinds = len(np.unique(together[:, [0, 2]], axis=0))
        told = len(np.unique(together, axis=0)) == len(together)
        if told and len(texts) > 1 and 2 * kinds <= len(together):
            raise EsimError(
                f"{plural(repeats, 'row', 'repeat')} a step of the trial",
                where=str(tables[0].shape.file),
                why=f"column {name} tells them apart",
                fix=f"--where {name}={list(texts)[-1]}, or --trial {name} if it names the trials",
            )
    if not exact and repeats * 2 > total - repeats:
        raise EsimError(
            f"{repeats} of {total} rows repeat a step of their trial",
            where=str(tables[0].shape.file),
            why=f"trials are {wanted.trial}, steps are {wanted.step}; no column tells them apart",
            fix="name the columns: --trial and --step",
        )


def _without_blanks(parts: Sequence[ReportPart], exact: bool) -> list[ReportPart]:
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


def refuse_shared_trials(
    tables: Sequence[Table], parts: Sequence[ReportPart], trials: Sequence[str], where: str
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
