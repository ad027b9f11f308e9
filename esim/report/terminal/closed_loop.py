"""What the search would have done next, on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from esim.report.simulated_search import (
    AT_EQUAL_BUDGET,
    AT_EQUAL_TRIALS,
    SEARCH_WORDS,
    answer,
    between,
    head,
    held_rows,
    rows,
    show,
)
from esim.report.terminal.console import inset
from esim.report.terminal.tables import Heading, table
from esim.report.words import clean, share_words
from esim.results.closed_loop import ClosedLoop, SearcherForecast

_LONGEST = 1000  # characters of a sentence


def show_closed_loop(found: ClosedLoop, console: Console) -> None:
    """Print what was simulated, the answer, the numbers of each search, and why to doubt them."""
    console.print(Text.assemble((clean(found.study), "bold"), f"  {clean(found.objective)}"))
    for line in head(found):
        console.print(Text(line, style="dim"))
    console.print(inset(Text("\n".join(answer(found)), style="bold"), (1, 0)))
    for one in found.searchers:
        if one.record.covered:
            _show_searcher(found, one, console)
    console.print(Text("\nWhy to doubt it", style="bold"))
    for caveat in found.caveats:
        console.print(inset(Text(f"· {clean(caveat.text, _LONGEST)}"), (0, 0, 0, 1)))


def _show_searcher(found: ClosedLoop, one: SearcherForecast, console: Console) -> None:
    title = f"Search {SEARCH_WORDS[one.searcher]}"
    shown = table(
        title,
        Heading("with the rule", "left", flows=True),
        "median",
        f"{share_words(found.confidence)} of jobs",
        Heading("mean", minor=1),
    )
    for names, when in ((AT_EQUAL_TRIALS, "at equal trials"), (AT_EQUAL_BUDGET, "at equal budget")):
        its = list(rows(one, names))
        if its:
            shown.add_row(Text(when, style="dim"), "", "", "")
        for label, spread in its:
            shown.add_row(
                f" {label}",
                show(spread, spread.median),
                between(spread),
                show(spread, spread.mean),
            )
    console.print(shown)
    if found.pair is not None and one.against is not None:
        held = table(
            f"Held against {clean(found.pair.study)}",
            Heading("what it recorded", "left", flows=True),
            "recorded",
            "median",
            f"{share_words(found.confidence)} of jobs",
            "held",
        )
        for row in held_rows(one.against):
            held.add_row(*row)
        console.print(held)
