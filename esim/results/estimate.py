"""The document of an estimate, esim.estimate/1: its records, written and read. Computes nothing.

What an estimate holds in memory, with its draws, is `esim.results.forecast.Estimate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from esim.assumptions import Clock, Costs
from esim.errors import EsimError
from esim.results.backtest import Backtest
from esim.results.named_rule import RecordedJobRule, RecordedRule
from esim.results.recorded_inputs import Inputs
from esim.results.records import Document
from esim.results.replay import Caveat
from esim.results.validate import validate_document
from esim.storage.typed import Scalars, Unbounded, plain
from esim.study import Direction

SCHEMA = "esim.estimate/1"


@dataclass(frozen=True)
class Interval:
    """A predictive median and the interval around it, at the estimate's confidence."""

    median: Unbounded
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ForecastQuantity:
    """What the document keeps of the predictive distribution of one number. None = unknown.

    Attributes:
        median, low, high: the median and the interval at the estimate's confidence.
        mean, sd: of the draws.
        unit: share, steps, seconds, money, value (the objective's), normalized, rank or trials.
        quantiles: the 1st to the 99th percentile.
    """

    median: float | None
    low: float | None
    high: float | None
    mean: float | None
    sd: float | None
    unit: str
    quantiles: tuple[float | None, ...]


@dataclass(frozen=True)
class RecordedTrend:
    """How final values go with the launch order: Spearman's rank correlation and its p-value.

    Attributes:
        correlation: positive: later trials are better.
        p: two-sided, under the hypothesis that trials are exchangeable.
    """

    correlation: float
    p: float


@dataclass(frozen=True)
class Past:
    """One past study.

    Attributes:
        trials_reporting: those with a report; the forecast is from these. None: not recorded.
        trend: of the final values; None: too few of them, or not recorded.
    """

    study: str
    trials: int
    trials_censored: int
    objective: str
    direction: Direction
    steps_recorded: int
    trials_reporting: int | None = None
    trend: RecordedTrend | None = None

    @property
    def history(self) -> int:
        """How many trials the forecast is from: those with a report, or all if not recorded."""
        return self.trials if self.trials_reporting is None else self.trials_reporting


@dataclass(frozen=True)
class Next:
    """The job that is forecast.

    Attributes:
        launch: "shuffled": any launch order is as likely; "recorded": samples of the past trials
            keep their launch order.
        launch_why: why, in words.
    """

    trials: int
    workers: int
    launch: str
    launch_why: str = ""


@dataclass(frozen=True)
class Method:
    """How the forecast was computed, in words."""

    text: str
    sources: tuple[str, ...]
    assumes: tuple[str, ...]


@dataclass(frozen=True)
class Scatter:
    """Single replays of past trials, an entry a replay. None = unknown.

    Attributes:
        steps_saved_fraction: the share of the steps that the replay saved.
        degradation_normalized: what it lost, as a share of the way from best to median.
        best_kept: whether it kept the best trial.
    """

    steps_saved_fraction: tuple[float | None, ...]
    degradation_normalized: tuple[float | None, ...]
    best_kept: tuple[bool | None, ...]

    def __post_init__(self) -> None:
        if len({len(column) for column in vars(self).values()}) > 1:
            raise EsimError("the numbers are not of the same replays")


@dataclass(frozen=True)
class Headline:
    """What another job, rule or reading would give, in short. None = unknown."""

    trials: int
    workers: int
    steps_saved_fraction: Interval | None
    degradation_normalized: Interval | None
    probability_best_kept: float | None
    extrapolated: bool


@dataclass(frozen=True)
class ReadingForecast:
    """The forecast under one reading of the rule's documentation."""

    code: str
    question: str
    reading: str
    parameters: Scalars
    headline: Headline = field(metadata={"flat": True})


@dataclass(frozen=True)
class Range:
    """The lowest and the highest value of a headline number over the readings."""

    low: float | None
    high: float | None


@dataclass(frozen=True)
class SameCost:
    """How many more trials the rule pays for, and what they bring.

    Attributes:
        trials: with the rule, for what `estimate.next.trials` cost without it.
        saved_by: which amount is held equal.
        shown: trials of two jobs that cost the same without and with the rule, the larger one no
            larger than the past; the values are of these.
        best_without: the best final value of the smaller one without the rule.
        best_same_trials, best_more_trials: of the smaller and of the larger one with it.
    """

    trials: Interval
    saved_by: str
    budget: float
    shown: tuple[int, int]
    best_without: Interval | None
    best_same_trials: Interval | None
    best_more_trials: Interval | None
    text: str


@dataclass(frozen=True)
class LeftOut:
    """One study forecast from the others, and what happened in it."""

    study: str
    trials: int
    forecast: Interval | None
    happened: float | None
    inside: bool | None
    probability_best_kept: float | None
    best_kept: bool | None


@dataclass(frozen=True)
class Alternative:
    """A rule that keeps the best more often at nearly the same saving."""

    changed: Scalars
    text: str
    headline: Headline = field(metadata={"flat": True})


@dataclass(frozen=True)
class Thresholds:
    """What the advice asks of the rule.

    Attributes:
        min_saving: the least share that it is to save.
        max_degradation: the normalized degradation that it may cause.
        saving: the quantity that `min_saving` is about.
    """

    min_saving: float
    max_degradation: float
    saving: str


