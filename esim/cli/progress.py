"""The progress display."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress display on stderr, and only on a terminal; gone when done.

    Descriptions may hold names from logs.
    """
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn, Task
    from rich.text import Text

    from esim.errors import clean

    class Description(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(clean(task.description))

    console = Console(stderr=True)
    _, *columns = Progress.get_default_columns()
    with Progress(
        Description(),
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=sys.stdout.isatty(),  # printed above the display, but into no file
    ) as display:
        yield display


def by_part(display: Progress, begun: TaskID) -> Callable[[str, int, int | None], None]:
    """Shows what has several parts: each has a share that is done, and a time that is left.

    Args:
        display: shows it.
        begun: what stands there until the first part begins.

    Returns:
        To be told the name of a part, how much of it is done, and of how much.
    """
    part, task = "", begun

    def tell(name: str, done: int, of: int | None) -> None:
        nonlocal part, task
        if name != part:
            display.remove_task(task)
            part, task = name, display.add_task(name, total=of)
        display.update(task, completed=done)

    return tell
