"""Reads the optional second table, which lists the trials with what is known about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from esim.errors import EsimError, near_names, plural
from esim.readers.assembly import TrialRecords, some, zone_note
from esim.readers.encodings import cells
from esim.readers.encodings.times import ISO_8601
from esim.readers.tables.records import records
from esim.readers.tables.shape import Shape
from esim.study import STATUS_WORDS, Float64, Note, Status, is_censored

TRIAL_COLUMNS = (
    "study",
    "trial",
    "start",
    "end",
    "status",
    "censored",
    "instance_type",
    "instance_count",
    "billed_s",
)
CONFIG = "config."


def listed_trials(
    shapes: Sequence[Shape], studies: Sequence[str], named: bool
) -> dict[str, tuple[TrialRecords, list[Note]]]:
    """Read the tables of trials.

    Args:
        shapes: the tables of trials.
        studies: the studies that have reports.
        named: whether the reports have a column of study names. If not there is one study, and the
            tables of trials may name it as they like.

    Returns:
        For each study that is listed, its trials in the order of the tables, and notes on them.

    Raises:
        EsimError: a cell does not fit its column, or a trial is of a study without reports; the
            error names path and line.
    """
    rows: dict[str, dict[str, tuple[str, Mapping[str, Any]]]] = {study: {} for study in studies}
    doubled = dict.fromkeys(studies, 0)
    columns: dict[str, None] = {}
    names: set[str] = set()
    for shape in shapes:
        columns.update(dict.fromkeys(shape.columns))
        if "study" not in shape.columns and len(studies) > 1:
            raise EsimError(
                "no column study",
                where=str(shape.file),
                why=f"the reports are of {len(studies)} studies",
            )
        for place, row in records(shape):
            study = studies[0]
            if "study" in shape.columns:
                study = cells.identifier(row.get("study"), place, "study")
                names.add(study)
            if not named:
                if len(names) > 1:
                    raise EsimError(
                        "the reports have no column study",
                        where=place,
                        why="the list of trials is of several studies: " + some(sorted(names)),
                    )
                study = studies[0]
            elif study not in rows:
                raise EsimError(
                    f"no reports of study {study!r}",
                    where=place,
                    fix=f"the reports are of: {near_names(study, studies)}",
                )
            trial = cells.identifier(row.get("trial"), place, "trial")
            doubled[study] += trial in rows[study]
            rows[study][trial] = (place, row)
    found = {}
    for study, listed in rows.items():
        if listed:
            table, notes = _trials(listed, list(columns))
            n = doubled[study]
            if n:
                text = f"{plural(n, 'trial', 'are')} listed again; the last row counts"
                notes.append(Note("trials_listed_twice", text, n))
            found[study] = (table, notes)
    return found


def _trials(
    listed: Mapping[str, tuple[str, Mapping[str, Any]]], columns: list[str]
) -> tuple[TrialRecords, list[Note]]:
    """The trials of one study as columns, and notes on them.

    Args:
        listed: trial -> the place of its row (``path:line``) and the row's cells.
        columns: the columns of all tables of trials.
    """
    places = [place for place, _ in listed.values()]
    rows = [row for _, row in listed.values()]
    notes: list[Note] = []
    start, end = (_moments(rows, places, columns, name, notes) for name in ("start", "end"))
    backwards = np.flatnonzero(end < start)
    if backwards.size:
        raise EsimError(
            f"trial {list(listed)[backwards[0]]!r} ends before it starts",
            where=places[backwards[0]],
        )
    status = np.array(
        [_status(row.get("status"), place) for row, place in zip(rows, places, strict=True)],
        dtype=np.int8,
    )
    censored = is_censored(status)
    if "censored" in columns:
        for i, (row, place) in enumerate(zip(rows, places, strict=True)):
            if not cells.is_missing(row.get("censored")):
                censored[i] = cells.flag(row["censored"], place, "censored")
    configs = [name for name in columns if name.startswith(CONFIG)]
    unread = [name for name in columns if name not in TRIAL_COLUMNS and name not in configs]
    if unread:
        text = f"{plural(len(unread), 'column')} of the trials left unread: {some(unread)}"
        notes.append(Note("columns_not_read", text, len(unread)))
    counts = [_count(row, place) for row, place in zip(rows, places, strict=True)]
    trials = TrialRecords(
        trials=list(listed),
        start=start,
        end=end,
        status=status,
        instance_type=[_text(row.get("instance_type")) for row in rows],
        instance_count=np.array(counts, dtype=np.int64),
        billed=_billed(rows, places) if "billed_s" in columns else None,
        censored=censored,
        config={
            name.removeprefix(CONFIG): [_config(row.get(name)) for row in rows] for name in configs
        },
    )
    return trials, notes


def _moments(
    rows: Sequence[Mapping[str, Any]],
    places: Sequence[str],
    columns: Sequence[str],
    name: str,
    notes: list[Note],
) -> Float64:
    """float64: a column of times as seconds since 1970 UTC, NaN where a row has none.

    Notes on the unit and the time zone are added to `notes`.
    """
    if name not in columns:
        return np.full(len(rows), np.nan)
    seconds, unit, assumed = cells.moments([row.get(name) for row in rows], places, name)
    if unit != ISO_8601 and not np.isnan(seconds).all():
        notes.append(Note("time_unit", f"column {name} is read as {unit}"))
    if assumed:
        notes.append(zone_note(name))
    return seconds


def _count(row: Mapping[str, Any], place: str) -> int:
    """The number of a trial's machines; 1 if the row does not say."""
    cell = row.get("instance_count")
    return 1 if cells.is_missing(cell) else cells.integer(cell, place, "instance_count")


def _billed(rows: Sequence[Mapping[str, Any]], places: Sequence[str]) -> Float64:
    """float64: the billed seconds of each trial's job, NaN where a row has none."""
    billed = np.full(len(rows), np.nan)
    for i, (row, place) in enumerate(zip(rows, places, strict=True)):
        if not cells.is_missing(row.get("billed_s")):
            billed[i] = cells.number(row["billed_s"], place, "billed_s")
            if not 0.0 <= billed[i] < np.inf:
                raise EsimError(f"billed_s cannot be {row['billed_s']}", where=place)
    return billed


def _status(cell: Any, place: str) -> Status:
    word = "" if cell is None else str(cell)
    status = STATUS_WORDS.get(word.strip().lower())
    if status is None:
        raise EsimError(
            f"unknown status {word!r}",
            where=place,
            fix=f"one of: {near_names(word.lower(), sorted(filter(None, STATUS_WORDS)))}",
        )
    return status


def _text(cell: Any) -> str | None:
    return None if cell is None or cell == "" else str(cell)


def _config(cell: Any) -> Any:
    """A hyperparameter as it was written; an empty CSV cell is None."""
    return None if cell == "" else cell
