"""A plan run once, or in many launch orders, under a clock."""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from esim.assumptions import Clock, Costs
from esim.simulator.jobs import StopEffects, slot_gaps, stop_effects, uploads
from esim.simulator.kernels.arguments import State, Times
from esim.simulator.kernels.engine import UNSEEN, run_orders
from esim.simulator.plan.build import prepare_batch
from esim.simulator.plan.columns import NOTHING, FirstCompleted
from esim.simulator.plan.first_completed import one_after_another, side_by_side
from esim.simulator.plan.plan import Plan
from esim.simulator.plan.ranking import in_threads
from esim.study import Float64, Status, Study
from esim.study.times import durations, last_kept, report_seconds

# Launch orders from which on reports are judged together where they can be: it takes a kernel more
# of its own, which a single replay is not to wait for.
_MANY = 4
_ENOUGH = 50_000  # reports, or trials that no rule judges, for a thread of their own: 0.5 to 3 ms
_AT_ONCE = 1e-3  # seconds: times of the clock nearer to each other might be rounded to the same


@dataclass(frozen=True)
class JobEnds:
    """How job-level rules ended J jobs, and what that left of their N trials.

    Attributes:
        by: int64 [J], which of the rules ended the job; -1: none, it would have ended so anyway.
        at_s: float64 [J], when, in seconds since the first start; NaN if no rule ended the job,
            or one that bounds launches, or where no clock has times.
        after: int64 [J], how many trials had ended by then; -1: no rule, or one that bounds
            launches.
        started: bool [..., N], whether the trial started.
        cut: bool [..., N], whether it was cut in flight, before its last report.
    """

    by: NDArray[np.int64]
    at_s: Float64
    after: NDArray[np.int64]
    started: NDArray[np.bool_]
    cut: NDArray[np.bool_]


@dataclass(frozen=True)
class OrderRun:
    """What one replay did. N trials in the study's own order.

    Attributes:
        rows_kept: int32 [N], how many of its rows in the study each trial made.
        stopped: bool [N], whether the rule stopped it before the last of them.
        threshold: float64 [N], the threshold at the decision that stopped the trial; NaN if none.
        peers: float64 [N], how many peers it had at that decision; NaN if none.
        decided: int64 [N], which of its judgements that was, from 0; -1 if none.
        at_last: bool [N], whether the rule told it to stop with its last report, which saves
            nothing; such a trial is not `stopped`.
        began: float64 [N], seconds at which its job started; NaN without times.
        ended: float64 [N], seconds at which its job ended; NaN without times.
        trained: float64 [N], seconds of training of each trial stopped or cut; None: up to the last
            report it makes.
        trace: float64 [E, 3], at each of E judgements the threshold, the number of peers, and how
            many judgements in a row have gone against the trial with it (-1: it would have, but
            the trial was among the best that go on); NaN where there is no threshold, or the
            judgement was not made; [0, 3] unless `traced`.
        end: how job-level rules ended it; None: there are none.
    """

    rows_kept: NDArray[np.int32]
    stopped: NDArray[np.bool_]
    threshold: Float64
    peers: Float64
    decided: NDArray[np.int64]
    at_last: NDArray[np.bool_]
    began: Float64
    ended: Float64
    trained: Float64 | None
    trace: Float64
    end: JobEnds | None = None

    @property
    def times(self) -> tuple[Float64, Float64]:
        """When each trial's job began and ended, [N]; NaN without times."""
        return self.began, self.ended


