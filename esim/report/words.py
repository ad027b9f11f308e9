"""Numbers and names as words, the same wherever a person reads them."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from esim.assumptions import Clock
    from esim.results.comparison.comparison import Comparison
    from esim.study import Direction

MISSING = "–"
# A cell that begins so is a formula to a spreadsheet (OWASP, "CSV Injection").
_FORMULA = re.compile(r"[=+\-@\t\r\n]|[＝＋－＠]")


def visible(text: str) -> str:
    """Text from a log without control characters: nothing in it can be obeyed, or hide."""
    return "".join(c if unicodedata.category(c)[0] != "C" else f"\\x{ord(c):02x}" for c in text)


def inert(text: str) -> str:
    """Text for a cell of CSV: without control characters, and behind an apostrophe if a spreadsheet
    would calculate it."""
    shown = visible(text)
    formula = len(shown) > 1 and (_FORMULA.match(text) or _FORMULA.match(shown))
    return f"'{shown}" if formula else shown


def clean(text: str, longest: int = 60) -> str:
    """A name from a log, safe on a terminal: no control characters, not endless."""
    shown = visible(text)
    if len(shown) <= longest:
        return shown
    half = (longest - 1) // 2
    return f"{shown[: longest - 1 - half]}…{shown[-half:]}"


def number(value: float | None, digits: int = 6) -> str:
    """A metric value."""
    return MISSING if value is None or value != value else f"{value:.{digits}g}"


def signed(value: float | None, digits: int = 4) -> str:
    """A difference, with its sign."""
    return MISSING if value is None else f"{value:+.{digits}g}" if value else "0"


def count(value: float | None) -> str:
    """A count or an amount in whole units."""
    return MISSING if value is None else f"{value:,.0f}"


def percent(share: float | None) -> str:
    """A share of the recorded amount."""
    return MISSING if share is None else f"{100 * share:.1f} %"


def share_words(share: float | None) -> str:
    """A share of cases, in whole per cent."""
    return MISSING if share is None or share != share else f"{100 * share:.0f} %"


def probability(p: float | None) -> str:
    """The p of a test."""
    return MISSING if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def seconds(value: float | None) -> str:
    """A duration."""
    if value is None:
        return MISSING
    if value < 120:
        return f"{value:.1f} s"
    minutes, hours = value / 60, value / 3600
    return f"{minutes:.1f} min" if hours < 2 else f"{hours:,.1f} h"


def money(value: float | None, currency: str | None) -> str:
    """An amount of money."""
    return MISSING if value is None else f"{value:,.2f} {currency or ''}".strip()


def ordinal(rank: int) -> str:
    """1st, 2nd, 3rd, ..."""
    if 10 <= rank % 100 <= 20:
        return f"{rank}th"
    return f"{rank}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(rank % 10, 'th') }"


def clock_words(clock: Clock) -> str:
    """How the trials meet."""
    if clock.mode == "order":
        return "one trial after another"
    if clock.mode == "recorded":
        return "recorded times"
    return f"simulated on {clock.workers} worker" + ("s" if clock.workers > 1 else "")


def better_words(direction: Direction) -> str:
    """Which end of the scale is better."""
    return f"{'lower' if direction == 'minimize' else 'higher'} is better"


def plural(n: int, word: str) -> str:
    """A number of things: 1 trial, 2 trials, 3 studies."""
    if n == 1:
        return f"1 {word}"
    return f"{n:,} {word[:-1]}ies" if word.endswith("y") else f"{n:,} {word}s"


def comparison_name(comparison: Comparison) -> str:
    """Of what a comparison is."""
    studies = comparison.studies
    return studies[0].study if len(studies) == 1 else plural(len(studies), "study")
