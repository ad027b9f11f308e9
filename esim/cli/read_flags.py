"""The flags that say how logs are read, declared once for all commands that read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from esim.cli.usage import usage

if TYPE_CHECKING:
    from esim.readers.inputs import ReadInput
    from esim.storage.history import History

# Panels of the help.
READING = "Reading the logs"
TABLES = "Columns of tables"


@dataclass(frozen=True)
class ReadFlags:
    """How to read the logs."""

    objective: Annotated[
        str | None,
        typer.Option(
            help="The metric to replay, where the logs hold several.", rich_help_panel=READING
        ),
    ] = None
    direction: Annotated[
        str | None,
        typer.Option(
            help="min or max (minimize, maximize), where the logs do not say.",
            rich_help_panel=READING,
        ),
    ] = None
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=REGEX for log text: a regex of Python, line by line; its first group is the "
            "value.",
            rich_help_panel=READING,
        ),
    ] = None
    format: Annotated[
        str | None,
        typer.Option(
            help="Read as this format (esim formats) instead of looking.", rich_help_panel=READING
        ),
    ] = None
    accept_time_aligned: Annotated[
        bool,
        typer.Option(
            "--accept-time-aligned",
            help="Take the n-th point of averages over time as step n.",
            rich_help_panel=READING,
        ),
    ] = False
    first_step: Annotated[
        str | None,
        typer.Option(
            help="What step 0 in the logs means: done (the first step done) or before (nothing "
            "done yet).",
            rich_help_panel=READING,
            show_default=False,
        ),
    ] = None
    max_size: Annotated[
        str | None,
        typer.Option(
            help="How much one file may hold once unpacked, such as 8GiB; raises all limits. "
            "Default: 2GiB.",
            rich_help_panel=READING,
            show_default=False,
        ),
    ] = None

    trial_column: Annotated[
        str | None,
        typer.Option(
            "--trial",
            help="Of a table: the column that names the trial.",
            rich_help_panel=TABLES,
            show_default=False,
        ),
    ] = None
    step: Annotated[
        str | None,
        typer.Option(
            help="The column that counts steps, where there are several.",
            rich_help_panel=TABLES,
            show_default=False,
        ),
    ] = None
    time: Annotated[
        str | None,
        typer.Option(
            help="Of a table: the column with the time of a report.",
            rich_help_panel=TABLES,
            show_default=False,
        ),
    ] = None
    value: Annotated[
        str | None,
        typer.Option(
            help="Of a table: the column with the values of the objective.",
            rich_help_panel=TABLES,
            show_default=False,
        ),
    ] = None
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=TEXT",
            help="Of a table: only the rows that hold this; repeatable.",
            rich_help_panel=TABLES,
            show_default=False,
        ),
    ] = None

    def keywords(self) -> dict[str, Any]:
        """The arguments of `esim.readers.read_inputs` beside the paths.

        Raises:
            typer.BadParameter: no direction, no meaning of step 0 or no size is called so.
        """
        from esim.readers.limits import parse_size
        from esim.study.first_step import as_first_step

        with usage():
            first_step = as_first_step(self.first_step)
            max_size = None if self.max_size is None else parse_size(self.max_size, "--max-size")
        return {
            "objective": self.objective,
            "direction": self._direction(),
            "metrics": self.metric or [],
            "format": self.format,
            "accept_time_aligned": self.accept_time_aligned,
            "first_step": first_step,
            "max_size": max_size,
            "trial": self.trial_column,
            "step": self.step,
            "time": self.time,
            "value": self.value,
            "where": self.where or [],
        }

    def read(self, logs: list[str]) -> ReadInput:
        """The studies in the logs.

        Raises:
            typer.BadParameter: no direction is called so.
            EsimError: the logs cannot be used; it says where.
        """
        from esim.readers.inputs import read_inputs

        return read_inputs(*logs, **self.keywords())

    def history(self, logs: list[str], asked: bool) -> History | None:
        """The history that the logs are, if its studies are to be gone through one by one.

        That is, if it is `asked` for, or there are more than 100 of them (`MANY`).

        Raises:
            typer.BadParameter: no direction is called so.
            EsimError: the history is damaged, or holds another objective or direction.
        """
        from esim.readers.history_input import find_history, validate_history

        history = find_history(logs)
        if history is None:
            return None
        from esim.analyses.workers.by_study import MANY

        if not (asked or len(history.names) > MANY):
            return None
        asked_of_it = self.keywords()
        validate_history(
            history, **{key: asked_of_it[key] for key in ("objective", "direction", "first_step")}
        )
        return history

    def _direction(self) -> str | None:
        from esim.study import as_direction

        with usage():
            return None if self.direction is None else as_direction(self.direction)


@dataclass(frozen=True)
class ReadStudiesFlags(ReadFlags):
    """How to read the logs, and which of their studies."""

    study: Annotated[
        list[str] | None,
        typer.Option(
            help="Read this study only, where the logs hold several; repeatable.",
            rich_help_panel=READING,
            show_default=False,
        ),
    ] = None

    def keywords(self) -> dict[str, Any]:
        """The arguments of `esim.readers.read_inputs` beside the paths."""
        return {**super().keywords(), "studies": self.study or []}

    def history(self, logs: list[str], asked: bool) -> History | None:
        """As for `ReadFlags`; studies asked for by name are read as those of any other logs are."""
        return None if self.study else super().history(logs, asked)
