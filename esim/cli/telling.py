"""A result as a command tells it: written where --out says, and printed as JSON or as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from esim.cli.flags import OutputFlags
from esim.cli.process import print_document
from esim.cli.progress import progress

if TYPE_CHECKING:
    from rich.console import Console


class Printable(Protocol):
    """A result that can be written and printed."""

    @property
    def inputs(self) -> Sequence[Mapping[str, Any]]:
        """What was read."""

    def save(self, folder: Path) -> Any:
        """Write its folder."""

    def to_json(self) -> str:
        """The document."""


Result = TypeVar("Result", bound=Printable)


def tell(
    result: Result,
    output: OutputFlags,
    show: Callable[[Result, Console], None],
    in_short: Callable[[Result], Sequence[str]],
    save: Callable[[Path], Any] | None = None,
) -> None:
    """Write a result where --out says, then print it: with --json its document and nothing else.

    Args:
        result: what was found.
        output: where it goes.
        show: prints it.
        in_short: its answer in short, which stands last.
        save: writes it into the place of --out; None: its own `save`.

    Raises:
        EsimError: it cannot be written.
    """
    if output.out is not None:
        with progress() as display:
            display.add_task(f"writing {output.out}", total=None)
            (save or result.save)(output.out)
    if output.json:
        print_document(result.to_json())
        return
    from esim.report.terminal.console import show_last, terminal
    from esim.report.terminal.replay import show_inputs

    console = terminal()
    show(result, console)
    show_inputs(result.inputs, console)
    show_last(in_short(result), console)
