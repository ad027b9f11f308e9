"""Choosing the rule that saves most within a loss, on one part of the record; told on the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from esim.compare.contestants import Contestant
from esim.compare.halves import halves
from esim.compare.play import Played, Protocol, play
from esim.compare.spreads import Means, share, usable
from esim.compare.statistics import bootstrap_means, interval, pick
from esim.comparison import Candidate, Choice, HeldOut, InSample, Mean, Picked
from esim.study import Float64, Int64

_LEAVE_ONE_OUT = 20  # more studies than this are held out in groups
_GROUPS = 10


@dataclass(frozen=True)
class _Table:
    """Of each study, R contestants' means over orders and the numbers of every order.

    saved, loss: float64 [S, R]; cases: of each study saved, loss and kept, [R, O] each.
    """

    saved: Float64
    loss: Float64
    cases: tuple[tuple[Float64, Float64, Float64], ...]


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
    protocol: Protocol,
    progress: Callable[[int, int], None] | None = None,
) -> Choice | None:
    """The choice, its numbers in sample and held out; None if nothing can be told.

    Over studies where several have a known degradation, else over halves of the one's trials.
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
        pairs = halves(told[0].study, rng)
        n_folds, repeats = 2, len(pairs)
        # The halves run as the whole does: on as many workers.
        clock = told[0].orders_clock
        same = replace(protocol, clock=clock.mode, workers=clock.workers, workers_table=())
        tables = [
            _table([p], np.arange(len(few)), saved) if usable(p, saved) else None
            for p in play([half for pair in pairs for half in pair], few, same, progress)
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
        in_sample=_in_sample(whole, chosen, accepted),
        held_out=_held_out(outcomes, accepted, means),
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
        (
            p.orders[saved][rows],
            p.orders["degradation_normalized"][rows],
            p.orders["best_kept"][rows],
        )
        for p in played
    )
    return _Table(
        saved=np.stack([s.mean(axis=1) for s, _, _ in cases]),
        loss=np.stack([d.mean(axis=1) for _, d, _ in cases]),
        cases=cases,
    )


Outcome = tuple[Float64, Float64, Float64]  # saved, loss, kept: [O] each


def _outcome(table: _Table, study: int, chosen: int) -> Outcome:
    """What the chosen contestant gives there."""
    saved, loss, kept = table.cases[study]
    return saved[chosen], loss[chosen], kept[chosen]


def _over_studies(
    table: _Table, parts: Sequence[Int64], accepted: float
) -> tuple[list[int], list[Outcome]]:
    """Chosen on all other studies, told on the held-out ones."""
    picked: list[int] = []
    outcomes: dict[int, Outcome] = {}
    for held in parts:
        train = np.setdiff1d(np.arange(len(table.cases)), held)
        best = pick(table.saved[train].mean(axis=0), table.loss[train].mean(axis=0), accepted)
        picked.append(best)
        outcomes.update({int(s): _outcome(table, int(s), best) for s in held})
    return picked, [outcomes[s] for s in sorted(outcomes)]


def _over_halves(
    tables: Sequence[_Table | None], accepted: float
) -> tuple[list[int], list[Outcome]]:
    """Chosen on one half of a pair, told on the other, both ways."""
    picked, outcomes = [], []
    for at, train in enumerate(tables):
        test = tables[at ^ 1]
        if train is not None and test is not None:
            picked.append(pick(train.saved[0], train.loss[0], accepted))
            outcomes.append(_outcome(test, 0, picked[-1]))
    return picked, outcomes


def _in_sample(table: _Table, chosen: int, accepted: float) -> InSample:
    return InSample(
        saved=float(table.saved[:, chosen].mean()),
        degradation_normalized=float(table.loss[:, chosen].mean()),
        best_kept=float(np.mean([k[chosen].mean() for _, _, k in table.cases])),
        within=float(np.mean([(d[chosen] <= accepted).mean() for _, d, _ in table.cases])),
    )


def _held_out(outcomes: Sequence[Outcome], accepted: float, means: Means) -> HeldOut | None:
    if not outcomes:
        return None
    drawn = means.draws(len(outcomes), len(outcomes[0][0]))

    def mean(values: Sequence[Float64]) -> Mean:
        low, high = interval(bootstrap_means([v[None] for v in values], drawn), means.confidence)
        return Mean(float(np.mean([v.mean() for v in values])), float(low[0]), float(high[0]))

    kept = share([kept for _, _, kept in outcomes], means.confidence)
    within = share(
        [(loss <= accepted).astype(np.float64) for _, loss, _ in outcomes], means.confidence
    )
    assert kept is not None and within is not None
    return HeldOut(
        saved=mean([saved for saved, _, _ in outcomes]),
        degradation_normalized=mean([loss for _, loss, _ in outcomes]),
        best_kept=kept,
        within=within,
    )
