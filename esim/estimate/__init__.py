"""What to expect of the next tuning job with a rule on, from past studies.

The method, its sources and how well its intervals hold: `esim.estimate.widen` and
reports/calibration.md.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import get_args

import numpy as np

from esim.clocks import Clock, last_row, side_by_side
from esim.costs import Costs
from esim.errors import EsimError
from esim.estimate.advice import advise
from esim.estimate.doubts import doubts
from esim.estimate.histories import Ask, History, replay_history
from esim.estimate.quantities import probability_best_kept, quantities
from esim.estimate.records import Estimate, Next, Past
from esim.estimate.samples import Launch
from esim.replay import Final, check_final
from esim.rules import Rule
from esim.rules import rule as named_rule
from esim.study import Float64, Int64, Study

METHOD = {
    "text": (
        "Jobs of the past trials are drawn without repeats and replayed in random launch order. "
        "Their deviations from the mean are stretched to the variance of a job of new trials: "
        "what the launch order does, plus the sampling of the next trials, plus the sampling of "
        "the past ones. What becomes of the best is taken from jobs of all, half and a quarter of "
        "the past trials, because the next job's best is another trial."
    ),
    "sources": [
        "Hoeffding 1948, Annals of Mathematical Statistics 19:293",
        "Politis, Romano, Wolf 1999, Subsampling",
        "Nadeau, Bengio 2003, Machine Learning 52:239",
        "Hahn, Meeker 1991, Statistical Intervals",
    ],
    "assumes": [
        "the next trials come from where the past ones came from: same search space, same training",
        "trials are exchangeable, as under Random and Grid search",
    ],
}


def estimate(
    studies: Study | Sequence[Study],
    rule: str | Rule = "sagemaker",
    trials: int | None = None,
    workers: int | None = None,
    *,
    replicates: int = 1000,
    seed: int = 0,
    confidence: float = 0.9,
    costs: Costs | None = None,
    final: Final = "last",
    launch: Launch | None = None,
    threads: int | None = None,
) -> Estimate:
    """Forecast what a rule saves and loses in the next tuning job.

    Args:
        studies: one past study of the same problem, or several of the same kind; then the next job
            is of another study of that kind.
        rule: a preset's name, or a rule.
        trials: of the next job; default, as many as the past one (of several, the middle one).
        workers: its parallel jobs; default, the most that ran side by side in the past, 1 where
            the logs do not tell.
        replicates: replays of each past study.
        confidence: of `interval`; others can be asked of the same estimate.
        costs: seconds and money of a job beyond its training.
        final: a trial's final value is its "last" reported value, or its "best".
        launch: "shuffled", any launch order is as likely; "recorded", samples keep the order of
            the past, for searches that learn. Default: recorded where a study's notes say so.
        threads: default, the machine's cores; the result does not depend on it.

    Raises:
        EsimError: a number out of range, no study, or studies that differ in direction.
    """
    past, ask = settle(
        studies, rule, trials, workers, replicates, confidence, costs, final, launch, threads
    )
    found = forecast(past, ask, seed, confidence)
    return dataclasses.replace(found, advice=advise(found))


def settle(
    studies: Study | Sequence[Study],
    rule: str | Rule,
    trials: int | None,
    workers: int | None,
    replicates: int,
    confidence: float,
    costs: Costs | None,
    final: Final,
    launch: Launch | None,
    threads: int | None = None,
) -> tuple[tuple[Study, ...], Ask]:
    """The arguments of `estimate`, checked, and what they leave open settled by the studies."""
    past = (studies,) if isinstance(studies, Study) else tuple(studies)
    check_numbers(trials, workers, replicates, confidence, launch)
    check_final(final)
    _check(past)
    learns = any(note.code == "strategy_bayesian" for study in past for note in study.notes)
    return past, Ask(
        rule=named_rule(rule),
        trials=trials or max(int(np.median([study.n_trials for study in past])), 1),
        clock=clock_of(workers or max(side_by_side(study) for study in past)),
        costs=costs or Costs(),
        final=final,
        launch=launch or ("recorded" if learns else "shuffled"),
        samples=replicates,
        threads=threads,
    )


def forecast(
    past: Sequence[Study],
    ask: Ask,
    seed: int,
    confidence: float,
    parts: Sequence[Int64] | None = None,
) -> Estimate:
    """The estimate, from checked arguments.

    `parts`: the trials of each study that count as past, int64 [n] each; default, all.
    """
    of_study = parts if parts is not None else [None] * len(past)
    histories = []
    for i, (study, places) in enumerate(zip(past, of_study, strict=True)):
        child = np.random.SeedSequence(seed, spawn_key=(i,))
        histories.append(replay_history(study, ask, child, places))
    known = [history for history in histories if history is not None]
    lengths = [
        study.n_trials if p is None else len(p) for study, p in zip(past, of_study, strict=True)
    ]
    first = past[0]
    comparable = all(study.objective == first.objective for study in past)
    chance = probability_best_kept(known)
    found = Estimate(
        studies=tuple(_past(study) for study in past),
        objective=first.objective,
        direction=first.direction,
        rule=ask.rule,
        next=Next(ask.trials, ask.clock.workers, ask.launch),
        clock=ask.clock,
        costs=ask.costs,
        final=ask.final,
        confidence=confidence,
        replicates=ask.samples,
        seed=seed,
        quantities=quantities(known, comparable),
        probability_best_kept=chance and chance[0],
        probability_best_kept_interval=chance and _around(*chance, confidence),
        extrapolated=ask.trials / max(max(lengths), 1),
        scatter=_scatter(known),
        warnings=(),
        method=METHOD,
    )
    return dataclasses.replace(found, warnings=tuple(doubts(past, lengths, found)))


def clock_of(workers: int) -> Clock:
    """One trial after another, or side by side."""
    return Clock("simulated", workers) if workers > 1 else Clock("order")


def check_numbers(
    trials: int | None,
    workers: int | None,
    replicates: int,
    confidence: float,
    launch: str | None,
) -> None:
    """Raise EsimError for a number or word that cannot be asked for."""
    for name, value, least in (
        ("trials", trials, 1),
        ("workers", workers, 1),
        ("replicates", replicates, 100),
    ):
        if value is not None and (not isinstance(value, int) or value < least):
            raise EsimError(f"{name} cannot be {value!r}", fix=f"a whole number, at least {least}")
    if not 0.0 < confidence < 1.0:
        raise EsimError(f"confidence cannot be {confidence!r}", fix="between 0 and 1, such as 0.9")
    if launch is not None and launch not in get_args(Launch):
        raise EsimError(f"launch cannot be {launch!r}", fix="shuffled or recorded")


def _check(past: tuple[Study, ...]) -> None:
    if not past:
        raise EsimError("there is no past study to learn from")
    for study in past:
        study.validate()
    if len({study.direction for study in past}) > 1:
        raise EsimError(
            "the past studies are not of one kind: some minimize, others maximize",
            why=", ".join(f"{study.name!r} {study.direction}s" for study in past[:5]),
            fix="estimate from the studies of one kind",
        )


def _past(study: Study) -> Past:
    return Past(
        study=study.name,
        trials=study.n_trials,
        trials_censored=int(study.censored.sum()),
        objective=study.objective,
        direction=study.direction,
        steps_recorded=int(last_row(study, study.steps).sum()),
    )


def _around(chance: float, jobs: float, confidence: float) -> tuple[float, float]:
    """Wilson's score interval of a share seen in so many jobs. (JASA 22:209-212, 1927.)"""
    z = NormalDist().inv_cdf(0.5 + confidence / 2.0)
    centre = (chance + z * z / (2.0 * jobs)) / (1.0 + z * z / jobs)
    reach = math.sqrt(chance * (1.0 - chance) / jobs + z * z / (4.0 * jobs * jobs))
    reach *= z / (1.0 + z * z / jobs)
    return max(centre - reach, 0.0), min(centre + reach, 1.0)


def _scatter(histories: Sequence[History]) -> Float64:
    """Saved share, normalized degradation and best kept of the same replays. float64 [3, R]"""
    columns = []
    for history in histories:
        for block in (history.main, history.quarter):
            with np.errstate(divide="ignore", invalid="ignore"):
                saved = 1.0 - block.run["steps"] / block.recorded["steps"]
            lost = block.normalized if history.degradation_known else np.full(len(saved), np.nan)
            columns.append(np.stack([saved, lost, block.best_kept]))
    if not columns:
        return np.empty((3, 0))
    most = max(c.shape[1] for c in columns)
    turns = [c[:, i % c.shape[1]] for i in range(most) for c in columns]
    return np.stack(turns, axis=1)
