"""What results repeat of a study: so little that a whole history's fits into memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from esim.study.record import Direction, Note, Study
from esim.study.status import Status
from esim.study.times import last_row, report_seconds, side_by_side

_REPEATED = ("auto_was_on", "strategy_bayesian")


@dataclass(frozen=True, slots=True)
class Facts:
    """One study in a few numbers.

    Attributes:
        trials_censored: that had been cut short when they were recorded.
        cut_short: those of them that had not failed: one might have become the best.
        reports: of all trials.
        reports_longest, steps_longest, seconds_longest: of the trial with the most; seconds since
            its start, in steps where the study has no seconds.
        steps_recorded: the last step of every trial, added up.
        timed: whether its reports have seconds.
        side_by_side: how many trials ran at once at most; 1 where that is unknown.
        infinite: whether some value is infinite.
        notes: those that a result of several studies repeats.
    """

    name: str
    objective: str
    direction: Direction
    trials: int
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
    notes: tuple[Note, ...]

    @property
    def degradation_known(self) -> bool:
        """Whether no trial was cut short that might have become the best."""
        return self.cut_short == 0

    def noted(self, code: str) -> bool:
        """Whether it has such a note."""
        return any(note.code == code for note in self.notes)


def facts(study: Study) -> Facts:
    """The facts of a study. Raises EsimError if its columns do not fit together."""
    study.validate()
    return Facts(
        name=study.name,
        objective=study.objective,
        direction=study.direction,
        trials=study.n_trials,
        trials_censored=int(study.censored.sum()),
        cut_short=int((study.censored & (study.status != Status.FAILED)).sum()),
        reports=study.n_reports,
        reports_longest=int(np.diff(study.offsets).max(initial=0)),
        steps_longest=int(study.steps.max(initial=0)),
        seconds_longest=float(report_seconds(study).max(initial=0.0)),
        steps_recorded=int(last_row(study, study.steps).sum()),
        timed=study.elapsed is not None,
        side_by_side=side_by_side(study),
        infinite=bool(np.isinf(study.values).any()),
        notes=tuple(note for note in study.notes if note.code in _REPEATED),
    )


def facts_at(position: int, study: Study) -> Facts:
    """`facts`, as the work on a study among others (`esim.analyses.workers.by_study`)."""
    return facts(study)
