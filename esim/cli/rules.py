"""`esim rules`: the stopping rules, and what every column of one means."""

from __future__ import annotations

from typing import Annotated

import typer

from esim.cli import options as o


def rules(
    name: Annotated[
        str | None, typer.Argument(help="Show this rule's columns.", show_default=False)
    ] = None,
) -> None:
    """List the rules, or show one rule's every column with its meaning and source."""
    from rich.console import Console

    from esim.report.terminal import table
    from esim.rules import PRESETS, READINGS, meanings

    console = Console()
    if name is None:
        listed = table("Rules", "rule", "source", words=True)
        for row in PRESETS.values():
            listed.add_row(row.name, row.source)
        console.print(listed)
        console.print("esim rules NAME shows every column of one.")
        return
    row = o.chosen_rule(name, None)
    console.print(f"[bold]{row.name}[/]\n{row.source}\n")
    columns = table("Columns (--set column=value)", "column", "value", "meaning", words=True)
    for column, value in row.parameters.items():
        columns.add_row(column, str(value).lower(), meanings()[column])
    console.print(columns)
    if name == "sagemaker":
        open_questions = table(
            "Readings (--readings)", "", "what is left open", "read as", "sets", words=True
        )
        for reading in READINGS:
            sets = [f"{k}={v}" for k, v in reading.columns.items()]
            sets += [f"clock {reading.clock}"] if reading.clock else []
            open_questions.add_row(reading.code, reading.question, reading.answer, ", ".join(sets))
        console.print(open_questions)
