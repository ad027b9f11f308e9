"""`esim replay`: the main job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from esim.cli import options as o

if TYPE_CHECKING:
    from pathlib import Path

    from esim.analyses.history.replay_history import ReplaySettings
    from esim.storage.history import History


def replay(
    context: typer.Context,
    logs: o.Logs,
    rule: o.RuleName = "sagemaker",
    set_: o.Set = None,
    readings: Annotated[
        bool,
        typer.Option(
            "--readings",
            help="Replay every plausible reading of the documentation; each number gets its range.",
            rich_help_panel="The replay",
        ),
    ] = False,
    clock: o.ClockMode = None,
    workers: o.Workers = 1,
    final: o.Final = "last",
    objective: o.Objective = None,
    direction: o.Direction = None,
    metric: o.Metric = None,
    format: o.Format = None,
    accept_time_aligned: o.AcceptTimeAligned = False,
    study: o.StudyNames = None,
    step: o.Step = None,
    price: o.Price = None,
    currency: o.Currency = "USD",
    startup_s: o.Startup = 0.0,
    stop_latency_s: o.StopLatency = 0.0,
    upload_s: o.Upload = None,
    engine: o.Engine = None,
    jobs: o.Jobs = None,
    address: o.Address = None,
    resume: o.Resume = False,
    out: o.Out = None,
    json: o.Json = False,
) -> None:
    """What the rule would have saved on recorded tuning jobs, and what it would have cost."""
    row = o.chosen_rule(rule, set_)
    costs = o.chosen_costs(
        price=price,
        currency=currency,
        startup_s=startup_s,
        stop_latency_s=stop_latency_s,
        upload_s=upload_s,
    )
    o.check_words(clock, workers, final)
    o.check_engine(engine, jobs, address)

    asked = bool(engine or jobs or address or resume)
    history = None if study else o.one_by_one(logs, asked, objective, direction)
    if history is not None:
        if readings:
            raise typer.BadParameter("--readings is for one study of a history: name it: --study")
        from esim.analyses.history.replay_history import ReplaySettings

        settings = ReplaySettings(row, clock, workers, costs, final)
        _many(history, settings, out, resume, engine or "local", jobs, address, json)
        return
    o.check_engine_used(history, engine=engine, jobs=jobs, address=address, resume=resume)
    from esim import replay as run
    from esim.results.replay import ReplayDocument

    with o.progress() as display:
        task = display.add_task("reading logs", total=None)
        found = o.read(logs, objective, direction, metric, format, accept_time_aligned, study, step)
        display.update(task, description="replaying", total=len(found.studies), completed=0)
        results = []
        for one in found.studies:
            results.append(
                run(
                    one,
                    row,
                    clock,
                    workers,
                    costs=costs,
                    final=final,  # type: ignore[arg-type]  # checked above
                    readings=readings,
                )
            )
            display.advance(task)
    inputs = o.described(found)
    whole = ReplayDocument(tuple(results), tuple(inputs), o.command_line(context))
    if out is not None:
        from esim.report.files import write_results

        with o.progress() as display:
            display.add_task(f"writing {out}", total=None)
            write_results(out, found.studies, whole)
    if json:
        typer.echo(whole.to_json())
        return
    from rich.console import Console

    from esim.report.terminal.check import show_enabling
    from esim.report.terminal.replay import show_inputs, show_replays

    console = Console()
    show_replays(results, console)
    if len(results) == 1 and row.name == "sagemaker" and results[0].summary.trials_stopped:
        for job in o.sagemaker_studies(found).values():
            show_enabling(job.name, job.objective, job.direction, console)
    show_inputs(inputs, console)


def _many(
    history: History,
    settings: ReplaySettings,
    out: Path | None,
    resume: bool,
    engine: str,
    jobs: int | None,
    address: str | None,
    json: bool,
) -> None:
    """Replay a history study by study."""
    from esim.analyses.history.replay_history import replay_history

    if resume and out is None:
        raise typer.BadParameter("--resume goes on with an --out")
    with o.progress() as display:
        task = display.add_task("replaying", total=len(history.names))
        result = replay_history(
            history,
            settings,
            out=out,
            resume=resume,
            engine=engine,
            jobs=jobs,
            address=address,
            done=lambda studies: display.advance(task, studies),
        )
    if json:
        typer.echo(result.to_json())
    else:
        from rich.console import Console

        from esim.report.terminal.history import show_many

        show_many(result, Console())
    if result.failures:
        raise typer.Exit(1)
