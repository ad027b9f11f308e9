"""What past studies answer to the questions of a forecast."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from esim.analyses.estimate.ask import Ask
from esim.analyses.estimate.past_numbers import PastNumbers, past_numbers
from esim.analyses.estimate.past_replays import replay_past_studies
from esim.analyses.estimate.past_study import PastStudies, PastStudy, replayed_together
from esim.simulator.plan.ranking import in_threads
from esim.study import Int64, Study
from esim.study.facts import Facts, facts

_LARGE = 1_000_000  # trials of the replays of a study; 8 MB for a column of them


@dataclass(frozen=True)
class Answer:
    """What one past study answers.

    Attributes:
        position: of the study among all.
        facts: of the study.
        trials: how many of its trials count as past.
        numbers: what each question learns from it; None if it has too few trials.
        happened: the share of steps saved in its own launch order, and whether its best trial is
            kept there, 1 or 0; NaN = unknown.
    """

    position: int
    facts: Facts
    trials: int
    numbers: Mapping[Ask, PastNumbers | None]
    happened: tuple[float, float]


def answers(
    asks: Sequence[Ask],
    beside: Mapping[int, Sequence[Ask]],
    seed: int,
    threads: int | None,
    parts: Sequence[Int64] | None,
    asked: Callable[[], None] | None,
    positions: Sequence[int],
    studies: Sequence[Study],
) -> list[Answer]:
    """Ask studies several questions at once.

    Args:
        asks: what every study is asked; what happened is of the first.
        beside: position of a study -> what it is asked beyond that.
        seed: of the samples; each study has its own child of it.
        threads: of a replay.
        parts: as of `forecast`.
        asked: called after each question to each study; only for work in this process.
        positions: of the studies among all.
        studies: the studies.
    """
    past = [
        PastStudy(
            study,
            np.random.SeedSequence(seed, spawn_key=(position,)),
            None if parts is None else parts[position],
        )
        for position, study in zip(positions, studies, strict=True)
    ]
    questions = [tuple(dict.fromkeys((*asks, *beside.get(at, ())))) for at in positions]
    cores = threads or os.cpu_count() or 1
    made: dict[int, Answer] = {}
    for places in replayed_together(past, questions):
        # Kernels run in several threads, and most of what is between them does not: with a question
        # for each thread, kernels run while other numbers are added up. Of large studies kernels
        # take most of the time, and what is added up most of the memory.
        its = questions[places[0]]
        large = sum(studies[at].n_trials for at in places) * asks[0].samples > _LARGE
        at_once = 1 if large else min(cores, len(its))
        lot = PastStudies([past[at] for at in places], cores // at_once)
        numbers = _numbers(lot, its, at_once, asked)
        told = any(positions[at] in beside for at in places)
        happened = _happened(lot, asks[0]) if told else [(np.nan, np.nan)] * len(places)
        for i, at in enumerate(places):
            known = facts(studies[at])
            trials = known.trials_reporting if parts is None else len(parts[positions[at]])
            own = happened[i] if positions[at] in beside else (np.nan, np.nan)
            made[at] = Answer(positions[at], known, trials, numbers[i], own)
    return [made[at] for at in range(len(past))]


def _numbers(
    lot: PastStudies, asks: Sequence[Ask], at_once: int, asked: Callable[[], None] | None
) -> list[dict[Ask, PastNumbers | None]]:
    """What each question learns from each study of a lot; so many questions at once."""
    found: list[dict[Ask, PastNumbers | None]] = [dict.fromkeys(asks) for _ in lot.each]

    def put(ask: Ask) -> None:
        for numbers, replays in zip(found, replay_past_studies(lot, ask), strict=True):
            numbers[ask] = None if replays is None else past_numbers(replays, ask)
            if asked is not None:
                asked()

    in_threads([partial(put, ask) for ask in asks], at_once)
    return found


def _happened(lot: PastStudies, ask: Ask) -> list[tuple[float, float]]:
    """`Answer.happened` of each study of a lot."""
    if not len(lot.each[0].places):  # a study without trials that count, which is by itself
        return [(np.nan, np.nan)]
    played = [samples.outcomes for samples in lot.as_launched(ask)]
    return [(float(own.steps_saved_fraction[0]), float(own.best_kept[0])) for own in played]
