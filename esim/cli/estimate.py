"""`esim estimate`: the next tuning job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from esim.assumptions import CONFIDENCE
from esim.cli.command_line import command_line
from esim.cli.dates import ReadDatedStudiesFlags
from esim.cli.flags import (
    ACCEPTED_LOSS,
    NEXT,
    REPLAY,
    Confidence,
    CostFlags,
    DrawnStudiesFlags,
    FinalFlags,
    Logs,
    NextWorkers,
    ResumableFlags,
    Seed,
    share_option,
)
from esim.cli.gates import ResultFlags
from esim.cli.groups import with_groups
from esim.cli.inputs import described, read_or_open, sagemaker_studies, studies_of
from esim.cli.progress import by_part, progress
from esim.cli.rule_flags import UntilRuleFlags
from esim.cli.telling import tell
from esim.cli.usage import one_of, usage

if TYPE_CHECKING:
    from esim.analyses.estimate.full_estimate import Wanted
    from esim.rules import Reading

_ADVICE = "Advice"


@dataclass(frozen=True)
class NextJobFlags:
    """The next tuning job, and what is to be told of it."""

    trials: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Its number of trials. Default: as in the past.",
            rich_help_panel=NEXT,
            show_default=False,
        ),
    ] = None
    workers: NextWorkers = None
    launch: Annotated[
        str | None,
        typer.Option(
            help="shuffled: any launch order is as likely; recorded: samples keep the past's, as "
            "for Bayesian search (the default where the logs say so, or where final values change "
            "over the launch order).",
            rich_help_panel=NEXT,
            show_default=False,
        ),
    ] = None
    confidence: Confidence = CONFIDENCE
    replicates: Annotated[
        int, typer.Option(min=100, help="Replays of each past study.", rich_help_panel=NEXT)
    ] = 1000
    seed: Seed = 0
    same_cost: Annotated[
        bool,
        typer.Option(
            "--same-cost", help="Also how many more trials the rule pays for.", rich_help_panel=NEXT
        ),
    ] = False
    backtest: Annotated[
        bool,
        typer.Option(
            "--backtest",
            help="Also split the past into past and future, many times: do the intervals hold?",
            rich_help_panel=NEXT,
        ),
    ] = False
    min_saving: Annotated[
        float,
        share_option("Share of money, billed time or steps to be worth it: 10% or 0.1.", _ADVICE),
    ] = 0.1
    max_degradation: Annotated[
        float,
        share_option(ACCEPTED_LOSS, _ADVICE),
    ] = 0.05

    def wanted(self, readings: bool | Sequence[Reading]) -> Wanted:
        """What to add to the forecast. Raises typer.BadParameter for a share that cannot be."""
        from esim.analyses.estimate.full_estimate import Wanted

        with usage():
            return Wanted(
                readings, self.same_cost, self.backtest, self.min_saving, self.max_degradation
            )

    def keywords(self) -> dict[str, Any]:
        """The arguments of `esim.estimate.settle` that these flags give.

        Raises:
            typer.BadParameter: a number out of range, or no launch order is called so.
        """
        from esim.analyses.estimate.forecast import check_numbers
        from esim.analyses.estimate.samples import Launch

        with usage():
            check_numbers(self.trials, self.workers, self.replicates, self.confidence, None)
            launch: Launch | None = None
            if self.launch is not None:
                launch = one_of("launch cannot be", self.launch, get_args(Launch))
        return {
            "trials": self.trials,
            "workers": self.workers,
            "replicates": self.replicates,
            "launch": launch,
        }


@dataclass(frozen=True)
class ForecastRuleFlags(UntilRuleFlags):
    """The stopping rule, whether in every reading, and what ends the whole job."""

    readings: Annotated[
        bool,
        typer.Option(
            "--readings",
            help="Forecast under every plausible reading of the documentation.",
            rich_help_panel=REPLAY,
        ),
    ] = False


@with_groups
def estimate(
    context: typer.Context,
    logs: Logs,
    job: NextJobFlags,
    rule: ForecastRuleFlags,
    final: FinalFlags,
    reading: ReadDatedStudiesFlags,
    costs: CostFlags,
    engine: ResumableFlags,
    drawn: DrawnStudiesFlags,
    output: ResultFlags,
) -> None:
    """What to expect of the next tuning job with the rule on: saving, loss, how sure."""
    row, until, money, final_value = rule.chosen(), rule.job_rules(), costs.chosen(), final.chosen()
    if until and job.same_cost:
        raise typer.BadParameter("--same-cost is for rules that stop trials: leave out --until")
    engine.check(output.out)
    output.check(logs)
    wanted, asked = job.wanted(rule.which(rule.readings)), job.keywords()

    from esim.analyses.estimate.forecast import settle
    from esim.analyses.estimate.full_estimate import full_estimate
    from esim.analyses.workers.by_study import going_through
    from esim.analyses.workers.finished import finished_parts

    with progress() as display:
        task = display.add_task("reading logs", total=None)
        found = read_or_open(logs, reading, engine)
        most = drawn.most_studies
        with going_through(
            studies_of(found), **engine.workers(), most=most, seed=job.seed
        ) as studies:
            known, threads = studies.facts(), engine.jobs
            asked |= {"costs": money, "final": final_value, "threads": threads, "until": until}
            ask = settle(known, row, **asked)
            told = studies.lots, ask, job.seed, wanted
            with finished_parts(studies_of(found), output.out, engine.resume, *told) as parts:
                estimated = full_estimate(
                    studies, known, ask, job.seed, job.confidence, wanted,
                    progress=by_part(display, task), parts=parts,
                )  # fmt: skip
    document = estimated.document(described(found), command_line(context))
    from esim.report.in_short import estimate_in_short
    from esim.report.terminal.estimate import show_estimate

    tell(
        document,
        output,
        lambda _, console: show_estimate(estimated, sagemaker_studies(found), console),
        lambda _: estimate_in_short(estimated),
    )
    output.decide(document)
    if estimated.failures:
        raise typer.Exit(1)
