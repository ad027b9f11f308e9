"""The reasons to doubt a replay, each with a code: what it assumed and what it cannot know."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.assumptions import Clock, Costs
from esim.errors import agree, plural, some_of
from esim.results.replay import Caveat, Summaries
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


class Caveats:
    """The caveats of each replayed study of a batch, the gravest first.

    A history keeps their codes alone: a text is made when it is asked for.

    Attributes:
        codes: of each study. [S]
    """

    def __init__(self, of: _Replayed) -> None:
        self._of = of
        self.codes: list[list[str]] = [[] for _ in of.batch.names]
        every = range(len(of.batch))
        for code, applies, _ in _CHECKS:
            found = applies(of)
            where = found.nonzero()[0].tolist() if np.ndim(found) else every if found else ()
            for at in where:
                self.codes[at].append(code)
        for codes, notes in zip(self.codes, of.batch.notes, strict=True):
            codes += [note.code for note in notes if note.code in _NOTES]

    def texts(self, at: int) -> list[Caveat]:
        """Those of one study, by its place in the batch."""
        one = self._of.study(at)
        codes = set(self.codes[at])
        found = [Caveat(code, text(one)) for code, _, text in _CHECKS if code in codes]
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
    reports = np.diff(whole.offsets)
    begun = reports > 0
    failed = (whole.status == Status.FAILED) & begun
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
    of = _Replayed(
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

    def study(self, at: int) -> _Replayed:
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


# Of each caveat below: of which studies it holds, bool [S] or of all, and its text for one study.


def _winner_stopped(of: _Replayed) -> str:
    if of.ended_by:
        return (
            f"the study's best trial, {of.best.trial}, is stopped, cut or never started: a larger "
            "limit may keep it"
        )
    return f"the rule stops the study's best trial, {of.best.trial}: esim explain shows why"


def _job_not_ended(of: _Replayed) -> str:
    told = " or ".join(rule.text for rule in of.until)
    return f"{told} would have changed nothing: the job ends as it did; try another limit"


def _has_in_flight(of: _Replayed) -> NDArray[np.bool_] | bool:
    if not of.until or of.clock.mode == "order":
        return False
    told = np.zeros(len(of.batch), dtype=np.bool_)
    for rule in of.until:
        if rule.ends_by != "launches":
            cuts = of.cut_in_flight > 0 if rule.in_flight == "cut" else True
            told |= (of.ended_by == rule.text) & cuts
    return told


def _cut_in_flight(of: _Replayed) -> str:
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


def _degradation_unknown(of: _Replayed) -> str:
    return (
        f"{of.cut} of {plural(of.begun, 'trial')} had been cut short when recorded: one of them "
        "might have become the best, so what the rule loses cannot be known, and what it saves "
        "only within bounds; replay a job whose trials ran to their end"
    )


def _failed_trials(of: _Replayed) -> str:
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


def _stops_at_first_report(of: _Replayed) -> str:
    return (
        f"{some_of(of.at_once, of.stopped, 'stop', 'fall')} on the trial's first report, which "
        "saves the most and knows the least: --set min_reports=2 waits for one more"
    )


def _steps_from_zero(of: _Replayed) -> str:
    return (
        "a trial that is stopped at its first report, before any training, counts as no step run: "
        "--set min_reports=2 lets it train"
    )


def _looks_ahead(of: _Replayed) -> str:
    return (
        f"{of.rule.name} knows how trials go on, or pauses them: measure other rules by it, it "
        "cannot be switched on"
    )


def _axis_without_times(of: _Replayed) -> str:
    return (
        f"{of.rule.name} counts seconds and the logs lack times, so a step counts as a second: "
        "--set axis=step counts steps"
    )


def _only_ends_jobs(of: _Replayed) -> bool:
    return bool(of.until) and never_stops(of.rule)


def _nothing_stopped(of: _Replayed) -> str:
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


def _few_trials(of: _Replayed) -> str:
    return few_trials(of.reporting, of.one.n_trials) or ""


def _one_after_another(of: _Replayed) -> str:
    why = "as asked" if of.one.has_schedule else "the logs lack times"
    return (
        f"trials are replayed one after another ({why}); side by side fewer would have ended at "
        "each decision, and fewer be stopped: --clock simulated --workers N tells"
    )


def _starts_as_recorded(of: _Replayed) -> str:
    ran = side_by_side(of.one)
    return (
        "each trial keeps its recorded start, though a stop before it would free a machine: "
        f"--clock simulated --workers {ran if ran > 1 else 'N'} starts it sooner, for a shorter "
        "makespan"
    )


def _steps_as_seconds(of: _Replayed) -> str:
    if of.clock.mode == "simulated":
        return (
            "the logs lack times, so one step counts as one second of makespan: replay logs with "
            "times"
        )
    return (
        "the logs lack times, so one step counts as one second until a stop takes effect: "
        "replay logs with times"
    )


def _stop_at_once(of: _Replayed) -> str:
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


def _billed_otherwise(of: _Replayed) -> NDArray[np.bool_] | bool:
    whole = of.batch.whole
    if whole.billed is None or whole.elapsed is None:
        return False
    with np.errstate(invalid="ignore"):
        apart = np.abs(whole.billed - durations(whole)) > 1.0  # whole seconds of the same time
    return np.array(of.batch.sums(apart & np.isfinite(whole.billed))) > 0


def _billed_as_recorded(of: _Replayed) -> str:
    billed, seconds = of.one.billed, durations(of.one)
    assert billed is not None
    known = np.isfinite(billed)
    return (
        f"{plural(int(known.sum()), 'trial', 'were')} billed {billed[known].sum():,.0f} s and ran "
        f"{seconds[known].sum():,.0f} s, as on spot instances: what the rule would have been "
        "billed keeps each trial's ratio of the two; on demand expect another bill"
    )


def _has_infinite_values(of: _Replayed) -> NDArray[np.bool_] | bool:
    if not np.isinf(of.batch.whole.values).any():
        return False
    return np.array([bool(np.isinf(study.values).any()) for study in of.batch.studies])


def _infinite_values(of: _Replayed) -> str:
    return (
        "some values are infinite: they are compared as such, and stand as null in JSON; look "
        "whether these trials diverged"
    )


_CHECKS: tuple[tuple[str, Callable[[_Replayed], Any], Callable[[_Replayed], str]], ...] = (
    ("winner_stopped", lambda of: of.best_stopped, _winner_stopped),
    ("degradation_unknown", lambda of: of.cut > 0, _degradation_unknown),
    ("failed_trials", lambda of: of.failed > 0, _failed_trials),
    ("stops_at_first_report", lambda of: 2 * of.at_once > of.stopped, _stops_at_first_report),
    ("steps_from_zero", lambda of: (of.at_once > 0) & (of.from_zero > 0), _steps_from_zero),
    ("looks_ahead", lambda of: of.rule.against == "hindsight", _looks_ahead),
    (
        "axis_without_times",
        lambda of: of.rule.axis == "seconds" and not of.timed,
        _axis_without_times,
    ),
    (
        "nothing_stopped",
        lambda of: (of.stopped == 0) & (not _only_ends_jobs(of)),
        _nothing_stopped,
    ),
    (
        "job_not_ended",
        lambda of: bool(of.until) & (of.ended_by == ""),
        _job_not_ended,
    ),
    ("in_flight", _has_in_flight, _cut_in_flight),
    ("few_trials", lambda of: of.reporting < FEW_TRIALS, _few_trials),
    ("one_after_another", lambda of: of.clock.mode == "order", _one_after_another),
    (
        "starts_as_recorded",
        lambda of: of.clock.mode == "recorded" and not _only_ends_jobs(of),
        _starts_as_recorded,
    ),
    (
        "steps_as_seconds",
        lambda of: not of.timed and (of.clock.mode == "simulated" or bool(of.costs.stop_latency_s)),
        _steps_as_seconds,
    ),
    (
        "stop_at_once",
        lambda of: (of.stopped > 0) & (of.timed and of.costs.stop_latency_s == 0),
        _stop_at_once,
    ),
    ("billed_as_recorded", _billed_otherwise, _billed_as_recorded),
    ("infinite_values", _has_infinite_values, _infinite_values),
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
