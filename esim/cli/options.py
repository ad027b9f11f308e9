"""Flags that commands share, and what turns them into records."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from esim.errors import EsimError

if TYPE_CHECKING:
    from rich.progress import Progress

    from esim.assumptions import Costs
    from esim.readers.inputs import ReadInput
    from esim.rules import Rule
    from esim.storage.history import History
    from esim.study import Study

_READING = "Reading the logs"
_REPLAY = "The replay"
_COSTS = "Seconds and money"
_ENGINE = "Many studies"

Logs = Annotated[
    list[str],
    typer.Argument(help="Files, folders and database URLs of recorded logs.", show_default=False),
]
Objective = Annotated[
    str | None,
    typer.Option(
        help="The metric to replay, where the logs hold several.", rich_help_panel=_READING
    ),
]
Direction = Annotated[
    str | None,
    typer.Option(help="minimize or maximize, where the logs do not say.", rich_help_panel=_READING),
]
Metric = Annotated[
    list[str] | None,
    typer.Option(
        help="NAME=REGEX for log text: Python re, line by line, the first group is the value.",
        rich_help_panel=_READING,
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        help="Read as this format (esim formats) instead of looking.", rich_help_panel=_READING
    ),
]
StudyNames = Annotated[
    list[str] | None,
    typer.Option(
        "--study",
        help="Read this study only, where the logs hold several; repeatable.",
        rich_help_panel=_READING,
        show_default=False,
    ),
]
Step = Annotated[
    str | None,
    typer.Option(
        help="The column that counts steps, where the format has several.",
        rich_help_panel=_READING,
        show_default=False,
    ),
]
AcceptTimeAligned = Annotated[
    bool,
    typer.Option(
        "--accept-time-aligned",
        help="Take the n-th point of averages over time (TrainingJobAnalytics) as step n.",
        rich_help_panel=_READING,
    ),
]
RuleName = Annotated[
    str,
    typer.Option(
        "--rule",
        help="The stopping rule (esim rules), or a TOML file with one.",
        rich_help_panel=_REPLAY,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="column=value of the rule; repeatable.", rich_help_panel=_REPLAY),
]
ClockMode = Annotated[
    str | None,
    typer.Option(
        "--clock",
        help="order: one trial after another; recorded: when they ran; simulated: on --workers "
        "slots. Default: recorded where the logs have all times, else order.",
        rich_help_panel=_REPLAY,
        show_default=False,
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        min=1,
        help="Parallel slots of the simulated clock; more than 1 selects it.",
        rich_help_panel=_REPLAY,
    ),
]
Final = Annotated[
    str,
    typer.Option(
        help="A trial's final value: its last reported one (SageMaker's definition), or its best.",
        rich_help_panel=_REPLAY,
    ),
]
Price = Annotated[
    float | None, typer.Option(min=0, help="Money per instance-hour.", rich_help_panel=_COSTS)
]
Currency = Annotated[str, typer.Option(help="The price's unit.", rich_help_panel=_COSTS)]
Startup = Annotated[
    float,
    typer.Option(
        "--startup-s",
        min=0,
        help="Billed seconds of each job before the seconds its log counts.",
        rich_help_panel=_COSTS,
    ),
]
StopLatency = Annotated[
    float,
    typer.Option(
        "--stop-latency-s",
        min=0,
        help="Billed seconds from a stop's decision to the end of training (SageMaker: up to 120).",
        rich_help_panel=_COSTS,
    ),
]
Upload = Annotated[
    float | None,
    typer.Option(
        "--upload-s",
        min=0,
        help="Billed seconds a stopped job uploads. Default: what each took after its last report.",
        rich_help_panel=_COSTS,
        show_default=False,
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(
        help="Where the studies of a history (esim convert) are gone through one by one: local "
        "(processes), threads, dask or ray. Default: local where there are more than 100.",
        rich_help_panel=_ENGINE,
        show_default=False,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Workers on this machine. Default: its cores.",
        rich_help_panel=_ENGINE,
        show_default=False,
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        help="A running cluster: tcp://host:8786 (dask), auto or ray://host:10001 (ray).",
        rich_help_panel=_ENGINE,
        show_default=False,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on where an interrupted run with the same --out left off.",
        rich_help_panel=_ENGINE,
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print the result document as JSON and nothing else.")
]
Out = Annotated[
    Path | None,
    typer.Option(help="Write result, tables and figures into this folder.", show_default=False),
]


_TYPED = "esim.typed"
_ELSEWHERE = ("--out", "--engine", "--jobs", "--address")


class Recording(TyperGroup):
    """The command line's root: keeps what was typed."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """A context that knows its words."""
        typed = tuple(args)
        context = super().make_context(info_name, args, parent, **extra)
        context.meta[_TYPED] = typed
        return context


def command_line(context: typer.Context) -> str | None:
    """The command as it was typed, ready for a shell, but for what changes nothing in the result:
    where it went, and where and on how many cores it ran."""
    words = iter(context.meta.get(_TYPED, ()))
    kept = []
    for word in words:
        if word in _ELSEWHERE:
            next(words, None)
        elif word != "--json" and word.partition("=")[0] not in _ELSEWHERE:
            kept.append(word)
    return shlex.join(("esim", *kept)) if kept else None


@contextmanager
def usage() -> Iterator[None]:
    """Errors inside are the user's words, not the logs: exit code 2."""
    try:
        yield
    except EsimError as error:
        raise typer.BadParameter(str(error)) from None


