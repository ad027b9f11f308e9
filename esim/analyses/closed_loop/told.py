"""What a closed loop must say beside its numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator

from esim.errors import clean, plural
from esim.results.closed_loop import ClosedLoop
from esim.results.replay import Caveat

_MOSTLY = 0.9  # of the futures
_WORSE = 0.1  # by so much less a rank correlation, logs that learn together are doubted
_WEAK = 0.6  # rank correlation below which the surrogate is called weak


def caveats(found: ClosedLoop) -> Iterator[Caveat]:
    """Reasons to doubt a closed loop, the gravest first."""
    for one in found.searchers:
        if not one.record.covered:
            yield Caveat(
                "record_not_covered",
                f"{one.searcher}: the log's best so far lies outside the band of simulated jobs "
                f"without the rule at {_percent(one.record.outside)} of the launches, where "
                f"{_percent(one.record.allowed)} may be chance; on the surrogate this searcher "
                "does not do what the log's search did, so no number of it is shown",
            )
        elif one.reached < _MOSTLY:
            yield Caveat(
                "not_reached",
                f"{one.searcher}: in {_percent(1 - one.reached)} of the futures the arm with the "
                f"rule had {found.beyond:g} times as many trials before it had used what the other "
                "used; what it finds at equal time and equal training is then at least as good as "
                "told",
            )
    yield from _of_the_pair(found)
    quality = found.surrogate
    for log in quality.logs:
        if log.alone is not None and (log.rank_correlation or 0.0) < log.alone - _WORSE:
            yield Caveat(
                "worse_together",
                f"learned together, the trials of {clean(log.study)} are predicted with a rank "
                f"correlation of {log.rank_correlation or 0.0:.2f}, and from that log alone with "
                f"{log.alone:.2f}: the logs may not be of one problem",
            )
    yield Caveat(
        "surrogate",
        "every future runs on a surrogate learned from "
        f"{quality.trials} trials, which ranks unseen ones with a correlation of "
        f"{quality.rank_correlation:.2f}: it cannot know configurations far better than any in "
        "the log",
    )
    yield from _of_intervals(found)
    if quality.rank_correlation < _WEAK:
        yield Caveat(
            "weak_surrogate",
            f"the surrogate is weak (rank correlation {quality.rank_correlation:.2f}): a search "
            "that learns gains less on it than on the real problem",
        )
    if any(one.searcher != "random" for one in found.searchers):
        yield Caveat(
            "searcher_unknown",
            "SageMaker's own search is not public: TPE and the Gaussian process stand for it, "
            "and the truth may lie outside what they say",
        )
    if quality.filled:
        names = ", ".join(f"{name} ({trials})" for name, trials in quality.filled.items())
        yield Caveat(
            "filled",
            f"hyperparameters without a value in some trials have their usual one there: {names}",
        )
    if quality.left_out:
        yield Caveat(
            "left_out",
            f"nothing is learned from {plural(quality.left_out, 'trial')} without a value or "
            "cut short" + (", or in an earlier log too" if quality.logs else ""),
        )
    if quality.not_a_number:
        yield Caveat(
            "not_a_number",
            f"{plural(quality.not_a_number, 'report', 'have')} no finite number; in the "
            "futures the worst "
            "finite value stands for it",
        )
    if not found.timed:
        yield Caveat("no_times", "the log has no report times: a step counts as a second")


def _of_the_pair(found: ClosedLoop) -> Iterator[Caveat]:
    """What a job that ran with the rule says against the forecast."""
    if found.pair is None:
        return
    job = clean(found.pair.study)
    for one in found.searchers:
        its = one.against
        if its is not None and (its.missed or not its.best_so_far.covered):
            what = [*its.missed, *["best so far"] * (not its.best_so_far.covered)]
            yield Caveat(
                "pair_missed",
                f"{one.searcher}: what {job} recorded with the rule lies outside the forecast in "
                f"{', '.join(what)}; {_percent(1 - found.confidence)} of jobs may miss each by "
                "chance, if the forecast is right",
            )
    if not found.pair.trials_stopped:
        yield Caveat(
            "pair_without_stops",
            f"no trial of {job} was cut short: perhaps it did not run with the rule",
        )


def _of_intervals(found: ClosedLoop) -> Iterator[Caveat]:
    """What the intervals hold, and which are wider than the futures say."""
    most = (found.futures - 1) / (found.futures + 1)
    if most < found.confidence - 1e-9:
        least = math.ceil((1 + found.confidence) / (1 - found.confidence) - 1e-9)
        yield Caveat(
            "few_futures",
            f"of {found.futures} futures the widest interval holds {_percent(most)} of jobs, and "
            f"{_percent(found.confidence)} needs {least}",
        )
    yield Caveat(
        "intervals",
        "where the truth is known, 90 % intervals held about 90 % of the true savings from logs "
        "of 30 trials and 80 % from 100, and 85 to 95 % of the true losses; in a continuous space "
        "fewer of the savings of a search that learns (reports/closed_loop_intervals.md)",
    )
    for one in found.searchers:
        if one.widening != 1.0 and one.record.covered:
            yield Caveat(
                "widened",
                f"{one.searcher}: intervals of what is lost of the best are {one.widening:.2f} "
                "times as wide as its futures say, because these share the surrogate's error "
                f"(rank correlation {found.surrogate.rank_correlation:.2f}); the middle may "
                "still be off either way",
            )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
