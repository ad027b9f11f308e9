"""`esim convert`: any recorded logs to the plain table in Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esim.cli import options as o
from esim.errors import EsimError


def convert(
    logs: o.Logs,
    out: Annotated[Path, typer.Argument(help="The folder to write; it must not exist.")],
    objective: o.Objective = None,
    direction: o.Direction = None,
    metric: o.Metric = None,
    format: o.Format = None,
    accept_time_aligned: o.AcceptTimeAligned = False,
    study: o.StudyNames = None,
    step: o.Step = None,
) -> None:
    """Write the studies as Parquet tables that esim, and any other tool, reads."""
    if out.exists():
        raise EsimError("the output exists", where=str(out), fix="name a new folder")

    from esim.folders import unique_slugs, whole_folder
    from esim.report.words import clean

    with o.progress() as display:
        display.add_task("converting", total=None)
        found = o.read(logs, objective, direction, metric, format, accept_time_aligned, study, step)
        if len(found.studies) == 1:
            found.studies[0].to_parquet(out)
        else:
            with whole_folder(out, lambda _: False) as partial:
                slugs = unique_slugs([one.name for one in found.studies])
                for one, slug in zip(found.studies, slugs, strict=True):
                    one.to_parquet(partial / slug)
    for one in found.studies:
        typer.echo(f"{clean(one.name)}: {one.n_trials} trials, {one.n_reports} reports")
        for note in one.notes:
            typer.echo(f"  note: {clean(note.text, 500)}")
