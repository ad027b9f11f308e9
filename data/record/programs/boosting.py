"""XGBoost, LightGBM, CatBoost and scikit-learn beyond the first recordings."""

from __future__ import annotations

from typing import Any

import numpy as np

from programs import Curves, Recording, curve, data

ROUNDS = 12


def _numbers(n: int = 300) -> tuple[Any, Any]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n, 4))
    return x, x[:, 0] + x[:, 1] ** 2 + rng.normal(size=n)


def _xgboost_cv() -> Curves:
    import xgboost as xgb

    x, y = _numbers()
    parameters = {"objective": "reg:squarederror", "eta": 0.9, "max_depth": 4, "seed": 1}
    table = xgb.cv(
        parameters, xgb.DMatrix(x, y), ROUNDS, nfold=3, metrics=["rmse"], seed=1, verbose_eval=True
    )
    note = "Each number is followed by +its standard deviation over the folds."
    return [
        curve(f"{side}-rmse", range(ROUNDS), table[f"{side}-rmse-mean"], 5, note)
        for side in ("test", "train")
    ]


def _xgboost_cv_early_stopping() -> Curves:
    import xgboost as xgb

    x, y = data(200)
    parameters = {"objective": "binary:logistic", "eta": 0.8, "max_depth": 3, "seed": 1}
    table = xgb.cv(
        parameters,
        xgb.DMatrix(x, y),
        60,
        nfold=3,
        metrics=["auc", "logloss"],
        seed=1,
        verbose_eval=2,
        early_stopping_rounds=4,
        show_stdv=False,
        callbacks=[keep := _Keep()],
    )
    note = (
        "Every second round, and the round it stopped at; the table that cv returns ends at the "
        f"best round ({len(table)} rows), what is printed does not."
    )
    values = keep.values["test-logloss"]
    steps = [*range(0, len(values), 2)]
    steps += [len(values) - 1] if steps[-1] != len(values) - 1 else []
    return [curve("test-logloss", steps, [values[i] for i in steps], 5, note)]


def _Keep() -> Any:  # noqa: N802  # a class that needs xgboost to be made
    import xgboost as xgb

    class Keep(xgb.callback.TrainingCallback):
        def __init__(self) -> None:
            self.values: dict[str, list[float]] = {}

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            for side, metrics in evals_log.items():
                for name, values in metrics.items():
                    last = values[-1]
                    mean = last[0] if isinstance(last, tuple) else last
                    self.values.setdefault(f"{side}-{name}", []).append(mean)
            return False

    return Keep()


def _xgboost_custom_metric() -> Curves:
    import xgboost as xgb

    x, y = _numbers()
    y = y - y.min()
    train, valid = xgb.DMatrix(x[:200], y[:200]), xgb.DMatrix(x[200:], y[200:])

    def spread(predicted: Any, rows: Any) -> tuple[str, float]:
        return "q90_error@0.9", float(np.quantile(np.abs(predicted - rows.get_label()), 0.9))

    history: dict[str, Any] = {}
    xgb.train(
        {"eta": 0.9, "eval_metric": "mae", "seed": 1},
        train,
        ROUNDS,
        evals=[(train, "train"), (valid, "hold_out")],
        custom_metric=spread,
        evals_result=history,
    )
    note = "The custom metric's name holds digits, an underscore and an @."
    return [
        curve("hold_out-mae", range(ROUNDS), history["hold_out"]["mae"], 5, note),
        curve(
            "hold_out-q90_error@0.9", range(ROUNDS), history["hold_out"]["q90_error@0.9"], 5, note
        ),
    ]


