"""`esim formats`: the log formats that can be read."""

from __future__ import annotations


def formats() -> None:
    """List the log formats, what each needs and what each can tell."""
    from rich.console import Console

    from esim.readers import FORMATS
    from esim.report.terminal import table

    shown = table(
        "Formats", "format", "reads", "needs", "times", "starts, ends", "configurations", words=True
    )
    for f in FORMATS:
        yes = ["yes" if can else "no" for can in (f.times, f.schedule, f.configs)]
        shown.add_row(f.name, f.summary, ", ".join(f.needs) or "nothing", *yes)
    Console().print(shown)
