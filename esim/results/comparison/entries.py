"""The entries of a comparison: contestants, studies, the choice, the answer, the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from esim.assumptions import Clock, Costs
from esim.results.comparison.numbers import AgainstBest, AtWorkers, Mean, Rank, Share, Spread
from esim.results.named_rule import RecordedJobRule
from esim.results.replay import BestTrial, Caveat
from esim.storage.typed import Scalar, Scalars, Unbounded
from esim.study import Direction, Float64

Saved = Literal["steps", "seconds", "billed", "makespan", "cost"]
Role = Literal["rule", "baseline"]


@dataclass(frozen=True)
class FirstStop:
    """The earliest step at which a contestant stopped anything, in any order of any study."""

    step: int | None
    text: str


@dataclass(frozen=True)
class RecordedMeans:
    """Means over the compared studies, in the recorded launch order.

    `best_kept`: share of the studies. `loss_normalized`: no gain makes up for a loss.
    """

    steps_saved_fraction: float | None
    seconds_saved_fraction: float | None
    billed_saved_fraction: float | None
    makespan_saved_fraction: float | None
    cost_saved_fraction: float | None
    degradation_normalized: float | None
    best_kept: float | None
    loss_normalized: float | None = None


@dataclass(frozen=True)
class RuleEntry:
    """One contestant over the compared studies, each weighing the same (`Answer.studies`).

    `look_ahead`: it uses what no rule can know at the time: a bound, not ranked. `front`: on the
    Pareto front. `beyond_i_epoch`: no i-epoch saves as much and loses as little. `until`: job-level
    rules that end the job, beside the rule `name` or, if that is none, alone. `named`: the user
    asked for it by name; where for none, it is `sagemaker`.
    """

    key: str
    name: str
    source: str
    parameters: Scalars
    changed: Scalars
    role: Role
    look_ahead: bool
    first_stop: FirstStop
    recorded: RecordedMeans
    orders: Spread
    against_best: AgainstBest | None
    rank: Rank | None
    front: bool | None
    beyond_i_epoch: bool | None
    workers: tuple[AtWorkers, ...]
    until: tuple[RecordedJobRule, ...] = ()
    named: bool = False


@dataclass(frozen=True)
class Recorded:
    """One contestant on one study in the recorded launch order: its replay's summary.

    `best_kept`: the best value under the rule is as good as the best recorded one. A
    degradation of exactly 0 is 0 of any scale, also where the best and the median do not differ.
    """

    steps_saved_fraction: float | None
    seconds_saved_fraction: float | None
    billed_saved_fraction: float | None
    makespan_saved_fraction: float | None
    cost_saved_fraction: float | None
    cost: float | None
    trials_stopped: int
    degradation: float | None
    degradation_on_record: float | None
    degradation_normalized: float | None
    best_rank: int | None
    best_trial_stopped: bool | None
    best: BestTrial | None
    best_kept: bool | None = None
    loss_normalized: float | None = None


@dataclass(frozen=True)
class StudyRule:
    """One contestant on one study."""

    key: str
    recorded: Recorded
    orders: Spread
    rank_mean: float | None
    workers: tuple[AtWorkers, ...]


@dataclass(frozen=True)
class Winner:
    """Who saves most within the accepted mean loss, and who not significantly less."""

    key: str
    ties: tuple[str, ...]


@dataclass(frozen=True)
class Loses:
    """How often a rule loses the best value: the best under it is worse than the best recorded."""

    key: str
    share: Share


@dataclass(frozen=True)
class StudyEntry:
    """One study. `orders_clock` is that of the resampled launch orders.

    Of many studies `winner`, `loses_best` and `rules` are left out: what is known of each stands in
    `Comparison.study_means`.
    """

    study: str
    objective: str
    direction: Direction
    trials: int
    trials_censored: int
    steps_longest: int
    clock: Clock
    orders_clock: Clock
    best_recorded: BestTrial | None
    winner: Winner | None
    loses_best: tuple[Loses, ...]
    rules: tuple[StudyRule, ...]
    warnings: tuple[Caveat, ...]


@dataclass(frozen=True, eq=False)
class StudyMeans:
    """Of many studies: each contestant's means over launch orders, by study.

    Attributes:
        names: the N numbers: those of `Spread`, and the rank.
        values: float64 [studies, contestants, N], in the comparison's order; NaN = unknown.
    """

    names: tuple[str, ...]
    values: Float64


@dataclass(frozen=True)
class Front:
    """Who is on the Pareto front and on i-epoch's own, least saved first."""

    x: str
    y: str
    rules: tuple[str, ...]
    i_epoch: tuple[str, ...]


@dataclass(frozen=True)
class Sensitivity:
    """By how much of the saved share each choice moves it. None: not to be told."""

    launch_order: float | None
    rule: float | None
    workers: float | None
    text: str


