"""A certificate, or a watch over one, on a terminal: what is assumed, the answer, the tests."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from esim.errors import plural
from esim.report.certified import (
    AMOUNTS,
    assumptions,
    certificate_answer,
    left_out_lines,
    watch_answer,
    watch_doubts,
)
from esim.report.terminal.console import inset
from esim.report.terminal.history import show_failures
from esim.report.terminal.tables import table
from esim.report.words import MISSING, clean, percent, probability
from esim.results.certificate import Certificate
from esim.results.watched import Watched

_LAST = 20  # studies of a watch that are shown


def show(document: Certificate | Watched, console: Console) -> None:
    """Print a certificate, or a watch over one."""
    if isinstance(document, Watched):
        _show_watch(document, console)
    else:
        _show_certificate(document, console)


def _show_certificate(c: Certificate, console: Console) -> None:
    """Print what is assumed in three lines, the answer, and the sequence of tests."""
    _show_head(c, certificate_answer(c), console)
    amount = AMOUNTS.get(c.replays.saved, c.replays.saved)
    shown = table("From safe to bold", "rule", f"{amount}\nsaved", "lost\nin")
    shown.add_column("studies\nwith a loss", minor=2)
    shown.add_column("p", minor=1)
    shown.add_column("verdict", justify="left")
    for one in c.sequence:
        weaker = one.bounded_on_average and one.verdict != "certified"
        shown.add_row(
            Text(clean(one.key, 60)),
            percent(one.saved_fraction),
            percent(one.lost),
            f"{one.studies_lost:,}",
            MISSING if one.p is None else probability(one.p),
            Text(f"{one.verdict}; on average" if weaker else one.verdict),
            style="bold" if one.key == c.certified else "",
        )
    if c.sequence:
        console.print(shown)
    rest = c.candidates - len(c.sequence)
    legend = (
        f"means over {plural(c.counted('test'), 'tested study')}; p at most "
        f"{probability(1 - c.asked.confidence)} certifies, and the first that fails ends the tests"
    )
    if rest:
        legend += f"; {rest} of {c.candidates} rules save nothing, or no more than a safer one"
    console.print(inset(Text(legend, style="dim"), (0, 0, 0, 1)))
    doubts = [*left_out_lines(c.left_out), *(one.text for one in c.warnings)]
    _show_doubts(doubts, console)
    show_failures(c.failures, console)


def _show_watch(w: Watched, console: Console) -> None:
    """Print what is assumed in three lines, the answer, and the wealth after each of the last."""
    _show_head(w.certificate, watch_answer(w), console)
    shown = table("New studies, the last ones", "study", "saved", "lost in", "wealth")
    for one in w.studies[-_LAST:]:
        shown.add_row(
            Text(clean(one.study, 60)),
            percent(one.saved_fraction),
            percent(one.lost),
            f"{one.wealth:.3g}",
            style="bold" if one.study == w.broken_by else "",
        )
    if w.studies:
        console.print(shown)
    _show_doubts(watch_doubts(w), console)
    show_failures(w.failures, console)


def _show_head(c: Certificate, answer: Sequence[str], console: Console) -> None:
    for line in assumptions(c):
        console.print(Text(clean(line, 2000), style="dim"))
    console.print(inset(Text("\n".join(answer), style="bold"), (1, 0)))


def _show_doubts(doubts: Sequence[str], console: Console) -> None:
    if doubts:
        console.print(Text("\nWhy to doubt it", style="bold"))
        for doubt in doubts:
            console.print(inset(Text(f"· {clean(doubt, 2000)}"), (0, 0, 0, 1)))
