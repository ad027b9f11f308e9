"""`esim report`: a page for people from a result document."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from esim.cli.flags import typed_place
from esim.cli.groups import with_groups
from esim.cli.progress import progress
from esim.cli.usage import refuse, usage


@dataclass(frozen=True)
class PageFlags:
    """What to show and where to write it."""

    out: Annotated[
        list[Path] | None,
        typer.Option(
            parser=typed_place,
            metavar="PATH",
            help="Write here; the ending says what: .html, .md, .pdf, .csv or .json; a file of "
            "this name is replaced. Repeatable. Default: report.html beside the result.",
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
        typer.Option(help="The table that goes into .csv, by name.", show_default=False),
    ] = None

    def targets(self, result: Path) -> list[Path]:
        """The files to write.

        Args:
            result: the result document, or the folder that holds it.

        Raises:
            typer.BadParameter: a file's ending does not tell what to write, or a table is asked
                for and no .csv.
        """
        from esim.report.files import ENDINGS, REPORT
        from esim.report.pages.document import check_own_page

        targets = self.out or [(result if result.is_dir() else result.parent) / f"{REPORT}.html"]
        with usage():
            if not self.out:
                check_own_page(targets[0])
            for target in targets:
                if target.suffix.lstrip(".").lower() not in ENDINGS:
                    refuse(
                        f"cannot tell from {target.name!r} what to write",
                        "a file ending in " + ", ".join(f".{end}" for end in ENDINGS),
                    )
            if self.table is not None and not any(t.suffix.lower() == ".csv" for t in targets):
                refuse("--table is for .csv", "--out FILE.csv")
        return targets


@with_groups
def report(
    result: Annotated[
        Path,
        typer.Argument(
            help="A result document (esim replay --json), or the folder of --out, whose tables "
            "hold the curves.",
            show_default=False,
        ),
    ],
    page: PageFlags,
) -> None:
    """One self-contained page that a team can decide from; Markdown, PDF, CSV and JSON too."""
    from esim.report.pages.document import read_page, write_page

    targets = page.targets(result)
    with progress() as display:
        task = display.add_task("reading the result", total=len(targets))
        shown, source = read_page(result, page.study or ())
        for target in targets:
            display.update(task, description=f"writing {target}")
            write_page(shown, source, target, page.table)
            display.advance(task)
    from esim.report.terminal.console import terminal
    from esim.report.terminal.replay import show_written

    show_written(shown.answer, targets, terminal())