@dataclass(frozen=True)
class InSample:
    """What the chosen rule gives on the studies it was chosen on: optimistic."""

    saved: float
    degradation_normalized: Unbounded
    best_kept: float
    within: float
    loss_normalized: float | None = None


@dataclass(frozen=True)
class HeldOut:
    """What the choice gives on what it was not made on.

    The intervals are those of the chosen contestant's means over other studies (`Elsewhere`), made
    wider where a held-out mean lies outside. Of halves of one study's trials they are None: one
    study cannot tell what another gives.
    """

    saved: Mean
    degradation_normalized: Mean
    best_kept: Share
    within: Share
    loss_normalized: Mean | None = None


@dataclass(frozen=True)
class Elsewhere:
    """What the best contestant gives on average over all studies like those compared.

    Attributes:
        studies: how many were compared.
        candidates: how many contestants the best was picked from.
        saved, degradation_normalized, loss_normalized, best_kept, within: the mean over the
            compared studies, and an interval that holds the mean over all studies like them, with
            the confidence of the comparison and whichever contestant was picked. No upper end if
            some contestant's loss has none.
        promised: whether the upper end of the loss is accepted.
        studies_needed: the least number of studies, without any loss in them, after which it would
            be; None if no number is enough.
    """

    studies: int
    candidates: int
    saved: Mean
    degradation_normalized: Mean
    loss_normalized: Mean
    best_kept: Mean
    within: Mean
    promised: bool
    studies_needed: int | None


@dataclass(frozen=True)
class Picked:
    """How often a contestant was chosen over the folds."""

    key: str
    times: int


@dataclass(frozen=True)
class Candidate:
    """What a contestant gives on everything, and whether its loss is accepted."""

    key: str
    saved: float
    degradation_normalized: Unbounded
    accepted: bool
    loss_normalized: float | None = None


@dataclass(frozen=True)
class Choice:
    """The rule that saves most within a loss, chosen on one part and told on the other.

    `studies_needed`: as in `Elsewhere`.
    """

    max_degradation: float
    by: Literal["studies", "trials"]
    folds: int
    repeats: int
    chosen: str
    in_sample: InSample
    held_out: HeldOut | None
    picked: tuple[Picked, ...]
    candidates: tuple[Candidate, ...]
    text: str = ""
    studies_needed: int | None = None


@dataclass(frozen=True)
class LeftOut:
    """Studies on which rules are not compared, and why; `studies`: how many."""

    code: str
    studies: int
    text: str


@dataclass(frozen=True)
class Pick:
    """A contestant to decide for, and the means over launch orders and studies to decide by.

    Attributes:
        saved: the fraction saved of what is to be saved.
        best_kept: in which share of the launch orders the best value is kept.
        loss: the mean loss that ranks (`Answer.ranked_by`).
    """

    key: str
    saved: float
    best_kept: float
    loss: float


@dataclass(frozen=True)
class Answer:
    """The ten seconds: who saves most within the accepted loss, who is safest, in some sentences.

    `ties` stay within it too and save not significantly less.

    `about`: whether significance is about other studies, or, with too few of them, about other
    launch orders of the same ones.

    `studies`: on how many all rules are compared; `left_out`: the others. `elsewhere`: what the
    best gives on other studies; None of one study, and where nothing is saved.

    Attributes:
        ranked_by: the loss that ranks: "loss"; or "record", the loss on record, where in all
            studies trials had been cut short when recorded; None if nothing is ranked.
        saves_most: the best; None where nothing is saved.
        safest: of those within the accepted loss that save at most `Settings.safest_within` less
            than the best, the one that most often keeps the best value; of several the one that
            loses least, then the one that saves most; None where nothing is saved.
    """

    best: str | None
    ties: tuple[str, ...]
    significant: bool | None
    about: Literal["studies", "orders"] | None
    sentences: tuple[str, ...]
    studies: int | None = None
    left_out: tuple[LeftOut, ...] = ()
    elsewhere: Elsewhere | None = None
    ranked_by: Literal["loss", "record"] | None = None
    saves_most: Pick | None = None
    safest: Pick | None = None


@dataclass(frozen=True)
class Doubt:
    """A reason to doubt, and the study and contestant it is about, if one."""

    code: str
    text: str
    study: str | None = None
    rule: str | None = None


@dataclass(frozen=True)
class Settings:
    """Everything that, with the logs, gives the same bytes again.

    Attributes:
        drawn_from: how many studies there were, if those compared were drawn from them at random;
            None: they are all.
    """

    seed: int
    orders: int
    confidence: float
    bootstrap: int
    saved: Saved
    max_degradation: float
    clock: str | None
    workers: int | None
    workers_table: tuple[int, ...]
    workers_orders: int
    final: str
    grid: Mapping[str, Sequence[Scalar]]
    costs: Costs
    safest_within: float = 0.1
    drawn_from: int | None = None
