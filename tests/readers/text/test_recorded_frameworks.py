"""What frameworks print today, recorded in data/frameworks, against what a person reads in it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from esim import Study, read_study
from esim.readers.text.steps import FATES
from tests.paths import DATA

RECORDED = DATA / "frameworks"
FOUR = range(4)
FROM_ONE = range(1, 5)
NUMBERED = "step_from_line"
MARKED = "step_from_marker"
REFRESHED = {"refreshed_lines"}

# File, objective, steps, values; codes of notes beside those that say how steps were found.
EXPECTED: list[tuple[str, str, range, list[float], set[str]]] = [
    ("xgboost", "validation:auc", FOUR, [0.74158, 0.76601, 0.77237, 0.78633], {NUMBERED}),
    # Stopped 3 rounds behind the best auc; XGBoost 3 does not print the best line again.
    (
        "xgboost_early_stopping",
        "validation:auc",
        range(12),
        [
            *(0.74158, 0.76601, 0.77237, 0.78633, 0.80439, 0.79926),
            *(0.80665, 0.80337, 0.80891, 0.80439, 0.80686, 0.80644),
        ],
        {NUMBERED},
    ),
    (
        "xgboost_sklearn",
        "validation_1:logloss",
        FOUR,
        [0.63050, 0.58692, 0.57274, 0.56959],
        {NUMBERED},
    ),
    (
        "lightgbm",
        "valid_1:binary_logloss",
        FROM_ONE,
        [0.525658, 0.487225, 0.444574, 0.457976],
        {NUMBERED},
    ),
    # Best at 3, said again behind 6.
    (
        "lightgbm_early_stopping",
        "binary_logloss",
        range(1, 7),
        [0.525658, 0.487225, 0.444574, 0.457976, 0.453866, 0.462102],
        {NUMBERED, "best_line_repeated"},
    ),
    (
        "lightgbm_early_stopping_not_met",
        "training:binary_logloss",
        FROM_ONE,
        [0.51512, 0.435524, 0.390737, 0.352475],
        {NUMBERED, "best_line_repeated"},
    ),
    ("catboost", "test", FOUR, [0.6523361, 0.5831086, 0.5434053, 0.5367558], {NUMBERED}),
    ("catboost", "bestTest", range(1, 2), [0.5367558094], {"step_by_emission", "table_caution"}),
    (
        "catboost_two_sets",
        "test1",
        range(6),
        [0.6775, 0.8241667, 0.8308333, 0.8125, 0.8008333, 0.7908333],
        {NUMBERED},
    ),
    # The closing model.evaluate prints a loss too, but no val_loss.
    ("keras3_verbose1", "val_loss", FROM_ONE, [0.7570, 0.7555, 0.7541, 0.7527], {MARKED}),
    (
        "keras3_verbose1",
        "loss",
        FROM_ONE,
        [0.8346, 0.8293, 0.8242, 0.8193],
        {MARKED, "summary_lines", *REFRESHED},
    ),
    ("keras3_verbose2", "val_loss", FROM_ONE, [0.7570, 0.7555, 0.7541, 0.7527], {MARKED}),
    (
        "keras3_verbose2",
        "accuracy",
        FROM_ONE,
        [0.4444, 0.4722, 0.4861, 0.4861],
        {MARKED, "summary_lines"},
    ),
    (
        "keras2_verbose1",
        "loss",
        FROM_ONE,
        [0.8346, 0.8292, 0.8225, 0.8179],
        {MARKED, "summary_lines"},
    ),
    ("keras2_verbose2", "val_accuracy", FROM_ONE, [0.5833] * 4, {MARKED}),
    (
        "keras2_verbose2",
        "loss",
        FROM_ONE,
        [0.8346, 0.8292, 0.8225, 0.8179],
        {MARKED, "summary_lines"},
    ),
    (
        "estimator",
        "average_loss",
        range(10, 41, 10),
        [0.62878674, 0.6207981, 0.6178943, 0.61688876],
        {NUMBERED},
    ),
    ("mxnet", "validation:accuracy", FOUR, [0.625, 0.65625, 0.6875, 0.6875], {NUMBERED}),
    ("mxnet", "train:accuracy", FOUR, [0.59375, 0.6875, 0.703125, 0.703125], {NUMBERED}),
    # The callback prints what Module.fit prints anyway.
    (
        "mxnet_callback",
        "validation:accuracy",
        FOUR,
        [0.625, 0.65625, 0.6875, 0.6875],
        {NUMBERED, "duplicate_lines"},
    ),
    (
        "chainer",
        "validation/main/accuracy",
        FROM_ONE,
        [0.53125, 0.53125, 0.5625, 0.53125],
        {NUMBERED},
    ),
    ("chainer_sparse", "main/loss", FROM_ONE, [0.90337, 0.825416, 0.763108, 0.722044], {NUMBERED}),
    ("chainer_sparse", "validation/main/loss", range(2, 5, 2), [0.708946, 0.651874], {NUMBERED}),
    (
        "hugging_face",
        "eval_accuracy",
        FROM_ONE,
        [0.4688, 0.7188, 0.6875, 0.6562],
        {NUMBERED, "duplicate_lines"},  # trainer.evaluate() at the end
    ),
    # The closing train_loss comes near, and is no loss.
    (
        "hugging_face",
        "loss",
        FROM_ONE,
        [0.8088, 0.6613, 0.6234, 0.6173],
        {NUMBERED, "lines_unmatched"},
    ),
]


def read(name: str, objective: str) -> Study:
    (path,) = RECORDED.glob(f"{name}.*")
    return read_study(path, objective=objective, direction="minimize")


@pytest.mark.parametrize(
    ("name", "objective", "steps", "values", "codes"),
    EXPECTED,
    ids=[f"{row[0]} {row[1]}" for row in EXPECTED],
)
def test_epochs_values_and_notes(
    name: str, objective: str, steps: range, values: list[float], codes: set[str]
) -> None:
    study = read(name, objective)
    np.testing.assert_array_equal(study.steps, list(steps))
    np.testing.assert_array_equal(study.values, values)
    actual = {note.code for note in study.notes}
    assert actual - {"regex_from_table", "log_times_missing"} == codes


def matching_places(path: Path, prefix: str, regex: str) -> int:
    """Places that a regex takes a number from behind a prefix, counted by a plain loop."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", path.read_bytes().decode("utf-8", "replace"))
    count = 0
    for line in re.split(r"[\r\n]+|\x08{2,}", text):
        begin = re.search(prefix, line)
        if begin is not None and "ETA:" not in line:
            count += len(re.findall(regex, line[begin.end() :] if prefix else line))
    return count


