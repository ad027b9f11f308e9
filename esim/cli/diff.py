"""`esim diff`: what differs between two replays."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esim.cli.flags import OutputFlags
from esim.cli.groups import with_groups
from esim.cli.process import print_document
from esim.cli.progress import progress

_HELP = "The result of `esim replay`: its --json document, or the folder of --out."
Replayed = Annotated[Path, typer.Argument(help=_HELP, show_default=False)]


@with_groups
def diff(old: Replayed, new: Replayed, output: OutputFlags) -> None:
    """What differs between two replays: what is saved and lost, which studies, and why."""
    output.check([str(old), str(new)])
    from esim.analyses.diff import diff as run
    from esim.results.saved import read_result

    with progress() as display:
        display.add_task("reading the results", total=None)
        found = run(read_result(old), read_result(new))
    if output.out is not None:
        from esim.report.files import write_difference

        write_difference(output.out, found)
    if output.json:
        print_document(found.to_json())
        return
    from esim.report.terminal.console import terminal
    from esim.report.terminal.difference import show_difference

    show_difference(found, terminal())
