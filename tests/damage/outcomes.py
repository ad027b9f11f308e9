"""What came of each mutation: right, noted, refused, or a fault of esim."""

from __future__ import annotations

import random
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from esim.errors import EsimError
from tests.damage import documents, samples, tables

OUTCOMES = ("same", "noted", "refused", "read", "fault")


@dataclass
class Outcomes:
    """How often each came of each kind of mutation.

    The outcomes are "same", it reads as if it were whole; "noted", it does not, and a note says so;
    "refused", an `EsimError`; "read", it is another document, or a table that another program
    wrote, and is read as such; "fault", anything else.

    Attributes:
        counts: ("stored" or "document", kind of mutation, outcome) -> how often.
        faults: a fault -> the cases.
    """

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    faults: dict[str, list[str]] = field(default_factory=dict)

    def add(self, what: str, which: str, kind: str, made: Callable[[], str]) -> None:
        """Count what comes of a mutation; `made` reads it and names the outcome."""
        try:
            outcome = made()
            if outcome == "fault":
                self._fault("other values without a word", which, kind)
        except EsimError as error:
            outcome = "refused"
            if "fault of esim" in str(error):
                outcome = self._fault(str(error), which, kind)
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            outcome = self._fault(f"{error!r:.200}, {last.filename}:{last.lineno}", which, kind)
        self.counts[what, kind, outcome] += 1

    def _fault(self, fault: str, which: str, kind: str) -> str:
        self.faults.setdefault(fault, []).append(f"{which}, {kind}")
        return "fault"

    def table(self) -> str:
        """The counts as a table, a line for each kind of mutation."""
        rows = sorted({(what, kind) for what, kind, _ in self.counts})
        lines = [_line("", OUTCOMES)]
        for what, kind in rows:
            counts = [f"{self.counts[what, kind, outcome]:,}" for outcome in OUTCOMES]
            lines.append(_line(f"{what}: {kind}", counts))
        every = Counter[str]()
        for (*_, outcome), n in self.counts.items():
            every[outcome] += n
        lines.append(_line("all", [f"{every[outcome]:,}" for outcome in OUTCOMES]))
        return "\n".join(lines)


def _line(head: str, cells: Sequence[str]) -> str:
    return f"{head:45}" + "".join(f"{cell:>9}" for cell in cells)


def folders_damaged(
    base: Path, seed: int, budget: int, found: Outcomes, kinds: Sequence[str] = tables.ALL
) -> None:
    """Mutate every Parquet file of every sample so often in each way, and read the folder."""
    random_ = random.Random(seed)
    for name, sample in samples.stored(base).items():
        right, notes = sample.read(sample.folder)
        for path in sorted(sample.folder.rglob("*.parquet")):
            data = path.read_bytes()
            for kind in kinds:
                for _ in range(budget):
                    path.write_bytes(tables.mutated(kind, data, random_))
                    made = lambda: of_folder(sample, right, notes, kind)  # noqa: B023, E731
                    found.add("stored", f"{name}/{path.name}", kind, made)
            path.write_bytes(data)


def of_folder(sample: samples.Stored, right: Any, notes: Any, kind: str) -> str:
    """The outcome of a mutation of a folder in which this, and these notes, would be right."""
    actual, noted = sample.read(sample.folder)
    if actual == right:
        return "same"
    if noted != notes:
        return "noted"
    return "fault" if kind in tables.DAMAGE else "read"


def documents_damaged(
    base: Path, seed: int, budget: int, found: Outcomes, *, drawn: float = 0.0
) -> None:
    """Mutate every document so often in each way, and make a report of it."""
    random_, path = random.Random(seed), base / "document.json"
    for name, document in samples.documents().items():
        path.write_text(documents.text_of(document))
        right = samples.read_document(path, drawn=False)
        for kind in documents.KINDS:
            for _ in range(budget):
                path.write_text(documents.mutated(kind, document, random_))
                draws = random_.random() < drawn
                made = lambda: _of_document(path, right, draws)  # noqa: B023, E731
                found.add("document", name, kind, made)


def _of_document(path: Path, right: str, draws: bool) -> str:
    return "same" if samples.read_document(path, drawn=draws) == right else "read"
