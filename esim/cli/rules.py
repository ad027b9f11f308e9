"""`esim rules`: the stopping rules, and everything there is to know of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from esim.cli.usage import usage

if TYPE_CHECKING:
    from rich.console import Console

    from esim.rules import Preset


def rules(
    name: Annotated[
        str | None,
        typer.Argument(help="Show this rule: a name, or a TOML file.", show_default=False),
    ] = None,
) -> None:
    """List the rules, or show one: every column with its meaning, its source, its pitfalls."""
    from esim.report.terminal.console import terminal
    from esim.report.terminal.replay import table
    from esim.rules import names, preset, read_preset

    console = terminal()
    if name is None:
        listed = table("Rules", "rule", "what it does", "copied from", words=True)
        for row in map(preset, names()):
            what = row.summary if row.refused is None else f"{row.summary} (cannot be replayed)"
            listed.add_row(row.name, what, row.version.partition(";")[0])
        console.print(listed)
        console.print("esim rules NAME shows one; its columns are changed by --set column=value,")
        console.print("and a rule of your own is a TOML file: --rule my.toml")
        return
    with usage():
        found = read_preset(name) if name.endswith(".toml") else preset(name)
    _about(found, console)
    _columns(found, console)
    if name == "sagemaker":
        _readings(console)


def _about(row: Preset, console: Console) -> None:
    from rich.text import Text

    from esim.errors import visible

    console.print(Text.assemble((visible(row.name), "bold"), f"  {visible(row.summary)}\n"))
    facts = {
        "copied from": row.source,
        "version": row.version,
        "earliest stop": row.earliest,
        "cannot be replayed": row.refused,
    }
    for word, fact in facts.items():
        if fact:
            console.print(Text.assemble((word, "dim"), f"  {visible(fact)}"))
    for heading, points in (
        ("How it differs", row.differs),
        ("Defects of its system, reproduced", row.defects),
    ):
        if points:
            console.print(f"\n{heading}")
            for point in points:
                console.print(f" · {visible(point)}")
    console.print()


def _columns(row: Preset, console: Console) -> None:
    from rich.text import Text

    from esim.errors import visible
    from esim.report.terminal.replay import table
    from esim.rules import Rule, groups, meanings

    if row.parameters:
        called = table("Its own parameters", "parameter", "column here", words=True)
        for parameter, column in row.parameters.items():
            called.add_row(visible(parameter), column)
        console.print(called)
    if row.rule is None:
        return
    told = meanings()
    ordinary = Rule(name="")
    for heading, columns in groups().items():
        shown = table(f"{heading} (--set column=value)", "column", "value", "meaning", words=True)
        for column in columns:
            value = getattr(row.rule, column)
            text = str(value).lower()
            changed = value != getattr(ordinary, column)
            shown.add_row(column, Text(text, style="bold" if changed else ""), told[column])
        console.print(shown)


def _readings(console: Console) -> None:
    from esim.report.terminal.replay import table
    from esim.rules import READINGS

    shown = table("Readings (--readings)", "", "what is left open", "read as", "sets", words=True)
    for reading in READINGS:
        sets = [f"{k}={v}" for k, v in reading.columns.items()]
        sets += [f"clock {reading.clock}"] if reading.clock else []
        shown.add_row(reading.code, reading.question, reading.answer, ", ".join(sets))
    console.print(shown)
