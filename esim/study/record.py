"""The record every reader makes and every computation takes: one past tuning job, in columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from esim.errors import EsimError, near_names
from esim.study.arrays import Float64, Int64, aligned, as_curves, flat, per_trial
from esim.study.door import above
from esim.study.status import Status, as_status, is_censored

Direction = Literal["minimize", "maximize"]


_FIRST, _LAST = min(Status).value, max(Status).value
_DTYPES: dict[str, np.dtype[Any]] = {
    "offsets": np.dtype(np.int64),
    "steps": np.dtype(np.int64),
    "values": np.dtype(np.float64),
    "elapsed": np.dtype(np.float64),
    "start": np.dtype(np.float64),
    "end": np.dtype(np.float64),
    "status": np.dtype(np.int8),
    "censored": np.dtype(np.bool_),
    "instance_count": np.dtype(np.int64),
}


@dataclass(frozen=True)
class Note:
    """Something a reader or a check did or saw that the reader of a result must know.

    Attributes:
        evidence: a few places and what stands there, ``path:line: text``.
    """

    code: str
    text: str
    count: int = 1
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Study:
    """One tuning job: its trials in launch order and their reports in contiguous columns.

    N trials, R reports. Trial i owns the reports ``offsets[i]:offsets[i + 1]``.

    Attributes:
        name: the study's id.
        objective: the metric's name.
        direction: "minimize" or "maximize".
        trials: the trials' ids, text, in launch order. [N]
        offsets: int64 [N + 1], from 0 to R, never decreasing.
        steps: int64 [R], >= 0, strictly increasing inside a trial.
        values: float64 [R], the objective; NaN where the trial reached the step without a value.
        elapsed: float64 [R], seconds since the trial's start, finite, never decreasing inside a
            trial; None if any report has no time.
        start, end: float64 [N], seconds since the epoch (or any common zero); NaN if unknown.
        status: int8 [N], codes of `Status`.
        censored: bool [N], the trial had been cut short when it was recorded.
        instance_type: the machine of each trial, None if unknown. [N]
        instance_count: int64 [N], machines of each trial, 1 if unknown.
        config: hyperparameter name -> its value for each trial, None where it has none. [N] each
        notes: what the reader counted.
    """

    name: str
    objective: str
    direction: Direction
    trials: tuple[str, ...]
    offsets: Int64
    steps: Int64
    values: Float64
    elapsed: Float64 | None
    start: Float64
    end: Float64
    status: NDArray[np.int8]
    censored: NDArray[np.bool_]
    instance_type: tuple[str | None, ...]
    instance_count: Int64
    config: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()

    @property
    def n_trials(self) -> int:
        """N."""
        return len(self.trials)

    @property
    def sign(self) -> float:
        """1 or -1: values times this are better when lower."""
        return 1.0 if self.direction == "minimize" else -1.0

    @property
    def n_reports(self) -> int:
        """R."""
        return len(self.steps)

    @property
    def has_schedule(self) -> bool:
        """Whether all trials with reports have report times, a start, and an end if they ended."""
        if self.elapsed is None:
            return False
        reporting = np.diff(self.offsets) > 0
        ended = reporting & (self.status != Status.RUNNING)
        return bool(np.isfinite(self.start[reporting]).all() and np.isfinite(self.end[ended]).all())

    def trial_index(self, trial: str) -> int:
        """The position of a trial. Raises EsimError, with near names, if there is none."""
        try:
            return self.trials.index(trial)
        except ValueError:
            raise EsimError(
                f"no trial {trial!r} in study {self.name!r}",
                fix=f"one of: {near_names(trial, self.trials)}",
            ) from None

    @classmethod
    def from_arrays(
        cls,
        values: ArrayLike | Sequence[ArrayLike],
        direction: str,
        elapsed: ArrayLike | Sequence[ArrayLike] | None = None,
        start: ArrayLike | None = None,
        end: ArrayLike | None = None,
        names: Sequence[str] | None = None,
        *,
        steps: ArrayLike | Sequence[ArrayLike] | None = None,
        status: Sequence[Status | str] | None = None,
        name: str = "study",
        objective: str = "objective",
        instance_type: Sequence[str | None] | None = None,
        instance_count: ArrayLike | None = None,
        config: Mapping[str, Sequence[Any]] | None = None,
    ) -> Study:
        """A study from a matrix, or from one curve a trial.

        Args:
            values: float [n_trials, n_steps], or a sequence of n_trials curves of any lengths.
                NaN = no report.
            direction: "minimize" or "maximize".
            elapsed: seconds since each trial's start, shaped like `values`.
            start, end: seconds, [n_trials].
            names: trial ids; default "0", "1", ...
            steps: the step of each column, [n_steps], or shaped like `values`; default 1, 2, ...
            status: how each trial ended; default completed. Stopped, failed and running trials
                are censored.

        Raises:
            EsimError: shapes that do not fit, or an order that is not one (see `validate`).
        """
        curves = as_curves(values, "values")
        n = len(curves)
        lengths = np.array([len(c) for c in curves], dtype=np.int64)
        column = flat(values, curves)
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        if steps is None:
            flat_steps = np.arange(1, len(column) + 1, dtype=np.int64)
            flat_steps -= np.repeat(offsets[:-1], lengths)
        else:
            flat_steps = aligned(steps, lengths, "steps").astype(np.int64)
        flat_elapsed = None if elapsed is None else aligned(elapsed, lengths, "elapsed")
        present = ~np.isnan(column)
        if not present.all():
            offsets = np.concatenate(([0], np.cumsum(present)))[offsets]
            column, flat_steps = column[present], flat_steps[present]
            flat_elapsed = None if flat_elapsed is None else flat_elapsed[present]
        codes = np.full(n, Status.COMPLETED, dtype=np.int8)
        if status is not None:
            codes = np.array([as_status(word) for word in status], dtype=np.int8)
        study = cls(
            name=name,
            objective=objective,
            direction=as_direction(direction),
            trials=tuple(str(i) for i in range(n)) if names is None else tuple(names),
            offsets=offsets.astype(np.int64),
            steps=flat_steps,
            values=column,
            elapsed=flat_elapsed,
            start=per_trial(start, n),
            end=per_trial(end, n),
            status=codes,
            censored=is_censored(codes),
            instance_type=(None,) * n if instance_type is None else tuple(instance_type),
            instance_count=np.ones(n, dtype=np.int64)
            if instance_count is None
            else np.asarray(instance_count, dtype=np.int64),
            config=dict(config or {}),
        )
        study.validate()
        return study

    def _repr_html_(self) -> str:
        """In a notebook."""
        html: str = above("study_html")(self)
        return html

    def validate(self) -> None:
        """Raise EsimError, naming the column and trial, on any breach of the columns' promises."""
        self.check_shapes()
        self.check_numbers()

    def check_shapes(self) -> None:
        """The part of `validate` that takes no look at numbers: types, lengths, names."""
        n, r = self.n_trials, self.n_reports
        as_direction(self.direction)
        lengths = {"offsets": n + 1, "steps": r, "values": r, "elapsed": r}
        for column, dtype in _DTYPES.items():
            array = getattr(self, column)
            if array is None:
                continue
            length = lengths.get(column, n)
            if array.dtype != dtype or array.shape != (length,):
                self._need(
                    False,
                    f"column {column} must be {dtype.name} [{length}]",
                    f"it is {array.dtype.name} {list(array.shape)}",
                )
            self._need(array.flags.c_contiguous, f"column {column} must be contiguous")
        self._need(len(self.instance_type) == n, f"column instance_type must have {n} entries")
        for key, values in self.config.items():
            self._need(len(values) == n, f"configuration column {key!r} must have {n} entries")
        if len(set(self.trials)) != n:
            self._need(False, "trial ids must differ", _repeated(self.trials))
        ends = self.offsets[0] == 0 and self.offsets[-1] == r
        self._need(ends, f"offsets must run from 0 to {r}")

    def check_numbers(self) -> None:
        """The rest of `validate`."""
        need, r = self._need, self.n_reports
        need((np.diff(self.offsets) >= 0).all(), "offsets must never decrease")
        self._need_order(self.steps, "steps must increase strictly inside a trial", strict=True)
        need(r == 0 or self.steps.min() >= 0, "steps must not be negative")
        if self.elapsed is not None:
            need(np.isfinite(self.elapsed).all(), "elapsed seconds must be finite")
            need(r == 0 or self.elapsed.min() >= 0, "elapsed seconds must not be negative")
            self._need_order(self.elapsed, "elapsed must never decrease in a trial", strict=False)
        backwards = np.flatnonzero(self.end < self.start)
        need(
            backwards.size == 0,
            "a trial must not end before it starts",
            f"trial {self.trials[backwards[0]]!r} does" if backwards.size else None,
        )
        known = (self.status >= _FIRST) & (self.status <= _LAST)
        need(known.all(), "status must be a code of esim.study.Status")
        need((self.instance_count >= 1).all(), "instance_count must be at least 1")

    def _need(self, ok: bool | np.bool_, what: str, why: str | None = None) -> None:
        if not ok:
            raise EsimError(what, where=f"study {self.name!r}", why=why)

    def _need_order(self, column: NDArray[Any], what: str, *, strict: bool) -> None:
        if len(column) < 2:
            return
        wrong = column[1:] <= column[:-1] if strict else column[1:] < column[:-1]
        starts = self.offsets[1:-1]
        wrong[starts[(starts > 0) & (starts < len(column))] - 1] = False
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0]) + 1
            trial = self.trials[int(np.searchsorted(self.offsets, at, side="right")) - 1]
            raise EsimError(
                what,
                where=f"study {self.name!r}, trial {trial!r}",
                why=f"{column[at - 1]} is followed by {column[at]}",
            )

    def to_parquet(self, folder: str | Path) -> None:
        """Write `reports.parquet` and `trials.parquet` into a folder, whole or not at all."""
        above("write_study")(self, Path(folder))

    @classmethod
    def from_parquet(cls, folder: str | Path) -> Study:
        """The study that `to_parquet` wrote, without loss. Raises EsimError if it is not one."""
        study: Study = above("read_study_folder")(Path(folder))
        return study


def as_direction(word: str) -> Direction:
    """ "minimize" or "maximize" from any case. Raises EsimError for another word."""
    lowered = word.strip().lower() if isinstance(word, str) else word
    if lowered == "minimize":
        return "minimize"
    if lowered == "maximize":
        return "maximize"
    raise EsimError(f"unknown direction {word!r}", fix="minimize or maximize")


def _repeated(names: Sequence[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return f"{name!r} stands twice"
        seen.add(name)
    return None
