"""`esim certify`: the boldest rule whose risk is low, and whether that still holds."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from esim.cli.candidates import RankedFlags, amount
from esim.cli.command_line import command_line
from esim.cli.compare import OrderClockFlags
from esim.cli.dates import ReadDatedStudiesFlags
from esim.cli.flags import (
    ACCEPTED_LOSS,
    CostFlags,
    DrawnStudiesFlags,
    EngineFlags,
    FinalFlags,
    Logs,
    share_option,
)
from esim.cli.gates import FAILED, ResultFlags
from esim.cli.groups import with_groups
from esim.cli.inputs import described, read_or_open, studies_of
from esim.cli.progress import progress
from esim.cli.telling import tell
from esim.cli.usage import refuse, usage

if TYPE_CHECKING:
    from esim.results.certificate import Certificate
    from esim.results.watched import Watched

_CERTIFICATE = "The certificate"


@dataclass(frozen=True)
class PromiseFlags(RankedFlags):
    """What is to be promised, of which rules, and how their studies are replayed."""

    max_loss: Annotated[
        float,
        share_option(ACCEPTED_LOSS, _CERTIFICATE),
    ] = 0.05
    risk: Annotated[
        float,
        share_option(
            "The chance that you accept of losing more than that in a new study.", _CERTIFICATE
        ),
    ] = 0.1
    in_order: Annotated[
        bool,
        typer.Option(
            "--in-order",
            help="--rules names them from safe to bold: all studies test, none chooses the order.",
            rich_help_panel=_CERTIFICATE,
        ),
    ] = False
    orders: Annotated[
        str,
        typer.Option(
            metavar="N|recorded",
            help="Random launch orders over which a study's loss is averaged; recorded: its own "
            "alone, in which it is lost or not.",
            rich_help_panel=_CERTIFICATE,
        ),
    ] = "100"

    def keywords(self) -> dict[str, Any]:
        """The arguments of `esim.certify` that these flags give; `saved` apart.

        Raises:
            typer.BadParameter: no such rule, column, share or number of launch orders.
        """
        from esim.analyses.certify.certify import check_asked

        with usage():
            check_asked(self.max_loss, self.risk, self.confidence)
            if self.in_order and (self.rules is None or self.grid or self.until):
                refuse("--in-order needs an order of the rules", "--rules, without --grid, --until")
        return {
            "rules": self.named_rules(),
            "grid": self.columns(),
            "until": self.job_level(),
            "max_loss": self.max_loss,
            "risk": self.risk,
            "confidence": self.confidence,
            "in_order": self.in_order,
            "orders": self._orders(),
            "seed": self.seed,
        }

    def _orders(self) -> int | Literal["recorded"]:
        if self.orders == "recorded":
            return "recorded"
        with usage():
            if not self.orders.isdecimal() or int(self.orders) < 1:
                refuse(f"--orders cannot be {self.orders!r}", "a number from 1 on, or recorded")
        return int(self.orders)


@dataclass(frozen=True)
class WatchFlags:
    """The certificate to watch."""

    watch: Annotated[
        Path | None,
        typer.Option(
            help="Hold the logs, of new studies, against this certificate, or go on with an "
            "earlier watch: the folder of its --out, or the document. Exit code 3 if it no longer "
            "holds.",
            rich_help_panel="Afterwards",
            show_default=False,
        ),
    ] = None

    def refuse_others(self, context: typer.Context, *groups: Any) -> None:
        """Raise typer.BadParameter for a flag that the certificate settles."""
        given = [
            field.name
            for group in groups
            for field in fields(group)
            if (source := context.get_parameter_source(field.name)) is not None
            and source.name == "COMMANDLINE"
        ]
        with usage():
            if given:
                name = given[0].replace("_", "-")
                refuse(
                    f"--{name} cannot go with --watch", "the certificate settles it: leave it out"
                )


@with_groups
def certify(
    context: typer.Context,
    logs: Logs,
    promise: PromiseFlags,
    watch: WatchFlags,
    clock: OrderClockFlags,
    final: FinalFlags,
    reading: ReadDatedStudiesFlags,
    costs: CostFlags,
    engine: EngineFlags,
    drawn: DrawnStudiesFlags,
    output: ResultFlags,
) -> None:
    """Certify the boldest stopping rule whose risk of losing too much is low, with a confidence
    that holds for few studies and for any kind of losses; and watch whether that still holds."""
    engine.check()
    output.check(logs)
    if watch.watch is not None:
        watch.refuse_others(context, promise, clock, final, costs, drawn)
        _watch(watch.watch, logs, reading, engine, output, command_line(context))
        return
    asked = promise.keywords() | {"costs": costs.chosen(), "final": final.chosen()}
    clock.check()
    asked["saved"] = amount(promise.saved, costs.price)
    from esim import certify as run

    with progress() as display:
        task = display.add_task("reading logs", total=None)
        found = read_or_open(logs, reading, engine)
        display.update(task, description="certifying")
        certificate = run(
            studies_of(found),
            **asked,
            **vars(clock),
            **vars(engine),
            **vars(drawn),
            inputs=described(found),
            progress=lambda done, of: display.update(task, total=of, completed=done),
        )
    _tell(replace(certificate, command=command_line(context)), output)
    output.decide(certificate)
    if certificate.failures:
        raise typer.Exit(1)


def _watch(
    path: Path,
    logs: list[str],
    reading: ReadDatedStudiesFlags,
    engine: EngineFlags,
    output: ResultFlags,
    command: str | None,
) -> None:
    """Hold new studies against a certificate."""
    from esim import watch as run
    from esim.results.saved import watchable

    certificate = watchable(path)
    with progress() as display:
        task = display.add_task("reading logs", total=None)
        found = read_or_open(logs, reading, engine)
        display.update(task, description="watching")
        watched = run(
            certificate,
            studies_of(found),
            **vars(engine),
            inputs=described(found),
            progress=lambda done, of: display.update(task, total=of, completed=done),
        )
    _tell(replace(watched, command=command), output)
    output.decide(watched)
    if not watched.holds:
        raise typer.Exit(FAILED)
    if watched.failures:
        raise typer.Exit(1)


def _tell(document: Certificate | Watched, output: ResultFlags) -> None:
    from esim.report.in_short import certificate_in_short
    from esim.report.terminal.certificate import show

    tell(document, output, show, certificate_in_short)
