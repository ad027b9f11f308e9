"""What a trial was held against at each of its reports: the same replay, asked other questions."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from esim.assumptions import Clock, Costs
from esim.simulator.kernels import engine
from esim.simulator.kernels.peers import HIGHER, LOWER
from esim.simulator.plan.build import Prepared
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


def peers_of(prepared: Prepared, clock: Clock, costs: Costs, run: Run, trial: int) -> Peers:
    """The peers of a trial in a run in which it was the probe.

    Replays with the run's stops as a script, so that every trial is shown to the peers as it was,
    and with another quantile asked for.
    """
    arrays = prepared.arrays
    first = arrays["offsets"]
    own = np.full(len(prepared.values), np.nan)
    own[first[trial] : first[trial + 1]] = 0.0  # judged at every report: any value will do
    # A stopped trial is worse than anything at the report that decided its stop, and only there.
    own[(first[:-1] + run.decided)[run.stopped]] = np.inf

    def ask(share: float, method: int, least: int) -> tuple[Float64, Float64]:
        numbers, codes = arrays["numbers"].copy(), arrays["codes"].copy()
        numbers[engine.SHARE], numbers[engine.WARMUP_SHARE] = share, 0.0
        codes[engine.METHOD], codes[engine.LEAST] = method, least
        codes[engine.MIN_COMPLETED] = codes[engine.STRICT] = 0
        script = {**arrays, "own": own, "numbers": numbers, "codes": codes}
        asked = dataclasses.replace(prepared, arrays=script)
        trace = run_once(asked, clock, costs, probe=trial, traced=True).trace
        mine = trace[first[trial] : first[trial + 1]]
        # At the last place stands nothing to compare with.
        alone = prepared.stops(arrays["column"][first[trial] : first[trial + 1]])
        return np.where(alone, np.nan, mine[:, 0]), mine[:, 1]

    rule, codes = prepared.rule, arrays["codes"]
    threshold, count = ask(arrays["numbers"][engine.SHARE], codes[engine.METHOD], rule.min_peers)
    ends = np.stack([ask(0.25, LOWER, 1)[0], ask(0.75, HIGHER, 1)[0]])
    return Peers(count, threshold, ends.min(axis=0), ends.max(axis=0))
