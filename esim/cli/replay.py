"""`esim replay`: the main job."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from esim.cli.command_line import command_line
from esim.cli.dates import ReadDatedStudiesFlags
from esim.cli.flags import (
    MANY,
    REPLAY,
    ClockFlags,
    CostFlags,
    FinalFlags,
    Logs,
    ResumableFlags,
)
from esim.cli.gates import ResultFlags
from esim.cli.groups import with_groups
from esim.cli.inputs import check_engine_used, described, sagemaker_studies
from esim.cli.process import print_document
from esim.cli.progress import progress
from esim.cli.rule_flags import UntilRuleFlags
from esim.cli.telling import tell
from esim.cli.usage import one_of, usage

if TYPE_CHECKING:
    from rich.console import Console

    from esim.analyses.history.replay_history import ReplaySettings
    from esim.readers.inputs import ReadInput
    from esim.results.history import By, HistoryReplay
    from esim.results.replay import ReplayDocument
    from esim.storage.history import History


@dataclass(frozen=True)
class ReplayedRuleFlags(UntilRuleFlags):
    """The stopping rule, whether in every reading, and what ends the whole job."""

    readings: Annotated[
        bool,
        typer.Option(
            "--readings",
            help="Replay every plausible reading of the documentation; each number gets its range.",
            rich_help_panel=REPLAY,
        ),
    ] = False


@dataclass(frozen=True)
class BreakdownFlags:
    """What the totals of a history are broken down by."""

    by: Annotated[
        str | None,
        typer.Option(
            metavar="month|group",
            help="Of a history: the totals of each month in which studies began (UTC), or of each "
            "group (esim convert --group; else the input that a study was read from).",
            rich_help_panel=MANY,
            show_default=False,
        ),
    ] = None

    def chosen(self) -> By | None:
        """Which it is. Raises typer.BadParameter if it is neither."""
        from esim.results.history import By

        with usage():
            return None if self.by is None else one_of("--by cannot be", self.by, get_args(By))


@with_groups
def replay(
    context: typer.Context,
    logs: Logs,
    rule: ReplayedRuleFlags,
    clock: ClockFlags,
    final: FinalFlags,
    reading: ReadDatedStudiesFlags,
    costs: CostFlags,
    engine: ResumableFlags,
    breakdown: BreakdownFlags,
    output: ResultFlags,
) -> None:
    """What the rule would have saved on recorded tuning jobs, and what it would have cost."""
    row, until, money, final_value = rule.chosen(), rule.job_rules(), costs.chosen(), final.chosen()
    which, by = rule.which(rule.readings), breakdown.chosen()
    clock.check()
    engine.check(output.out)
    output.check(logs)
    history = reading.history(logs, engine.given or by is not None)
    if history is not None:
        if which:
            raise typer.BadParameter(
                "--readings, or a set of rules, is for one study of a history: name it: --study"
            )
        from esim.analyses.history.replay_history import ReplaySettings

        settings = ReplaySettings(row, clock.clock, clock.workers, money, final_value, until)
        _replay_history(history, settings, engine, output, by, command_line(context))
        return
    check_engine_used(history, **vars(engine), by=by)
    from esim import replay as run

    with progress() as display:
        task = display.add_task("reading logs", total=None)
        found = reading.read(logs)
        display.update(task, description="replaying", total=len(found.studies), completed=0)
        results = []
        asked: dict[str, Any] = {
            "until": until,
            "costs": money,
            "final": final_value,
            "readings": which,
        }
        for one in found.studies:
            results.append(run(one, row, **vars(clock), **asked))
            display.advance(task)
    from esim.results.replay import ReplayDocument

    inputs = tuple(described(found))
    whole = ReplayDocument(tuple(results), inputs, command_line(context))
    _tell(whole, found, output)
    output.decide(whole)


def _tell(whole: ReplayDocument, found: ReadInput, output: ResultFlags) -> None:
    from esim.report.in_short import replays_in_short
    from esim.report.terminal.check import show_enabling, show_ending
    from esim.report.terminal.replay import show_replays

    def show(whole: ReplayDocument, console: Console) -> None:
        show_replays(whole.studies, console)
        if len(whole.studies) > 1:
            return
        only = whole.studies[0]
        if only.rule.name == "sagemaker" and only.summary.trials_stopped:
            for job in sagemaker_studies(found).values():
                show_enabling(job.name, job.objective, job.direction, console)
        if only.summary.ended_by is not None and sagemaker_studies(found):
            show_ending(only, console)

    tell(whole, output, show, lambda whole: replays_in_short(whole.studies))


def _replay_history(
    history: History,
    settings: ReplaySettings,
    engine: ResumableFlags,
    output: ResultFlags,
    by: By | None,
    command: str | None,
) -> None:
    """Replay a history study by study."""
    from esim.analyses.history.replay_history import replay_history

    with progress() as display:
        task = display.add_task("replaying", total=len(history.names))
        try:
            result = replay_history(
                history,
                settings,
                out=output.out,
                resume=engine.resume,
                engine=engine.engine or "local",
                jobs=engine.jobs,
                address=engine.address,
                by=by,
                command=command,
                done=lambda studies: display.advance(task, studies),
            )
        except SystemExit:  # by a signal
            if output.out is not None:
                print("esim: interrupted; with --resume it goes on from here", file=sys.stderr)
            raise
    _tell_history(result, output)
    output.decide(result)
    if result.failures:
        raise typer.Exit(1)


def _tell_history(result: HistoryReplay, output: ResultFlags) -> None:
    """Show what was found in a history; the results are written by then."""
    if output.json:
        print_document(result.to_json())
        return
    from esim.report.in_short import history_in_short
    from esim.report.terminal.console import show_last, terminal
    from esim.report.terminal.history import show_many

    console = terminal()
    show_many(result, console)
    show_last(history_in_short(result), console)
