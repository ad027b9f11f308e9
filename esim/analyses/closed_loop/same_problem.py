"""Whether studies are of one problem, and the trials of several of one as those of one study."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.analyses.closed_loop.space import is_numeric
from esim.errors import EsimError, clean, plural
from esim.study import Int64, Study
from esim.study.batch import Batch
from esim.study.facts import reporting
from esim.study.times import last_row

_SHOWN = 3  # hyperparameters of a kind of difference


def pooled(studies: Sequence[Study], leave_out: Sequence[str] = ()) -> Study:
    """The trials of studies of one problem as one study, in the order given.

    It has report times where all have them. What stands in one configuration alone is left out of
    the others.

    Args:
        studies: at least one.
        leave_out: hyperparameters that are no part of the search space, and may differ.

    Raises:
        EsimError: one of them differs from the first in what makes the problem.

    >>> import esim
    >>> a = esim.Study.from_arrays([[3.0, 2.0], [5.0, 4.0]], "minimize", config={"x": [1, 2]})
    >>> b = esim.Study.from_arrays([[4.0, 1.0]], "minimize", config={"x": [3]})
    >>> both = pooled([a, b])
    >>> both.n_trials, both.config
    (3, {'x': [1, 2, 3]})
    """
    if len(studies) == 1:
        return studies[0]
    for other in studies[1:]:
        check_same_problem(studies[0], other, leave_out)
    lacking = {
        name: None
        for name in ("elapsed", "billed")
        if any(getattr(study, name) is None for study in studies)
    }
    changes: Any = lacking
    whole = Batch.of([dataclasses.replace(study, **changes) for study in studies]).whole
    names = dict.fromkeys(name for study in studies for name in study.config)
    return dataclasses.replace(
        whole,
        name=f"{studies[0].name} and {plural(len(studies) - 1, 'other')}",
        objective=studies[0].objective,
        config={
            name: [v for s in studies for v in s.config.get(name, [None] * s.n_trials)]
            for name in names
        },
    )


def whole_trials(study: Study) -> Int64:
    """The positions of the trials that ran to their end with a value. int64 [n]"""
    has_value = reporting(study)
    return has_value[~study.censored[has_value]]


def check_same_problem(first: Study, other: Study, leave_out: Sequence[str] = ()) -> None:
    """Raise EsimError if a study is not of the same problem as another; it says what differs."""
    differ = list(_differences(first, other, leave_out))
    if differ:
        raise EsimError(
            f"studies {clean(first.name)!r} and {clean(other.name)!r} are not of one problem",
            why="; ".join(differ),
            fix="jobs that searched the same space for the same metric (--study NAME reads one of "
            "several); --leave-out NAME for a hyperparameter that changes nothing (a name, a path)",
        )


def _differences(first: Study, other: Study, leave_out: Sequence[str]) -> Iterator[str]:
    """What makes the problems of two studies different, in words."""
    if first.objective != other.objective:
        yield f"the metric is {clean(first.objective)} in one and {clean(other.objective)} in the "\
            "other"  # fmt: skip
    if first.direction != other.direction:
        yield f"one is to {first.direction}, the other to {other.direction}"
    if first.done_at_zero != other.done_at_zero:
        yield "step 0 is the first step done in one and nothing done in the other (--first-step)"
    a, b = ({n: v for n, v in s.config.items() if n not in leave_out} for s in (first, other))
    for study, its, others in ((first, a, b), (other, b, a)):
        alone = [name for name in its if name not in others]
        if alone:
            yield f"only {clean(study.name)!r} has {_named(alone)}"
    both = [name for name in a if name in b]
    kinds = [name for name in both if _kinds_differ(a[name], b[name])]
    if kinds:
        yield f"of numbers in one and of text in the other: {_named(kinds)}"
    fixed = [name for name in both if _fixed_apart(a[name], b[name])]
    if fixed:
        yield (
            f"never changed in either, and different: {_named(fixed)} ({clean(fixed[0])} is "
            f"{_value(a[fixed[0]])} in one and {_value(b[fixed[0]])} in the other)"
        )
    ends, others_ends = _ends(first), _ends(other)
    if max(ends[0], others_ends[0]) > min(ends[1], others_ends[1]):
        yield (
            f"trials that ran to their end did so at step {_span(ends)} in one and "
            f"{_span(others_ends)} in the other"
        )


def _kinds_differ(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether the values of a hyperparameter are numbers in one study and not in the other."""
    known = [[value for value in column if value is not None] for column in (one, other)]
    return all(known) and is_numeric(known[0]) != is_numeric(known[1])


def _fixed_apart(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether a hyperparameter has one value in each study, and not the same."""
    values = _values(one), _values(other)
    return len(values[0]) == len(values[1]) == 1 and values[0] != values[1]


def _values(column: Sequence[Any]) -> set[str]:
    """The values that occur, numbers by their amount."""
    known = [value for value in column if value is not None]
    return {repr(float(v)) for v in known} if is_numeric(known) else set(map(str, known))


def _value(column: Sequence[Any]) -> str:
    return clean(str(next(value for value in column if value is not None)), 20)


def _ends(study: Study) -> tuple[float, float]:
    """The lowest and the highest last step of trials that ran to their end; any, if none did."""
    last = last_row(study, study.resource)[whole_trials(study)]
    return (float(last.min()), float(last.max())) if len(last) else (-np.inf, np.inf)


def _span(ends: tuple[float, float]) -> str:
    low, high = ends
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(map(clean, names[:_SHOWN]))
    more = len(names) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def repeated(studies: Sequence[Study]) -> NDArray[np.bool_]:
    """Which trials of studies, one after another, are in an earlier study too.

    They have the same configuration and the same curve, so that one would predict the other.

    Raises:
        EsimError: all trials of a study are in an earlier one.
    """
    seen: set[tuple[str, bytes]] = set()
    flags = []
    for study in studies:
        its = [_identity(study, trial) for trial in range(study.n_trials)]
        known = np.array([one in seen for one in its], dtype=np.bool_)
        if known.all():
            raise EsimError(
                f"study {clean(study.name)!r} holds no trial that an earlier log does not hold",
                why="its configurations and curves are there already",
                fix="each job once",
            )
        seen.update(its)
        flags.append(known)
    return np.concatenate(flags)


def _identity(study: Study, trial: int) -> tuple[str, bytes]:
    """The configuration and the curve of a trial."""
    config = sorted((name, str(column[trial])) for name, column in study.config.items())
    return repr(config), study.values[study.offsets[trial] : study.offsets[trial + 1]].tobytes()
