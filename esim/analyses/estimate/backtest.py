"""Forecasts held against what happened: the user's own trials, and the user's own studies."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from esim.analyses.estimate.doubts import needed
from esim.analyses.estimate.forecast import forecast
from esim.analyses.estimate.past_numbers import FRACTIONS
from esim.analyses.estimate.past_replays import LEAST, Ask
from esim.analyses.estimate.samples import Samples, play
from esim.results.estimate import Backtest, BacktestRow, Estimate, LeftOut
from esim.simulator.plan.build import prepare
from esim.study import Int64, Study

SPLITS = 100
_SAMPLES = 100
_ROWS = (*FRACTIONS.values(), "degradation_normalized")


def backtest(
    study: Study,
    ask: Ask,
    seed: int,
    confidence: float,
    splits: int = SPLITS,
    advance: Callable[[], None] = lambda: None,
) -> Backtest:
    """Split a study's trials into past and future many times, and count what was covered.

    The future takes as many trials as are asked for, but at most half. Splits overlap, so the
    coverage is known less well than that of as many separate studies.
    """
    n = study.n_trials
    upcoming = min(ask.trials, n // 2)
    past = n - upcoming
    if past < LEAST or upcoming < 1:
        need = 2 * max(LEAST, needed(confidence))
        return Backtest(
            0, past, upcoming, confidence, (), None, False, need,
            f"{n} trials cannot be split into a past and a future; {need} would do",
        )  # fmt: skip
    small = dataclasses.replace(ask.of_few(_SAMPLES), trials=upcoming)
    prepared = prepare(study, ask.rule, threads=ask.threads)
    inside: dict[str, list[bool]] = {name: [] for name in _ROWS}
    widths: dict[str, list[float]] = {name: [] for name in _ROWS}
    chances: list[tuple[float, float]] = []
    for i in range(splits):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, i)))
        order = rng.permutation(n)
        before, after = np.sort(order[:past]), order[past:]
        if ask.launch == "recorded":
            after = np.sort(after)
        found = forecast([study], small, seed + i, confidence, [before])
        happened = play(prepared, ask.clock, ask.costs, ask.final, after[None], threads=ask.threads)
        for name, value in _values(happened).items():
            low, high = found.interval(name)
            if np.isfinite([low, high, value]).all():
                inside[name].append(_within(value, low, high))
                widths[name].append(high - low)
        kept = float(happened.outcomes.best_kept[0])
        if found.probability_best_kept is not None and not np.isnan(kept):
            chances.append((found.probability_best_kept, kept))
        advance()
    rows = tuple(
        BacktestRow(name, float(np.mean(inside[name])), float(np.mean(widths[name])))
        for name in _ROWS
        if inside[name]
    )
    mean = np.mean(chances, axis=0) if chances else None
    enough, need = past >= needed(confidence) and bool(rows), needed(confidence) + upcoming
    return Backtest(
        splits=splits,
        past=past,
        next=upcoming,
        confidence=confidence,
        rows=rows,
        best_kept=None if mean is None else (float(mean[0]), float(mean[1])),
        enough=enough,
        trials_needed=None if enough else need,
        text=_text(rows, past, upcoming, splits, confidence, enough, need),
    )


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
    slack = 1e-9 * max(abs(low), abs(high), 1.0)  # the same number by two sums
    return low - slack <= value <= high + slack


def leave_one_out(
    past: Sequence[Study], ask: Ask, seed: int, confidence: float, step: int = 1
) -> Iterator[LeftOut]:
    """Each study, or every `step`-th, forecast from the others, beside what happened in its own
    launch order."""
    for i, study in list(enumerate(past))[::step]:
        others = [other for j, other in enumerate(past) if j != i]
        if study.n_trials == 0 or not others:
            continue
        found = forecast(
            others,
            dataclasses.replace(ask.of_few(_SAMPLES), trials=study.n_trials),
            seed,
            confidence,
        )
        yield _left_out(study, ask, found)


def _left_out(study: Study, ask: Ask, found: Estimate) -> LeftOut:
    order: Int64 = np.arange(study.n_trials)
    happened = play(
        prepare(study, ask.rule, threads=ask.threads), ask.clock, ask.costs, ask.final, order[None],
        threads=ask.threads,
    )  # fmt: skip
    share = _values(happened)["steps_saved_fraction"]
    around = found.around("steps_saved_fraction")
    inside = None
    if around is not None and around.low is not None and around.high is not None:
        inside = _within(share, around.low, around.high) if np.isfinite(share) else None
    kept = float(happened.outcomes.best_kept[0])
    return LeftOut(
        study=study.name,
        trials=study.n_trials,
        forecast=around,
        happened=share if np.isfinite(share) else None,
        inside=inside,
        probability_best_kept=found.probability_best_kept,
        best_kept=None if np.isnan(kept) else bool(kept),
    )
