"""Ray Tune's schedulers, handed trials and results as the tuner does. `pip install 'ray[tune]'`."""

from __future__ import annotations

from types import SimpleNamespace

import ray
from ray.tune.schedulers import AsyncHyperBandScheduler, MedianStoppingRule, TrialScheduler

from esim.study import Study
from tests.live.parity import Case

CONTROLLER = SimpleNamespace(get_live_trials=lambda: [])


class Scheduled:
    """No trial is ever waiting, so nothing is paused."""

    def __init__(self, study: Study, kind: type, **options: object) -> None:
        self.mode = "min" if study.direction == "minimize" else "max"
        self.scheduler = kind(metric="value", mode=self.mode, **options)
        self.trials: dict[int, SimpleNamespace] = {}
        self.last: dict[int, dict[str, float]] = {}

    def start(self, trial: int) -> None:
        self.trials[trial] = _Trial(trial)
        self.scheduler.on_trial_add(CONTROLLER, self.trials[trial])

    def report(self, trial: int, step: int, seconds: float, value: float) -> bool:
        result = {"value": value, "training_iteration": step, "time_total_s": seconds}
        self.last[trial] = result
        action = self.scheduler.on_trial_result(CONTROLLER, self.trials[trial], result)
        return bool(action == TrialScheduler.STOP)

    def end(self, trial: int, how: str) -> None:
        # The tuner does this for a trial that the scheduler stopped too.
        if trial in self.last:
            self.scheduler.on_trial_complete(CONTROLLER, self.trials[trial], self.last[trial])


class _Trial(SimpleNamespace):
    """Hashable, and ordered by nothing but itself."""

    def __init__(self, number: int) -> None:
        super().__init__(trial_id=str(number), status="RUNNING")

    def __hash__(self) -> int:
        return hash(self.trial_id)

    def __eq__(self, other: object) -> bool:
        return self is other


def version() -> str:
    return f"ray {ray.__version__}"


def _case(rule: str, kind: type, options: dict[str, object], **columns: object) -> Case:
    return Case(
        rule,
        lambda study: Scheduled(study, kind, **options),
        columns,
        times=rule == "ray-median" and "axis" not in columns,
        large=(60, 50) if rule == "ray-median" else (100, 50),
    )


_STEPS = {"time_attr": "training_iteration"}
CASES = [
    _case("ray-median", MedianStoppingRule, {}),
    _case(
        "ray-median", MedianStoppingRule, {**_STEPS, "grace_period": 1}, axis="step", warmup_steps=1
    ),
    _case(
        "ray-median",
        MedianStoppingRule,
        {**_STEPS, "grace_period": 5, "min_samples_required": 1},
        axis="step",
        warmup_steps=5,
        min_peers=1,
    ),
    _case("ray-asha", AsyncHyperBandScheduler, {}),
    _case(
        "ray-asha",
        AsyncHyperBandScheduler,
        {"grace_period": 2, "reduction_factor": 3, "max_t": 20},
        first_rung=2,
        reduction=3.0,
        max_steps=20,
    ),
    _case("ray-asha", AsyncHyperBandScheduler, {"reduction_factor": 1.5}, reduction=1.5),
]
