"""The records of a comparison, from everything that was replayed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from esim.analyses.compare.contestants import Contestant
from esim.analyses.compare.doubts import doubts, study_caveats
from esim.analyses.compare.play import MEANS, NUMBERS, Played
from esim.analyses.compare.ranking import ranking
from esim.analyses.compare.sentences import AMOUNT, answer, choice_text, methods
from esim.analyses.compare.spreads import Means, at_workers, of_known, share, spreads, usable
from esim.analyses.compare.statistics import covered, front
from esim.results.comparison.comparison import (
    Choice,
    Comparison,
    FirstStop,
    Front,
    Loses,
    Recorded,
    RecordedMeans,
    RuleEntry,
    Sensitivity,
    Settings,
    StudyEntry,
    StudyMeans,
    StudyRule,
    Winner,
)
from esim.results.replay import Summary

I_EPOCH = "i-epoch"


def assemble(
    played: Sequence[Played],
    contestants: Sequence[Contestant],
    ranked: Sequence[int],
    settings: Settings,
    means: Means,
    choice: Choice | None,
    without: Mapping[str, Sequence[str]],
    sample: int | None,
) -> Comparison:
    """Everything but where the logs came from.

    Args:
        without: a rule's name -> columns of the grid that mean nothing to it.
        sample: launch orders a study that were kept one by one; None: all.
    """
    saved = f"{settings.saved}_saved_fraction"
    placed = ranking(played, ranked, saved, settings.max_degradation, means)
    order = placed.order
    fronts = _Fronts(played, contestants, ranked, saved)
    spread = spreads(played, means, settings.max_degradation)
    slots = at_workers(played, settings.workers_table, saved, settings.confidence)
    rules = tuple(
        RuleEntry(
            key=contestants[r].key,
            name=contestants[r].rule.name,
            source=contestants[r].rule.source,
            parameters=contestants[r].rule.parameters,
            changed=contestants[r].changed,
            role=contestants[r].role,
            look_ahead=contestants[r].look_ahead,
            first_stop=_first_stop(played, r, contestants[r]),
            recorded=_recorded_means(played, r),
            orders=spread[r],
            against_best=placed.against[r],
            rank=placed.ranks[r],
            front=fronts.on(r),
            beyond_i_epoch=fronts.beyond(r),
            workers=slots[r],
        )
        for r in order
    )
    sensitivity = _sensitivity(played, contestants, saved, settings)
    told = answer(rules, settings, placed.studies)
    if choice is not None:
        choice = replace(choice, text=choice_text(choice))
    return Comparison(
        settings=settings,
        methods=methods(settings, placed.studies, sample),
        answer=told,
        rules=rules,
        studies=tuple(
            _study(one, contestants, ranked, order, settings, means)
            if sample is None
            else _in_short(one)
            for one in played
        ),
        front=Front(
            x=saved,
            y="degradation_normalized",
            rules=tuple(contestants[r].key for r in fronts.members),
            i_epoch=tuple(contestants[r].key for r in fronts.i_epoch_members),
        ),
        sensitivity=sensitivity,
        choice=choice,
        warnings=tuple(
            doubts(played, contestants, settings, sensitivity, without, chosen=choice is not None)
        ),
        study_means=None if sample is None else _study_means(played, ranked, order),
    )


class _Fronts:
    """The Pareto front of the ranked contestants and that of i-epoch alone."""

    def __init__(
        self,
        played: Sequence[Played],
        contestants: Sequence[Contestant],
        ranked: Sequence[int],
        saved: str,
    ) -> None:
        told = [p for p in played if usable(p, saved)]
        self.contestants, self.known = contestants, bool(told)
        self.members: list[int] = []
        self.i_epoch_members: list[int] = []
        if not told:
            return
        self.saved = np.mean([p.orders.of(saved).mean(axis=1) for p in told], axis=0)
        losses = [p.orders.of("degradation_normalized").mean(axis=1) for p in told]
        self.loss = np.mean(losses, axis=0)
        self.members = self._front(list(ranked))
        self.i_epochs = [r for r, c in enumerate(contestants) if c.rule.name == I_EPOCH]
        self.i_epoch_members = self._front(self.i_epochs)

    def _front(self, rows: list[int]) -> list[int]:
        """Who of some is on their front, least saved first."""
        on = front(self.saved[rows], self.loss[rows])
        return sorted((r for r, is_on in zip(rows, on, strict=True) if is_on),
                      key=lambda r: (self.saved[r], r))  # fmt: skip

    def on(self, r: int) -> bool | None:
        if not self.known or self.contestants[r].look_ahead:
            return None
        return r in self.members

    def beyond(self, r: int) -> bool | None:
        if not self.known or self.contestants[r].look_ahead or not self.i_epochs:
            return None
        if r in self.i_epochs:
            return None
        at = self.i_epochs
        return not covered(self.saved[r], self.loss[r], self.saved[at], self.loss[at])


def _first_stop(played: Sequence[Played], r: int, contestant: Contestant) -> FirstStop:
    steps = [float(p.first_stop[r]) for p in played if not np.isnan(p.first_stop[r])]
    by_itself = f"; by itself: {contestant.earliest}" if contestant.earliest else ""
    if not steps:
        return FirstStop(None, f"stopped nothing in any order{by_itself}")
    return FirstStop(int(min(steps)), f"at step {int(min(steps))}{by_itself}")


def _recorded_means(played: Sequence[Played], r: int) -> RecordedMeans:
    """Means over the studies, None unless known in all of them."""

    def mean(values: list[float]) -> float | None:
        return None if np.isnan(values).any() else float(np.mean(values))

    rows = {name: [float(p.recorded[i, r]) for p in played] for i, name in enumerate(MEANS)}
    return RecordedMeans(**{name: mean(values) for name, values in rows.items()})


def _recorded(s: Summary) -> Recorded:
    return Recorded(**{name: getattr(s, name) for name in Recorded.__dataclass_fields__})


def _study(
    played: Played,
    contestants: Sequence[Contestant],
    ranked: Sequence[int],
    order: Sequence[int],
    settings: Settings,
    means: Means,
) -> StudyEntry:
    spread = spreads([played], means, settings.max_degradation)
    saved = f"{settings.saved}_saved_fraction"
    slots = at_workers([played], settings.workers_table, saved, settings.confidence)
    here = ranking([played], ranked, saved, settings.max_degradation, means)
    winner = None
    if here.best is not None:
        winner = Winner(contestants[here.best].key, tuple(contestants[r].key for r in here.ties))
    return replace(
        _in_short(played),
        winner=winner,
        loses_best=_loses(played, contestants, settings.confidence),
        rules=tuple(
            StudyRule(
                key=contestants[r].key,
                recorded=_recorded(played.summaries[r]),
                orders=spread[r],
                rank_mean=None if np.isnan(here.mean_ranks[r]) else float(here.mean_ranks[r]),
                workers=slots[r],
            )
            for r in order
        ),
    )


def _in_short(played: Played) -> StudyEntry:
    """One study without its contestants."""
    study = played.study
    return StudyEntry(
        study=study.name,
        objective=study.objective,
        direction=study.direction,
        trials=study.trials,
        trials_censored=study.trials_censored,
        steps_longest=study.steps_longest,
        clock=played.clock,
        orders_clock=played.orders_clock,
        best_recorded=played.best_recorded,
        winner=None,
        loses_best=(),
        rules=(),
        warnings=tuple(study_caveats(study)),
    )


def _study_means(
    played: Sequence[Played], ranked: Sequence[int], order: Sequence[int]
) -> StudyMeans:
    """Each study's contestants, best first over all studies."""
    columns = (*NUMBERS, "within", "rank")
    means = np.full((len(played), len(order), len(columns)), np.nan)
    for p, table in zip(played, means, strict=True):
        for n, name in enumerate(columns[:-1]):
            if p.orders.known(name):
                table[:, n] = p.orders.of(name).mean(axis=1)
        if p.ranks is not None:
            table[list(ranked), -1] = p.ranks.mean(axis=1)
    return StudyMeans(columns, means[:, list(order)])


