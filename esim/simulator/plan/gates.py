"""What a trial's own course decides: which reports are judged, and which stop a trial."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from esim.rules import Rule
from esim.simulator.kernels import curves as shapes
from esim.study import Float64, Int64, Status, Study
from esim.study.batch import Batch

_PATIENCE = {
    "optuna": shapes.OPTUNA,
    "keras": shapes.KERAS,
    "xgboost": shapes.XGBOOST,
    "lightgbm": shapes.LIGHTGBM,
}


def gates_are_open(rule: Rule) -> bool:
    """Whether nothing in a trial's own course keeps a report from judgement."""
    return (
        rule.warmup_steps == 0
        and rule.interval == 1
        and rule.min_reports == 1
        and rule.judged == "every"
        and rule.patience < 0
    )


def judged_reports(
    rule: Rule,
    study: Study,
    offsets: Int64,
    positions: NDArray[np.generic],
    values: Float64,
    own: Float64,
) -> NDArray[np.bool_]:
    """Whether the trial's own course lets each report be judged. bool [R]

    Args:
        rule: its warm-up, interval, patience and least number of reports are what counts.
        study: what the direction is taken from.
        offsets: int64 [N + 1], trial -> its reports.
        positions: [R], where each report stands on the rule's axis.
        values: float64 [R], negated when maximizing.
        own: float64 [R], the own statistic of each report.
    """
    judged = np.ones(len(values), dtype=np.bool_)
    if rule.patience >= 0:
        shapes.impatient(
            _PATIENCE[rule.patience_of], rule.patience, float(rule.min_delta),
            study.direction == "maximize", offsets, values, judged,
        )  # fmt: skip
    # A report whose own statistic is NaN is judged only by a rule to which NaN means something.
    says = rule.nan in ("stop", "worst", "poison") or rule.against == "nothing"
    if not says:
        judged &= ~np.isnan(own)
    shapes.gate(
        rule.warmup_steps, rule.interval, rule.min_reports, rule.judged == "once",
        positions.dtype == np.int64, offsets, positions, judged,
    )  # fmt: skip
    return judged


def outside(rule: Rule, study: Study, own: Float64) -> NDArray[np.bool_]:
    """Whether each own statistic lies outside the rule's bounds; NaN does not. bool [R]"""
    raw = study.sign * own
    return (raw < rule.lower) | (raw > rule.upper)


def not_among_best(
    rule: Rule,
    batch: Batch,
    offsets: Int64,
    values: Float64,
    own: Float64,
    judged: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Whether a report's trial is not among the best of its study, known in hindsight. bool [R]

    Among equals the trial launched first is the better. By last or best value a failed trial is
    none of the best, as it has no model to keep. Arguments as for `judged_reports`, but a batch
    stands in place of the study; `judged`: what that returned.
    """
    study, n = batch.whole, batch.whole.n_trials
    score = np.full(n, np.nan)
    if rule.keep_by == "judged":
        owner = np.repeat(np.arange(n), np.diff(offsets))
        at = np.flatnonzero(judged)[::-1]
        score[owner[at]] = own[at]  # the first one stays
    else:
        value = values
        if rule.keep_by == "best":
            value = np.empty_like(values)
            zero = np.zeros(len(values), dtype=np.int64)
            shapes.statistic(shapes.BEST, 0, False, offsets, zero, values, value)
        has = np.diff(offsets) > 0
        score[has] = value[offsets[1:][has] - 1]
        score[study.which(Status.FAILED)] = np.nan
    scores = batch.table(score, np.nan)
    best = np.argsort(scores, axis=1, kind="stable")[:, : rule.keep]  # NaN comes last
    goes_on = np.zeros(n, dtype=np.bool_)
    known = ~np.isnan(np.take_along_axis(scores, best, axis=1))
    goes_on[(batch.trials[:-1, None] + best)[known]] = True
    return np.repeat(~goes_on, np.diff(offsets))
