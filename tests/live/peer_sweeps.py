"""W&B's sweeps, polled after every report. `pip install sweeps` (in an environment of its own)."""

from __future__ import annotations

import importlib.metadata
import math

from sweeps.hyperband_stopping import hyperband_stop_runs
from sweeps.run import RunState, SweepRun

from esim.study import Study
from tests.live.parity import Case


class Polled:
    def __init__(self, study: Study, **options: object) -> None:
        goal = study.direction
        self.config = {
            "method": "random",
            "metric": {"name": "value", "goal": goal},
            "parameters": {},
            "early_terminate": {"type": "hyperband", "strict": True, **options},
        }
        self.runs: dict[int, SweepRun] = {}

    def start(self, trial: int) -> None:
        self.runs[trial] = SweepRun(name=str(trial), state=RunState.running, history=[])

    def report(self, trial: int, step: int, seconds: float, value: float) -> bool:
        run = self.runs[trial]
        run.history.append({"value": value})
        if not math.isfinite(value):
            return False  # no new point of the history, so no poll
        return any(
            r.name == run.name for r in hyperband_stop_runs([*self.runs.values()], self.config)
        )

    def end(self, trial: int, how: str) -> None:
        self.runs[trial].state = RunState.finished


def version() -> str:
    return f"sweeps {importlib.metadata.version('sweeps')}"


CASES = [
    Case("wandb-hyperband", lambda s: Polled(s, min_iter=3, eta=3), large=(40, 40)),
    Case(
        "wandb-hyperband",
        lambda s: Polled(s, min_iter=2, eta=2, strict=False),
        {"first_rung": 2, "reduction": 2.0, "own": "best"},
        large=(40, 40),
    ),
]
