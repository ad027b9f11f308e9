"""XGBoost's and LightGBM's callbacks, handed one round's score at a time.

`pip install xgboost-cpu lightgbm`.
"""

from __future__ import annotations

import lightgbm
import xgboost
from lightgbm.callback import CallbackEnv, EarlyStopException

from esim.study import Study
from tests.live.parity import Case

ROUNDS = 10**6


class Boosters:
    """A callback a trial."""

    def __init__(self, study: Study, make, ask) -> None:
        self.maximize = study.direction == "maximize"
        self.make, self.ask = make, ask
        self.callbacks: dict[int, object] = {}
        self.rounds: dict[int, int] = {}

    def start(self, trial: int) -> None:
        self.callbacks[trial] = self.make(self.maximize)
        self.rounds[trial] = 0

    def report(self, trial: int, step: int, seconds: float, value: float) -> bool:
        said = self.ask(self.callbacks[trial], self.rounds[trial], value, self.maximize)
        self.rounds[trial] += 1
        return bool(said)

    def end(self, trial: int, how: str) -> None:
        del self.callbacks[trial]


class NoModel:
    """What XGBoost's callback wants of a booster."""

    def set_attr(self, **attributes: str) -> None:
        pass


def _ask_xgboost(callback, number: int, value: float, maximize: bool) -> bool:
    return callback._update_rounds(
        score=value, name="valid", metric="value", model=NoModel(), epoch=number
    )


def _ask_lightgbm(callback, number: int, value: float, maximize: bool) -> bool:
    result = lightgbm.callback.EvalResult("valid", "value", value, maximize, None)
    env = CallbackEnv(
        model=None, params={}, iteration=number, begin_iteration=0, end_iteration=ROUNDS,
        evaluation_result_list=[result],
    )  # fmt: skip
    try:
        callback(env)
    except EarlyStopException:
        return True
    return False


def version() -> str:
    return f"xgboost {xgboost.__version__}, lightgbm {lightgbm.__version__}"


def _case(rule: str, patience: int, delta: float) -> Case:
    columns = {"patience": patience, "min_delta": delta} if delta else {}
    if rule == "xgboost-patience":

        def make(maximize: bool):
            return xgboost.callback.EarlyStopping(patience, maximize=maximize, min_delta=delta)

        return Case(rule, lambda s: Boosters(s, make, _ask_xgboost), columns)

    def make_lightgbm(maximize: bool):
        return lightgbm.early_stopping(patience, verbose=False, min_delta=delta)

    return Case(rule, lambda s: Boosters(s, make_lightgbm, _ask_lightgbm), columns)


CASES = [
    _case(rule, patience, delta)
    for rule in ("xgboost-patience", "lightgbm-patience")
    for patience, delta in ((10, 0.0), (3, 0.1))
]
