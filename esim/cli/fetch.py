"""`esim fetch sagemaker`: past tuning jobs out of an AWS account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from esim.cli.command_line import Plain
from esim.cli.flags import typed_place
from esim.cli.groups import with_groups
from esim.cli.process import print_document
from esim.cli.progress import progress

if TYPE_CHECKING:
    from esim.fetch import Fetched

ALL_OUT = Path("sagemaker-tuning-jobs")

app = typer.Typer(
    help="Download past tuning jobs; read-only.", no_args_is_help=True, add_completion=False
)


def _policy(wanted: bool) -> None:
    if wanted:
        from esim.fetch import policy

        print(policy())
        raise typer.Exit


@app.callback()
def _root() -> None:
    pass


@dataclass(frozen=True)
class FetchFlags:
    """Which tuning jobs, of which account, and where to."""

    tuning_job: Annotated[
        str | None, typer.Argument(help="The tuning job's name.", show_default=False)
    ] = None
    every: Annotated[
        bool, typer.Option("--all", help="Every tuning job of the account and region.")
    ] = False
    since: Annotated[
        str | None,
        typer.Option(
            help="With --all: created then or later; 2026-01-31, or with a time, UTC if no zone.",
            show_default=False,
        ),
    ] = None
    region: Annotated[
        str | None,
        typer.Option(help="Default: the environment's or the profile's.", show_default=False),
    ] = None
    profile: Annotated[
        str | None, typer.Option(help="A profile of the AWS CLI.", show_default=False)
    ] = None
    out: Annotated[
        Path | None,
        typer.Option(
            parser=typed_place,
            metavar="PATH",
            help="The folder to write, or to complete. Default: the tuning job's name; with --all "
            f"{ALL_OUT}, a folder in it for each.",
            show_default=False,
        ),
    ] = None
    json: Annotated[
        bool, typer.Option("--json", help="Print what was fetched as JSON and nothing else.")
    ] = False
    policy: Annotated[
        bool,
        typer.Option(
            "--policy",
            callback=_policy,
            is_eager=True,
            help="Print the smallest IAM policy that allows this, and nothing else.",
        ),
    ] = False

    def begin(self) -> datetime | None:
        """The moment of --since, None for all time.

        Raises:
            typer.BadParameter: not one tuning job and not all either, or --since is for one or is
                no date.
        """
        if (self.tuning_job is None) == (not self.every):
            raise typer.BadParameter("name a tuning job, or --all")
        if self.since is not None and not self.every:
            raise typer.BadParameter("--since goes with --all")
        return None if self.since is None else _moment(self.since)


@app.command("sagemaker", cls=Plain)
@with_groups
def sagemaker(asked: FetchFlags) -> None:
    """Download a tuning job: descriptions and logs, for `esim replay`. Run again, it continues."""
    begin = asked.begin()

    from esim.fetch import Account, fetch_tuning_job, fetch_tuning_jobs

    gone: list[str] = []
    with progress() as display:
        task = display.add_task("asking AWS", total=None)

        def tell(name: str, done: int, of: int) -> None:
            said = f"{name}, job {done} of {of}"
            display.update(task, description=said, completed=done, total=of)

        account = Account(asked.region, asked.profile)
        if asked.tuning_job is None:
            fetched, gone = fetch_tuning_jobs(account, asked.out or ALL_OUT, begin, tell)
        else:
            out = asked.out or typed_place(asked.tuning_job)
            fetched = [fetch_tuning_job(account, asked.tuning_job, out, tell)]
    if asked.json:
        print_document(_document(account.region, fetched, gone))
        return
    for one in fetched:
        _show(one)
    for name in gone:  # names that AWS allows
        print(f"{name}  deleted meanwhile")
    if not fetched:
        since = f" since {asked.since}" if asked.since else ""
        print(f"no tuning job in {account.region}{since}")


def _document(region: str, fetched: Sequence[Fetched], gone: Sequence[str]) -> str:
    from esim.fetch.tuning import SUMMARY, FetchSummary
    from esim.results.records import to_json
    from esim.storage.typed import plain
    from esim.version import __version__

    summary = FetchSummary(__version__, region, tuple(fetched), tuple(gone))
    return to_json({"schema": SUMMARY, **plain(summary)})


def _show(one: Fetched) -> None:
    from esim.errors import clean, plural

    there = one.jobs - one.jobs_fetched
    new = f"{one.jobs_fetched:,} fetched" + (f", {there:,} were there" if there else "")
    print(
        f"{clean(one.tuning_job)}  {clean(one.status)}, {plural(one.jobs, 'training job')}: {new}"
    )
    print(
        f"  {plural(one.streams, 'log stream')}, {plural(one.events, 'event')}, "
        f"{one.size / 1e6:,.1f} MB "
        f"in {clean(one.folder, 300)}"
    )
    for note in one.notes:
        print(f"  note: {clean(note.text, 500)}")


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"--since {text!r} is no date; 2026-01-31 is one") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