def _xgboost_every_fifth() -> Curves:
    import xgboost as xgb

    x, y = data(400)
    train, valid = xgb.DMatrix(x[:300], y[:300]), xgb.DMatrix(x[300:], y[300:])
    history: dict[str, Any] = {}
    model = xgb.train(
        {"objective": "binary:logistic", "eval_metric": ["error", "logloss"], "eta": 0.3},
        train,
        200,
        evals=[(train, "train"), (valid, "eval")],
        early_stopping_rounds=8,
        verbose_eval=5,
        evals_result=history,
    )
    del model
    values = history["eval"]["logloss"]
    steps = [*range(0, len(values), 5)]
    steps += [len(values) - 1] if steps[-1] != len(values) - 1 else []
    note = "verbose_eval=5: every fifth round, and the round that early stopping ended at."
    return [curve("eval-logloss", steps, [values[i] for i in steps], 5, note)]


def _xgboost_old_early_stopping() -> Curves:
    import xgboost as xgb

    x, y = data(400)
    train, valid = xgb.DMatrix(x[:300], y[:300]), xgb.DMatrix(x[300:], y[300:])
    old = xgb.__version__.startswith("0.")
    seen: list[float] = []
    keep: Any = None if old else _Keep()

    def see(env: Any) -> None:
        seen.append(dict(env.evaluation_result_list)["validation-auc"])

    xgb.train(
        {"objective": "binary:logistic", "eval_metric": ["error", "auc"], "eta": 0.5},
        train,
        60,
        evals=[(train, "train"), (valid, "validation")],
        early_stopping_rounds=4,
        callbacks=[see if old else keep],
    )
    if old:
        note = "Says what it will train until; the best line is repeated behind `Best iteration:`."
        return [curve("validation-auc", range(len(seen)), seen, None, note, "maximize",
                      significant=6)]  # fmt: skip
    # Its callbacks stand in a set: on another day early stopping may come before the line of the
    # last round is printed, and the line is missing. Then `check` says so: record again.
    values = keep.values["validation-auc"]
    note = "No word on early stopping, the lines just end; no best line repeated."
    return [curve("validation-auc", range(len(values)), values, 5, note, "maximize")]


def _lightgbm_cv() -> Curves:
    import lightgbm as lgb

    x, y = data(300)
    parameters = {"objective": "binary", "metric": ["binary_logloss", "auc"], "verbosity": -1}
    parameters |= {"learning_rate": 0.6, "seed": 1, "num_threads": 1}
    table = lgb.cv(
        parameters,
        lgb.Dataset(x, y),
        ROUNDS,
        nfold=3,
        seed=1,
        callbacks=[lgb.log_evaluation(1)],
        eval_train_metric=True,
    )
    note = "`valid's auc: 0.7 + 0.01`: mean and standard deviation; no `cv_agg's` in front."
    steps = range(1, ROUNDS + 1)
    return [
        curve("valid's auc", steps, table["valid auc-mean"], None, note, "maximize",
              significant=6),
        curve("train's binary_logloss", steps, table["train binary_logloss-mean"], None,
              note, significant=6),
    ]  # fmt: skip


def _lightgbm_sets(every: int, rounds: int = ROUNDS, verbosity: int = -1) -> Curves:
    import lightgbm as lgb

    x, y = data(400)
    train = lgb.Dataset(x[:200], y[:200])
    sets = [lgb.Dataset(x[a:b], y[a:b], reference=train) for a, b in ((200, 300), (300, 400))]
    history: dict[str, Any] = {}
    parameters = {"objective": "binary", "metric": ["auc", "binary_logloss"], "num_threads": 1}
    parameters |= {"learning_rate": 0.6, "verbosity": verbosity}
    lgb.train(
        parameters,
        train,
        rounds,
        valid_sets=[train, *sets],
        valid_names=["training", "near", "far away"],
        callbacks=[lgb.log_evaluation(every), lgb.record_evaluation(history)],
    )
    steps = range(every, rounds + 1, every)
    values = [history["far away"]["auc"][i - 1] for i in steps]
    near = [history["near"]["binary_logloss"][i - 1] for i in steps]
    note = "Three sets on a line, each with two metrics; one set's name holds a space."
    if every > 1:
        note += f" Every {every} rounds."
    if verbosity > 0:
        note += " Lines of [LightGBM] [Info] and [Warning] between."
    return [
        curve("far away's auc", steps, values, None, note, "maximize", significant=6),
        curve("near's binary_logloss", steps, near, None, note, significant=6),
    ]


