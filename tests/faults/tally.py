"""Counts outcomes (`tests.faults.samples`) in a table, and keeps what failed."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

from tests.faults.samples import CLASSES


class Tally:
    """Outcomes by what was changed, or how.

    Attributes:
        total: how many there are.
    """

    def __init__(self, keep: Path | None) -> None:
        self._keep = keep
        self._counts: Counter[tuple[str, str]] = Counter()
        self._faults: dict[str, str] = {}
        self._seen: Counter[str] = Counter()

    @property
    def total(self) -> int:
        return self._counts.total()

    def add(self, row: str, outcome: str, what: str, folder: Path) -> None:
        """Count an outcome.

        Args:
            row: the row of the table.
            outcome: as `Sample.outcome` gives it.
            what: what was changed, and how.
            folder: the changed input, which is copied if it is the first with this fault.
        """
        self._counts[row, outcome.split(" ", 1)[0]] += 1
        if outcome.startswith("BUG"):
            self._seen[outcome] += 1
            if outcome not in self._faults and self._keep and folder.exists():
                number = f"{len(self._faults) + 1:03}"
                shutil.copytree(folder, self._keep / number)
                (self._keep / f"{number}.txt").write_text(f"{what}\n{outcome}\n")
            self._faults.setdefault(outcome, what)

    def totals(self) -> dict[str, int]:
        """Class -> how often."""
        return {name: self._count("total", name) for name in CLASSES}

    def show(self, of: str) -> bool:
        """Print the table and the faults; whether there are any faults."""
        rows = list(dict.fromkeys(row for row, _ in self._counts))
        width = max(map(len, [*rows, of]))
        print(f"{of:{width}}" + "".join(f"{name:>8}" for name in CLASSES) + f"{'total':>9}")
        for row in [*rows, "total"]:
            counts = [self._count(row, name) for name in CLASSES]
            print(f"{row:{width}}" + "".join(f"{n:8,}" for n in counts) + f"{sum(counts):9,}")
        for fault, what in self._faults.items():
            print(f"\n{self._seen[fault]} x {fault}\n    first in {what}")
        return bool(self._faults)

    def _count(self, row: str, name: str) -> int:
        if row == "total":
            return sum(n for (_, its), n in self._counts.items() if its == name)
        return self._counts[row, name]
