"""A plan run once, or in many launch orders, under a clock."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.assumptions import Clock, Costs
from esim.rules import Rule
from esim.simulator.jobs import stop_overheads
from esim.simulator.kernels.arguments import State, Times
from esim.simulator.kernels.engine import run_orders
from esim.simulator.plan.build import prepare
from esim.simulator.plan.columns import FirstCompleted
from esim.simulator.plan.first_completed import one_after_another, side_by_side
from esim.simulator.plan.plan import Plan
from esim.simulator.plan.ranking import in_threads
from esim.study import Float64, Status, Study
from esim.study.times import durations, report_seconds


@dataclass(frozen=True)
class Run:
    """What one replay did. N trials in the study's own order.

    Attributes:
        rows_kept: int32 [N], the study's rows each trial made.
        stopped: bool [N].
        threshold, peers: float64 [N], at the decision that stopped the trial; NaN if none.
        decided: int64 [N], which of its judgements that was; -1 if none.
        began, ended: float64 [N], seconds at which its job started and ended; NaN without times.
        trace: float64 [E, 2], threshold and peers at each judgement; empty if not asked.
    """

    rows_kept: NDArray[np.int32]
    stopped: NDArray[np.bool_]
    threshold: Float64
    peers: Float64
    decided: NDArray[np.int64]
    began: Float64
    ended: Float64
    trace: Float64


@dataclass(frozen=True)
class Runs:
    """What replays in O launch orders did. N trials in the study's own order.

    Attributes:
        rows_kept: int32 [O, N], the study's rows each trial made.
        stopped: bool [O, N].
        spans: float64 [O, N, 2], seconds at which each job started and ended; [0, N, 2] without
            times.
    """

    rows_kept: NDArray[np.int32]
    stopped: NDArray[np.bool_]
    spans: Float64


def run_many(
    plan: Plan,
    clock: Clock,
    costs: Costs,
    orders: NDArray[np.int64],
    *,
    acting: bool = True,
    threads: int | None = None,
) -> Runs:
    """Replays in many launch orders, int64 [O, N], each as `run_once` does it.

    Slots of threads are independent: the result does not depend on their number. An order may hold
    some of the trials only, each at most once: the job is then of these, and what is returned of
    the others means nothing.
    """
    if acting and plan.rule.waits_for_first and plan.first_completed is None:
        return _run_many_with_first_completed(plan, clock, costs, orders, threads)
    n = plan.study.n_trials
    kept = np.zeros((len(orders), n), dtype=np.int32)
    timed = clock.mode != "order"
    spans = np.empty((len(orders), n, 2)) if timed else np.empty((0, n, 2))
    workers = min(threads or os.cpu_count() or 1, len(orders))

    def run_some(first: int, stop: int) -> None:
        part, state = slice(first, stop), plan.state()
        if timed:
            _run_timed(plan, clock, costs, acting, -1, orders[part], kept[part], spans[part], state)
        else:
            run_orders(orders[part], -1, kept[part], *plan.arguments, state)

    if timed or acting:
        cuts = [len(orders) * w // workers for w in range(workers + 1)] if workers else [0]
        in_threads([partial(run_some, a, b) for a, b in pairwise(cuts)], workers or 1)
    most = plan.most_kept()
    if not acting:
        kept[:] = most
    return Runs(
        rows_kept=plan.rows_kept(kept),
        stopped=(kept < most) & plan.has_judgements(),
        spans=spans,
    )


def _run_many_with_first_completed(
    plan: Plan,
    clock: Clock,
    costs: Costs,
    orders: NDArray[np.int64],
    threads: int | None,
) -> Runs:
    """`run_many` for rungs that wait for the first trials to complete: others in each order.

    Orders in which the same trials come first share a plan.
    """
    first_completed_of = [_first_completed(plan, clock, costs, order) for order in orders]
    n = plan.study.n_trials
    timed = clock.mode != "order"
    kept = np.zeros(orders.shape, dtype=np.int32)
    stopped = np.zeros(orders.shape, dtype=np.bool_)
    spans = np.empty((*orders.shape, 2)) if timed else np.empty((0, n, 2))
    alike: dict[int, list[int]] = {}
    for at, first_completed in enumerate(first_completed_of):
        alike.setdefault(at if timed else first_completed.longest, []).append(at)
    for places in alike.values():
        its = prepare(
            plan.study, plan.rule, threads=threads, first_completed=first_completed_of[places[0]]
        )
        part = run_many(its, clock, costs, orders[places], threads=threads)
        kept[places], stopped[places] = part.rows_kept, part.stopped
        if timed:
            spans[places] = part.spans
    return Runs(rows_kept=kept, stopped=stopped, spans=spans)


def with_first_completed(
    plan: Plan, clock: Clock, costs: Costs, order: NDArray[np.int64] | None = None
) -> Plan:
    """The plan for one launch order: rungs that wait for the first trials to complete are set."""
    if not plan.rule.waits_for_first or plan.first_completed is not None:
        return plan
    n = plan.study.n_trials
    order = np.arange(n, dtype=np.int64) if order is None else order
    first_completed = _first_completed(plan, clock, costs, order)
    return prepare(plan.study, plan.rule, first_completed=first_completed)


def _first_completed(
    plan: Plan, clock: Clock, costs: Costs, order: NDArray[np.int64]
) -> FirstCompleted:
    study = plan.study
    if clock.mode == "order":
        return one_after_another(study, order)
    baseline = run_once(plan, clock, costs, acting=False, order=order)
    startup = costs.startup_s if clock.mode == "simulated" else 0.0
    return side_by_side(
        study, order, report_seconds(study), baseline.began + startup, baseline.ended
    )


def run_once(
    plan: Plan,
    clock: Clock,
    costs: Costs,
    *,
    acting: bool = True,
    order: NDArray[np.int64] | None = None,
    probe: int = -1,
    traced: bool = False,
) -> Run:
    """One replay, in the study's own launch order unless given; the baseline if not acting.

    Of a batch, each study is replayed once, in its own launch order.

    The trial `probe` is judged to its end and never stopped. An order of some of the trials only:
    as for `run_many`.
    """
    if acting:
        plan = with_first_completed(plan, clock, costs, order)
    n = plan.study.n_trials
    order = np.arange(n, dtype=np.int64) if order is None else order
    if clock.mode == "order" and not acting:
        return _as_recorded(plan)
    kept = np.zeros((1, n), dtype=np.int32)
    state = plan.state(traced=traced)
    began = ended = np.full(n, np.nan)
    if clock.mode != "order":
        spans = np.empty((1, n, 2))
        _run_timed(plan, clock, costs, acting, probe, order[None], kept, spans, state)
        began, ended = spans[0, :, 0], spans[0, :, 1]
    else:
        run_orders(order[None], probe, kept, *plan.arguments, state)
    stops = state.stops
    sign = plan.study.sign
    stopped = ~np.isnan(stops[:, 1])
    decided = np.where(np.isnan(stops[:, 2]), -1.0, stops[:, 2]).astype(np.int64)
    alone = np.zeros(n, dtype=np.bool_)
    alone[decided >= 0] = plan.stops((plan.first + decided)[decided >= 0])
    return Run(
        rows_kept=plan.rows_kept(kept)[0] if acting else plan.all_rows(),
        stopped=stopped,
        threshold=np.where(alone, np.nan, sign * stops[:, 0]),
        peers=stops[:, 1],
        decided=decided,
        began=began,
        ended=ended,
        trace=state.trace * (sign, 1.0),
    )


def _as_recorded(plan: Plan) -> Run:
    n = plan.study.n_trials
    unknown = np.full(n, np.nan)
    return Run(
        rows_kept=plan.all_rows(),
        stopped=np.zeros(n, dtype=np.bool_),
        threshold=unknown,
        peers=unknown,
        decided=np.full(n, -1),
        began=unknown,
        ended=unknown,
        trace=np.empty((0, 2)),
    )


def _run_timed(
    plan: Plan,
    clock: Clock,
    costs: Costs,
    acting: bool,
    probe: int,
    orders: NDArray[np.int64],
    kept: NDArray[np.int32],
    spans: Float64,
    state: State,
) -> None:
    """Fills `kept` [O, N], `spans` [O, N, 2] (when each job began and ended) and `state`."""
    from esim.simulator.kernels import timed  # compiled only when a clock has times

    study, n = plan.study, plan.study.n_trials
    seconds = report_seconds(study)
    jobs = np.zeros((n, 5))
    jobs[:, timed.START] = study.start
    jobs[:, timed.DURATION] = durations(study)
    jobs[:, timed.OVERHEAD] = stop_overheads(study, costs)
    if clock.mode == "recorded":
        running = study.status == Status.RUNNING
        jobs[running, timed.DURATION] = np.inf
        jobs[running, timed.OVERHEAD] = costs.stop_latency_s + (costs.upload_s or 0.0)
    simulated = clock.mode == "simulated"
    times = Times(
        startup=float(costs.startup_s) if simulated else 0.0,
        slots=int(clock.workers) if simulated else 0,
        acting=bool(acting),
        seconds=seconds if plan.row_of is None else seconds[plan.row_of],
        jobs=jobs,
        heap=np.zeros(n + 1, dtype=np.int64),
        when=np.zeros(n),
        agenda=np.zeros((n, 4), dtype=np.int64),
    )
    timed.run_timed(orders, probe, kept, spans, *plan.arguments, state, times)


def decisions(study: Study, rule: Rule, clock: Clock, costs: Costs) -> dict[str, Any]:
    """The decisions as columns: every report that ran and holds a value."""
    plan = with_first_completed(prepare(study, rule), clock, costs)
    run = run_once(plan, clock, costs, traced=True)
    return decision_columns(plan, run, slice(None))


def decision_columns(plan: Plan, run: Run, which: slice) -> dict[str, Any]:
    """The columns of a traced run's decisions, for a slice of the reports with a value."""
    study = plan.study
    sign = study.sign
    trial = np.repeat(np.arange(study.n_trials), np.diff(plan.arrays.offsets))[which]
    peers, threshold = run.trace[which, 1], run.trace[which, 0]
    reached = ~np.isnan(peers)
    stop = plan.worse(sign * plan.arrays.own[which], threshold)
    alone = plan.stops(which)
    return {
        "trial": [study.trials[i] for i in trial[reached]],
        "step": plan.arrays.step[which][reached],
        "value": sign * plan.values[which][reached],
        "own": sign * plan.own[which][reached],
        "threshold": np.where(alone, np.nan, threshold)[reached],
        "peers": peers[reached].astype(np.int64),
        "stop": stop[reached],
    }
