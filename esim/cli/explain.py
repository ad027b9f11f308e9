"""`esim explain`: why one trial was stopped, or was not."""

from __future__ import annotations

from typing import Annotated

import typer

from esim.cli import options as o
from esim.errors import EsimError


def explain(
    logs: o.Logs,
    trial: Annotated[str, typer.Argument(help="The trial's id, or its number in launch order.")],
    study: Annotated[
        str | None, typer.Option(help="The study, where the logs hold several.")
    ] = None,
    rule: o.RuleName = "sagemaker",
    set_: o.Set = None,
    clock: o.ClockMode = None,
    workers: o.Workers = 1,
    objective: o.Objective = None,
    direction: o.Direction = None,
    metric: o.Metric = None,
    format: o.Format = None,
    accept_time_aligned: o.AcceptTimeAligned = False,
    step: o.Step = None,
    out: o.Out = None,
    json: o.Json = False,
) -> None:
    """Step by step: the trial's value, the running median it was held against, the decision."""
    row = o.chosen_rule(rule, set_)
    o.check_words(clock, workers)

    from esim.analyses.explain.explain import explain as account_for
    from esim.errors import near_names

    only = None if study is None else [study]
    found = o.read(logs, objective, direction, metric, format, accept_time_aligned, only, step)
    if len(found.studies) != 1:
        names = near_names("", (s.name for s in found.studies))
        raise EsimError("the logs hold several studies", fix=f"--study with one of: {names}")
    the_study = found.studies[0]
    name = trial
    if trial not in the_study.trials and trial.isdigit():
        if not 1 <= int(trial) <= the_study.n_trials:
            raise EsimError(
                f"no trial number {trial}", fix=f"1 to {the_study.n_trials}, in launch order"
            )
        name = the_study.trials[int(trial) - 1]
    explanation = account_for(the_study, name, row, clock, workers)
    if out is not None:
        from esim.report.files import write_explanation

        write_explanation(out, explanation)
    if json:
        typer.echo(explanation.to_json())
        return
    from rich.console import Console

    from esim.report.terminal.replay import show_explanation

    show_explanation(explanation, Console())
