"""What differs between two replays, on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from esim.errors import plural
from esim.report.differing import (
    AMOUNTS,
    amounts,
    compared_sides,
    difference_answer,
    most_changed,
    side_words,
    why_words,
)
from esim.report.pages.page import Column
from esim.report.terminal.console import inset, show_last
from esim.report.terminal.tables import Heading, table
from esim.report.words import MISSING, clean, percent
from esim.results.difference import Difference, StudyNumbers

_SHOWN = 20  # studies
_NAMED = 5  # studies of one replay alone


def show_difference(found: Difference, console: Console) -> None:
    """Print what changed in total, which settings differ, and the studies that changed most."""
    for which, side in (("old", found.old), ("new", found.new)):
        console.print(Text(f"{which}  {clean(side_words(side), 300)}", style="dim"))
    answer = tuple(difference_answer(found))
    for i, sentence in enumerate(answer):
        console.print(inset(Text(clean(sentence, 600), style="bold" if not i else ""), (not i, 0)))
    console.print()
    _show_totals(found, console)
    if found.settings:
        old, new = (Heading(name, "left", flows=True) for name in ("old", "new"))
        shown = table(
            "Settings that differ", "", Heading("of", "left", minor=1), old, new, words=True
        )
        for one in found.settings:
            values = (
                MISSING if value is None else clean(str(value)) for value in (one.old, one.new)
            )
            shown.add_row(one.name, one.cause, *values)
        console.print(shown)
    if found.changed:
        _show_changed(found, console)
    for names, which in ((found.only_old, "old"), (found.only_new, "new")):
        if names:
            more = ", ..." if len(names) > _NAMED else ""
            told = ", ".join(clean(name, 40) for name in names[:_NAMED])
            console.print(Text(f"Only in the {which} one: {told}{more}"))
    if found.untold:
        text = (
            f"Of {plural(found.untold, 'study')} only the recorded amounts could be compared, not "
            "every report."
        )
        console.print(Text(text, style="dim"))
    show_last(answer[:2], console)


def _show_totals(found: Difference, console: Console) -> None:
    sides = compared_sides(found)
    shown = table("Over all studies", "", *(name for name, _ in sides))
    numbers = [(amounts(totals), totals["currency"] or "") for _, totals in sides]
    for key, (label, kind) in AMOUNTS.items():
        if any(one[key] is not None for one, _ in numbers):
            cells = (Column(key, label, kind, unit).show(one[key]) for one, unit in numbers)
            shown.add_row(label, *cells)
    console.print(shown)


def _show_changed(found: Difference, console: Console) -> None:
    shown = table(
        "Studies that differ",
        "",
        "saved, old",
        "new",
        Heading("best trial, old", minor=1),
        Heading("new", minor=1),
        Heading("by", "left", flows=True),
    )
    for one in most_changed(found)[:_SHOWN]:
        saved = (_saved(head) for head in (one.old, one.new))
        fate = (_fate(head) for head in (one.old, one.new))
        shown.add_row(clean(one.study, 40), *saved, *fate, why_words(one))
    console.print(shown)
    if len(found.changed) > _SHOWN:
        text = f" {_SHOWN} of {len(found.changed):,} that differ; --json has all"
        console.print(Text(text, style="dim"))


def _saved(head: StudyNumbers | None) -> str:
    return MISSING if head is None else percent(head.steps_saved_fraction)


def _fate(head: StudyNumbers | None) -> str:
    if head is None or head.best_trial_stopped is None:
        return MISSING
    return "lost" if head.best_trial_stopped else "kept"
