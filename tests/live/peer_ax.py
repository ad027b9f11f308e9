"""Ax's percentile strategy, asked of a real experiment after each report.

`pip install ax-platform`. Slow: about 40 decisions a second.
"""

from __future__ import annotations

import importlib.metadata
import logging
import math

import pandas as pd
from ax.core.arm import Arm
from ax.core.data import MAP_KEY, Data
from ax.core.experiment import Experiment
from ax.core.metric import Metric
from ax.core.objective import Objective
from ax.core.optimization_config import OptimizationConfig
from ax.core.parameter import ParameterType, RangeParameter
from ax.core.search_space import SearchSpace
from ax.early_stopping.strategies import PercentileEarlyStoppingStrategy

from esim.study import Study
from tests.live.parity import Case

logging.disable(logging.WARNING)


class Asked:
    """Reports without a number are not data, and nothing is asked at them."""

    def __init__(self, study: Study, **options: object) -> None:
        minimize = study.direction == "minimize"
        metric = Metric("value", lower_is_better=minimize)
        parameter = RangeParameter("x", ParameterType.FLOAT, 0.0, 1e9)
        self.experiment = Experiment(
            search_space=SearchSpace([parameter]),
            optimization_config=OptimizationConfig(Objective(metric=metric, minimize=minimize)),
        )
        self.strategy = PercentileEarlyStoppingStrategy(**options)
        self.index: dict[int, int] = {}

    def start(self, trial: int) -> None:
        made = self.experiment.new_trial().add_arm(Arm({"x": float(trial)}, name=f"arm{trial}"))
        made.mark_running(no_runner_required=True)
        self.index[trial] = made.index

    def report(self, trial: int, step: int, seconds: float, value: float) -> bool:
        if math.isnan(value):
            return False
        at = self.index[trial]
        row = {
            "trial_index": at, "arm_name": f"arm{trial}", "metric_name": "value",
            "metric_signature": "value", "mean": value, "sem": math.nan, MAP_KEY: float(step),
        }  # fmt: skip
        self.experiment.attach_data(Data(df=pd.DataFrame([row])))
        return at in self.strategy.should_stop_trials_early({at}, self.experiment)

    def end(self, trial: int, how: str) -> None:
        made = self.experiment.trials[self.index[trial]]
        if how == "completed":
            made.mark_completed()
        else:
            made.mark_early_stopped(unsafe=True)


def version() -> str:
    return f"ax-platform {importlib.metadata.version('ax-platform')}"


CASES = [
    Case("ax-percentile", Asked, small=(16, 16), large=None, recorded=False),
    Case(
        "ax-percentile",
        lambda s: Asked(s, percentile_threshold=25.0, min_progression=3, min_curves=2),
        {"quantile": 0.75, "warmup_steps": 3, "min_peers": 2, "min_completed": 2},
        small=(16, 16),
        large=None,
        recorded=False,
    ),
]
