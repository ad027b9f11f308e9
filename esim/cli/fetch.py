"""`esim fetch sagemaker`: past tuning jobs out of an AWS account."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from esim.cli import options as o

if TYPE_CHECKING:
    from esim.fetch import Fetched

ALL_OUT = Path("sagemaker-tuning-jobs")

app = typer.Typer(help="Download past tuning jobs; read-only.", no_args_is_help=True)


def _policy(wanted: bool) -> None:
    if wanted:
        from esim.fetch import policy

        typer.echo(policy())
        raise typer.Exit


@app.callback()
def _root() -> None:
    pass


@app.command("sagemaker")
def sagemaker(
    tuning_job: Annotated[
        str | None, typer.Argument(help="The tuning job's name.", show_default=False)
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every tuning job of the account and region.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(
            help="With --all: created then or later; 2026-01-31, or with a time, UTC if no zone.",
            show_default=False,
        ),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(help="Default: the environment's or the profile's.", show_default=False),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="A profile of the AWS CLI.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder to write, or to complete. Default: the tuning job's name; with --all "
            f"{ALL_OUT}, a folder in it for each.",
            show_default=False,
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print what was fetched as JSON and nothing else.")
    ] = False,
    policy: Annotated[
        bool,
        typer.Option(
            "--policy",
            callback=_policy,
            is_eager=True,
            help="Print the smallest IAM policy that allows this, and nothing else.",
        ),
    ] = False,
) -> None:
    """Download a tuning job: descriptions and logs, for `esim replay`. Run again, it continues."""
    if (tuning_job is None) == (not every):
        raise typer.BadParameter("name a tuning job, or --all")
    if since is not None and not every:
        raise typer.BadParameter("--since goes with --all")
    begin = None if since is None else _moment(since)

    from esim.fetch import Account, fetch_tuning_job, fetch_tuning_jobs

    gone: list[str] = []
    with o.progress() as display:
        task = display.add_task("asking AWS", total=None)

        def tell(name: str, done: int, of: int) -> None:
            said = f"{name}, job {done} of {of}"
            display.update(task, description=said, completed=done, total=of)

        account = Account(region, profile)
        if tuning_job is None:
            fetched, gone = fetch_tuning_jobs(account, out or ALL_OUT, begin, tell)
        else:
            fetched = [fetch_tuning_job(account, tuning_job, out or Path(tuning_job), tell)]
    if json:
        from esim.results.records import to_json
        from esim.version import __version__

        document = {
            "schema": "esim.fetch/1",
            "esim": __version__,
            "region": account.region,
            "tuning_jobs": [asdict(one) for one in fetched],
            "deleted": gone,
        }
        typer.echo(to_json(document))
        return
    for one in fetched:
        _show(one)
    for name in gone:
        typer.echo(f"{name}  deleted meanwhile")
    if not fetched:
        typer.echo(f"no tuning job in {account.region}" + (f" since {since}" if since else ""))


def _show(one: Fetched) -> None:
    there = one.jobs - one.jobs_fetched
    new = f"{one.jobs_fetched:,} fetched" + (f", {there:,} were there" if there else "")
    typer.echo(f"{one.tuning_job}  {one.status}, {one.jobs:,} training jobs: {new}")
    typer.echo(
        f"  {one.streams:,} log streams, {one.events:,} events, {one.size / 1e6:,.1f} MB "
        f"in {one.folder}"
    )
    for note in one.notes:
        typer.echo(f"  note: {note.text}")


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"--since {text!r} is no date; 2026-01-31 is one") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
