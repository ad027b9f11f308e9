"""The 28 real logs of training jobs, against what a person reads in them.

Set ESIM_SHARED_DATA to the folder that holds `sagemaker_logs`; the logs are not part of this
repository. The table was read off the files with grep, not off esim.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest

from esim import read_study
from esim.readers.text.steps import FATES

SHARED = os.environ.get("ESIM_SHARED_DATA", "")
pytestmark = pytest.mark.skipif(not SHARED, reason="ESIM_SHARED_DATA is not set")

TEST_SET = r"loss=Test set: Average loss: ([0-9\.]+)"
OBJECTIVE = "train:objective_loss"
BY_BATCH = "train:binary_classification_accuracy"
SEARCH = "ml_experiment_management_using_search"
TABULAR = "Amazon_JumpStart_Tabular_"

# File, metric, epochs, the first one's index, first and last value; a line for each job in it.
EXPECTED = [
    ("2_cust_churn", "validation:auc", 68, 0, 0.94514, 0.97525),
    (f"{TABULAR}Classification", "multi_logloss", 500, 1, 2.23887, 0.0919384),
    (f"{TABULAR}Regression", "validation:rmse", 41, 0, 7.08269, 2.35734),
    ("Image-classification", "validation:accuracy", 5, 0, 0.056723, 0.182248),
    ("credit_risk", "validation:auc", 100, 0, 0.764812, 0.804953),
    ("deepar_synthetic", "train:loss", 20, 0, 1.40151253072, 0.00565349558989),
    ("fair_linear", OBJECTIVE, 10, 0, 0.443406330862, 0.384564733741),
    ("get_started_mnist", TEST_SET, 20, 1, 0.1149, 0.0314),
    ("hpo_pytorch_mnist", TEST_SET, 6, 1, 0.0940, 0.0396),
    ("ipinsights", BY_BATCH, 5, 0, 0.979609977324263, 0.9871529945311458),
    ("lineage_auto", "validation:accuracy", 10, 0, 0.3617, 0.9712),
    (f"{SEARCH}*cell19", OBJECTIVE, 15, 0, 0.1360124576187134, 0.023293908472061156),
    (f"{SEARCH}*cell21", OBJECTIVE, 15, 0, 0.13601245830535888, 0.02329390869140625),
    (f"{SEARCH}*cell23", OBJECTIVE, 15, 0, 0.16273138209040386, 0.02383755687489567),
    ("mxnet_mnist", "validation:accuracy", 10, 0, 0.3632, 0.9655),
    ("nas_for_llm", "eval_accuracy", 5, 1, 0.642570281124498, 0.6706827309236948),
    # Two hosts; the notebook cut the first one's output at epoch 75, the second ran to 81.
    ("ntm_20newsgroups", "train:total_loss", 81, 1, 7.024984971169503, 6.397289068468155),
    ("object2vec", "validation:cross_entropy", 7, 0, 0.20847056439872516, 0.1976500587948298),
    ("object_detection_birds", "validation:mAP", 100, 0, 1.23875257916e-05, 0.70335114663),
    ("object_detection_incr", "validation:mAP", 5, 0, 0.19905460940354514, 0.4523574392628644),
    ("pytorch_mnist", TEST_SET, 1, 1, 0.3237, 0.3237),  # two hosts, each line logged twice
    ("retail_recommend", "train:rmse", 20, 0, 91.21372962998149, 89.13766491838494),
    ("tensorflow_keras", "val_loss", 10, 1, 2.0590, 0.7889),
    ("tf2-MME", "loss", 50, 1, 1359.25, 47.1391),
    ("time_series_deepar", "train:loss", 10, 0, 12.22742982344194, 10.475590896606445),
    ("xgboost_customer", "validation:error", 600, 0, 0.099099, 0.061562),
    ("xgboost_direct", "validation:error", 100, 0, 0.10682, 0.10597),
]


def only(pattern: str) -> Path:
    (path,) = (Path(SHARED) / "sagemaker_logs").glob(f"{pattern}*.log")
    return path


@pytest.mark.parametrize(
    ("file", "metric", "epochs", "index", "first", "last"),
    EXPECTED,
    ids=[row[0] for row in EXPECTED],
)
def test_epochs_and_values(
    file: str, metric: str, epochs: int, index: int, first: float, last: float
) -> None:
    name, _, regex = metric.partition("=")
    study = read_study(
        only(file), objective=name, direction="minimize", metrics=[metric] if regex else []
    )
    assert study.n_trials == 1
    np.testing.assert_array_equal(study.steps, np.arange(index, index + epochs))
    assert (study.values[0], study.values[-1]) == (first, last)


@pytest.mark.parametrize(("file", "metric"), [row[:2] for row in EXPECTED])
def test_no_line_is_lost(file: str, metric: str) -> None:
    """Each line that the regex matches is a report, or counted in a note."""
    name, _, regex = metric.partition("=")
    path = only(file)
    metrics = [metric] if regex else []
    study = read_study(path, objective=name, direction="minimize", metrics=metrics)
    notes = {note.code: note for note in study.notes}
    if not regex:
        regex = notes["regex_from_table"].text.partition("table's, ")[2].partition(": ")[2]
    counted = sum(notes[code].count for code in FATES[1:] if code in notes)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", path.read_bytes().decode("utf-8", "replace"))
    matching = [line for line in text.split("\n") if re.search(regex, line.removesuffix("\r"))]
    assert study.n_reports + counted == len(matching)


def test_an_output_of_five_jobs() -> None:
    regex = r"loss=Test Average loss: ([0-9\.]+)"
    study = read_study(
        only("mnist-handwritten"), objective="loss", direction="minimize", metrics=[regex]
    )
    expected = [0.1852, 0.1158, 0.1914, 0.1157, 0.1679, 0.1060, 0.1407, 0.0965, 0.1531, 0.1012]
    np.testing.assert_array_equal(study.values, expected)
    np.testing.assert_array_equal(study.steps, [1, 2] * 5)
    assert study.trials[0] == "cnn-training-job-1660138330"


def test_every_log_is_in_the_table() -> None:
    assert len(EXPECTED) + 1 == len(list((Path(SHARED) / "sagemaker_logs").glob("*.log")))
