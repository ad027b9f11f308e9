"""`esim closed-loop`: what the search would have done next."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from esim.assumptions import CONFIDENCE
from esim.cli.command_line import command_line
from esim.cli.flags import NEXT, Confidence, CostFlags, FinalFlags, Logs, NextWorkers, Seed
from esim.cli.gates import ResultFlags
from esim.cli.groups import with_groups
from esim.cli.inputs import described
from esim.cli.progress import progress
from esim.cli.read_flags import ReadStudiesFlags
from esim.cli.rule_flags import UntilRuleFlags
from esim.cli.telling import tell
from esim.cli.usage import one_of, usage
from esim.errors import EsimError, near_names

if TYPE_CHECKING:
    from esim.analyses.closed_loop.futures import Budget, BudgetOf
    from esim.analyses.closed_loop.loop import Told
    from esim.readers.inputs import ReadInput

_SEARCH = "The search"
_AMOUNT = re.compile(r"\s*([0-9.eE+-]+?)\s*(trials?|s|seconds?|money|)\s*", re.IGNORECASE)
_OF: dict[str, BudgetOf] = {"": "trials", "t": "trials", "s": "seconds", "m": "money"}


@dataclass(frozen=True)
class FutureFlags:
    """The job that is simulated."""

    workers: NextWorkers = None
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="N|Ns|'N money'",
            help="What it may start without the rule: 50 (trials), 3600s (seconds), '20 money' (of "
            "--price). Default: as many trials as the log has.",
            rich_help_panel=NEXT,
            show_default=False,
        ),
    ] = None
    futures: Annotated[
        int, typer.Option(min=20, help="Simulated jobs of each searcher.", rich_help_panel=NEXT)
    ] = 100
    confidence: Confidence = CONFIDENCE
    seed: Seed = 0
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes on this machine; the result does not depend on it. Default: its cores.",
            rich_help_panel=NEXT,
            show_default=False,
        ),
    ] = None

    def amount(self) -> Budget | None:
        """The budget; None: as many trials as the log has.

        Raises typer.BadParameter for what is no budget.
        """
        from esim.analyses.closed_loop.futures import Budget

        if self.budget is None:
            return None
        read = _AMOUNT.fullmatch(self.budget)
        try:
            if read is not None:
                return Budget(_OF[read[2][:1].lower()], float(read[1]))
        except ValueError:
            pass
        raise typer.BadParameter(f"{self.budget!r} is no budget: 50, 3600s or '20 money'")


@dataclass(frozen=True)
class SearchFlags:
    """What proposes configurations, and in which space."""

    searcher: Annotated[
        str,
        typer.Option(
            help="Separated by commas: random, tpe (Optuna's) and gp (a Gaussian process).",
            rich_help_panel=_SEARCH,
        ),
    ] = "random,tpe,gp"
    told: Annotated[
        str,
        typer.Option(
            help="What the search is told of a stopped trial: its last value, its best, or "
            "nothing.",
            rich_help_panel=_SEARCH,
        ),
    ] = "last"
    leave_out: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A hyperparameter that is not searched, such as a path; repeatable.",
            rich_help_panel=_SEARCH,
            show_default=False,
        ),
    ] = None

    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LOGS",
            help="Logs of a job of the same search that ran with the rule: the forecast, on as "
            "many workers and trials, is held against what it recorded; repeatable.",
            rich_help_panel=_SEARCH,
            show_default=False,
        ),
    ] = None

    def what_is_told(self) -> Told:
        """What the search is told of a stopped trial. Raises typer.BadParameter."""
        words: tuple[Told, ...] = ("last", "best", "nothing")
        with usage():
            return one_of("--told cannot be", self.told, words)

    def names(self) -> list[str]:
        """The searchers. Raises typer.BadParameter if there is none such."""
        from esim.analyses.closed_loop.searchers import SEARCHERS

        with usage():
            asked = [name.strip() for name in self.searcher.split(",") if name.strip()]
            return [one_of("no searcher", name, SEARCHERS) for name in dict.fromkeys(asked)]


@with_groups
def closed_loop(
    context: typer.Context,
    logs: Logs,
    job: FutureFlags,
    search: SearchFlags,
    rule: UntilRuleFlags,
    final: FinalFlags,
    reading: ReadStudiesFlags,
    costs: CostFlags,
    output: ResultFlags,
) -> None:
    """What the search would have done next: simulated jobs with the rule and without it, on a
    surrogate learned from the logs of one job, or of several that searched the same problem."""
    row, until, budget, names = rule.chosen(), rule.job_rules(), job.amount(), search.names()
    told, money, final_value = search.what_is_told(), costs.chosen(), final.chosen()
    if rule.rule is not None and rule.left():
        raise typer.BadParameter("esim closed-loop is for one rule, and this is a set of several")
    output.check([*logs, *(search.against or [])])

    from esim.analyses.closed_loop.closed_loop import closed_loop as simulate

    with progress() as display:
        task = display.add_task("reading logs", total=None)
        found = reading.read(logs)
        pair = _job(search.against, reading)
        display.update(task, description="simulating jobs", total=len(names) * job.futures)
        result = simulate(
            found.studies, row, job.workers, until=until, budget=budget, searchers=names, told=told,
            futures=job.futures, seed=job.seed, confidence=job.confidence, costs=money,
            final=final_value, leave_out=search.leave_out or (),
            against=None if pair is None else pair.studies[0], jobs=job.jobs,
            advance=lambda more: display.advance(task, more),
        )  # fmt: skip
    inputs = [one for read in (found, pair) if read is not None for one in described(read)]
    result = replace(result, inputs=tuple(inputs), command=command_line(context))
    from esim.report.in_short import closed_loop_in_short
    from esim.report.terminal.closed_loop import show_closed_loop

    tell(result, output, show_closed_loop, closed_loop_in_short)
    output.decide(result)


def _job(logs: list[str] | None, reading: ReadStudiesFlags) -> ReadInput | None:
    """The job to hold the forecast against. Raises EsimError if the logs hold several."""
    if not logs:
        return None
    from esim.readers.inputs import read_inputs

    found = read_inputs(*logs, **{**reading.keywords(), "studies": []})
    if len(found.studies) != 1:
        names = near_names("", (study.name for study in found.studies))
        raise EsimError(
            "the logs of --against hold several studies", fix=f"the logs of one of: {names}"
        )
    return found