@dataclass(frozen=True)
class OrderRuns:
    """What replays in O launch orders did. N trials in the study's own order.

    Attributes:
        rows_kept: int32 [O, N], how many of its rows in the study each trial made.
        stopped: bool [O, N], whether the rule stopped it before the last of them.
        spans: float64 [O, N, 2], seconds at which each job started and ended; [0, N, 2] without
            times.
        trained: float64 [O, N], seconds of training of each trial stopped or cut; None: up to the
            last report it makes.
        end: how job-level rules ended them; None: there are none.
    """

    rows_kept: NDArray[np.int32]
    stopped: NDArray[np.bool_]
    spans: Float64
    trained: Float64 | None
    end: JobEnds | None = None

    @property
    def times(self) -> tuple[Float64, Float64]:
        """When each trial's job began and ended, [O, N]; NaN without times."""
        if not len(self.spans):
            unknown = np.full(self.rows_kept.shape, np.nan)
            return unknown, unknown
        return self.spans[..., 0], self.spans[..., 1]

    @classmethod
    def joined(cls, study: Study, lots: Sequence[OrderRuns]) -> OrderRuns:
        """Several lots of launch orders of a study, one after another, without their times."""
        trained, end = None, None
        if any(lot.trained is not None for lot in lots):
            seconds = report_seconds(study)
            trained = np.concatenate(
                [
                    last_kept(study, seconds, lot.rows_kept) if lot.trained is None else lot.trained
                    for lot in lots
                ]
            )
        ends = [lot.end for lot in lots if lot.end is not None]
        if len(ends) == len(lots):
            columns = {name: [getattr(one, name) for one in ends] for name in vars(ends[0])}
            end = JobEnds(**{name: np.concatenate(column) for name, column in columns.items()})
        return cls(
            rows_kept=np.concatenate([lot.rows_kept for lot in lots]),
            stopped=np.concatenate([lot.stopped for lot in lots]),
            spans=np.empty((0, study.n_trials, 2)),
            trained=trained,
            end=end,
        )


