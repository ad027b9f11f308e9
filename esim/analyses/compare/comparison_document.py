"""The document of a comparison, put together from the replays of all studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from esim.analyses.compare.contestants import Contestant, Field
from esim.analyses.compare.doubts import doubts, study_caveats
from esim.analyses.compare.left_out import left_out
from esim.analyses.compare.methods import methods
from esim.analyses.compare.other_studies import elsewhere
from esim.analyses.compare.ranking import Ranking, ranking, winner
from esim.analyses.compare.sentences import AMOUNT, answer, choice_text
from esim.analyses.compare.spreads import (
    MeanIntervals,
    at_workers,
    compared,
    of_known,
    ranking_loss,
    share,
    spreads,
    usable,
)
from esim.analyses.compare.statistics import covered, front, mean_of_all, means_of_all
from esim.analyses.compare.study_replays import (
    LOSS,
    ORDER_NUMBERS,
    RECORDED_NUMBERS,
    StudyReplays,
    ranked_number,
)
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
from esim.results.named_rule import RecordedJobRule
from esim.version import __version__

I_EPOCH = "i-epoch"


@np.errstate(over="ignore", invalid="ignore")  # means are infinite, and NaN of both infinities
def assemble(
    replayed: Sequence[StudyReplays],
    field: Field,
    settings: Settings,
    means: MeanIntervals,
    choice: Choice | None,
    sample: int | None,
    *,
    inputs: tuple[Mapping[str, Any], ...],
    failures: Mapping[str, str],
) -> Comparison:
    """The comparison.

    Args:
        replayed: every study under every contestant.
        field: the contestants.
        settings: of the comparison.
        means: how means get intervals.
        choice: the choice of a rule, if one was asked for and could be made.
        sample: launch orders of each study that were kept one by one; None: all.
        inputs: what the studies were read from.
        failures: name of a study -> why it failed.
    """
    saved = ranked_number(settings)
    contestants = field.contestants
    loss = ranking_loss(replayed, saved)
    placed = ranking(replayed, field.ranked, saved, loss, settings.max_degradation, means)
    fronts = _Fronts(replayed, field, saved)
    told = compared(replayed, saved, loss)
    rules = _rules(replayed, told, contestants, placed, fronts, settings, means)
    sensitivity = _sensitivity(told, contestants, saved, settings)
    if choice is not None:
        choice = replace(choice, text=choice_text(choice, settings))
    beyond = None
    if placed.best is not None and loss == LOSS:
        beyond = elsewhere(told, field.ranked, placed.best, saved, settings.max_degradation, means)
    out = left_out(replayed, saved, loss)
    return Comparison(
        settings=settings,
        methods=methods(settings, placed.studies, sample),
        answer=answer(rules, settings, loss, placed.studies, out, beyond),
        rules=rules,
        studies=tuple(
            _study(one, field, placed.order, settings, loss, means)
            if sample is None
            else _without_contestants(one)
            for one in replayed
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
            doubts(replayed, field, settings, sensitivity, loss, chosen=choice is not None)
        ),
        study_means=(
            None if sample is None else _study_means(replayed, field.ranked, placed.order)
        ),
        inputs=inputs,
        esim=__version__,
        failures=failures,
    )


def _rules(
    replayed: Sequence[StudyReplays],
    told: Sequence[StudyReplays],
    contestants: Sequence[Contestant],
    placed: Ranking,
    fronts: _Fronts,
    settings: Settings,
    means: MeanIntervals,
) -> tuple[RuleEntry, ...]:
    """Every contestant over the compared studies (`told`), the best first."""
    spread = spreads(told, means)
    slots = at_workers(told, settings.workers_table, ranked_number(settings), settings.confidence)
    return tuple(
        RuleEntry(
            key=contestants[r].key,
            name=contestants[r].rule.name,
            source=contestants[r].rule.source,
            parameters=contestants[r].rule.parameters,
            changed=contestants[r].changed,
            role=contestants[r].role,
            look_ahead=contestants[r].look_ahead,
            first_stop=_first_stop(replayed, r, contestants[r]),
            recorded=_recorded_means(told, r),
            orders=spread[r],
            against_best=placed.against[r],
            rank=placed.ranks[r],
            front=fronts.on(r),
            beyond_i_epoch=fronts.beyond(r),
            workers=slots[r],
            until=tuple(map(RecordedJobRule.of, contestants[r].until)),
            named=contestants[r].named,
        )
        for r in placed.order
    )


class _Fronts:
    """The Pareto front of the ranked contestants, and that of the i-epoch baselines alone.

    Attributes:
        contestants: all contestants.
        known: whether saved and lost are known in any study; there is no front otherwise.
        members, i_epoch_members: positions of the contestants on each front, least saved first.
        saved, loss: float64 [R], each contestant's means over launch orders and studies.
        i_epochs: positions of the i-epoch baselines.
    """

    def __init__(self, replayed: Sequence[StudyReplays], field: Field, saved: str) -> None:
        told = [p for p in replayed if usable(p, saved)]
        self.contestants, self.known = field.contestants, bool(told)
        self.members: list[int] = []
        self.i_epoch_members: list[int] = []
        if not told:
            return
        self.saved = np.mean([p.orders.of(saved).mean(axis=1) for p in told], axis=0)
        losses = [p.orders.of(LOSS).mean(axis=1) for p in told]
        self.loss = np.mean(losses, axis=0)
        self.members = self._front(list(field.ranked))
        self.i_epochs = [
            r for r, c in enumerate(field.contestants) if c.rule.name == I_EPOCH and not c.until
        ]
        self.i_epoch_members = self._front(self.i_epochs)

    def _front(self, rows: list[int]) -> list[int]:
        """Which of some contestants are on the front of these, least saved first."""
        on = front(self.saved[rows], self.loss[rows])
        return sorted((r for r, is_on in zip(rows, on, strict=True) if is_on),
                      key=lambda r: (self.saved[r], r))  # fmt: skip

    def on(self, r: int) -> bool | None:
        """Whether a contestant is on the front; None if unknown or not ranked."""
        if not self.known or self.contestants[r].look_ahead:
            return None
        return r in self.members

    def beyond(self, r: int) -> bool | None:
        """Whether no i-epoch baseline saves as much and loses as little; None as `on`."""
        if not self.known or self.contestants[r].look_ahead or not self.i_epochs:
            return None
        if r in self.i_epochs:
            return None
        at = self.i_epochs
        return not covered(self.saved[r], self.loss[r], self.saved[at], self.loss[at])


def _first_stop(replayed: Sequence[StudyReplays], r: int, contestant: Contestant) -> FirstStop:
    steps = [float(p.first_stop[r]) for p in replayed if not np.isnan(p.first_stop[r])]
    by_itself = f"; by itself: {contestant.earliest}" if contestant.earliest else ""
    if not steps and contestant.until:
        return FirstStop(None, "stops no trial, but ends the job")
    if not steps:
        return FirstStop(None, f"stopped nothing in any order{by_itself}")
    return FirstStop(int(min(steps)), f"at step {int(min(steps))}{by_itself}")


def _recorded_means(told: Sequence[StudyReplays], r: int) -> RecordedMeans:
    """Means over the studies, None unless known in all of them."""

    def mean(values: list[float]) -> float | None:
        return None if np.isnan(values).any() else mean_of_all(np.array(values))

    rows = {
        name: [float(p.recorded[i, r]) for p in told] for i, name in enumerate(RECORDED_NUMBERS)
    }
    return RecordedMeans(**{name: mean(values) for name, values in rows.items()})


def _recorded(replayed: StudyReplays, r: int) -> Recorded:
    """A contestant in the recorded launch order of a study: its replay's summary, and more."""
    summary = replayed.summaries[r]
    told = dict(zip(RECORDED_NUMBERS, replayed.recorded[:, r].tolist(), strict=True))
    known: dict[str, Any] = {k: None if v != v else v for k, v in told.items()}
    kept = known["best_kept"]
    own = {
        "degradation_normalized": known["degradation_normalized"],
        LOSS: known[LOSS],
        "best_kept": None if kept is None else kept == 1.0,
    }
    names = Recorded.__dataclass_fields__
    return Recorded(**{k: own[k] if k in own else getattr(summary, k) for k in names})


