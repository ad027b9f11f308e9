"""From a study and a rule to the plan of their replays, shared by any number of launch orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.rules import Rule
from esim.simulator.kernels import pairs
from esim.simulator.kernels.arguments import Criteria, PlanArrays
from esim.simulator.kernels.engine import COMPLETES, JOINS, ODD, UNSEEN
from esim.simulator.kernels.peers import MIRRORED, STOPS
from esim.simulator.plan import columns as where
from esim.simulator.plan.cells import Cells, cells_of_reports, cells_of_rungs
from esim.simulator.plan.columns import NOTHING, FirstCompleted
from esim.simulator.plan.gates import gates_are_open, judged_reports
from esim.simulator.plan.plan import METHODS, Plan
from esim.simulator.plan.statistics import (
    PeerStatistics,
    own_statistics,
    own_statistics_at_rungs,
    running,
)
from esim.study import Float64, Int64, Status, Study
from esim.study.batch import Batch


def prepare(
    study: Study,
    rule: Rule,
    *,
    threads: int | None = None,
    first_completed: Sequence[FirstCompleted] | None = None,
) -> Plan:
    """The plan for replaying a study under a rule.

    Args:
        study: the recorded trials.
        rule: the rule.
        threads: bounds the threads that rank columns (default: the machine's cores); the result
            does not depend on it.
        first_completed: what the first trials to complete settle in each study, for a rule that
            waits for them.

    Raises:
        EsimError: the rule cannot be planned on this study: two reports of a trial stand at one
            second and are to be interpolated, or there are more rungs than a trial can be judged
            at.

    >>> import esim
    >>> study = esim.Study.from_arrays([[3.0, 2.0], [4.0, 5.0]], "minimize")
    >>> prepare(study, esim.rule("sagemaker")).judgements(1)
    slice(2, 4, None)
    """
    return prepare_batch(Batch.of([study]), rule, threads=threads, first_completed=first_completed)


def batchable(rule: Rule) -> bool:
    """Whether studies can be planned as a batch.

    They can unless a column of the rule may hold any trial's statistic, or a trial keeps something
    from its launch.

    >>> import esim
    >>> batchable(esim.rule("sagemaker"))
    True
    """
    return rule.short != "carry" and not rule.frozen


# Columns of a rule that only `with_criteria` reads: rules that differ in no other share a plan.
CRITERIA = frozenset(
    {
        "name", "source", "pool", "failed_peers", "include_self", "peer_from", "quantile", "method",
        "frame", "strict", "tolerance", "min_peers", "min_completed", "warmup_share", "delay",
    }
)  # fmt: skip


def with_criteria(plan: Plan, rule: Rule) -> Plan:
    """The plan of a rule that differs from the plan's own in columns of `CRITERIA` alone.

    All arrays but the small ones on trials are shared.

    >>> import esim
    >>> study = esim.Study.from_arrays([[3.0, 2.0], [4.0, 5.0]], "minimize")
    >>> plan = prepare(study, esim.rule("sagemaker"))
    >>> with_criteria(plan, esim.rule("sagemaker", min_peers=3)).arrays.rule.least
    3
    """
    flags = plan.arrays.flags.copy()
    flags[:, JOINS] = _joins(plan.study, rule)
    criteria = _criteria(rule, plan.study, plan.first_completed, len(plan.members))
    return replace(plan, rule=rule, arrays=plan.arrays._replace(rule=criteria, flags=flags))


@dataclass(frozen=True)
class _Compared:
    """What is judged and in which columns. N trials, E judgements, S studies."""

    offsets: Int64  # [N + 1] trial -> its judgements
    report: Int64 | slice  # [E] the report of each judgement; a slice of all: one judgement each
    own: Float64  # [E] the own statistic; NaN where the trial's own course keeps it from judgement
    engine_own: Float64  # [E] the same as the kernels take it, see Plan.judged_own
    column: NDArray[np.int32]  # [E] where each judgement is made
    group: NDArray[np.int32]  # [E] see esim.simulator.kernels.arguments
    first: Int64  # [S + 1] study -> its columns
    cells: Cells


def prepare_batch(
    batch: Batch,
    rule: Rule,
    *,
    threads: int | None = None,
    first_completed: Sequence[FirstCompleted] | None = None,
) -> Plan:
    """The plan for replaying the studies of a batch under a rule, each by itself.

    Arguments and errors are those of `prepare`, but that a batch stands in place of the study. It
    holds one study only unless the rule is `batchable`.
    """
    study = batch.whole
    offsets, steps, values, row_of, unseen = _reports(study, rule)
    positions = _positions(study, rule, offsets, steps, row_of)
    oriented = values if study.direction == "minimize" else -values
    own = running(rule, rule.own, offsets, positions, oriented)
    peer = PeerStatistics(study, rule, offsets, positions, oriented, own)
    if rule.rungs == "none":
        found = _of_reports(batch, rule, own, peer, threads)
    else:
        found = _of_rungs(batch, rule, own, peer, threads, first_completed)
    if not isinstance(found.report, slice):
        row_of = found.report if row_of is None else row_of[found.report]
    oriented, cells = oriented[found.report], found.cells
    if rule.again != "never" and (failed := study.which(Status.FAILED)).any():
        cells = cells.stored_once(np.repeat(failed, np.diff(found.offsets)))
    cells.members[found.first[1:] - 1, STOPS] = 1
    curve, critical = _curves(rule, oriented)
    return Plan(
        batch=batch,
        rule=rule,
        values=oriented,
        own_statistic=own[found.report],
        own=found.own,
        row_of=row_of,
        members=cells.members,
        arrays=PlanArrays(
            rule=_criteria(rule, study, first_completed, len(cells.members)),
            offsets=found.offsets,
            own=found.engine_own,
            column=found.column,
            step=steps[found.report],
            group=found.group,
            made=NOTHING,
            flags=_flags(batch, rule, unseen),
            cell_offsets=cells.offsets,
            cell_column=cells.column,
            shown_by=cells.shown_by,
            # judgements that stop whatever the peers stand in a column of their own
            first_column=cells.first_column if found.column is cells.column else NOTHING,
            universe=cells.universe,
            end_column=cells.end_column,
            end_statistic=cells.end_statistic,
            critical=critical,
        ),
        statistic=cells.statistic,
        rank=cells.rank,
        end_rank=cells.end_rank,
        curve=curve,
        first_completed=first_completed,
    )


def _of_reports(
    batch: Batch, rule: Rule, own: Float64, peer: PeerStatistics, threads: int | None
) -> _Compared:
    """What is judged where every report is a judgement."""
    study, offsets, positions, oriented = batch.whole, peer.offsets, peer.positions, peer.oriented
    judged = None
    every = gates_are_open(rule) and rule.against == "peers"
    if every and rule.nan != "missing":  # no two reports share a step, as they may a second
        every = positions.dtype == np.int64 and not np.isnan(own).any()
    if not every:
        judged = judged_reports(rule, study, offsets, positions, oriented, own)
    columns = where.columns(offsets, positions, batch.trials)
    own_statistic, column, engine_own = own_statistics(
        rule, batch, offsets, positions, oriented, own, judged, columns
    )
    cells = cells_of_reports(rule, offsets, columns, peer, study.n_trials, threads)
    return _Compared(
        offsets, slice(None), own_statistic, engine_own, column, NOTHING, columns.first, cells
    )


def _of_rungs(
    batch: Batch,
    rule: Rule,
    own: Float64,
    peer: PeerStatistics,
    threads: int | None,
    first_completed: Sequence[FirstCompleted] | None,
) -> _Compared:
    """What is judged at rungs."""
    study, offsets, positions, oriented = peer.study, peer.offsets, peer.positions, peer.oriented
    rungs, n_columns = where.at_rungs(rule, batch, offsets, positions, oriented, first_completed)
    judged = None
    if rule.rungs == "standing":
        judged = judged_reports(rule, study, offsets, positions, oriented, own)[rungs.report]
    own_statistic, column, engine_own = own_statistics_at_rungs(
        rule, rungs, n_columns, own, oriented, judged
    )
    alone = len(rungs.group) == 0 or rungs.group.max() == 1
    return _Compared(
        rungs.offsets,
        rungs.report,
        own_statistic,
        engine_own,
        column,
        NOTHING if alone else rungs.group,
        np.array([0, n_columns + 1]),
        cells_of_rungs(rungs, n_columns, peer, threads),
    )


def _flags(batch: Batch, rule: Rule, unseen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """UNSEEN, COMPLETES, JOINS and ODD of each trial. bool [N, 4]"""
    study = batch.whole
    flags = np.zeros((study.n_trials, 4), dtype=np.bool_)
    # A running trial would have gone on: a stop at its last report does stop it.
    flags[:, UNSEEN] = unseen | study.which(Status.RUNNING)
    flags[:, COMPLETES] = completes(study)
    flags[:, JOINS] = _joins(study, rule)
    if len(batch) > 1:
        sizes = batch.sizes[batch.sizes > 0]
        flags[:, ODD] = np.repeat(np.arange(len(sizes)) % 2 == 1, sizes)
    return flags


def completes(study: Study) -> NDArray[np.bool_]:
    """Whether each trial, if it is not stopped, ends as completed. bool [N]"""
    return study.which(Status.UNKNOWN) | study.which(Status.COMPLETED)


def _joins(study: Study, rule: Rule) -> NDArray[np.bool_]:
    """Whether each trial, if it is not stopped, is a peer once it has ended. bool [N]"""
    if rule.pool == "completed":
        return completes(study)
    return ~study.which(Status.FAILED) | rule.failed_peers


def _reports(
    study: Study, rule: Rule
) -> tuple[Int64, Int64, Float64, Int64 | None, NDArray[np.bool_]]:
    """The rows that are reports to the rule, which may leave out NaN or all that is not finite.

    Returns:
        offsets [N + 1], trial -> its reports; the resource [R] and values [R] of the reports; the
        row of the study that each is [R], None if all are; and whether rows without a value follow
        the last report of each trial, bool [N].
    """
    present = None
    if rule.nan == "finite":
        present = np.isfinite(study.values)
    elif rule.nan == "missing":
        present = ~np.isnan(study.values)
    if present is None or present.all():
        return study.offsets, study.resource, study.values, None, np.zeros(study.n_trials, np.bool_)
    row_of = np.flatnonzero(present)
    offsets = np.concatenate(([0], np.cumsum(present)))[study.offsets]
    last_row = study.offsets[1:] - 1
    unseen = (study.lengths > 0) & ~present[np.maximum(last_row, 0)]
    return offsets, study.resource[row_of], study.values[row_of], row_of, unseen


def _positions(
    study: Study, rule: Rule, offsets: Int64, steps: Int64, row_of: Int64 | None
) -> NDArray[Any]:
    """Where each report stands on the rule's axis. [R]"""
    if rule.match == "number":
        number = np.arange(1, len(steps) + 1, dtype=np.int64)
        return number - np.repeat(offsets[:-1], np.diff(offsets))
    if rule.axis == "seconds" and study.elapsed is not None:
        return study.elapsed if row_of is None else study.elapsed[row_of]
    return steps


def _curves(rule: Rule, oriented: Float64) -> tuple[Float64 | None, Float64]:
    """The curves [E] where whole ones are compared, else None, and a test's critical values."""
    if rule.against == "leader":
        return oriented, np.empty(0)
    if rule.against != "pairs":
        return None, np.empty(0)
    critical = np.empty(pairs.EXACT_TO + 1)
    pairs.critical_values(rule.p_value, np.empty(1276), critical)
    return oriented, critical


def _criteria(
    rule: Rule, study: Study, first_completed: Sequence[FirstCompleted] | None, columns: int
) -> Criteria:
    """The rule as the kernels read it; `columns`: how many there are, C."""
    method = METHODS[rule.method]
    if rule.method == "linear" and _from_worst(rule, study):
        method = MIRRORED
    return Criteria(
        reached=rule.pool == "reached",
        completed_only=rule.pool == "completed",
        include_self=bool(rule.include_self),
        exact=rule.match == "step",
        carry=rule.short == "carry",
        strict=bool(rule.strict),
        on_the_way=rule.on_the_way,
        leader=rule.against == "leader",
        plain=rule.plain,
        after_first=first_completed is not None and first_completed[0].opens is None,
        replaces=rule.rungs == "none",
        again_stopped=rule.again == "ended",
        from_stop=rule.peer_from == "stop",
        min_completed=int(rule.min_completed),
        method=method,
        least=max(int(rule.min_peers), 2) if rule.against == "pairs" else int(rule.min_peers),
        protect=int(rule.protect),
        consecutive=int(rule.consecutive),
        protect_leaders=int(rule.protect_leaders),
        smooth=int(rule.smooth),
        # A column that no trial reaches has no members; neither has the last one.
        freezes=min(int(rule.min_reports), columns) if rule.frozen else 0,
        share=_share(rule, study),
        width=float(rule.tolerance if rule.strict else -rule.tolerance),
        warmup_share=float(rule.warmup_share),
        progress_from=float(rule.progress_from),
        progress_to=float(rule.progress_to),
        checkpoints=float(rule.checkpoints),
        most_variance=float(rule.most_variance),
        gap=float(rule.slack_amount),
        protect_share=float(rule.protect_share),
        p_value=float(rule.p_value),
    )


def _share(rule: Rule, study: Study) -> float:
    """The share of the peers that the rule's method takes, as `kernels.peers` understands it."""
    if rule.method == "reduction":
        return float(rule.reduction)
    share = rule.quantile if rule.rungs == "none" else 1.0 / rule.reduction
    if rule.method == "linear" and _from_worst(rule, study):
        # To percent and back, as the rule's source does when it calls NumPy's percentile.
        if rule.rungs == "none":
            share = (100.0 - share * 100.0) / 100.0
        else:
            share = (1.0 - share) * 100.0 / 100.0
    return float(share)


def _from_worst(rule: Rule, study: Study) -> bool:
    """Whether the peer's percentile counts from the worst value."""
    return rule.frame == "worst first" or (
        rule.frame == "as recorded" and study.direction == "maximize"
    )
