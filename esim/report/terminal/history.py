"""The replay of a history of many studies, on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from esim.report.replayed_history import HEADLINES, acting_rule, history_answer
from esim.report.terminal.console import inset
from esim.report.terminal.replay import show_doubts
from esim.report.terminal.tables import Heading, table
from esim.report.words import clean, count, money, percent, plural

if TYPE_CHECKING:
    from esim.results.history import Breakdown, HistoryReplay

_SHOWN = 10  # failures that are shown


def show_many(result: HistoryReplay, console: Console) -> None:
    """Print the totals, how they spread over the studies, and what could not be replayed."""
    t = result.totals
    head = Text(clean(str(result.inputs[0]["path"])), style="bold")
    clock = result.clock.mode or "recorded, or order where times are missing"
    head.append(
        f"  {plural(result.studies, 'study')}, {plural(t['trials'], 'trial')}; rule "
        f"{acting_rule(result)}, clock {clock}",
        style="dim",
    )
    console.print(head)
    for note in result.inputs[0].get("notes", ()):
        console.print(inset(Text(f"· {clean(note['text'], 300)}", style="dim"), (0, 0, 0, 1)))
    console.print(inset(Text(history_answer(result), style="bold"), (1, 0)))
    shown = table(
        "How it spreads over the studies",
        "",
        Heading("studies", minor=2),
        "5 %",
        Heading("25 %", minor=1),
        "median",
        Heading("75 %", minor=1),
        "95 %",
    )
    for key, spread in result.spread.items():
        label, show = HEADLINES[key]
        levels = [show(value) for name, value in spread.items() if name != "studies"]
        shown.add_row(label, count(spread["studies"]), *levels)
    console.print(shown)
    if result.by is not None:
        _show_parts(result.by, console)
    show_doubts(result.warnings, console)
    show_failures(result.failures, console)


def _show_parts(by: Breakdown, console: Console) -> None:
    """Print the totals of each month or group, and last of the studies without a date."""
    timed = any(one.totals["seconds_saved_fraction"] is not None for one in by.parts)
    currency = next((t["currency"] for one in by.parts if (t := one.totals)["cost"]), None)
    more = [Heading("time saved", minor=1)] * timed
    more += [Heading(f"{currency} saved")] * (currency is not None)
    shown = table(
        f"By {by.what}",
        "",
        "studies",
        Heading("trials", minor=3),
        Heading("stopped", minor=2),
        "steps saved",
        *more,
        "best lost in",
    )
    for one in by.parts:
        t = one.totals
        cost = None if t["cost"] is None else t["cost_recorded"] - t["cost"]
        shown.add_row(
            "no date" if one.name is None else clean(one.name),
            *(count(t[key]) for key in ("studies", "trials", "trials_stopped")),
            percent(t["steps_saved_fraction"]),
            *[percent(t["seconds_saved_fraction"])] * timed,
            *[money(cost, "")] * (currency is not None),
            count(t["best_trials_stopped"]),
        )
    console.print(shown)


def show_failures(
    failures: Mapping[str, str], console: Console, what: str = "Not replayed"
) -> None:
    """Print how many studies could not be used, and for the first ten the reason.

    Args:
        failures: name of a study -> why it could not be used; if empty, nothing is printed.
        console: what is printed on.
        what: how the line begins.
    """
    if not failures:
        return
    console.print(Text(f"\n{what}: {plural(len(failures), 'study')}", style="bold red"))
    for study, why in list(failures.items())[:_SHOWN]:
        line = clean(" ".join(why.split()), 300)
        console.print(inset(Text(f"· {clean(study)}: {line}"), (0, 0, 0, 1)))
