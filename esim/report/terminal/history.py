"""The replay of a history of many studies, on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from esim.report.terminal.replay import table
from esim.report.words import clean, count, money, number, percent, seconds

if TYPE_CHECKING:
    from esim.results.history import HistoryReplay

_SHOWN = 10  # failures that are shown
_ROWS: dict[str, tuple[str, Callable[[float], str]]] = {
    "steps_saved_fraction": ("steps saved", percent),
    "seconds_saved_fraction": ("training time saved", percent),
    "billed_saved_fraction": ("billed time saved", percent),
    "makespan_saved_fraction": ("makespan saved", percent),
    "cost_saved_fraction": ("cost saved", percent),
    "degradation_normalized": ("degradation, of best to median", percent),
    "best_rank": ("rank of the best kept", number),
}


def show_many(result: HistoryReplay, console: Console) -> None:
    """Print the totals, how they spread over the studies, and what could not be replayed."""
    t = result.totals
    head = Text(clean(str(result.inputs[0]["path"])), style="bold")
    clock = result.clock.mode or "as recorded"
    until = "".join(f" until {clean(rule.text)}" for rule in result.until)
    head.append(
        f"  {count(result.studies)} studies, {count(t['trials'])} trials; rule "
        f"{result.rule.name}{until}, clock {clock}",
        style="dim",
    )
    console.print(head)
    console.print(Padding(Text(_answer(result), style="bold"), (1, 0)))
    names = ("5 %", "25 %", "median", "75 %", "95 %")
    shown = table("How it spreads over the studies", "", "studies", *names)
    for key, spread in result.spread.items():
        label, show = _ROWS[key]
        levels = [show(value) for name, value in spread.items() if name != "studies"]
        shown.add_row(label, count(spread["studies"]), *levels)
    console.print(shown)
    if result.warnings:
        console.print(Text("\nWhy to doubt it", style="bold"))
        for code, studies in result.warnings.items():
            console.print(Padding(Text(f"· {code}: {count(studies)} studies"), (0, 0, 0, 1)))
        console.print(Text(" --study NAME explains them for one", style="dim"))
    show_failures(result.failures, console)


def show_failures(failures: Mapping[str, str], console: Console) -> None:
    """Print how many studies could not be replayed, and for the first ten the reason.

    Args:
        failures: name of a study -> why it could not be replayed; if empty, nothing is printed.
        console: what is printed on.
    """
    if not failures:
        return
    console.print(Text(f"\nNot replayed: {len(failures)} studies", style="bold red"))
    for study, why in list(failures.items())[:_SHOWN]:
        line = clean(" ".join(why.split()), 300)
        console.print(Padding(Text(f"· {clean(study)}: {line}"), (0, 0, 0, 1)))


def _answer(result: HistoryReplay) -> str:
    t = result.totals
    if not result.studies:
        return "No study could be replayed."
    left = ""
    if result.until:
        left = (
            f", the jobs would have ended without starting {count(t['trials_not_started'])} and "
            f"cutting {count(t['trials_cut'])} of them,"
        )
    text = (
        f"The rule would have stopped {count(t['trials_stopped'])} of {count(t['trials'])} trials"
        f"{left} and saved {percent(t['steps_saved_fraction'])} of the steps"
    )
    if t["seconds_saved_fraction"] is not None:
        saved = seconds(t["seconds_recorded"] - t["seconds_run"])
        text += f" and {percent(t['seconds_saved_fraction'])} of the training time ({saved})"
    if t["cost"] is not None:
        text += f", {money(t['cost_recorded'] - t['cost'], t['currency'])}"
    lost = t["best_trials_stopped"]
    word = "the best was lost" if result.until else "it stopped the best trial"
    return f"{text}; {word} in {count(lost)} of {count(result.studies)} studies."
