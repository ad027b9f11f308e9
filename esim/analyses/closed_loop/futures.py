"""Simulated futures of a search: a job without the rule, and the same search with it, paired.

Both arms of a future run on the same draw of the problem, and their searchers start from the same
seed: they part where the rule first changes what a searcher is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from esim.analyses.closed_loop.loop import Played, Terms, play
from esim.analyses.closed_loop.problem import Problem
from esim.analyses.closed_loop.searchers import Searcher
from esim.errors import EsimError
from esim.rules import JobRule, Rule, rule
from esim.simulator.accounting import Outcomes, outcomes
from esim.simulator.caveats import never_stops
from esim.simulator.job_end import Until, play_once
from esim.simulator.plan.build import prepare
from esim.simulator.run import OrderRun, run_once
from esim.simulator.trial_outcomes import TrialOutcomes, outcomes_of_trials
from esim.study import Float64, Study
from esim.study.batch import Batch

MOST_TRIALS = 2000  # of a job
BudgetOf = Literal["trials", "seconds", "money"]


@dataclass(frozen=True)
class Budget:
    """What a job without the rule may start: it launches trials until this is reached.

    Attributes:
        of: "trials" launched; "seconds" since the job's start; or "money" that the trials launched
            so far cost.
        amount: how much of it.
        beyond: how many times as many trials the arm with the rule may have, as it goes on to
            spend what the arm without it spent.
    """

    of: BudgetOf
    amount: float
    beyond: float = 3.0


@dataclass(frozen=True)
class Arm:
    """What may end trials, or the job."""

    rule: Rule
    until: tuple[JobRule, ...] = ()


@dataclass(frozen=True)
class Progress:
    """The best so far over a job, at each of the n ends of its trials, in that order.

    Attributes:
        seconds: float64 [n], since the job's start.
        spent: float64 [n], training seconds of the trials that have ended; without report times,
            their steps.
        cost: float64 [n], their money; NaN without a price.
        best: float64 [n], their best final value, in the objective's unit.
    """

    seconds: Float64
    spent: Float64
    cost: Float64
    best: Float64

    def at(self, axis: str, amount: float) -> float:
        """The best by when so much of an axis ("seconds", "spent", "cost") is used; NaN: none."""
        reached = int(np.searchsorted(getattr(self, axis), amount, side="right"))
        return float(self.best[reached - 1]) if reached else float("nan")


@dataclass(frozen=True)
class Side:
    """One arm of a future.

    Attributes:
        outcome: of its job, one of one.
        progress: of its job; of the arm with the rule, of the job that goes on.
        finals: float64 [n], final values of the job's trials in launch order; NaN: none.
        stopped: how many of the job's trials the rule stopped.
    """

    outcome: Outcomes
    progress: Progress
    finals: Float64
    stopped: int


def play_future(
    make_problem: Callable[[], Problem],
    make_searcher: Callable[[], Searcher],
    arms: Sequence[Arm],
    terms: Terms,
    like: Study,
    budget: Budget,
) -> tuple[Side, list[Side]]:
    """One future: without a rule, and with each of some rules.

    Args:
        make_problem: gives each the problem it runs on, the same for all.
        make_searcher: gives each a searcher of its own, all from one seed.
        arms: the rules.
        terms: how the jobs run.
        like: a study of the same problem.
        budget: of the job without a rule. The others launch as many trials, and then go on until
            they have used its seconds and what it spent.

    Raises:
        EsimError: as `esim.analyses.closed_loop.loop.play`, or the budget is for 2,000 trials.
    """

    def more(n: int, now: float, run: OrderRun | None, study: Study | None) -> bool:
        if budget.of == "trials":
            return n < budget.amount
        if n >= MOST_TRIALS:
            raise EsimError(
                f"the budget is for more than {MOST_TRIALS:,} trials",
                fix=f"a smaller one than {budget.amount:g} {budget.of}",
            )
        if budget.of == "seconds":
            return now < budget.amount
        if run is None or study is None:
            return True
        return _committed(study, run, terms)[1] < budget.amount

    none = rule("none")
    played = play(make_problem(), make_searcher(), none, terms, like, more)
    without = _side(played, played, Arm(none), terms)
    launched = played.study.n_trials
    until_s = float(without.progress.seconds[-1])
    spent = float(without.progress.spent[-1])
    most = int(budget.beyond * launched)

    def on(n: int, now: float, run: OrderRun | None, study: Study | None) -> bool:
        if n < launched or run is None or study is None:
            return True
        if n >= most:
            return False
        return now < until_s or _committed(study, run, terms)[0] < spent

    def first(n: int, now: float, run: OrderRun | None, study: Study | None) -> bool:
        return n < launched

    sides = []
    for arm in arms:
        if never_stops(arm.rule):  # its search sees what that without a rule sees
            went = played
        else:
            limit = first if arm.until else on
            went = play(make_problem(), make_searcher(), arm.rule, terms, like, limit)
        sides.append(_side(_prefix(went, launched, arm, terms), went, arm, terms))
    return without, sides


def _committed(study: Study, run: OrderRun, terms: Terms) -> tuple[float, float]:
    """What the trials launched so far spend by their ends: seconds (or steps), and money."""
    its = outcomes_of_trials(study, terms.costs, terms.final, run).run
    seconds = its.steps if study.elapsed is None else its.seconds
    return float(seconds.sum()), float(its.cost.sum())


def _prefix(went: Played, launched: int, arm: Arm, terms: Terms) -> Played:
    """The job of only the first trials: no later one is a peer."""
    if went.study.n_trials == launched:
        return went
    study = first_trials(went.study, launched)
    run = run_once(prepare(study, arm.rule, threads=1), terms.clock, terms.costs)
    return Played(study, run, went.positions[:launched])


def first_trials(study: Study, n: int) -> Study:
    """The study of the first n trials, in launch order."""
    reports = study.offsets[n]
    columns = {
        name: getattr(study, name)[:n]
        for name in ("trials", "start", "end", "status", "censored", "instance_type",
                     "instance_count")
    }  # fmt: skip
    return Study(
        name=study.name,
        objective=study.objective,
        direction=study.direction,
        offsets=study.offsets[: n + 1],
        steps=study.steps[:reports],
        values=study.values[:reports],
        elapsed=None if study.elapsed is None else study.elapsed[:reports],
        billed=None if study.billed is None else study.billed[:n],
        done_at_zero=study.done_at_zero,
        **columns,
    )


def _side(job: Played, went: Played, arm: Arm, terms: Terms) -> Side:
    """What came of an arm: of its job of so many trials, and of the one that goes on."""
    study, run, until = job.study, job.run, Until(arm.until, terms.final)
    plan = prepare(study, arm.rule, threads=1)
    if arm.until:
        run = play_once(plan, terms.clock, terms.costs, until)
    baseline = run_once(plan, terms.clock, terms.costs, acting=False)
    trials = outcomes_of_trials(study, terms.costs, terms.final, run)
    found = outcomes(Batch.of([study]), study, terms.clock, terms.costs, trials, run, baseline)
    on, of_on = run, trials
    if went is not job:
        on = went.run
        of_on = outcomes_of_trials(went.study, terms.costs, terms.final, on)
    return Side(
        outcome=found,
        progress=_progress(went.study, on, of_on),
        finals=trials.final,
        stopped=int(run.stopped.sum()),
    )


def _progress(study: Study, run: OrderRun, trials: TrialOutcomes) -> Progress:
    started = np.ones(study.n_trials, dtype=np.bool_) if run.end is None else run.end.started
    which = np.flatnonzero(started)
    order = which[np.lexsort((which, run.ended[which]))]
    its = trials.run
    best = np.fmin.accumulate(study.sign * trials.final[order])
    return Progress(
        seconds=run.ended[order],
        spent=np.cumsum((its.steps if study.elapsed is None else its.seconds)[order]),
        cost=np.cumsum(its.cost[order]),
        best=study.sign * best,
    )
