"""What a worker does with a chunk of a history: the function of one study, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from esim.by_study import Failed, Unit, work_on
from esim.costs import Costs
from esim.history import Chunk
from esim.replay import replay
from esim.results import TrialColumns
from esim.rules import Rule
from esim.study import Study
from esim.tables import packed, studies_table, trials_table


@dataclass(frozen=True)
class Settings:
    """How every study is replayed; arguments of `esim.replay`."""

    rule: Rule
    clock: str | None = None
    workers: int = 1
    costs: Costs = field(default_factory=Costs)
    final: str = "last"

    def to_dict(self) -> dict[str, Any]:
        """For the result document."""
        return {
            "rule": {
                "name": self.rule.name,
                "source": self.rule.source,
                "parameters": self.rule.parameters,
            },
            "clock": {"mode": self.clock, "workers": self.workers},
            "costs": vars(self.costs),
            "final": self.final,
        }


@dataclass(frozen=True)
class Part:
    """What a worker made of a chunk: Arrow tables, a row a study and a row a trial, as bytes."""

    studies: bytes
    trials: bytes


def replay_chunk(settings: Settings, chunk: Chunk) -> Part:
    """Replay the studies of a chunk; one that fails becomes a row with its error."""
    rows: list[dict[str, Any]] = []
    trials: list[tuple[str, TrialColumns]] = []
    made = work_on(partial(_replay, settings), Unit.of(chunk))
    for entry, one in zip(chunk.entries, made, strict=True):
        row = {"study": entry.study, "objective": entry.objective, "direction": entry.direction}
        if isinstance(one, Failed):
            rows.append({**row, "error": one.error})
            continue
        rows.append(row | one[0])
        trials.append((entry.study, one[1]))
    return Part(packed(studies_table(rows)), packed(trials_table(trials)))


def _replay(settings: Settings, position: int, study: Study) -> tuple[dict[str, Any], TrialColumns]:
    """The rest of a study's row, and its trials."""
    result = replay(
        study,
        settings.rule,
        settings.clock,
        settings.workers,
        costs=settings.costs,
        final=settings.final,  # type: ignore[arg-type]  # checked by replay
    )
    row = {
        "clock": result.clock.mode,
        "warnings": [caveat.code for caveat in result.warnings],
        **result.summary.to_dict(),
    }
    return row, result.columns
