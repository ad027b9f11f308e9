"""Choose the rule that saves most within an accepted loss, and judge that choice on other data.

A rule chosen on the data that it is judged on looks better than it is. So the choice is repeated on
a part of the record and judged on the rest: on studies held out together (cross-validation), or
with one study on halves of its trials. The mean of that is honest. Its interval is that of the
chosen rule's mean over other studies (`esim.analyses.compare.other_studies`); halves of one study
have none, because they cannot tell what another study gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from esim.analyses.compare.contestants import Contestant, Field
from esim.analyses.compare.other_studies import elsewhere, studies_needed
from esim.analyses.compare.spreads import MeanIntervals, share, usable
from esim.analyses.compare.statistics import mean_of_all, pick
from esim.analyses.compare.study_replays import LOSS, StudyReplays, ranked_number
from esim.analyses.compare.trial_halves import trial_halves
from esim.results.comparison.comparison import (
    Candidate,
    Choice,
    Elsewhere,
    HeldOut,
    InSample,
    Mean,
    Picked,
    Settings,
    Share,
)
from esim.study import Float64, Int64, Study

_LEAVE_ONE_OUT = 20  # studies; more than this are held out in groups
_GROUPS = 10
# Divides a study into pairs of parts: a rule is chosen on one part and judged on the other.
DividesStudy = Callable[[Study], list[tuple[Study, Study]]]


@dataclass(frozen=True)
class Case:
    """One study's numbers of R contestants, in each launch order or their mean over them.

    Attributes:
        saved: float64 [R, C], the fraction saved; C = launch orders, or 1 for their mean.
        change: float64 [R, C], the normalized degradation, signed.
        loss: float64 [R, C], the same, 0 where it is a gain.
        kept: float64 [R, C], whether the best trial is kept (0 or 1), or how often.
        within: float64 [R, C], whether the loss is accepted (0 or 1), or how often.
        orders: launch orders of the study.
    """

    saved: Float64
    change: Float64
    loss: Float64
    kept: Float64
    within: Float64
    orders: int

    def of(self, r: int) -> Case:
        """One contestant's numbers, float64 [1, C] each; `r`: its position."""
        row = slice(r, r + 1)
        return Case(
            self.saved[row],
            self.change[row],
            self.loss[row],
            self.kept[row],
            self.within[row],
            self.orders,
        )


@dataclass(frozen=True)
class _StudyMeans:
    """S studies.

    Attributes:
        saved: float64 [S, R], each contestant's mean over launch orders of the fraction saved.
        change: float64 [S, R], the same of the normalized degradation, signed; NaN = unknown.
        loss: float64 [S, R], the same of the normalized loss.
        cases: each study's numbers.
    """

    saved: Float64
    change: Float64
    loss: Float64
    cases: tuple[Case, ...]


def folds(studies: int, rng: np.random.Generator) -> list[Int64]:
    """Which studies are held out together: each alone, or ten groups if there are more than 20.

    Args:
        studies: how many there are.
        rng: where the permutation comes from.

    Returns:
        Positions of the studies of each group, ascending.
    """
    shuffled = rng.permutation(studies)
    groups = studies if studies <= _LEAVE_ONE_OUT else _GROUPS
    return [np.sort(part) for part in np.array_split(shuffled, groups)]


@np.errstate(over="ignore", invalid="ignore")  # means are infinite, and NaN of both infinities
def choose(
    replayed: Sequence[StudyReplays],
    field: Field,
    settings: Settings,
    means: MeanIntervals,
    replay_parts: Callable[
        [StudyReplays, Sequence[Contestant], DividesStudy], Sequence[StudyReplays]
    ],
) -> Choice | None:
    """Choose a contestant, and judge the choice on data that it was not made on.

    Args:
        replayed: every study under every contestant.
        field: the contestants.
        settings: of the comparison.
        means: how means get intervals.
        replay_parts: replays parts of a study, which a function makes of it, as the whole was.

    Returns:
        None if no study has both a known amount saved and a known degradation.
    """
    saved, accepted = ranked_number(settings), settings.max_degradation
    rows = np.array(field.ranked, dtype=np.int64)
    told = [one for one in replayed if usable(one, saved)]
    if not told or not len(rows):
        return None
    whole = _study_means(told, rows, saved)
    beyond = None
    chosen = pick(whole.saved.mean(axis=0), whole.loss.mean(axis=0), accepted)
    rng = np.random.default_rng(np.random.SeedSequence(means.seed, spawn_key=(0, 2)))
    few = [field.contestants[r] for r in field.ranked]
    if len(told) > 1:
        groups = folds(len(told), rng)
        n_folds, repeats = len(groups), 1
        picked, outcomes = _over_studies(whole, groups, accepted)
        best = field.ranked[chosen]
        beyond = elsewhere(told, field.ranked, best, saved, accepted, means)
    else:
        halves = replay_parts(told[0], few, lambda study: trial_halves(study, rng))
        n_folds, repeats = 2, len(halves) // 2
        tables = [
            _study_means([one], np.arange(len(few)), saved) if usable(one, saved) else None
            for one in halves
        ]
        picked, outcomes = _over_halves(tables, accepted)
    return Choice(
        max_degradation=accepted,
        by="studies" if len(told) > 1 else "trials",
        folds=n_folds,
        repeats=repeats,
        chosen=few[chosen].key,
        in_sample=_in_sample(whole, chosen),
        held_out=_held_out(outcomes, beyond, means.confidence),
        picked=_how_often(picked, few),
        candidates=tuple(_candidate(one.key, whole, at, accepted) for at, one in enumerate(few)),
        studies_needed=studies_needed(told, field.ranked, accepted, means),
    )


