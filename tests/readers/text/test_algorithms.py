"""The table of what algorithms print: every row by its own real lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from esim import EsimError, read_study
from esim.readers.options import Metric
from esim.readers.text.algorithms import LINE_FORMS, OWN_REGEX, forms_of, metrics_in
from esim.readers.text.controls import seen
from esim.readers.text.forms import LineForm, Sample, TableForm
from esim.readers.text.index_forms import choose_form
from esim.readers.text.log_text import LogText
from esim.readers.text.scan import scan
from esim.readers.text.steps import align

Form = LineForm | TableForm
EVERY = [(form, sample) for form in LINE_FORMS for sample in form.samples]
NAMES = [f"{sample.algorithm} {sample.metric}" for _, sample in EVERY]
# What the documentation of automatic model tuning names, and what is often tuned besides.
NAMED = {
    *("XGBoost", "Linear Learner", "Image Classification", "Object Detection", "Seq2Seq"),
    *("IP Insights", "LightGBM", "CatBoost", "TabTransformer", "AutoGluon-Tabular"),
    *("TensorFlow", "MXNet", "Chainer", "PyTorch", "Spark"),
    *("DeepAR", "NTM", "Object2Vec", "Factorization Machines", "Hugging Face"),
    *("PyTorch Lightning", "any program"),
}


def test_every_named_algorithm_is_a_row_with_its_own_line() -> None:
    assert {sample.algorithm for _, sample in EVERY} | {s.algorithm for _, s in OWN_REGEX} == NAMED
    assert all(sample.source for _, sample in EVERY)


@pytest.mark.parametrize(("form", "sample"), EVERY, ids=NAMES)
def test_samples(form: Form, sample: Sample) -> None:
    assert form in forms_of(sample.metric)
    data, printed = seen(f"{sample.header or 'before'}\n{sample.line}\nafter\n".encode())
    text = LogText("x.log", data, printed=printed)
    metric = form.metric_in(text, sample.metric)
    assert metric is not None
    found = scan(text, metric)
    actual = align([found], choose_form([[found]]))
    expected = 1 if sample.step is None else sample.step
    np.testing.assert_array_equal(actual.steps, [expected])
    np.testing.assert_array_equal(actual.values, [sample.value])


@pytest.mark.parametrize(("form", "sample"), EVERY, ids=NAMES)
def test_the_samples_metrics_are_listed(form: Form, sample: Sample) -> None:
    lines = seen(f"{sample.header}\n{sample.line}".encode())[0]
    if not form.general:
        assert any(sample.metric in form.names_in(line) for line in lines.decode().split("\n"))
        assert sample.metric in metrics_in([LogText("x.log", lines)])


@pytest.mark.parametrize(("regex", "sample"), OWN_REGEX, ids=lambda x: getattr(x, "algorithm", ""))
def test_lines_of_the_users_own(regex: str, sample: Sample) -> None:
    metric = Metric.compile(sample.metric, regex, "--metric")
    actual = scan(LogText("x.log", sample.line.encode()), metric)
    np.testing.assert_array_equal(actual.values, [sample.value])


@pytest.mark.parametrize(
    ("objective", "line"),
    [
        ("train:rmse", "#quality_metric: host=algo-1, epoch=0, batch=0 train rmse <loss>=72.2"),
        ("validation:auc", "[3]#011train-auc:0.92#011validation-auc-mean:0.9"),
        ("val_loss", "9/10 [====>.] - ETA: 0s - loss: 0.5"),
        ("loss", "3/3 - 0s - 2us/step - val_loss: 0.7"),
        ("rmse", "[1]\ttraining's rmse: 0.7"),
        ("validation:accuracy", "Epoch[3] Batch [20]#011Speed: 1 samples/sec#011accuracy=0.5"),
    ],
)
def test_lines_of_something_else(objective: str, line: str) -> None:
    text = LogText("x.log", line.encode())
    for form in forms_of(objective):
        metric = form.metric_in(text, objective)
        if metric is None or form.name.endswith("at the end") or form.general:
            continue  # these are tried only where no line is of another form
        assert scan(text, metric).messages == [], form.name


def test_one_log_is_one_trial(tmp_path: Path) -> None:
    path = tmp_path / "job.log"
    path.write_text(
        "2021-06-17 23:33:27 Starting - Starting the training job...\n"
        "\x1b[34m[0]#011train-rmse:3.5#011validation-rmse:2.5\x1b[0m\n"
        "\x1b[34m[1]#011train-rmse:1.5#011validation-rmse:1.25\x1b[0m\n"
        "Billable seconds: 88\n"
    )
    study = read_study(path, objective="validation:rmse", direction="minimize")
    assert study.trials == ("job",)
    np.testing.assert_array_equal(study.steps, [0, 1])
    np.testing.assert_array_equal(study.values, [2.5, 1.25])
    assert "regex_from_table" in {note.code for note in study.notes}


def test_an_output_with_several_jobs(tmp_path: Path) -> None:
    path = tmp_path / "notebook.log"
    path.write_text(
        "".join(
            f"INFO:sagemaker:Creating training-job with name: job-{i}\n"
            "2022-08-10 13:32:11 Starting - Starting the training job...\n"
            + "".join(f"Epoch[{k}] Validation-accuracy=0.{i}{k}\n" for k in range(2))
            for i in (1, 2)
        )
    )
    study = read_study(path, objective="validation:accuracy", direction="maximize")
    assert study.trials == ("job-1", "job-2")
    np.testing.assert_array_equal(study.values, [0.10, 0.11, 0.20, 0.21])


def test_a_folder_of_logs_is_a_study(tmp_path: Path) -> None:
    for i in (1, 2):
        lines = [f"[{k}]#011validation-auc:0.{i}{k}\n" for k in range(3)]
        (tmp_path / f"trial-{i}.log").write_text("".join(lines))
    study = read_study(tmp_path, objective="validation:auc", direction="maximize")
    assert study.trials == ("trial-1", "trial-2")
    assert study.n_reports == 6


def test_the_metrics_are_listed_where_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "job.log"
    path.write_text("[0]#011train-rmse:3.5#011validation-rmse:2.5\n")
    with pytest.raises(EsimError, match="train:rmse, validation:rmse"):
        read_study(path, direction="minimize")
    with pytest.raises(EsimError, match="the logs hold train:rmse, validation:rmse"):
        read_study(path, objective="validation:auc", direction="minimize")
    with pytest.raises(EsimError, match="direction is unknown"):
        read_study(path, objective="validation:rmse")


def test_a_regex_of_the_users_own(tmp_path: Path) -> None:
    path = tmp_path / "job.log"
    path.write_text(
        "SM_HPS={}\n"
        + "".join(
            f"Train Epoch: {k} [0/60000 (0%)] Loss: 2.3\nTest set: Average loss: 0.{k}, Accuracy\n"
            for k in (1, 2, 3)
        )
    )
    study = read_study(
        path,
        objective="loss",
        direction="minimize",
        metrics=[r"loss=Test set: Average loss: ([0-9\.]+)"],
    )
    np.testing.assert_array_equal(study.steps, [1, 2, 3])
    np.testing.assert_array_equal(study.values, [0.1, 0.2, 0.3])
    assert "step_from_marker" in {note.code for note in study.notes}


def test_a_metric_printed_at_the_end_is_cautioned(tmp_path: Path) -> None:
    path = tmp_path / "job.log"
    path.write_text("/opt/ml/input\nbestTest = 0.963160336\nbestIteration = 499\n")
    study = read_study(path, objective="bestTest", direction="maximize")
    (actual,) = (note.text for note in study.notes if note.code == "table_caution")
    assert "AUTO can never act" in actual
