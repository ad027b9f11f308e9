"""The naive twin of the closed loop: one event after another, on slots, and nothing shared.

Plain Python. The rule is a twin of tests/references/twins.py. At equal times ends come before
reports, then earlier launches first; a last report made as its trial ends is one event with the
end. A slot that a trial frees can be taken `gap` seconds later, which is an end too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.references.drive import Judge

Row = tuple[int, float, float]  # step, seconds since the trial's start, value


@dataclass
class Trial:
    """A trial that runs or has run."""

    rows: Sequence[Row]
    began: float
    made: int = 0
    stopped: bool = False
    ended: float | None = None


@dataclass
class Search:
    """What the search saw, in order: ("ask", trial, time) and ("tell", trial, value)."""

    seen: list[tuple[str, int, float]] = field(default_factory=list)


def closed_loop(
    propose: Callable[[Search], Sequence[Row]],
    judge: Judge,
    workers: int,
    trials: int,
    gap: float = 0.0,
) -> tuple[list[Trial], Search]:
    """Run so many trials. `propose` gives the rows of the next one from what the search saw."""
    search, launched = Search(), list[Trial]()
    refills: dict[int, float] = {}  # trial -> when its slot can be taken
    free, now = workers, 0.0
    while True:
        while free and len(launched) < trials:
            rows = propose(search)
            search.seen.append(("ask", len(launched), now))
            judge.start(len(launched))
            launched.append(Trial(rows, now))
            free -= 1
        coming = []
        for at, trial in enumerate(launched):
            if at in refills:
                coming.append((refills[at], 0, at))
            elif trial.ended is None:
                last = trial.made == len(trial.rows) - 1
                coming.append((trial.began + trial.rows[trial.made][1], 0 if last else 1, at))
        if not coming:
            return launched, search
        now, _, at = min(coming)
        if at in refills:
            del refills[at]
            free += 1
            continue
        trial = launched[at]
        verdict = judge.report(at, *trial.rows[trial.made])
        trial.made += 1
        trial.stopped = verdict and trial.made < len(trial.rows)
        if trial.stopped or trial.made == len(trial.rows):
            trial.ended = now
            judge.end(at, "stopped" if trial.stopped else "completed")
            search.seen.append(("tell", at, trial.rows[trial.made - 1][2]))
            if gap:
                refills[at] = now + gap
            else:
                free += 1
