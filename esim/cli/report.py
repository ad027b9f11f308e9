"""`esim report`: a page for people from a result document."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esim.cli import options as o


def report(
    result: Annotated[
        Path,
        typer.Argument(
            help="A result document (esim replay --json), or the folder of --out, whose tables "
            "hold the curves.",
            show_default=False,
        ),
    ],
    out: Annotated[
        list[Path] | None,
        typer.Option(
            help="Write here; the ending says what: .html, .md, .pdf, .csv or .json. Repeatable. "
            "Default: report.html beside the result.",
            show_default=False,
        ),
    ] = None,
    study: Annotated[
        list[str] | None,
        typer.Option(
            help="Show this study in full, where there are many. Repeatable.", show_default=False
        ),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(help="The table that goes into .csv, by name.", show_default=False),
    ] = None,
) -> None:
    """One self-contained page that a team can decide from; Markdown, PDF, CSV and JSON too."""
    from esim.report.files import ENDINGS, REPORT
    from esim.report.pages.document import read_page, write_page

    targets = out or [(result if result.is_dir() else result.parent) / f"{REPORT}.html"]
    with o.usage():
        for target in targets:
            if target.suffix.lstrip(".").lower() not in ENDINGS:
                o.refuse(
                    f"cannot tell from {target.name!r} what to write",
                    "a file ending in " + ", ".join(f".{end}" for end in ENDINGS),
                )
        if table is not None and not any(t.suffix.lower() == ".csv" for t in targets):
            o.refuse("--table is for .csv", "--out FILE.csv")
    with o.progress() as display:
        task = display.add_task("reading the result", total=len(targets))
        page, source = read_page(result, study or ())
        for target in targets:
            display.update(task, description=f"writing {target}")
            write_page(page, source, target, table)
            display.advance(task)
    from rich.console import Console

    from esim.report.terminal.replay import show_written

    show_written(page.answer, targets, Console())