def _study(
    replayed: StudyReplays,
    field: Field,
    order: Sequence[int],
    settings: Settings,
    loss: str,
    means: MeanIntervals,
) -> StudyEntry:
    """One study with its contestants, in the given order of their positions."""
    contestants = field.contestants
    spread = spreads([replayed], means)
    saved = ranked_number(settings)
    slots = at_workers([replayed], settings.workers_table, saved, settings.confidence)
    first = winner(replayed, field.ranked, saved, loss, settings.max_degradation, means)
    rank_means = np.full(len(contestants), np.nan)
    if replayed.ranks is not None:
        rank_means[list(field.ranked)] = replayed.ranks.mean(axis=1)
    return replace(
        _without_contestants(replayed),
        winner=(
            None
            if first is None
            else Winner(contestants[first[0]].key, tuple(contestants[r].key for r in first[1]))
        ),
        loses_best=_loses(replayed, contestants, settings.confidence),
        rules=tuple(
            StudyRule(
                key=contestants[r].key,
                recorded=_recorded(replayed, r),
                orders=spread[r],
                rank_mean=None if np.isnan(rank_means[r]) else float(rank_means[r]),
                workers=slots[r],
            )
            for r in order
        ),
    )


def _without_contestants(replayed: StudyReplays) -> StudyEntry:
    """What a document says of one study besides its contestants."""
    study = replayed.study
    return StudyEntry(
        study=study.name,
        objective=study.objective,
        direction=study.direction,
        trials=study.trials,
        trials_censored=study.trials_censored,
        steps_longest=study.steps_longest,
        clock=replayed.clock,
        orders_clock=replayed.orders_clock,
        best_recorded=replayed.best_recorded,
        winner=None,
        loses_best=(),
        rules=(),
        warnings=tuple(study_caveats(study)),
    )


