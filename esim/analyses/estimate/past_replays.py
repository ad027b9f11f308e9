"""One past study, replayed many times as jobs of some of its trials.

A forecast is computed from these replays and from nothing else.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from esim.analyses.estimate.ask import Ask
from esim.analyses.estimate.past_study import PastStudy
from esim.analyses.estimate.samples import Launch, Samples, play
from esim.analyses.estimate.winners import Winners, replay_winners
from esim.study import Float64, Int64
from esim.study.facts import cut_short
from esim.study.times import durations

LEAST = 4  # trials; fewer cannot be split into halves that differ
_ORDERS, _SHARED_ORDERS = 6, 4  # launch orders of each half of the trials


@dataclass(frozen=True)
class PastReplays:
    """The replays of one past study.

    Attributes:
        n: trials of the study that count as past.
        effective: how many they are, counted by their seconds: (sum)^2 / sum of squares.
        m: trials of the next job.
        launch: how samples were launched.
        workers: of the clock.
        main: R jobs of min(m, n) trials.
        half: jobs of n // 2 trials: sets of trials, each in `orders` launch orders.
        orders: launch orders of each set of `half`.
        winners: jobs of m trials whose best is known, from which it is told what becomes of the
            best: jobs of all past trials always hold the same best one, and the next job's best
            will be another. None: too few trials, or too many more are asked for.
        degradation_known: whether no trial that counts had been cut short.
    """

    n: int
    effective: float
    m: int
    launch: Launch
    workers: int
    main: Samples
    half: Samples
    orders: int
    winners: Winners | None
    degradation_known: bool


def replay_past_study(past: PastStudy, ask: Ask) -> PastReplays | None:
    """Replay a study's trials as jobs of several sizes.

    Args:
        past: the study.
        ask: what is asked of it.

    Returns:
        None if fewer than `LEAST` trials count as past.
    """
    study, n = past.study, len(past.places)
    if n < LEAST:
        return None
    plan = past.plan(ask.rule)

    def replayed(what: Hashable, orders: Int64, by_position: bool = False) -> Samples:
        its = ask.clock, ask.costs, ask.ends, orders
        return past.once(
            (what, ask.rule, ask.clock, ask.costs, ask.ends, ask.launch),
            lambda: play(plan, *its, by_position=by_position, threads=past.threads),
        )

    orders = _SHARED_ORDERS if ask.shared else _ORDERS
    if ask.launch == "recorded":
        orders = 1
    size = min(ask.trials, n)
    return PastReplays(
        n=n,
        effective=_effective(durations(study)[past.places]),
        m=ask.trials,
        workers=ask.clock.workers,
        launch=ask.launch,
        # Of jobs of all trials it is told where in a job is saved, for jobs of more.
        main=replayed(("main", size, ask.samples), past.jobs(ask), by_position=size == n),
        half=replayed(("half", ask.sets_of_half, ask.shared), past.halves(ask, orders)),
        orders=orders,
        winners=replay_winners(past, ask),
        degradation_known=not cut_short(study).any(),
    )


def _effective(seconds: Float64) -> float:
    """Trials that count by their seconds, as so many that take equally long; at least 2."""
    squares = float((seconds**2).sum())
    return max(float(seconds.sum()) ** 2 / squares, 2.0) if squares > 0 else float(len(seconds))
