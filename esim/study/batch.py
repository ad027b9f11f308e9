"""Several small studies joined into one, so that one call of NumPy works on all their trials.

A call of NumPy takes about a microsecond however small its arrays are, and the replay of a study
makes hundreds of calls.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from esim.errors import EsimError
from esim.study.arrays import Int64
from esim.study.record import Study

# The most reports and studies in a batch. With a quarter of the reports a study takes a fifth
# longer; with more reports it only takes more memory. With at most 100 studies the tables that hold
# a row for each study (`Batch.table`) stay small.
REPORTS, STUDIES = 200_000, 100


Columns = TypeVar("Columns")


@dataclass(frozen=True)
class Batch:
    """S studies joined one after another.

    All have the same direction and `done_at_zero`, and all or none have report times.

    Attributes:
        studies: the studies themselves. [S]
        whole: their N trials and R reports as if they were one study. Trial ids may occur in it
            more than once.
        trials: int64 [S + 1], study s has the trials ``trials[s]:trials[s + 1]`` of `whole`.
        sizes: int64 [S], the number of trials of each study.
    """

    studies: tuple[Study, ...]
    whole: Study
    trials: Int64
    sizes: Int64

    @classmethod
    def of(cls, studies: Sequence[Study]) -> Batch:
        """Join studies into a batch. A single study is not copied.

        Args:
            studies: at least one; all of the same direction and `done_at_zero`, and all or none
                with report times, and with billed seconds.
        """
        sizes = np.array([study.n_trials for study in studies], dtype=np.int64)
        trials = np.concatenate(([0], np.cumsum(sizes)))
        if len(studies) == 1:
            return cls(tuple(studies), studies[0], trials, sizes)
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
        return cls(tuple(studies), whole, trials, sizes)

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
        return len(self.studies)

    @cached_property
    def widest(self) -> int:
        """The number of trials of the largest study."""
        return int(self.sizes.max(initial=0))

    @property
    def names(self) -> list[str]:
        """The studies' ids. [S]"""
        return [study.name for study in self.studies]

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
        if len(values) == len(self) * self.widest:
            return values.reshape(len(self), self.widest)
        rows = np.full((len(self), self.widest), nothing, dtype=values.dtype)
        rows[np.arange(self.widest) < self.sizes[:, None]] = values
        return rows


def batches(studies: Sequence[Study], kinds: Sequence[Hashable]) -> Iterator[list[int]]:
    """Which studies are to be joined into a batch each.

    The studies of a batch are of one kind, and together have at most REPORTS reports, unless it is
    a single study, and STUDIES studies.

    Args:
        studies: the studies.
        kinds: a key for each study; only studies with equal keys are joined.

    Yields:
        Positions in `studies`.
    """
    filling: dict[Hashable, list[int]] = {}
    reports: dict[Hashable, int] = {}
    for position, (study, its_kind) in enumerate(zip(studies, kinds, strict=True)):
        has = study.elapsed is None, study.billed is None
        kind = (its_kind, study.direction, has, study.done_at_zero)
        total = reports.get(kind, 0) + study.n_reports
        if kind in filling and (total > REPORTS or len(filling[kind]) == STUDIES):
            yield filling.pop(kind)
            total = study.n_reports
        filling.setdefault(kind, []).append(position)
        reports[kind] = total
    yield from filling.values()
