"""A job played trial by trial: the searcher proposes the next one when a slot frees.

Time is the simulator's (`esim.simulator.run`): the trials launched so far are played by it, which
tells when the next slot frees and what has ended by then, because nothing that happens before a
trial's launch depends on it. The searcher is told what has ended, and the next trial is launched.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from esim.analyses.closed_loop.problem import Curve, Problem, study_of
from esim.analyses.closed_loop.searchers import Searcher
from esim.assumptions import Clock, Costs
from esim.errors import EsimError
from esim.rules import Rule
from esim.simulator.jobs import uploads
from esim.simulator.plan.build import prepare
from esim.simulator.plan.statistics import final_values
from esim.simulator.run import OrderRun, run_once
from esim.study import Float64, Int64, Study
from esim.study.times import last_kept

Told = Literal["last", "best", "nothing"]


@dataclass(frozen=True)
class Terms:
    """How a job runs.

    Attributes:
        workers: how many trials run at once.
        costs: of the job; its slot gap is a number.
        final: which reported value of a trial is its final one, "last" or "best".
        told: what the search is told of a stopped trial: its "last" value, its "best", or
            "nothing". Of a trial that runs to its end it is told the final value.
    """

    workers: int
    costs: Costs
    final: str = "last"
    told: Told = "last"

    @property
    def clock(self) -> Clock:
        """The clock by which it runs."""
        return Clock("simulated", self.workers)

    @property
    def gap(self) -> float:
        """Seconds from the end of a job to the start of the next in its slot."""
        if self.costs.slot_gap_s is None:
            raise ValueError("the slot gap must be settled")
        return self.costs.slot_gap_s


@dataclass(frozen=True)
class Played:
    """A job of n trials as it was played under a rule.

    Attributes:
        study: its trials as they would have run to their ends, in launch order.
        run: what became of them.
        positions: float64 [n, D], their configurations.
    """

    study: Study
    run: OrderRun
    positions: Float64


# Whether a job of n trials launches another at a moment, in seconds since its start.
More = Callable[[int, float, OrderRun | None, Study | None], bool]


def play(
    problem: Problem, searcher: Searcher, rule: Rule, terms: Terms, like: Study, more: More
) -> Played:
    """Play a job until no more trials are wanted; those in flight finish.

    Args:
        problem: gives a configuration its curve.
        searcher: proposes configurations.
        rule: stops single trials.
        terms: how the job runs.
        like: a study of the same problem, for its name, objective and direction.
        more: whether the job launches another trial at a moment, given those so far. At least one
            is launched.

    Raises:
        EsimError: the rule looks ahead: what it does to a trial depends on trials launched later.
    """
    if rule.against == "hindsight":
        raise _looks_ahead(rule)
    curves: list[Curve] = []
    positions: list[Float64] = []
    told: set[int] = set()
    study: Study | None = None
    run: OrderRun | None = None
    while True:
        now, ended = 0.0, np.empty(0, dtype=np.int64)
        if study is not None and run is not None and len(curves) >= terms.workers:
            now, ended = _next_slot(study, run, terms)
            _tell(searcher, study, run, ended, told, terms)
        if curves and not more(len(curves), now, run, study):
            break
        position, curve = problem.run(searcher.ask())
        searcher.started(len(curves), position)
        curves.append(curve)
        positions.append(position)
        study = study_of(like, curves)
        following = run_once(prepare(study, rule, threads=1), terms.clock, terms.costs)
        if run is not None and not _same(run, following, ended):
            raise _looks_ahead(rule)
        run = following
    if study is None or run is None:
        raise ValueError("a job has at least one trial")
    return Played(study, run, np.stack(positions))


def _looks_ahead(rule: Rule) -> EsimError:
    return EsimError(
        f"rule {rule.name!r} cannot be played trial by trial",
        why="what it does to a trial depends on trials that are launched later",
        fix="another rule; esim rules lists them",
    )


def _next_slot(study: Study, run: OrderRun, terms: Terms) -> tuple[float, Int64]:
    """When a slot frees for the next trial, and which trials have ended by then, in that order.

    Slots are refilled in the order in which they free. At one moment ends come in launch order
    and before reports, as the kernels handle them (`esim.simulator.kernels.timed`); so the end of
    a trial that a report stops at once comes after the other ends of that moment. A slot with a gap
    frees by an event of its own, an end.
    """
    launch = np.arange(study.n_trials)
    overhead = terms.costs.stop_latency_s + uploads(study, terms.costs)
    at_once = run.stopped & (overhead == 0.0)
    frees = run.ended + terms.gap
    by_report = at_once if terms.gap == 0.0 else np.zeros_like(at_once)
    slot = int(np.lexsort((launch, by_report, frees))[len(launch) - terms.workers])
    now = float(frees[slot])
    order = np.lexsort((launch, at_once, run.ended))
    its = (now, bool(by_report[slot]), slot)
    keys = zip(run.ended[order].tolist(), at_once[order].tolist(), order.tolist(), strict=True)
    return now, order[[key <= its for key in keys]]


def _tell(
    searcher: Searcher,
    study: Study,
    run: OrderRun,
    ended: Int64,
    told: set[int],
    terms: Terms,
) -> None:
    """Tell the searcher what has ended since it was told last."""
    new = [int(trial) for trial in ended if int(trial) not in told]
    if not new:
        return
    values = told_values(study, run, terms)
    for trial in new:
        told.add(trial)
        if math.isfinite(values[trial]):
            searcher.tell(trial, float(values[trial]))
        else:
            searcher.drop(trial)


def told_values(study: Study, run: OrderRun, terms: Terms) -> Float64:
    """What the search is told of each trial as it ends, lower is better; NaN: nothing. [N]"""
    values = last_kept(study, final_values(study, terms.final), run.rows_kept, np.nan)
    if terms.told == "nothing":
        values = np.where(run.stopped, np.nan, values)
    elif terms.told != terms.final:
        of_stopped = last_kept(study, final_values(study, terms.told), run.rows_kept, np.nan)
        values = np.where(run.stopped, of_stopped, values)
    return study.sign * values


def _same(before: OrderRun, after: OrderRun, ended: Int64) -> bool:
    """Whether trials that had ended by a launch ended as they do with the trial launched."""
    return bool(
        np.array_equal(before.ended[ended], after.ended[ended])
        and np.array_equal(before.rows_kept[ended], after.rows_kept[ended])
    )
