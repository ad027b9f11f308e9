"""`esim rules`: the stopping rules, and everything there is to know of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from esim.cli.usage import usage

if TYPE_CHECKING:
    from rich.console import Console

    from esim.rules import JobPreset, Preset, Reading


def rules(
    name: Annotated[
        str | None,
        typer.Argument(help="Show this rule: a name, or a TOML file.", show_default=False),
    ] = None,
) -> None:
    """List the rules, or show one: every column with its meaning, its source, its pitfalls."""
    from esim.report.terminal.console import terminal
    from esim.report.terminal.tables import Heading, table
    from esim.rules import READINGS, job_presets, names, preset, read_preset

    console = terminal()
    if name is None:
        listed, whole = (
            table(
                title,
                "rule",
                Heading("what it does", "left", flows=True),
                Heading("copied from", "left", minor=1),
            )
            for title in ("Rules", "Job-level rules")
        )
        for row in map(preset, names()):
            what = row.summary if row.refused is None else f"{row.summary} (cannot be replayed)"
            listed.add_row(row.name, what, row.version.partition(";")[0])
        console.print(listed)
        for job in job_presets().values():
            what = job.summary if job.refused is None else f"{job.summary} (cannot be replayed)"
            whole.add_row(job.name, what, job.version.partition(";")[0])
        console.print(whole)
        console.print(
            "esim rules NAME shows one; a rule's columns are changed by --set column=value,"
        )
        console.print("and a rule of your own is a TOML file: --rule my.toml. A job-level rule is")
        console.print("switched on by --until NAME=N, its columns by --until NAME=N,column=value.")
        return
    if name in job_presets():
        _about_job_level(job_presets()[name], console)
        return
    with usage():
        found = read_preset(name) if name.endswith(".toml") else preset(name)
    _about(found, console)
    _columns(found, console)
    if name == "sagemaker":
        _readings(READINGS, console)


def _about(row: Preset, console: Console) -> None:
    facts = {
        "copied from": row.source,
        "version": row.version,
        "earliest stop": row.earliest,
        "cannot be replayed": row.refused,
    }
    points = {"How it differs": row.differs, "Defects of its system, reproduced": row.defects}
    _told(row.name, row.summary, facts, points, console)


def _about_job_level(row: JobPreset, console: Console) -> None:
    """What is to be known of a job-level rule, and its columns."""
    from rich.text import Text

    from esim.report.terminal.tables import Heading, table
    from esim.rules import JobRule, job_meanings

    facts = {
        "copied from": row.source,
        "version": row.version,
        "its N": row.parameter,
        "cannot be replayed": row.refused,
    }
    points = {"How it differs, and what its source leaves open": row.differs}
    _told(row.name, row.summary, facts, points, console)
    if row.rule is None:
        return
    title = "Columns (--until NAME=N,column=value)"
    shown = table(title, "column", "value", Heading("meaning", "left", flows=True), words=True)
    told, ordinary = job_meanings(), JobRule("").parameters
    for column, value in row.rule.parameters.items():
        style = "bold" if value != ordinary[column] else ""
        shown.add_row(column, Text(str(value).lower(), style=style), told[column])
    console.print(shown)
    _readings(row.readings, console)


def _told(
    name: str,
    summary: str,
    facts: Mapping[str, str | None],
    points: Mapping[str, Sequence[str]],
    console: Console,
) -> None:
    from rich.text import Text

    from esim.errors import visible

    console.print(Text.assemble((visible(name), "bold"), f"  {visible(summary)}\n"))
    for word, fact in facts.items():
        if fact:
            console.print(Text.assemble((word, "dim"), f"  {visible(fact)}"))
    for heading, its in points.items():
        if its:
            console.print(f"\n{heading}")
            for point in its:
                console.print(f" · {visible(point)}")
    console.print()


def _columns(row: Preset, console: Console) -> None:
    from rich.text import Text

    from esim.errors import visible
    from esim.report.terminal.tables import Heading, table
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
        title = f"{heading} (--set column=value)"
        shown = table(title, "column", "value", Heading("meaning", "left", flows=True), words=True)
        for column in columns:
            value = getattr(row.rule, column)
            text = str(value).lower()
            changed = value != getattr(ordinary, column)
            shown.add_row(column, Text(text, style="bold" if changed else ""), told[column])
        console.print(shown)


def _readings(readings: Iterable[Reading], console: Console) -> None:
    from esim.report.terminal.tables import Heading, table

    open_, read_as, sets_ = (
        Heading(text, "left", flows=True) for text in ("what is left open", "read as", "sets")
    )
    shown = table("Readings (--readings)", "", open_, read_as, sets_)
    for reading in readings:
        sets = [f"{k}={str(v).lower()}" for k, v in reading.columns.items()]
        sets += [f"clock {reading.clock}"] if reading.clock else []
        shown.add_row(reading.code, reading.question, reading.answer, ", ".join(sets))
    if shown.row_count:
        console.print(shown)
