"""What a closed loop must say beside its numbers."""

from __future__ import annotations

from collections.abc import Iterator

from esim.errors import plural
from esim.results.closed_loop import ClosedLoop
from esim.results.replay import Caveat

_MOSTLY = 0.9  # of the futures
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
    quality = found.surrogate
    yield Caveat(
        "surrogate",
        "every future runs on a surrogate learned from "
        f"{quality.trials} trials, which ranks unseen ones with a correlation of "
        f"{quality.rank_correlation:.2f}: it cannot know configurations far better than any in "
        "the log",
    )
    yield Caveat(
        "intervals",
        "where the truth is known, 90 % intervals held about 80 % of the true savings, and two "
        "thirds to three quarters of the true losses of a search that learns: take them for too "
        "narrow (reports/closed_loop.md)",
    )
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
            "cut short",
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


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
