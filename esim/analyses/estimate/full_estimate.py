"""The full estimate: the forecast, its variants, its checks and the advice."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from esim.analyses.estimate.advice import MAX_DEGRADATION, MIN_SAVING, advise
from esim.analyses.estimate.answers import Answer, answers
from esim.analyses.estimate.ask import Ask
from esim.analyses.estimate.backtest import SPLITS, backtest, left_out, left_out_ask
from esim.analyses.estimate.budget import same_cost
from esim.analyses.estimate.forecast import combined
from esim.analyses.estimate.variants import (
    Cautious,
    alternatives,
    more_cautious,
    over_readings,
    over_trials,
    over_workers,
    smaller,
)
from esim.analyses.workers.by_study import Studies, spread
from esim.analyses.workers.finished import FinishedParts
from esim.results.estimate import Alternative, Headline, ReadingForecast
from esim.results.forecast import Estimate
from esim.results.replay import Caveat
from esim.rules import READINGS, Reading, share
from esim.simulator.distinct import distinct_readings
from esim.study.facts import Facts

# Is told the name of a part, how much of it is done, and of how much; None: nobody knows.
PartProgress = Callable[[str, int, int | None], None]
_SAME_COST_UNKNOWN = Caveat(
    "same_cost_unknown",
    "how many more trials the saving pays for cannot be told: what a job of so many trials saves "
    "is not known, as where samples keep the launch order and no longer job can be forecast",
)
_LEFT_OUT = 25  # studies that are forecast from the others, at most


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


@dataclass(frozen=True)
class _Questions:
    """What is asked beside the forecast.

    Attributes:
        plain: the question itself, with as many replays as the cautious rules have.
        trials, workers, readings, cautious: with something changed, see `variants`.
        left_out: position of a study -> what the others are asked of it.
    """

    plain: Ask
    trials: list[Ask]
    workers: list[Ask]
    readings: list[tuple[Reading, Ask]]
    cautious: list[Cautious]
    left_out: Mapping[int, Ask]

    @classmethod
    def of(cls, ask: Ask, known: Mapping[int, Facts], readings: Sequence[Reading]) -> _Questions:
        """The questions to some studies: position -> what is known of the study."""
        n, trials = len(known), {at: study.trials_reporting for at, study in known.items()}
        those = [list(trials)[place] for place in spread(n, min(n, _LEFT_OUT))] if n > 1 else []
        return cls(
            plain=smaller(ask, n),
            trials=over_trials(ask, max(trials.values()), n),
            workers=over_workers(ask, n),
            readings=over_readings(ask, n, readings),
            cautious=more_cautious(ask, n),
            left_out={at: left_out_ask(ask, trials[at], n) for at in those if trials[at]},
        )

    @property
    def all(self) -> tuple[Ask, ...]:
        """Each question once."""
        readings, cautious = (a for _, a in self.readings), (one.ask for one in self.cautious)
        asks = self.plain, *self.trials, *self.workers, *readings, *cautious
        return tuple(dict.fromkeys((*asks, *self.left_out.values())))


class _Telling:
    """Tells how much of a part is done, from its beginning on; from any thread."""

    def __init__(self, progress: PartProgress | None, part: str, of: int | None = None) -> None:
        self._progress, self._part, self._of = progress, part, of
        self._done = count(1)
        if progress is not None:
            progress(part, 0, of)

    def advance(self) -> None:
        """One more is done."""
        if self._progress is not None:
            self._progress(self._part, next(self._done), self._of)


def full_estimate(
    past: Studies,
    known: Sequence[Facts],
    ask: Ask,
    seed: int,
    confidence: float,
    wanted: Wanted,
    progress: PartProgress | None = None,
    parts: FinishedParts | None = None,
) -> Estimate:
    """The estimate with its variants, checks and advice.

    Each study is asked everything at once. What stands beside the forecast is from `Ask.held` of
    them, spread evenly.

    Args:
        past: the studies.
        known: the facts of each.
        ask: what is asked of them.
        seed: of all samples.
        confidence: of the intervals.
        wanted: what to add to the forecast.
        progress: told of each part how much of it is done.
        parts: as of `Studies.each`, of what the studies answer.
    """
    places = spread(len(past), min(ask.held, len(past)))
    readings: Sequence[Reading] = READINGS if wanted.readings is True else wanted.readings or ()
    if readings and wanted.readings is not True:
        readings = distinct_readings(past.some(places), ask.rule, readings, ask.clock)
    of_places = {past.positions[place]: known[place] for place in places}
    questions = _Questions.of(ask, of_places, readings)
    beside = dict.fromkeys(of_places, questions.all)
    past.take_first(beside)
    every = _answers(past, ask, beside, seed, progress, parts)
    some = [one for one in every if one.position in beside]
    found = combined(every, ask, seed, confidence, past)

    def of_some(question: Ask, answers: Sequence[Answer] = some) -> Estimate:
        return combined(answers, question, seed, confidence)

    def headline(question: Ask) -> Headline:
        return (found if question == ask else of_some(question)).headline

    more: dict[str, Any] = {}
    others: tuple[Alternative, ...] = ()
    if any(quantity is not None for quantity in found.quantities.values()):
        more["by_trials"] = tuple(map(headline, questions.trials))
        more["by_workers"] = tuple(map(headline, questions.workers))
        more["readings"] = tuple(
            ReadingForecast(r.code, r.question, r.answer, r.columns, headline(question))
            for r, question in questions.readings
        )
        cautious = [(one, of_some(one.ask)) for one in questions.cautious]
        if cautious:
            others = tuple(alternatives(of_some(questions.plain), cautious))
        more["leave_one_out"] = tuple(
            left_out(one, question, of_some(question, [two for two in some if two is not one]))
            for one in some
            if (question := questions.left_out.get(one.position)) is not None
        )
        if wanted.same_cost:
            _Telling(progress, "same cost")
            more["same_cost"] = same_cost(past.some(places), ask, seed, confidence)
    if wanted.same_cost and more.get("same_cost") is None:
        more["warnings"] = (*found.warnings, _SAME_COST_UNKNOWN)
    if wanted.backtest:
        telling = _Telling(progress, "backtest", SPLITS)
        longest = int(np.argmax([study.trials_reporting for study in known]))
        more["backtest"] = backtest(
            past.some([longest])[0], ask, seed, confidence, advance=telling.advance
        )
    advice = advise(found, wanted.min_saving, wanted.max_degradation, others, more.get("backtest"))
    return dataclasses.replace(found, **more, advice=advice)


def _answers(
    past: Studies,
    ask: Ask,
    beside: Mapping[int, Sequence[Ask]],
    seed: int,
    progress: PartProgress | None,
    parts: FinishedParts | None,
) -> list[Answer]:
    """What each study answers to the question, and some of them to those beside it."""
    asked = sum(len({ask, *beside.get(at, ())}) for at in past.positions)
    telling = _Telling(progress, "forecasting", asked if past.here else len(past))

    def units_done(studies: int) -> None:
        for _ in range(0 if past.here else studies):
            telling.advance()

    tell = telling.advance if past.here else None
    work = partial(answers, (ask,), beside, seed, past.threads, None, tell)
    return past.in_lots(work, units_done, parts)
