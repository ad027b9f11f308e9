"""What to expect of the next tuning job with a rule on, from past studies.

How it is computed and from which sources is told in `esim.analyses.estimate.prediction_variance`;
reports/calibration.md tells how well its intervals hold.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from functools import partial
from typing import get_args

import numpy as np

from esim.analyses.estimate.advice import advise
from esim.analyses.estimate.answers import Answer, answers
from esim.analyses.estimate.ask import LEAST_SAMPLES, LEAST_SHARED, Ask
from esim.analyses.estimate.doubts import doubts
from esim.analyses.estimate.past_numbers import PastNumbers
from esim.analyses.estimate.quantities import Kept, best_kept, degradation_as_seen, quantities
from esim.analyses.estimate.samples import Launch
from esim.analyses.estimate.winners import trials_for
from esim.analyses.workers.by_study import MANY, MOST, Studies, going_through, spread
from esim.assumptions import CONFIDENCE, Clock, Costs
from esim.errors import EsimError
from esim.results.estimate import Method, Next, Past, RecordedTrend, Unseen
from esim.results.forecast import Estimate
from esim.rules import JobRule, Rule, default_rule, job_rules, share
from esim.rules import rule as named_rule
from esim.simulator.replay import Final, check_final
from esim.storage.history import History
from esim.study import Float64, Int64, Study
from esim.study.facts import Facts
from esim.study.trend import TREND_P, together

_TIMES = 10  # replicates of many studies together, of those that are asked for
_MOST = 1_000_000_000  # reports of the replays of one study: half an hour on two cores
_A_TRIAL = 20  # reports that take as long as what is done once for a trial
_BESIDE = 40  # studies that what stands beside a forecast is from, at most
_HELD = 20_000_000  # and the reports of them: half a GB where they are held in memory
METHOD = Method(
    text=(
        "Jobs of the past trials are drawn without repeats and replayed in random launch order. "
        "Their deviations from the mean are stretched to the variance of a job of new trials: "
        "what the launch order does, plus the sampling of the next trials, plus the sampling of "
        "the past ones. What becomes of the best is taken from jobs of the next one's size on its "
        "workers, each with another of the best past trials as its best and the others drawn from "
        "those that are no better. A trial that no past one is like may come too: its chance is "
        "that of Jeffreys' prior, and it is taken to start worse than all others and to end best."
    ),
    sources=(
        "Hoeffding 1948, Annals of Mathematical Statistics 19:293",
        "Politis, Romano, Wolf 1999, Subsampling",
        "Nadeau, Bengio 2003, Machine Learning 52:239",
        "Hahn, Meeker 1991, Statistical Intervals",
        "Ghosh, Meeden 1997, Bayesian Methods for Finite Population Sampling",
        "Brown, Cai, DasGupta 2001, Statistical Science 16:101",
    ),
    assumes=(
        "the next trials come from where the past ones came from: same search space, same training",
        "any launch order is as likely, as under Random and Grid search",
    ),
)
IN_ORDER = "the next job's trials change over its launch order as the past ones did"


def method(launch: Launch) -> Method:
    """How a forecast is computed whose trials are launched so."""
    if launch == "shuffled":
        return METHOD
    return dataclasses.replace(METHOD, assumes=(METHOD.assumes[0], IN_ORDER))


def estimate(
    studies: Study | Iterable[Study] | History,
    rule: str | Rule | None = None,
    trials: int | None = None,
    workers: int | None = None,
    *,
    until: str | JobRule | Sequence[str | JobRule] | None = None,
    replicates: int = 1000,
    seed: int = 0,
    confidence: float | str = CONFIDENCE,
    costs: Costs | None = None,
    final: Final = "last",
    launch: Launch | None = None,
    engine: str | None = None,
    jobs: int | None = None,
    address: str | None = None,
    most_studies: int = MOST,
) -> Estimate:
    """Forecast what a rule saves and loses in the next tuning job.

    Studies are replayed one by one, and of each only the numbers that the forecast needs are kept.
    If there are more than 100 studies (`MANY`), they share ten times the replicates, with at least
    20 of each; a few kB of each are kept, and a study that does not know a number is left out of
    it. If there are more than `most_studies`, so many are drawn.

    Args:
        studies: one past study of the same problem; or several of the same kind, or a history of
            them (`esim.History.open`): the next job is then of another study of that kind.
        rule: a preset's name, or a rule. By default "sagemaker", or with `until` "none".
        trials: of the next job; by default as many as the past one had with a report (of several,
            the median).
        workers: its parallel jobs; by default the most that ran side by side in the past, and 1
            where the logs do not tell.
        until: job-level rules, any of which ends the job, as `esim.rules.job_rule` takes them.
        replicates: replays of each past study, at least 100; of many, see above.
        seed: the same seed gives the same bytes.
        confidence: of the intervals, a share: 0.9 or "90%". Others can be asked of the same
            estimate.
        costs: seconds and money of a job beyond its training.
        final: whether a trial's final value is its "last" reported value or its "best".
        launch: "shuffled": every launch order is as likely; "recorded": samples keep the launch
            order of the past, for searches that learn. By default "recorded" where a study's notes
            say that its search was Bayesian, or where the final values change with the launch
            order (Spearman's rank correlation, p below 0.01 on two sides); else "shuffled".
        engine: where studies are replayed: "threads" (the default for studies in memory), "local"
            (processes, the default for a history), "dask" or "ray".
        jobs: workers on this machine; by default as many as it has cores. The result does not
            depend on `engine` and `jobs`.
        address: of a running dask or ray cluster.
        most_studies: of a history of more, so many are drawn at random, by the seed, and the
            others are not read; 0: all are taken.

    Raises:
        EsimError: a number out of range, no study, studies that differ in direction, a study too
            large to be replayed so often, or an engine that is not installed. A study of a history
            that fails stops no other and is listed in `failures`.

    Example:
        >>> import esim
        >>> curves = [[9 - i % 3, 8 - i % 4, 7 - i % 5] for i in range(12)]
        >>> study = esim.Study.from_arrays(curves, direction="minimize")
        >>> found = esim.estimate(study, "sagemaker", trials=10, replicates=100)
        >>> low, high = found.interval("steps_saved_fraction")
        >>> 0 <= low <= found.median("steps_saved_fraction") <= high <= 1
        True
    """
    confidence = share(confidence, "confidence")
    check_numbers(trials, workers, replicates, confidence, launch)
    check_final(final)
    ends = job_rules(until)
    row = named_rule(default_rule(ends) if rule is None else rule)
    with going_through(
        studies, engine=engine, jobs=jobs, address=address, most=most_studies, seed=seed
    ) as past:
        ask = settle(
            past.facts(), row, trials, workers, replicates, costs, final, launch, jobs, ends
        )
        every = past.in_lots(partial(answers, (ask,), {}, seed, past.threads, None, None))
        found = combined(every, ask, seed, confidence, past)
    return dataclasses.replace(found, advice=advise(found))


def settle(
    past: Sequence[Facts],
    rule: Rule,
    trials: int | None = None,
    workers: int | None = None,
    replicates: int = 1000,
    costs: Costs | None = None,
    final: Final = "last",
    launch: Launch | None = None,
    threads: int | None = None,
    until: Sequence[JobRule] = (),
) -> Ask:
    """The arguments of `estimate`, with what they leave open settled by the studies.

    Args:
        past: what is known of each past study.
        threads: of a replay; None: as many as the machine has cores. The others as of `estimate`.
        until: job-level rules.

    Raises:
        EsimError: the studies differ in direction, or one would take hours.
    """
    if len({study.direction for study in past}) > 1:
        raise EsimError(
            "the past studies are not of one kind: some minimize, others maximize",
            why=", ".join(f"{study.name!r} {study.direction}s" for study in past[:5]),
            fix="estimate from the studies of one kind",
        )
    many = len(past) > MANY
    samples = max(LEAST_SHARED, replicates * _TIMES // len(past)) if many else replicates
    for study in past:
        _refuse_endless(study, samples)
    order, why = _launch(past) if launch is None else (launch, "asked for")
    return Ask(
        rule=rule,
        trials=trials or max(int(np.median([study.trials_reporting for study in past])), 1),
        clock=clock_of(workers or max(study.side_by_side for study in past)),
        costs=costs or Costs(),
        final=final,
        launch=order,
        launch_why=why,
        samples=samples,
        draws=replicates,
        among=len(past) if many else None,
        held=_held([study.reports for study in past]),
        threads=threads,
        until=tuple(until),
    )


def _refuse_endless(study: Facts, samples: int) -> None:
    """Refuse a study that would take hours to replay as often as asked."""
    once = max(study.reports, _A_TRIAL * study.trials)
    if once * samples <= _MOST:
        return
    fewer = _MOST // once
    raise EsimError(
        f"study {study.name!r} is too large for {samples:,} replays",
        why=f"{study.trials:,} trials with {study.reports:,} reports; it would take hours",
        fix=(f"--replicates {fewer} (replicates in Python), or " if fewer >= LEAST_SAMPLES else "")
        + "logs with fewer of the trials, drawn at random",
    )


def _launch(past: Sequence[Facts]) -> tuple[Launch, str]:
    """How the next job's trials are launched where it is not said, and why.

    A trend in either direction shows that trials are not exchangeable. At 0.01 one study in a
    hundred without a trend is taken for one that has it; its samples then keep their order, which
    widens its intervals but leaves them right. A trend that matters is found: of 40 trials, a
    correlation of 0.5 in three of four studies.
    """
    if any(study.noted("strategy_bayesian") for study in past):
        return "recorded", "the description says that the search was Bayesian"
    trend = together([study.trend for study in past])
    if trend is None:
        return "shuffled", "too few final values to test for a trend over the launch order"
    found = f"rank correlation {trend.correlation:+.2f}, {trend.words}"
    if trend.p >= TREND_P:
        return "shuffled", f"no clear trend of the final values over the launch order ({found})"
    better = "improve" if trend.correlation > 0 else "get worse"
    return "recorded", f"the final values {better} over the launch order ({found})"


def _held(reports: Sequence[int]) -> int:
    """How many studies, spread evenly, have at most `_HELD` reports together; at least 2."""
    held = min(len(reports), _BESIDE)
    while held > 2 and sum(reports[i] for i in spread(len(reports), held)) > _HELD:
        held = max(held // 2, 2)
    return held


def forecast(
    past: Sequence[Study],
    ask: Ask,
    seed: int,
    confidence: float,
    parts: Sequence[Int64] | None = None,
) -> Estimate:
    """The estimate from a few studies in memory.

    Args:
        past: the studies.
        ask: what is asked of them.
        seed: of the samples; each study has its own child of it.
        confidence: of the intervals.
        parts: the trials of each study that count as past, int64 [n] each; None: all.
    """
    with going_through(past, jobs=ask.threads) as studies:
        every = studies.in_lots(partial(answers, (ask,), {}, seed, studies.threads, parts, None))
    return combined(every, ask, seed, confidence)


def combined(
    answers: Iterable[Answer],
    ask: Ask,
    seed: int,
    confidence: float,
    past: Studies | None = None,
) -> Estimate:
    """The estimate that answers one question, from what each study answers.

    Args:
        answers: of the studies; one that was not asked this question counts for nothing.
        ask: the question.
        seed: of the weights of the studies.
        confidence: of the intervals.
        past: where the answers are from, if some studies failed or were not drawn.
    """
    asked = [one for one in answers if ask in one.numbers]
    every, lengths = [one.facts for one in asked], [one.trials for one in asked]
    known = [numbers for one in asked if (numbers := one.numbers[ask]) is not None]
    first = every[0]
    comparable = all(study.objective == first.objective for study in every)
    kept, as_seen = best_kept(known, seed), degradation_as_seen(known)
    found = Estimate(
        studies=tuple(_past(study) for study in every),
        objective=first.objective,
        direction=first.direction,
        rule=ask.rule,
        next=Next(ask.trials, ask.clock.workers, ask.launch, ask.launch_why),
        clock=ask.clock,
        costs=ask.costs,
        final=ask.final,
        confidence=confidence,
        replicates=ask.samples,
        seed=seed,
        quantities=quantities(known, comparable, ask.draws),
        probability_best_kept=None if kept is None else kept.chance,
        probability_best_kept_interval=None if kept is None else kept.interval(confidence),
        degradation_as_seen=as_seen,
        unseen=None if kept is None else _unseen(kept, ask.trials, len(known), confidence),
        extrapolated=ask.trials / max(max(lengths), 1),
        scatter=_scatter(known),
        warnings=(),
        method=method(ask.launch),
        until=ask.until,
        failures={} if past is None else dict(past.failures),
        drawn_from=None if past is None else past.drawn_from,
    )
    return dataclasses.replace(found, warnings=tuple(doubts(every, lengths, found, ask.held)))


def clock_of(workers: int) -> Clock:
    """The clock of a job on so many workers: one trial after another, or side by side."""
    return Clock("simulated", workers) if workers > 1 else Clock("order")


def check_numbers(
    trials: int | None,
    workers: int | None,
    replicates: int,
    confidence: float,
    launch: str | None,
) -> None:
    """Check arguments of `estimate`.

    Raises:
        EsimError: a number is out of range, or `launch` is no such word.
    """
    for name, value, least in (
        ("trials", trials, 1),
        ("workers", workers, 1),
        ("replicates", replicates, LEAST_SAMPLES),
    ):
        if value is not None and (not isinstance(value, int) or value < least):
            raise EsimError(f"{name} cannot be {value!r}", fix=f"a whole number, at least {least}")
    if not 0.0 < confidence < 1.0:
        raise EsimError(f"confidence cannot be {confidence!r}", fix="between 0 and 1, such as 0.9")
    if launch is not None and launch not in get_args(Launch):
        raise EsimError(f"launch cannot be {launch!r}", fix="shuffled or recorded")


def _unseen(kept: Kept, trials: int, studies: int, confidence: float) -> Unseen:
    enough = (confidence - kept.slow) / (1.0 - kept.slow) if kept.slow < 1.0 else 0.0
    more = studies == 1 and kept.none_unseen < enough
    needed = trials_for(enough, trials) if more else None
    return Unseen(1.0 - kept.none_unseen, kept.slow, float(kept.seen.mean()), needed)


def _past(study: Facts) -> Past:
    trend = study.trend
    return Past(
        study=study.name,
        trials=study.trials,
        trials_censored=study.trials_censored,
        objective=study.objective,
        direction=study.direction,
        steps_recorded=study.steps_recorded,
        trials_reporting=study.trials_reporting,
        trend=None if trend is None else RecordedTrend(trend.correlation, trend.p),
    )


def _scatter(past: Sequence[PastNumbers]) -> Float64:
    """Saved fraction, normalized degradation and best kept of single replays, float64 [3, R].

    Studies take turns, and every study gives as many replays.
    """
    columns = [one.scatter for one in past if one.scatter.size]
    if not columns:
        return np.empty((3, 0))
    most = max(c.shape[1] for c in columns)
    turns = [c[:, i % c.shape[1]] for i in range(most) for c in columns]
    return np.stack(turns, axis=1)
