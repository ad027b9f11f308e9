"""What one past study answers to the questions of a forecast."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from esim.analyses.estimate.ask import Ask
from esim.analyses.estimate.past_numbers import PastNumbers, past_numbers
from esim.analyses.estimate.past_replays import replay_past_study
from esim.analyses.estimate.past_study import PastStudy
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


def answer(
    asks: Sequence[Ask],
    beside: Mapping[int, Sequence[Ask]],
    seed: int,
    threads: int | None,
    parts: Sequence[Int64] | None,
    asked: Callable[[], None] | None,
    position: int,
    study: Study,
) -> Answer:
    """Ask one study several questions at once.

    Args:
        asks: what every study is asked; what happened is of the first.
        beside: position of a study -> what it is asked beyond that.
        seed: of the samples; the study has its own child of it.
        threads: of a replay.
        parts: as of `forecast`.
        asked: called after each question; only for work in this process.
        position: of the study among all.
        study: the study.
    """
    child = np.random.SeedSequence(seed, spawn_key=(position,))
    questions = list(dict.fromkeys((*asks, *beside.get(position, ()))))
    # Kernels run in several threads, and most of what is between them does not: with a question for
    # each thread, kernels run while other numbers are added up. Of a large study kernels take most
    # of the time, and what is added up most of the memory.
    cores = threads or os.cpu_count() or 1
    large = study.n_trials * asks[0].samples > _LARGE
    at_once = 1 if large else min(cores, len(questions))
    past = PastStudy(study, child, None if parts is None else parts[position], cores // at_once)
    numbers: dict[Ask, PastNumbers | None] = dict.fromkeys(questions)

    def put(ask: Ask) -> None:
        replays = replay_past_study(past, ask)
        numbers[ask] = None if replays is None else past_numbers(replays, ask)
        if asked is not None:
            asked()

    in_threads([partial(put, ask) for ask in questions], at_once)
    known = facts(study)
    trials = known.trials_reporting if parts is None else len(parts[position])
    happened = np.nan, np.nan
    if position in beside and len(past.places):
        own = past.as_launched(asks[0]).outcomes
        happened = float(own.steps_saved_fraction[0]), float(own.best_kept[0])
    return Answer(position, known, trials, numbers, happened)
