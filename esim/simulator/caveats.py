"""The reasons to doubt a replay, each with a code: what it assumed and what it cannot know."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.assumptions import Clock, Costs
from esim.results.replay import Caveat, Summaries
from esim.results.trial_columns import TrialColumns
from esim.rules import JobRule, Rule
from esim.simulator.caveat_texts import FEW_TRIALS, GRACE_S, TEXTS, Replayed
from esim.study import Float64, Note, Status
from esim.study.batch import Batch
from esim.study.facts import cut_short
from esim.study.first_step import ASSUMED
from esim.study.times import durations

CONVERGED = "converged"  # the note that SageMaker found the job converged, and when


def never_stops(rule: Rule) -> bool:
    """Whether a rule can stop no trial, as `none`."""
    return rule.against == "bounds" and rule.lower == -math.inf and rule.upper == math.inf


class Caveats:
    """The caveats of each replayed study of a batch, the gravest first.

    A history keeps their codes alone: a text is made when it is asked for.

    Attributes:
        codes: of each study. [S]
    """

    def __init__(self, of: Replayed) -> None:
        self._of = of
        self.codes: list[list[str]] = [[] for _ in of.batch.names]
        every = range(len(of.batch))
        for code, applies in _CHECKS:
            found = applies(of)
            if found is False:
                continue
            for at in every if found is True else found.nonzero()[0].tolist():
                self.codes[at].append(code)
        for codes, notes in zip(self.codes, of.batch.notes, strict=True):
            codes += [note.code for note in notes if note.code in _NOTES]

    def texts(self, at: int) -> list[Caveat]:
        """Those of one study, by its place in the batch."""
        one = self._of.study(at)
        codes = set(self.codes[at])
        found = [Caveat(code, TEXTS[code](one)) for code, _ in _CHECKS if code in codes]
        return found + [_noted(note, one) for note in one.batch.notes[at] if note.code in _NOTES]


def caveats_of(
    batch: Batch,
    rule: Rule,
    clock: Clock,
    costs: Costs,
    until: Sequence[JobRule],
    summaries: Summaries,
    columns: TrialColumns,
    cut_off_s: Float64,
) -> Caveats:
    """The caveats of each replayed study.

    Args:
        batch: the studies.
        rule, clock, costs, until: how they were replayed.
        summaries: of the studies.
        columns: of the trials of all studies.
        cut_off_s: seconds by which each trial's job ends earlier than recorded; NaN = unknown. [N]
    """
    whole = batch.whole
    reports = whole.lengths
    begun = reports > 0
    failed = whole.which(Status.FAILED) & begun
    first = np.zeros(whole.n_trials, dtype=np.int64)
    first[begun] = whole.resource[whole.offsets[:-1][begun]]
    at_once = columns.stopped & (columns.steps_run == first)
    cut = cut_short(whole)
    # How long a trial that had been cut short would have gone on is not known.
    grace_s = np.where(cut, GRACE_S, np.minimum(cut_off_s, GRACE_S))
    counts = {
        "failed": failed,
        "cut": cut,
        "at_once": at_once,
        "from_zero": columns.stopped & (first == 0),
        "begun": begun,
        "reporting": ~np.isnan(columns.final_value_recorded),
        "grace_s": np.where(columns.stopped, grace_s, 0.0),
    }
    of = Replayed(
        batch=batch,
        place=0,
        rule=rule,
        clock=clock,
        costs=costs,
        until=tuple(until),
        ended_by=np.array([text or "" for text in summaries["ended_by"]], dtype=object),
        cut_in_flight=np.array(summaries["trials_cut"]),
        stopped=np.array(summaries["trials_stopped"]),
        best=np.array(summaries["best_recorded"], dtype=object),
        best_stopped=np.array(summaries["best_trial_stopped"]) == True,  # noqa: E712  # not None
        reports_longest=np.maximum.reduce(batch.table(reports, 0), axis=-1, initial=0),
        **{name: np.array(batch.sums(flags)) for name, flags in counts.items()},
    )
    return Caveats(of)


def _noted(note: Note, of: Replayed) -> Caveat:
    """A note as a caveat. To a job-level rule alone it is the same whether the search learns."""
    text = note.text
    if note.code == "strategy_bayesian" and of.until and never_stops(of.rule):
        strategy = text.partition(":")[0]
        text = (
            f"{strategy}: this does not make it less exact, because a job-level rule alone keeps "
            "what came before the end as it was"
        )
        if of.clock.mode != "recorded":
            text = (
                f"{strategy}: what comes before the end of a job is exact by the recorded clock "
                "only; here the search would have proposed other configurations"
            )
    return Caveat(note.code, text)


# Of each caveat: of which studies it holds, bool [S], or whether of all.


def _has_in_flight(of: Replayed) -> NDArray[np.bool_] | bool:
    if not of.until or of.clock.mode == "order":
        return False
    told = np.zeros(len(of.batch), dtype=np.bool_)
    for rule in of.until:
        if rule.ends_by != "launches":
            cuts = of.cut_in_flight > 0 if rule.in_flight == "cut" else True
            told |= (of.ended_by == rule.text) & cuts
    return told


def _billed_otherwise(of: Replayed) -> NDArray[np.bool_] | bool:
    whole = of.batch.whole
    if whole.billed is None or whole.elapsed is None:
        return False
    with np.errstate(invalid="ignore"):
        apart = np.abs(whole.billed - durations(whole)) > 1.0  # whole seconds of the same time
    return np.array(of.batch.sums(apart & np.isfinite(whole.billed))) > 0


def _has_infinite_values(of: Replayed) -> NDArray[np.bool_] | bool:
    if not np.isinf(of.batch.whole.values).any():
        return False
    return np.array([bool(np.isinf(study.values).any()) for study in of.batch.studies])


def _only_ends_jobs(of: Replayed) -> bool:
    return bool(of.until) and never_stops(of.rule)


_CHECKS: tuple[tuple[str, Callable[[Replayed], Any]], ...] = (
    ("winner_stopped", lambda of: of.best_stopped),
    ("degradation_unknown", lambda of: of.cut > 0),
    ("failed_trials", lambda of: of.failed > 0),
    ("stops_at_first_report", lambda of: 2 * of.at_once > of.stopped),
    ("steps_from_zero", lambda of: (of.at_once > 0) & (of.from_zero > 0)),
    ("looks_ahead", lambda of: of.rule.against == "hindsight"),
    (
        "axis_without_times",
        lambda of: of.rule.axis == "seconds" and not of.timed,
    ),
    (
        "nothing_stopped",
        lambda of: (of.stopped == 0) & (not _only_ends_jobs(of)),
    ),
    (
        "job_not_ended",
        lambda of: bool(of.until) & (of.ended_by == ""),
    ),
    ("in_flight", _has_in_flight),
    ("few_trials", lambda of: of.reporting < FEW_TRIALS),
    ("one_after_another", lambda of: of.clock.mode == "order"),
    (
        "starts_as_recorded",
        lambda of: of.clock.mode == "recorded" and not _only_ends_jobs(of),
    ),
    (
        "steps_as_seconds",
        lambda of: not of.timed and (of.clock.mode == "simulated" or bool(of.costs.stop_latency_s)),
    ),
    (
        "stop_at_once",
        lambda of: (of.stopped > 0) & (of.timed and of.costs.stop_latency_s == 0),
    ),
    ("billed_as_recorded", _billed_otherwise),
    ("infinite_values", _has_infinite_values),
)
# Notes of a reader that limit what a replay says.
_NOTES = (
    "auto_was_on",
    "autotune_on",
    "completion_criteria",
    CONVERGED,
    "strategy_bayesian",
    ASSUMED,
    "spot_bill_unknown",
)