def _loses(
    played: Played, contestants: Sequence[Contestant], confidence: float
) -> tuple[Loses, ...]:
    """The rules that stop the best trial in some order, most often first."""
    if not played.orders.known("best_kept"):
        return ()
    kept = played.orders.of("best_kept")
    rows = []
    for r, contestant in enumerate(contestants):
        found = share([1.0 - kept[r]], played.orders.orders, confidence)
        if contestant.role == "rule" and found is not None and found.count:
            rows.append(Loses(contestant.key, found))
    return tuple(sorted(rows, key=lambda row: -row.share.share))


def _sensitivity(
    played: Sequence[Played], contestants: Sequence[Contestant], saved: str, settings: Settings
) -> Sensitivity:
    """How far the saved share moves with the launch order, the rule and the workers."""
    rules = [r for r, c in enumerate(contestants) if c.role == "rule"]
    values = of_known(played, saved)
    if not rules or not values:
        return Sensitivity(None, None, None, "")

    reaches = [p.reach for p in played if p.reach is not None]
    by_order = float(np.mean([float(reach[r]) for reach in reaches for r in rules]))
    by_rule = None
    if len(rules) > 1:
        means = [np.mean([v[r].mean() for v in values]) for r in rules]
        by_rule = float(max(means) - min(means))
    spans = []
    for p in played:
        tables = [t.of(saved) for t in p.workers.values() if t.known(saved)]
        if len(tables) > 1:
            rows = np.array([[t[r].mean() for t in tables] for r in rules])
            spans.append(float(np.mean(rows.max(axis=1) - rows.min(axis=1))))
    by_workers = float(np.mean(spans)) if spans else None
    parts = (
        ("the choice of the rule", by_rule),
        ("the launch order", by_order),
        (f"1 to {settings.workers_table[-1]} workers", by_workers),
    )
    told = [f"{name} by {100 * x:.0f} points" for name, x in parts if x is not None]
    text = f"What moves the share of {AMOUNT[settings.saved]} saved: " + ", ".join(told) + "."
    return Sensitivity(by_order, by_rule, by_workers, text)
