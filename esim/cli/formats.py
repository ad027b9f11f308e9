"""`esim formats`: the log formats that can be read."""

from __future__ import annotations


def formats() -> None:
    """List the log formats, what each needs and what each can tell."""
    from rich.console import Console

    from esim.readers.plugins import installed, known_formats
    from esim.report.terminal.replay import table
    from esim.report.words import clean

    shown = table(
        "Formats",
        "format",
        "reads",
        "needs",
        "times",
        "starts, ends",
        "configs",
        "several studies",
        words=True,
    )
    for f in known_formats():
        can = ["yes" if it else "no" for it in (f.times, f.schedule, f.configs, f.several_studies)]
        by = f" (package {clean(f.package)})" if f.package else ""
        # One word an option; what they are is in the help of every command.
        needs = ", ".join(f"--{need.partition(',')[0]}" for need in f.needs) or "nothing"
        shown.add_row(clean(f.name), clean(f.summary, 300) + by, needs, *can)
    console = Console()
    console.print(shown)
    console.print("--objective is needed only where there are several metrics.", style="dim")
    for note in installed()[1]:
        console.print(clean(note.text, 500), markup=False)
