"""What a comparison of rules found, as records and as the result document. Computes nothing."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from esim.clocks import Clock
from esim.costs import Costs
from esim.results import BestTrial, Caveat, to_json
from esim.study import Direction

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "esim.compare/1"
Saved = Literal["steps", "seconds", "billed", "makespan", "cost"]
Role = Literal["rule", "baseline"]
Verdict = Literal["best", "saves less", "not significant", "loses too much"]


@dataclass(frozen=True)
class Dist:
    """A number over launch orders (and studies): its mean with an interval, and its spread.

    Quantiles are values that occurred. `studies` in which it is known; the mean is over those.
    """

    mean: float
    low: float
    high: float
    min: float
    q05: float
    q25: float
    median: float
    q75: float
    q95: float
    max: float
    studies: int


@dataclass(frozen=True)
class Share:
    """How often something is so, with an interval."""

    share: float
    low: float
    high: float
    count: int
    of: int


@dataclass(frozen=True)
class Spread:
    """One rule over launch orders. None = unknown. Fractions are of the recorded amounts.

    `within`: normalized degradation at most the accepted one. `degradation` is in the objective's
    unit, so it is None over several studies.
    """

    steps_saved_fraction: Dist | None
    seconds_saved_fraction: Dist | None
    billed_saved_fraction: Dist | None
    makespan_saved_fraction: Dist | None
    cost_saved_fraction: Dist | None
    degradation: Dist | None
    degradation_on_record: Dist | None
    degradation_normalized: Dist | None
    best_rank: Dist | None
    trials_stopped_fraction: Dist | None
    best_kept: Share | None
    within: Share | None


@dataclass(frozen=True)
class Middle:
    """A mean and where 90 % of the launch orders lie."""

    mean: float
    q05: float
    q95: float


@dataclass(frozen=True)
class Mean:
    """A mean with its interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class AtWorkers:
    """One rule with so many trials side by side. A study of fewer trials runs all at once."""

    workers: int
    orders: int
    studies: int
    saved: Middle | None
    degradation_normalized: Middle | None
    best_kept: Share | None


@dataclass(frozen=True)
class Rank:
    """A contestant's rank, 1 = best, over studies and launch orders.

    `first`: share of them in which it is first, ties shared. `difference`: from the best mean rank;
    `p` of it, adjusted for all contestants; None for the best-ranked itself or with nobody else.
    """

    mean: float
    low: float
    high: float
    first: float
    difference: float
    p: float | None
    significant: bool | None


@dataclass(frozen=True)
class AgainstBest:
    """A contestant beside the best: who saves most on average with an accepted mean loss.

    `saved_difference`: what it saves minus what the best saves, paired. `p` of it, adjusted for all
    that stay within the loss; None for the best, for what loses too much, and with nobody else.
    """

    verdict: Verdict
    saved_difference: Mean
    p: float | None
    significant: bool | None


@dataclass(frozen=True)
class FirstStop:
    """The earliest step at which a contestant stopped anything, in any order of any study."""

    step: int | None
    text: str


@dataclass(frozen=True)
class RecordedMeans:
    """Means over studies, in the recorded launch order. `best_kept`: share of the studies."""

    steps_saved_fraction: float | None
    seconds_saved_fraction: float | None
    billed_saved_fraction: float | None
    makespan_saved_fraction: float | None
    cost_saved_fraction: float | None
    degradation_normalized: float | None
    best_kept: float | None


@dataclass(frozen=True)
class RuleEntry:
    """One contestant over all studies, each study weighing the same.

    `look_ahead`: it uses what no rule can know at the time: a bound, not ranked. `front`: on the
    Pareto front. `beyond_i_epoch`: no i-epoch saves as much and loses as little.
    """

    key: str
    name: str
    source: str
    parameters: Mapping[str, Any]
    changed: Mapping[str, Any]
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


@dataclass(frozen=True)
class Recorded:
    """One contestant on one study in the recorded launch order: its replay's summary."""

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
    """How often a rule stops the best trial."""

    key: str
    share: Share


@dataclass(frozen=True)
class StudyEntry:
    """One study. `orders_clock` is that of the resampled launch orders."""

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
    degradation_normalized: float
    best_kept: float
    within: float


@dataclass(frozen=True)
class HeldOut:
    """What the choice gives on what it was not made on."""

    saved: Mean
    degradation_normalized: Mean
    best_kept: Share
    within: Share


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
    degradation_normalized: float
    accepted: bool


@dataclass(frozen=True)
class Choice:
    """The rule that saves most within a loss, chosen on one part and told on the other."""

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


@dataclass(frozen=True)
class Answer:
    """The ten seconds: who saves most within the accepted loss, in at most three sentences.

    `ties` stay within it too and save not significantly less.

    `about`: whether significance is about other studies, or, with too few of them, about other
    launch orders of the same ones.
    """

    best: str | None
    ties: tuple[str, ...]
    significant: bool | None
    about: Literal["studies", "orders"] | None
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Doubt:
    """A reason to doubt, and the study and contestant it is about, if one."""

    code: str
    text: str
    study: str | None = None
    rule: str | None = None


