"""What a closed loop says, in the words that the terminal and the page share."""

from __future__ import annotations

from collections.abc import Iterator

from esim.report.words import (
    MISSING,
    clean,
    count,
    interval_words,
    number,
    percent,
    plural,
    seconds,
    share_words,
    signed,
)
from esim.results.closed_loop import (
    ClosedLoop,
    HeldAgainst,
    HeldJob,
    HeldNumber,
    SearcherForecast,
    Spread,
)

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
# Numbers of a job that ran with the rule, against a mean trial of the log.
AGAINST = {
    "steps_saved_fraction": "steps saved of a trial",
    "seconds_saved_fraction": "training time saved of a trial",
    "trials_stopped_fraction": "trials stopped",
    "best": "best value",
}


def acting(found: ClosedLoop) -> str:
    """The rule and the job-level rules; these alone where the rule is none."""
    until = " or ".join(clean(rule.text) for rule in found.until)
    if not until:
        return found.rule.name
    return until if found.rule.name == "none" else f"{found.rule.name} until {until}"


def head(found: ClosedLoop) -> Iterator[str]:
    """What was asked, and from what it is answered, in two lines; of several logs one more."""
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
    of = f" of {plural(len(q.logs), 'log')}" if q.logs else ""
    yield (
        f"the surrogate, from {plural(q.trials, 'trial')}{of} and "
        f"{plural(len(q.hyperparameters), 'hyperparameter')}: rank correlation of final values it "
        f"had not seen {q.rank_correlation:.2f} (refused below {q.least_correlation:.2f}), curves "
        f"with {100 * q.curve_error:.0f} % of the mean curve's error, {share_words(q.band_holds)} "
        f"of final values in its {share_words(q.band)} band"
    )
    if q.logs:
        yield "of each log, this correlation, and learned from it alone: " + ", ".join(
            f"{clean(log.study)} ({plural(log.trials, 'trial')}) "
            f"{number(log.rank_correlation, 2)}, {number(log.alone, 2)}"
            for log in q.logs
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
        if found.pair is not None and one.against is not None:
            yield _held(found.pair, one.against)
    r = found.replayed
    lost_words = share_words_signed(r.degradation_normalized)
    yield (
        f"Replay of the log, {plural(found.trials, 'trial')} of which a stop changes no later one: "
        f"{percent(r.steps_saved_fraction)} of the steps saved, the best worse by {lost_words} of "
        "that way."
    )


def _held(job: HeldJob, its: HeldAgainst) -> str:
    """A sentence on the job that ran with the rule."""
    told = f"Held against {clean(job.study)}, which ran with the rule: "
    missed = [f"{AGAINST[name]} {_recorded(its, name)}" for name in its.missed]
    if not missed:
        return told + f"all {len(its.quantities)} numbers that it recorded lie in the intervals."
    return told + f"MISSED, {'; '.join(missed)}."


def _recorded(its: HeldAgainst, name: str) -> str:
    """What was recorded of a number, and the interval."""
    one = its.quantities[name]
    return f"{held_value(name, one.recorded)} ({held_between(name, one)})"


def held_value(name: str, value: float | None) -> str:
    """A number of a job that ran with the rule."""
    return number(value) if name == "best" else percent(value)


def held_between(name: str, one: HeldNumber) -> str:
    """The interval of the futures."""
    return interval_words(one.low, one.high, lambda value: held_value(name, value))


def held_rows(its: HeldAgainst) -> Iterator[tuple[str, str, str, str, str]]:
    """Of each number its label, what was recorded, the median, the interval, and whether it holds.

    The last row is of the best so far, launch by launch.
    """
    for name, one in its.quantities.items():
        yield (
            AGAINST[name],
            held_value(name, one.recorded),
            held_value(name, one.median),
            held_between(name, one),
            "yes" if one.covered else "NO",
        )
    line = its.best_so_far
    yield (
        "best so far: launches outside",
        share_words(line.outside),
        MISSING,
        f"at most {share_words(line.allowed)}",
        "yes" if line.covered else "NO",
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
