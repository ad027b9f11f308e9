"""The reasons to doubt a replay, each with a code: what it assumed and what it cannot know."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from esim.assumptions import Clock, Costs
from esim.errors import agree, plural, some_of
from esim.results.replay import BestTrial, Caveat, Summaries
from esim.results.trial_columns import TrialColumns
from esim.rules import JobRule, Rule
from esim.study import Float64, Note, Status, Study
from esim.study.batch import Batch
from esim.study.facts import cut_short
from esim.study.first_step import ASSUMED
from esim.study.times import durations, side_by_side

FEW_TRIALS = 20  # one launch order of fewer trials says little
CONVERGED = "converged"  # the note that SageMaker found the job converged, and when
GRACE_S = 120  # seconds that SageMaker gives a stopped job to finish; they are billed


def caveats_of(
    batch: Batch,
    rule: Rule,
    clock: Clock,
    costs: Costs,
    until: Sequence[JobRule],
    summaries: Summaries,
    columns: TrialColumns,
    cut_off_s: Float64,
) -> list[list[Caveat]]:
    """The caveats of each replayed study, the gravest first.

    Args:
        batch: the studies.
        rule, clock, costs, until: how they were replayed.
        summaries: of the studies.
        columns: of the trials of all studies.
        cut_off_s: seconds by which each trial's job ends earlier than recorded; NaN = unknown. [N]
    """
    whole = batch.whole
    begun = np.diff(whole.offsets) > 0
    failed = (whole.status == Status.FAILED) & begun
    first = np.zeros(whole.n_trials, dtype=np.int64)
    first[begun] = whole.resource[whole.offsets[:-1][begun]]
    at_once = columns.stopped & (columns.steps_run == first)
    cut = cut_short(whole)
    # How long a trial that had been cut short would have gone on is not known.
    grace_s = np.where(cut, GRACE_S, np.minimum(cut_off_s, GRACE_S))
    counts = (
        failed,
        cut,
        at_once,
        columns.stopped & (first == 0),
        begun,
        ~np.isnan(columns.final_value_recorded),
        np.where(columns.stopped, grace_s, 0.0),
    )
    rows = zip(
        *(summaries[key] for key in _OF_SUMMARY),
        *map(batch.sums, counts),
        strict=True,
    )
    infinite = bool(np.isinf(whole.values).any())
    found = []
    for study, row in zip(batch.studies, rows, strict=True):
        replayed = _Replayed(study, rule, clock, costs, tuple(until), infinite, *row)
        texts = [(code, check(replayed)) for code, check in _CHECKS]
        caveats = [Caveat(code, text) for code, text in texts if text is not None]
        caveats += [_noted(note, replayed) for note in study.notes if note.code in _NOTES]
        found.append(caveats)
    return found


# What a replayed study needs of its summary, in the order of its fields.
_OF_SUMMARY = ("ended_by", "trials_cut", "trials_stopped", "best_recorded", "best_trial_stopped")


def _noted(note: Note, of: _Replayed) -> Caveat:
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


def never_stops(rule: Rule) -> bool:
    """Whether a rule can stop no trial, as `none`."""
    return rule.against == "bounds" and rule.lower == -math.inf and rule.upper == math.inf


@dataclass(frozen=True)
class _Replayed:
    """One replayed study, and what its caveats are about.

    Attributes:
        until: the job-level rules.
        any_infinite: whether any study replayed with it has an infinite value.
        ended_by: which of the job-level rules ended the job; None: it ended by itself.
        cut_in_flight: how many of its trials that cuts.
        stopped: how many of its trials stop.
        best: its best trial.
        best_stopped: whether that one stops.
        failed: how many of its trials failed, of those with a report.
        cut: how many of those were cut short otherwise.
        at_once: how many stop at their first report.
        from_zero: how many stop and have a first report at which nothing is done.
        begun: how many have a report, with a value or without; others are no history.
        reporting: how many report a value.
        grace_s: seconds that SageMaker may bill for the stopped ones after their stops, in all.
    """

    study: Study
    rule: Rule
    clock: Clock
    costs: Costs
    until: tuple[JobRule, ...]
    any_infinite: bool
    ended_by: str | None
    cut_in_flight: int
    stopped: int
    best: BestTrial | None
    best_stopped: bool | None
    failed: int
    cut: int
    at_once: int
    from_zero: int
    begun: int
    reporting: int
    grace_s: float

    @property
    def reports_longest(self) -> int:
        """The most reports that one of its trials has."""
        return int(np.diff(self.study.offsets).max(initial=0))


# Each function below returns the text of one caveat, or None where it does not apply.


def _winner_stopped(of: _Replayed) -> str | None:
    if not of.best_stopped:
        return None
    assert of.best is not None
    if of.ended_by is not None:
        return (
            f"the study's best trial, {of.best.trial}, is stopped, cut or never started: a larger "
            "limit may keep it"
        )
    return f"the rule stops the study's best trial, {of.best.trial}: esim explain shows why"


def _job_not_ended(of: _Replayed) -> str | None:
    if not of.until or of.ended_by is not None:
        return None
    told = " or ".join(rule.text for rule in of.until)
    return f"{told} would have changed nothing: the job ends as it did; try another limit"


def _cut_in_flight(of: _Replayed) -> str | None:
    ended = next((rule for rule in of.until if rule.text == of.ended_by), None)
    if ended is None or ended.ends_by == "launches" or of.clock.mode == "order":
        return None
    if ended.in_flight == "cut":
        if not of.cut_in_flight:
            return None
        return (
            "trials that still run as the job ends are taken to be cut then; --until "
            "NAME=N,in_flight=finish lets them finish"
        )
    return (
        "trials that still run as the job ends are taken to finish; --until "
        "NAME=N,in_flight=cut cuts them"
    )


def _degradation_unknown(of: _Replayed) -> str | None:
    if not of.cut:
        return None
    return (
        f"{of.cut} of {plural(of.begun, 'trial')} had been cut short when recorded: one of them "
        "might have become the best, so what the rule loses cannot be known, and what it saves "
        "only within bounds; replay a job whose trials ran to their end"
    )


def _failed_trials(of: _Replayed) -> str | None:
    if not of.failed:
        return None
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


def _stops_at_first_report(of: _Replayed) -> str | None:
    if 2 * of.at_once <= of.stopped:
        return None
    return (
        f"{some_of(of.at_once, of.stopped, 'stop', 'fall')} on the trial's first report, which "
        "saves the most and knows the least: --set min_reports=2 waits for one more"
    )


def _steps_from_zero(of: _Replayed) -> str | None:
    if not (of.at_once and of.from_zero):
        return None
    return (
        "a trial that is stopped at its first report, before any training, counts as no step run: "
        "--set min_reports=2 lets it train"
    )


def _looks_ahead(of: _Replayed) -> str | None:
    if of.rule.against != "hindsight":
        return None
    return (
        f"{of.rule.name} knows how trials go on, or pauses them: measure other rules by it, it "
        "cannot be switched on"
    )


def _axis_without_times(of: _Replayed) -> str | None:
    if of.rule.axis != "seconds" or of.study.elapsed is not None:
        return None
    return (
        f"{of.rule.name} counts seconds and the logs lack times, so a step counts as a second: "
        "--set axis=step counts steps"
    )


def _nothing_stopped(of: _Replayed) -> str | None:
    if of.stopped or (of.until and never_stops(of.rule)):
        return None
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


def _one_after_another(of: _Replayed) -> str | None:
    if of.clock.mode != "order":
        return None
    why = "as asked" if of.study.has_schedule else "the logs lack times"
    return (
        f"trials are replayed one after another ({why}); side by side fewer would have ended at "
        "each decision, and fewer be stopped: --clock simulated --workers N tells"
    )


def _starts_as_recorded(of: _Replayed) -> str | None:
    if of.clock.mode != "recorded" or (of.until and never_stops(of.rule)):
        return None
    ran = side_by_side(of.study)
    return (
        "each trial keeps its recorded start, though a stop before it would free a machine: "
        f"--clock simulated --workers {ran if ran > 1 else 'N'} starts it sooner, for a shorter "
        "makespan"
    )


def _steps_as_seconds(of: _Replayed) -> str | None:
    if of.study.elapsed is not None:
        return None
    if of.clock.mode == "simulated":
        return (
            "the logs lack times, so one step counts as one second of makespan: replay logs with "
            "times"
        )
    if of.costs.stop_latency_s:
        return (
            "the logs lack times, so one step counts as one second until a stop takes effect: "
            "replay logs with times"
        )
    return None


def _stop_at_once(of: _Replayed) -> str | None:
    if of.study.elapsed is None or of.costs.stop_latency_s != 0 or not of.stopped:
        return None
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


def _billed_as_recorded(of: _Replayed) -> str | None:
    billed = of.study.billed
    if billed is None or of.study.elapsed is None:
        return None
    seconds = durations(of.study)
    known = np.isfinite(billed)
    if not (np.abs(billed - seconds)[known] > 1.0).any():  # whole seconds of the same time
        return None
    return (
        f"{plural(int(known.sum()), 'trial', 'were')} billed {billed[known].sum():,.0f} s and ran "
        f"{seconds[known].sum():,.0f} s, as on spot instances: what the rule would have been "
        "billed keeps each trial's ratio of the two; on demand expect another bill"
    )


def _infinite_values(of: _Replayed) -> str | None:
    if not (of.any_infinite and np.isinf(of.study.values).any()):
        return None
    return (
        "some values are infinite: they are compared as such, and stand as null in JSON; look "
        "whether these trials diverged"
    )


_CHECKS: tuple[tuple[str, Callable[[_Replayed], str | None]], ...] = (
    ("winner_stopped", _winner_stopped),
    ("degradation_unknown", _degradation_unknown),
    ("failed_trials", _failed_trials),
    ("stops_at_first_report", _stops_at_first_report),
    ("steps_from_zero", _steps_from_zero),
    ("looks_ahead", _looks_ahead),
    ("axis_without_times", _axis_without_times),
    ("nothing_stopped", _nothing_stopped),
    ("job_not_ended", _job_not_ended),
    ("in_flight", _cut_in_flight),
    ("few_trials", lambda of: few_trials(of.reporting, of.study.n_trials)),
    ("one_after_another", _one_after_another),
    ("starts_as_recorded", _starts_as_recorded),
    ("steps_as_seconds", _steps_as_seconds),
    ("stop_at_once", _stop_at_once),
    ("billed_as_recorded", _billed_as_recorded),
    ("infinite_values", _infinite_values),
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
