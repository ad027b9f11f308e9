"""Several small studies joined into one, so that one call of NumPy works on all their trials.

A call of NumPy takes about a microsecond however small its arrays are, and the replay of a study
makes hundreds of calls.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain, pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from esim.errors import EsimError
from esim.study.arrays import Float64, Int64
from esim.study.note import Note
from esim.study.record import Study
from esim.study.status import Status

# The most reports and studies in a batch. With a quarter of the reports a study takes a fifth
# longer; with more reports it only takes more memory. With at most 100 studies the tables that hold
# a row for each study (`Batch.table`) stay small.
REPORTS, STUDIES = 250_000, 100


Columns = TypeVar("Columns")


@dataclass(frozen=True)
class Batch:
    """S studies joined one after another.

    All have the same direction and `done_at_zero`, and all or none have report times.

    Attributes:
        names: the studies' ids. [S]
        notes: the studies' notes. [S]
        whole: their N trials and R reports as if they were one study. Trial ids may occur in it
            more than once.
        trials: int64 [S + 1], study s has the trials ``trials[s]:trials[s + 1]`` of `whole`.
        sizes: int64 [S], the number of trials of each study.
        study: makes, or has, the study at a place.
    """

    names: Sequence[str]
    notes: Sequence[tuple[Note, ...]]
    whole: Study
    trials: Int64
    sizes: Int64
    study: Callable[[int], Study]

    @classmethod
    def of(cls, studies: Sequence[Study]) -> Batch:
        """Join studies into a batch. A single study is not copied.

        Args:
            studies: at least one; all of the same direction and `done_at_zero`, and all or none
                with report times, and with billed seconds.
        """
        sizes = [study.n_trials for study in studies]
        names, notes = [study.name for study in studies], [study.notes for study in studies]
        if len(studies) == 1:
            return cls.of_whole(studies[0], sizes, names, notes, studies.__getitem__)
        trials = [0, *accumulate(sizes)]
        reports = np.cumsum([0, *(study.n_reports for study in studies)], dtype=np.int64)
        offsets = np.empty(trials[-1] + 1, dtype=np.int64)
        offsets[0] = 0
        for at, study in enumerate(studies):
            offsets[trials[at] + 1 : trials[at + 1] + 1] = study.offsets[1:] + reports[at]

        def joined(name: str) -> Any:
            return np.concatenate([getattr(study, name) for study in studies])

        whole = Study(
            name="",
            objective="",
            direction=studies[0].direction,
            trials=tuple(chain.from_iterable(study.trials for study in studies)),
            offsets=offsets,
            steps=joined("steps"),
            values=joined("values"),
            elapsed=None if studies[0].elapsed is None else joined("elapsed"),
            start=joined("start"),
            end=joined("end"),
            status=joined("status"),
            censored=joined("censored"),
            instance_type=tuple(chain.from_iterable(study.instance_type for study in studies)),
            instance_count=joined("instance_count"),
            billed=None if studies[0].billed is None else joined("billed"),
            done_at_zero=studies[0].done_at_zero,
        )
        return cls.of_whole(whole, sizes, names, notes, studies.__getitem__)

    @classmethod
    def of_whole(
        cls,
        whole: Study,
        sizes: Sequence[int],
        names: Sequence[str],
        notes: Sequence[tuple[Note, ...]],
        study: Callable[[int], Study],
    ) -> Batch:
        """A batch of studies that are joined already; arguments as its attributes."""
        trials = np.array([0, *accumulate(sizes)], dtype=np.int64)
        return cls(names, notes, whole, trials, np.array(sizes, dtype=np.int64), study)

    @cached_property
    def studies(self) -> tuple[Study, ...]:
        """The studies themselves. [S]"""
        return tuple(map(self.study, range(len(self))))

    def validate_numbers(self) -> None:
        """Check the numbers of all studies at once.

        Raises:
            EsimError: as `Study.validate_numbers`, for the first study that breaks a promise.
        """
        try:
            self.whole.validate_numbers()
        except EsimError:
            # To name the study in the error. If none raises, all is well: the sums that must be
            # exact are those of each study.
            for study in self.studies:
                study.validate_numbers()

    def __len__(self) -> int:
        return len(self.sizes)

    @cached_property
    def widest(self) -> int:
        """The number of trials of the largest study."""
        return int(self.sizes.max(initial=0))

    @cached_property
    def recorded_slot_gaps(self) -> Float64:
        """The median seconds from the end of a job to the start of the next in its slot.

        Slots are as many as trials ran at once (`esim.study.times.side_by_side`). Each start beyond
        the first of them takes the slot that has been free for longest, so the starts that follow,
        in order, belong to the ends, in order. A trial that was still running when it was recorded
        has not freed its slot.

        float64 [S]; NaN for a study where a start or an end is unknown, or no slot was taken twice.
        """
        whole, widest = self.whole, self.widest
        begun = np.isfinite(whole.start)
        if not begun.any():
            return np.full(len(self), np.nan)
        ended = begun & np.isfinite(whole.end)
        silent = whole.lengths == 0
        known = np.where(begun, ended | whole.which(Status.RUNNING), silent)
        starts = np.sort(self.table(np.where(begun, whole.start, np.inf), np.inf), axis=1)
        ends = np.sort(self.table(np.where(ended, whole.end, np.inf), np.inf), axis=1)
        # A trial that ends at the moment it starts counts as running for that moment.
        until = np.where(ended, np.maximum(whole.end, np.nextafter(whole.start, np.inf)), np.inf)
        events = np.concatenate((self.table(until, np.inf), starts), axis=1)
        order = np.argsort(events, axis=1, kind="stable")  # ends before starts
        change = np.where(order < widest, -1, 1)
        change[~np.isfinite(np.take_along_axis(events, order, axis=1))] = 0
        slots = np.cumsum(change, axis=1).max(axis=1, initial=1)
        after = slots[:, None] + np.arange(widest)
        refilled = np.take_along_axis(starts, np.minimum(after, widest - 1), axis=1)
        refilled[(after >= widest) | np.isinf(refilled)] = np.nan
        with np.errstate(invalid="ignore"):  # inf - inf, of what has not ended
            gaps = np.sort(refilled - ends, axis=1)  # NaN last
        n = np.count_nonzero(~np.isnan(gaps), axis=1)
        rows = np.arange(len(self))
        middle = (
            gaps[rows, np.maximum(n - 1, 0) // 2] + gaps[rows, np.minimum(n // 2, widest - 1)]
        ) / 2
        return np.where((n > 0) & self.table(known, True).all(axis=1), middle, np.nan)

    def each(self, columns: Columns) -> Iterator[Columns]:
        """Split a record whose fields are columns over all trials into one record for each study.

        Args:
            columns: a dataclass; each field is an array of the N trials of `whole`.
        """
        if len(self) == 1:
            yield columns
            return
        for first, last in pairwise(self.trials.tolist()):
            parts = {name: column[first:last] for name, column in vars(columns).items()}
            yield type(columns)(**parts)

    def sums(self, values: NDArray[Any]) -> list[Any]:
        """The sum over each study's trials, to the same bits that `np.sum` gives for that study.

        Args:
            values: numbers or flags, one for each trial of `whole`; flags are counted. [N]

        Returns:
            A number for each study. [S]
        """
        if len(self) == 1:
            return [values.sum().item()]
        if len(values) == len(self) * self.widest:
            rows: list[Any] = values.reshape(len(self), self.widest).sum(axis=1).tolist()
            return rows
        # np.sum adds all values to zero, reduceat adds the others to the first value: with a zero
        # before each study's values both add in the same way.
        studies = np.arange(len(self))
        filled = np.zeros(len(values) + len(self), np.float64 if values.dtype.kind == "f" else int)
        filled[np.arange(1, len(values) + 1) + np.repeat(studies, self.sizes)] = values
        return list(np.add.reduceat(filled, self.trials[:-1] + studies).tolist())

    def table(self, values: NDArray[Any], nothing: Any) -> NDArray[Any]:
        """A matrix with a row for each study.

        Args:
            values: a value for each trial of `whole`. [N]
            nothing: what fills a row behind its study's last trial.

        Returns:
            [S, trials of the largest study], of the type of `values`.
        """
        return rows_of(values, self.sizes, self.widest, nothing)


def rows_of(values: NDArray[Any], sizes: Int64, widest: int, nothing: Any) -> NDArray[Any]:
    """Values that stand one group after another, a row a group.

    Args:
        values: the values. [..., sum of sizes]
        sizes: int64 [S], how many are of each group.
        widest: the largest of these.
        nothing: what fills a row behind its group's last value.

    Returns:
        [..., S, widest], of the type of `values`.

    >>> rows_of(np.array([1, 2, 3]), np.array([1, 2]), 2, 0).tolist()
    [[1, 0], [2, 3]]
    """
    shape = *values.shape[:-1], len(sizes), widest
    if values.shape[-1] == len(sizes) * widest:
        return values.reshape(shape)
    rows = np.full(shape, nothing, dtype=values.dtype)
    rows[..., np.arange(widest) < sizes[:, None]] = values
    return rows


def batches(studies: Sequence[Study], kinds: Sequence[Hashable]) -> Iterator[list[int]]:
    """Which studies are to be joined into a batch each, as `lots_of` has it.

    Args:
        studies: the studies.
        kinds: a key for each study; only studies with equal keys are joined.

    Yields:
        Positions in `studies`.
    """
    return lots_of(
        [study.n_reports for study in studies],
        [
            (kind, study.direction, study.elapsed is None, study.billed is None, study.done_at_zero)
            for study, kind in zip(studies, kinds, strict=True)
        ],
    )


def lots_of(reports: Sequence[int], kinds: Sequence[Hashable]) -> Iterator[list[int]]:
    """Lots of one kind that together have at most REPORTS reports and STUDIES studies.

    A study with more reports is a lot by itself.

    Args:
        reports: how many each study has.
        kinds: a key for each study.

    Yields:
        Positions.
    """
    filling: dict[Hashable, list[int]] = {}
    held: dict[Hashable, int] = {}
    for position, (its, kind) in enumerate(zip(reports, kinds, strict=True)):
        total = held.get(kind, 0) + its
        if kind in filling and (total > REPORTS or len(filling[kind]) == STUDIES):
            yield filling.pop(kind)
            total = its
        filling.setdefault(kind, []).append(position)
        held[kind] = total
    yield from filling.values()
