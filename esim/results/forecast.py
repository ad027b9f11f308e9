"""What an estimate found, in memory: predictive distributions with their draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from esim.assumptions import Clock, Costs
from esim.errors import EsimError, near_names, plural
from esim.results.backtest import Backtest
from esim.results.estimate import (
    Advice,
    EstimateDocument,
    ForecastQuantity,
    Headline,
    Interval,
    LeftOut,
    Method,
    Next,
    Past,
    Range,
    ReadingForecast,
    SameCost,
    Scatter,
    Unseen,
)
from esim.results.named_rule import RecordedJobRule, RecordedRule
from esim.results.plots import EstimatePlots
from esim.results.replay import Caveat
from esim.results.shown import Shown, share_words
from esim.results.validate import validate_document
from esim.rules import JobRule, Rule, share
from esim.study import Direction, Float64
from esim.study.door import above
from esim.version import __version__

_SCATTER = 300  # replays of which the document keeps single numbers


@dataclass(frozen=True)
class Quantity:
    """The predictive distribution of one number of the next job.

    Attributes:
        unit: share, steps, seconds, money, value (the objective's), normalized, rank or trials.
        draws: float64 [R], equally likely values; inf has no bound.
        spread: whether the draws say how sure the number is; if not, they only say what the past
            gave, and there is no interval.
        best_case: float64 [B], equally likely values if trials that no past one is like turn out
            well, where `draws` take them at their worst; they give the interval's lower end. None:
            there is no such difference.
    """

    unit: str
    draws: Float64
    spread: bool = True
    best_case: Float64 | None = None

    @property
    def median(self) -> float:
        """As likely above as below."""
        return float(np.quantile(self.draws, 0.5, method=self._method))

    def interval(self, confidence: float | str) -> tuple[float, float]:
        """The central interval. NaN twice if it cannot be known; an end without bound is inf.

        Args:
            confidence: of the interval, a share: 0.9 or "90%".

        Raises:
            EsimError: it is none.
        """
        confidence = share(confidence, "confidence")
        if not self.spread:
            return float("nan"), float("nan")
        tail = (1.0 - confidence) / 2.0
        below = self.draws if self.best_case is None else self.best_case
        low = np.quantile(below, tail, method=self._method)
        high = np.quantile(self.draws, 1.0 - tail, method=self._method)
        return float(low), float(high)

    def around(self, confidence: float) -> Interval:
        """Median and interval, None where unknown or without bound."""
        low, high = self.interval(confidence)
        return Interval(self.median, _known(low), _known(high))

    def chance(self, low: float = -np.inf, high: float = np.inf) -> float:
        """The probability of a value from low to high."""
        return float(((self.draws >= low) & (self.draws <= high)).mean())

    @property
    def _method(self) -> Any:
        # What is counted or mostly zero takes values that occur.
        counted = self.unit in ("value", "normalized", "rank", "trials")
        return "inverted_cdf" if counted else "linear"

    @np.errstate(invalid="ignore")  # the mean of both infinities is NaN, which is unknown
    def kept(self, confidence: float) -> ForecastQuantity:
        """What the document keeps of it, with the interval at this confidence."""
        around = self.around(confidence)
        percentiles = np.quantile(self.draws, np.arange(1, 100) / 100, method=self._method)
        return ForecastQuantity(
            median=_known(around.median),
            low=around.low,
            high=around.high,
            mean=_known(float(self.draws.mean())),
            sd=float(self.draws.std()) if self.spread and np.isfinite(self.draws).all() else None,
            unit=self.unit,
            quantiles=tuple(_known(x) for x in percentiles.tolist()),
        )


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


@dataclass(frozen=True, repr=False)
class Estimate(Shown):
    """What to expect of the next tuning job with the rule on.

    Attributes:
        quantities: by name, None = unknown. The names are those of a replay's summary, and
            steps_saved, seconds_saved, billed_seconds_saved, cost_saved and makespan_saved_s.
        probability_best_kept: that the best value under the rule is as good as without it.
        probability_best_kept_interval: at the estimate's confidence.
        degradation_as_seen: the normalized degradation, were every next trial like a past one.
        unseen: what it takes account of beyond that; None if nothing is known of the best.
        extrapolated: the next job's trials over those of the largest past study.
        scatter: saved share of steps, normalized degradation and best kept of the same replays of
            past trials, not widened. float64 [3, R]
        failures: study of a history -> why it could not be replayed; it counts nowhere else.
        until: job-level rules that end the next job.
        drawn_from: how many studies there were, if `studies` were drawn from them.

    Example:
        >>> import esim
        >>> curves = [[9 - i % 3, 8 - i % 4, 7 - i % 5] for i in range(12)]
        >>> study = esim.Study.from_arrays(curves, direction="minimize")
        >>> found = esim.estimate(study, replicates=100)
        >>> low, high = found.interval("steps_saved_fraction", confidence=0.8)
        >>> low <= found.median("steps_saved_fraction") <= high
        True
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
    method: Method
    degradation_as_seen: Quantity | None = None
    unseen: Unseen | None = None
    by_trials: tuple[Headline, ...] = ()
    by_workers: tuple[Headline, ...] = ()
    readings: tuple[ReadingForecast, ...] = ()
    same_cost: SameCost | None = None
    leave_one_out: tuple[LeftOut, ...] = ()
    advice: Advice | None = None
    backtest: Backtest | None = None
    failures: Mapping[str, str] = field(default_factory=dict)
    until: tuple[JobRule, ...] = ()
    drawn_from: int | None = None

    def __post_init__(self) -> None:
        validate_document(self)

    def _in_short(self) -> Iterator[str]:
        yield (
            f"Estimate of the next job: {plural(self.next.trials, 'trial')}, "
            f"{self.next.workers} at a time, rule {self.rule.name}; from "
            f"{plural(len(self.studies), 'study')}"
        )
        low, high = self.interval("steps_saved_fraction")
        middle = self.median("steps_saved_fraction")
        yield (
            f"steps saved: {share_words(middle)} ({share_words(low)} to {share_words(high)} at "
            f"{100 * self.confidence:g} %); the best is kept with a chance of "
            f"{share_words(self.probability_best_kept)}"
        )
        yield '.interval(name) .median(name) .plot.trade() .report("r.html") .save("folder")'

    @property
    def plot(self) -> EstimatePlots:
        """Its figures: `estimate.plot.forecast()`."""
        return EstimatePlots(self)

    def quantity(self, name: str) -> Quantity | None:
        """A predictive distribution; None if it cannot be known. Raises EsimError for a name.

        Example:
            >>> import esim
            >>> curves = [[9 - i % 3, 8 - i % 4, 7 - i % 5] for i in range(12)]
            >>> study = esim.Study.from_arrays(curves, direction="minimize")
            >>> found = esim.estimate(study, replicates=100)
            >>> saved = found.quantity("steps_saved_fraction")
            >>> saved.unit, saved.chance(low=0.0, high=1.0), found.quantity("cost_saved") is None
            ('share', 1.0, True)
            >>> saved.median == found.median("steps_saved_fraction")
            True
            >>> saved.interval(0.9) == found.interval("steps_saved_fraction", confidence="90%")
            True
        """
        if name not in self.quantities:
            raise EsimError(
                f"an estimate has no quantity {name!r}",
                fix=f"one of: {near_names(name, self.quantities)}",
            )
        return self.quantities[name]

    def interval(self, name: str, confidence: float | str | None = None) -> tuple[float, float]:
        """The predictive interval (low, high); NaN twice if it cannot be known.

        Args:
            name: of the quantity.
            confidence: of the interval, a share: 0.9 or "90%". None: the estimate's own.

        Raises:
            EsimError: there is no such quantity, or the confidence is no share.
        """
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
            steps_saved_fraction=self.around("steps_saved_fraction"),
            degradation_normalized=self.around("degradation_normalized"),
            probability_best_kept=self.probability_best_kept,
            extrapolated=self.extrapolated > 1,
        )

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Lowest low and highest high of the headline numbers over the readings."""
        found: dict[str, tuple[float, float]] = {}
        for name, around in (
            ("steps_saved_fraction", [r.headline.steps_saved_fraction for r in self.readings]),
            ("degradation_normalized", [r.headline.degradation_normalized for r in self.readings]),
        ):
            ends = [x for i in around if i is not None for x in (i.low, i.high) if x is not None]
            if ends:
                found[name] = (min(ends), max(ends))
        chances = [r.headline.probability_best_kept for r in self.readings]
        known = [chance for chance in chances if chance is not None]
        if known:
            found["probability_best_kept"] = (min(known), max(known))
        return found

    def document(
        self, inputs: Sequence[Mapping[str, Any]] = (), command: str | None = None
    ) -> EstimateDocument:
        """What is kept of it: the document, without the draws.

        Args:
            inputs: what was read, and what the readers noted.
            command: the command line that made it, where one did.
        """
        quantities = {
            name: None if quantity is None else quantity.kept(self.confidence)
            for name, quantity in self.quantities.items()
        }
        return EstimateDocument(
            studies=self.studies,
            objective=self.objective,
            direction=self.direction,
            rule=RecordedRule.of(self.rule),
            next=self.next,
            clock=self.clock,
            costs=self.costs,
            final=self.final,
            confidence=self.confidence,
            replicates=self.replicates,
            seed=self.seed,
            method=self.method,
            extrapolated=self.extrapolated,
            quantities=quantities,
            probability_best_kept=self.probability_best_kept,
            probability_best_kept_interval=self.probability_best_kept_interval,
            degradation_as_seen=None
            if self.degradation_as_seen is None
            else self.degradation_as_seen.around(self.confidence),
            unseen=self.unseen,
            scatter=_scatter(self.scatter[:, :_SCATTER]),
            by_trials=self.by_trials,
            by_workers=self.by_workers,
            readings=self.readings,
            ranges={name: Range(low, high) for name, (low, high) in self.ranges().items()},
            same_cost=self.same_cost,
            leave_one_out=self.leave_one_out,
            advice=self.advice,
            backtest=self.backtest,
            warnings=self.warnings,
            inputs=tuple(inputs),
            esim=__version__,
            command=command,
            failures=self.failures,
            until=tuple(map(RecordedJobRule.of, self.until)),
            drawn_from=self.drawn_from,
        )

    def to_dict(
        self, inputs: Sequence[Mapping[str, Any]] = (), command: str | None = None
    ) -> dict[str, Any]:
        """The document, schema esim.estimate/1, of plain values; arguments as of `document`."""
        return self.document(inputs, command).to_dict()

    def to_json(self, inputs: Sequence[Mapping[str, Any]] = ()) -> str:
        """The document as strict JSON; `inputs` as of `document`."""
        return self.document(inputs).to_json()

    def _repr_html_(self) -> str:
        """In a notebook."""
        html: str = above("estimate_html")(self.document())
        return html


def _scatter(replays: Float64) -> Scatter:
    """The rows of `Estimate.scatter`, float64 [3, R], as the document keeps them."""
    saved, lost, kept = replays
    return Scatter(
        steps_saved_fraction=tuple(saved.tolist()),
        degradation_normalized=tuple(lost.tolist()),
        best_kept=tuple(None if np.isnan(k) else bool(k) for k in kept),
    )
