"""`Study`, the record of one past tuning job: readers make it and all computations take it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from esim.errors import EsimError, clean, near_names, plural
from esim.study.arrays import Float64, Int64, if_any_known, per_trial, report_columns
from esim.study.brief import brief
from esim.study.direction import Direction, as_direction
from esim.study.door import above
from esim.study.first_step import ASSUMED, SETTLED, as_first_step, settle_first_step
from esim.study.note import Note
from esim.study.status import Status, as_status, is_censored

# Amounts are added up as float64, in which whole numbers are exact below this one.
EXACT = 2**53


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
    "billed": np.dtype(np.float64),
}


@dataclass(frozen=True, eq=False, repr=False)
class Study:
    """One tuning job: its trials in launch order and their reports in contiguous columns.

    There are N trials and R reports. Trial i owns the reports ``offsets[i]:offsets[i + 1]``.

    Attributes:
        name: the study's id.
        objective: the metric's name.
        direction: "minimize" or "maximize".
        trials: the trials' ids, as text, in launch order. [N]
        offsets: int64 [N + 1], from 0 to R, never decreasing.
        steps: int64 [R], >= 0, strictly increasing inside a trial; the highest step times N is
            below 2**53, so that every sum of steps is exact.
        values: float64 [R], the objective; NaN where the trial reached the step without a value.
        elapsed: float64 [R], seconds since the trial's start, finite, never decreasing inside a
            trial; None if any report has no time.
        start, end: float64 [N], seconds since 1970 UTC or any other common zero; NaN if unknown.
        status: int8 [N], codes of `Status`.
        censored: bool [N], whether the trial had been cut short when it was recorded.
        instance_type: the type of each trial's machines, None if unknown. [N]
        instance_count: int64 [N], the number of each trial's machines, 1 if unknown.
        config: hyperparameter name -> its value for each trial, None where it has none. [N] each
        notes: what the reader noted about the data.
        done_at_zero: the units of training done at a step of 0: 1 where the index 0 is printed
            after the first unit, else 0. All amounts are counted in `resource`.
        billed: float64 [N], the seconds of each trial's job that were billed, as recorded; NaN
            where that is unknown, and None where it is of every trial.

    Example:
        >>> import esim
        >>> study = esim.Study.from_arrays([[0.9, 0.5], [0.8, 0.7]], "minimize", names=["a", "b"])
        >>> study.n_trials, study.n_reports, study.trial_index("b")
        (2, 4, 1)
        >>> study.values[study.offsets[1] : study.offsets[2]]
        array([0.8, 0.7])
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
    done_at_zero: int = 0
    billed: Float64 | None = None

    @property
    def resource(self) -> Int64:
        """The units of training done at each report: its step, and what is done at 0. int64 [R]"""
        return self.steps + self.done_at_zero if self.done_at_zero else self.steps

    @property
    def n_trials(self) -> int:
        """The number of trials, N."""
        return len(self.trials)

    @property
    def sign(self) -> float:
        """1.0 or -1.0: the factor that makes lower values the better ones."""
        return 1.0 if self.direction == "minimize" else -1.0

    @property
    def n_reports(self) -> int:
        """The number of reports, R."""
        return len(self.steps)

    @property
    def lengths(self) -> Int64:
        """How many reports each trial has. int64 [N]"""
        return self.offsets[1:] - self.offsets[:-1]  # a fifth of np.diff's time

    def which(self, status: Status) -> NDArray[np.bool_]:
        """Which trials had ended so when they were recorded. bool [N]"""
        found: NDArray[np.bool_] = self.status == int(status)  # a third of the time with the enum
        return found

    @property
    def has_schedule(self) -> bool:
        """Whether every trial with reports has report times, a start, and an end if it ended."""
        return self.elapsed is not None and bool(self.scheduled().all())

    def scheduled(self) -> NDArray[np.bool_]:
        """Whether each trial has a start, and an end if it ended, or no report. bool [N]"""
        ended = np.isfinite(self.end) | self.which(Status.RUNNING)
        return np.asarray((self.lengths == 0) | (np.isfinite(self.start) & ended))

    def with_first_step(self, meaning: str | None = None) -> Study:
        """The study with what a step of 0 means settled anew.

        Args:
            meaning: "done": the first unit of training is done at it, whether or not some trial
                reports there. "before": nothing is done at it. None settles it as
                `esim.study.first_step` says.

        Raises:
            EsimError: the meaning is another word.

        Example:
            >>> import esim
            >>> study = esim.Study.from_arrays([[3.0, 2.0]], "minimize", steps=[0, 1])
            >>> study.resource, study.with_first_step("before").resource
            (array([1, 2]), array([0, 1]))
        """
        asked = as_first_step(meaning)
        done, note = settle_first_step(self.steps, self.offsets, self.elapsed, asked=asked)
        others = tuple(one for one in self.notes if one.code not in (ASSUMED, SETTLED))
        notes = others if note is None else (*others, note)
        return replace(self, done_at_zero=done, notes=notes)

    def trial_index(self, trial: str) -> int:
        """The position of a trial in launch order.

        Args:
            trial: the trial's id, or a beginning of it that no other trial's has.

        Raises:
            EsimError: the study has no such trial, or several; the error lists them, or near names.

        Example:
            >>> import esim
            >>> study = esim.Study.from_arrays([[1.0], [2.0]], "min", names=["job-1a", "job-2b"])
            >>> study.trial_index("job-2b"), study.trial_index("job-2")
            (1, 1)
        """
        if trial in self.trials:
            return self.trials.index(trial)
        begun = [i for i, name in enumerate(self.trials) if trial and name.startswith(trial)]
        if len(begun) == 1:
            return begun[0]
        if begun:
            raise EsimError(
                f"{len(begun)} trials in study {self.name!r} begin with {trial!r}",
                fix=f"one of: {near_names('', (self.trials[i] for i in begun))}",
            )
        raise EsimError(
            f"no trial {trial!r} in study {self.name!r}",
            fix=f"one of: {near_names(trial, self.trials)}",
        )

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
        first_step: str | None = None,
        status: Sequence[Status | str] | None = None,
        name: str = "study",
        objective: str = "objective",
        instance_type: Sequence[str | None] | None = None,
        instance_count: ArrayLike | None = None,
        billed: ArrayLike | None = None,
        config: Mapping[str, Sequence[Any]] | None = None,
    ) -> Study:
        """Make a study from a matrix of values, or from one curve for each trial.

        Args:
            values: float [n_trials, n_steps], or a sequence of n_trials curves of any lengths. NaN
                means that there is no report.
            direction: "minimize" or "maximize", short "min" or "max".
            elapsed: seconds since each trial's start, shaped like `values`.
            start, end: seconds since a common zero, [n_trials].
            names: the trials' ids; the default is "0", "1", ...
            steps: the step of each column, [n_steps], or shaped like `values`; the default is
                1, 2, ...
            first_step: what a step of 0 means: "done" is the first unit of training done, "before"
                is nothing done yet. By default it is settled as `esim.study.first_step` says, with
                a note.
            status: how each trial ended; the default is completed. Stopped, failed, running and
                interrupted trials are censored.
            name: the study's id.
            objective: the metric's name.
            instance_type: the type of each trial's machines. [n_trials]
            instance_count: the number of each trial's machines, [n_trials]; the default is 1.
            billed: the billed seconds of each trial's job, [n_trials]; NaN where unknown.
            config: hyperparameter name -> its value for each trial. [n_trials] each

        Raises:
            EsimError: the shapes do not fit, or the result breaks a promise of the columns (see
                `validate`).

        Example:
            >>> import numpy as np
            >>> import esim
            >>> values = np.array([[0.9, 0.5, 0.4], [0.8, 0.7, np.nan]])
            >>> study = esim.Study.from_arrays(values, direction="minimize", names=["a", "b"])
            >>> study.steps
            array([1, 2, 3, 1, 2])
            >>> study.offsets
            array([0, 3, 5])
        """
        reports = report_columns(values, steps, elapsed)
        n = len(reports.offsets) - 1
        codes = np.full(n, Status.COMPLETED, dtype=np.int8)
        if status is not None:
            codes = np.array([as_status(word) for word in status], dtype=np.int8)
        done_at_zero, note = settle_first_step(
            reports.steps, reports.offsets, reports.elapsed, asked=as_first_step(first_step)
        )
        study = cls(
            name=name,
            objective=objective,
            direction=as_direction(direction),
            trials=tuple(str(i) for i in range(n)) if names is None else tuple(names),
            offsets=reports.offsets,
            steps=reports.steps,
            values=reports.values,
            elapsed=reports.elapsed,
            start=per_trial(start, n),
            end=per_trial(end, n),
            status=codes,
            censored=is_censored(codes),
            instance_type=(None,) * n if instance_type is None else tuple(instance_type),
            instance_count=np.ones(n, dtype=np.int64)
            if instance_count is None
            else np.asarray(instance_count, dtype=np.int64),
            billed=if_any_known(per_trial(billed, n)),
            config=dict(config or {}),
            notes=() if note is None else (note,),
            done_at_zero=done_at_zero,
        )
        study.validate()
        return study

    def __repr__(self) -> str:
        return brief(self._in_short())

    def _in_short(self) -> Iterator[str]:
        times = ", no times" if self.elapsed is None else ", with times"
        yield (
            f"Study {self.name!r}: {plural(self.n_trials, 'trial')}, "
            f"{plural(self.n_reports, 'report')} of {clean(self.objective, 30)}, "
            f"{self.direction}{times}"
        )
        if self.config:
            yield f"config: {', '.join(self.config)}"
        if self.notes:
            yield f"{plural(len(self.notes), 'note')}: {self.notes[0].text}"

    def _repr_html_(self) -> str:
        """The study as HTML, which notebooks show."""
        html: str = above("study_html")(self)
        return html

    def validate(self) -> None:
        """Check every promise of the columns.

        Raises:
            EsimError: a column breaks its promise; the error names the column and the trial.

        Example:
            >>> from dataclasses import replace
            >>> import esim
            >>> study = esim.Study.from_arrays([[3.0, 2.0]], "min")
            >>> study.validate()
            >>> try:
            ...     replace(study, steps=study.steps[::-1].copy()).validate()
            ... except esim.EsimError as error:
            ...     print(error.what)
            steps must increase strictly inside a trial
        """
        self.validate_shapes()
        self.validate_numbers()

    def validate_shapes(self) -> None:
        """Check types, lengths and names: the part of `validate` that reads no column of numbers.

        Raises:
            EsimError: as `validate`.
        """
        n, r = self.n_trials, self.n_reports
        if as_direction(self.direction) != self.direction:
            self._need(False, "direction must be minimize or maximize", f"it is {self.direction!r}")
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

    def validate_numbers(self) -> None:
        """Check the numbers in the columns: the other part of `validate`.

        Raises:
            EsimError: as `validate`.
        """
        need, r = self._need, self.n_reports
        need((np.diff(self.offsets) >= 0).all(), "offsets must never decrease")
        self._need_order(self.steps, "steps must increase strictly inside a trial", strict=True)
        first = self.offsets[:-1][np.diff(self.offsets) > 0]  # steps increase from there
        need(r == 0 or self.steps[first].min() >= 0, "steps must not be negative")
        need(self.done_at_zero in (0, 1), "done_at_zero must be 0 or 1")
        self._need_exact_sums()
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
        if self.billed is not None:
            known = np.isnan(self.billed) | ((self.billed >= 0) & np.isfinite(self.billed))
            need(known.all(), "billed seconds must be numbers, at least 0, or NaN")

    def _need(self, ok: bool | np.bool_, what: str, why: str | None = None) -> None:
        if not ok:
            raise EsimError(what, where=f"study {self.name!r}", why=why)

    def _need_exact_sums(self) -> None:
        last = self.offsets[1:][np.diff(self.offsets) > 0] - 1  # the largest of each trial
        highest = int(self.steps[last].max(initial=0))
        if highest * self.n_trials < EXACT:
            return
        at = int(self.steps.argmax())
        trial = self.trials[int(np.searchsorted(self.offsets, at, side="right")) - 1]
        raise EsimError(
            f"step {highest} is too large to be a number of steps",
            where=f"study {self.name!r}, trial {trial!r}",
            why=f"the steps of {self.n_trials} trials may add up to {EXACT:,} (2**53) or more, "
            "and such sums are not exact",
            fix="steps that count what was trained, such as epochs; a time is no step",
        )

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
        """Write the study as `reports.parquet` and `trials.parquet`, both or none of them.

        Args:
            folder: created if need be. A folder that holds nothing but these two files is replaced.

        Raises:
            EsimError: the folder holds other files or cannot be written, an id is not Unicode text,
                or a hyperparameter is not text, a number, true, false or None.

        Example:
            >>> import tempfile
            >>> from pathlib import Path
            >>> import esim
            >>> study = esim.Study.from_arrays([[3.0, 2.0]], "min", name="job")
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     study.to_parquet(Path(folder, "job"))
            ...     esim.Study.from_parquet(Path(folder, "job"))
            <Study 'job': 1 trial, 2 reports of objective, minimize, no times>
        """
        above("write_study")(self, Path(folder))

    @classmethod
    def from_parquet(cls, folder: str | Path) -> Study:
        """Read the study that `to_parquet` wrote, without loss.

        Args:
            folder: the folder that was given to `to_parquet`.

        Raises:
            EsimError: a file is missing, damaged, or not written by `to_parquet`.

        Example:
            >>> import esim
            >>> try:
            ...     esim.Study.from_parquet("no/such/folder")
            ... except esim.EsimError as error:
            ...     print(error.what)
            no study stored by esim
        """
        study: Study = above("read_study_folder")(Path(folder))
        return study


def _repeated(names: Sequence[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return f"{name!r} stands twice"
        seen.add(name)
    return None
