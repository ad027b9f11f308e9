"""Syne Tune's schedulers, handed trials and results as its tuner does. `pip install syne-tune`."""

from __future__ import annotations

import datetime
import importlib.metadata

import numpy as np
from syne_tune.backend.trial_status import Trial
from syne_tune.config_space import uniform
from syne_tune.optimizer.scheduler import SchedulerDecision, TrialScheduler
from syne_tune.optimizer.schedulers.asha import AsynchronousSuccessiveHalving
from syne_tune.optimizer.schedulers.median_stopping_rule import MedianStoppingRule

from esim.study import Study
from tests.live.parity import Case


class GoesOn(TrialScheduler):
    """The scheduler that the median rule wraps: it never stops anything."""

    def __init__(self) -> None:
        super().__init__(random_seed=0)

    def suggest(self) -> None:
        return None

    def on_trial_result(self, trial: Trial, result: dict) -> str:
        return SchedulerDecision.CONTINUE

    def metric_names(self) -> list[str]:
        return ["value"]


class Scheduled:
    def __init__(self, study: Study, kind: str, **options: object) -> None:
        minimize = study.direction == "minimize"
        if kind == "median":
            self.scheduler = MedianStoppingRule(
                scheduler=GoesOn(), time_attr="step", metric="value", random_seed=0,
                do_minimize=minimize, **options,
            )  # fmt: skip
        else:
            self.scheduler = AsynchronousSuccessiveHalving(
                {"x": uniform(0, 1)}, metric="value", time_attr="step", random_seed=0,
                do_minimize=minimize, **options,
            )  # fmt: skip
        self.trials: dict[int, Trial] = {}
        self.last: dict[int, dict[str, float]] = {}

    def start(self, trial: int) -> None:
        self.trials[trial] = Trial(trial, {"x": 0.5}, datetime.datetime(2020, 1, 1))
        self.scheduler.on_trial_add(self.trials[trial])

    def report(self, trial: int, step: int, seconds: float, value: float) -> bool:
        self.last[trial] = {"value": value, "step": step}
        said = self.scheduler.on_trial_result(self.trials[trial], self.last[trial])
        return bool(said == SchedulerDecision.STOP)

    def end(self, trial: int, how: str) -> None:
        if how == "completed" and trial in self.last:
            self.scheduler.on_trial_complete(self.trials[trial], self.last[trial])
        else:
            self.scheduler.on_trial_remove(self.trials[trial])


def version() -> str:
    np.seterr(all="ignore")
    return f"syne-tune {importlib.metadata.version('syne-tune')}"


def _case(rule: str, kind: str, options: dict[str, object], **columns: object) -> Case:
    kinds = ("plain", "tied", "missing") + (("nan",) if kind == "median" else ())
    return Case(rule, lambda study: Scheduled(study, kind, **options), columns, kinds=kinds)


CASES = [
    _case("synetune-median", "median", {}),
    _case(
        "synetune-median",
        "median",
        {"running_average": False, "grace_time": 3, "grace_population": 2, "rank_cutoff": 0.25},
        own="current", peer="value", adding="in order", warmup_steps=3, min_peers=2, quantile=0.25,
    ),
    _case("synetune-asha", "asha", {}),
    _case(
        "synetune-asha",
        "asha",
        {"grace_period": 2, "reduction_factor": 4, "max_t": 20},
        first_rung=2, reduction=4.0, max_steps=20,
    ),
]  # fmt: skip
