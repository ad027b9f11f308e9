"""`esim report`: a page for people from a result document, or from several."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from esim.cli.flags import typed_place
from esim.cli.groups import with_groups
from esim.cli.progress import progress
from esim.cli.usage import refuse, usage

if TYPE_CHECKING:
    from esim.report.pages.page import Page


@dataclass(frozen=True)
class PageFlags:
    """What to show and where to write it."""

    out: Annotated[
        list[Path] | None,
        typer.Option(
            parser=typed_place,
            metavar="PATH",
            help="Write here; the ending says what: .html, .md, .pdf, .csv or .json; a file of "
            "this name is replaced. Repeatable. Default: report.html beside the result; of "
            "several, decision.html here.",
            show_default=False,
        ),
    ] = None
    study: Annotated[
        list[str] | None,
        typer.Option(
            help="Show this study in full, where there are many. Repeatable.", show_default=False
        ),
    ] = None
    table: Annotated[
        str | None,
        typer.Option(
            help="The table that goes into .csv, by name; an unknown one lists them.",
            show_default=False,
        ),
    ] = None

    title: Annotated[
        str | None, typer.Option(help="The title of the page.", show_default=False)
    ] = None
    note: Annotated[
        str | None,
        typer.Option(help="What you say of it; stands under the title.", show_default=False),
    ] = None
    date: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="The date of the page, as 2026-05-17. Default: that of the newest recorded trial, "
            "where it is known. No clock is read: the same results give the same bytes.",
            show_default=False,
        ),
    ] = None
    jobs_per_month: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Of several results: what so many tuning jobs a month save and lose.",
            show_default=False,
        ),
    ] = None

    def headed(self, page: Page) -> Page:
        """A page with the title, note and date that are given."""
        return replace(
            page,
            title=self.title or page.title,
            note=self.note or page.note,
            date=self.date or page.date,
        )

    def checked(self, results: list[Path]) -> None:
        """Refuse what has no meaning.

        Raises:
            typer.BadParameter: the date is none, or jobs are no number or asked for of one result.
        """
        with usage():
            if self.date is not None:
                try:
                    date.fromisoformat(self.date)
                except ValueError:
                    refuse(f"--date {self.date!r} is no date", "a day, as 2026-05-17")
            jobs = self.jobs_per_month
            if jobs is not None and not (math.isfinite(jobs) and jobs > 0):
                refuse(f"--jobs-per-month cannot be {jobs:g}", "a number above 0")
            if jobs is not None and len(results) == 1:
                refuse(
                    "--jobs-per-month is for a page of several results",
                    "esim report REPLAY COMPARE ESTIMATE --jobs-per-month N",
                )

    def targets(self, results: list[Path]) -> list[Path]:
        """The files to write.

        Args:
            results: the result documents, or the folders that hold them.

        Raises:
            typer.BadParameter: a file's ending does not tell what to write, or a table is asked
                for and no .csv.
        """
        from esim.report.files import DECISION, REPORT
        from esim.report.pages.document import check_ending, check_own_page

        first = results[0]
        beside = (first if first.is_dir() else first.parent) / f"{REPORT}.html"
        targets = self.out or [beside if len(results) == 1 else Path(f"{DECISION}.html")]
        with usage():
            if not self.out:
                check_own_page(targets[0])
            for target in targets:
                check_ending(target)
            if self.table is not None and not any(t.suffix.lower() == ".csv" for t in targets):
                refuse("--table is for .csv", "--out FILE.csv")
        return targets


@with_groups
def report(
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULT...",
            help="A result document (esim replay --json), or the folder of --out, whose tables "
            "hold the curves. Several, of replay, compare, estimate, closed-loop, certify and "
            "identify, at most one of each and in any order, make one page to decide from.",
            show_default=False,
        ),
    ],
    page: PageFlags,
) -> None:
    """One self-contained page that a team can decide from; Markdown, PDF, CSV and JSON too."""
    from esim.report.pages.document import read_decision, read_page, write_page

    page.checked(results)
    targets = page.targets(results)
    with progress() as display:
        task = display.add_task("reading the result", total=len(targets))
        if len(results) == 1:
            shown, *sources = read_page(results[0], page.study or ())
        else:
            shown, sources = read_decision(results, page.study or (), page.jobs_per_month)
        shown = page.headed(shown)
        for target in targets:
            display.update(task, description=f"writing {target}")
            write_page(shown, sources, target, page.table)
            display.advance(task)
    from esim.report.terminal.console import terminal
    from esim.report.terminal.replay import show_written

    show_written(shown.answer, targets, terminal())