def _lightgbm_old() -> Curves:
    import lightgbm as lgb

    x, y = data(400)
    train = lgb.Dataset(x[:300], y[:300])
    valid = lgb.Dataset(x[300:], y[300:], reference=train)
    history: dict[str, Any] = {}
    lgb.train(
        {"objective": "binary", "metric": "binary_logloss", "learning_rate": 0.5,
         "num_threads": 1, "force_col_wise": True},
        train,
        60,
        valid_sets=[train, valid],
        evals_result=history,
        verbose_eval=True,
        early_stopping_rounds=5,
    )  # fmt: skip
    values = history["valid_1"]["binary_logloss"]
    note = "LightGBM 3: [LightGBM] [Info] lines, the best line repeated behind `Early stopping`."
    return [
        curve("valid_1's binary_logloss", range(1, len(values) + 1), values, None, note,
              significant=6)
    ]  # fmt: skip


def _catboost_metric_period() -> Curves:
    from catboost import CatBoostRegressor

    x, y = _numbers()
    model = CatBoostRegressor(
        iterations=50, learning_rate=0.9, random_seed=0, metric_period=7, thread_count=1
    )
    model.fit(x[:200], y[:200], eval_set=(x[200:], y[200:]))
    values = model.get_evals_result()["validation"]["RMSE"]
    steps = [*range(0, 50, 7)]
    steps += [49] if steps[-1] != 49 else []
    note = "metric_period=7: every seventh iteration and the last; bestTest looks at those alone."
    learn = model.get_evals_result()["learn"]["RMSE"]
    return [
        curve("test", steps, _at(values, steps, 7), 7, note),
        curve("learn", steps, _at(learn, steps, 7), 7, note),
    ]


def _at(values: list[float], steps: list[int], period: int) -> list[float]:
    """CatBoost keeps each iteration, or with metric_period only those it reckoned."""
    if len(values) > max(steps):
        return [values[i] for i in steps]
    return [values[i] for i in range(len(steps))]


def _catboost_eval_metric() -> Curves:
    from catboost import CatBoostClassifier

    x, y = data(400)
    model = CatBoostClassifier(
        iterations=15,
        learning_rate=0.9,
        random_seed=0,
        thread_count=1,
        eval_metric="Accuracy",
        custom_metric=["Logloss", "AUC:hints=skip_train~false"],
        use_best_model=False,
    )
    model.fit(x[:300], y[:300], eval_set=(x[300:], y[300:]))
    sets = model.get_evals_result()
    note = "eval_metric='Accuracy': `learn:` and `test:` are accuracies; more is better."
    return [
        curve(name, range(15), sets[key]["Accuracy"], 7, note, "maximize", values_may_repeat=True)
        for name, key in (("test", "validation"), ("learn", "learn"))
    ]


def _catboost_old() -> Curves:
    from catboost import CatBoostClassifier

    x, y = data(400)
    model = CatBoostClassifier(
        iterations=30, learning_rate=0.7, random_seed=0, thread_count=1, od_wait=6, od_type="Iter"
    )
    model.fit(x[:300], y[:300], eval_set=(x[300:], y[300:]), verbose=3)
    values = model.get_evals_result()["validation"]["Logloss"]
    steps = [*range(0, len(values), 3)]
    steps += [29] if len(values) == 30 and steps[-1] != 29 else []
    note = "verbose=3: every third iteration; the overfitting detector stops it, and says so."
    return [curve("test", steps, [values[i] for i in steps], 7, note)]


def _catboost_cv() -> Curves:
    from catboost import Pool, cv

    x, y = data(300)
    table: Any = cv(
        Pool(x, y),
        {"loss_function": "Logloss", "iterations": 12, "learning_rate": 0.9, "random_seed": 0,
         "thread_count": 1},
        fold_count=3,
        seed=1,
        verbose=True,
        type="Classical",
    )  # fmt: skip
    note = "Each fold trains to its end and prints its own curve first; no line gives the mean."
    values = table["test-Logloss-mean"]
    return [curve("test", table["iterations"], values, 7, note, mean_is_not_printed=True)]


