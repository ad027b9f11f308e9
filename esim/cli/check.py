"""`esim check`: would AUTO act, and can the logs be trusted?"""

from __future__ import annotations

from typing import Annotated

import typer

from esim.cli import options as o


def check(
    logs: o.Logs,
    objective: o.Objective = None,
    direction: o.Direction = None,
    metric: o.Metric = None,
    format: o.Format = None,
    accept_time_aligned: o.AcceptTimeAligned = False,
    study: o.StudyNames = None,
    step: o.Step = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Warnings too make the exit code 1.")
    ] = False,
    json: o.Json = False,
) -> None:
    """Would AUTO act on such a job, and can its logs be trusted? Exit code 1 if not."""
    from esim.analyses.check import check as examine
    from esim.results.check import CheckDocument

    with o.progress() as display:
        display.add_task("reading logs", total=None)
        found = o.read(
            logs, objective, direction, metric, format, accept_time_aligned, study=study, step=step
        )
        checks = [examine(one) for one in found.studies]
    if json:
        typer.echo(CheckDocument(tuple(checks), tuple(o.described(found))).to_json())
    else:
        from rich.console import Console

        from esim.report.terminal.check import show_checks
        from esim.report.terminal.replay import show_inputs

        console = Console()
        show_checks(checks, o.sagemaker_studies(found), console)
        # The notes on studies stand among the findings; those on the paths stand here.
        for each in (inputs := o.described(found)):
            each["notes"] = [note for note in each["notes"] if "study" not in note]
        show_inputs(inputs, console)
    bad = ("error", "warning") if strict else ("error",)
    if any(finding.severity in bad for one in checks for finding in one.findings):
        raise typer.Exit(1)
