"""The few numbers about a study that results repeat; those of a whole history fit into memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from esim.study.arrays import Int64
from esim.study.direction import Direction
from esim.study.note import Note
from esim.study.record import Study
from esim.study.status import Status
from esim.study.times import last_row, last_values, report_seconds, side_by_side
from esim.study.trend import Trend, launch_trend

_REPEATED = ("auto_was_on", "strategy_bayesian")


@dataclass(frozen=True, slots=True)
class Facts:
    """One study in a few numbers.

    Attributes:
        name, objective, direction: as in `Study`.
        trials: the number of trials.
        trials_reporting: how many of them reported a value.
        trials_begun: how many made a report, with a value or without.
        trials_censored: how many of those had been cut short when they were recorded.
        cut_short: how many of those had not failed; each might have become the best trial.
        reports: the number of reports of all trials.
        reports_longest, steps_longest, seconds_longest: the most reports, the most resource and the
            most seconds since its start of any trial; a step counts as a second where the study has
            no report times.
        steps_recorded: the sum of every trial's resource at its last report.
        timed: whether the reports have times.
        side_by_side: the most trials that ran at once; 1 where that is unknown.
        infinite: whether some value is infinite.
        trend: of the final values over the launch order.
        notes: the study's notes that a result of several studies repeats.
    """

    name: str
    objective: str
    direction: Direction
    trials: int
    trials_reporting: int
    trials_begun: int
    trials_censored: int
    cut_short: int
    reports: int
    reports_longest: int
    steps_longest: int
    seconds_longest: float
    steps_recorded: int
    timed: bool
    side_by_side: int
    infinite: bool
    trend: Trend | None
    notes: tuple[Note, ...]

    @property
    def degradation_known(self) -> bool:
        """Whether every trial that might have become the best ran to its end."""
        return self.cut_short == 0

    def noted(self, code: str) -> bool:
        """Whether the study has a note of this code."""
        return any(note.code == code for note in self.notes)


def reporting(study: Study) -> Int64:
    """The positions of the trials that reported a value, in launch order. int64 [n]

    These alone are history: what is concluded from a number of trials counts them. The others were
    launched, took their slots and their money, and tell nothing of a rule.
    """
    return np.flatnonzero(~np.isnan(last_values(study)))


def cut_short(study: Study) -> NDArray[np.bool_]:
    """bool [N]: trials that had been cut short when recorded and might have become the best.

    A failed trial has no model to keep, so it could not have; one without any report is no history.
    """
    begun = study.lengths > 0
    return np.asarray(study.censored & ~study.which(Status.FAILED) & begun)


def facts(study: Study) -> Facts:
    """The facts of a study.

    Raises:
        EsimError: the study's columns break their promises (`Study.validate`).
    """
    study.validate()
    begun = study.lengths > 0
    return Facts(
        name=study.name,
        objective=study.objective,
        direction=study.direction,
        trials=study.n_trials,
        trials_reporting=len(reporting(study)),
        trials_begun=int(begun.sum()),
        trials_censored=int(study.censored[begun].sum()),
        cut_short=int(cut_short(study).sum()),
        reports=study.n_reports,
        reports_longest=int(study.lengths.max(initial=0)),
        steps_longest=int(study.resource.max(initial=0)),
        seconds_longest=float(report_seconds(study).max(initial=0.0)),
        steps_recorded=int(last_row(study, study.resource).sum()),
        timed=study.elapsed is not None,
        side_by_side=side_by_side(study),
        infinite=bool(np.isinf(study.values).any()),
        trend=launch_trend(study),
        notes=tuple(note for note in study.notes if note.code in _REPEATED),
    )


def facts_at(position: int, study: Study) -> Facts:
    """`facts` with the arguments that work on one of many studies is called with.

    Args:
        position: the study's position among the others; it changes nothing.
        study: the study.

    Raises:
        EsimError: as `facts`.
    """
    return facts(study)
