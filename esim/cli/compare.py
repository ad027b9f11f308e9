"""`esim compare`: which rule, and is it better at all?"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from esim.cli import options as o

if TYPE_CHECKING:
    from esim.results.comparison.comparison import Comparison

_COMPARISON = "The comparison"


def compare(
    context: typer.Context,
    logs: o.Logs,
    rules: Annotated[
        str | None,
        typer.Option(
            help="Rules to compare, separated by commas (esim rules). Default: all of them.",
            rich_help_panel=_COMPARISON,
            show_default=False,
        ),
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            help="column=value,value,...: every rule with each of these; repeatable, all "
            "combinations.",
            rich_help_panel=_COMPARISON,
        ),
    ] = None,
    readings: Annotated[
        bool,
        typer.Option(
            "--readings",
            help="Also every plausible reading of SageMaker's documentation, each as a rule.",
            rich_help_panel=_COMPARISON,
        ),
    ] = False,
    orders: Annotated[
        int,
        typer.Option(
            min=2,
            help="Random launch orders a study, the same for every rule.",
            rich_help_panel=_COMPARISON,
        ),
    ] = 100,
    saved: Annotated[
        str,
        typer.Option(
            help="What is to be saved: steps, seconds, billed, makespan or cost.",
            rich_help_panel=_COMPARISON,
        ),
    ] = "steps",
    max_degradation: Annotated[
        float,
        typer.Option(
            "--max-degradation",
            min=0,
            help="The loss you accept, as a share of the way from the best to the median trial.",
            rich_help_panel=_COMPARISON,
        ),
    ] = 0.05,
    choose: Annotated[
        bool,
        typer.Option(
            "--choose",
            help="Also choose the rule that saves most within that loss, and tell what such a "
            "choice gives on what it was not made on.",
            rich_help_panel=_COMPARISON,
        ),
    ] = False,
    confidence: Annotated[
        float,
        typer.Option(min=0.5, max=0.999, help="Of intervals.", rich_help_panel=_COMPARISON),
    ] = 0.95,
    seed: Annotated[
        int,
        typer.Option(
            min=0, help="The same seed gives the same bytes.", rich_help_panel=_COMPARISON
        ),
    ] = 0,
    clock: o.ClockMode = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Parallel slots, of the recorded and the random orders. Default: recorded times, "
            "and for random orders as many as ran side by side.",
            rich_help_panel="The replay",
            show_default=False,
        ),
    ] = None,
    final: o.Final = "last",
    objective: o.Objective = None,
    direction: o.Direction = None,
    metric: o.Metric = None,
    format: o.Format = None,
    accept_time_aligned: o.AcceptTimeAligned = False,
    price: o.Price = None,
    currency: o.Currency = "USD",
    startup_s: o.Startup = 0.0,
    stop_latency_s: o.StopLatency = 0.0,
    upload_s: o.Upload = None,
    engine: o.Engine = None,
    jobs: o.Jobs = None,
    address: o.Address = None,
    out: o.Out = None,
    json: o.Json = False,
) -> None:
    """Compare stopping rules on recorded tuning jobs: which saves most, at what risk, and whether
    the difference is more than chance.
    """
    rows = o.chosen_rules(rules)
    points = o.chosen_grid(grid)
    costs = o.chosen_costs(
        price=price,
        currency=currency,
        startup_s=startup_s,
        stop_latency_s=stop_latency_s,
        upload_s=upload_s,
    )
    o.check_words(clock, workers or 1, final)
    o.check_saved(saved, price)
    o.check_engine(engine, jobs, address)

    from esim import compare as run

    with o.progress() as display:
        task = display.add_task("reading logs", total=None)
        history = o.one_by_one(logs, bool(engine or jobs or address), objective, direction)
        o.check_engine_used(history, engine=engine, address=address)
        studies: Any = history
        if history is None:
            found = o.read(logs, objective, direction, metric, format, accept_time_aligned)
            studies, inputs = found.studies, o.described(found)
        else:
            inputs = o.described_history(history)
        display.update(task, description="comparing")

        def show(done: int, of: int) -> None:
            display.update(task, total=of, completed=done)

        comparison = run(
            studies,
            rows,
            grid=points,
            readings=readings,
            clock=clock,
            workers=workers,
            orders=orders,
            costs=costs,
            final=final,  # type: ignore[arg-type]  # checked above
            saved=saved,  # type: ignore[arg-type]  # checked above
            max_degradation=max_degradation,
            choice=choose,
            confidence=confidence,
            seed=seed,
            engine=engine,
            jobs=jobs,
            address=address,
            inputs=inputs,
            progress=show,
        )
    comparison = dataclasses.replace(comparison, command=o.command_line(context))
    if out is not None:
        from esim.report.files import write_comparison

        with o.progress() as display:
            display.add_task(f"writing {out}", total=None)
            write_comparison(out, comparison)
    if json:
        typer.echo(comparison.to_json())
    else:
        _show(comparison)
    if comparison.failures:
        raise typer.Exit(1)


def _show(comparison: Comparison) -> None:
    from rich.console import Console

    from esim.report.terminal.comparison import show_comparison
    from esim.report.terminal.replay import show_inputs

    console = Console()
    show_comparison(comparison, console)
    show_inputs(comparison.inputs, console)
