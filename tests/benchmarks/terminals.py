"""What every command prints at 60 to 140 columns, in a pipe and in poor encodings: a table.

`python -m tests.benchmarks.terminals` prints it as Markdown: the longest line of each output, and
what is wrong with it. Lines that are there to be copied, such as code, are not broken and not
counted. `tests/cli/test_terminals.py` holds that nothing is wrong.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cli.terminals import PLACES, commands, help_pages, looked_at
from tests.cli.test_terminals import identified


def main() -> None:
    """Print the table."""
    print("| command | " + " | ".join(place.name for place in PLACES) + " | wrong |")
    print("|---" * (len(PLACES) + 2) + "|")
    with TemporaryDirectory() as name:
        folder = Path(name)
        every = [*commands(folder, identified(folder / "identified")), *help_pages()]
        for command in every:
            rows = list(looked_at(command))
            faults = [f"{row.place}: {fault}" for row in rows for fault in row.faults]
            cells = " | ".join(str(row.longest) for row in rows)
            print(f"| {command.name} | {cells} | {'; '.join(faults) or 'nothing'} |", flush=True)


if __name__ == "__main__":
    main()
