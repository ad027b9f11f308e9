"""The decisions of a replay as columns: one row for each judgement of a report that was made."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.assumptions import Clock, Costs
from esim.rules import Rule
from esim.simulator.plan.build import prepare
from esim.simulator.plan.plan import Plan
from esim.simulator.run import OrderRun, run_once, with_first_completed
from esim.study import Study


def decisions(
    study: Study,
    rule: Rule,
    clock: Clock,
    costs: Costs,
    *,
    order: NDArray[np.int64] | None = None,
    rows: NDArray[np.int64] | None = None,
) -> dict[str, Any]:
    """The decisions of a replay as columns, a row for every judgement that was made.

    Args:
        study: the recorded trials.
        rule: the rule.
        clock: who counts as previous.
        costs: startup and stop overheads, in seconds, where the clock has times.
        order: int64, the trials that start, in launch order; None: all.
        rows: int64 [N], no decision behind so many reports of each trial; None: all that are made.

    Raises:
        EsimError: as for `prepare`.

    >>> import esim
    >>> study = esim.Study.from_arrays([[1.0, 1.0], [2.0, 2.0]], "minimize")
    >>> decisions(study, esim.rule("sagemaker"), Clock("order", 1), Costs())["stop"].tolist()
    [False, False, True]
    """
    plan = with_first_completed(prepare(study, rule), clock, costs, order)
    run = run_once(plan, clock, costs, order=order, traced=True)
    if rows is not None:
        counts = np.diff(plan.arrays.offsets)
        row = np.arange(counts.sum()) if plan.row_of is None else plan.row_of
        behind = row >= np.repeat(study.offsets[:-1] + rows, counts)
        run.trace[behind] = np.nan
    return decision_columns(plan, run, slice(None))


def decision_columns(plan: Plan, run: OrderRun, which: slice) -> dict[str, Any]:
    """The decisions of a traced run as columns, a row for every judgement that was made.

    Args:
        plan: the plan of the run.
        run: a run that was `traced`.
        which: the judgements [E] that are looked at.
    """
    study = plan.study
    sign = study.sign
    trial = np.repeat(np.arange(study.n_trials), np.diff(plan.arrays.offsets))[which]
    peers, threshold = run.trace[which, 1], run.trace[which, 0]
    reached = ~np.isnan(peers)
    stop = run.trace[which, 2] >= plan.rule.consecutive
    alone = plan.stops(which)
    return {
        "trial": [study.trials[i] for i in trial[reached]],
        "step": plan.steps[which][reached],
        "value": sign * plan.values[which][reached],
        "own": sign * plan.own[which][reached],
        "threshold": np.where(alone, np.nan, threshold)[reached],
        "peers": peers[reached].astype(np.int64),
        "stop": stop[reached],
    }
