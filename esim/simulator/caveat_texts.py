"""What each caveat of a replay says, in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from esim.assumptions import Clock, Costs
from esim.errors import agree, plural, some_of
from esim.rules import JobRule, Rule
from esim.study import Study
from esim.study.batch import Batch
from esim.study.times import durations, side_by_side

FEW_TRIALS = 20  # one launch order of fewer trials says little
GRACE_S = 120  # seconds that SageMaker gives a stopped job to finish; they are billed


@dataclass(frozen=True)
class Replayed:
    """Replayed studies, and what their caveats are about: arrays [S], or the numbers of one study.

    Attributes:
        batch: the studies.
        place: of the one study in the batch.
        until: the job-level rules.
        ended_by: which of the job-level rules ended the job; empty: it ended by itself.
        cut_in_flight: how many of its trials that cuts.
        stopped: how many of its trials stop.
        best: its best trial, a `BestTrial`.
        best_stopped: whether that one stops.
        reports_longest: the most reports that one of its trials has.
        failed: how many of its trials failed, of those with a report.
        cut: how many of those were cut short otherwise.
        at_once: how many stop at their first report.
        from_zero: how many stop and have a first report at which nothing is done.
        begun: how many have a report, with a value or without; others are no history.
        reporting: how many report a value.
        grace_s: seconds that SageMaker may bill for the stopped ones after their stops, in all.
    """

    batch: Batch
    place: int
    rule: Rule
    clock: Clock
    costs: Costs
    until: tuple[JobRule, ...]
    ended_by: Any
    cut_in_flight: Any
    stopped: Any
    best: Any
    best_stopped: Any
    reports_longest: Any
    failed: Any
    cut: Any
    at_once: Any
    from_zero: Any
    begun: Any
    reporting: Any
    grace_s: Any

    def study(self, at: int) -> Replayed:
        """The same of one study."""
        arrays = {n: array for n, array in vars(self).items() if isinstance(array, np.ndarray)}
        return replace(self, place=at, **{n: array.tolist()[at] for n, array in arrays.items()})

    @property
    def one(self) -> Study:
        """The study that this is about."""
        return self.batch.studies[self.place]

    @property
    def timed(self) -> bool:
        """Whether reports have times."""
        return self.batch.whole.elapsed is not None


# Each function below returns the text of one caveat, for one study that it applies to.


def _winner_stopped(of: Replayed) -> str:
    if of.ended_by:
        return (
            f"the study's best trial, {of.best.trial}, is stopped, cut or never started: a larger "
            "limit may keep it"
        )
    return f"the rule stops the study's best trial, {of.best.trial}: esim explain shows why"


def _job_not_ended(of: Replayed) -> str:
    told = " or ".join(rule.text for rule in of.until)
    return f"{told} would have changed nothing: the job ends as it did; try another limit"


def _cut_in_flight(of: Replayed) -> str:
    ended = next(rule for rule in of.until if rule.text == of.ended_by)
    if ended.in_flight == "cut":
        return (
            "trials that still run as the job ends are taken to be cut then; --until "
            "NAME=N,in_flight=finish lets them finish"
        )
    return (
        "trials that still run as the job ends are taken to finish; --until "
        "NAME=N,in_flight=cut cuts them"
    )


def _degradation_unknown(of: Replayed) -> str:
    return (
        f"{of.cut} of {plural(of.begun, 'trial')} had been cut short when recorded: one of them "
        "might have become the best, so what the rule loses cannot be known, and what it saves "
        "only within bounds; replay a job whose trials ran to their end"
    )


def _failed_trials(of: Replayed) -> str:
    none, them = "none counts as the best", "them"
    if of.failed == 1:
        none, them = "it does not count as the best", "it"
    peers = f", and no trial is compared with {them}"
    if of.rule.against not in ("peers", "pairs") or of.rule.failed_peers:
        peers = ""
    elif of.rule.pool == "reached":
        peers += " from then on"
    return (
        f"{plural(of.failed, 'trial')} failed: {none}{peers}, unless the rule stops {them} first; "
        "look at why"
    )


def _stops_at_first_report(of: Replayed) -> str:
    return (
        f"{some_of(of.at_once, of.stopped, 'stop', 'fall')} on the trial's first report, which "
        "saves the most and knows the least: --set min_reports=2 waits for one more"
    )


def _steps_from_zero(of: Replayed) -> str:
    return (
        "a trial that is stopped at its first report, before any training, counts as no step run: "
        "--set min_reports=2 lets it train"
    )


def _looks_ahead(of: Replayed) -> str:
    return (
        f"{of.rule.name} knows how trials go on, or pauses them: measure other rules by it, it "
        "cannot be switched on"
    )


def _axis_without_times(of: Replayed) -> str:
    return (
        f"{of.rule.name} counts seconds and the logs lack times, so a step counts as a second: "
        "--set axis=step counts steps"
    )


def _nothing_stopped(of: Replayed) -> str:
    if of.costs.stop_latency_s:
        return (
            "the rule stops no trial: none is told to, or each ends by itself within the "
            f"{of.costs.stop_latency_s:g} s that a stop takes"
        )
    if of.reporting < 2:
        return (
            "the rule stops no trial, because a rule compares trials: replay a job in which two or "
            "more report values"
        )
    if of.reports_longest < 2:
        return (
            "the rule stops no trial: each reports once, when it ends, so no rule can save "
            "anything; replay logs with a value after every epoch"
        )
    return "the rule stops no trial: it changes nothing; esim compare looks for one that does"


def few_trials(reporting: int, trials: int | None = None) -> str | None:
    """The text of the caveat about a small study; None if its trials are enough.

    Args:
        reporting: how many of its trials report a value. The others tell nothing.
        trials: how many it has in all; None: as many.
    """
    if reporting >= FEW_TRIALS:
        return None
    which = plural(reporting, "trial")
    if trials is not None and trials > reporting:
        which = f"{reporting} of {trials} trials {agree(reporting, 'report')} values"
    return (
        f"{which}: one launch order of so few says little about the next job; esim estimate tells "
        "how sure it is"
    )


def _of_few_trials(of: Replayed) -> str:
    return few_trials(of.reporting, of.one.n_trials) or ""


def _one_after_another(of: Replayed) -> str:
    why = "as asked" if of.one.has_schedule else "the logs lack times"
    return (
        f"trials are replayed one after another ({why}); side by side fewer would have ended at "
        "each decision, and fewer be stopped: --clock simulated --workers N tells"
    )


def _starts_as_recorded(of: Replayed) -> str:
    ran = side_by_side(of.one)
    return (
        "each trial keeps its recorded start, though a stop before it would free a machine: "
        f"--clock simulated --workers {ran if ran > 1 else 'N'} starts it sooner, for a shorter "
        "makespan"
    )


def _steps_as_seconds(of: Replayed) -> str:
    if of.clock.mode == "simulated":
        return (
            "the logs lack times, so one step counts as one second of makespan: replay logs with "
            "times"
        )
    return (
        "the logs lack times, so one step counts as one second until a stop takes effect: "
        "replay logs with times"
    )


def _of_stop_at_once(of: Replayed) -> str:
    most = math.ceil(of.grace_s)
    return stop_at_once(
        of.rule.name, f", though none beyond its recorded end (here at most {most:,} s in all)"
    )


def stop_at_once(rule: str, at_most: str = "") -> str:
    """The text of the caveat that stops take effect at once.

    Args:
        rule: the rule's name.
        at_most: bounds what SageMaker bills.
    """
    if rule != "sagemaker":
        return (
            "a stop is taken to end its trial at once; where it takes longer, less is saved: "
            "--stop-latency-s N counts the seconds"
        )
    return (
        f"a stop is taken to end its job at once; SageMaker may bill up to {GRACE_S} s more for "
        f"each{at_most}: --stop-latency-s N counts them"
    )


def _billed_as_recorded(of: Replayed) -> str:
    billed, seconds = of.one.billed, durations(of.one)
    assert billed is not None
    known = np.isfinite(billed)
    return (
        f"{plural(int(known.sum()), 'trial', 'were')} billed {billed[known].sum():,.0f} s and ran "
        f"{seconds[known].sum():,.0f} s, as on spot instances: what the rule would have been "
        "billed keeps each trial's ratio of the two; on demand expect another bill"
    )


def _infinite_values(of: Replayed) -> str:
    return (
        "some values are infinite: they are compared as such, and stand as null in JSON; look "
        "whether these trials diverged"
    )


# The text of each caveat, for one study that it applies to, by its code.
TEXTS: Mapping[str, Callable[[Replayed], str]] = {
    "winner_stopped": _winner_stopped,
    "job_not_ended": _job_not_ended,
    "in_flight": _cut_in_flight,
    "degradation_unknown": _degradation_unknown,
    "failed_trials": _failed_trials,
    "stops_at_first_report": _stops_at_first_report,
    "steps_from_zero": _steps_from_zero,
    "looks_ahead": _looks_ahead,
    "axis_without_times": _axis_without_times,
    "nothing_stopped": _nothing_stopped,
    "few_trials": _of_few_trials,
    "one_after_another": _one_after_another,
    "starts_as_recorded": _starts_as_recorded,
    "steps_as_seconds": _steps_as_seconds,
    "stop_at_once": _of_stop_at_once,
    "billed_as_recorded": _billed_as_recorded,
    "infinite_values": _infinite_values,
}
