"""The flags that commands share, each declared once, and the records that they make.

A group is a dataclass that `esim.cli.groups.with_groups` expands. A flag that some commands have
apart from its group is an annotation with a name of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from esim.cli.usage import one_of, refuse, usage

if TYPE_CHECKING:
    from esim.assumptions import Costs
    from esim.simulator.replay import Final

# Panels of the help.
REPLAY = "The replay"
COSTS = "Seconds and money"
MANY = "Many studies"
CHANCE = "Chance"
NEXT = "The next job"

ACCEPTED_LOSS = (
    "The loss you accept, as a share of the way from the best to the median trial: 5% or 0.05."
)


def share_option(help: str, panel: str) -> Any:
    """A flag whose value is a share, such as 5% or 0.05.

    Args:
        help: what it is.
        panel: of the help.
    """
    return typer.Option(parser=_typed_share, metavar="SHARE", help=help, rich_help_panel=panel)


def _typed_share(text: str | float) -> float:
    """The share that a flag was given. Raises typer.BadParameter, which says what was meant."""
    from esim.rules import share

    with usage():
        return share(text, "a share")


def typed_gap(text: str) -> float | None:
    """The seconds that a flag was given, None for "recorded": with `parser=typed_gap`.

    Raises:
        typer.BadParameter: it is neither.
    """
    if text == "recorded":
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise typer.BadParameter(f"{text!r} is neither a number of seconds nor recorded")
    return seconds


def typed_place(text: str | Path) -> Path:
    """The place to write to that a flag was given: with `parser=typed_place`.

    Raises:
        typer.BadParameter: nothing can be written there.
    """
    from esim.storage.places import place

    with usage():
        return place(str(text))


Logs = Annotated[
    list[str],
    typer.Argument(help="Files, folders and database URLs of recorded logs.", show_default=False),
]
ClockMode = Annotated[
    str | None,
    typer.Option(
        "--clock",
        help="order: one trial after another; recorded: when they ran; simulated: on --workers "
        "slots. Default: recorded where the logs have all times, else order.",
        rich_help_panel=REPLAY,
        show_default=False,
    ),
]
NextWorkers = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Its parallel jobs. Default: as in the past, 1 where the logs do not tell.",
        rich_help_panel=NEXT,
        show_default=False,
    ),
]
Confidence = Annotated[
    float,
    share_option("How sure intervals, tests and guarantees are to be: 90% or 0.9.", CHANCE),
]
Seed = Annotated[
    int,
    typer.Option(
        min=0, help="Of random draws; the same seed gives the same bytes.", rich_help_panel=CHANCE
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print the result document as JSON and nothing else.")
]


@dataclass(frozen=True)
class ClockFlags:
    """The clock of a replay: arguments of `esim.replay`."""

    clock: ClockMode = None
    workers: Annotated[
        int,
        typer.Option(
            min=1,
            help="Parallel slots of the simulated clock; more than 1 selects it.",
            rich_help_panel=REPLAY,
        ),
    ] = 1

    def check(self) -> None:
        """Raise typer.BadParameter for a clock that cannot be, before any log is read."""
        check_clock(self.clock, self.workers)


def check_clock(mode: str | None, workers: int) -> None:
    """Raise typer.BadParameter for a clock that cannot be.

    Args:
        mode: of the clock; None if it is left to the logs.
        workers: parallel slots, at least 1.
    """
    from esim.assumptions import Clock, Mode

    with usage():
        if mode is not None or workers > 1:
            Clock(one_of("unknown clock", mode or "simulated", get_args(Mode)), workers)


@dataclass(frozen=True)
class FinalFlags:
    """What a trial's final value is."""

    final: Annotated[
        str,
        typer.Option(
            metavar="last|best",
            help="Which value of a trial is its final one: the last (SageMaker's definition), or "
            "the best.",
            rich_help_panel=REPLAY,
        ),
    ] = "last"

    def chosen(self) -> Final:
        """Which value it is. Raises typer.BadParameter if it is neither."""
        # Written out: `esim.replay` loads numba, too slow for the refusal of a word.
        words: tuple[Final, ...] = ("last", "best")
        with usage():
            return one_of("--final cannot be", self.final, words)


@dataclass(frozen=True)
class OverheadFlags:
    """Seconds of a job beyond its training: fields of `esim.assumptions.Costs`."""

    startup_s: Annotated[
        float,
        typer.Option(
            min=0,
            help="Billed seconds of each job before the seconds its log counts.",
            rich_help_panel=COSTS,
        ),
    ] = 0.0
    stop_latency_s: Annotated[
        float,
        typer.Option(
            min=0,
            help="Billed seconds from a stop's decision to the end of training, in which the trial "
            "trains on (SageMaker: up to 120).",
            rich_help_panel=COSTS,
        ),
    ] = 0.0
    upload_s: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Billed seconds a stopped job uploads. Default: what each took after its last "
            "report.",
            rich_help_panel=COSTS,
            show_default=False,
        ),
    ] = None

    slot_gap_s: Annotated[
        float | None,
        typer.Option(
            parser=typed_gap,
            metavar="SECONDS|recorded",
            help="Unbilled seconds from the end of a job to the start of the next in its slot, in "
            "the makespan. Default: recorded, the median gap of the record, 0 where it has none.",
            rich_help_panel=COSTS,
            show_default=False,
        ),
    ] = None

    def chosen(self) -> Costs:
        """The costs as a record. Raises typer.BadParameter for a number that cannot be."""
        from esim.assumptions import Costs

        with usage():
            return Costs(**vars(self))


