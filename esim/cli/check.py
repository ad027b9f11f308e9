"""`esim check`: would AUTO act, and can the logs be trusted?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from esim.cli.flags import Json, Logs
from esim.cli.groups import with_groups
from esim.cli.inputs import described, sagemaker_studies
from esim.cli.process import print_document
from esim.cli.progress import progress
from esim.cli.read_flags import ReadStudiesFlags

if TYPE_CHECKING:
    from esim.readers.inputs import ReadInput
    from esim.results.check import Check


@with_groups
def check(
    *,
    logs: Logs,
    reading: ReadStudiesFlags,
    strict: Annotated[
        bool, typer.Option("--strict", help="Warnings too make the exit code 1.")
    ] = False,
    json: Json = False,
) -> None:
    """Would AUTO act on such a job, and can its logs be trusted? Exit code 1 if not."""
    from esim.analyses.check import check as examine
    from esim.results.check import CheckDocument

    with progress() as display:
        display.add_task("reading logs", total=None)
        found = reading.read(logs)
        checks = [examine(one) for one in found.studies]
    if json:
        print_document(CheckDocument(tuple(checks), tuple(described(found))).to_json())
    else:
        _show(checks, found)
    bad = ("error", "warning") if strict else ("error",)
    if any(finding.severity in bad for one in checks for finding in one.findings):
        raise typer.Exit(1)


def _show(checks: Sequence[Check], found: ReadInput) -> None:
    from esim.report.terminal.check import show_checks
    from esim.report.terminal.console import terminal
    from esim.report.terminal.replay import show_inputs

    console = terminal()
    show_checks(checks, sagemaker_studies(found), console)
    # The notes on studies stand among the findings; those on the paths stand here.
    for each in (inputs := described(found)):
        each["notes"] = [note for note in each["notes"] if "study" not in note]
    show_inputs(inputs, console)