def run_many(
    plan: Plan,
    clock: Clock,
    costs: Costs,
    orders: NDArray[np.int64],
    *,
    acting: bool = True,
    threads: int | None = None,
) -> OrderRuns:
    """Replay a plan in many launch orders, each as `run_once` does it.

    Args:
        plan: what is replayed; of a batch, each study by itself.
        clock: who counts as previous.
        costs: startup and stop overheads, in seconds, where the clock has times.
        orders: int64 [O, N], the trials in launch order, of a batch one study's after another's.
            An order may hold some of the trials only, each at most once and in each order as many
            of a study: the job is then of these, and what is returned of the others means nothing.
        acting: whether the rule acts; if not, the baseline is run.
        threads: bounds the threads; None: as many as the machine has cores. The result does not
            depend on it.

    Raises:
        EsimError: what `prepare` raises, for a rule that waits for the first trials to complete.

    >>> import esim
    >>> study = esim.Study.from_arrays([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]], "minimize")
    >>> from esim.simulator.plan.build import prepare
    >>> plan = prepare(study, esim.rule("sagemaker"))
    >>> orders = np.array([[0, 1], [1, 0]])
    >>> run_many(plan, Clock("order", 1), Costs(), orders).rows_kept.tolist()
    [[3, 1], [3, 3]]
    """
    if acting and plan.rule.waits_for_first and plan.first_completed is None:
        return _run_many_with_first_completed(plan, clock, costs, orders, threads)
    orders = np.ascontiguousarray(orders)
    n = plan.study.n_trials
    kept = np.zeros((len(orders), n), dtype=np.int32)
    timed = clock.mode != "order"
    spans = np.empty((len(orders), n, 2)) if timed else np.empty((0, n, 2))
    work = orders.size * (1 + plan.study.n_reports // max(n, 1) if acting else 1)
    workers = min(threads or os.cpu_count() or 1, len(orders), 1 + work // _ENOUGH)
    effects = stop_effects(plan, costs) if acting else StopEffects(NOTHING)

    def run_some(first: int, stop: int) -> None:
        part, state = slice(first, stop), plan.state()
        if timed:
            its = orders[part], kept[part], spans[part]
            _run_timed(plan, clock, costs, effects, acting, -1, *its, state)
        else:
            run_orders(orders[part], -1, kept[part], *plan.arguments(effects.made), state)

    if timed or acting:
        cuts = [len(orders) * w // workers for w in range(workers + 1)] if workers else [0]
        in_threads([partial(run_some, a, b) for a, b in pairwise(cuts)], workers or 1)
    if not acting:
        kept[:] = plan.most_kept
    rows_kept, trained = _made(plan, effects, kept)
    return OrderRuns(
        rows_kept=rows_kept,
        stopped=plan.stopped(kept),
        spans=spans,
        trained=trained,
    )


def _made(
    plan: Plan, effects: StopEffects, kept: NDArray[np.int32]
) -> tuple[NDArray[np.int32], Float64 | None]:
    """How many rows each trial makes, int32, and `OrderRuns.trained`; of the shape of `kept`."""
    if effects.rows is None or not len(effects.rows):
        return plan.rows_kept(kept), None
    stopped = plan.stopped(kept)
    told = np.where(stopped, plan.first + kept - 1, 0)
    rows = np.where(stopped, effects.rows[told], plan.all_rows()).astype(np.int32)
    if effects.trained is None:
        return rows, None
    return rows, np.where(stopped, effects.trained[told], np.nan)


def _run_many_with_first_completed(
    plan: Plan,
    clock: Clock,
    costs: Costs,
    orders: NDArray[np.int64],
    threads: int | None,
) -> OrderRuns:
    """`run_many` for rungs that wait for the first trials to complete, which each order settles.

    Where trials run one after another, orders in which the rungs come out alike share a plan.
    """
    settled = _first_completed(plan, clock, costs, orders, threads)
    n = plan.study.n_trials
    timed = clock.mode != "order"
    kept = np.zeros((len(orders), n), dtype=np.int32)
    stopped = np.zeros((len(orders), n), dtype=np.bool_)
    spans = np.empty((len(orders), n, 2)) if timed else np.empty((0, n, 2))
    trained: Float64 | None = None
    alike: dict[Hashable, list[int]] = {}
    for at, its_studies in enumerate(settled):
        key = at if timed else tuple(its.longest for its in its_studies)
        alike.setdefault(key, []).append(at)
    for same in alike.values():
        its = prepare_batch(
            plan.batch, plan.rule, threads=threads, first_completed=settled[same[0]]
        )
        part = run_many(its, clock, costs, orders[same], threads=threads)
        kept[same], stopped[same] = part.rows_kept, part.stopped
        if timed:
            spans[same] = part.spans
        if part.trained is not None:
            trained = np.full(kept.shape, np.nan) if trained is None else trained
            trained[same] = part.trained
    return OrderRuns(rows_kept=kept, stopped=stopped, spans=spans, trained=trained)


def with_first_completed(
    plan: Plan, clock: Clock, costs: Costs, order: NDArray[np.int64] | None = None
) -> Plan:
    """The plan for one launch order, in which rungs that wait for the first completed are set.

    Args:
        plan: returned as it is unless its rule waits and nothing is settled yet.
        clock: who counts as previous.
        costs: startup and stop overheads, in seconds, where the clock has times.
        order: int64 [N], the trials in launch order, as for `run_many`; None: the studies' own.

    Raises:
        EsimError: as for `prepare`.
    """
    if not plan.rule.waits_for_first or plan.first_completed is not None:
        return plan
    n = plan.study.n_trials
    order = np.arange(n, dtype=np.int64) if order is None else order
    (settled,) = _first_completed(plan, clock, costs, order[None], 1)
    return prepare_batch(plan.batch, plan.rule, first_completed=settled)


def _first_completed(
    plan: Plan,
    clock: Clock,
    costs: Costs,
    orders: NDArray[np.int64],
    threads: int | None,
) -> list[list[FirstCompleted]]:
    """What the first trials to complete settle in each launch order, for each study. [O][S]"""
    batch, baseline = plan.batch, None
    startup = costs.startup_s if clock.mode == "simulated" else 0.0
    if clock.mode != "order":
        baseline = run_many(plan, clock, costs, orders, acting=False, threads=threads)
    of_study = np.searchsorted(batch.trials, orders[0] if len(orders) else [], side="right") - 1
    found: list[list[FirstCompleted]] = [[] for _ in orders]
    firsts = batch.trials[:-1].tolist()
    for at, (study, first) in enumerate(zip(batch.studies, firsts, strict=True)):
        its_orders = orders[:, of_study == at] - first
        seconds, trials = report_seconds(study), slice(first, first + study.n_trials)
        unseen = plan.arrays.flags[trials, UNSEEN]
        for o, order in enumerate(its_orders):
            if baseline is None:
                found[o].append(one_after_another(study, order))
                continue
            began, ended = baseline.spans[o, trials].T
            settled = side_by_side(study, order, seconds, began + startup, ended, unseen)
            found[o].append(settled)
    return found


def run_once(
    plan: Plan,
    clock: Clock,
    costs: Costs,
    *,
    acting: bool = True,
    order: NDArray[np.int64] | None = None,
    probe: int = -1,
    traced: bool = False,
) -> OrderRun:
    """Replay a plan once. Of a batch, each study is replayed by itself.

    Args:
        plan, clock, costs, acting: as for `run_many`.
        order: int64, the trials in launch order, as for `run_many`; None: the studies' own.
        probe: a trial that is judged to its end and never stopped; -1: none. EVERY of the kernels'
            engine: each, so that what is told of stops is what was first decided.
        traced: whether what each judgement found is kept.

    Raises:
        EsimError: what `prepare` raises, for a rule that waits for the first trials to complete.

    >>> import esim
    >>> study = esim.Study.from_arrays([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]], "minimize")
    >>> from esim.simulator.plan.build import prepare
    >>> plan = prepare(study, esim.rule("sagemaker"))
    >>> run = run_once(plan, Clock("order", 1), Costs())
    >>> run.rows_kept.tolist(), run.threshold.tolist()
    ([3, 1], [nan, 1.0])
    """
    if acting:
        plan = with_first_completed(plan, clock, costs, order)
    n = plan.study.n_trials
    order = np.arange(n, dtype=np.int64) if order is None else np.ascontiguousarray(order)
    if clock.mode == "order" and not acting:
        return _as_recorded(plan)
    kept = np.zeros((1, n), dtype=np.int32)
    state = plan.state(traced=traced)
    effects = stop_effects(plan, costs) if acting else StopEffects(NOTHING)
    began = ended = np.full(n, np.nan)
    if clock.mode != "order":
        spans = np.empty((1, n, 2))
        _run_timed(plan, clock, costs, effects, acting, probe, order[None], kept, spans, state)
        began, ended = spans[0, :, 0], spans[0, :, 1]
    else:
        run_orders(order[None], probe, kept, *plan.arguments(effects.made), state)
    stops = state.stops
    sign = plan.study.sign
    stopped = ~np.isnan(stops[:, 1])
    decided = np.where(np.isnan(stops[:, 2]), -1.0, stops[:, 2]).astype(np.int64)
    alone = np.zeros(n, dtype=np.bool_)
    alone[decided >= 0] = plan.stops((plan.first + decided)[decided >= 0])
    rows_kept, trained = _made(plan, effects, kept)
    return OrderRun(
        rows_kept=rows_kept[0] if acting else plan.all_rows(),
        stopped=stopped,
        threshold=np.where(alone, np.nan, sign * stops[:, 0]),
        peers=stops[:, 1],
        decided=decided,
        at_last=~np.isnan(stops[:, 3]),
        began=began,
        ended=ended,
        trained=None if trained is None else trained[0],
        trace=state.trace * (sign, 1.0, 1.0),
    )


def _as_recorded(plan: Plan) -> OrderRun:
    """The baseline where no clock has times: every trial makes all its rows."""
    n = plan.study.n_trials
    unknown = np.full(n, np.nan)
    return OrderRun(
        rows_kept=plan.all_rows(),
        stopped=np.zeros(n, dtype=np.bool_),
        threshold=unknown,
        peers=unknown,
        decided=np.full(n, -1),
        at_last=np.zeros(n, dtype=np.bool_),
        began=unknown,
        ended=unknown,
        trained=None,
        trace=np.empty((0, 3)),
    )


def _run_timed(
    plan: Plan,
    clock: Clock,
    costs: Costs,
    effects: StopEffects,
    acting: bool,
    probe: int,
    orders: NDArray[np.int64],
    kept: NDArray[np.int32],
    spans: Float64,
    state: State,
) -> None:
    """Run launch orders in time: fill `kept` [O, N], `spans` [O, N, 2] in seconds, and `state`."""
    from esim.simulator.kernels import timed  # compiled only when a clock has times

    times = times_of(plan, clock, costs, effects, acting)
    running = None
    if len(orders) >= _MANY and acting and _judged_together(plan, effects, times):
        running = np.zeros((len(state.trials) + 1, 5), dtype=np.int64)
        running[-1, timed.ALONE] = _looks_at_none(plan)
    arguments = plan.arguments(effects.made)
    timed.run_timed(orders, probe, kept, spans, *arguments, state, times, running)


def _looks_at_none(plan: Plan) -> bool:
    """Whether, of a plan that is judged together, trials are stopped whatever the others do."""
    rule = plan.arrays.rule
    waits = rule.min_completed > 0 or rule.warmup_share > 0.0
    return not (len(plan.arrays.cell_column) or waits)


def _judged_together(plan: Plan, effects: StopEffects, times: Times) -> bool:
    """Whether a trial's judgements depend on nothing that other trials do but on their ends.

    Its reports up to the next end can then be judged together. Not where a stop takes effect with a
    later report: if the trial ends with that report, reports of others at that moment come between.
    Nor where a trial reports at its end, but does not end with that report: it has more than one
    event there.
    """
    from esim.simulator.kernels import timed

    rule, arrays = plan.arrays.rule, plan.arrays
    alone = rule.plain and not (rule.reached or rule.include_self or rule.on_the_way)
    looked_up = plan.statistic is not None or plan.curve is not None
    later = len(arrays.group) or len(effects.made)
    if not alone or rule.freezes or looked_up or later or not times.slots:
        return False
    reports = np.flatnonzero(np.diff(arrays.offsets) > 0)
    last = arrays.offsets[reports + 1] - 1
    at_end = times.jobs[reports, timed.DURATION] - times.seconds[last] < _AT_ONCE
    before = np.maximum(last - 1, arrays.offsets[reports])
    again = (before < last) & (times.seconds[last] - times.seconds[before] < _AT_ONCE)
    return not (at_end & (again | arrays.flags[reports, UNSEEN])).any()


def times_of(plan: Plan, clock: Clock, costs: Costs, effects: StopEffects, acting: bool) -> Times:
    """The clock, the jobs and the schedule as the kernels take them, for one replay at a time."""
    from esim.simulator.kernels import timed

    study, n = plan.study, plan.study.n_trials
    seconds = report_seconds(study)
    seconds = seconds if plan.row_of is None else seconds[plan.row_of]
    jobs = np.zeros((n, 6))
    jobs[:, timed.START] = study.start
    jobs[:, timed.DURATION] = durations(study)
    jobs[:, timed.OVERHEAD] = costs.stop_latency_s + uploads(study, costs)
    if clock.mode == "recorded":
        running = study.which(Status.RUNNING)
        jobs[running, timed.DURATION] = np.inf
        jobs[running, timed.OVERHEAD] = costs.stop_latency_s + (costs.upload_s or 0.0)
    simulated = clock.mode == "simulated"
    if simulated:
        gaps = slot_gaps(plan.batch, clock, costs)
        jobs[:, timed.GAP] = np.repeat(gaps, plan.batch.sizes)
    return Times(
        startup=float(costs.startup_s) if simulated else 0.0,
        latency=float(costs.stop_latency_s),
        slots=int(clock.workers) if simulated else 0,
        acting=bool(acting),
        seconds=seconds,
        since=seconds if effects.since is None else effects.since,
        jobs=jobs,
        heap=np.zeros(n + 1, dtype=np.int64),
        when=np.zeros(n),
        agenda=np.zeros((n, 4), dtype=np.int64),
    )
