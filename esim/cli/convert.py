"""`esim convert`: any recorded logs into a history of Parquet files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, Annotated

import typer

from esim.cli.flags import Logs, typed_place
from esim.cli.groups import with_groups
from esim.cli.progress import progress
from esim.cli.read_flags import ReadStudiesFlags
from esim.errors import plural

if TYPE_CHECKING:
    from esim.study import Note, Study


def _typed_history(text: str) -> str:
    """A place to write to, or an address in an object store."""
    from esim.storage.history import is_store

    return text if is_store(text) else str(typed_place(text))


_LISTED = 20  # studies that are listed one by one


@with_groups
def convert(
    logs: Logs,
    out: Annotated[
        str,
        typer.Argument(
            parser=_typed_history,
            metavar="out",
            help="The folder, or s3:// or gs:// address, to write or to add to.",
        ),
    ],
    reading: ReadStudiesFlags,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The group of these studies, such as a team or a model, for `replay --by group`. "
            "Default: the input that each was read from.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write studies into a history: a few Parquet files that esim, and any other tool, reads.

    Run it again as logs come in: only new and changed inputs are read.
    """
    from esim.readers.convert import convert as run
    from esim.report.words import clean

    with progress() as display:
        task = display.add_task("converting", total=None)
        listed = count(1)
        others: dict[str, list[tuple[str, str]]] = {}  # a note's code -> studies, and its text

        def told(path: str, studies: Sequence[Study], notes: Sequence[Note]) -> None:
            display.update(task, description=f"converting {path}")
            for note in notes:
                print(f"{clean(path, 200)}: {clean(note.text, 500)}")
            for one in studies:
                if next(listed) > _LISTED:
                    for note in one.notes:
                        others.setdefault(note.code, []).append((one.name, note.text))
                    continue
                counts = f"{plural(one.n_trials, 'trial')}, {plural(one.n_reports, 'report')}"
                print(f"{clean(one.name)}: {counts}")
                for note in one.notes:
                    print(f"  note: {clean(note.text, 500)}")

        conversion = run(logs, out, told=told, group=group, **reading.keywords())
    more = next(listed) - 1 - _LISTED
    if more > 0:
        print(f"and {plural(more, 'study')} more")
    for told_of in others.values():
        name, text = told_of[0]
        print(
            f"  note on {plural(len(told_of), 'study')} of them: {clean(name)}: {clean(text, 500)}"
        )
    if conversion.unchanged:
        print(f"{plural(len(conversion.unchanged), 'input')} unchanged, passed over")
    for path, why in conversion.failed.items():
        lines = "\n".join(clean(line, 2000) for line in why.split("\n"))
        print(f"not read: {clean(path)}\n{lines}", file=sys.stderr)
    if conversion.history is not None:
        print(f"{plural(len(conversion.history.names), 'study')} in {out}")
    if conversion.failed:
        raise typer.Exit(1)