@pytest.mark.parametrize(
    ("name", "objective"),
    sorted({(row[0], row[1]) for row in EXPECTED} | {("lightning", "train_loss")}),
)
def test_no_line_is_lost(name: str, objective: str) -> None:
    """Each place that the table's regex matches is a report, or counted in a note."""
    study = read(name, objective)
    notes = {note.code: note for note in study.notes}
    shown = notes["regex_from_table"].text.partition("table's, ")[2].partition(": ")[2]
    prefix, _, regex = shown.rpartition(".*?")
    counted = sum(notes[code].count for code in FATES[1:] if code in notes)
    (path,) = RECORDED.glob(f"{name}.*")
    assert study.n_reports + counted == matching_places(path, prefix, regex)


def test_logreport_and_printreport_are_the_same_curve() -> None:
    """Printed with 6 digits, written with all."""
    printed, written = (read(n, "validation/main/loss") for n in ("chainer", "chainer_logreport"))
    np.testing.assert_array_equal(printed.steps, written.steps)
    np.testing.assert_allclose(printed.values, written.values, rtol=1e-5)
    assert written.values[1] == 0.7089459896087646


def test_the_bar_of_lightning_is_read_at_the_end_of_each_epoch() -> None:
    study = read("lightning", "val_loss")
    np.testing.assert_array_equal(study.steps, FOUR)
    np.testing.assert_array_equal(study.values, [0.839, 0.798, 0.764, 0.736])
    training = read("lightning", "train_loss")
    np.testing.assert_array_equal(training.steps, FOUR)
    assert training.values[0] == 0.917
    assert "refreshed_lines" in {note.code for note in training.notes}
