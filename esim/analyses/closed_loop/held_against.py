"""A job that ran with the rule, held against simulated futures of its search with the rule.

The futures launch as many trials on as many workers as that job. What one more such job would
record lies in the interval of the futures with the chance asked for, if the forecast is right.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from esim.analyses.closed_loop.futures import Side
from esim.analyses.closed_loop.record_covered import recorded_best
from esim.analyses.closed_loop.same_problem import whole_trials
from esim.analyses.closed_loop.spreads import one_more, recorded_finals
from esim.errors import EsimError
from esim.results.closed_loop import HeldAgainst, HeldJob, HeldNumber
from esim.simulator.accounting import SPENT
from esim.study import Float64, Study
from esim.study.facts import cut_short, reporting
from esim.study.times import durations, last_row


def held_job(study: Study) -> HeldJob:
    """What a job is that ran with the rule.

    Raises:
        EsimError: it has fewer than two trials with a value.
    """
    has_value = reporting(study)
    if len(has_value) < 2:
        raise EsimError(
            f"{len(has_value)} trials with a value in the job to hold the forecast against",
            where=f"study {study.name!r}",
            fix="the log of a whole job that ran with the rule",
        )
    return HeldJob(study.name, study.n_trials, int(cut_short(study)[has_value].sum()))


def held_against(
    log: Study,
    job: Study,
    futures: Sequence[Side],
    final: str,
    confidence: float,
    widening: float,
) -> HeldAgainst:
    """What the futures with the rule say of a job that ran with it, and what it recorded.

    What is saved is told of a mean trial, against a mean trial of the log; trials without a value
    are left out, because the futures have none.

    Args:
        log: without the rule.
        job: with the rule.
        futures: their arms with the rule, on as many trials.
        final: which reported value is a trial's final one, "last" or "best".
        confidence: of the intervals.
        widening: how much wider the interval of the best value is than the futures say.
    """
    sign = job.sign
    recorded = _recorded(log, job)
    told = [_told(log, side, recorded) for side in futures]
    finals = recorded_finals(job, final)
    recorded["best"] = float(sign * np.nanmin(sign * finals))
    for one, side in zip(told, futures, strict=True):
        one["best"] = float(sign * np.nanmin(sign * side.finals))
    numbers = {
        name: _held(
            value,
            np.array([one[name] for one in told]),
            confidence,
            widening if name == "best" else 1.0,
        )
        for name, value in recorded.items()
    }
    return HeldAgainst(
        quantities=numbers,
        best_so_far=recorded_best(finals, [side.finals for side in futures], sign),
    )


def _recorded(log: Study, job: Study) -> dict[str, float]:
    """What a job saved of a mean trial of the log, and which share of its trials was stopped."""
    its = reporting(job)
    found = {}
    for what in _amounts(log, job):
        before = _amount(log, what)[whole_trials(log)].mean()
        found[SPENT[what][2]] = float(1.0 - _amount(job, what)[its].mean() / before)
    found["trials_stopped_fraction"] = float(cut_short(job)[its].mean())
    return found


def _told(log: Study, side: Side, recorded: dict[str, float]) -> dict[str, float]:
    """The same numbers of a future's arm with the rule."""
    started = len(side.finals) - float(side.outcome.trials_not_started[0])
    found = {"trials_stopped_fraction": side.stopped / started}
    for what, (_, _, share) in SPENT.items():
        if share in recorded:
            before = _amount(log, what)[whole_trials(log)].mean()
            found[share] = float(1.0 - side.outcome.spent(what)[1][0] / started / before)
    return found


def _amounts(log: Study, job: Study) -> tuple[str, ...]:
    """What both tell that trials spend."""
    timed = log.elapsed is not None and job.elapsed is not None
    return ("steps", "seconds") if timed else ("steps",)


def _amount(study: Study, what: str) -> Float64:
    """What each trial spent as recorded. float64 [N]"""
    return last_row(study, study.resource) * 1.0 if what == "steps" else durations(study)


def _held(recorded: float, futures: Float64, confidence: float, widening: float) -> HeldNumber:
    median = float(np.median(futures))
    low, high = (median + widening * (end - median) for end in one_more(futures, confidence))
    return HeldNumber(
        recorded=recorded,
        median=median,
        low=low,
        high=high,
        covered=bool(low <= recorded <= high),
    )
