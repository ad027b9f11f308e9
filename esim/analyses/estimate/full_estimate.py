"""The full estimate: the forecast, its variants, its checks and the advice."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from esim.analyses.estimate.advice import MAX_DEGRADATION, MIN_SAVING, advise
from esim.analyses.estimate.ask import Ask
from esim.analyses.estimate.backtest import backtest, leave_one_out
from esim.analyses.estimate.budget import same_cost
from esim.analyses.estimate.forecast import forecast_from
from esim.analyses.estimate.variants import alternatives, over_readings, over_trials, over_workers
from esim.analyses.workers.by_study import MANY, Studies, spread
from esim.results.backtest import Backtest
from esim.results.estimate import ReadingForecast
from esim.results.forecast import Estimate
from esim.rules import Reading, share

Item = TypeVar("Item")
_STEP = 5  # of many studies, every fifth that is held in memory is forecast from the others


@dataclass(frozen=True)
class Wanted:
    """What to add to the forecast. Raises EsimError for a number out of range.

    Attributes:
        readings: the forecast under each plausible reading of SageMaker's documentation, or under
            each of these.
        same_cost: how many trials the rule pays for.
        backtest: how often the intervals hold on parts of a past study.
        min_saving, max_degradation: the aims of the advice, as in `advise`.
    """

    readings: bool | Sequence[Reading] = False
    same_cost: bool = False
    backtest: bool = False
    min_saving: float = MIN_SAVING
    max_degradation: float = MAX_DEGRADATION

    def __post_init__(self) -> None:
        share(self.min_saving, "min_saving")
        share(self.max_degradation, "max_degradation")


def full_estimate(
    past: Studies,
    ask: Ask,
    seed: int,
    confidence: float,
    wanted: Wanted,
    tell: Callable[[str], None] = lambda _: None,
    advance: Callable[[int], None] = lambda studies: None,
) -> Estimate:
    """The estimate with its variants, checks and advice.

    What stands beside the forecast is from as many studies as fit into memory (`Ask.held`).

    Args:
        past: the studies.
        ask: what is asked of them.
        seed: of all samples.
        confidence: of the intervals.
        wanted: what to add to the forecast.
        tell: called with the name of each part as it begins.
        advance: called with the number of studies that were replayed since the last call.
    """

    def told(what: str, items: Iterable[Item]) -> tuple[Item, ...]:
        tell(what)
        return tuple(items)

    tell("forecasting")
    found = forecast_from(past, ask, seed, confidence, tell=advance)

    def tested() -> Backtest:
        longest = int(np.argmax([study.history for study in found.studies]))
        return backtest(past.some([longest])[0], ask, seed, confidence)

    if all(quantity is None for quantity in found.quantities.values()):
        test = tested() if wanted.backtest else None
        advice = advise(found, wanted.min_saving, wanted.max_degradation, test=test)
        return dataclasses.replace(found, advice=advice, backtest=test)
    some = past.some(spread(len(past), min(ask.held, len(past))))
    asked = some, ask, seed, confidence
    by_trials = told("other numbers of trials", over_trials(*asked, found.headline))
    by_workers = told("other numbers of workers", over_workers(*asked, found.headline))
    readings: tuple[ReadingForecast, ...] = ()
    if wanted.readings:
        readings = told("readings", over_readings(*asked, found.headline, wanted.readings))
    others = told("more cautious rules", alternatives(*asked))
    step = 1 if len(past) <= MANY else _STEP
    left_out = told("studies left out", leave_one_out(*asked, step)) if len(past) > 1 else ()
    tell("same cost")
    more = same_cost(*asked) if wanted.same_cost else None
    tell("backtest")
    test = tested() if wanted.backtest else None
    return dataclasses.replace(
        found,
        by_trials=by_trials,
        by_workers=by_workers,
        readings=readings,
        same_cost=more,
        leave_one_out=left_out,
        backtest=test,
        advice=advise(found, wanted.min_saving, wanted.max_degradation, others, test),
    )