@dataclass(frozen=True)
class Chances:
    """The probabilities of meeting each threshold. None = unknown.

    `degradation_at_most_as_seen` is the second one, were every next trial like a past one.
    """

    saving_at_least: float | None
    degradation_at_most: float | None
    degradation_at_most_as_seen: float | None = None


@dataclass(frozen=True)
class Advice:
    """Whether to switch the rule on, from stated thresholds.

    Attributes:
        verdict: enable, enable_with_doubts, do_not_enable or not_enough_history.
        sentence: yes, no or not enough to tell, and why.
        reasons: a sentence for each aim, asked and reached side by side, and what else is known.
        thresholds: what was asked for.
        chances: of meeting it.
        alternatives: rules that keep the best more often.
        next_step: what to do with it; empty in documents of earlier versions.
    """

    verdict: str
    sentence: str
    reasons: tuple[str, ...]
    thresholds: Thresholds
    chances: Chances
    alternatives: tuple[Alternative, ...] = ()
    next_step: str = ""

    @property
    def answer(self) -> tuple[str, ...]:
        """All it says, in sentences; in documents of earlier versions one holds all."""
        more = (*self.reasons, self.next_step) if self.next_step else ()
        return (self.sentence, *more)


@dataclass(frozen=True)
class Unseen:
    """What a finite past cannot show of the next job's best trial.

    Attributes:
        chance: that the next job holds a trial of a kind that no past one shows.
        kept: the chance that such a trial is kept if it is the best, in the worst case: it is worse
            than all others until its last report.
        best_kept_as_seen: the chance that the best is kept if it is like past trials.
        trials_needed: past trials that would allow the confidence; None: enough, or many studies.
    """

    chance: float
    kept: float
    best_kept_as_seen: float
    trials_needed: int | None = None


@dataclass(frozen=True, repr=False)
class EstimateDocument(Document):
    """What to expect of the next tuning job: the document of `esim estimate --json`.

    Attributes:
        studies: the past.
        drawn_from: how many studies there were, if `studies` were drawn from them at random.
        next: the job that is forecast.
        rule, clock, costs, final, until: how past trials were replayed.
        confidence: of the intervals.
        replicates, seed: replays of each past study, and what drew them.
        extrapolated: the next job's trials over those of the largest past study.
        quantities: by name, None = unknown.
        probability_best_kept: that the best value under the rule is as good as without it.
        probability_best_kept_interval: at the estimate's confidence; its lower end is the worst
            case of `unseen`, its upper end that all such trials are kept.
        degradation_as_seen: the normalized degradation, were every next trial like a past one.
        unseen: what the chance and the degradation take account of beyond that.
        ranges: headline number -> its range over the readings; empty without readings.
        inputs: what was read, and what the readers noted.
        esim: the version that wrote it.
        command: the command line that made it, where one did.
        failures: study of a history -> why it could not be replayed; it counts nowhere else.

    Example:
        >>> import esim
        >>> curves = [[9 - i % 3, 8 - i % 4, 7 - i % 5] for i in range(12)]
        >>> study = esim.Study.from_arrays(curves, direction="minimize")
        >>> document = esim.estimate(study, replicates=100).document()
        >>> EstimateDocument.from_dict(document.to_dict()) == document
        True
    """

    schema: ClassVar = SCHEMA
    studies: tuple[Past, ...]
    objective: str
    direction: Direction
    rule: RecordedRule
    next: Next
    clock: Clock
    costs: Costs
    final: str
    confidence: float
    replicates: int
    seed: int
    method: Method
    extrapolated: float
    quantities: Mapping[str, ForecastQuantity | None]
    probability_best_kept: float | None
    probability_best_kept_interval: tuple[float, float] | None
    scatter: Scatter
    by_trials: tuple[Headline, ...]
    by_workers: tuple[Headline, ...]
    readings: tuple[ReadingForecast, ...]
    ranges: Mapping[str, Range]
    same_cost: SameCost | None
    leave_one_out: tuple[LeftOut, ...]
    advice: Advice | None
    backtest: Backtest | None
    warnings: tuple[Caveat, ...]
    inputs: Inputs
    esim: str
    command: str | None = None
    failures: Mapping[str, str] = field(default_factory=dict)
    degradation_as_seen: Interval | None = None
    unseen: Unseen | None = None
    until: tuple[RecordedJobRule, ...] = ()
    drawn_from: int | None = None

    def __post_init__(self) -> None:
        validate_document(self)

    def to_dict(self) -> dict[str, Any]:
        """The document, schema esim.estimate/1, of plain values."""
        entries = plain(self)
        version, command, inputs = (entries.pop(name) for name in ("esim", "command", "inputs"))
        if self.backtest is not None:
            entries["backtest"] |= {"covered": self.backtest.covered, "width": self.backtest.width}
        if not self.failures:
            del entries["failures"]
        _leave_out(entries)
        head = {"schema": SCHEMA, "esim": version}
        told = {} if command is None else {"command": command}
        return {**head, **told, "inputs": inputs, **entries}


def _leave_out(entries: dict[str, Any]) -> None:
    """Remove what documents of earlier versions lack, where it is unknown."""
    names = (
        "degradation_as_seen",
        "unseen",
        "trials_reporting",
        "trend",
        "launch_why",
        "until",
        "drawn_from",
    )
    advice = entries["advice"] or {"chances": {}}
    for owner in (entries, entries["next"], advice, advice["chances"], *entries["studies"]):
        for name in (*names, "degradation_at_most_as_seen", "next_step"):
            if name in owner and not owner[name]:
                del owner[name]
