"""Choosing the rule that saves most within a loss, on one part of the record; told on the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from esim.analyses.compare.contestants import Contestant
from esim.analyses.compare.halves import halves
from esim.analyses.compare.play import Played
from esim.analyses.compare.spreads import Means, share, usable
from esim.analyses.compare.statistics import interval, pick
from esim.results.comparison.comparison import Candidate, Choice, HeldOut, InSample, Mean, Picked
from esim.study import Float64, Int64, Study

_LEAVE_ONE_OUT = 20  # more studies than this are held out in groups
_GROUPS = 10
Halves = Callable[[Study], list[tuple[Study, Study]]]


@dataclass(frozen=True)
class Case:
    """One study's numbers of R contestants, by launch order or on average over them, [R, C] each.

    Attributes:
        kept, within: whether the best trial is kept and the loss accepted, or how often.
        orders: launch orders of the study.
    """

    saved: Float64
    loss: Float64
    kept: Float64
    within: Float64
    orders: int

    def of(self, r: int) -> Case:
        """One contestant's, [1, C] each."""
        row = slice(r, r + 1)
        return Case(self.saved[row], self.loss[row], self.kept[row], self.within[row], self.orders)


@dataclass(frozen=True)
class _Table:
    """Of each study, R contestants' means over orders, float64 [S, R], and its case."""

    saved: Float64
    loss: Float64
    cases: tuple[Case, ...]


def folds(studies: int, rng: np.random.Generator) -> list[Int64]:
    """Which studies are held out together: one by one, or in ten groups if there are many."""
    shuffled = rng.permutation(studies)
    groups = studies if studies <= _LEAVE_ONE_OUT else _GROUPS
    return [np.sort(part) for part in np.array_split(shuffled, groups)]


def choose(
    played: Sequence[Played],
    contestants: Sequence[Contestant],
    ranked: Sequence[int],
    saved: str,
    accepted: float,
    means: Means,
    replayed: Callable[[Played, Sequence[Contestant], Halves], Sequence[Played]],
) -> Choice | None:
    """The choice, its numbers in sample and held out; None if nothing can be told.

    Over studies where several have a known degradation, else over halves of the one's trials.

    Args:
        replayed: replays parts of a study, which a function makes of it, as the whole was.
    """
    rows = np.array(ranked, dtype=np.int64)
    told = [p for p in played if usable(p, saved)]
    if not told or not len(rows):
        return None
    whole = _table(told, rows, saved)
    chosen = pick(whole.saved.mean(axis=0), whole.loss.mean(axis=0), accepted)
    rng = np.random.default_rng(np.random.SeedSequence(means.seed, spawn_key=(0, 2)))
    if len(told) > 1:
        parts = folds(len(told), rng)
        n_folds, repeats = len(parts), 1
        picked, outcomes = _over_studies(whole, parts, accepted)
    else:
        few = [contestants[r] for r in ranked]
        parts_played = replayed(told[0], few, lambda study: halves(study, rng))
        n_folds, repeats = 2, len(parts_played) // 2
        tables = [
            _table([p], np.arange(len(few)), saved) if usable(p, saved) else None
            for p in parts_played
        ]
        picked, outcomes = _over_halves(tables, accepted)
    names = [contestants[r].key for r in ranked]
    times = {at: picked.count(at) for at in sorted(set(picked))}
    return Choice(
        max_degradation=accepted,
        by="studies" if len(told) > 1 else "trials",
        folds=n_folds,
        repeats=repeats,
        chosen=names[chosen],
        in_sample=_in_sample(whole, chosen),
        held_out=_held_out(outcomes, means),
        picked=tuple(
            Picked(names[at], n) for at, n in sorted(times.items(), key=lambda item: -item[1])
        ),
        candidates=tuple(
            Candidate(name, float(s), float(d), bool(d <= accepted))
            for name, s, d in zip(
                names, whole.saved.mean(axis=0), whole.loss.mean(axis=0), strict=True
            )
        ),
    )


def _table(played: Sequence[Played], rows: Int64, saved: str) -> _Table:
    cases = tuple(
        Case(
            saved=p.orders.of(saved)[rows],
            loss=p.orders.of("degradation_normalized")[rows],
            kept=p.orders.of("best_kept")[rows],
            within=p.orders.of("within")[rows],
            orders=p.orders.orders,
        )
        for p in played
    )
    return _Table(
        saved=np.stack([case.saved.mean(axis=1) for case in cases]),
        loss=np.stack([case.loss.mean(axis=1) for case in cases]),
        cases=cases,
    )


def _over_studies(
    table: _Table, parts: Sequence[Int64], accepted: float
) -> tuple[list[int], list[Case]]:
    """Chosen on all other studies, told on the held-out ones."""
    picked: list[int] = []
    outcomes: dict[int, Case] = {}
    for held in parts:
        train = np.setdiff1d(np.arange(len(table.cases)), held)
        best = pick(table.saved[train].mean(axis=0), table.loss[train].mean(axis=0), accepted)
        picked.append(best)
        outcomes.update({int(s): table.cases[int(s)].of(best) for s in held})
    return picked, [outcomes[s] for s in sorted(outcomes)]


def _over_halves(tables: Sequence[_Table | None], accepted: float) -> tuple[list[int], list[Case]]:
    """Chosen on one half of a pair, told on the other, both ways."""
    picked, outcomes = [], []
    for at, train in enumerate(tables):
        test = tables[at ^ 1]
        if train is not None and test is not None:
            picked.append(pick(train.saved[0], train.loss[0], accepted))
            outcomes.append(test.cases[0].of(picked[-1]))
    return picked, outcomes


def _in_sample(table: _Table, chosen: int) -> InSample:
    return InSample(
        saved=float(table.saved[:, chosen].mean()),
        degradation_normalized=float(table.loss[:, chosen].mean()),
        best_kept=float(np.mean([case.kept[chosen].mean() for case in table.cases])),
        within=float(np.mean([case.within[chosen].mean() for case in table.cases])),
    )


def _held_out(outcomes: Sequence[Case], means: Means) -> HeldOut | None:
    if not outcomes:
        return None

    def mean(values: Sequence[Float64]) -> Mean:
        low, high = interval(means.bootstrap(values), means.confidence)
        return Mean(float(np.mean([v.mean() for v in values])), float(low[0]), float(high[0]))

    orders = outcomes[0].orders
    kept = share([case.kept[0] for case in outcomes], orders, means.confidence)
    within = share([case.within[0] for case in outcomes], orders, means.confidence)
    assert kept is not None and within is not None
    return HeldOut(
        saved=mean([case.saved for case in outcomes]),
        degradation_normalized=mean([case.loss for case in outcomes]),
        best_kept=kept,
        within=within,
    )
