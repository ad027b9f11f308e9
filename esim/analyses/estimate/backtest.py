"""Forecasts compared with what happened: on parts of one past study, and on whole studies."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from esim.analyses.estimate.answers import Answer
from esim.analyses.estimate.ask import Ask
from esim.analyses.estimate.doubts import needed
from esim.analyses.estimate.forecast import forecast
from esim.analyses.estimate.past_numbers import FRACTIONS
from esim.analyses.estimate.past_study import LEAST
from esim.analyses.estimate.samples import Samples, play
from esim.results.backtest import Backtest, BacktestRow, BestKept
from esim.results.estimate import LeftOut
from esim.results.forecast import Estimate
from esim.simulator.plan.build import prepare
from esim.study import Study
from esim.study.facts import reporting

SPLITS = 100
_SAMPLES = 100  # replays of each forecast
_ROWS = (*FRACTIONS.values(), "degradation_normalized")


def backtest(
    study: Study,
    ask: Ask,
    seed: int,
    confidence: float,
    splits: int = SPLITS,
    advance: Callable[[], None] = lambda: None,
) -> Backtest:
    """Split a study's trials into past and future many times, and count what intervals covered.

    The future takes as many trials as are asked for, but at most half. Splits overlap, so the
    coverage is known less well than from as many separate studies.

    Args:
        study: the study.
        ask: what is asked of it.
        seed: of the splits and the forecasts.
        confidence: of the intervals.
        splits: how many.
        advance: called after each split.
    """
    n = len(reporting(study))
    upcoming = min(ask.trials, n // 2)
    past = n - upcoming
    if past < LEAST or upcoming < 1:
        need = 2 * max(LEAST, needed(confidence))
        return Backtest(
            0, past, upcoming, confidence, (), None, False, need,
            f"{n} trials cannot be split into a past and a future; {need} would do",
        )  # fmt: skip
    found = list(_splits(study, ask, seed, confidence, past, splits, advance))
    rows = tuple(row for name in _ROWS if (row := _row(name, found)) is not None)
    chances = [split.best_kept for split in found if split.best_kept is not None]
    mean = np.mean(chances, axis=0) if chances else None
    enough, need = past >= needed(confidence) and bool(rows), needed(confidence) + upcoming
    return Backtest(
        splits=splits,
        past=past,
        next=upcoming,
        confidence=confidence,
        rows=rows,
        best_kept=None if mean is None else BestKept(float(mean[0]), float(mean[1])),
        enough=enough,
        trials_needed=None if enough else need,
        text=_text(rows, past, upcoming, splits, confidence, enough, need),
    )


@dataclass(frozen=True)
class _Split:
    """One split: the forecast from its past trials, compared with what its others did.

    Attributes:
        intervals: number -> whether its interval held what happened, and the interval's width;
            without the numbers that are unknown.
        best_kept: the forecast chance that the best is kept, and 1 or 0 for whether it was; None
            if one of them is unknown.
    """

    intervals: Mapping[str, tuple[bool, float]]
    best_kept: tuple[float, float] | None


def _splits(
    study: Study,
    ask: Ask,
    seed: int,
    confidence: float,
    past: int,
    splits: int,
    advance: Callable[[], None],
) -> Iterator[_Split]:
    """Splits of a study into `past` trials and the others; each has its own child of the seed."""
    known = reporting(study)
    n = len(known)
    small = dataclasses.replace(ask.beside(_SAMPLES, 1), trials=n - past)
    plan = prepare(study, ask.rule, threads=ask.threads)
    for i in range(splits):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, i)))
        order = known[rng.permutation(n)]
        before, after = np.sort(order[:past]), order[past:]
        if ask.launch == "recorded":
            after = np.sort(after)
        found = forecast([study], small, seed + i, confidence, [before])
        (happened,) = play(plan, ask.clock, ask.costs, ask.ends, [after[None]], threads=ask.threads)
        intervals = {}
        for name, value in _values(happened).items():
            low, high = found.interval(name)
            if not np.isnan([low, high, value]).any():
                intervals[name] = _within(value, low, high), high - low
        kept = float(happened.outcomes.best_kept[0])
        chance = found.probability_best_kept
        yield _Split(intervals, None if chance is None or np.isnan(kept) else (chance, kept))
        advance()


def _row(name: str, found: Sequence[_Split]) -> BacktestRow | None:
    """How often intervals of a number held it, and their mean width; None if never known."""
    known = [split.intervals[name] for split in found if name in split.intervals]
    if not known:
        return None
    inside, widths = zip(*known, strict=True)
    return BacktestRow(name, float(np.mean(inside)), float(np.mean(widths)))


def _text(
    rows: Sequence[BacktestRow], past: int, upcoming: int, splits: int, confidence: float,
    enough: bool, need: int,
) -> str:  # fmt: skip
    asked = f"{100 * confidence:g} %"
    if not rows:
        return "nothing could be forecast from parts of this history"
    found = (
        f"forecast from {past} of the trials, the saved share of steps of the other {upcoming} "
        f"fell inside its {asked} interval in {100 * rows[0].covered:.0f} % of {splits} splits"
    )
    if enough:
        return found
    return f"{found}; {past} past trials are too few to vouch for {asked}: {need} in all would do"


def _values(happened: Samples) -> dict[str, float]:
    return {name: float(getattr(happened.outcomes, name)[0]) for name in _ROWS}


def _within(value: float, low: float, high: float) -> bool:
    slack = 1e-9 * max(
        abs(low), abs(high), 1.0
    )  # for rounding: the same number may come out of two sums
    return low - slack <= value <= high + slack


def left_out_ask(ask: Ask, trials: int, studies: int) -> Ask:
    """What the others of so many studies are asked of one with so many trials."""
    return dataclasses.replace(ask, trials=trials).beside(_SAMPLES, max(studies - 1, 1))


def left_out(one: Answer, ask: Ask, found: Estimate) -> LeftOut:
    """One study, forecast from the others, and what happened in its own launch order.

    Args:
        one: what the study answers.
        ask: what the others were asked.
        found: their estimate.
    """
    share, kept = one.happened
    around = found.around("steps_saved_fraction")
    inside = None
    if around is not None and around.low is not None and around.high is not None:
        inside = _within(share, around.low, around.high) if np.isfinite(share) else None
    return LeftOut(
        study=one.facts.name,
        trials=ask.trials,
        forecast=around,
        happened=share if np.isfinite(share) else None,
        inside=inside,
        probability_best_kept=found.probability_best_kept,
        best_kept=None if np.isnan(kept) else bool(kept),
    )
