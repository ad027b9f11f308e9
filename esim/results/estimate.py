"""What an estimate found, as records and as the document esim.estimate/1. Computes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from esim.assumptions import Clock, Costs
from esim.errors import EsimError, near_names
from esim.results.records import to_json
from esim.results.replay import Caveat
from esim.rules import Rule
from esim.study import Direction, Float64
from esim.study.door import above

SCHEMA = "esim.estimate/1"
ESTIMATE = "estimate.json"  # the document in the folder of --out
_SCATTER = 300


@dataclass(frozen=True)
class Interval:
    """A predictive median and the interval around it, at the estimate's confidence."""

    median: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Quantity:
    """The predictive distribution of one number of the next job.

    Attributes:
        unit: share, steps, seconds, money, value (the objective's), normalized, rank or trials.
        draws: float64 [R], equally likely values.
        spread: whether the draws say how sure the number is; if not, they only say what the past
            gave, and there is no interval.
    """

    unit: str
    draws: Float64
    spread: bool = True

    @property
    def median(self) -> float:
        """As likely above as below."""
        return float(np.quantile(self.draws, 0.5, method=self._method))

    def interval(self, confidence: float) -> tuple[float, float]:
        """The central interval. NaN twice if it cannot be known."""
        if not self.spread:
            return float("nan"), float("nan")
        tail = (1.0 - confidence) / 2.0
        low, high = np.quantile(self.draws, [tail, 1.0 - tail], method=self._method)
        return float(low), float(high)

    def around(self, confidence: float) -> Interval:
        """Median and interval, None where unknown."""
        low, high = self.interval(confidence)
        known = self.spread
        return Interval(self.median, low if known else None, high if known else None)

    def chance(self, low: float = -np.inf, high: float = np.inf) -> float:
        """The probability of a value from low to high."""
        return float(((self.draws >= low) & (self.draws <= high)).mean())

    @property
    def _method(self) -> Any:
        # What is counted or mostly zero takes values that occur.
        counted = self.unit in ("value", "normalized", "rank", "trials")
        return "inverted_cdf" if counted else "linear"

    def to_dict(self, confidence: float) -> dict[str, Any]:
        """The document's entry."""
        return {
            **vars(self.around(confidence)),
            "mean": float(self.draws.mean()),
            "sd": float(self.draws.std()) if self.spread else None,
            "unit": self.unit,
            "quantiles": np.quantile(
                self.draws, np.arange(1, 100) / 100, method=self._method
            ).tolist(),
        }


@dataclass(frozen=True)
class Past:
    """One past study."""

    study: str
    trials: int
    trials_censored: int
    objective: str
    direction: Direction
    steps_recorded: int


@dataclass(frozen=True)
class Next:
    """The job that is forecast.

    Attributes:
        launch: "shuffled": any launch order is as likely; "recorded": samples of the past trials
            keep their launch order.
    """

    trials: int
    workers: int
    launch: str


@dataclass(frozen=True)
class Headline:
    """What another job, rule or reading would give, in short. None = unknown."""

    trials: int
    workers: int
    saved: Interval | None
    degradation: Interval | None
    probability_best_kept: float | None
    extrapolated: bool

    def to_dict(self) -> dict[str, Any]:
        """The document's entry."""
        return {
            "trials": self.trials,
            "workers": self.workers,
            "steps_saved_fraction": self.saved and vars(self.saved),
            "degradation_normalized": self.degradation and vars(self.degradation),
            "probability_best_kept": self.probability_best_kept,
            "extrapolated": self.extrapolated,
        }


@dataclass(frozen=True)
class ReadingForecast:
    """The forecast under one reading of the rule's documentation."""

    code: str
    question: str
    reading: str
    parameters: Mapping[str, Any]
    headline: Headline

    def to_dict(self) -> dict[str, Any]:
        """The document's entry."""
        return {
            "code": self.code,
            "question": self.question,
            "reading": self.reading,
            "parameters": dict(self.parameters),
            **self.headline.to_dict(),
        }


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

    def to_dict(self) -> dict[str, Any]:
        """The document's entry."""
        return {k: vars(v) if isinstance(v, Interval) else v for k, v in vars(self).items()}


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

    def to_dict(self) -> dict[str, Any]:
        """The document's entry."""
        return {**vars(self), "forecast": self.forecast and vars(self.forecast)}


