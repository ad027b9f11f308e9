"""What a closed loop found, as records and as the document esim.closed-loop/1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from esim.assumptions import Clock, Costs
from esim.errors import plural
from esim.results.named_rule import RecordedJobRule, RecordedRule
from esim.results.plots import Plots
from esim.results.recorded_inputs import Inputs
from esim.results.records import Document, finite
from esim.results.replay import Caveat
from esim.results.shown import share_words
from esim.storage.typed import plain
from esim.version import __version__

SCHEMA = "esim.closed-loop/1"


@dataclass(frozen=True)
class SurrogateQuality:
    """How well the surrogate predicts trials that its trees have not seen.

    Attributes:
        trials: from which it has learned.
        left_out: trials of the log that reported no value or were cut short.
        hyperparameters: that vary, the dimensions of its space.
        constant: hyperparameters that never change.
        filled: hyperparameter -> in how many trials it has no value and a usual one stands in.
        rank_correlation: Spearman's, of predicted and recorded final values.
        least_correlation: below which a surrogate of so many trials is refused.
        curve_error: the mean error of its curves, as a share of that of the mean curve of the other
            trials; on the scale of normal scores. 1: nothing is learned.
        seconds_correlation: Spearman's, of predicted and recorded seconds; None without times.
        band, band_holds: which share of final values should lie in the central band of what it
            draws for their configurations, and which does.
        noise: by what errors of unseen trials are scaled that are added to what it draws.
        not_a_number: reports whose value is not finite; they count as the worst finite value.
    """

    trials: int
    left_out: int
    hyperparameters: tuple[str, ...]
    constant: tuple[str, ...]
    filled: Mapping[str, int]
    rank_correlation: float
    least_correlation: float
    curve_error: float
    seconds_correlation: float | None
    band: float
    band_holds: float
    noise: float
    not_a_number: int


@dataclass(frozen=True)
class Spread:
    """A number over the simulated futures, those in which it is known.

    Attributes:
        median, low, high: the middle, and the ends of the central interval.
        mean: over the futures.
        unit: share, value (the objective's), normalized or trials.
        known: in which share of the futures it is known.
    """

    median: float | None
    low: float | None
    high: float | None
    mean: float | None
    unit: str
    known: float


@dataclass(frozen=True)
class Band:
    """The best so far over a job: a line of medians and a band around it.

    Attributes:
        axis: "trials" launched, "seconds" since the start, "spent" training seconds (steps without
            report times) of what has ended, or "cost", its money.
        arm: "without" the rule or "with" it.
        at: places on the axis, ascending.
        low, median, high: of the futures at each place; None where too few have a best.
    """

    axis: str
    arm: str
    at: tuple[float, ...]
    low: tuple[float | None, ...]
    median: tuple[float | None, ...]
    high: tuple[float | None, ...]


@dataclass(frozen=True)
class RecordedBest:
    """Whether futures without the rule cover the recorded best so far, launch by launch.

    Attributes:
        outside: share of the launches at which the recorded best lies outside the band.
        allowed: what 95 % of the futures themselves stay within.
        covered: whether `outside` is at most `allowed`.
        at, recorded: the recorded best so far after each launch, those compared.
    """

    outside: float
    allowed: float
    covered: bool
    at: tuple[int, ...]
    recorded: tuple[float | None, ...]


@dataclass(frozen=True)
class SearcherForecast:
    """What the futures of one searcher say.

    Attributes:
        searcher: "random", "tpe" or "gp".
        record: whether its futures without the rule look like the record.
        quantities: by name, with the rule against without it; all unknown if they do not.
        probability_no_worse: share of futures in which the best value with the rule, at equal
            trials, is as good as without it; None as above.
        reached: share of futures in which the arm with the rule came to use all the time and the
            training of the one without it, before it had `ClosedLoop.beyond` times as many trials.
        bands: the best so far.
    """

    searcher: str
    record: RecordedBest
    quantities: Mapping[str, Spread]
    probability_no_worse: float | None
    reached: float
    bands: tuple[Band, ...]


@dataclass(frozen=True)
class ReplayAnswer:
    """What the replay of the log says of the same numbers. None: unknown."""

    steps_saved_fraction: float | None
    seconds_saved_fraction: float | None
    degradation: float | None
    degradation_normalized: float | None


@dataclass(frozen=True)
class RecordedBudget:
    """What the job without the rule may start.

    Attributes:
        of: what it is counted in: trials, seconds or money.
        amount: how much of it.
    """

    of: str
    amount: float


@dataclass(frozen=True, repr=False)
class ClosedLoop(Document):
    """Simulated futures of the search of one problem, with a rule and without it.

    Attributes:
        study, objective, direction: of the log.
        trials: in the log.
        rule, until: what may end trials, and the job.
        clock: by which the futures run, simulated on so many workers.
        costs: of the jobs.
        final: which reported value is a trial's final one.
        told: what the search is told of a stopped trial: its "last" value, "best", or "nothing".
        budget: of the job without the rule.
        beyond: how many times as many trials the arm with the rule may have, as it goes on to use
            what the one without it used.
        futures: of each searcher.
        seed: the same seed gives the same bytes.
        confidence: of intervals and bands.
        timed: whether the log has report times; else a step counts as a second.
        surrogate: how well it predicts.
        replayed: what the replay of the log says.
        searchers: a forecast for each searcher.
        caveats: reasons to doubt it.
    """

    study: str
    objective: str
    direction: str
    trials: int
    rule: RecordedRule
    until: tuple[RecordedJobRule, ...]
    clock: Clock
    costs: Costs
    final: str
    told: str
    budget: RecordedBudget
    beyond: float
    futures: int
    seed: int
    confidence: float
    timed: bool
    surrogate: SurrogateQuality
    replayed: ReplayAnswer
    searchers: tuple[SearcherForecast, ...]
    caveats: tuple[Caveat, ...]
    schema: ClassVar = SCHEMA
    inputs: Inputs = ()
    command: str | None = None
    esim: str = __version__

    def _in_short(self) -> Iterator[str]:
        yield (
            f"ClosedLoop of {self.study!r}: rule {self.rule.name}, "
            f"{plural(self.clock.workers, 'worker')}; {plural(self.futures, 'future')} each"
        )
        saved = (
            f"{one.searcher} {share_words(one.quantities['steps_saved_fraction'].median)}"
            for one in self.searchers
        )
        yield f"steps saved, by searcher: {', '.join(saved)}"
        yield '.of(searcher) .plot.names() .report("r.html") .save("folder")'

    @property
    def plot(self) -> Plots:
        """Its figures: `found.plot.draw(name)`."""
        return Plots(self)

    def of(self, searcher: str) -> SearcherForecast:
        """The forecast of a searcher. Raises KeyError for one that was not asked for."""
        return {one.searcher: one for one in self.searchers}[searcher]

    def to_dict(self) -> dict[str, Any]:
        """The document, schema esim.closed-loop/1, of strict JSON values."""
        entries = plain(self)
        found: dict[str, Any] = {
            "schema": SCHEMA,
            "esim": entries.pop("esim"),
            **finite(entries),
        }
        return found
