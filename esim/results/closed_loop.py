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
class LearnedLog:
    """One of several logs from which a surrogate has learned.

    Attributes:
        study: its name.
        trials: of it that were learned from and held out.
        rank_correlation: Spearman's, of the final values of its trials as predicted from all logs,
            each by trees that had not seen it, and as recorded; None where they do not differ.
        alone: the same of a surrogate that learns from this log alone; None where it cannot.
    """

    study: str
    trials: int
    rank_correlation: float | None
    alone: float | None


@dataclass(frozen=True)
class SurrogateQuality:
    """How well the surrogate predicts trials that its trees have not seen.

    Attributes:
        trials: from which it has learned.
        left_out: trials of the log that reported no value or were cut short; of several logs also
            those that an earlier one holds too.
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
        logs: each log, where it has learned from several, in the order given; else ().
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
    logs: tuple[LearnedLog, ...]


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
    """Whether futures cover the recorded best so far of a job, launch by launch.

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
class HeldNumber:
    """A number that a job with the rule recorded, and what the futures say of one more job.

    Attributes:
        recorded: by the job.
        median: of the futures.
        low, high: the ends of the interval in which one more job lies with the confidence asked.
        covered: whether what was recorded lies in it.
    """

    recorded: float
    median: float
    low: float
    high: float
    covered: bool


@dataclass(frozen=True)
class HeldAgainst:
    """A recorded job with the rule, held against a searcher's futures with it.

    Attributes:
        quantities: by name; what is saved is told of a mean trial, against one of the log.
        best_so_far: whether the futures with the rule cover the job's best so far.
    """

    quantities: Mapping[str, HeldNumber]
    best_so_far: RecordedBest

    @property
    def missed(self) -> list[str]:
        """The quantities whose interval does not hold what was recorded."""
        return [name for name, one in self.quantities.items() if not one.covered]


@dataclass(frozen=True)
class HeldJob:
    """A job that ran with the rule, against which the forecast is held.

    Attributes:
        study: its name.
        trials: in it.
        trials_stopped: those with a value that had been cut short.
    """

    study: str
    trials: int
    trials_stopped: int


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
        widening: how much wider the intervals of what is lost of the best are than its futures
            say: 1 for a random search, for one that learns 1 / the surrogate's rank correlation.
        against: a job that ran with the rule, held against its futures with the rule; None: there
            is none, or the futures without the rule do not look like the record.
    """

    searcher: str
    record: RecordedBest
    quantities: Mapping[str, Spread]
    probability_no_worse: float | None
    reached: float
    bands: tuple[Band, ...]
    widening: float
    against: HeldAgainst | None = None


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
        study, objective, direction: of the log; of several the first, of whose search the answers
            are: its best so far is held against the futures, and it is replayed.
        trials: in that log.
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
        pair: a job that ran with the rule, held against each forecast; None: there is none.
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
    pair: HeldJob | None = None
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
