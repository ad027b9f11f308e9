"""Bounds that no result can break, checked on every result before anybody sees it.

A number outside its bounds is a fault of esim, whatever the logs hold: it is never shown, and the
error asks to report it. What is unknown (NaN, None) breaks no bound.

What can be bounded, and why:

- Nothing is run that was not recorded: a rule only cuts trials short. So steps, seconds, billed
  seconds and money under the rule lie between 0 and what was recorded, and their saved shares
  between 0 and 1. Degradation has no bounds: a stopped trial may end better than it would have.
- The makespan never grows either. One after another it is a sum, by recorded starts each job ends
  no later, and on P slots the next job of the launch order takes the first free slot: with shorter
  jobs in the same order, the k-th slot to become free does so no later, for every k (by induction
  over the jobs). Only another launch order, or other jobs, could make it longer.
- A job of many trials takes at least as long as its longest trial.
- A share, a probability, a p-value: 0 to 1. A rank: from 1 to one behind the last trial, which is
  that of a best value that no recorded final value is as bad as.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.errors import EsimError

# A number of a replayed job: the least and the most it can be, as a number or as another's name.
# `longest_trial_s` are the seconds of the longest job of a trial, `ranks` the trials and one more.
BOUNDS: dict[str, tuple[str, str]] = {
    "trials_stopped": ("0", "trials"),
    "trials_censored": ("0", "trials"),
    "trials_not_started": ("0", "trials"),
    "trials_cut": ("0", "trials"),
    "steps_run": ("0", "steps_recorded"),
    "steps_saved_fraction": ("0", "1"),
    "seconds_run": ("0", "seconds_recorded"),
    "seconds_saved_fraction": ("0", "1"),
    "billed_seconds_run": ("0", "billed_seconds_recorded"),
    "billed_saved_fraction": ("0", "1"),
    "cost": ("0", "cost_recorded"),
    "cost_saved_fraction": ("0", "1"),
    "makespan_s": ("longest_trial_s", "makespan_recorded_s"),
    "makespan_saved_fraction": ("0", "1"),
    "best_rank": ("1", "ranks"),
    "best_trial_stopped": ("0", "1"),
    "best_kept": ("0", "1"),
}
_CONSTANTS = {"0": 0.0, "1": 1.0}
_NAMES = tuple(
    dict.fromkeys(
        key for name, ends in BOUNDS.items() for key in (name, *ends) if key not in _CONSTANTS
    )
)
_ROWS = (*_NAMES, *_CONSTANTS)
_VALUE, _LEAST, _MOST = (
    np.array([_ROWS.index(key) for key in keys])
    for keys in (BOUNDS, *zip(*BOUNDS.values(), strict=True))
)
_SLACK = _ROWS.index("longest_trial_s")
# Starts and ends since 1970 are whole to 0.2 microseconds, and so are differences of them.
CLOCK_S = 1e-3
# The names of numbers in documents that are shares or probabilities, or amounts, wherever they are.
_SHARE = re.compile(r".*_fraction|probability_.*|best_kept|within|share|p|covered")
# Means of shares, and sums, end a few bits beyond their bounds by rounding alone.
ROUNDING = 1e-9
# Of two such numbers of a record the first is never more than the second.
_ORDERED = (
    ("low", "high"),
    ("count", "of"),
    *((name, most) for name, (_, most) in BOUNDS.items() if most not in _CONSTANTS),
)
# Settings: whole numbers that count nothing.
_OF_ANY_SIGN = ("rule", "parameters", "changed", "grid", "seed")
_AMOUNT = re.compile(r"(steps|seconds|billed_seconds|cost|makespan)(_recorded|_run|_saved)?(_s)?")


def impossible(name: str, value: float, bound: str, where: str | None = None) -> EsimError:
    """The error about a number that breaks a bound.

    Args:
        name: of the number, as in the result document.
        value: what was computed.
        bound: what it breaks, such as "more than steps_recorded, 12".
        where: the study or the job.
    """
    return EsimError(
        f"a number that cannot be: {name} is {value:.10g}",
        where=where,
        why=f"that is {bound}",
        fix="this is a fault of esim, so no result is shown; please report it, with the command "
        "line and, if you can share them, the logs",
    )


def validate_jobs(numbers: Mapping[str, NDArray[Any]], where: str | None = None) -> None:
    """Check the numbers of J replayed jobs.

    Args:
        numbers: the names in `BOUNDS`, and those its bounds name -> a number for each job, NaN =
            unknown. [J] each
        where: the study, for errors.

    Raises:
        EsimError: a number breaks a bound; it names both.
    """
    jobs, job = numbers["trials"].size, 0
    if jobs != 1:  # of one job, plain numbers take a fifth of the time
        columns = [numbers[key].ravel() for key in _NAMES]
        columns += [np.full(jobs, x) for x in _CONSTANTS.values()]
        rows = np.concatenate(columns).reshape(len(columns), jobs)
        rows[_SLACK] -= CLOCK_S
        broken = (rows[_VALUE] < rows[_LEAST]) | (rows[_VALUE] > rows[_MOST])
        if not broken.any():
            return
        job = int(broken.any(axis=0).argmax())
        where = None if where is None else f"{where}, job {job + 1} of {jobs}"
    one = {key: numbers[key].item(job) for key in _NAMES} | _CONSTANTS
    one["longest_trial_s"] -= CLOCK_S
    for name, (low, high) in BOUNDS.items():
        value = one[name]
        if value < one[low]:
            raise impossible(name, value, _bound("less", low, one[low]), where)
        if value > one[high]:
            raise impossible(name, value, _bound("more", high, one[high]), where)


def _bound(word: str, name: str, value: float) -> str:
    return f"{word} than {value:.10g}" + ("" if name in _CONSTANTS else f", {name}")


# Columns of trials: the first is never more than the second.
_OF_TRIALS = (
    ("steps_run", "steps_recorded"),
    ("seconds_run", "seconds_recorded"),
    ("end_s", "end_recorded_s"),
)


def validate_trials(columns: Any) -> None:
    """Check what became of each trial: none runs longer, or ends later, than it was recorded.

    Args:
        columns: `esim.results.replay.TrialColumns`.

    Raises:
        EsimError: a number breaks a bound; it names both, and the trial.
    """
    for low, high in _OF_TRIALS:
        value, most = getattr(columns, low), getattr(columns, high)
        broken = value > most
        if np.count_nonzero(broken):  # a sixth of the time of any()
            at = int(broken.argmax())
            bound = _bound("more", high, float(most[at]))
            raise impossible(low, float(value[at]), bound, f"trial {columns.trial[at]!r}")


def validate_document(document: Any) -> None:
    """Check every number of a document whose name says what it is.

    Shares, probabilities and p-values lie from 0 to 1, amounts and counts are not negative, the low
    end of an
    interval is not above its high end, and a count is not above what it is of.

    Args:
        document: a record of a result document.

    Raises:
        EsimError: a number breaks a bound; it names both, and where it stands in the document.
    """
    _validate(document, "", -np.inf, np.inf)


def _validate(value: Any, where: str, least: float, most: float) -> None:
    if isinstance(value, int):
        if value < 0:
            raise impossible(where, value, "less than 0")
    elif isinstance(value, float):
        if value < least - ROUNDING or value > most + ROUNDING:
            raise _beyond(value, where, least, most)
    elif isinstance(value, np.ndarray):
        broken = (value < least - ROUNDING) | (value > most + ROUNDING)
        if broken.any():
            raise _beyond(float(value[broken].reshape(-1)[0]), where, least, most)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for at, part in enumerate(value):
            _validate(part, f"{where}[{at}]", least, most)
    elif isinstance(value, Mapping) or (is_dataclass(value) and not isinstance(value, type)):
        entries = (
            value
            if isinstance(value, Mapping)
            else {name: getattr(value, name) for name in _fields(type(value))}
        )
        _validate_ordered(entries, where)
        for name, part in entries.items():
            if name in _OF_ANY_SIGN:
                continue
            low, high = _ends(name)
            _validate(
                part,
                f"{where}.{name}" if where else name,
                least if low is None else low,
                most if high is None else high,
            )


def _beyond(value: float, where: str, least: float, most: float) -> EsimError:
    bound = f"less than {least:g}" if value < least else f"more than {most:g}"
    return impossible(where, value, bound)


@cache
def _fields(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@lru_cache(maxsize=10_000)
def _ends(name: str) -> tuple[float | None, float | None]:
    """What a number of this name lies between; None: what those around it lie between."""
    if _SHARE.fullmatch(name):
        return 0.0, 1.0
    return (0.0 if _AMOUNT.fullmatch(name) else None), None


def _validate_ordered(entries: Mapping[str, Any], where: str) -> None:
    """Check pairs of numbers of a record of which one is never above the other."""
    for low, high in _ORDERED:
        value, most = entries.get(low), entries.get(high)
        if not (isinstance(value, (int, float)) and isinstance(most, (int, float))):
            continue
        if value > most + ROUNDING * abs(most):
            name = f"{where}.{low}" if where else low
            raise impossible(name, value, _bound("more", high, most))
