"""Studies one after another as one: what is done to their trials is done to all by one call.

A call of NumPy takes about a microsecond however little it works on, and a study takes hundreds.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from esim.errors import EsimError
from esim.study.arrays import Int64
from esim.study.record import Study

# Of a stack. With a quarter of the reports each takes a fifth longer, more only take more memory;
# and a row a study is then no large table.
REPORTS, STUDIES = 200_000, 100


Columns = TypeVar("Columns")


@dataclass(frozen=True)
class Stack:
    """S studies one after another, of one direction, all with report times or none.

    Attributes:
        studies: by themselves. [S]
        whole: their N trials and R reports as if of one study; ids may stand in it more than once.
        trials: int64 [S + 1], study -> its trials in `whole`.
        sizes: int64 [S], how many trials each has.
    """

    studies: tuple[Study, ...]
    whole: Study
    trials: Int64
    sizes: Int64

    @classmethod
    def of(cls, studies: Sequence[Study]) -> Stack:
        """A stack of studies; a single one is not copied."""
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
        )
        return cls(tuple(studies), whole, trials, sizes)

    def check_numbers(self) -> None:
        """Raises EsimError where a study's numbers break its columns' promises."""
        try:
            self.whole.check_numbers()
        except EsimError:
            for study in self.studies:  # whose they are
                study.check_numbers()
            raise

    def __len__(self) -> int:
        return len(self.studies)

    @property
    def names(self) -> list[str]:
        """The studies' ids. [S]"""
        return [study.name for study in self.studies]

    def each(self, columns: Columns) -> Iterator[Columns]:
        """A record of columns over the trials of all, as one a study."""
        if len(self) == 1:
            yield columns
            return
        for first, last in pairwise(self.trials.tolist()):
            parts = {name: column[first:last] for name, column in vars(columns).items()}
            yield type(columns)(**parts)

    def sums(self, values: NDArray[Any]) -> list[Any]:
        """Values [N] added up over each study's trials, flags counted; as np.sum does it. [S]"""
        if len(self) == 1:
            return [values.sum().item()]
        # A zero before each study: reduceat adds the rest to a study's first, sum all to zero.
        studies = np.arange(len(self))
        filled = np.zeros(len(values) + len(self), np.float64 if values.dtype.kind == "f" else int)
        filled[np.arange(1, len(values) + 1) + np.repeat(studies, self.sizes)] = values
        return list(np.add.reduceat(filled, self.trials[:-1] + studies).tolist())

    def table(self, values: NDArray[Any], nothing: Any) -> NDArray[Any]:
        """Values [N] as a row a study, [S, most trials]; `nothing` behind a study's last trial."""
        widest = int(self.sizes.max(initial=0))
        if len(values) == len(self) * widest:
            return values.reshape(len(self), widest)
        rows = np.full((len(self), widest), nothing, dtype=values.dtype)
        rows[np.arange(widest) < self.sizes[:, None]] = values
        return rows


def stacks(studies: Sequence[Study], kinds: Sequence[Hashable]) -> Iterator[list[int]]:
    """Places of studies to be stacked: of one kind, and together neither large nor many."""
    filling: dict[Hashable, list[int]] = {}
    reports: dict[Hashable, int] = {}
    for place, (study, its_kind) in enumerate(zip(studies, kinds, strict=True)):
        kind = (its_kind, study.direction, study.elapsed is None)
        total = reports.get(kind, 0) + study.n_reports
        if kind in filling and (total > REPORTS or len(filling[kind]) == STUDIES):
            yield filling.pop(kind)
            total = study.n_reports
        filling.setdefault(kind, []).append(place)
        reports[kind] = total
    yield from filling.values()
