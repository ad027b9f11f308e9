"""`esim compare`: which rule, and is it better at all?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any

import typer

from esim.cli.candidates import RankedFlags, amount
from esim.cli.command_line import command_line
from esim.cli.dates import ReadDatedStudiesFlags
from esim.cli.flags import (
    ACCEPTED_LOSS,
    REPLAY,
    ClockMode,
    CostFlags,
    DrawnStudiesFlags,
    FinalFlags,
    Logs,
    ResumableFlags,
    check_clock,
    share_option,
)
from esim.cli.gates import ResultFlags
from esim.cli.groups import with_groups
from esim.cli.inputs import described, read_or_open, studies_of
from esim.cli.progress import progress
from esim.cli.telling import tell
from esim.cli.usage import usage

_COMPARISON = "The comparison"


@dataclass(frozen=True)
class ComparisonFlags(RankedFlags):
    """What is compared, and how."""

    readings: Annotated[
        bool,
        typer.Option(
            "--readings",
            help="Also every plausible reading of SageMaker's documentation, each as a rule.",
            rich_help_panel=_COMPARISON,
        ),
    ] = False
    orders: Annotated[
        int,
        typer.Option(
            min=2,
            help="Random launch orders a study, the same for every rule. Of more than 100 studies "
            "each gets fewer, at least 10.",
            rich_help_panel=_COMPARISON,
        ),
    ] = 100
    max_degradation: Annotated[
        float,
        share_option(ACCEPTED_LOSS, _COMPARISON),
    ] = 0.05
    safest_within: Annotated[
        float,
        share_option(
            "The safest rule in the answer may save so many points less than the one that saves "
            "most: 10% or 0.1.",
            _COMPARISON,
        ),
    ] = 0.1
    choose: Annotated[
        bool,
        typer.Option(
            "--choose",
            help="Also choose the rule that saves most within that loss, and tell what such a "
            "choice gives on what it was not made on, and what it may give on other studies.",
            rich_help_panel=_COMPARISON,
        ),
    ] = False

    def keywords(self) -> dict[str, Any]:
        """The arguments of `esim.compare` that these flags give; `saved` apart.

        Raises:
            typer.BadParameter: no such rule, no such column or value of the grid, or no such
                confidence.
        """
        from esim.analyses.compare.compare import check_confidence

        with usage():
            check_confidence(self.confidence)
        return {
            "rules": self.named_rules(),
            "grid": self.columns(),
            "readings": self.readings,
            "until": self.job_level(),
            "orders": self.orders,
            "max_degradation": self.max_degradation,
            "safest_within": self.safest_within,
            "choice": self.choose,
            "confidence": self.confidence,
            "seed": self.seed,
        }


@dataclass(frozen=True)
class OrderClockFlags:
    """The clock of the recorded and of the random launch orders: arguments of `esim.compare`."""

    clock: ClockMode = None
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Parallel slots, of the recorded and the random orders. Default: recorded times, "
            "and for random orders as many as ran side by side.",
            rich_help_panel=REPLAY,
            show_default=False,
        ),
    ] = None

    def check(self) -> None:
        """Raise typer.BadParameter for a clock that cannot be, before any log is read."""
        check_clock(self.clock, self.workers or 1)


@dataclass(frozen=True)
class ComparisonOutputFlags(ResultFlags):
    """Where the result goes, and how much of it is shown."""

    every: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Show every rule and baseline, and not only the ten best and those named.",
        ),
    ] = False


@with_groups
def compare(
    context: typer.Context,
    logs: Logs,
    comparison: ComparisonFlags,
    clock: OrderClockFlags,
    final: FinalFlags,
    reading: ReadDatedStudiesFlags,
    costs: CostFlags,
    engine: ResumableFlags,
    drawn: DrawnStudiesFlags,
    output: ComparisonOutputFlags,
) -> None:
    """Compare stopping rules on recorded tuning jobs: which saves most, at what risk, and whether
    the difference is more than chance."""
    asked = comparison.keywords()
    money, final_value = costs.chosen(), final.chosen()
    clock.check()
    saved = amount(comparison.saved, costs.price)
    engine.check(output.out)
    output.check(logs)

    from esim import compare as run

    with progress() as display:
        task = display.add_task("reading logs", total=None)
        found = read_or_open(logs, reading, engine)
        display.update(task, description="comparing")
        compared = run(
            studies_of(found),
            **asked,
            **vars(clock),
            costs=money,
            final=final_value,
            saved=saved,
            **vars(engine),
            **vars(drawn),
            inputs=described(found),
            out=output.out,
            progress=lambda done, of: display.update(task, total=of, completed=done),
        )
    from esim.report.in_short import comparison_in_short
    from esim.report.terminal.comparison import show_comparison

    compared = replace(compared, command=command_line(context))
    tell(compared, output, partial(show_comparison, every=output.every), comparison_in_short)
    output.decide(compared)
    if compared.failures:
        raise typer.Exit(1)
