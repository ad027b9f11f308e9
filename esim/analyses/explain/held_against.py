"""What a trial was held against at each of its reports: the same replay, asked other questions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from esim.assumptions import Clock, Costs
from esim.simulator.plan.plan import Plan
from esim.simulator.run import Run, run_once
from esim.study import Float64


@dataclass(frozen=True)
class Peers:
    """The peers at each report of one trial, with values as the study has them. [reports] each

    Attributes:
        count: how many.
        threshold: the rule's threshold, also where the trial was not judged; NaN with too few.
        low, high: two of the peers' statistics with the middle half between them; NaN without.
    """

    count: Float64
    threshold: Float64
    low: Float64
    high: Float64


def peers_of(plan: Plan, clock: Clock, costs: Costs, run: Run, trial: int) -> Peers:
    """The peers of a trial in a run in which it was the probe.

    Replays with the run's stops as a script, so that every trial is shown to the peers as it was,
    and with another quantile asked for.
    """
    mine = plan.judgements(trial)
    own = np.full(len(plan.values), np.nan)
    own[mine] = 0.0  # judged at every report: any value will do
    # A stopped trial is worse than anything at the report that decided its stop, and only there.
    own[(plan.first + run.decided)[run.stopped]] = np.inf

    def ask(asked: Plan) -> tuple[Float64, Float64]:
        trace = run_once(asked, clock, costs, probe=trial, traced=True).trace[mine]
        # At the last column stands nothing to compare with.
        return np.where(plan.stops(mine), np.nan, trace[:, 0]), trace[:, 1]

    threshold, count = ask(plan.scripted(own))
    low, _ = ask(plan.scripted(own, 0.25, "lower", min_peers=1))
    high, _ = ask(plan.scripted(own, 0.75, "higher", min_peers=1))
    return Peers(count, threshold, np.minimum(low, high), np.maximum(low, high))
