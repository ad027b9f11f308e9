"""Past studies, each replayed many times as jobs of some of its trials.

A forecast is computed from these replays and from nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from esim.analyses.estimate.ask import Ask
from esim.analyses.estimate.past_study import PastStudies
from esim.analyses.estimate.samples import Launch, Samples
from esim.analyses.estimate.winners import Winners, replay_winners
from esim.study import Float64
from esim.study.facts import cut_short
from esim.study.times import durations

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


def replay_past_studies(past: PastStudies, ask: Ask) -> list[PastReplays | None]:
    """Replay the trials of studies as jobs of several sizes.

    Args:
        past: the studies.
        ask: what is asked of them.

    Returns:
        The replays of each study; None if it has too few trials (`LEAST`), so is by itself.
    """
    if not past.enough:
        return [None] * len(past.each)
    plan = past.plan(ask.rule)
    sizes = [min(ask.trials, len(one.places)) for one in past.each]
    # Of jobs of all trials it is told where in a job is saved, for jobs of more.
    whole = [size == len(one.places) for one, size in zip(past.each, sizes, strict=True)]
    several = _SHARED_ORDERS if ask.shared else _ORDERS
    if ask.launch == "recorded":
        several = 1

    def replayed(what: Hashable, play: Callable[[], list[Samples]]) -> list[Samples]:
        return past.once((what, ask.rule, ask.clock, ask.costs, ask.ends, ask.launch), play)

    main = replayed(
        ("main", *sizes, ask.samples),
        lambda: past.play(plan, ask, [one.jobs(ask) for one in past.each], whole),
    )
    half = replayed(
        ("half", ask.sets_of_half, ask.shared),
        lambda: past.play(plan, ask, [one.halves(ask, several) for one in past.each]),
    )
    return [
        PastReplays(
            n=len(one.places),
            effective=_effective(durations(one.study)[one.places]),
            m=ask.trials,
            workers=ask.clock.workers,
            launch=ask.launch,
            main=main[at],
            half=half[at],
            orders=several,
            winners=winners,
            degradation_known=not cut_short(one.study).any(),
        )
        for at, (one, winners) in enumerate(zip(past.each, replay_winners(past, ask), strict=True))
    ]


def _effective(seconds: Float64) -> float:
    """Trials that count by their seconds, as so many that take equally long; at least 2."""
    squares = float((seconds**2).sum())
    return max(float(seconds.sum()) ** 2 / squares, 2.0) if squares > 0 else float(len(seconds))
