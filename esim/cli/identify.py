"""`esim identify`: which rule stopped these jobs?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from esim.assumptions import CONFIDENCE
from esim.cli.candidates import CANDIDATES, CandidateFlags
from esim.cli.command_line import command_line
from esim.cli.flags import Logs, share_option, typed_place
from esim.cli.gates import ResultFlags
from esim.cli.groups import with_groups
from esim.cli.inputs import described, ran_without_rule
from esim.cli.progress import progress
from esim.cli.read_flags import ReadStudiesFlags
from esim.cli.telling import tell
from esim.cli.usage import usage
from esim.errors import EsimError

if TYPE_CHECKING:
    from esim.analyses.identify.standing import Terms
    from esim.rules.candidates import Candidate


@dataclass(frozen=True)
class HeldFlags(CandidateFlags):
    """The rules that may have run, and how they are held against the jobs."""

    rules: Annotated[
        str | None,
        typer.Option(
            help="Separated by commas: readings (every combination of readings of SageMaker's "
            "documentation), presets (all of esim rules), names, TOML files, or a rule.json that "
            "an earlier identify wrote.",
            rich_help_panel=CANDIDATES,
        ),
    ] = "readings"
    error_rate: Annotated[
        float,
        share_option(
            "Share of jobs that may have ended otherwise, such as by hand: 2% or 0.02. With 0, one "
            "job that contradicts a rule drops it.",
            CANDIDATES,
        ),
    ] = 0.0
    confidence: Annotated[
        float,
        share_option(
            "With an error rate: how surely the rule that ran is kept, 90% or 0.9.", CANDIDATES
        ),
    ] = CONFIDENCE
    stop_latency_s: Annotated[
        float,
        typer.Option(
            min=0,
            help="Seconds that a stop may take to end the training, beyond a rule's delay.",
            rich_help_panel=CANDIDATES,
        ),
    ] = 0.0

    poll_s: Annotated[
        float,
        typer.Option(
            min=0,
            help="Seconds that may pass until the service looks at a report: a job that ends in "
            "between may count, or not.",
            rich_help_panel=CANDIDATES,
        ),
    ] = 0.0

    def terms(self) -> Terms:
        """How candidates are held against jobs. Raises typer.BadParameter for a wrong number."""
        from esim.analyses.identify.standing import Terms

        with usage():
            risk = round(1.0 - self.confidence, 12)
            return Terms(self.error_rate, risk, self.stop_latency_s, self.poll_s)

    def candidates(self) -> tuple[Candidate, ...] | None:
        """The candidates; None for the readings. Raises typer.BadParameter for no such rule."""
        from esim.analyses.identify.candidates import candidates_of

        names = [name.strip() for name in (self.rules or "").split(",") if name.strip()]
        with usage():
            return candidates_of(names, self.columns())


@dataclass(frozen=True)
class ReadFinalsFlags(ReadStudiesFlags):
    """How to read the logs, of which there may be none."""

    def keywords(self) -> dict[str, Any]:
        """The arguments of `esim.readers.read_inputs` beside the paths."""
        return {**super().keywords(), "finals": True}


@dataclass(frozen=True)
class LeftOutputFlags(ResultFlags):
    """Where the result goes, and the rules that are left."""

    out: Annotated[
        Path | None,
        typer.Option(
            parser=typed_place,
            metavar="PATH",
            help="FILE.json: the rules that are left, for --rule of replay and estimate. A folder: "
            "these, the result and its figures.",
            show_default=False,
        ),
    ] = None

    def check_replaceable(self, out: Path) -> None:
        """Inside `usage`: raise EsimError for a place that holds what esim did not write."""
        from esim.results.rule_set import read_rule_set

        if out.suffix != ".json":
            super().check_replaceable(out)
        elif out.exists():
            try:
                read_rule_set(out)
            except EsimError as error:
                raise EsimError(
                    "the file is no rule.json that may be replaced",
                    where=str(out),
                    why=error.what,
                    fix="name another file, or move it away",
                ) from None


@with_groups
def identify(
    context: typer.Context,
    logs: Logs,
    held: HeldFlags,
    reading: ReadFinalsFlags,
    output: LeftOutputFlags,
) -> None:
    """Which rule stopped these jobs? Of jobs that ran with early stopping on, every candidate is
    held against each stop, and against each job that went on."""
    terms, candidates = held.terms(), held.candidates()
    output.check(logs)
    from esim.analyses.identify.identify import identify as find
    from esim.report.files import write_identification

    with progress() as display:
        task = display.add_task("reading logs", total=None)
        found = reading.read(logs)
        display.update(task, description="holding rules against jobs")
        result, left = find(
            found.studies,
            candidates,
            terms,
            without=ran_without_rule(found),
            progress=lambda done, of: display.update(task, total=of, completed=done),
        )
    result = replace(result, inputs=tuple(described(found)), command=command_line(context))
    from esim.report.in_short import identification_in_short
    from esim.report.terminal.identification import show_identification
    from esim.results.rule_set import RULES

    written = output.out
    if written is not None and written.suffix != ".json":
        written /= RULES
    name = None if written is None else str(written)
    tell(
        result,
        output,
        show_identification,
        lambda found: identification_in_short(found, name),
        lambda place: write_identification(place, result, left),
    )
    output.decide(result)
