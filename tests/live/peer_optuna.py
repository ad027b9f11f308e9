"""Optuna's pruners, asked through ask, report, should_prune and tell. `pip install optuna`."""

from __future__ import annotations

import math

import optuna
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    PatientPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
    ThresholdPruner,
    WilcoxonPruner,
)
from optuna.trial import TrialState

from esim.study import Study
from tests.live.parity import Case

optuna.logging.set_verbosity(optuna.logging.ERROR)


class Asked:
    def __init__(self, study: Study, pruner: BasePruner) -> None:
        self.study = optuna.create_study(
            direction=study.direction, pruner=pruner, study_name=study.name
        )
        self.trials: dict[int, optuna.Trial] = {}
        self.last: dict[int, float] = {}

    def start(self, trial: int) -> None:
        self.trials[trial] = self.study.ask()

    def report(self, trial: int, step: int, seconds: float, value: float) -> bool:
        asked = self.trials[trial]
        asked.report(value, step)
        self.last[trial] = value
        return asked.should_prune()

    def end(self, trial: int, how: str) -> None:
        if how == "stopped":
            self.study.tell(self.trials[trial], state=TrialState.PRUNED)
        elif math.isnan(self.last.get(trial, 0.0)) and isinstance(
            self.study.pruner, WilcoxonPruner
        ):
            self.study.tell(self.trials[trial], state=TrialState.FAIL)  # as optimize() does
        else:
            last = self.last.get(trial, 0.0)
            self.study.tell(self.trials[trial], 0.0 if math.isnan(last) else last)


def version() -> str:
    return f"optuna {optuna.__version__}"


def _case(rule: str, make, **columns) -> Case:
    return Case(rule, lambda study: Asked(study, make()), columns)


def _wilcoxon(**options) -> Case:
    """SciPy permutes ties and zeros, at some 30 decisions a second."""
    called = {"p_threshold": "p_value", "n_startup_steps": "min_peers"}
    return Case(
        "optuna-wilcoxon",
        lambda study: Asked(study, WilcoxonPruner(**options)),
        {called[k]: v for k, v in options.items()},
        small=(16, 20),
        large=(8, 60),
        recorded=False,
    )


CASES = [
    _case("optuna-median", MedianPruner),
    _case(
        "optuna-median",
        lambda: MedianPruner(n_startup_trials=2, n_warmup_steps=3, interval_steps=4),
        min_completed=2,
        warmup_steps=3,
        interval=4,
    ),
    _case("optuna-percentile", lambda: PercentilePruner(25.0)),
    _case("optuna-percentile", lambda: PercentilePruner(66.7), quantile=0.667),
    _case("optuna-sha", SuccessiveHalvingPruner),
    _case(
        "optuna-sha",
        lambda: SuccessiveHalvingPruner(min_resource=2, reduction_factor=3),
        first_rung=2,
        reduction=3.0,
    ),
    _case("optuna-hyperband", HyperbandPruner),
    _case(
        "optuna-hyperband",
        lambda: HyperbandPruner(min_resource=2, max_resource=40, reduction_factor=2),
        first_rung=2,
        max_resource=40,
        reduction=2.0,
    ),
    _case("optuna-patient", lambda: PatientPruner(None, 10)),
    _case("optuna-patient", lambda: PatientPruner(None, 2, 0.01), patience=2, min_delta=0.01),
    _case("optuna-median", lambda: PatientPruner(MedianPruner(), 3), patience=3),
    _wilcoxon(),
    _wilcoxon(p_threshold=0.3, n_startup_steps=5),
    _case("optuna-threshold", lambda: ThresholdPruner(lower=0.2, upper=1.5), lower=0.2, upper=1.5),
]