@dataclass(frozen=True)
class Alternative:
    """A rule that keeps the best more often at nearly the same saving."""

    changed: Mapping[str, Any]
    text: str
    headline: Headline

    def to_dict(self) -> dict[str, Any]:
        """The document's entry."""
        return {"changed": dict(self.changed), "text": self.text, **self.headline.to_dict()}


@dataclass(frozen=True)
class Advice:
    """Whether to switch the rule on, from stated thresholds.

    Attributes:
        verdict: enable, enable_with_doubts, do_not_enable or not_enough_history.
        saving: the quantity that `min_saving` is about.
        chances: of saving at least, and of losing at most, what the thresholds say.
    """

    verdict: str
    sentence: str
    reasons: tuple[str, ...]
    saving: str
    min_saving: float
    max_degradation: float
    chances: tuple[float | None, float | None]
    alternatives: tuple[Alternative, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The document's entry."""
        return {
            "verdict": self.verdict,
            "sentence": self.sentence,
            "reasons": list(self.reasons),
            "thresholds": {
                "min_saving": self.min_saving,
                "max_degradation": self.max_degradation,
                "saving": self.saving,
            },
            "chances": {
                "saving_at_least": self.chances[0],
                "degradation_at_most": self.chances[1],
            },
            "alternatives": [one.to_dict() for one in self.alternatives],
        }


@dataclass(frozen=True)
class BacktestRow:
    """One quantity's forecasts held against what happened."""

    quantity: str
    covered: float
    width: float


@dataclass(frozen=True)
class Backtest:
    """The user's own trials, split into past and future many times.

    Attributes:
        past, next: trials in each; with several studies the past is all but one of them.
        rows: steps_saved_fraction first.
        best_kept: mean forecast probability, and how often it happened; None if unknown.
        enough: whether the history allows the confidence asked for.
        trials_needed: for that confidence; None if there are enough.
    """

    splits: int
    past: int
    next: int
    confidence: float
    rows: tuple[BacktestRow, ...]
    best_kept: tuple[float, float] | None
    enough: bool
    trials_needed: int | None
    text: str

    def to_dict(self) -> dict[str, Any]:
        """The document's entry."""
        kept = self.best_kept
        return {
            **vars(self),
            "covered": self.rows[0].covered if self.rows else None,
            "width": self.rows[0].width if self.rows else None,
            "rows": [vars(row) for row in self.rows],
            "best_kept": kept and {"forecast": kept[0], "happened": kept[1]},
        }


@dataclass(frozen=True)
class Estimate:
    """What to expect of the next tuning job with the rule on.

    Attributes:
        quantities: by name, None = unknown. The names are those of a replay's summary, and
            steps_saved, seconds_saved, billed_seconds_saved, cost_saved and makespan_saved_s.
        probability_best_kept: that the rule does not stop the trial that would have been the best.
        probability_best_kept_interval: at the estimate's confidence.
        extrapolated: the next job's trials over those of the largest past study.
        scatter: saved share of steps, normalized degradation and best kept of the same replays of
            past trials, not widened. float64 [3, R]
        failures: study of a history -> why it could not be replayed; it counts nowhere else.
    """

    studies: tuple[Past, ...]
    objective: str
    direction: Direction
    rule: Rule
    next: Next
    clock: Clock
    costs: Costs
    final: str
    confidence: float
    replicates: int
    seed: int
    quantities: Mapping[str, Quantity | None]
    probability_best_kept: float | None
    probability_best_kept_interval: tuple[float, float] | None
    extrapolated: float
    scatter: Float64
    warnings: tuple[Caveat, ...]
    by_trials: tuple[Headline, ...] = ()
    by_workers: tuple[Headline, ...] = ()
    readings: tuple[ReadingForecast, ...] = ()
    same_cost: SameCost | None = None
    leave_one_out: tuple[LeftOut, ...] = ()
    advice: Advice | None = None
    backtest: Backtest | None = None
    method: Mapping[str, Any] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)

    def quantity(self, name: str) -> Quantity | None:
        """A predictive distribution; None if it cannot be known. Raises EsimError for a name."""
        if name not in self.quantities:
            raise EsimError(
                f"an estimate has no quantity {name!r}",
                fix=f"one of: {near_names(name, self.quantities)}",
            )
        return self.quantities[name]

    def interval(self, name: str, confidence: float | None = None) -> tuple[float, float]:
        """The predictive interval (low, high); NaN twice if it cannot be known."""
        found = self.quantity(name)
        if found is None:
            return float("nan"), float("nan")
        return found.interval(self.confidence if confidence is None else confidence)

    def median(self, name: str) -> float:
        """The predictive median; NaN if it cannot be known."""
        found = self.quantity(name)
        return float("nan") if found is None else found.median

    def around(self, name: str) -> Interval | None:
        """Median and interval; None if it cannot be known."""
        found = self.quantity(name)
        return None if found is None else found.around(self.confidence)

    @property
    def headline(self) -> Headline:
        """The estimate in short."""
        return Headline(
            trials=self.next.trials,
            workers=self.next.workers,
            saved=self.around("steps_saved_fraction"),
            degradation=self.around("degradation_normalized"),
            probability_best_kept=self.probability_best_kept,
            extrapolated=self.extrapolated > 1,
        )

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Lowest low and highest high of the headline numbers over the readings."""
        found: dict[str, tuple[float, float]] = {}
        for name, around in (
            ("steps_saved_fraction", [r.headline.saved for r in self.readings]),
            ("degradation_normalized", [r.headline.degradation for r in self.readings]),
        ):
            ends = [x for i in around if i is not None for x in (i.low, i.high) if x is not None]
            if ends:
                found[name] = (min(ends), max(ends))
        chances = [r.headline.probability_best_kept for r in self.readings]
        known = [chance for chance in chances if chance is not None]
        if known:
            found["probability_best_kept"] = (min(known), max(known))
        return found

    def to_dict(
        self, inputs: Sequence[Mapping[str, Any]] = (), command: str | None = None
    ) -> dict[str, Any]:
        """The document, schema esim.estimate/1."""
        from esim.version import __version__

        saved, lost, kept = self.scatter[:, :_SCATTER]
        return {
            "schema": SCHEMA,
            "esim": __version__,
            **({} if command is None else {"command": command}),
            "inputs": list(inputs),
            "studies": [vars(study) for study in self.studies],
            "objective": self.objective,
            "direction": self.direction,
            "rule": {
                "name": self.rule.name,
                "source": self.rule.source,
                "parameters": self.rule.parameters,
            },
            "next": vars(self.next),
            "clock": vars(self.clock),
            "costs": vars(self.costs),
            "final": self.final,
            "confidence": self.confidence,
            "replicates": self.replicates,
            "seed": self.seed,
            "method": dict(self.method),
            "extrapolated": self.extrapolated,
            "quantities": {
                name: q and q.to_dict(self.confidence) for name, q in self.quantities.items()
            },
            "probability_best_kept": self.probability_best_kept,
            "probability_best_kept_interval": self.probability_best_kept_interval,
            "scatter": {
                "steps_saved_fraction": saved.tolist(),
                "degradation_normalized": lost.tolist(),
                "best_kept": [None if np.isnan(k) else bool(k) for k in kept],
            },
            "by_trials": [one.to_dict() for one in self.by_trials],
            "by_workers": [one.to_dict() for one in self.by_workers],
            "readings": [one.to_dict() for one in self.readings],
            "ranges": {k: {"low": low, "high": high} for k, (low, high) in self.ranges().items()},
            "same_cost": self.same_cost and self.same_cost.to_dict(),
            "leave_one_out": [one.to_dict() for one in self.leave_one_out],
            "advice": self.advice and self.advice.to_dict(),
            "backtest": self.backtest and self.backtest.to_dict(),
            "warnings": [vars(w) for w in self.warnings],
            **({"failures": dict(self.failures)} if self.failures else {}),
        }

    def _repr_html_(self) -> str:
        html: str = above("estimate_html")(self.to_dict())
        return html

    def to_json(self, inputs: Sequence[Mapping[str, Any]] = ()) -> str:
        """The document as strict JSON."""
        return to_json(self.to_dict(inputs))
