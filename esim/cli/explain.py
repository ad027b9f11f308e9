"""`esim explain`: why one trial was stopped, or was not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from esim.cli.flags import ClockFlags, Logs, OutputFlags, OverheadFlags
from esim.cli.groups import with_groups
from esim.cli.process import print_document
from esim.cli.read_flags import READING, ReadFlags
from esim.cli.rule_flags import RuleFlags
from esim.errors import EsimError, near_names

if TYPE_CHECKING:
    from esim.readers.inputs import ReadInput
    from esim.study import Study


@dataclass(frozen=True)
class ReadStudyFlags(ReadFlags):
    """How to read the logs, and which study of theirs."""

    study: Annotated[
        str | None,
        typer.Option(
            help="The study, where the logs hold several.",
            rich_help_panel=READING,
            show_default=False,
        ),
    ] = None

    def keywords(self) -> dict[str, Any]:
        """The arguments of `esim.readers.read_inputs` beside the paths."""
        studies = [] if self.study is None else [self.study]
        return {**super().keywords(), "studies": studies}


@with_groups
def explain(
    logs: Logs,
    trial: Annotated[
        str,
        typer.Argument(
            help="The trial's id, a beginning of it that no other's has, or its number in launch "
            "order."
        ),
    ],
    rule: RuleFlags,
    clock: ClockFlags,
    reading: ReadStudyFlags,
    overheads: OverheadFlags,
    output: OutputFlags,
) -> None:
    """Step by step: the trial's value, the running median it was held against, the decision."""
    row, costs = rule.chosen(), overheads.chosen()
    if rule.left():
        raise typer.BadParameter(
            "esim explain is for one rule, and this is a set of several: name one, as --rule "
            "sagemaker --set own=best --set min_peers=3 (esim rules sagemaker lists what each "
            "reading sets)"
        )
    clock.check()
    output.check(logs)

    from esim.analyses.explain.explain import explain as account_for

    found = reading.read(logs)
    study, name = _asked_for(found, trial)
    explanation = account_for(study, name, row, **vars(clock), costs=costs)
    if output.out is not None:
        from esim.report.files import write_explanation

        write_explanation(output.out, explanation)
    if output.json:
        print_document(explanation.to_json())
        return
    from esim.report.terminal.console import terminal
    from esim.report.terminal.replay import show_explanation

    show_explanation(explanation, terminal())


def _asked_for(found: ReadInput, trial: str) -> tuple[Study, str]:
    """The only study, and the trial's id, or the beginning of one."""
    if len(found.studies) != 1:
        names = near_names("", (s.name for s in found.studies))
        raise EsimError("the logs hold several studies", fix=f"--study with one of: {names}")
    study = found.studies[0]
    if trial in study.trials or not trial.isdecimal():
        return study, trial
    if 1 <= int(trial) <= study.n_trials:
        return study, study.trials[int(trial) - 1]
    if any(name.startswith(trial) for name in study.trials):
        return study, trial
    raise EsimError(f"no trial number {trial}", fix=f"1 to {study.n_trials}, in launch order")
