"""The whole answer: the forecast, its variants, its checks and the advice."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from esim.errors import EsimError
from esim.estimate import forecast
from esim.estimate.advice import MAX_DEGRADATION, MIN_SAVING, advise
from esim.estimate.backtest import backtest, leave_one_out
from esim.estimate.budget import same_cost
from esim.estimate.histories import Ask
from esim.estimate.records import Backtest, Estimate
from esim.estimate.variants import alternatives, over_readings, over_trials, over_workers
from esim.study import Study

Item = TypeVar("Item")


@dataclass(frozen=True)
class Wanted:
    """What to add to the forecast."""

    readings: bool = False
    same_cost: bool = False
    backtest: bool = False
    min_saving: float = MIN_SAVING
    max_degradation: float = MAX_DEGRADATION

    def __post_init__(self) -> None:
        if not 0.0 <= self.min_saving <= 1.0:
            raise EsimError(f"min_saving cannot be {self.min_saving!r}", fix="a share, 0 to 1")
        if not self.max_degradation >= 0.0:
            raise EsimError(
                f"max_degradation cannot be {self.max_degradation!r}",
                fix="at least 0, such as 0.05",
            )


def survey(
    past: tuple[Study, ...],
    ask: Ask,
    seed: int,
    confidence: float,
    wanted: Wanted,
    tell: Callable[[str], None] = lambda _: None,
) -> Estimate:
    """The estimate with its variants, checks and advice; `tell` hears what is under way."""

    def told(what: str, items: Iterable[Item]) -> tuple[Item, ...]:
        tell(what)
        return tuple(items)

    asked = past, ask, seed, confidence
    tell("forecasting")
    found = forecast(*asked)
    if all(quantity is None for quantity in found.quantities.values()):
        test = _tested(past, ask, seed, confidence) if wanted.backtest else None
        advice = advise(found, wanted.min_saving, wanted.max_degradation)
        return dataclasses.replace(found, advice=advice, backtest=test)
    by_trials = told("other numbers of trials", over_trials(*asked, found.headline))
    by_workers = told("other numbers of workers", over_workers(*asked, found.headline))
    readings = told("readings", over_readings(*asked)) if wanted.readings else ()
    others = told("more cautious rules", alternatives(*asked))
    left_out = told("studies left out", leave_one_out(*asked)) if len(past) > 1 else ()
    tell("same cost")
    more = same_cost(*asked) if wanted.same_cost else None
    tell("backtest")
    test = _tested(past, ask, seed, confidence) if wanted.backtest else None
    return dataclasses.replace(
        found,
        by_trials=by_trials,
        by_workers=by_workers,
        readings=readings,
        same_cost=more,
        leave_one_out=left_out,
        backtest=test,
        advice=advise(found, wanted.min_saving, wanted.max_degradation, others),
    )


def _tested(past: tuple[Study, ...], ask: Ask, seed: int, confidence: float) -> Backtest:
    longest = max(past, key=lambda study: study.n_trials)
    return backtest(longest, ask, seed, confidence)
