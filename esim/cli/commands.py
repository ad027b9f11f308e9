"""`app`, the command line of all commands.

Commands import what they need when they run, so that `esim --help` stays fast.
"""

from __future__ import annotations

from typing import Annotated

import typer

from esim.cli import (
    certify,
    check,
    closed_loop,
    compare,
    convert,
    demo,
    diff,
    estimate,
    explain,
    fetch,
    formats,
    identify,
    probe,
    replay,
    report,
    rules,
    schema,
    warm_up,
)
from esim.cli.command_line import AfterLogs, Plain, Recording
from esim.version import __version__

app = typer.Typer(
    name="esim",
    cls=Recording,
    help="Replay recorded metric logs of tuning jobs through early-stopping rules: "
    "how much compute would have been saved, and would the best model have been kept?",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command("demo", cls=Plain)(demo.demo)
app.command("replay", cls=Plain)(replay.replay)
app.command("check", cls=Plain)(check.check)
app.command("compare", cls=Plain)(compare.compare)
app.command("certify", cls=Plain)(certify.certify)
app.command("estimate", cls=Plain)(estimate.estimate)
app.command("closed-loop", cls=Plain)(closed_loop.closed_loop)
app.command("explain", cls=AfterLogs)(explain.explain)
app.command("identify", cls=Plain)(identify.identify)
app.command("diff", cls=Plain)(diff.diff)
app.add_typer(probe.app, name="probe")
app.command("report", cls=Plain)(report.report)
app.command("convert", cls=AfterLogs)(convert.convert)
app.add_typer(fetch.app, name="fetch")
app.command("rules", cls=Plain)(rules.rules)
app.command("formats", cls=Plain)(formats.formats)
app.command("schema", cls=Plain)(schema.schema)
app.command("warm-up", cls=Plain)(warm_up.warm_up)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"esim {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass
