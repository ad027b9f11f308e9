"""The reasons to doubt a forecast, each with a code, the gravest first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from esim.analyses.estimate.past_study import LEAST
from esim.analyses.estimate.prediction_variance import EXPONENT_SD, FAR
from esim.analyses.workers.by_study import MANY, drawn_words
from esim.errors import agree, plural, some_of
from esim.results.chances import chance_words
from esim.results.forecast import Estimate
from esim.results.replay import Caveat
from esim.simulator.caveat_texts import stop_at_once
from esim.study.facts import Facts
from esim.study.trend import TREND_P, together


def needed(confidence: float) -> int:
    """The least number of past observations whose range holds a new one with this confidence.

    The range of n independent observations holds another one with probability (n - 1) / (n + 1),
    whatever their distribution (Hahn and Meeker, "Statistical Intervals", 1991).
    """
    return math.ceil((1.0 + confidence) / (1.0 - confidence) - 1e-9)


def doubts(
    past: Sequence[Facts], trials: Sequence[int], found: Estimate, held: int
) -> Iterator[Caveat]:
    """The caveats of an estimate, the gravest first.

    Args:
        past: what is known of each past study.
        trials: of each study, how many of its trials count as past.
        found: the estimate, without its caveats.
        held: how many of the studies are in memory; what stands beside the forecast is from these.
    """
    forecast = _Forecast(past, trials, found, held)
    for check in _CHECKS:
        yield from check(forecast)


@dataclass(frozen=True)
class _Forecast:
    """What is doubted: the arguments of `doubts`."""

    past: Sequence[Facts]
    trials: Sequence[int]
    found: Estimate
    held: int

    @property
    def longest(self) -> int:
        """Trials of the largest past study."""
        return max(self.trials)

    @property
    def needed(self) -> int:
        """The observations that the confidence of the estimate takes."""
        return needed(self.found.confidence)

    @property
    def confidence(self) -> str:
        """The confidence of the estimate, in words."""
        return f"{100 * self.found.confidence:g} %"


# Each function below yields one caveat, or none where it does not apply.


def _too_few_trials(of: _Forecast) -> Iterator[Caveat]:
    if of.longest < LEAST:
        yield Caveat(
            "too_few_trials",
            f"the logs hold {plural(of.longest, 'trial')}: nothing can be said of the next job; "
            f"{LEAST} trials are the least to forecast from, {of.needed} for {of.confidence}",
        )
        return
    fewest = min(each for each in of.trials if each >= LEAST)
    if fewest >= of.needed:
        return
    yield Caveat(
        "few_trials",
        f"{plural(fewest, 'trial')} are few for an interval at {of.confidence}: how wide it is "
        f"follows from the shape of Student's distribution; {of.needed} trials are the least whose "
        "own range holds",
    )


def _studies_left_out(of: _Forecast) -> Iterator[Caveat]:
    short = sum(1 for each in of.trials if each < LEAST)
    if not short or of.longest < LEAST:
        return
    yield Caveat(
        "studies_left_out",
        f"{some_of(short, len(of.trials), 'study', 'hold')} fewer than {LEAST} trials and "
        f"{agree(short, 'are')} left out",
    )


def _without_reports(of: _Forecast) -> Iterator[Caveat]:
    every = sum(study.trials for study in of.past)
    silent = every - sum(study.trials_reporting for study in of.past)
    if not silent:
        return
    yield Caveat(
        "without_reports",
        f"{silent} of {every} past trials reported no value: they do not count, and the forecast "
        "is of a job whose trials all report",
    )


def _degradation_unknown(of: _Forecast) -> Iterator[Caveat]:
    cut = sum(study.cut_short for study in of.past)
    if not cut:
        return
    every = sum(study.trials_begun for study in of.past)
    yield Caveat(
        "degradation_unknown",
        f"{cut} of {every} past trials had been cut short when they were recorded: how they would "
        "have ended is unknown, so what is lost cannot be forecast, and what is saved only as if "
        "they had ended there; add jobs whose trials ran to their end",
    )


def _no_variation(of: _Forecast) -> Iterator[Caveat]:
    saved = of.found.quantities["steps_saved_fraction"]
    if saved is None or saved.spread:
        return
    yield Caveat(
        "no_variation",
        "every replay of the past gave the same saving, so how far the next job may differ cannot "
        "be told; add past jobs for an interval",
    )


def _beyond_history(of: _Forecast) -> Iterator[Caveat]:
    known = of.found.next.launch == "shuffled" and not of.found.until
    if of.found.extrapolated <= 1 or of.longest < LEAST or not known:
        return
    times = f"{of.found.extrapolated:.3g} times"
    how = (
        "what is saved beyond them carries on the trend along the launch order, and the interval "
        f"is wider for it (the trend's exponent is taken as known to {EXPONENT_SD}); "
    )
    if of.found.extrapolated > FAR:
        how += "what becomes of the best of so long a job cannot be known"
    else:
        how += "past trials stand in it several times where its best is told"
    far = "far " if of.found.extrapolated > FAR else ""
    yield Caveat(
        "beyond_history",
        f"the next job is {far}longer than any past one, {times} the trials: {how}",
    )


def _too_parallel(of: _Forecast) -> Iterator[Caveat]:
    if of.found.quantities["steps_saved_fraction"] is not None or of.longest < LEAST:
        return
    shortest = min(each for each in of.trials if each >= LEAST)
    if of.found.next.launch == "recorded" and shortest < of.found.next.trials <= of.longest:
        yield Caveat(
            "longer_search",
            f"the shortest past study has {plural(shortest, 'trial')}, and where samples keep the "
            "launch order it cannot show how its search goes on beyond them: a job of at most "
            f"{shortest} can be forecast (--trials {shortest})",
        )
        return
    if of.found.extrapolated <= 1:
        return
    if of.found.until:
        yield Caveat(
            "job_level_beyond",
            f"{plural(of.longest, 'trial')} cannot show when a longer job would be ended: ask for "
            f"at most so many (--trials {of.longest})",
        )
        return
    if of.found.next.launch == "recorded":
        yield Caveat(
            "longer_search",
            f"{plural(of.longest, 'trial')} cannot show how a search that learns goes on beyond "
            f"them: ask for at most so many (--trials {of.longest})",
        )
        return
    yield Caveat(
        "too_parallel",
        f"{plural(of.longest, 'trial')} cannot show how a longer job on "
        f"{plural(of.found.next.workers, 'worker')} goes on, because half of them and more have no "
        "earlier trial to be compared with: ask for fewer --workers, or add past jobs",
    )


def _all_at_once(of: _Forecast) -> Iterator[Caveat]:
    job = of.found.next
    if not job.workers >= job.trials > 1:
        return
    yield Caveat(
        "all_at_once",
        f"{plural(job.workers, 'worker', 'start')} all {plural(job.trials, 'trial')} at once: a "
        "rule that compares with ended trials finds few or none; fewer --workers save more",
    )


def _several_studies(of: _Forecast) -> Iterator[Caveat]:
    if len(of.past) == 1:
        return
    few = len(of.past) < of.needed
    yield Caveat(
        "few_studies" if few else "several_studies",
        f"the next study is taken as one more of these {len(of.past):,}, of the same kind"
        + (
            f"; how wide an interval at {of.confidence} is follows from the shape of Student's "
            f"distribution, up to {of.needed} studies"
            if few
            else ""
        ),
    )


def _studies_drawn(of: _Forecast) -> Iterator[Caveat]:
    if of.found.drawn_from is None:
        return
    yield Caveat(
        "studies_drawn",
        drawn_words(len(of.past), of.found.drawn_from),
    )


def _many_studies(of: _Forecast) -> Iterator[Caveat]:
    if len(of.past) <= MANY:
        return
    yield Caveat(
        "many_studies",
        f"each of the {len(of.past):,} studies is replayed {of.found.replicates:,} times; one that "
        "lacks a number does not count for it",
    )


def _beside_from_some(of: _Forecast) -> Iterator[Caveat]:
    if len(of.past) == 1 or of.held >= len(of.past):
        return
    yield Caveat(
        "beside_from_some",
        "what stands beside the forecast (other jobs, readings, checks) is from "
        f"{of.held:,} of the studies, spread evenly",
    )


def _objectives_differ(of: _Forecast) -> Iterator[Caveat]:
    if len({study.objective for study in of.past}) == 1:
        return
    yield Caveat(
        "objectives_differ",
        "the studies have different objectives: what is lost is forecast as a share of the way "
        "from the best to the median trial only",
    )


def _search_that_learns(of: _Forecast) -> Iterator[Caveat]:
    trend = together([study.trend for study in of.past])
    if of.found.next.launch == "recorded":
        yield Caveat(
            "keeps_launch_order",
            "past trials are drawn in their launch order "
            f"({of.found.next.launch_why}): where a search learns, later trials depend on earlier "
            "ones, and a stop would have changed them, which esim closed-loop simulates",
        )
    elif trend is not None and trend.p < TREND_P:
        yield Caveat(
            "launch_trend",
            f"the final values change over the launch order (rank correlation "
            f"{trend.correlation:+.2f}, {trend.words}), so a shuffled order is none that happens, "
            "and these intervals may miss by far: --launch recorded keeps the order",
        )
    elif any(study.noted("strategy_bayesian") for study in of.past):
        yield Caveat(
            "strategy_bayesian",
            "the search was Bayesian, so a shuffled launch order is none that happens: --launch "
            "recorded keeps the order",
        )


def _auto_was_on(of: _Forecast) -> Iterator[Caveat]:
    """The notes that early stopping was on; of many studies one caveat that counts them."""
    notes = [note for study in of.past for note in study.notes if note.code == "auto_was_on"]
    if len(of.past) > MANY and notes:
        yield Caveat(
            "auto_was_on",
            f"AUTO was on when {plural(len(notes), 'study', 'were')} recorded: what their stopped "
            "trials would have reached is unknown; add jobs without AUTO",
        )
    else:
        yield from (Caveat(note.code, note.text) for note in notes)


def _unseen(of: _Forecast) -> Iterator[Caveat]:
    unseen = of.found.unseen
    if unseen is None:
        yield Caveat(
            "best_unknown",
            "whether the best trial is kept, and what is lost, cannot be told: that takes two past "
            "trials with a final value, and a next job of at most "
            f"{FAR:g} times their number (of no more than their number with --launch recorded)",
        )
        return
    yield Caveat(
        "unseen_kind",
        "the next job may hold a trial unlike any past one, that starts badly and ends best: a "
        f"chance of {chance_words(unseen.chance)}, and of {chance_words(unseen.kept)} that it is "
        "then kept. The chance to keep the best and the loss count that; without such a trial the "
        f"best is kept with {chance_words(unseen.best_kept_as_seen)}, and more past trials make "
        "it rarer",
    )


def _times(of: _Forecast) -> Iterator[Caveat]:
    if not any(study.timed for study in of.past):
        text = "the logs lack times, so time and money cannot be forecast: add logs with times"
        yield Caveat("no_times", text)
    elif of.found.costs.stop_latency_s == 0 and of.found.median("trials_stopped") > 0:
        yield Caveat("stop_at_once", stop_at_once(of.found.rule.name))


def _infinite_values(of: _Forecast) -> Iterator[Caveat]:
    if not any(study.infinite for study in of.past):
        return
    text = "some values are infinite and compared as such: look whether these trials diverged"
    yield Caveat("infinite_values", text)


_CHECKS: tuple[Callable[[_Forecast], Iterator[Caveat]], ...] = (
    _too_few_trials,
    _without_reports,
    _studies_left_out,
    _degradation_unknown,
    _no_variation,
    _beyond_history,
    _too_parallel,
    _all_at_once,
    _several_studies,
    _studies_drawn,
    _many_studies,
    _beside_from_some,
    _objectives_differ,
    _search_that_learns,
    _auto_was_on,
    _unseen,
    _times,
    _infinite_values,
)
