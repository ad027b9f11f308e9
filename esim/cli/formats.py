"""`esim formats`: the log formats that can be read, and what there is to know of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from esim.cli.usage import usage

if TYPE_CHECKING:
    from esim.readers.formats import Format

# What `Format.first_step` says of a report with the index 0.
_INDEX_0 = {
    "done": "it is printed after the first step of training",
    "before": "nothing is trained at it",
    None: "settled by the steps and times, or by --first-step",
}


def formats(
    name: Annotated[
        str | None, typer.Argument(help="Show the format of this name.", show_default=False)
    ] = None,
) -> None:
    """List the log formats, or show one: what is read, what it needs, what it can tell."""
    from esim.readers.choosing import format_named
    from esim.readers.plugins import installed, known_formats
    from esim.report.terminal.console import terminal
    from esim.report.words import clean

    if name is not None:
        with usage():
            found = format_named(name)
        _show(found)
        return
    known, console = known_formats(), terminal()
    column = max(len(clean(fmt.name)) for fmt in known)
    for fmt in known:
        by = f" (package {clean(fmt.package, 30)})" if fmt.package else ""
        room = console.width - column - 2 - len(by)
        files = clean(fmt.files or fmt.summary, 300)
        shown = files if len(files) <= room else files[: room - 3] + "..."
        console.print(f"{clean(fmt.name):{column}}  {shown}{by}", highlight=False)
    console.print("\nesim formats NAME says what is read of one, what it needs, and an example.")
    for note in installed()[1]:
        console.print(clean(note.text, 500))


def _show(fmt: Format) -> None:
    from rich.text import Text

    from esim.report.terminal.console import terminal
    from esim.report.words import clean

    console = terminal()
    console.print(Text.assemble((clean(fmt.name), "bold"), f"  {clean(fmt.summary, 500)}\n"))
    needs = [f"--{need}" for need in fmt.needs]
    needs += ["--metric NAME=REGEX for lines that esim does not know"] if fmt.any_text else []
    facts = {
        "files": fmt.files,
        "needs": "; ".join(needs) or "nothing",
        "takes": ", ".join(f"--{option}" for option in fmt.takes or ()),
        "report times": _yes(fmt.times),
        "starts, ends": _yes(fmt.schedule),
        "hyperparameters": _yes(fmt.configs),
        "several studies": "yes; --study NAME reads one" if fmt.several_studies else "no",
        "index 0": _INDEX_0[fmt.first_step],
        "package": fmt.package,
    }
    for word, fact in facts.items():
        if fact:
            console.print(Text.assemble((f"{word:15}", "dim"), f"  {clean(fact, 500)}"))
    flags = {"direction": "--direction minimize", "objective": "--objective NAME"}
    given = [flags[need] for need in fmt.needs if need in flags]
    example = " ".join(["esim replay LOGS", *given])
    console.print(Text.assemble((f"{'example':15}", "dim"), f"  {example}"))


def _yes(can: bool) -> str:
    return "yes, where the logs have them" if can else "no"
