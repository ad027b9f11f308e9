"""What a closed loop says, in the words that the terminal and the page share."""

from __future__ import annotations

from collections.abc import Iterator

from esim.report.words import (
    clean,
    count,
    interval_words,
    percent,
    plural,
    seconds,
    share_words,
    signed,
)
from esim.results.closed_loop import ClosedLoop, SearcherForecast, Spread

SEARCH_WORDS = {
    "random": "random",
    "tpe": "Bayesian, TPE",
    "gp": "Bayesian, Gaussian process",
}
# Quantity -> its label, by what it is told.
AT_EQUAL_TRIALS = {
    "steps_saved_fraction": "steps saved",
    "seconds_saved_fraction": "training time saved",
    "billed_saved_fraction": "billed time saved",
    "cost_saved_fraction": "money saved",
    "makespan_saved_fraction": "makespan saved",
    "trials_stopped_fraction": "trials stopped",
    "trials_not_started": "trials not started",
    "degradation": "best value, worse by",
    "degradation_normalized": "the same, the log's best to median = 1",
}
AT_EQUAL_BUDGET = {
    "trials_equal_time": "trials ended by then",
    "degradation_equal_time": "best value at equal time, worse by",
    "degradation_normalized_equal_time": "the same, the log's best to median = 1",
    "degradation_equal_spent": "best value at equal training, worse by",
    "degradation_normalized_equal_spent": "the same, the log's best to median = 1",
}


def acting(found: ClosedLoop) -> str:
    """The rule and the job-level rules; these alone where the rule is none."""
    until = " or ".join(clean(rule.text) for rule in found.until)
    if not until:
        return found.rule.name
    return until if found.rule.name == "none" else f"{found.rule.name} until {until}"


def head(found: ClosedLoop) -> Iterator[str]:
    """What was asked, and from what it is answered, in two lines."""
    amount = {
        "trials": plural(int(found.budget.amount), "trial"),
        "seconds": f"what starts within {seconds(found.budget.amount)}",
        "money": f"what starts within {found.budget.amount:g} {clean(found.costs.currency, 10)}",
    }[found.budget.of]
    workers = plural(found.clock.workers, "worker")
    told = {"last": "its last value", "best": "its best value", "nothing": "nothing"}[found.told]
    yield (
        f"the next job: {amount} on {workers}; with {acting(found)} and without, "
        f"{found.futures} times for each search, which is told {told} of a stopped trial"
    )
    q = found.surrogate
    yield (
        f"the surrogate, from {plural(q.trials, 'trial')} and "
        f"{plural(len(q.hyperparameters), 'hyperparameter')}: rank correlation of final values it "
        f"had not seen {q.rank_correlation:.2f} (refused below {q.least_correlation:.2f}), curves "
        f"with {100 * q.curve_error:.0f} % of the mean curve's error, {share_words(q.band_holds)} "
        f"of final values in its {share_words(q.band)} band"
    )


def answer(found: ClosedLoop) -> Iterator[str]:
    """A sentence for each searcher."""
    for one in found.searchers:
        name = SEARCH_WORDS[one.searcher]
        if not one.record.covered:
            yield f"Search {name}: no answer, because without the rule it does not do what the "\
                "log's search did."  # fmt: skip
            continue
        saved = one.quantities["steps_saved_fraction"]
        lost = one.quantities["degradation_normalized"]
        kept = share_words(one.probability_no_worse)
        yield (
            f"Search {name}: {acting(found)} saves {percent(saved.median)} of the steps "
            f"({between(saved)}), and the best of as many trials is as good in {kept} of the "
            f"jobs; on average it is worse by {share_words_signed(lost.mean)} of the way from the "
            "log's best to its median trial."
        )
    r = found.replayed
    lost_words = share_words_signed(r.degradation_normalized)
    yield (
        f"Replay of the log, {plural(found.trials, 'trial')} of which a stop changes no later one: "
        f"{percent(r.steps_saved_fraction)} of the steps saved, the best worse by {lost_words} of "
        "that way."
    )


def share_words_signed(value: float | None) -> str:
    """A share of the way from best to median, in whole per cent; negative is better."""
    return "an unknown share" if value is None else f"{100 * value:.0f} %"


def show(spread: Spread, value: float | None) -> str:
    """A number of a spread for a person."""
    if spread.unit == "share":
        return percent(value)
    return count(value) if spread.unit == "trials" else signed(value, 3)


def between(spread: Spread) -> str:
    """The interval of a spread."""
    return interval_words(spread.low, spread.high, lambda value: show(spread, value))


def rows(one: SearcherForecast, names: dict[str, str]) -> Iterator[tuple[str, Spread]]:
    """The known quantities of a searcher among some, each with its label.

    How many trials never start is left out where no job-level rule can end the job.
    """
    for name, label in names.items():
        spread = one.quantities.get(name)
        if spread is None or spread.median is None:
            continue
        if name == "trials_not_started" and not spread.high:
            continue
        yield label, spread