def refuse(what: str, fix: str) -> NoReturn:
    """Inside `usage`: words that cannot be obeyed, and what would work."""
    raise EsimError(what, fix=fix)


def chosen_rule(name: str, assignments: list[str] | None) -> Rule:
    """The rule of --rule and --set."""
    from esim.rules import parse_column, rule

    with usage():
        return rule(name, **dict(parse_column(a) for a in assignments or []))


def chosen_rules(names: str | None) -> list[Rule] | None:
    """The rules of --rules; None for all."""
    from esim.rules import rule

    if names is None:
        return None
    with usage():
        return [rule(name.strip()) for name in names.split(",") if name.strip()]


def chosen_grid(assignments: list[str] | None) -> dict[str, list[Any]]:
    """Column -> values, of --grid."""
    from esim.rules import parse_column

    points: dict[str, list[Any]] = {}
    with usage():
        for assignment in assignments or []:
            key, equals, values = assignment.partition("=")
            for value in values.split(",") if equals else [""]:
                column, parsed = parse_column(f"{key}={value}" if equals else key)
                points.setdefault(column, []).append(parsed)
    return points


def check_saved(saved: str, price: float | None) -> None:
    """Refuse an unknown amount, or money without a price, before any log is read."""
    with usage():
        if saved not in ("steps", "seconds", "billed", "makespan", "cost"):
            raise EsimError(
                f"--saved cannot be {saved!r}", fix="steps, seconds, billed, makespan or cost"
            )
        if saved == "cost" and price is None:
            raise EsimError("--saved cost needs a price", fix="--price")


def chosen_costs(**numbers: Any) -> Costs:
    """The cost flags as a record."""
    from esim.assumptions import Costs

    with usage():
        return Costs(**numbers)


def check_words(clock: str | None, workers: int, final: str = "last") -> None:
    """Refuse unknown words before any log is read."""
    from esim.assumptions import Clock

    with usage():
        if final not in ("last", "best"):
            raise EsimError(f"--final cannot be {final!r}", fix="last or best")
        if clock is not None or workers > 1:
            Clock(clock or "simulated", workers)  # type: ignore[arg-type]  # checked there


def check_engine(engine: str | None, jobs: int | None, address: str | None) -> None:
    """Refuse an unknown engine before any log is read."""
    from esim.analyses.workers.engines import check_engine as check

    with usage():
        check(engine or "local", jobs, address)


def one_by_one(
    logs: list[str], asked: bool, objective: str | None = None, direction: str | None = None
) -> History | None:
    """The history that the logs are, if its studies are to be gone through one by one.

    That is, if it is `asked` for, or there are more than `MANY` of them.
    """
    from esim.analyses.workers.by_study import MANY
    from esim.readers.inputs import find_history, validate_history

    history = find_history(logs)
    if history is None or not (asked or len(history.names) > MANY):
        return None
    validate_history(history, objective=objective, direction=chosen_direction(direction))
    return history


def described_history(history: History) -> list[dict[str, Any]]:
    """What was read, for the result document."""
    return [
        {"path": str(history.location), "sha256": history.sha256, "format": "history", "notes": []}
    ]


def check_engine_used(history: History | None, **flags: Any) -> None:
    """Refuse flags of engines where there is no history to go through one by one."""
    if history is None and any(flags.values()):
        names = [f"--{name}" for name in flags]
        raise typer.BadParameter(
            f"{', '.join(names[:-1])} and {names[-1]} are for what esim convert wrote"
        )


def chosen_direction(word: str | None) -> str | None:
    """The direction of --direction."""
    from esim.study import as_direction

    with usage():
        return None if word is None else as_direction(word)


def read(
    logs: list[str],
    objective: str | None,
    direction: str | None,
    metric: list[str] | None,
    format: str | None,
    accept_time_aligned: bool = False,
    study: list[str] | None = None,
    step: str | None = None,
) -> ReadInput:
    """The studies in the logs."""
    from esim.readers.inputs import read_inputs

    return read_inputs(
        *logs,
        objective=objective,
        direction=chosen_direction(direction),
        format=format,
        metrics=metric or [],
        accept_time_aligned=accept_time_aligned,
        studies=study or [],
        step=step,
    )


def described(found: ReadInput) -> list[dict[str, Any]]:
    """What was read, for the result document; a study's notes stand with its first input."""
    inputs = []
    told: set[str] = set()
    for source in found.inputs:
        notes = [vars(note) for note in source.notes]
        for study in found.studies:
            if study.name in source.studies and study.name not in told:
                told.add(study.name)
                notes += [{**vars(note), "study": study.name} for note in study.notes]
        inputs.append(
            {
                "path": source.path,
                "sha256": source.sha256,
                "format": source.format,
                "notes": notes,
            }
        )
    return inputs


def sagemaker_studies(found: ReadInput) -> dict[str, Study]:
    """The SageMaker tuning jobs that ran without AUTO and could run with it, by name."""
    from esim.analyses.check import GRADES

    names = {name for i in found.inputs if i.format == "sagemaker" for name in i.studies}
    barred = {
        "auto_was_on",
        *(code for code, (severity, _) in GRADES.items() if severity == "error"),
    }
    return {
        study.name: study
        for study in found.studies
        if study.name in names and not barred & {note.code for note in study.notes}
    }


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress display on stderr, and only on a terminal; gone when done."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as display:
        yield display
