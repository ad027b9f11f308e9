"""The same forecast with one thing changed: trials, workers, the rule's reading, its caution.

All variants replay the same samples, so what differs between them is the change.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from esim.analyses.estimate.ask import Ask
from esim.analyses.estimate.forecast import clock_of, forecast
from esim.assumptions import Clock
from esim.errors import EsimError
from esim.results.estimate import Alternative, Headline, ReadingForecast
from esim.results.forecast import Estimate
from esim.rules import READINGS, Reading
from esim.simulator.caveats import never_stops
from esim.simulator.distinct import distinct_readings
from esim.study import Study
from esim.study.facts import reporting

SAMPLES = 300  # replicates of a variant; as many jobs as 3 of 10 tell what becomes of the best
_TRIALS = (5, 10, 20, 50, 100, 200, 500, 1000)
_WORKERS = (1, 2, 4, 8, 16, 32, 64)
# Columns that make the rule more cautious, each with its words.
_CAUTIOUS = (
    ({"min_reports": 6}, "a warm-up of 5 reports"),
    ({"warmup_share": 0.25}, "a warm-up of a quarter of a job"),
    ({"min_peers": 5}, "at least 5 peers"),
    ({"min_peers": 10}, "at least 10 peers"),
)
# When a more cautious rule is named as an alternative.
NEARLY, OFTENER = 0.8, 0.1  # share of the saving; difference of the chances to keep the best


def smaller(ask: Ask) -> Ask:
    """The same question with a variant's number of replicates."""
    return ask.of_few(min(ask.draws, SAMPLES))


def over_trials(
    past: Sequence[Study], ask: Ask, seed: int, confidence: float, asked: Headline
) -> Iterator[Headline]:
    """The forecast for other numbers of trials, up to twice those of the longest past study.

    `asked` is the forecast that is known already; it takes its place among the others.
    """
    longest = max(len(reporting(study)) for study in past)
    for trials in sorted({n for n in _TRIALS if n <= 2 * longest} | {ask.trials}):
        other = dataclasses.replace(ask, trials=trials)
        yield asked if other == ask else _headline(past, other, seed, confidence)


def over_workers(
    past: Sequence[Study], ask: Ask, seed: int, confidence: float, asked: Headline
) -> Iterator[Headline]:
    """The forecast for other numbers of workers; `asked` as in `over_trials`."""
    for workers in sorted({n for n in _WORKERS if n <= ask.trials} | {ask.clock.workers}):
        other = dataclasses.replace(ask, clock=clock_of(workers))
        yield asked if other == ask else _headline(past, other, seed, confidence)


def over_readings(
    past: Sequence[Study],
    ask: Ask,
    seed: int,
    confidence: float,
    asked: Headline,
    readings: bool | Sequence[Reading] = True,
) -> Iterator[ReadingForecast]:
    """The forecast under each reading that a new job can have.

    `asked` as in `over_trials`; `readings`: those to forecast, or all plausible ones of the
    documentation.
    """
    if readings is True:
        which: Sequence[Reading] = READINGS
    else:
        which = distinct_readings(past, ask.rule, readings or (), ask.clock)
    for reading in which:
        if reading.clock == "recorded":
            continue
        changed = dataclasses.replace(ask, rule=ask.rule.with_columns(**reading.columns))
        if reading.clock == "order":
            changed = dataclasses.replace(changed, clock=Clock("order"))
        if reading.columns and changed.rule == ask.rule:
            continue
        if reading.clock is not None and changed.clock == ask.clock:
            continue
        yield ReadingForecast(
            code=reading.code,
            question=reading.question,
            reading=reading.answer,
            parameters=reading.columns,
            headline=asked if changed == ask else _headline(past, changed, seed, confidence),
        )


def alternatives(
    past: Sequence[Study], ask: Ask, seed: int, confidence: float
) -> Iterator[Alternative]:
    """More cautious rules that keep the best clearly oftener at nearly the same saving."""
    if never_stops(ask.rule):
        return
    ask = smaller(ask)
    plain = forecast(past, ask, seed, confidence)
    for columns, words in _CAUTIOUS:
        try:
            rule = ask.rule.with_columns(**columns)
        except EsimError:  # not every rule has every column
            continue
        if all(getattr(rule, name) <= getattr(ask.rule, name) for name in columns):
            continue
        found = forecast(past, dataclasses.replace(ask, rule=rule), seed, confidence)
        if _better(found, plain):
            yield Alternative(changed=columns, text=words, headline=found.headline)


def _better(found: Estimate, plain: Estimate) -> bool:
    chances = found.probability_best_kept, plain.probability_best_kept
    if chances[0] is None or chances[1] is None or chances[0] < chances[1] + OFTENER:
        return False
    name = "steps_saved_fraction"
    return found.median(name) >= NEARLY * plain.median(name) > 0


def _headline(past: Sequence[Study], ask: Ask, seed: int, confidence: float) -> Headline:
    return forecast(past, smaller(ask), seed, confidence).headline
