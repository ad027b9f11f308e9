"""Ax's early-stopping strategies, asked of a real experiment after each report.

`pip install ax-platform`, or what stands on its main branch: the cases are those of the version
that is installed. Slow: about 40 decisions a second.
"""

from __future__ import annotations

import importlib.metadata
import logging
import math
from collections.abc import Callable

import pandas as pd
from ax.core.arm import Arm
from ax.core.data import MAP_KEY, Data
from ax.core.experiment import Experiment
from ax.core.metric import Metric
from ax.core.objective import Objective
from ax.core.optimization_config import OptimizationConfig
from ax.core.parameter import ParameterType, RangeParameter
from ax.core.search_space import SearchSpace
from ax.early_stopping import strategies
from ax.early_stopping.strategies import PercentileEarlyStoppingStrategy
from ax.early_stopping.strategies.base import BaseEarlyStoppingStrategy

from esim.study import Study
from tests.live.parity import Case
from tests.references.curves import KINDS

logging.disable(logging.WARNING)
#: Of Ax's main branch in August 2026; no release has it.
Stability = getattr(strategies, "StabilityGatedEarlyStoppingStrategy", None)


class Asked:
    """Reports without a number are not data, and nothing is asked at them."""

    def __init__(self, study: Study, strategy: BaseEarlyStoppingStrategy) -> None:
        minimize = study.direction == "minimize"
        metric = Metric("value", lower_is_better=minimize)
        parameter = RangeParameter("x", ParameterType.FLOAT, 0.0, 1e9)
        self.experiment = Experiment(
            search_space=SearchSpace([parameter]),
            optimization_config=OptimizationConfig(Objective(metric=metric, minimize=minimize)),
        )
        self.strategy = strategy
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


def _case(
    rule: str,
    make: Callable[[], BaseEarlyStoppingStrategy],
    columns: dict[str, object],
    kinds=KINDS,
) -> Case:
    return Case(
        rule,
        lambda study: Asked(study, make()),
        columns,
        kinds,
        small=(10, 12),
        large=None,
        recorded=False,
    )


def _percentile(rule: str, columns: dict[str, object] | None = None, **options: object) -> Case:
    return _case(rule, lambda: PercentileEarlyStoppingStrategy(**options), columns or {})


def _stability(columns: dict[str, object] | None = None, **options: object) -> Case:
    # Of ties the order is left to a sort that is not stable, and to rounding.
    kinds = ("plain", "nan", "missing")
    return _case("ax-stability", lambda: Stability(**options), columns or {}, kinds)


_LENIENT = {"percentile_threshold": 25.0, "min_progression": 3, "min_curves": 2}
_DEFAULT = {
    "min_curves": 3,
    "min_progression": 0.2,
    "max_progression": 0.9,
    "normalize_progressions": True,
    "n_best_trials_to_complete": 3,
}  # and check_safe, which is no column

CASES = (
    [
        _percentile("ax-percentile"),
        _percentile(
            "ax-percentile",
            {"quantile": 0.75, "warmup_steps": 3, "min_peers": 2, "min_completed": 2},
            **_LENIENT,
        ),
    ]
    if Stability is None
    else [
        _percentile("ax-depth"),
        _percentile("ax-depth", {"quantile": 0.75, "warmup_steps": 3, "min_peers": 2}, **_LENIENT),
        _percentile("ax-depth", {"protect": 5}, n_best_trials_to_complete=5),
        _percentile("ax-top3", **_DEFAULT),
        _stability(),
        _stability(
            {
                "consecutive": 2,
                "protect": 1,
                "protect_share": 0.0,
                "protect_leaders": 3,
                "smooth": 3,
                "checkpoints": 0.05,
                "progress_to": 0.95,
            },
            stability_count=2,
            min_top_k=1,
            top_k_fraction=0.0,
            recent_best_lookback=3,
            window_size=3,
            check_interval=0.05,
            max_progression=0.95,
        ),
        _stability(
            {
                "consecutive": 1,
                "protect_share": 0.25,
                "protect_leaders": 0,
                "smooth": 1,
                "most_variance": 0.01,
                "slack_amount": 0.2,
                "min_peers": 4,
                "progress_from": 0.0,
            },
            stability_count=1,
            top_k_fraction=0.25,
            recent_best_lookback=0,
            window_size=1,
            variance_threshold=0.01,
            gap_threshold=0.2,
            min_curves=4,
            min_progression=0.0,
        ),
    ]
)
