"""Numbers and names as words, written the same way wherever a person reads them.

Unless a function says otherwise, a value that is unknown (None) becomes a dash.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from esim.errors import agree as agree
from esim.errors import clean as clean
from esim.errors import plural as plural
from esim.errors import visible as visible
from esim.results.chances import chance_words

if TYPE_CHECKING:
    from esim.assumptions import Clock
    from esim.results.comparison.comparison import Comparison
    from esim.results.replay import ReplayResult, Summary
    from esim.study import Direction

MISSING = "–"
# A spreadsheet takes a cell that begins like this for a formula (OWASP, "CSV Injection").
_FORMULA = re.compile(r"[=+\-@\t\r\n]|[＝＋－＠]")


def inert(text: str) -> str:
    """Text for a cell of CSV, without control characters.

    An apostrophe stands before it if a spreadsheet would take it for a formula.
    """
    shown = visible(text)
    formula = len(shown) > 1 and (_FORMULA.match(text) or _FORMULA.match(shown))
    return f"'{shown}" if formula else shown


def number(value: float | None, digits: int = 6) -> str:
    """The value of a metric, with so many significant digits; NaN becomes a dash too."""
    return MISSING if value is None or value != value else f"{value:.{digits}g}"


def aligned(values: Sequence[float | None], digits: int = 6, sign: str = "") -> list[str]:
    """The cells of a column of numbers, with the decimals that the longest of them takes.

    Args:
        values: None and NaN become a dash.
        digits: significant ones of each number.
        sign: "+": positive ones have their sign.
    """
    known = [value for value in values if value is not None and value == value]
    short = [f"{value:.{digits}g}" for value in known]
    if any("e" in text or "inf" in text for text in short):
        return [
            MISSING if v is None or v != v else f"{v:{sign if v else ''}.{digits}g}" for v in values
        ]
    decimals = max((len(text.partition(".")[2]) for text in short), default=0)
    return [
        MISSING if v is None or v != v else f"{v:{sign if v else ''}.{decimals}f}" for v in values
    ]


def signed(value: float | None, digits: int = 4) -> str:
    """A difference with its sign, with so many significant digits; 0 has no sign."""
    return MISSING if value is None else f"{value:+.{digits}g}" if value else "0"


def count(value: float | None) -> str:
    """A count or an amount, rounded to whole units."""
    return MISSING if value is None else f"{value:,.0f}"


def percent(share: float | None) -> str:
    """A share (1 is all) in per cent, with one decimal."""
    return MISSING if share is None else f"{100 * share:.1f} %"


def share_words(share: float | None) -> str:
    """A share (1 is all) in whole per cent; NaN becomes a dash too.

    It is never rounded to nothing or to all, which are claims of their own.
    """
    return chance_words(share, MISSING)


def open_end(value: float | None, show: Callable[[float | None], str]) -> str:
    """An end of an interval whose other end is known: None is one without bound."""
    return "no bound" if value is None else show(value)


def interval_words(
    low: float | None, high: float | None, show: Callable[[float | None], str]
) -> str:
    """An interval in words; an end that is None has no bound, and two are a dash.

    Args:
        low, high: its ends.
        show: writes a number.
    """
    if low is None and high is None:
        return MISSING
    if low is None:
        return f"{show(high)} or less"
    return f"{show(low)} or more" if high is None else f"{show(low)} to {show(high)}"


def probability(p: float | None) -> str:
    """The p-value of a statistical test."""
    return MISSING if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def seconds(value: float | None) -> str:
    """A duration, given in seconds, in the unit in which it is easiest to read."""
    if value is None:
        return MISSING
    if value < 120:
        return f"{value:.1f} s"
    minutes, hours = value / 60, value / 3600
    return f"{minutes:.1f} min" if hours < 2 else f"{hours:,.1f} h"


def money(value: float | None, currency: str | None) -> str:
    """An amount of money, with its currency if that is known."""
    return MISSING if value is None else f"{value:,.2f} {currency or ''}".strip()


def ordinal(rank: int) -> str:
    """A rank as an ordinal: 1st, 2nd, 3rd."""
    if 10 <= rank % 100 <= 20:
        return f"{rank}th"
    return f"{rank}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(rank % 10, 'th') }"


def clock_words(clock: Clock) -> str:
    """A clock in words: which trials count as earlier ones."""
    if clock.mode == "order":
        return "one trial after another"
    if clock.mode == "recorded":
        return "recorded times"
    return f"simulated on {plural(clock.workers, 'worker')}"


def makespan_words(summary: Summary) -> str:
    """The makespan, with the time between the jobs of a slot if it is half a second or more."""
    if summary.slot_gap_s is None or summary.slot_gap_s < 0.5:
        return "makespan"
    return f"makespan ({seconds(summary.slot_gap_s)} between jobs)"


def better_words(direction: Direction) -> str:
    """Which end of the objective's scale is better."""
    return f"{'lower' if direction == 'minimize' else 'higher'} is better"


def comparison_name(comparison: Comparison) -> str:
    """What is compared: the name of the study, or the number of studies."""
    studies = comparison.studies
    return studies[0].study if len(studies) == 1 else plural(len(studies), "study")


def left_out_words(comparison: Comparison) -> str:
    """On how many studies rules are compared, if some are left out, and why; else empty."""
    out = comparison.answer.left_out
    if not out or not comparison.answer.studies:
        return ""
    total = comparison.answer.studies + sum(one.studies for one in out)
    whys = "; ".join(f"{one.studies} left out: {one.text}" for one in out)
    return f"{comparison.answer.studies} of {total} studies ({whys})"


def gains(comparison: Comparison) -> bool:
    """Whether some best value got better, so that the mean change differs from the mean loss."""
    spreads = [entry.orders for entry in comparison.rules]
    return any(
        s.loss_normalized is not None
        and s.degradation_normalized is not None
        and s.loss_normalized.mean != s.degradation_normalized.mean
        for s in spreads
    )


def until_words(result: ReplayResult) -> str:
    """The job-level rules of a replay as they are written: "a=1 or b=2"."""
    return " or ".join(clean(rule.text) for rule in result.until)


def acting_words(result: ReplayResult) -> str:
    """The rule and the job-level rules that act on a job; these alone where the rule is none."""
    if not result.until:
        return result.rule.name
    until = until_words(result)
    return until if result.rule.name == "none" else f"{result.rule.name} until {until}"
