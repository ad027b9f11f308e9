"""`esim estimate`: the next tuning job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from esim.cli import options as o

if TYPE_CHECKING:
    from esim.results.estimate import Estimate
    from esim.study import Study

_NEXT = "The next job"
_ADVICE = "Advice"


def estimate(
    context: typer.Context,
    logs: o.Logs,
    trials: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Its number of trials. Default: as in the past.",
            rich_help_panel=_NEXT,
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Its parallel jobs. Default: as in the past, 1 where the logs do not tell.",
            rich_help_panel=_NEXT,
            show_default=False,
        ),
    ] = None,
    launch: Annotated[
        str | None,
        typer.Option(
            help="shuffled: any launch order is as likely; recorded: samples keep the past's, as "
            "for Bayesian search (the default where the logs say so).",
            rich_help_panel=_NEXT,
            show_default=False,
        ),
    ] = None,
    confidence: Annotated[
        float, typer.Option(help="Of the intervals, 0 to 1.", rich_help_panel=_NEXT)
    ] = 0.9,
    replicates: Annotated[
        int, typer.Option(min=100, help="Replays of each past study.", rich_help_panel=_NEXT)
    ] = 1000,
    seed: Annotated[
        int, typer.Option(min=0, help="The same seed gives the same bytes.", rich_help_panel=_NEXT)
    ] = 0,
    same_cost: Annotated[
        bool,
        typer.Option(
            "--same-cost", help="How many more trials the rule pays for.", rich_help_panel=_NEXT
        ),
    ] = False,
    backtest: Annotated[
        bool,
        typer.Option(
            "--backtest",
            help="Split the past into past and future many times: do the intervals hold?",
            rich_help_panel=_NEXT,
        ),
    ] = False,
    min_saving: Annotated[
        float,
        typer.Option(
            help="Share of money, billed time or steps to be worth it.", rich_help_panel=_ADVICE
        ),
    ] = 0.1,
    max_degradation: Annotated[
        float,
        typer.Option(
            help="Loss to accept, in distances from the best to the median trial.",
            rich_help_panel=_ADVICE,
        ),
    ] = 0.05,
    rule: o.RuleName = "sagemaker",
    set_: o.Set = None,
    readings: Annotated[
        bool,
        typer.Option(
            "--readings",
            help="Forecast under every plausible reading of the documentation.",
            rich_help_panel="The replay",
        ),
    ] = False,
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
    out: o.Out = None,
    json: o.Json = False,
) -> None:
    """What to expect of the next tuning job with the rule on: saving, loss, how sure."""
    row = o.chosen_rule(rule, set_)
    costs = o.chosen_costs(
        price=price,
        currency=currency,
        startup_s=startup_s,
        stop_latency_s=stop_latency_s,
        upload_s=upload_s,
    )
    o.check_words(None, 1, final)

    o.check_engine(engine, jobs, address)

    from esim.analyses.estimate.forecast import check_numbers, settle
    from esim.analyses.estimate.survey import Wanted, survey
    from esim.analyses.workers.by_study import going_through
    from esim.results.records import to_json
    from esim.study.facts import facts_at

    with o.usage():
        wanted = Wanted(readings, same_cost, backtest, min_saving, max_degradation)
        check_numbers(trials, workers, replicates, confidence, launch)
    asked = bool(engine or jobs or address)
    with o.progress() as display:
        task = display.add_task("reading logs", total=None)
        history = None if study else o.one_by_one(logs, asked, objective, direction)
        o.check_engine_used(history, engine=engine, address=address)
        past: Any = history
        enable: dict[str, Study] = {}
        if history is None:
            found = o.read(
                logs, objective, direction, metric, format, accept_time_aligned, study, step
            )
            past, inputs, enable = found.studies, o.described(found), o.sagemaker_studies(found)
        else:
            inputs = o.described_history(history)
        with going_through(past, engine=engine, jobs=jobs, address=address) as studies:
            ask = settle(
                studies.each(facts_at), row, trials, workers, replicates, costs,
                final, launch, jobs,  # type: ignore[arg-type]  # checked above
            )  # fmt: skip
            display.update(task, total=len(studies) if history else None)
            estimated = survey(
                studies, ask, seed, confidence, wanted,
                tell=lambda what: display.update(task, description=what),
                advance=lambda more: display.advance(task, more),
            )  # fmt: skip
        document = estimated.to_dict(inputs, o.command_line(context))
        if out is not None:
            from esim.report.files import write_estimate

            display.update(task, description=f"writing {out}")
            write_estimate(out, document)
    if json:
        typer.echo(to_json(document))
    else:
        _show(estimated, enable, inputs)
    if estimated.failures:
        raise typer.Exit(1)


def _show(estimated: Estimate, enable: dict[str, Study], inputs: list[dict[str, Any]]) -> None:
    from rich.console import Console

    from esim.report.terminal.estimate import show_estimate
    from esim.report.terminal.replay import show_inputs

    console = Console()
    show_estimate(estimated, enable, console)
    show_inputs(inputs, console)
