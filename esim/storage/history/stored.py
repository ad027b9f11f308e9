"""The studies of one row group of a history, as its columns hold them: by itself each, or joined.

Studies that lie one after another in the columns are joined without a copy, and a `Study` of its
own is made only of one that is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.errors import EsimError, within
from esim.storage.columns import arrays_of
from esim.storage.history.index import Entry, notes_of
from esim.storage.parquet import hyperparameter, json_value, status_codes
from esim.storage.typed import shown
from esim.study import Int64, Study, as_direction
from esim.study.arrays import if_any_known
from esim.study.batch import Batch, lots_of

CONFIG_COLUMN = "config"


@dataclass(frozen=True)
class StoredStudies:
    """S studies of a row group, in their order.

    Attributes:
        entries: their rows of the index. [S]
        reports, trials: the columns of the row group by name, of all its studies.
        where: the folder of the files, for errors.
    """

    entries: Sequence[Entry]
    reports: Mapping[str, Any]
    trials: Mapping[str, Any]
    where: str

    def study(self, at: int) -> Study:
        """One of the studies.

        Raises:
            EsimError: the columns do not hold what the index says of it, or its numbers break the
                promises of a `Study`.
        """
        entry = self.entries[at]
        first, last = entry.first_trial, entry.first_trial + entry.trials
        rows = slice(entry.first_report, entry.first_report + entry.reports)
        billed = self.trials.get("billed_s")  # not in histories written before it was one
        study = Study(
            name=entry.study,
            objective=entry.objective,
            direction=as_direction(entry.direction),
            trials=tuple(self.trials["trial"][first:last]),
            offsets=self._offsets(at, at + 1),
            steps=self.reports["step"][rows],
            values=self.reports["value"][rows],
            elapsed=self.reports["elapsed_s"][rows] if entry.timed else None,
            start=self.trials["start"][first:last],
            end=self.trials["end"][first:last],
            status=self.trials["status"][first:last],
            censored=self.trials["censored"][first:last],
            instance_type=tuple(self.trials["instance_type"][first:last]),
            instance_count=self.trials["instance_count"][first:last],
            billed=None if billed is None else if_any_known(billed[first:last]),
            config=_configs(self.trials.get(CONFIG_COLUMN, ())[first:last], self.where),
            notes=notes_of(entry.notes, self.where),
            done_at_zero=entry.done_at_zero or 0,
        )
        if entry.done_at_zero is None:
            study = study.with_first_step()
        if not self._sound or len(set(study.trials)) != study.n_trials:
            with within(self.where):
                study.validate()
        return study

    def joined(self) -> list[tuple[list[int], Batch]]:
        """The studies in batches, as `esim.study.batch.lots_of` joins them.

        In a batch all or none have a schedule (`Study.has_schedule`).

        Returns:
            Positions among the studies, and these as a batch, whose numbers are sound.

        Raises:
            EsimError: as `study`, for any of them.
        """
        entries = self.entries
        billed, schedule = [False] * len(entries), [False] * len(entries)
        if "billed_s" in self.trials:
            billed = [some > 0 for some in self._in_each(~np.isnan(self.trials["billed_s"]))]
        if "elapsed_s" in self.reports:
            unscheduled = self._in_each(~self._whole.scheduled())
            pairs = zip(entries, unscheduled, strict=True)
            schedule = [entry.timed and some == 0 for entry, some in pairs]
        kinds = [
            (entry.direction, entry.timed, entry.done_at_zero, *its)
            for entry, *its in zip(entries, billed, schedule, strict=True)
        ]
        lots = lots_of([entry.reports for entry in entries], kinds)
        return [(places, self._batch(places, billed[places[0]])) for places in lots]

    def _batch(self, places: list[int], billed: bool) -> Batch:
        first, last = self.entries[places[0]], self.entries[places[-1]]
        beside = places[-1] - places[0] + 1 == len(places) and all(
            a.first_trial + a.trials == b.first_trial
            and a.first_report + a.reports == b.first_report
            for a, b in pairwise(self.entries[place] for place in places)
        )
        if not (beside and self._sound and first.done_at_zero is not None) or len(places) == 1:
            return Batch.of([self.study(place) for place in places])
        names: list[str] = self.trials["trial"]
        for place in places:
            self._offsets(place, place + 1)
            entry = self.entries[place]
            its = names[entry.first_trial : entry.first_trial + entry.trials]
            if len(set(its)) != len(its):
                self.study(place)  # raises
        trials = slice(first.first_trial, last.first_trial + last.trials)
        reports = slice(first.first_report, last.first_report + last.reports)
        whole = Study(
            name="",
            objective="",
            direction=as_direction(first.direction),
            trials=tuple(names[trials]),
            offsets=self._offsets(places[0], places[-1] + 1),
            steps=self.reports["step"][reports],
            values=self.reports["value"][reports],
            elapsed=self.reports["elapsed_s"][reports] if first.timed else None,
            start=self.trials["start"][trials],
            end=self.trials["end"][trials],
            status=self.trials["status"][trials],
            censored=self.trials["censored"][trials],
            instance_type=tuple(self.trials["instance_type"][trials]),
            instance_count=self.trials["instance_count"][trials],
            billed=self.trials["billed_s"][trials] if billed else None,
            done_at_zero=first.done_at_zero,
        )
        its_entries = [self.entries[place] for place in places]
        return Batch.of_whole(
            whole,
            sizes=[entry.trials for entry in its_entries],
            names=[entry.study for entry in its_entries],
            notes=[notes_of(entry.notes, self.where) for entry in its_entries],
            study=partial(self._study_at, places),
        )

    def _study_at(self, places: Sequence[int], at: int) -> Study:
        return self.study(places[at])

    def _offsets(self, first: int, last: int) -> Int64:
        """Where the reports of each trial of some neighbouring studies start, from 0.

        Raises:
            EsimError: the index does not fit.
        """
        one, other = self.entries[first], self.entries[last - 1]
        stop = other.first_trial + other.trials + 1
        its = self._ends[one.first_trial : stop]
        reports = other.first_report + other.reports
        expected = one.first_report, reports, stop - one.first_trial
        if len(its) != expected[2] or (its[0], its[-1]) != expected[:2]:
            why = "the index does not fit the file"
            raise EsimError(why, where=self.where, fix="convert again")
        return its - one.first_report if one.first_report else its

    @cached_property
    def _ends(self) -> Int64:
        return np.concatenate(([0], np.cumsum(self.trials["reports"])))

    @cached_property
    def _sound(self) -> bool:
        """Whether the numbers of all studies of the row group keep the promises of `Study`.

        They are checked as if they were one study. Each by itself would take as long as to read it.
        """
        whole = self._whole
        if (np.diff(self._ends) < 0).any() or self._ends[-1] != len(whole.steps):
            return False
        try:
            whole.validate_numbers()
        except EsimError:
            return False
        return True

    @cached_property
    def _whole(self) -> Study:
        """All trials of the row group as if they were one study, without names."""
        n = len(self.trials["trial"])
        return Study(
            name="",
            objective="",
            direction="minimize",
            trials=("",) * n,
            offsets=self._ends,
            steps=self.reports["step"],
            values=self.reports["value"],
            elapsed=self.reports.get("elapsed_s"),
            start=self.trials["start"],
            end=self.trials["end"],
            status=self.trials["status"],
            censored=self.trials["censored"],
            instance_type=(None,) * n,
            instance_count=self.trials["instance_count"],
            billed=self.trials.get("billed_s"),
        )

    def _in_each(self, flags: NDArray[np.bool_]) -> list[int]:
        """How many of each study's trials have a flag, of the trials of the row group. [S]"""
        before = np.concatenate(([0], np.cumsum(flags)))
        first = np.array([entry.first_trial for entry in self.entries])
        last = first + np.array([entry.trials for entry in self.entries])
        end = len(flags)
        counts: list[int] = (
            before[np.minimum(last, end)] - before[np.minimum(first, end)]
        ).tolist()
        return counts


def _configs(texts: Sequence[str], where: str) -> dict[str, tuple[Any, ...]]:
    """The hyperparameters in the JSON objects of a study's trials."""
    rows = [json_value(text, where) for text in texts]
    keys = rows[0].keys() if rows and isinstance(rows[0], dict) else {}
    for row in rows:
        if not isinstance(row, dict) or row.keys() != keys:
            raise EsimError("not the hyperparameters of a trial", where=where, why=shown(row))
    return {key: hyperparameter(key, [row[key] for row in rows], where) for key in keys}


def columns_of(table: Any, where: str) -> dict[str, Any]:
    """The columns of a table by name as `arrays_of` gives them, statuses as codes."""
    if "status" not in table.column_names:
        return arrays_of(table)
    codes = status_codes(table.column("status"), where)
    return arrays_of(table.drop_columns(["status"])) | {"status": codes}
