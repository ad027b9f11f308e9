"""The flags that choose studies of a history by when they began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from esim.cli.flags import MANY
from esim.cli.read_flags import ReadFlags, ReadStudiesFlags
from esim.cli.usage import refuse, usage

if TYPE_CHECKING:
    from esim.readers.inputs import ReadInput
    from esim.storage.history import History


@dataclass(frozen=True)
class ReadDatedFlags(ReadFlags):
    """How to read the logs, and from when on and until when the studies of a history began.

    They are not called --from and --until: what ends a job is --until.
    """

    since: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="Of a history (esim convert): the studies whose first trial started on this date "
            "or later: 2026, 2026-05, 2026-05-17 or a time, UTC. Those without a date are left "
            "out, and counted.",
            rich_help_panel=MANY,
            show_default=False,
        ),
    ] = None
    before: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="Of a history: the studies whose first trial started before this date.",
            rich_help_panel=MANY,
            show_default=False,
        ),
    ] = None

    @property
    def dated(self) -> bool:
        """Whether a date was given."""
        return self.since is not None or self.before is not None

    def read(self, logs: list[str]) -> ReadInput:
        """As for `ReadFlags`; refused if a date was given, because logs are read whole."""
        if self.dated:
            with usage():
                refuse(
                    "--since and --before choose among the studies of a history",
                    "esim convert LOGS DIR, and name DIR alone, without --study",
                )
        return super().read(logs)

    def history(self, logs: list[str], asked: bool) -> History | None:
        """As for `ReadFlags`, with those studies only that began in the span.

        Raises:
            typer.BadParameter: a date is none.
            EsimError: no study began in the span.
        """
        from esim.storage.history.dates import began_between, moment

        with usage():
            for text in (self.since, self.before):
                if text is not None:
                    moment(text)
        found = super().history(logs, asked or self.dated)
        if found is None or not self.dated:
            return found
        return began_between(found, self.since, self.before)


@dataclass(frozen=True)
class ReadDatedStudiesFlags(ReadDatedFlags, ReadStudiesFlags):
    """The same, and which of the studies."""