@dataclass(frozen=True)
class Settings:
    """Everything that, with the logs, gives the same bytes again."""

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
    grid: Mapping[str, Any]
    costs: Costs


@dataclass(frozen=True)
class Comparison:
    """Rules compared over studies: the result document, typed."""

    settings: Settings
    methods: Mapping[str, str]
    answer: Answer
    rules: tuple[RuleEntry, ...]
    studies: tuple[StudyEntry, ...]
    front: Front
    sensitivity: Sensitivity
    choice: Choice | None
    warnings: tuple[Doubt, ...]
    inputs: tuple[Mapping[str, Any], ...] = ()
    esim: str = ""
    command: str | None = None  # the command line that made it, where one did

    def rule(self, key: str) -> RuleEntry:
        """A contestant by its key. Raises KeyError."""
        for entry in self.rules:
            if entry.key == key:
                return entry
        raise KeyError(key)

    @property
    def table(self) -> pd.DataFrame:
        """One row a contestant: the numbers over all studies."""
        import pandas as pd

        return pd.DataFrame([_row(e.key, e.role, e.orders) | _standing(e) for e in self.rules])

    @property
    def by_study(self) -> pd.DataFrame:
        """One row a study and contestant."""
        import pandas as pd

        roles = {entry.key: entry.role for entry in self.rules}
        rows = []
        for study in self.studies:
            for r in study.rules:
                row = {"study": study.study, **_row(r.key, roles[r.key], r.orders)}
                row["rank"] = r.rank_mean
                rows.append(row | {f"recorded_{k}": v for k, v in _flat(r.recorded).items()})
        return pd.DataFrame(rows)

    @property
    def by_workers(self) -> pd.DataFrame:
        """One row a contestant and number of workers."""
        import pandas as pd

        return pd.DataFrame(
            [{"rule": entry.key, **_flat(at)} for entry in self.rules for at in entry.workers]
        )

    def to_dict(self) -> dict[str, Any]:
        """The result document, schema esim.compare/1."""
        found: dict[str, Any] = {"schema": SCHEMA, "esim": self.esim, "inputs": list(self.inputs)}
        return found | {
            f.name: plain(getattr(self, f.name))
            for f in fields(self)
            if f.name not in ("inputs", "esim")
        }

    def to_json(self) -> str:
        """The result document. Strict JSON."""
        return to_json(self.to_dict())

    def _repr_html_(self) -> str:
        """In a notebook."""
        from esim.report.notebook import comparison_html

        return comparison_html(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Comparison:
        """The records of a result document. Raises KeyError or TypeError if it is not one."""
        return _build(cls, {k: v for k, v in document.items() if k != "schema"})


def _row(key: str, role: str, orders: Spread) -> dict[str, Any]:
    return {"rule": key, "role": role, **_flat(orders)}


def _standing(entry: RuleEntry) -> dict[str, Any]:
    against, rank = entry.against_best, entry.rank
    return {
        "verdict": None if against is None else against.verdict,
        "p": None if against is None else against.p,
        "rank": None if rank is None else rank.mean,
        "front": entry.front,
    }


def _flat(record: Any) -> dict[str, Any]:
    """A record's numbers in columns: `name`, `name_low`, ... for the parts of a number."""
    row: dict[str, Any] = {}
    for f in fields(record):
        value = getattr(record, f.name)
        if f.name == "best":
            row[f.name] = None if value is None else value.trial
        elif _is_number(record, f.name):
            parts = {} if value is None else vars(value)
            main = "share" if isinstance(value, Share) else "mean"
            row[f.name] = parts.get(main)
            row |= {f"{f.name}_{k}": v for k, v in parts.items() if k != main}
        else:
            row[f.name] = value
    return row


def _is_number(record: Any, name: str) -> bool:
    return bool({Dist, Share, Middle} & set(typing.get_args(_hints(type(record))[name])))


def plain(value: Any) -> Any:
    """Records as dicts, tuples as lists, all the way down."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


T = TypeVar("T")


_hints: Callable[[Any], dict[str, Any]] = cast("Any", cache(typing.get_type_hints))


def _build(record: type[T], entries: Mapping[str, Any]) -> T:
    kinds = _hints(record)
    return record(**{name: _as(kinds[name], value) for name, value in entries.items()})


def _as(kind: Any, value: Any) -> Any:
    """A JSON value as its field's type; null stays None, and a number that was not finite too."""
    if value is None:
        return None
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kind = next(k for k in typing.get_args(kind) if k is not type(None))
    if is_dataclass(kind):
        return _build(kind, value)  # type: ignore[arg-type]
    if typing.get_origin(kind) is tuple:
        return tuple(_as(typing.get_args(kind)[0], v) for v in value)
    return value