def _candidate(key: str, table: _StudyMeans, at: int, accepted: float) -> Candidate:
    loss = float(table.loss[:, at].mean())
    change = mean_of_all(table.change[:, at])
    return Candidate(key, float(table.saved[:, at].mean()), change, loss <= accepted, loss)


def _how_often(picked: Sequence[int], few: Sequence[Contestant]) -> tuple[Picked, ...]:
    """How often each contestant was picked, the most often picked first."""
    times = {at: picked.count(at) for at in sorted(set(picked))}
    return tuple(
        Picked(few[at].key, n) for at, n in sorted(times.items(), key=lambda item: -item[1])
    )


def _study_means(replayed_studies: Sequence[StudyReplays], rows: Int64, saved: str) -> _StudyMeans:
    cases = tuple(
        Case(
            saved=p.orders.of(saved)[rows],
            change=p.orders.of("degradation_normalized")[rows],
            loss=p.orders.of(LOSS)[rows],
            kept=p.orders.of("best_kept")[rows],
            within=p.orders.of("within")[rows],
            orders=p.orders.orders,
        )
        for p in replayed_studies
    )
    return _StudyMeans(
        saved=np.stack([case.saved.mean(axis=1) for case in cases]),
        change=np.stack([case.change.mean(axis=1) for case in cases]),
        loss=np.stack([case.loss.mean(axis=1) for case in cases]),
        cases=cases,
    )


def _over_studies(
    table: _StudyMeans, parts: Sequence[Int64], accepted: float
) -> tuple[list[int], list[Case]]:
    """Who is picked without each group of studies, and what it gives on every held-out study."""
    picked: list[int] = []
    outcomes: dict[int, Case] = {}
    for held in parts:
        train = np.setdiff1d(np.arange(len(table.cases)), held)
        best = pick(table.saved[train].mean(axis=0), table.loss[train].mean(axis=0), accepted)
        picked.append(best)
        outcomes.update({int(s): table.cases[int(s)].of(best) for s in held})
    return picked, [outcomes[s] for s in sorted(outcomes)]


def _over_halves(
    tables: Sequence[_StudyMeans | None], accepted: float
) -> tuple[list[int], list[Case]]:
    """Who is picked on each half, and what it gives on the other half of the pair.

    Halves stand in pairs, 2 k and 2 k + 1; None where saved or lost is unknown.
    """
    picked, outcomes = [], []
    for at, train in enumerate(tables):
        test = tables[at ^ 1]
        if train is not None and test is not None:
            picked.append(pick(train.saved[0], train.loss[0], accepted))
            outcomes.append(test.cases[0].of(picked[-1]))
    return picked, outcomes


def _in_sample(table: _StudyMeans, chosen: int) -> InSample:
    return InSample(
        saved=float(table.saved[:, chosen].mean()),
        degradation_normalized=mean_of_all(table.change[:, chosen]),
        best_kept=float(np.mean([case.kept[chosen].mean() for case in table.cases])),
        within=float(np.mean([case.within[chosen].mean() for case in table.cases])),
        loss_normalized=float(table.loss[:, chosen].mean()),
    )


def _held_out(
    outcomes: Sequence[Case], beyond: Elsewhere | None, confidence: float
) -> HeldOut | None:
    """What the choice gives where it was not made, with the chosen one's intervals elsewhere."""
    if not outcomes:
        return None

    def mean(name: str, values: Sequence[Float64]) -> Mean:
        found = mean_of_all(np.array([mean_of_all(v) for v in values]))
        return Mean(found, *_around(found, beyond, name))

    def often(name: str, values: Sequence[Float64]) -> Share:
        found = share(np.concatenate(values), outcomes[0].orders, confidence)
        assert found is not None
        low, high = _around(found.share, beyond, name)
        return replace(found, low=low, high=high)

    return HeldOut(
        saved=mean("saved", [case.saved for case in outcomes]),
        degradation_normalized=mean("degradation_normalized", [case.change for case in outcomes]),
        best_kept=often("best_kept", [case.kept for case in outcomes]),
        within=often("within", [case.within for case in outcomes]),
        loss_normalized=mean(LOSS, [case.loss for case in outcomes]),
    )


def _around(found: float, beyond: Elsewhere | None, name: str) -> tuple[float | None, float | None]:
    """The interval elsewhere of the number of that name, wider where a held-out mean is outside."""
    if beyond is None:
        return None, None
    about: Mean = getattr(beyond, name)
    low = None if about.low is None else min(about.low, found)
    return low, None if about.high is None else max(about.high, found)