def _study_means(
    replayed: Sequence[StudyReplays], ranked: Sequence[int], order: Sequence[int]
) -> StudyMeans:
    """Means over launch orders of each study and contestant, contestants in the given order."""
    columns = (*ORDER_NUMBERS, "within", "rank")
    means = np.full((len(replayed), len(order), len(columns)), np.nan)
    for p, table in zip(replayed, means, strict=True):
        for n, name in enumerate(columns[:-1]):
            if p.orders.known(name):
                table[:, n] = p.orders.of(name).mean(axis=1)
        if p.ranks is not None:
            table[list(ranked), -1] = p.ranks.mean(axis=1)
    return StudyMeans(columns, means[:, list(order)])


def _loses(
    replayed: StudyReplays, contestants: Sequence[Contestant], confidence: float
) -> tuple[Loses, ...]:
    """The rules that lose the best value in some launch order, the most frequent first."""
    if not replayed.orders.known("best_kept"):
        return ()
    kept = replayed.orders.of("best_kept")
    rows = []
    for r, contestant in enumerate(contestants):
        found = share(1.0 - kept[[r]], replayed.orders.orders, confidence)
        if contestant.role == "rule" and found is not None and found.count:
            rows.append(Loses(contestant.key, found))
    return tuple(sorted(rows, key=lambda row: -row.share.share))


def _sensitivity(
    replayed: Sequence[StudyReplays],
    contestants: Sequence[Contestant],
    saved: str,
    settings: Settings,
) -> Sensitivity:
    """How much the saved fraction depends on the launch order, the rule and the workers."""
    rules = [r for r, c in enumerate(contestants) if c.role == "rule"]
    values = of_known(replayed, saved)
    if not rules or not values:
        return Sensitivity(None, None, None, "")

    reaches = [p.reach for p in replayed if p.reach is not None]
    by_order = float(np.mean([reach[rules] for reach in reaches]))
    by_rule = None
    if len(rules) > 1:
        means = means_of_all(np.stack(values))[rules]
        by_rule = float(means.max() - means.min())
    spans = []
    for p in replayed:
        tables = [t.of(saved) for t in p.workers.values() if t.known(saved)]
        if len(tables) > 1:
            rows = np.stack([t[rules].mean(axis=1) for t in tables], axis=1)
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
