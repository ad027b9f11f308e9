"""What a worker does with a chunk of a history: the function of one study, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from esim.by_study import Failed, Unit, attempt, read
from esim.costs import Costs
from esim.history import Chunk
from esim.replay import replay_many
from esim.results import ReplayResult, TrialColumns
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
    found = list(read(Unit.of(chunk)))
    made = iter(_replayed(settings, [study for study in found if isinstance(study, Study)]))
    rows: list[dict[str, Any]] = []
    trials: list[tuple[str, TrialColumns]] = []
    for entry, one in zip(chunk.entries, found, strict=True):
        result = one if isinstance(one, Failed) else next(made)
        row = {"study": entry.study, "objective": entry.objective, "direction": entry.direction}
        if isinstance(result, Failed):
            rows.append({**row, "error": result.error})
            continue
        codes = [caveat.code for caveat in result.warnings]
        told = {"clock": result.clock.mode, "warnings": codes}
        rows.append({**row, **told, **result.summary.to_dict()})
        trials.append((entry.study, result.columns))
    return Part(packed(studies_table(rows)), packed(trials_table(trials)))


def _replayed(settings: Settings, studies: list[Study]) -> list[ReplayResult | Failed]:
    def together(studies: list[Study]) -> list[ReplayResult]:
        return replay_many(
            studies,
            settings.rule,
            settings.clock,
            settings.workers,
            costs=settings.costs,
            final=settings.final,  # type: ignore[arg-type]  # checked there
        )

    try:
        return [*together(studies)]
    except Exception:  # of one of them: each by itself tells which
        return [attempt(lambda one: together([one])[0], study) for study in studies]
