"""Study + Rule -> the arrays the kernels run on, shared by any number of launch orders."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.rules import Rule
from esim.simulator.kernels import engine, pairs
from esim.simulator.kernels import peers as order_statistics
from esim.simulator.kernels.peers import STOPS
from esim.simulator.plan import columns as where
from esim.simulator.plan.cells import cells_of_reports, cells_of_rungs
from esim.simulator.plan.columns import NOTHING, Opening
from esim.simulator.plan.gates import gates_are_open, judged_reports
from esim.simulator.plan.plan import Prepared
from esim.simulator.plan.ranking import in_threads
from esim.simulator.plan.statistics import (
    PeerSide,
    final_values,
    own_sides,
    own_sides_at_rungs,
    running,
)
from esim.study import Float64, Int64, Status, Study
from esim.study.batch import Stack

__all__ = [
    "Opening",
    "Prepared",
    "final_values",
    "in_threads",
    "prepare",
    "prepare_stack",
    "stackable",
]

_METHOD = {
    "midpoint": order_statistics.MIDPOINT,
    "linear": order_statistics.LINEAR,
    "lower": order_statistics.LOWER,
    "higher": order_statistics.HIGHER,
    "reduction": order_statistics.REDUCTION,
    "rank": order_statistics.RANK,
    "portion": order_statistics.PORTION,
    "mean": order_statistics.MEAN,
}


def prepare(
    study: Study, rule: Rule, *, threads: int | None = None, opening: Opening | None = None
) -> Prepared:
    """The arrays for replaying a study through a row of the rule table.

    Args:
        threads: bounds the threads that rank columns (default: the machine's cores); the result
            does not depend on it.
        opening: what the first trials to complete settle, for a rule that waits for them.
    """
    return prepare_stack(Stack.of([study]), rule, threads=threads, opening=opening)


def stackable(rule: Rule) -> bool:
    """Whether studies can be prepared together: nothing but peers at places is of the study."""
    alone = rule.rungs != "none" or rule.short == "carry" or rule.against == "hindsight"
    return not alone and not rule.frozen


def prepare_stack(
    stack: Stack, rule: Rule, *, threads: int | None = None, opening: Opening | None = None
) -> Prepared:
    """The same for a stack, which holds one study only unless the rule is `stackable`."""
    study = stack.whole
    offsets, steps, values, row_of, unseen = _reports(study, rule)
    positions = _positions(study, rule, offsets, steps, row_of)
    oriented = values if study.direction == "minimize" else -values
    own = running(rule, rule.own, offsets, positions, oriented)
    peer = PeerSide(study, rule, offsets, positions, oriented)
    if rule.rungs == "none":
        judged = None
        if not gates_are_open(rule) or rule.nan != "missing" or rule.against != "peers":
            judged = judged_reports(rule, study, offsets, positions, oriented, own)
        columns = where.columns(rule.match, offsets, positions, stack.trials)
        first, group = columns.first, NOTHING
        own_side, place, engine_own = own_sides(
            rule, study, offsets, positions, oriented, own, judged, columns
        )
        cell_arrays, places = cells_of_reports(
            rule, offsets, columns, peer, study.n_trials, threads
        )
    else:
        rungs = where.at_rungs(rule, study, offsets, positions, oriented, opening)
        judged = None
        if rule.rungs == "standing":
            judged = judged_reports(rule, study, offsets, positions, oriented, own)[rungs.report]
        own_side, place, engine_own = own_sides_at_rungs(rule, rungs, own, peer, judged)
        cell_arrays, places = cells_of_rungs(rungs, peer, threads)
        first = np.array([0, rungs.n_columns + 1])
        row_of = rungs.report if row_of is None else row_of[rungs.report]
        offsets, group = rungs.offsets, rungs.group
        steps, oriented = steps[rungs.report], oriented[rungs.report]
        own = own[rungs.report]
        if len(group) == 0 or group.max() == 1:
            group = NOTHING
    status = study.status
    # A running trial would have gone on: a stop at its last report does stop it.
    unseen = unseen | (status == Status.RUNNING)
    completes = (status == Status.COMPLETED) | (status == Status.UNKNOWN)
    joins = completes if rule.pool == "completed" else (status != Status.FAILED) | rule.failed_peers
    opens = np.zeros(study.n_trials, dtype=np.bool_)
    if len(stack) > 1:
        opens[stack.trials[:-1][stack.sizes > 0]] = True
    places[first[1:] - 1, STOPS] = 1
    return Prepared(
        study=study,
        rule=rule,
        values=oriented,
        side=own,
        own=own_side,
        row_of=row_of,
        places=places,
        opening=opening,
        arrays={
            "offsets": offsets,
            "own": engine_own,
            "column": place,
            "step": steps,
            "group": group,
            "flags": np.stack([unseen, completes, joins, opens], axis=1),
            "codes": _codes(rule, study, opening, len(places)),
            "numbers": _numbers(rule, study),
            **_curves(rule, oriented),
            **cell_arrays,
        },
    )


def _reports(
    study: Study, rule: Rule
) -> tuple[Int64, Int64, Float64, Int64 | None, NDArray[np.bool_]]:
    """offsets, steps, values, each report's row, and whether rows beyond the last end a trial."""
    if rule.nan == "finite":
        present = np.isfinite(study.values)
    elif rule.nan == "missing":
        present = ~np.isnan(study.values)
    else:
        present = np.ones(study.n_reports, dtype=np.bool_)
    if present.all():
        return study.offsets, study.steps, study.values, None, np.zeros(study.n_trials, np.bool_)
    row_of = np.flatnonzero(present)
    offsets = np.concatenate(([0], np.cumsum(present)))[study.offsets]
    last_row = study.offsets[1:] - 1
    unseen = (np.diff(study.offsets) > 0) & ~present[np.maximum(last_row, 0)]
    return offsets, study.steps[row_of], study.values[row_of], row_of, unseen


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


def _curves(rule: Rule, oriented: Float64) -> dict[str, Float64 | None]:
    """What a test of whole curves needs."""
    if rule.against != "pairs":
        return {"curve": None, "critical": np.empty(0)}
    critical = np.empty(pairs.EXACT_TO + 1)
    pairs.critical_values(rule.p_value, np.empty(1276), critical)
    return {"curve": oriented, "critical": critical}


def _codes(rule: Rule, study: Study, opening: Opening | None, places: int) -> Int64:
    """The row's whole numbers for the kernels."""
    codes = np.zeros(14, dtype=np.int64)
    codes[engine.REACHED] = rule.pool == "reached"
    codes[engine.COMPLETED_ONLY] = rule.pool == "completed"
    codes[engine.INCLUDE_SELF] = rule.include_self
    codes[engine.EXACT] = rule.match == "step"
    codes[engine.CARRY] = rule.short == "carry"
    codes[engine.DELAY] = rule.delay
    codes[engine.MIN_COMPLETED] = rule.min_completed
    codes[engine.METHOD] = _METHOD[rule.method]
    if rule.method == "linear" and _from_worst(rule, study):
        codes[engine.METHOD] = order_statistics.MIRRORED
    codes[engine.LEAST] = rule.min_peers
    if rule.against == "pairs":
        codes[engine.LEAST] = max(rule.min_peers, 2)
    codes[engine.STRICT] = rule.strict
    codes[engine.AFTER_FIRST] = opening is not None and opening.opens is None
    # A place that no trial reaches has no members, as the last one.
    codes[engine.FREEZES] = min(rule.min_reports, places) if rule.frozen else 0
    codes[engine.REPLACES] = rule.rungs == "none"
    codes[engine.AGAIN_STOPPED] = rule.again == "ended"
    return codes


def _numbers(rule: Rule, study: Study) -> Float64:
    """The row's other numbers for the kernels."""
    numbers = np.zeros(4)
    numbers[engine.P_VALUE] = rule.p_value
    share = rule.quantile if rule.rungs == "none" else 1.0 / rule.reduction
    if rule.method == "linear" and _from_worst(rule, study):
        # In percent and back, as NumPy's percentile is asked.
        if rule.rungs == "none":
            share = (100.0 - share * 100.0) / 100.0
        else:
            share = (1.0 - share) * 100.0 / 100.0
    elif rule.method == "reduction":
        share = rule.reduction
    numbers[engine.SHARE] = share
    numbers[engine.WIDTH] = rule.tolerance if rule.strict else -rule.tolerance
    numbers[engine.WARMUP_SHARE] = rule.warmup_share
    return numbers


def _from_worst(rule: Rule, study: Study) -> bool:
    """Whether the peer's percentile counts from the worst value."""
    return rule.frame == "worst first" or (
        rule.frame == "as recorded" and study.direction == "maximize"
    )