def _sklearn_boosting() -> Curves:
    from sklearn.ensemble import GradientBoostingRegressor

    x, y = _numbers()
    model = GradientBoostingRegressor(
        n_estimators=14, learning_rate=0.9, subsample=0.4, random_state=0, verbose=2
    )
    model.fit(x, y)
    note = "A table with a header; the column's name holds a space, the last cell a unit."
    steps = range(1, 15)
    return [
        curve("Train Loss", steps, model.train_score_, 4, note),
        curve("OOB Improve", steps, model.oob_improvement_, 4, note, "maximize"),
    ]


def _sklearn_hist() -> Curves:
    from sklearn.ensemble import HistGradientBoostingClassifier

    x, y = data(400)
    model = HistGradientBoostingClassifier(
        max_iter=14,
        learning_rate=0.9,
        early_stopping=True,
        n_iter_no_change=20,
        validation_fraction=0.25,
        scoring="loss",
        random_state=0,
        verbose=2,
    )
    model.fit(x, y)
    steps = range(1, model.n_iter_ + 1)
    note = "`[1/14] 1 tree, 31 leaves, ..., train loss: ..., val loss: ..., in 0.010s`."
    note += " The first scores, before any tree, have no line."
    return [
        curve("val loss", steps, -model.validation_score_[1:], 5, note),
        curve("train loss", steps, -model.train_score_[1:], 5, note),
    ]


def _sklearn_mlp() -> Curves:
    from sklearn.neural_network import MLPClassifier

    x, y = data(400)
    model = MLPClassifier(
        (8,),
        solver="sgd",
        learning_rate_init=0.9,
        max_iter=14,
        early_stopping=True,
        n_iter_no_change=30,
        random_state=0,
        verbose=True,
        batch_size=30,
    )
    model.fit(x, y)
    steps = range(1, len(model.loss_curve_) + 1)
    note = "The loss stands in `Iteration 3, loss = ...`, the score alone on the line after it."
    return [
        curve("loss", steps, model.loss_curve_, 8, note),
        curve("Validation score", steps, model.validation_scores_, 6, note, "maximize",
              values_may_repeat=True),
    ]  # fmt: skip


XGBOOST = ("xgboost-cpu", "xgboost")
RECORDINGS: dict[str, Recording] = {
    "xgboost_cv": Recording(_xgboost_cv, XGBOOST),
    "xgboost_cv_early_stopping": Recording(_xgboost_cv_early_stopping, XGBOOST),
    "xgboost_custom_metric": Recording(_xgboost_custom_metric, XGBOOST),
    "xgboost_every_fifth": Recording(_xgboost_every_fifth, XGBOOST),
    "xgboost1_early_stopping": Recording(_xgboost_old_early_stopping, XGBOOST),
    "xgboost0_early_stopping": Recording(_xgboost_old_early_stopping, XGBOOST),
    "lightgbm_cv": Recording(_lightgbm_cv, ("lightgbm",)),
    "lightgbm_several_sets": Recording(lambda: _lightgbm_sets(1), ("lightgbm",)),
    "lightgbm_every_third": Recording(lambda: _lightgbm_sets(3, 21, 1), ("lightgbm",)),
    "lightgbm3_early_stopping": Recording(_lightgbm_old, ("lightgbm",)),
    "catboost_metric_period": Recording(_catboost_metric_period, ("catboost",)),
    "catboost_eval_metric": Recording(_catboost_eval_metric, ("catboost",)),
    "catboost_cv": Recording(_catboost_cv, ("catboost",)),
    "catboost_overfitting_detector": Recording(_catboost_old, ("catboost",)),
    "sklearn_boosting": Recording(_sklearn_boosting, ("scikit-learn",)),
    "sklearn_hist_boosting": Recording(_sklearn_hist, ("scikit-learn",)),
    "sklearn_mlp": Recording(_sklearn_mlp, ("scikit-learn",)),
}
