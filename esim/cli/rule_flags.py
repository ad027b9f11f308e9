"""The flags that name the stopping rule, and what ends the whole job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from esim.cli.flags import REPLAY
from esim.cli.usage import refuse, usage

if TYPE_CHECKING:
    from esim.results.rule_set import RuleSet
    from esim.rules import JobRule, Reading, Rule


@dataclass(frozen=True)
class RuleFlags:
    """The stopping rule."""

    rule: Annotated[
        str,
        typer.Option(
            help="The stopping rule (esim rules), a TOML file with one, or a rule.json of esim "
            "identify: the rules it left, and the range over them.",
            rich_help_panel=REPLAY,
        ),
    ] = "sagemaker"
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="COLUMN=VALUE",
            help="Changes a column of the rule; repeatable.",
            rich_help_panel=REPLAY,
        ),
    ] = None

    def chosen(self) -> Rule:
        """The rule with its columns set; of a set of rules the first.

        Raises typer.BadParameter if there is none such.
        """
        from esim.rules import parse_column, rule

        with usage():
            if self._of_set:
                if self.set_:
                    refuse("--set changes one rule, and this is a set", "leave it out")
                return self._rule_set().distinct()[0]
            return rule(self.rule, **dict(parse_column(a) for a in self.set_ or []))

    def left(self) -> tuple[Reading, ...]:
        """The rules of a set as readings of the first; none if one rule was chosen, or is left.

        Raises typer.BadParameter if there is no such set.
        """
        if not self._of_set:
            return ()
        with usage():
            found = self._rule_set().readings()
        return found if len(found) > 1 else ()

    def which(self, every: bool) -> bool | tuple[Reading, ...]:
        """Every reading, or those of a set. Raises typer.BadParameter if both are asked for."""
        with usage():
            if every and self._of_set:
                refuse(
                    "--readings takes every reading, and this set those that are left",
                    "leave one of them out",
                )
        return every or self.left()

    @property
    def _of_set(self) -> bool:
        return self.rule is not None and self.rule.endswith(".json")

    def _rule_set(self) -> RuleSet:
        from esim.results.rule_set import read_rule_set

        return read_rule_set(self.rule)


@dataclass(frozen=True)
class UntilRuleFlags(RuleFlags):
    """The stopping rule, and what ends the whole job."""

    rule: Annotated[
        str | None,
        typer.Option(
            help="The stopping rule (esim rules), or a TOML file with one. Default: sagemaker; "
            "with --until: none, which stops no trial.",
            rich_help_panel=REPLAY,
            show_default=False,
        ),
    ] = None  # type: ignore[assignment]  # it depends on --until
    until: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=N",
            help="What ends the whole job (esim rules): not-improving=10, target=0.81, "
            "max-runtime=3600, max-jobs=50; repeatable, any of them. Alone it lets every trial go "
            "on; with --rule both act.",
            rich_help_panel=REPLAY,
            show_default=False,
        ),
    ] = None

    def chosen(self) -> Rule:
        """The rule with its columns set. Raises typer.BadParameter if there is none such."""
        from esim.rules import default_rule

        name = default_rule(self.job_rules()) if self.rule is None else self.rule
        return RuleFlags(name, self.set_).chosen()

    def job_rules(self) -> tuple[JobRule, ...]:
        """What ends the job. Raises typer.BadParameter if there is none such."""
        from esim.rules import job_rules

        with usage():
            return job_rules(self.until)