@dataclass(frozen=True)
class CostFlags(OverheadFlags):
    """Seconds and money of a job beyond its training: fields of `esim.assumptions.Costs`."""

    price: Annotated[
        float | None, typer.Option(min=0, help="Money per instance-hour.", rich_help_panel=COSTS)
    ] = None
    currency: Annotated[
        str | None,
        typer.Option(
            help="The price's unit. Default: USD.", rich_help_panel=COSTS, show_default=False
        ),
    ] = None

    def chosen(self) -> Costs:
        """The costs as a record. Raises typer.BadParameter for a number that cannot be, or a
        currency without a price."""
        from esim.assumptions import Costs

        with usage():
            currency = currency_of(self.price, self.currency)
            return Costs(**{**vars(self), "currency": currency})


def currency_of(price: float | None, currency: str | None) -> str:
    """Inside `usage`: the unit of a price. Raises EsimError for one without a price."""
    from esim.assumptions import Costs

    if currency is None:
        return Costs.currency
    if price is None:
        refuse(f"--currency {currency} without a price: no money is told", "--price N, per hour")
    return currency


@dataclass(frozen=True)
class EngineFlags:
    """Where the studies of a history are gone through one by one.

    These are arguments of `esim.compare` and of `esim.analyses.workers.by_study.going_through`.
    """

    engine: Annotated[
        str | None,
        typer.Option(
            help="Where the studies of a history (esim convert) are gone through one by one: local "
            "(processes), threads, dask or ray. Default: local where there are more than 100.",
            rich_help_panel=MANY,
            show_default=False,
        ),
    ] = None
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Workers on this machine. Default: its cores.",
            rich_help_panel=MANY,
            show_default=False,
        ),
    ] = None
    address: Annotated[
        str | None,
        typer.Option(
            help="A running cluster: tcp://host:8786 (dask), auto or ray://host:10001 (ray).",
            rich_help_panel=MANY,
            show_default=False,
        ),
    ] = None

    @property
    def given(self) -> bool:
        """Whether any of them was typed: a history is then gone through study by study."""
        return bool(self.engine or self.jobs or self.address)

    def workers(self) -> dict[str, Any]:
        """The arguments of `going_through` that these flags give."""
        return {"engine": self.engine, "jobs": self.jobs, "address": self.address}

    def check(self) -> None:
        """Raise typer.BadParameter for an engine that cannot be, before any log is read."""
        if (self.engine, self.jobs, self.address) == (None, None, None):
            return
        from esim.analyses.workers.engines import check_engine

        with usage():
            check_engine(self.engine or "local", self.jobs, self.address)


@dataclass(frozen=True)
class ResumableFlags(EngineFlags):
    """Where the studies of a history are gone through one by one, and from where on."""

    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on where an interrupted run with the same --out left off.",
            rich_help_panel=MANY,
        ),
    ] = False

    @property
    def given(self) -> bool:
        """Whether any of them was typed: a history is then gone through study by study."""
        return super().given or self.resume

    def check(self, out: Path | None = None) -> None:
        """Raise typer.BadParameter for what cannot be, before any log is read."""
        super().check()
        if self.resume and out is None:
            raise typer.BadParameter("--resume goes on with an --out")


@dataclass(frozen=True)
class DrawnStudiesFlags:
    """How many studies of a long history are drawn to stand for all."""

    most_studies: Annotated[
        int,
        typer.Option(
            min=0,
            help="Of a history of more studies, so many are drawn at random and the others are not "
            "read; 0: all are taken.",
            rich_help_panel=MANY,
        ),
    ] = 1000


@dataclass(frozen=True)
class OutputFlags:
    """Where the result goes."""

    out: Annotated[
        Path | None,
        typer.Option(
            parser=typed_place,
            metavar="PATH",
            help="Write result, tables and figures into this folder.",
            show_default=False,
        ),
    ] = None
    json: Json = False

    def check(self, logs: list[str]) -> None:
        """Raise typer.BadParameter for an --out that is not apart from the logs, or may not be
        replaced."""
        from esim.readers.opening import local_roots
        from esim.storage.places import keep_apart

        if self.out is not None:
            roots = local_roots(logs)
            with usage():
                keep_apart(self.out, roots)
                self.check_replaceable(self.out)

    def check_replaceable(self, out: Path) -> None:
        """Inside `usage`: raise EsimError for a place that holds what esim did not write."""
        from esim.storage.result_folder import check_replaceable

        check_replaceable(out)
