"""What the search would have done next, with a rule and without it, from one study's own log.

A surrogate learns the problem from the log; searchers then search it, job after job, with the rule
and without it from the same seed. reports/closed_loop.md tells how far its answers hold.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import get_args

import numpy as np

from esim.analyses.closed_loop.drawn_futures import Drawn
from esim.analyses.closed_loop.futures import Arm, Budget, BudgetOf, Side
from esim.analyses.closed_loop.held_against import held_against, held_job
from esim.analyses.closed_loop.learn import learned
from esim.analyses.closed_loop.loop import Terms, Told
from esim.analyses.closed_loop.record_covered import recorded_best
from esim.analyses.closed_loop.same_problem import check_same_problem
from esim.analyses.closed_loop.searchers import LEARNING, SEARCHERS
from esim.analyses.closed_loop.spreads import (
    bands,
    best_to_median,
    numbers,
    reached,
    recorded_finals,
    spreads,
    unknown,
)
from esim.analyses.closed_loop.told import caveats
from esim.analyses.workers.engines import run as run_on
from esim.assumptions import CONFIDENCE, Clock, Costs
from esim.errors import EsimError
from esim.results.closed_loop import (
    ClosedLoop,
    RecordedBudget,
    ReplayAnswer,
    SearcherForecast,
)
from esim.results.named_rule import RecordedJobRule, RecordedRule
from esim.rules import JobRule, Rule, default_rule, job_rules, share
from esim.rules import rule as named_rule
from esim.simulator.jobs import slot_gaps
from esim.simulator.replay import Final, check_final, replay
from esim.study import Study
from esim.study.batch import Batch
from esim.study.times import side_by_side

LEAST_FUTURES = 20


def closed_loop(
    study: Study | Sequence[Study],
    rule: str | Rule | None = None,
    workers: int | None = None,
    *,
    until: str | JobRule | Sequence[str | JobRule] | None = None,
    budget: int | Budget | None = None,
    searchers: Sequence[str] = SEARCHERS,
    told: Told = "last",
    futures: int = 100,
    seed: int = 0,
    confidence: float | str = CONFIDENCE,
    costs: Costs | None = None,
    final: Final = "last",
    leave_out: Sequence[str] = (),
    against: Study | None = None,
    jobs: int | None = 1,
    advance: Callable[[int], None] = lambda futures: None,
) -> ClosedLoop:
    """Simulate what the search would do next, with a rule and without it.

    A surrogate learns from the study how curves depend on configurations. Each future draws a
    problem from it, on which a searcher runs a job of its own without the rule, and one with it
    from the same seed.

    Args:
        study: the log of one past job, run with early stopping off, with configurations; or of
            several of one problem, of which the first is the job that is continued, and the others
            teach the surrogate.
        rule: a preset's name, or a rule. By default "sagemaker", or with `until` "none".
        workers: parallel trials; by default the most that ran side by side in the past, in
            `against` where there is one.
        until: job-level rules, any of which ends the job with the rule.
        budget: of the job without the rule; a number is one of trials. By default as many trials
            as the log has, or as `against` has.
        searchers: of "random", "tpe" and "gp".
        told: what the search is told of a stopped trial: its "last" value, its "best", or
            "nothing".
        futures: of each searcher, at least 20.
        seed: the same seed gives the same bytes.
        confidence: of the intervals, a share: 0.9 or "90%".
        costs: seconds and money of a job beyond its training.
        final: whether a trial's final value is its "last" reported value or its "best".
        leave_out: hyperparameters that are no part of the search space.
        against: a job of the same problem that ran with the rule; the forecast is held against what
            it recorded.
        jobs: processes; None: as many as the machine has cores. The result does not depend on it.
        advance: called with the number of futures of each finished unit of work.

    Raises:
        EsimError: a number out of range, a library of the extra `closed-loop` that is not
            installed, studies that are not of one problem, or that the surrogate cannot learn
            from; the error says why.

    Example:
        >>> import numpy as np
        >>> import esim
        >>> rng = np.random.default_rng(0)
        >>> x, steps = rng.random(40), np.arange(1, 6)
        >>> curves = (x[:, None] - 0.3) ** 2 + 1 / steps
        >>> study = esim.Study.from_arrays(curves, "minimize", config={"x": x.tolist()})
        >>> found = esim.closed_loop(study, "sagemaker", searchers=["random"], futures=20)
        >>> found.surrogate.rank_correlation > 0.9
        True
        >>> found.of("random").quantities["steps_saved_fraction"].median > 0
        True
    """
    ends = job_rules(until)
    arm = Arm(named_rule(default_rule(ends) if rule is None else rule), ends)
    level = share(confidence, "confidence")
    _check(workers, futures, searchers, told)
    check_final(final)
    studies = [study] if isinstance(study, Study) else list(study)
    if not studies:
        raise EsimError("no study to learn from", fix="the log of a job")
    study = studies[0]
    pair = None if against is None else held_job(against)
    if against is not None:
        check_same_problem(study, against, leave_out)
    like = study if against is None else against
    side = workers or side_by_side(like)
    clock = Clock("simulated", side)
    money = _settled(study, costs or Costs(), clock)
    limit = _budget(study, like.n_trials if budget is None else budget, money)
    surrogate, quality = learned(studies, leave_out, seed)
    drawn = Drawn(surrogate, (arm,), Terms(side, money, final, told), limit, seed)
    units = [(name, number) for name in searchers for number in range(futures)]
    sides: list[tuple[Side, Side] | None] = [None] * len(units)
    for at, (without, (ruled,)) in run_on(drawn.future, units, jobs=jobs):
        sides[at] = without, ruled
        advance(1)
    played = [both for both in sides if both is not None]
    forecasts = tuple(
        _forecast(
            name,
            study,
            against,
            played[at * futures : (at + 1) * futures],
            widening(name, quality.rank_correlation),
            final,
            level,
        )
        for at, name in enumerate(searchers)
    )
    found = ClosedLoop(
        study=study.name,
        objective=study.objective,
        direction=study.direction,
        trials=study.n_trials,
        rule=RecordedRule.of(arm.rule),
        until=tuple(map(RecordedJobRule.of, ends)),
        clock=clock,
        costs=money,
        final=final,
        told=told,
        budget=RecordedBudget(limit.of, limit.amount),
        beyond=limit.beyond,
        futures=futures,
        seed=seed,
        confidence=level,
        timed=study.elapsed is not None,
        surrogate=quality,
        replayed=_replayed(study, arm, side, costs, final),
        searchers=forecasts,
        caveats=(),
        pair=pair,
    )
    return dataclasses.replace(found, caveats=tuple(caveats(found)))


def widening(searcher: str, rank_correlation: float) -> float:
    """By how much wider than its futures are the intervals of what a search loses of the best.

    The futures differ as jobs do and as draws of the surrogate do, but all share its error. A
    surrogate that ranks configurations with a correlation of r shows a difference d between them
    as r d (attenuation, Spearman 1904, American Journal of Psychology 15:72), and a search that
    learns chooses by these. So the ends of its intervals are 1 / r times as far from the median;
    reports/closed_loop_intervals.md tells how many true jobs they then hold. A random search does
    not choose by what it was told, and its futures hold about as many as they should.

    >>> widening("tpe", 0.5), widening("random", 0.5)
    (2.0, 1.0)
    """
    return 1.0 / rank_correlation if searcher in LEARNING else 1.0


def _forecast(
    name: str,
    study: Study,
    against: Study | None,
    futures: Sequence[tuple[Side, Side]],
    by: float,
    final: str,
    confidence: float,
) -> SearcherForecast:
    """What the futures of a searcher say; nothing of the rule if they do not look like the log."""
    log, sign = recorded_finals(study, final), study.sign
    record = recorded_best(log, [without.finals for without, _ in futures], sign)
    scale = best_to_median(log, sign)
    held = None
    if against is not None and record.covered:
        held = held_against(study, against, [ruled for _, ruled in futures], final, confidence, by)
    found = [numbers(without, ruled, sign, scale) for without, ruled in futures]
    lost = np.array([one["degradation"] for one in found])
    lost = lost[np.isfinite(lost)]
    return SearcherForecast(
        searcher=name,
        record=record,
        quantities=spreads(found, confidence, by) if record.covered else unknown(found),
        probability_no_worse=float((lost <= 0).mean()) if record.covered and len(lost) else None,
        reached=float(np.mean([reached(without, ruled) for without, ruled in futures])),
        bands=tuple(bands(futures, confidence)),
        widening=by,
        against=held,
    )


def _check(workers: int | None, futures: int, searchers: Sequence[str], told: str) -> None:
    """Raise EsimError for an argument that cannot be."""
    for name, value, least in (("workers", workers, 1), ("futures", futures, LEAST_FUTURES)):
        if value is not None and (not isinstance(value, int) or value < least):
            raise EsimError(f"{name} cannot be {value!r}", fix=f"a whole number, at least {least}")
    if told not in get_args(Told):
        raise EsimError(f"told cannot be {told!r}", fix="one of: " + ", ".join(get_args(Told)))
    if not searchers or len(set(searchers)) < len(searchers):
        raise EsimError("searchers must be named, each once", fix=", ".join(SEARCHERS))
    for name in searchers:
        if name not in SEARCHERS:
            raise EsimError(f"no searcher {name!r}", fix="one of: " + ", ".join(SEARCHERS))


def _settled(study: Study, costs: Costs, clock: Clock) -> Costs:
    """The costs with the gap between jobs of a slot taken from the record."""
    gap = float(slot_gaps(Batch.of([study]), clock, costs)[0])
    return dataclasses.replace(costs, slot_gap_s=gap)


def _budget(study: Study, budget: int | Budget, costs: Costs) -> Budget:
    """The budget asked for; a number is one of trials.

    Raises:
        EsimError: it is no amount that can be, or one of money without a price.
    """
    if not isinstance(budget, Budget):
        budget = Budget("trials", budget)
    if budget.of not in get_args(BudgetOf):
        raise EsimError(f"a budget of {budget.of!r}", fix="of trials, seconds or money")
    whole = budget.of != "trials" or budget.amount == int(budget.amount) >= 2
    if not (np.isfinite(budget.amount) and budget.amount > 0 and whole):
        fix = "a whole number, at least 2" if budget.of == "trials" else "a number above 0"
        raise EsimError(f"a budget cannot be {budget.amount!r} {budget.of}", fix=fix)
    if budget.of == "money" and (costs.price is None or study.elapsed is None):
        raise EsimError(
            "a budget of money needs a price and report times",
            fix="--price, and logs with times" if costs.price is None else "logs with times",
        )
    return budget


def _replayed(
    study: Study, arm: Arm, workers: int, costs: Costs | None, final: Final
) -> ReplayAnswer:
    """What the replay of the log says of the same rule on as many workers."""
    s = replay(
        study, arm.rule, "simulated", workers, until=arm.until, costs=costs, final=final
    ).summary  # fmt: skip
    return ReplayAnswer(
        steps_saved_fraction=s.steps_saved_fraction,
        seconds_saved_fraction=s.seconds_saved_fraction,
        degradation=s.degradation,
        degradation_normalized=s.degradation_normalized,
    )
