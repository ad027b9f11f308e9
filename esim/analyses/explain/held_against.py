"""What a trial was compared with at each of its reports, found by replaying what happened again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from esim.assumptions import Clock, Costs
from esim.simulator.plan.plan import Plan
from esim.simulator.run import OrderRun, run_once
from esim.study import Float64


@dataclass(frozen=True)
class Peers:
    """The peers at each judgement of one trial. J judgements; values as the study has them.

    Attributes:
        count: float64 [J], how many peers there were.
        threshold: float64 [J], the rule's threshold, also where the trial was not judged; NaN with
            too few peers.
        low: float64 [J], the lower of two of the peers' statistics between which the middle half
            of them lies; NaN without peers.
        high: float64 [J], the higher of the two.
    """

    count: Float64
    threshold: Float64
    low: Float64
    high: Float64


def peers_of(plan: Plan, clock: Clock, costs: Costs, run: OrderRun, trial: int) -> Peers:
    """The peers of a trial in a run in which it was the probe.

    The run is replayed with its stops prescribed, so that every trial is shown to its peers as it
    was then, and with the thresholds of other quantiles.

    Args:
        plan: the plan of the run.
        clock, costs: those of the run.
        run: the run.
        trial: the trial's position in the study.
    """
    mine = plan.judgements(trial)
    own = np.full(len(plan.values), np.nan)
    own[mine] = 0.0  # judged at every report: any value will do
    # A stopped trial is worse than anything at the report that decided its stop, and only there.
    own[(plan.first + run.decided)[run.stopped]] = np.inf

    def ask(asked: Plan) -> tuple[Float64, Float64]:
        trace = run_once(asked, clock, costs, probe=trial, traced=True).trace[mine]
        # A judgement that stops whatever the peers has no threshold.
        return np.where(plan.stops(mine), np.nan, trace[:, 0]), trace[:, 1]

    threshold, count = ask(plan.scripted(own))
    low, _ = ask(plan.scripted(own, 0.25, "lower", min_peers=1))
    high, _ = ask(plan.scripted(own, 0.75, "higher", min_peers=1))
    return Peers(count, threshold, np.minimum(low, high), np.maximum(low, high))
