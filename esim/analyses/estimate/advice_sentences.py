"""What the advice of an estimate says: a yes or no and why, each aim, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from esim.analyses.estimate.backtest_misses import missed_words
from esim.results.backtest import BacktestRow
from esim.results.chances import chance_words
from esim.results.estimate import Chances, Interval, Thresholds
from esim.results.forecast import Estimate

AMOUNTS = {
    "cost_saved_fraction": "money",
    "billed_saved_fraction": "billed time",
    "steps_saved_fraction": "steps",
}
_AS_SEEN = "if the next trials are like past ones"


@dataclass(frozen=True)
class Advised:
    """What the advice is told from.

    Attributes:
        found: the estimate.
        verdict: the verdict.
        aims: what is asked for.
        chances: of reaching it.
        short: why the history is too short for any advice; empty if it is not.
        needed: past trials that the confidence takes.
        missed: intervals that a backtest found to hold too seldom.
        far: whether one of them did far too seldom.
    """

    found: Estimate
    verdict: str
    aims: Thresholds
    chances: Chances
    short: str
    needed: int
    missed: Sequence[BacktestRow]
    far: bool

    @property
    def asked(self) -> str:
        """The chance that is asked for."""
        return f"{100 * self.found.confidence:g} %"

    @property
    def least(self) -> str:
        """The least saving that is asked for."""
        return f"{100 * self.aims.min_saving:g} % of the {AMOUNTS[self.aims.saving]}"

    @property
    def most(self) -> str:
        """The largest loss that is accepted."""
        return f"{100 * self.aims.max_degradation:g} %"


def sentence(of: Advised) -> str:
    """Yes, no, or not enough to tell, and why."""
    if of.verdict == "enable":
        return (
            f"Yes, switch it on: it saves at least {of.least} and loses at most {of.most}, each "
            f"with a chance of {of.asked} or more."
        )
    if of.verdict == "do_not_enable":
        return f"No: it more likely {' and '.join(_missed_aims(of))}."
    if of.verdict == "enable_with_doubts":
        whys = list(_short_aims(of)) or ["on past trials such forecasts missed too often"]
        return f"Not sure enough for a yes: {'; '.join(whys)}."
    return f"Not enough to tell: {_unknown(of)}."


def reasons(of: Advised) -> Iterator[str]:
    """A sentence for each aim, asked and reached side by side, and what else is known."""
    found, chances = of.found, of.chances
    asked = found.confidence
    reached = chance_words(chances.saving_at_least, below=asked)
    text = f"Chance to save at least {of.least}: {reached}"
    text += f" ({of.asked} is asked){_forecast(found.around(of.aims.saving))}"
    steps = found.around("steps_saved_fraction")
    if of.aims.saving != "steps_saved_fraction" and steps is not None:
        text += f", and of the steps {_around(steps)}"
    yield f"{text}."
    text = (
        f"Chance to lose at most {of.most} of the way from the best to the median trial: "
        f"{chance_words(chances.degradation_at_most, below=asked)}"
    )
    as_seen = chances.degradation_at_most_as_seen
    if as_seen is not None and as_seen != chances.degradation_at_most:
        text += f" at worst, {chance_words(as_seen)} {_AS_SEEN}"
    text += f" ({of.asked} is asked)"
    yield f"{text}{_forecast(found.around('degradation_normalized'))}."
    kept, around = found.probability_best_kept, found.probability_best_kept_interval
    if kept is None:
        yield "Whether the best trial is kept cannot be told from this record."
    else:
        text = f"Chance to keep the best trial: {chance_words(kept)}"
        if around is not None:
            text += f" ({chance_words(around[0])} to {chance_words(around[1])})"
        if found.unseen is not None:
            text += f", {chance_words(found.unseen.best_kept_as_seen)} {_AS_SEEN}"
        yield f"{text}."
    for row in of.missed:
        words = missed_words(row, found.confidence)
        yield f"{words[:1].upper()}{words[1:]}."


def next_step(of: Advised) -> str:
    """What to do with the answer."""
    if of.verdict == "enable":
        return "Next: switch it on, and replay the jobs to come to see whether this holds."
    if of.verdict == "do_not_enable":
        return "Next: leave it off; esim compare LOGS names rules that save more or lose less."
    longer = [one for one in of.found.warnings if one.code == "longer_search"]
    if longer and None in (of.chances.saving_at_least, of.chances.degradation_at_most):
        return (
            "Next: forecast a job of fewer trials (--trials; the reasons to doubt say of how "
            "many), or say --launch shuffled if trials do not depend on earlier ones."
        )
    enough = _enough_trials(of)
    if of.verdict == "enable_with_doubts" and not any(_short_aims(of)):
        return (
            "Next: add past jobs, or try it on one job and replay that to see whether this holds."
        )
    if of.verdict == "enable_with_doubts":
        return (
            f"Next: esim compare LOGS names safer rules{enough and f'; {enough}'}; or accept more "
            "(--max-degradation, --min-saving, --confidence)."
        )
    if of.short:
        return f"Next: add past jobs until {of.needed} trials report values."
    if None in (of.chances.saving_at_least, of.chances.degradation_at_most):
        return (
            "Next: add past jobs whose trials ran to their end; the reasons to doubt say why it "
            "cannot be known."
        )
    return f"Next: {enough or 'add past jobs'}; esim compare LOGS names safer rules."


def _missed_aims(of: Advised) -> Iterator[str]:
    """The aims that are more likely missed than reached, and how."""
    chances = of.chances
    lost = chances.degradation_at_most_as_seen
    lost = chances.degradation_at_most if lost is None else lost
    if chances.saving_at_least is not None and chances.saving_at_least < 0.5:
        yield f"saves less than {of.least} than that much"
    if lost is not None and lost < 0.5:
        yield f"loses more than {of.most} of the way from the best to the median trial than less"


def _short_aims(of: Advised) -> Iterator[str]:
    """The aims that are reached less surely than is asked."""
    saved, lost = of.chances.saving_at_least, of.chances.degradation_at_most
    asked = f"and {of.asked} is asked"

    def said(chance: float) -> str:
        return chance_words(chance, below=of.found.confidence)

    if saved is not None and saved < of.found.confidence:
        yield f"the chance to save at least {of.least} is {said(saved)}, {asked}"
    if lost is not None and lost < of.found.confidence:
        yield f"the chance to lose at most {of.most} is {said(lost)}, {asked}"


def _unknown(of: Advised) -> str:
    """Why there is not enough to tell."""
    if of.short:
        return of.short
    if of.chances.saving_at_least is None:
        return "what it saves cannot be known from this record"
    if of.chances.degradation_at_most is None:
        return "what it loses cannot be known from this record"
    if of.far:
        return "on past trials such forecasts missed far too often"
    return "the best trial of the next job may be unlike any past one, and would then be lost"


def _forecast(around: Interval | None) -> str:
    return "" if around is None else f". Forecast: {_around(around)}"


def _around(around: Interval) -> str:
    """A median and its interval."""
    median = f"{100 * around.median:.1f} %"
    if around.low is None or around.high is None:
        return median
    return f"{median} ({100 * around.low:.1f} % to {100 * around.high:.1f} %)"


def _enough_trials(of: Advised) -> str:
    """How many past trials would do, where it is only that there are too few; else empty."""
    unseen, as_seen = of.found.unseen, of.chances.degradation_at_most_as_seen
    lost, asked = of.chances.degradation_at_most, of.found.confidence
    if unseen is None or unseen.trials_needed is None or as_seen is None or lost is None:
        return ""
    if not lost < asked <= as_seen:
        return ""
    return (
        f"{unseen.trials_needed:,} past trials are enough for {of.asked} on a job of "
        f"{of.found.next.trials:,}"
    )
