"""Job-level rules against the real objects that they copy, trial by trial, where they install.

`pip install optuna hyperopt syne-tune "ray[tune]" ax-platform`, not all in one environment. Trials
run one after another; after each the real object is asked whether the job ends.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import esim
from esim.study import Study

TRIALS = 45
Ends = Callable[[int], bool]  # after trial i has ended: does the job end?


def cases(*, statuses: bool) -> Iterator[tuple[list[float], list[str], str]]:
    """Values with ties and long standstills, how each trial ends, and a direction."""
    for seed in range(25):
        rng = np.random.default_rng(seed)
        values = np.round(rng.random(TRIALS) * rng.choice([1, 20]) - rng.choice([0, 0.5]), 2)
        values[rng.random(TRIALS) < 0.3] += 0.5
        ways = ["completed"] * TRIALS
        if statuses:
            ways = rng.choice(["completed", "completed", "stopped", "failed"], TRIALS).tolist()
        yield values.tolist(), ways, ("minimize", "maximize")[seed % 2]


def told(ends: Ends) -> int:
    """How many trials start if the real object is asked after each."""
    return next((i + 1 for i in range(TRIALS) if ends(i)), TRIALS)


def replayed(values: Sequence[float], ways: Sequence[str], direction: str, until: str) -> int:
    study = Study.from_arrays([[v] for v in values], direction, status=list(ways))
    summary = esim.replay(study, until=until, clock="order").summary
    return summary.trials - summary.trials_not_started


def agree(
    until: str,
    make: Callable[..., Ends],
    *,
    statuses: bool = False,
    direction: str | None = None,
    few: int | None = None,
) -> None:
    """The real object and the row end every case with the same trial, and some of them early."""
    found = []
    asked = direction
    for values, ways, direction in list(cases(statuses=statuses))[:few]:
        if asked not in (None, direction):
            continue
        real = told(make(values, ways, direction))
        assert replayed(values, ways, direction, until) == real, (until, values, ways, direction)
        found.append(real)
    assert min(found) < TRIALS


# ---------------------------------------------------------------------------------------- Optuna


def _optuna(asks: Callable[[Any, Any], bool]) -> Callable[..., Ends]:
    import optuna
    from optuna.trial import TrialState

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    states = {
        "completed": TrialState.COMPLETE,
        "stopped": TrialState.PRUNED,
        "failed": TrialState.FAIL,
    }

    def make(values: list[float], ways: list[str], direction: str) -> Ends:
        study = optuna.create_study(direction=direction)

        def ends(i: int) -> bool:
            trial, state = study.ask(), states[ways[i]]
            value = values[i] if state == TrialState.COMPLETE else None
            frozen = study.tell(trial, value, state=state)
            return asks(study, frozen)

        return ends

    return make


@pytest.mark.parametrize(("most", "least"), [(3, 1), (3, 20), (8, 5), (0, 1)])
def test_optunas_stagnation(most: int, least: int) -> None:
    terminators = pytest.importorskip("optuna.terminator")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        terminator = terminators.Terminator(
            improvement_evaluator=terminators.BestValueStagnationEvaluator(most),
            min_n_trials=least,
        )
    make = _optuna(lambda study, _: terminator.should_terminate(study))
    until = f"optuna-stagnation={most},min_trials={least}"
    agree(until, make)
    agree(until, make, statuses=True)


@pytest.mark.parametrize("most", [1, 7, 20])
def test_optunas_number_of_trials(most: int) -> None:
    optuna = pytest.importorskip("optuna")
    callback, stopped = optuna.study.MaxTrialsCallback(most), []

    def asks(study: Any, trial: Any) -> bool:
        study.stop = lambda: stopped.append(1)
        stopped.clear()
        callback(study, trial)
        return bool(stopped)

    agree(f"optuna-max-trials={most}", _optuna(asks))
    agree(f"optuna-max-trials={most}", _optuna(asks), statuses=True)


# -------------------------------------------------------------------------------------- Hyperopt


@pytest.mark.parametrize(("most", "percent"), [(3, 0.0), (5, 10.0), (1, 0.0), (9, 1.0)])
def test_hyperopts_progress(most: int, percent: float) -> None:
    early_stop = pytest.importorskip("hyperopt.early_stop")

    def make(values: list[float], ways: list[str], direction: str) -> Ends:
        stop, state = early_stop.no_progress_loss(most, percent), []

        def ends(i: int) -> bool:
            trials = [{"result": {"loss": v}} for v in values[: i + 1]]
            met, state[:] = stop(SimpleNamespace(trials=trials), *state)
            return bool(met)

        return ends

    agree(f"hyperopt-no-progress={most},gain={percent}%", make, direction="minimize")


def test_hyperopts_threshold() -> None:
    hyperopt = pytest.importorskip("hyperopt")
    for values, ways, direction in cases(statuses=False):
        if direction == "maximize":
            continue
        for limit in (sorted(values)[1], sorted(values)[20]):
            left = iter(values)
            trials = hyperopt.Trials()
            hyperopt.fmin(
                lambda _, left=left: next(left),  # type: ignore[misc]
                hyperopt.hp.uniform("x", 0, 1),
                algo=hyperopt.rand.suggest,
                max_evals=TRIALS,
                loss_threshold=limit,
                trials=trials,
                show_progressbar=False,
                verbose=False,
            )
            until = f"hyperopt-threshold={limit!r}"
            assert replayed(values, ways, direction, until) == len(trials.trials), until


# ------------------------------------------------------------------------------------- Syne Tune


@pytest.mark.parametrize(
    ("until", "argument"),
    [
        ("synetune-completed=9", {"max_num_trials_completed": 9}),
        ("synetune-finished=9", {"max_num_trials_finished": 9}),
        ("synetune-metric=0.1", {"min_metric_value": {"loss": 0.1}}),
    ],
)
def test_synetunes_criteria(until: str, argument: dict[str, Any]) -> None:
    module = pytest.importorskip("syne_tune.stopping_criterion")
    from syne_tune.backend.trial_status import Status, Trial
    from syne_tune.tuning_status import TuningStatus

    states = {"completed": Status.completed, "stopped": Status.stopped, "failed": Status.failed}

    def make(values: list[float], ways: list[str], direction: str) -> Ends:
        criterion, status = module.StoppingCriterion(**argument), TuningStatus(["loss"])

        def ends(i: int) -> bool:
            trial = Trial(trial_id=i, config={}, creation_time=None)  # type: ignore[arg-type]
            status.update({i: (trial, states[ways[i]])}, [(i, {"loss": values[i]})])
            return bool(criterion(status))

        return ends

    agree(until, make, direction="minimize")
    if "metric" not in until:
        agree(until, make, statuses=True, direction="minimize")


# ------------------------------------------------------------------------------------------- Ray


def test_rays_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    timeout = pytest.importorskip("ray.tune.stopper.timeout")
    now = [1000.0]
    monkeypatch.setattr(timeout.time, "time", lambda: now[0])
    study = Study.from_arrays(
        [[1.0]] * 6, "minimize", elapsed=[[7.0]] * 6,
        start=[7.0 * i for i in range(6)], end=[7.0 * (i + 1) for i in range(6)],
    )  # fmt: skip
    for limit in (3.0, 14.0, 20.0, 100.0):
        stopper, ended = timeout.TimeoutStopper(limit), None
        for second in range(43):
            now[0] = 1000.0 + second
            if stopper.stop_all():
                ended = float(second)
                break
        assert esim.replay(study, until=f"ray-timeout={limit:g}").summary.ended_at_s == ended


# -------------------------------------------------------------------------------------------- Ax


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("bar", "window", "least"), [(0.1, 5, 5), (0.5, 3, 8), (0.02, 10, 4)])
def test_ax_improvement(
    bar: float, window: int, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategies = pytest.importorskip("ax.global_stopping.strategies.improvement")
    from ax.core.arm import Arm
    from ax.core.data import Data
    from ax.core.experiment import Experiment
    from ax.core.metric import Metric
    from ax.core.objective import Objective
    from ax.core.optimization_config import OptimizationConfig
    from ax.core.parameter import ParameterType, RangeParameter
    from ax.core.search_space import SearchSpace

    pandas = pytest.importorskip("pandas")
    strategy = strategies.ImprovementGlobalStoppingStrategy(
        min_trials=least, window_size=window, improvement_bar=bar
    )

    def make(values: list[float], ways: list[str], direction: str) -> Ends:
        objective = Objective(metric=Metric("loss"), minimize=direction == "minimize")
        space = SearchSpace([RangeParameter("x", ParameterType.FLOAT, 0.0, 1.0)])
        experiment = Experiment(
            search_space=space, name="e", optimization_config=OptimizationConfig(objective)
        )

        def ends(i: int) -> bool:
            trial = experiment.new_trial().add_arm(Arm({"x": i / TRIALS}))
            trial.mark_running(no_runner_required=True)
            row = {
                "arm_name": trial.arm.name, "metric_name": "loss", "metric_signature": "loss",
                "mean": values[i], "sem": 0.0, "trial_index": i,
            }  # fmt: skip
            experiment.attach_data(Data(df=pandas.DataFrame([row])))
            if ways[i] == "completed":
                trial.mark_completed()
            elif ways[i] == "failed":
                trial.mark_failed()
            else:
                trial.mark_early_stopped()
            with np.errstate(divide="ignore", invalid="ignore"):
                return bool(strategy.should_stop_optimization(experiment)[0])

        return ends

    until = f"ax-improvement={bar},window={window},min_trials={least}"
    agree(until, make, few=6)
    # Ax lists completed trials in the order of a set. That is the launch order only as long as no
    # number is beyond the set's table: up to 31.
    monkeypatch.setattr(sys.modules[__name__], "TRIALS", 31)
    agree(until, make, few=6, statuses=True)
