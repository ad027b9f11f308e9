"""The same forecast with one thing changed: trials, workers, the rule's reading, its caution.

All variants replay the same samples, so what differs between them is the change.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from esim.analyses.estimate.ask import Ask
from esim.analyses.estimate.forecast import clock_of
from esim.assumptions import Clock
from esim.errors import EsimError
from esim.results.estimate import Alternative
from esim.results.forecast import Estimate
from esim.rules import READINGS, Reading
from esim.simulator.caveats import never_stops

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


def smaller(ask: Ask, studies: int) -> Ask:
    """The same question with a variant's number of replicates."""
    return ask.beside(SAMPLES, studies)


def over_trials(ask: Ask, longest: int, studies: int) -> list[Ask]:
    """The question for other numbers of trials, up to twice those of the longest past study."""
    numbers = sorted({n for n in _TRIALS if n <= 2 * longest} | {ask.trials})
    return [_changed(ask, studies, trials=trials) for trials in numbers]


def over_workers(ask: Ask, studies: int) -> list[Ask]:
    """The question for other numbers of workers."""
    numbers = sorted({n for n in _WORKERS if n <= ask.trials} | {ask.clock.workers})
    return [_changed(ask, studies, clock=clock_of(workers)) for workers in numbers]


def over_readings(
    ask: Ask, studies: int, readings: Sequence[Reading] = READINGS
) -> list[tuple[Reading, Ask]]:
    """The question under each reading that a new job can have, and that is not the rule's own."""
    found = []
    for reading in readings:
        if reading.clock == "recorded":
            continue
        rule = ask.rule.with_columns(**reading.columns)
        clock = Clock("order") if reading.clock == "order" else ask.clock
        if reading.columns and rule == ask.rule:
            continue
        if reading.clock is not None and clock == ask.clock:
            continue
        found.append((reading, _changed(ask, studies, rule=rule, clock=clock)))
    return found


@dataclass(frozen=True)
class Cautious:
    """A more cautious rule.

    Attributes:
        columns: of the rule that are changed.
        words: that say so.
        ask: the question of a job under it.
    """

    columns: Mapping[str, Any]
    words: str
    ask: Ask


def more_cautious(ask: Ask, studies: int) -> list[Cautious]:
    """Rules that are more cautious, where there are such."""
    if never_stops(ask.rule):
        return []
    found = []
    for columns, words in _CAUTIOUS:
        try:
            rule = ask.rule.with_columns(**columns)
        except EsimError:  # not every rule has every column
            continue
        if all(getattr(rule, name) <= getattr(ask.rule, name) for name in columns):
            continue
        found.append(
            Cautious(columns, words, smaller(dataclasses.replace(ask, rule=rule), studies))
        )
    return found


def alternatives(
    plain: Estimate, others: Iterable[tuple[Cautious, Estimate]]
) -> Iterator[Alternative]:
    """More cautious rules that keep the best clearly oftener at nearly the same saving.

    Args:
        plain: the estimate of the rule itself, from as many replays as those of the others.
        others: more cautious rules, each with its estimate.
    """
    for one, found in others:
        if _better(found, plain):
            yield Alternative(changed=one.columns, text=one.words, headline=found.headline)


def _changed(ask: Ask, studies: int, **changes: Any) -> Ask:
    """The question with something changed, and fewer replicates; the question itself as it is."""
    other = dataclasses.replace(ask, **changes)
    return ask if other == ask else smaller(other, studies)


def _better(found: Estimate, plain: Estimate) -> bool:
    chances = found.probability_best_kept, plain.probability_best_kept
    if chances[0] is None or chances[1] is None or chances[0] < chances[1] + OFTENER:
        return False
    name = "steps_saved_fraction"
    return found.median(name) >= NEARLY * plain.median(name) > 0
