"""The flags that say which rules take part, where several are held against each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from esim.assumptions import CONFIDENCE
from esim.cli.flags import Confidence, Seed
from esim.cli.usage import one_of, refuse, usage

if TYPE_CHECKING:
    from esim.results.comparison.entries import Saved
    from esim.rules import JobRule, Rule

CANDIDATES = "The rules"


@dataclass(frozen=True)
class CandidateFlags:
    """Which rules take part."""

    rules: Annotated[
        str | None,
        typer.Option(
            help="Rules that take part, separated by commas (esim rules), or a rule.json of esim "
            "identify. Default: all but ax-stability, which takes long.",
            rich_help_panel=CANDIDATES,
            show_default=False,
        ),
    ] = None
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUES",
            help="Every rule with each of these values, separated by commas; repeatable, all "
            "combinations.",
            rich_help_panel=CANDIDATES,
        ),
    ] = None

    def named_rules(self) -> list[Rule] | None:
        """The rules, None for all. Raises typer.BadParameter if there is none such."""
        from esim.rules import rule

        if self.rules is None:
            return None
        from esim.results.rule_set import read_rule_set

        names = [name.strip() for name in self.rules.split(",") if name.strip()]
        found: list[Rule] = []
        with usage():
            for name in names:
                many = name.endswith(".json")
                found += read_rule_set(name).distinct() if many else [rule(name)]
        return found

    def columns(self) -> dict[str, list[Any]]:
        """Column -> values. Raises typer.BadParameter for a column or value that cannot be."""
        from esim.rules import parse_column

        points: dict[str, list[Any]] = {}
        with usage():
            for assignment in self.grid or []:
                key, equals, values = assignment.partition("=")
                for value in values.split(",") if equals else [""]:
                    column, parsed = parse_column(f"{key}={value}" if equals else key)
                    points.setdefault(column, []).append(parsed)
        return points


@dataclass(frozen=True)
class RankedFlags(CandidateFlags):
    """Which rules take part, by what they are ranked, and how sure that is to be."""

    until: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=N",
            help="A job-level rule (esim rules), such as not-improving=10: takes part alone, and "
            "beside each of --rules, or beside sagemaker; repeatable.",
            rich_help_panel=CANDIDATES,
            show_default=False,
        ),
    ] = None
    saved: Annotated[
        str,
        typer.Option(
            help="What is to be saved: steps, seconds, billed, makespan or cost.",
            rich_help_panel=CANDIDATES,
        ),
    ] = "steps"
    confidence: Confidence = CONFIDENCE
    seed: Seed = 0

    def job_level(self) -> tuple[JobRule, ...]:
        """The job-level rules that take part. Raises typer.BadParameter if there is none such."""
        from esim.rules import job_rules

        with usage():
            return job_rules(self.until)


def amount(saved: str, price: float | None) -> Saved:
    """The amount that --saved names.

    Args:
        saved: what was typed.
        price: money per instance-hour; None if there is none.

    Raises:
        typer.BadParameter: no amount is called so, or it is money and there is no price.
    """
    words: tuple[Saved, ...] = ("steps", "seconds", "billed", "makespan", "cost")
    with usage():
        word = one_of("--saved cannot be", saved, words)
        if word == "cost" and price is None:
            refuse("--saved cost needs a price", "--price")
    return word
